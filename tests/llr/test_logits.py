"""llr.models.logits: matrices and ranks by enumeration, against a table written down by hand."""

from __future__ import annotations

from fractions import Fraction
from itertools import product

import pytest

from llr.errors import InputError, TooLargeError
from llr.models.base import TabulatedModel, UniformModel
from llr.models.isan import Isan
from llr.models.logits import cut, cut_ranks, cut_ranks_by_enumeration, logit_matrix
from llr.numbers import rational
from llr.numbers.arithmetic import FLOAT64
from llr.numbers.units import NAT

# half the difference of the two logits: L(h.1) = VALUE[h] = -L(h.0)
VALUE = {(): 1, (0,): 2, (1,): 3, (0, 0): 5, (0, 1): 7, (1, 0): 11, (1, 1): 13}
MODEL = TabulatedModel(2, 3, {h: [0, 2 * v] for h, v in VALUE.items()})


def entry(word):
    return VALUE[word[:-1]] * (2 * word[-1] - 1)


def fractions_of(m):
    return [[rational.fraction(x) for x in row] for row in rational.row_tuples(m)]


def interaction():
    """Return an example with T = 4 whose cut ranks are 1, 1, 2, 1."""
    table = {h: [0, 0] for n in range(3) for h in product((0, 1), repeat=n)}
    for h in product((0, 1), repeat=3):
        x1, x2, x3 = (1 - 2 * b for b in h)
        table[h] = [x1 * (1 + 2 * x2 - x3), 0]
    return TabulatedModel(2, 4, table)


def float_isan():
    return Isan(2, 1, [1.0], [], [[[1.0], [0.0]]], NAT, FLOAT64)


class Zero(UniformModel):
    """A float64 model that is no ISAN."""

    arithmetic = FLOAT64


def test_logit_matrix_by_hand():
    histories = [(), (1,), (0, 1)]
    futures = [(1,), (0,)]
    assert fractions_of(logit_matrix(MODEL, histories, futures)) == [[1, -1], [3, -3], [7, -7]]
    found = logit_matrix(MODEL, [(1,), (0,)], [(0,), (0, 1), (1, 0)])
    assert fractions_of(found) == [[-3, 11, -13], [-2, 5, -7]]


def test_logit_matrices_may_repeat_rows_and_columns():
    found = logit_matrix(MODEL, [(0,), (0,)], [(1,), (1,), (1, 1)])
    assert fractions_of(found) == [[2, 2, 7]] * 2


def test_logit_matrices_may_be_empty():
    for histories, futures in (([], [(0,)]), ([()], []), ([], [])):
        found = logit_matrix(MODEL, histories, futures)
        assert (found.nrows(), found.ncols()) == (len(histories), len(futures))


@pytest.mark.parametrize("s", [1, 2, 3])
def test_cuts_hold_every_history_and_future(s):
    histories, futures, m = cut(MODEL, s)
    assert histories == list(product((0, 1), repeat=s - 1))
    assert sorted(futures, key=lambda f: (len(f), f)) == futures
    assert set(futures) == {f for n in range(1, 5 - s) for f in product((0, 1), repeat=n)}
    assert fractions_of(m) == [[entry(h + f) for f in futures] for h in histories]


@pytest.mark.parametrize("s", [0, 4, -1])
def test_cuts_out_of_range_are_refused(s):
    with pytest.raises(InputError, match=rf"^s must be a cut, 1\.\.3, not {s}$"):
        cut(MODEL, s)


def test_an_empty_future_is_refused():
    with pytest.raises(InputError, match=r"^futures must be nonempty words, not \(\)$"):
        logit_matrix(MODEL, [()], [(0,), ()])


def test_words_that_are_too_long_are_refused():
    with pytest.raises(
        InputError,
        match=r"^histories and futures must be at most 2 tokens long, not \(0, 1, 0\)$",
    ):
        logit_matrix(MODEL, [(0, 1)], [(0, 1)])


@pytest.mark.parametrize(("history", "future"), [((2,), (0,)), ((), (2, 0)), ((-1,), (1,))])
def test_words_with_other_tokens_are_refused(history, future):
    with pytest.raises(InputError, match=r"^histories and futures must be made of tokens 0\.\.1"):
        logit_matrix(MODEL, [history], [future])


@pytest.mark.parametrize("token", [2, -1])
def test_the_last_token_of_a_future_must_be_in_range(token):
    with pytest.raises(InputError, match=r"made of tokens 0\.\.1"):
        logit_matrix(MODEL, [()], [(token,)])


def test_float_models_are_refused():
    message = r"must be exact: float64 has no exact rank, not 'float64'$"
    with pytest.raises(InputError, match="^model " + message):
        logit_matrix(float_isan(), [()], [(0,)])
    with pytest.raises(InputError, match="^model " + message):
        cut_ranks_by_enumeration(float_isan())
    with pytest.raises(InputError, match="^model " + message):
        cut_ranks(Zero(2, 2))
    with pytest.raises(InputError, match="^arithmetic " + message):
        cut_ranks(float_isan())


def test_large_models_are_refused_before_the_work():
    message = r"^cut {} of a model with k={}, T={} is too large to enumerate$"
    with pytest.raises(TooLargeError, match=message.format(1, 2, 22)):
        cut(UniformModel(2, 22), 1)
    with pytest.raises(TooLargeError, match=message.format(7, 3, 14)):
        cut(UniformModel(3, 14), 7)
    with pytest.raises(TooLargeError, match=message.format(1, 2, 22)):
        cut_ranks(UniformModel(2, 22))
    with pytest.raises(TooLargeError, match=message.format(1, 2049, 2)):
        cut_ranks_by_enumeration(UniformModel(2049, 2))


def test_large_isans_are_ranked_without_enumeration():
    steps = [[[["1"]], [["-1"]]]] * 63
    model = Isan(2, 64, ["1"], steps, [[["1"], ["0"]]] * 64)
    assert cut_ranks(model) == (1,) * 64


def test_cut_ranks_by_hand():
    # rows of cut 2 up to sign: (2, 5, 7) and (3, 11, 13), independent; cut 3: one column
    assert cut_ranks(MODEL) == cut_ranks_by_enumeration(MODEL) == (1, 2, 1)
    # the second row of cut 2 is -2 times the first
    proportional = VALUE | {(1,): -4, (1, 0): -10, (1, 1): -14}
    model = TabulatedModel(2, 3, {h: [-v, v] for h, v in proportional.items()})
    assert cut_ranks(model) == (1, 1, 1)
    assert cut_ranks(UniformModel(3, 3)) == (0, 0, 0)
    assert cut_ranks(interaction()) == (1, 1, 2, 1)


def test_cut_ranks_count_the_independent_columns():
    primes = iter([2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67])
    table = {h: [next(primes), 0] for n in range(4) for h in product((0, 1), repeat=n)}
    assert cut_ranks(TabulatedModel(2, 4, table)) == (1, 2, 3, 1)
    table = {
        h: [Fraction(1, 1 + sum(h)), len(h), -sum(h)]
        for n in range(2)
        for h in product((0, 1, 2), repeat=n)
    }
    assert cut_ranks(TabulatedModel(3, 2, table)) == (1, 2)
