"""Sampled histories and futures, and the matrix between them."""

from __future__ import annotations

from collections import Counter
from itertools import product

import numpy as np
import pytest

import llr
from llr.analysis.extended import Author, Sampling, extended_matrix
from llr.errors import InputError
from llr.numbers.arithmetic import FLOAT64
from llr.oracles.ledger import Ledger
from llr.oracles.protocol import FunctionOracle, model_oracle


def asked(model, seed=0):
    ledger = Ledger(model_oracle(model, FLOAT64), model.alphabet_size, model.horizon, FLOAT64)
    return ledger, Author(ledger, model.alphabet_size, np.random.default_rng(seed))


def clock(k, horizon, seed=0):
    """Every word is 0, 1, 2, ... modulo k, up to chances below 1e-20."""

    def row(prefix):
        return [60.0 * (a == len(prefix) % k) for a in range(k)]

    ledger = Ledger(FunctionOracle(row), k, horizon, FLOAT64)
    return ledger, Author(ledger, k, np.random.default_rng(seed))


def test_the_matrix_is_that_of_def_1_3():
    model = llr.target("isan:T=5,k=3,d=2")
    ledger, _ = asked(model)
    histories, stems = [(), (1,), (2, 0)], [(), (0,), (1, 2)]
    found = extended_matrix(ledger, histories, stems, range(3))
    for (i, h), (j, stem) in product(enumerate(histories), enumerate(stems)):
        expected = [float(x) for x in model.logits((*h, *stem))]
        assert found[i, j].tolist() == pytest.approx(expected)
    chosen = extended_matrix(ledger, histories, stems, [2, 0])
    assert (chosen == found[:, :, [2, 0]]).all()
    assert abs(chosen.sum(axis=2)).max() > 0.01  # centred over all three tokens, not over the two


def test_the_matrix_is_asked_once_and_in_batches(monkeypatch):
    monkeypatch.setattr("llr.analysis.extended.BATCH", 6)
    ledger, author = asked(llr.target("isan:T=6,k=2,d=2"))
    law = Sampling((2, 2), (1, 3))
    histories, stems = author.histories(7, law), author.stems(3, law)
    seen = len(ledger.log)
    told = []
    whole = extended_matrix(ledger, histories, stems, [0, 1], lambda *now: told.append(now))
    assert told == [(6, 21), (12, 21), (18, 21), (21, 21)]
    prefixes = {h + stem for h in histories for stem in stems}
    assert prefixes <= set(ledger.log)
    assert len(ledger.log) == ledger.counts.distinct_prefixes >= seen
    monkeypatch.setattr("llr.analysis.extended.BATCH", 1 << 12)
    assert (extended_matrix(ledger, histories, stems, [0, 1]) == whole).all()


def test_futures_are_what_follows_a_history_of_allowed_length():
    _, author = clock(50, 20)
    law = Sampling((3, 6), (2, 9), "drawn")
    histories, stems = author.histories(300, law), author.stems(300, law)
    assert set(histories) == {tuple(range(n)) for n in range(3, 7)}
    assert set(stems) == {tuple(range(p, p + n)) for p in range(3, 7) for n in range(1, 9)}


def test_the_last_token_of_a_history_is_uniform():
    _, author = clock(4, 9)
    found = author.histories(4000, Sampling((3, 3), (1, 6)))
    assert {h[:2] for h in found} == {(0, 1)}
    counts = Counter(h[2] for h in found)
    # 1,000 expected, standard deviation 27.4: six of them off with probability below 1e-8
    assert all(abs(counts[a] - 1000) < 165 for a in range(4))


def test_words_have_the_models_law_and_come_in_random_order():
    model = llr.target("isan:T=3,k=2,d=2")
    ledger, author = asked(model)
    words = author.words(4000, 2)
    assert ledger.counts.words == 4000
    counts = Counter(words)
    for word in product(range(2), repeat=2):
        law = 1.0
        for place, token in enumerate(word):
            weights = np.exp([float(x) for x in model.logits(word[:place])])
            law *= weights[token] / weights.sum()
        assert counts[word] == pytest.approx(4000 * law, abs=6 * 32)
    assert words != sorted(words)
    halves = Counter(words[:2000]), Counter(words[2000:])
    assert all(abs(halves[0][w] - halves[1][w]) < 270 for w in counts)  # 6 standard deviations


def test_nonsense_is_uniform_and_asks_nothing():
    ledger, author = clock(3, 9)
    stems = author.stems(3000, Sampling((1, 4), (3, 3), future_words="nonsense"))
    assert ledger.counts.calls == 0
    counts = Counter(stems)
    # 333 expected, standard deviation 17.2
    assert len(counts) == 9
    assert all(abs(n - 333) < 104 for n in counts.values())


def test_likely_tokens():
    ledger = Ledger(FunctionOracle(lambda p: [0.0, 2.0, 1.0, -1.0]), 4, 5, FLOAT64)
    author = Author(ledger, 4, np.random.default_rng(0))
    assert author.likely_tokens(3) == [1, 2, 0]  # before any word was drawn
    author.words(5, 3)
    assert author.likely_tokens(2) == [1, 2]


def test_the_same_seed_draws_the_same():
    model = llr.target("isan:T=6,k=3,d=2")
    law = Sampling((1, 3), (1, 3))

    def drawn(seed):
        _, author = asked(model, seed)
        return author.histories(30, law), author.stems(30, law)

    assert drawn(4) == drawn(4) != drawn(5)


@pytest.mark.parametrize(
    ("law", "names"),
    [
        (Sampling((0, 2), (1, 2)), "history_lengths must be a range"),
        (Sampling((3, 2), (1, 2)), "history_lengths must be a range"),
        (Sampling((1, 2), (0, 2)), "future_lengths must be a range"),
        (Sampling((1, 3), (1, 3)), "at most 5 tokens together, not 6"),
        (Sampling((1, 2), (1, 2), "first"), "last_token must be one of uniform, drawn"),
        (Sampling((1, 2), (1, 2), "drawn", "old"), "future_words must be one of drawn, nonsense"),
    ],
)
def test_laws_that_do_not_fit(law, names):
    with pytest.raises(InputError, match=names):
        law.check(5)
