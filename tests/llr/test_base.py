"""llr.models.base: words, prefixes, tabulated and uniform models; and the text of errors."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from flint import fmpq

from llr.errors import InputError, LlrError, ShownAs, shorten
from llr.models.base import (
    LanguageModel,
    TabulatedModel,
    UniformModel,
    check_size,
    check_word,
    futures_up_to,
    words,
)
from llr.numbers.arithmetic import FLOAT64
from llr.numbers.rational import fraction
from llr.numbers.units import NAT, LogitUnit

TABLE = {
    (): [1, "1/2", 0],
    (0,): [0, 0, 0],
    (1,): ["1/3", Fraction(1, 3), 1],
    (2,): [3, -3, 6],
}


class Alternating(LanguageModel):
    """A float64 model whose logit for token 1 is the number of tokens so far."""

    alphabet_size = 2
    horizon = 3
    arithmetic = FLOAT64

    def start(self):
        return 0

    def step(self, state, token):
        return state + 1

    def read(self, state):
        return (-float(state), float(state))


# -- words --------------------------------------------------------------------------------------


def test_words_are_lexicographic():
    assert list(words(2, 0)) == [()]
    assert list(words(2, 2)) == [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert len(set(words(3, 4))) == 81


def test_futures_are_nonempty_and_short_ones_come_first():
    assert futures_up_to(2, 2) == [(0,), (1,), (0, 0), (0, 1), (1, 0), (1, 1)]
    assert futures_up_to(3, 0) == []
    assert len(futures_up_to(3, 4)) == 3 + 9 + 27 + 81


@pytest.mark.parametrize(("value", "least"), [(2, 2), (7, 2), (0, 0), (10**30, 1)])
def test_sizes_are_returned(value, least):
    assert check_size(value, least, "k") == value


@pytest.mark.parametrize("value", [1, 0, -5, True, 2.0, "2", None, [2], Fraction(2)])
def test_sizes_that_are_too_small_or_no_integers_are_refused(value):
    with pytest.raises(InputError, match=r"^k must be an integer of at least 2, not "):
        check_size(value, 2, "k")


@pytest.mark.parametrize("word", [(), (0,), [2, 1], (0, 1, 2)])
def test_words_are_returned_as_tuples(word):
    assert check_word(word, 3, 3, "prefix") == tuple(word)
    assert type(check_word(word, 3, 3, "prefix")) is tuple


def test_words_that_are_too_long_are_refused():
    with pytest.raises(InputError, match=r"^prefix must be at most 2 tokens .*, not \(0, 1, 0\)$"):
        check_word((0, 1, 0), 2, 2, "prefix")
    with pytest.raises(InputError, match=r"^prefix must be at most 0 tokens long, not \[0\]$"):
        check_word([0], 2, 0, "prefix")


@pytest.mark.parametrize("token", [2, -1, True, False, 1.0, "1", None])
def test_tokens_out_of_range_or_of_another_type_are_refused(token):
    with pytest.raises(InputError, match=r"^h must be made of tokens 0\.\.1, not \(0, "):
        check_word((0, token), 2, 2, "h")


# -- models -------------------------------------------------------------------------------------


def test_tabulated_logits_are_centred():
    model = TabulatedModel(3, 2, TABLE)
    assert model.logits(()) == (Fraction(1, 2), 0, Fraction(-1, 2))
    assert model.logits((0,)) == (0, 0, 0)
    assert model.logits([1]) == (Fraction(-2, 9), Fraction(-2, 9), Fraction(4, 9))
    assert model.logits((2,)) == (1, -5, 4)
    assert all(type(x) is Fraction for x in model.logits((2,)))
    assert (model.alphabet_size, model.horizon, model.unit) == (3, 2, NAT)
    assert TabulatedModel(3, 2, TABLE, LogitUnit.parse("ln 2")).unit == LogitUnit.parse("ln 2")


def test_a_tabulated_model_shows_its_centred_logits_shorter_prefixes_first():
    model = TabulatedModel(2, 2, {(): [1, 0], (0,): [0, 0], (1,): [2, "1/3"]})
    assert repr(model) == "TabulatedModel(k=2, T=2, unit=nat, logits=[1/2 -1/2; 0 0; 5/6 -5/6])"


def test_tabulated_states_are_prefixes():
    model = TabulatedModel(3, 2, TABLE)
    assert model.state_of((2,)) == model.step(model.start(), 2)
    assert model.state_of((2,)) != model.state_of((1,))
    assert len({model.state_of(p) for p in TABLE}) == 4


def test_prefixes_beyond_the_horizon_of_a_table_are_ignored():
    model = TabulatedModel(3, 1, TABLE)
    assert model.logits(()) == (Fraction(1, 2), 0, Fraction(-1, 2))
    with pytest.raises(InputError, match=r"^prefix must be at most 0 tokens long, not \(0,\)$"):
        model.logits((0,))


@pytest.mark.parametrize("prefix", [(0, 1), [0, 0], (2, 2, 2)])
def test_prefixes_that_are_too_long_are_refused(prefix):
    with pytest.raises(InputError, match=r"^prefix must be at most 1 tokens long, not "):
        TabulatedModel(3, 2, TABLE).logits(prefix)


@pytest.mark.parametrize("prefix", [(3,), (-1,), (True,), ("0",)])
def test_prefixes_with_other_tokens_are_refused(prefix):
    with pytest.raises(InputError, match=r"^prefix must be made of tokens 0\.\.2, not "):
        TabulatedModel(3, 2, TABLE).logits(prefix)


def test_a_missing_row_of_a_table_is_refused():
    table = {prefix: row for prefix, row in TABLE.items() if prefix != (1,)}
    with pytest.raises(InputError, match=r"^table\[\(1,\)\] must be 3 rationals, not None$"):
        TabulatedModel(3, 2, table)


@pytest.mark.parametrize("row", [[], [1, 2], [1, 2, 3, 4]])
def test_a_row_of_a_table_with_the_wrong_length_is_refused(row):
    with pytest.raises(InputError, match=r"^table\[\(2,\)\] must be 3 rationals, not \["):
        TabulatedModel(3, 2, TABLE | {(2,): row})


@pytest.mark.parametrize("entry", [0.5, "x", None, "1/0", True])
def test_entries_of_a_table_must_be_rational(entry):
    with pytest.raises(InputError, match=r"must be a rational"):
        TabulatedModel(3, 2, TABLE | {(0,): [0, entry, 0]})


@pytest.mark.parametrize("build", [TabulatedModel, lambda k, t, _: UniformModel(k, t)])
def test_alphabets_and_horizons_that_are_too_small_are_refused(build):
    with pytest.raises(
        InputError, match=r"^alphabet_size must be an integer of at least 2, not 1$"
    ):
        build(1, 2, {})
    with pytest.raises(InputError, match=r"^horizon must be an integer of at least 1, not 0$"):
        build(2, 0, {})
    with pytest.raises(InputError, match=r"^horizon must be an integer of at least 1, not '3'$"):
        build(2, "3", {})


def test_the_uniform_model_has_zero_logits_and_one_state():
    model = UniformModel(3, 4, LogitUnit.parse("ln 2"))
    assert {model.logits(p) for n in range(4) for p in words(3, n)} == {(0, 0, 0)}
    assert len({model.state_of(p) for n in range(4) for p in words(3, n)}) == 1
    assert str(model.unit) == "ln 2"
    assert UniformModel(2, 1).unit == NAT
    with pytest.raises(InputError, match=r"^prefix must be at most 3 tokens long"):
        model.logits((0, 0, 0, 0))


def test_float_models_return_floats():
    model = Alternating()
    assert model.logits((0, 1)) == (-2.0, 2.0)
    assert all(type(x) is float for x in model.logits(()))
    with pytest.raises(InputError, match=r"^prefix must be made of tokens 0\.\.1"):
        model.logits((2,))


def test_the_law_of_a_state_is_its_exact_logits():
    model = TabulatedModel(3, 2, TABLE)
    assert model.link is model.unit
    assert [fraction(x) for x in model.law(model.state_of((2,)))] == [1, -5, 4]
    assert [fraction(x) for x in Alternating().law(2)] == [-2, 2]
    assert all(type(x) is fmpq for x in Alternating().law(2))


def test_probabilities_are_softmax_of_the_logits():
    model = TabulatedModel(3, 2, TABLE, LogitUnit.parse("ln 2"))
    weights = [Fraction(64), Fraction(1), Fraction(512)]
    assert [fraction(p.exact) for p in model.probabilities((2,))] == [w / 577 for w in weights]
    low, high = Alternating().probabilities((0, 0))
    assert low + high < Fraction(1) + Fraction(1, 10**30)
    assert Fraction(17986, 10**6) < low < Fraction(17987, 10**6)
    with pytest.raises(InputError, match=r"^prefix must be at most 2 tokens long"):
        Alternating().probabilities((0, 0, 0))


def test_check_prefix_names_its_argument():
    with pytest.raises(InputError, match=r"^history must be at most 2 tokens long"):
        Alternating().check_prefix((0, 0, 0), "history")
    assert Alternating().check_prefix([1, 0]) == (1, 0)


def test_numpy_tokens_are_no_tokens():
    with pytest.raises(InputError, match=r"^prefix must be made of tokens 0\.\.1"):
        Alternating().logits((np.float64(1.0),))


# -- errors -------------------------------------------------------------------------------------


def test_input_errors_name_argument_value_and_what_was_expected():
    error = InputError("epsilon", 1.5, "a rational in (0, 1)")
    assert str(error) == "epsilon must be a rational in (0, 1), not 1.5"
    assert (error.argument, error.value, error.expected) == ("epsilon", 1.5, "a rational in (0, 1)")
    assert isinstance(error, LlrError)
    assert str(InputError("f", ShownAs("missing"), "present")) == "f must be present, not missing"


def test_long_values_are_shortened_to_one_line():
    assert shorten("a\nb") == "'a\\nb'"
    assert shorten(ShownAs("a\n  b")) == "a b"
    assert shorten("x" * 78) == "'" + "x" * 78 + "'"
    assert shorten("x" * 79) == "'" + "x" * 76 + "..."
    assert shorten(list(range(100)), 10) == "[0, 1, ..."
