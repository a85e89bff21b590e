"""The distilled GRU learns something, and the same thing every time."""

import numpy as np
import pytest

pytest.importorskip("torch")

from llr.baselines.distillation import Distilled
from llr.baselines.ngrams import Ngram
from llr.numbers.arithmetic import FLOAT64
from llr.oracles.corpus import corpus_of, draw
from llr.oracles.ledger import Ledger
from llr.oracles.protocol import FunctionOracle
from llr.surrogate import divergence

TABLE = np.random.default_rng(5).normal(size=(9, 8)) * 2


def corpus(n, seed):
    oracle = FunctionOracle(lambda prefix: TABLE[prefix[-1] if prefix else 8])
    ledger = Ledger(oracle, 8, 5, FLOAT64)
    return corpus_of(draw(ledger, n, 5, np.random.default_rng(seed)), ledger.block)


def kl(model, fresh):
    return divergence(model.logs(fresh), fresh).mean


def test_it_beats_the_unigram_on_fresh_words():
    seen, fresh = corpus(200, 0), corpus(200, 1)
    unigram = Ngram(seen, 1, True, np.random.default_rng(0))
    assert kl(Distilled(seen, 0, steps=60), fresh) < 0.5 * kl(unigram, fresh)


def test_the_same_seed_gives_the_same_network():
    seen = corpus(100, 0)
    one, two, other = (Distilled(seen, seed, steps=5) for seed in (3, 3, 4))
    assert all(np.array_equal(x, y) for x, y in zip(one.logs(seen), two.logs(seen), strict=True))
    assert not np.array_equal(one.logs(seen)[1], other.logs(seen)[1])


def test_laws_do_not_see_what_they_predict():
    seen = corpus(50, 0)
    model = Distilled(seen, 0, steps=2)
    again = corpus_of(
        {(*w[:-1], (w[-1] + 1) % 8): 1 for w in map(tuple, seen.words.tolist())},
        lambda ps: np.zeros((len(ps), 8)),
    )
    rows = {
        tuple(p): row
        for p, row in zip(seen.layers[4].prefixes.tolist(), model.logs(seen)[4], strict=True)
    }
    for p, row in zip(again.layers[4].prefixes.tolist(), model.logs(again)[4], strict=True):
        assert row == pytest.approx(rows[tuple(p)], abs=1e-5)


def test_it_holds_as_many_numbers_as_it_says():
    model = Distilled(corpus(20, 0), 0, steps=1)
    assert model.parameters == 9 * 96 + 3 * 192 * (96 + 192) + 6 * 192 + 192 * 8 + 8
