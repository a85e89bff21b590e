"""n-gram models against values computed by hand, and on teachers that are n-grams themselves."""

import numpy as np
import pytest

from llr.baselines import ngrams
from llr.baselines.ngrams import Ngram
from llr.errors import InputError
from llr.numbers import floats
from llr.numbers.arithmetic import FLOAT64
from llr.oracles.corpus import corpus_of, draw
from llr.oracles.ledger import Ledger
from llr.oracles.protocol import FunctionOracle
from llr.surrogate import _best_ngram, divergence

K, T = 4, 5
TABLE = np.random.default_rng(5).normal(size=(K + 1, K)) * 2


def bigram(prefix):
    """A teacher whose next token depends on the last one alone; K stands for the beginning."""
    return TABLE[prefix[-1] if prefix else K]


def drawn(teacher, n, seed, horizon=T):
    ledger = Ledger(FunctionOracle(teacher), K, horizon, FLOAT64)
    return corpus_of(draw(ledger, n, horizon, np.random.default_rng(seed)), ledger.block)


def fitted(corpus, order, soft):
    return Ngram(corpus, order, soft, np.random.default_rng(0))


def kl(model, corpus):
    return divergence(model.logs(corpus), corpus).mean


def test_a_soft_bigram_is_exact_on_a_bigram():
    fresh = drawn(bigram, 100, 1)
    assert kl(fitted(drawn(bigram, 60, 0), 2, True), fresh) < 1e-5
    assert kl(fitted(drawn(bigram, 60, 0), 2, False), fresh) > 0.02
    assert kl(fitted(drawn(bigram, 60, 0), 1, True), fresh) > 0.1


def test_a_context_that_reached_too_far_back_would_not_be_exact(monkeypatch):
    good = ngrams.Ngram._codes
    monkeypatch.setattr(
        ngrams.Ngram,
        "_codes",
        lambda self, corpus, length: good(self, corpus, length) // (K + 1) ** (length - 1),
    )
    assert kl(fitted(drawn(bigram, 60, 0), 3, True), drawn(bigram, 100, 1)) < 0.1
    monkeypatch.setattr(
        ngrams.Ngram, "_codes", lambda self, corpus, length: good(self, corpus, length) * 0
    )
    assert kl(fitted(drawn(bigram, 60, 0), 2, True), drawn(bigram, 100, 1)) > 0.1


def test_hard_counts_and_soft_sums_by_hand():
    words = {(0, 1, 1): 2, (0, 0, 1): 1, (1, 1, 0): 1}
    corpus = corpus_of(words, lambda ps: np.log([[0.25, 0.75] if p else [0.5, 0.5] for p in ps]))
    hard, soft = fitted(corpus, 2, False), fitted(corpus, 2, True)
    assert hard._found[0].laws == pytest.approx(np.array([[5 / 12, 7 / 12]]))
    assert soft._found[0].laws == pytest.approx(np.array([[1 / 3, 2 / 3]]))
    # after 0: 1 1 | 0 | 1 from (0 1 1) twice, (0 0 1); after 1: 1 1 | 1 0; at the beginning 0 0 0 1
    assert hard._found[1].codes.tolist() == [0, 1, 2]
    assert hard._found[1].laws == pytest.approx(
        np.array([[1 / 4, 3 / 4], [1 / 4, 3 / 4], [3 / 4, 1 / 4]])
    )


def test_mixing_weights_maximize_the_likelihood():
    rng = np.random.default_rng(0)
    evidence, seen, shorter = (floats.softmax(rng.normal(size=(30, K))) for _ in range(3))
    buckets = np.zeros(30, dtype=np.int64)
    evidence = 0.6 * seen + 0.4 * shorter + 0.02 * evidence
    found = ngrams._mixing(buckets, evidence, seen, shorter)[0]

    def likelihood(weight):
        return (evidence * np.log(weight * seen + (1 - weight) * shorter)).sum()

    grid = np.linspace(0.01, 0.99, 99)
    assert abs(found - max(grid, key=likelihood)) < 0.02
    assert 0.4 < found < 0.8


def test_laws_sum_to_one_and_unseen_contexts_fall_back():
    corpus, fresh = drawn(bigram, 6, 0), drawn(bigram, 200, 1)
    for soft in (True, False):
        logs = fitted(corpus, 4, soft).logs(fresh)
        for layer, found in zip(fresh.layers, logs, strict=True):
            assert found.shape == layer.logs.shape
            assert np.exp(found).sum(axis=1) == pytest.approx(1)


def test_the_best_order_is_the_best_on_the_words_it_is_measured_on():
    def trigram(prefix):
        return TABLE[(prefix[-1] + 2 * prefix[-2]) % K] if len(prefix) > 1 else bigram(prefix)

    corpus, fresh = drawn(trigram, 300, 0), drawn(trigram, 200, 1)
    for soft in (True, False):
        best = _best_ngram(corpus, soft, 0, fresh)
        tried = [kl(fitted(corpus, n, soft), fresh) for n in range(1, T + 1)]
        assert kl(best, fresh) == pytest.approx(min(tried))
        assert best.order >= 3


def test_orders_end_where_they_cannot_help_or_do_not_fit():
    assert ngrams.orders(drawn(bigram, 20, 0)) == T
    assert ngrams.orders(drawn(bigram, 20, 0, horizon=8)) == ngrams.ORDERS == 6
    wide = corpus_of({(0,) * 8: 1, (1,) * 8: 1}, lambda ps: np.zeros((len(ps), 50_000)))
    most = ngrams.orders(wide)
    assert (50_001) ** (most - 1) <= ngrams.MAX_CONTEXTS < 50_001**most
    fitted(wide, most, True)
    with pytest.raises(InputError, match="order must be small enough"):
        fitted(wide, most + 1, True)


def test_the_same_seed_gives_the_same_model():
    corpus = drawn(bigram, 60, 0)
    one, two = (fitted(corpus, 3, False) for _ in range(2))
    assert all(
        np.array_equal(x, y) for x, y in zip(one.logs(corpus), two.logs(corpus), strict=True)
    )


def test_bad_orders_and_single_words_are_refused():
    corpus = drawn(bigram, 60, 0)
    with pytest.raises(InputError, match="order must be"):
        fitted(corpus, 0, True)
    with pytest.raises(InputError, match="order must be small enough"):
        fitted(corpus, 60, True)
    with pytest.raises(InputError, match="words must be"):
        fitted(corpus.take(np.array([0])), 2, True)
