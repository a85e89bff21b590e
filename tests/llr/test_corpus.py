"""Corpora: prefixes with their weights and laws; budgets are kept."""

import numpy as np
import pytest

import llr
from llr.errors import InputError
from llr.numbers.arithmetic import FLOAT64
from llr.oracles.corpus import corpus_of, draw, draw_within
from llr.oracles.ledger import Ledger
from llr.oracles.protocol import model_oracle

WORDS = {(0, 1, 1): 2, (0, 1, 0): 1, (1, 0, 0): 1}


def ledger(written="isan:T=6,k=3,d=2"):
    model = llr.target(written)
    return Ledger(model_oracle(model, FLOAT64), model.alphabet_size, model.horizon, FLOAT64)


def rows(prefixes):
    """Logits that tell prefixes apart."""
    return np.array([[float(sum(p)), float(len(p))] for p in prefixes])


def test_each_prefix_is_there_once_with_its_weight():
    found = corpus_of(WORDS, rows)
    assert [layer.prefixes.tolist() for layer in found.layers] == [
        [[]],
        [[0], [1]],
        [[0, 1], [1, 0]],
    ]
    assert [layer.weights.tolist() for layer in found.layers] == [[4], [3, 1], [3, 1]]
    assert found.layers[2].parents.tolist() == [0, 1]
    assert found.layers[2].last.tolist() == [1, 0]
    assert found.prefixes == 5
    assert found.layers[2].logs[0] == pytest.approx(np.log([1, np.e]) - np.log(1 + np.e))


def test_tokens_that_follow_are_counted():
    found = corpus_of(WORDS, rows)
    assert found.following(0).tolist() == [[3, 1]]
    assert found.following(2).tolist() == [[1, 2], [1, 0]]


def test_contexts_are_padded_in_front():
    layer = corpus_of(WORDS, rows).layers[1]
    assert layer.context(2, 9).tolist() == [[9, 0], [9, 1]]
    assert corpus_of(WORDS, rows).layers[2].context(1, 9).tolist() == [[1], [0]]


def test_some_words_alone_are_the_corpus_of_these_words():
    found = corpus_of(WORDS, rows)
    chosen = np.array([1, 2])
    kept = {
        tuple(w): int(n) for w, n in zip(found.words[1:].tolist(), found.counts[1:], strict=True)
    }
    other = corpus_of(kept, rows)
    for one, two in zip(found.take(chosen).layers, other.layers, strict=True):
        for name in ("prefixes", "parents", "weights", "logs", "places"):
            assert np.array_equal(getattr(one, name), getattr(two, name)), name


def test_a_split_divides_the_words():
    found = corpus_of(draw(ledger(), 80, 6, np.random.default_rng(0)), ledger().block)
    most, rest = found.split(8, np.random.default_rng(1))
    both = np.concatenate([most.words, rest.words])
    assert len(rest.words) == len(found.words) // 8
    assert sorted(map(tuple, both.tolist())) == sorted(map(tuple, found.words.tolist()))


@pytest.mark.parametrize("calls", [6, 7, 20, 50])
def test_a_budget_is_kept_and_nearly_spent(calls):
    asked = ledger()
    words = draw_within(asked, calls, 6, np.random.default_rng(0))
    assert words
    assert calls - 6 < asked.counts.distinct_prefixes <= calls


def test_a_word_drawn_in_many_batches_counts_every_time():
    asked = ledger("isan:T=4,k=2,d=1")
    words = draw_within(asked, 15, 4, np.random.default_rng(0))
    assert sum(words.values()) == asked.counts.words > len(words)


def test_what_was_asked_before_does_not_count():
    asked = ledger()
    asked.rows([(0,) * n for n in range(6)])
    draw_within(asked, 30, 6, np.random.default_rng(0))
    assert 24 + 6 < asked.counts.distinct_prefixes <= 30 + 6


def test_drawing_ends_where_everything_is_known():
    asked = ledger("isan:T=3,k=2,d=1")
    draw_within(asked, 10**4, 3, np.random.default_rng(0))
    assert asked.counts.distinct_prefixes == 7


def test_a_budget_below_one_word_is_refused():
    with pytest.raises(InputError, match="calls must be at least 6"):
        draw_within(ledger(), 5, 6, np.random.default_rng(0))
