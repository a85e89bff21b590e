"""The distilled GRU learns something, and the same thing every time."""

import numpy as np
import pytest

pytest.importorskip("torch")

from llr.baselines import distillation
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
    assert kl(Distilled(seen, 0, most_steps=60), fresh) < 0.5 * kl(unigram, fresh)


def test_the_same_seed_gives_the_same_network():
    seen = corpus(100, 0)
    one, two, other = (Distilled(seen, seed, most_steps=5) for seed in (3, 3, 4))
    assert all(np.array_equal(x, y) for x, y in zip(one.logs(seen), two.logs(seen), strict=True))
    assert not np.array_equal(one.logs(seen)[1], other.logs(seen)[1])


def test_training_ends_where_the_words_left_out_say_so(monkeypatch):
    monkeypatch.setattr(distillation, "CHECKED", 3)
    seen, found = corpus(40, 0), []
    whole = Distilled._divergence

    def told(self, left):
        found.append((self.steps, whole(self, left)))
        return found[-1][1]

    monkeypatch.setattr(Distilled, "_divergence", told)
    model = Distilled(seen, 0)
    assert model.steps == found[-1][0] < distillation.MOST_STEPS
    values = [value for _, value in found]
    assert model.held_out == min(values)
    last = len(values) - 1 - values.index(min(values))
    assert last >= distillation.PATIENCE  # the last ones brought nothing
    left = seen.split(distillation.HELD_OUT, np.random.default_rng(0))[1]
    assert whole(model, left) == min(values)  # the network kept is that one
    # fresh words have no say: with fewer steps nothing is better on the words left out
    assert all(Distilled(seen, 0, n).held_out >= min(values) for n in (3, 30))


def test_one_thread_computes_whatever_the_process_has():
    torch = pytest.importorskip("torch")
    before, seen = torch.get_num_threads(), corpus(20, 0)
    try:
        torch.set_num_threads(2)
        used = []

        class Watched(Distilled):
            def _step(self, *given):
                used.append(torch.get_num_threads())
                super()._step(*given)

        Watched(seen, 0, 2)
        assert used == [1, 1]
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_laws_do_not_see_what_they_predict():
    seen = corpus(50, 0)
    model = Distilled(seen, 0, most_steps=2)
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
    model = Distilled(corpus(20, 0), 0, most_steps=1)
    assert model.parameters == 9 * 96 + 3 * 192 * (96 + 192) + 6 * 192 + 192 * 8 + 8
