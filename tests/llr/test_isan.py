"""llr.models.isan against a plain Fraction form of Def 1.5 and ranks of whole logit matrices."""

from __future__ import annotations

import random
from fractions import Fraction

import numpy as np
import pytest
from by_hand import all_words, slow_rank

from llr.errors import InputError
from llr.models.isan import Isan
from llr.numbers import rational
from llr.numbers.arithmetic import EXACT, FLOAT64
from llr.numbers.units import NAT, LogitUnit

# -- Def 1.5 and Def 1.4, sharing no code with llr ----------------------------------------------


def times(m, v):
    return [sum((a * x for a, x in zip(row, v, strict=True)), Fraction(0)) for row in m]


def slow_state(raw, prefix):
    x = raw["start"]
    for t, y in enumerate(prefix):
        x = times(raw["A"][t][y], x)
    return x


def slow_logits(raw, prefix):
    values = times(raw["B"][len(prefix)], slow_state(raw, prefix))
    mean = sum(values, Fraction(0)) / len(values)
    return [v - mean for v in values]


def all_futures(k, longest):
    return [f for n in range(1, longest + 1) for f in all_words(k, n)]


def slow_matrix(raw, histories, futures):
    rows = {}
    for h in histories:
        for f in futures:
            if h + f[:-1] not in rows:
                rows[h + f[:-1]] = slow_logits(raw, h + f[:-1])
    return [[rows[h + f[:-1]][f[-1]] for f in futures] for h in histories]


def slow_cut_ranks(raw, k, horizon):
    return tuple(
        slow_rank(slow_matrix(raw, all_words(k, s), all_futures(k, horizon - s)))
        for s in range(horizon)
    )


# -- instances ----------------------------------------------------------------------------------


def drawn(seed, k, horizon, d, zeros=0.0, steps=None):
    """Return random parameters, a share of the entries zero."""
    rng = random.Random(seed)

    def entry():
        zero = rng.random() < zeros
        return Fraction(0) if zero else Fraction(rng.randint(-4, 4), rng.randint(1, 3))

    def grid(rows):
        return [[entry() for _ in range(d)] for _ in range(rows)]

    return {
        "start": [entry() for _ in range(d)],
        "A": [[grid(d) for _ in range(k)] for _ in range(horizon - 1 if steps is None else steps)],
        "B": [grid(k) for _ in range(horizon)],
    }


def isan(raw, k, horizon, **more):
    return Isan(k, horizon, raw["start"], raw["A"], raw["B"], **more)


SIZES = [(2, 1, 2), (2, 2, 3), (2, 4, 1), (2, 4, 3), (2, 5, 2), (3, 3, 2), (3, 4, 4), (4, 3, 3)]
CASES = [(k, t, d, zeros, seed) for k, t, d in SIZES for zeros in (0.0, 0.6) for seed in (0, 1)]


@pytest.mark.parametrize(("k", "horizon", "d", "zeros", "seed"), CASES)
def test_logits_are_those_of_the_definition(k, horizon, d, zeros, seed):
    raw = drawn(seed, k, horizon, d, zeros)
    model = isan(raw, k, horizon)
    for n in range(horizon):
        for prefix in all_words(k, n):
            found = model.logits(prefix)
            assert list(found) == slow_logits(raw, prefix)
            assert sum(found) == 0


@pytest.mark.parametrize(("k", "horizon", "d", "zeros", "seed"), CASES)
def test_cut_ranks_are_those_of_the_whole_logit_matrices(k, horizon, d, zeros, seed):
    raw = drawn(seed, k, horizon, d, zeros)
    model = isan(raw, k, horizon)
    assert model.cut_ranks() == slow_cut_ranks(raw, k, horizon)
    one_token = [(a,) for a in range(k)]
    assert model.one_token_ranks() == tuple(
        slow_rank(slow_matrix(raw, all_words(k, s), one_token)) for s in range(horizon)
    )


@pytest.mark.parametrize(("k", "horizon", "d", "zeros", "seed"), CASES)
def test_reachable_spaces_are_spanned_by_the_states(k, horizon, d, zeros, seed):
    raw = drawn(seed, k, horizon, d, zeros)
    spaces = isan(raw, k, horizon).reachable_spaces
    assert len(spaces) == horizon
    for s, space in enumerate(spaces):
        basis = [[rational.fraction(x) for x in row] for row in rational.row_tuples(space)]
        states = [slow_state(raw, h) for h in all_words(k, s)]
        assert len(basis) == slow_rank(basis) == slow_rank(states) == slow_rank(basis + states)


@pytest.mark.parametrize(("k", "horizon", "d", "zeros", "seed"), CASES)
def test_observable_spaces_are_spanned_by_the_functionals(k, horizon, d, zeros, seed):
    raw = drawn(seed, k, horizon, d, zeros)
    spaces = isan(raw, k, horizon).observable_spaces
    assert len(spaces) == horizon
    units = [[Fraction(int(i == j)) for j in range(d)] for i in range(d)]
    for s, space in enumerate(spaces):
        basis = [[rational.fraction(x) for x in row] for row in rational.row_tuples(space)]
        later = {"A": raw["A"][s:], "B": raw["B"][s:]}
        by_state = [
            slow_matrix(later | {"start": unit}, [()], all_futures(k, horizon - s))[0]
            for unit in units
        ]
        functionals = [list(column) for column in zip(*by_state, strict=True)]
        assert len(basis) == slow_rank(basis) == slow_rank(functionals)
        assert slow_rank(basis + functionals) == len(basis)


@pytest.mark.parametrize(("k", "horizon", "d", "zeros", "seed"), CASES)
def test_spanning_histories_and_futures_span(k, horizon, d, zeros, seed):
    raw = drawn(seed, k, horizon, d, zeros)
    model = isan(raw, k, horizon)
    histories, futures = model.spanning_histories(), model.spanning_futures()
    assert len(histories) == len(futures) == horizon
    for s, rank in enumerate(slow_cut_ranks(raw, k, horizon)):
        everything, longest = all_words(k, s), horizon - s
        assert all(len(h) == s for h in histories[s])
        assert all(1 <= len(f) <= longest for f in futures[s])
        assert max(len(histories[s]), len(futures[s])) <= d
        reached = slow_rank([slow_state(raw, h) for h in everything])
        assert slow_rank([slow_state(raw, h) for h in histories[s]]) == reached
        assert slow_rank(slow_matrix(raw, histories[s], all_futures(k, longest))) == rank
        assert slow_rank(slow_matrix(raw, everything, futures[s])) == rank
        assert slow_rank(slow_matrix(raw, histories[s], futures[s])) == rank


@pytest.mark.parametrize(("k", "horizon", "d", "zeros", "seed"), CASES)
def test_the_mixed_rank_is_that_of_all_shorter_histories(k, horizon, d, zeros, seed):
    raw = drawn(seed, k, horizon, d, zeros)
    mixed = [
        slow_rank(
            slow_matrix(
                raw, [h for n in range(s + 1) for h in all_words(k, n)], all_futures(k, horizon - s)
            )
        )
        for s in range(horizon)
    ]
    assert isan(raw, k, horizon).mixed_rank() == max(mixed)


def test_a_dead_state_reaches_and_shows_nothing():
    raw = drawn(3, 2, 3, 2) | {"start": [Fraction(0), Fraction(0)]}
    model = isan(raw, 2, 3)
    assert model.cut_ranks() == model.one_token_ranks() == (0, 0, 0)
    assert model.spanning_histories() == [[()], [], []]
    assert [m.nrows() for m in model.reachable_spaces] == [0, 0, 0]


def test_readouts_that_are_constant_over_tokens_are_invisible():
    raw = drawn(3, 2, 2, 2) | {"B": [[[1, 2], [1, 2]], [[3, 4], [3, 4]]]}
    model = isan(raw, 2, 2)
    assert model.cut_ranks() == (0, 0)
    assert model.spanning_futures() == [[], []]
    assert model.logits((1,)) == (0, 0)


def test_states_that_differ_only_invisibly_have_rank_below_the_reachable_dimension():
    one, zero = [[1, 0], [0, 1]], [[0, 0], [0, 0]]
    model = Isan(2, 2, ["1", "1"], [[one, zero]], [[[0, 0], [0, 0]], [[1, -1], [0, 0]]])
    assert model.cut_ranks() == (0, 0)
    assert [m.nrows() for m in model.reachable_spaces] == [1, 1]
    assert [m.nrows() for m in model.observable_spaces] == [1, 1]


@pytest.mark.parametrize("steps", [0, 1])
def test_horizon_one(steps):
    model = isan(drawn(5, 3, 1, 2, steps=steps), 3, 1)
    assert model.logits(()) == tuple(slow_logits(drawn(5, 3, 1, 2, steps=steps), ()))
    assert model.cut_ranks() == model.one_token_ranks() == (1,)
    assert model.spanning_histories() == [[()]]
    with pytest.raises(InputError, match=r"^prefix must be at most 0 tokens long, not \(0,\)$"):
        model.logits((0,))


def test_a_last_step_without_effect_is_accepted():
    raw = drawn(6, 2, 3, 2, steps=3)
    model, shorter = isan(raw, 2, 3), isan(raw | {"A": raw["A"][:2]}, 2, 3)
    assert len(model.transitions) == 3
    assert model.cut_ranks() == shorter.cut_ranks() == slow_cut_ranks(raw, 2, 3)
    assert model.logits((1, 0)) == shorter.logits((1, 0))
    assert model.spanning_histories() == shorter.spanning_histories()
    assert model.spanning_futures() == shorter.spanning_futures()


def test_readouts_are_centred_and_that_changes_nothing():
    raw = drawn(7, 3, 2, 2)
    moved = raw | {"B": [[[x + 5 for x in row] for row in b] for b in raw["B"]]}
    model, shifted = isan(raw, 3, 2), isan(moved, 3, 2)
    assert model.readouts == shifted.readouts
    for m in model.readouts:
        assert [sum(column) for column in zip(*rational.row_tuples(m), strict=True)] == [0, 0]


def test_attributes():
    raw = drawn(8, 2, 3, 4)
    model = isan(raw, 2, 3)
    assert (model.alphabet_size, model.horizon, model.dimension) == (2, 3, 4)
    assert model.unit == NAT
    assert model.arithmetic is EXACT
    assert [rational.fraction(x) for x in model.initial_state] == raw["start"]
    assert isan(raw, 2, 3, unit=LogitUnit.parse("ln 3")).unit == LogitUnit.parse("ln 3")


def test_equal_states_are_equal_and_hashable():
    one, swap = [[1, 0], [0, 1]], [[0, 1], [1, 0]]
    b = [[1, 0], [0, 1]]
    model = Isan(2, 4, [1, 2], [[one, swap]] * 3, [b] * 4)
    assert model.state_of((1, 1)) == model.state_of((0, 0))
    assert hash(model.state_of((1, 1))) == hash(model.state_of((0, 0)))
    assert model.state_of((1, 0)) != model.state_of((0, 0))
    assert model.state_of((0,)) != model.state_of((0, 0))
    assert len({model.state_of(h) for h in all_words(2, 3)}) == 2


def test_repr_shows_every_parameter():
    model = Isan(2, 2, ["1/2"], [[[[1]], [["-2/3"]]]], [[[1], [0]], [[0], [3]]])
    assert repr(model) == (
        "Isan(k=2, T=2, unit=nat, x0=[1/2], A=([1], [-2/3]), B=[1/2; -1/2], [-3/2; 3/2])"
    )
    assert "A=()" in repr(Isan(2, 1, [1], [], [[[1], [0]]], LogitUnit.parse("ln 2")))
    assert "unit=ln 2" in repr(Isan(2, 1, [1], [], [[[1], [0]]], LogitUnit.parse("ln 2")))
    assert "x0=[0.5 1.0]" in repr(Isan(2, 1, [0.5, 1], [], [[[1, 0], [0, 1]]], NAT, FLOAT64))


# -- errors -------------------------------------------------------------------------------------

GOOD = {
    "alphabet_size": 2,
    "horizon": 2,
    "initial_state": ["1", "-1/2"],
    "transitions": [[[["1", "0"], ["0", "1"]], [["0", "1"], ["1", "0"]]]],
    "readouts": [[["1", "0"], ["0", "1"]], [["0", "0"], ["2", "1/3"]]],
}
IDENTITY = [["1", "0"], ["0", "1"]]


def test_the_good_parameters_are_good():
    assert Isan(**GOOD).logits((1,)) == (Fraction(1, 3), Fraction(-1, 3))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"alphabet_size": 1}, r"alphabet_size must be an integer of at least 2, not 1"),
        ({"alphabet_size": "2"}, r"alphabet_size must be an integer of at least 2, not '2'"),
        ({"alphabet_size": True}, r"alphabet_size must be an integer of at least 2, not True"),
        ({"alphabet_size": 3}, r"transitions\[0\] must be a list of 3 matrices, not a list of 2"),
        ({"horizon": 0}, r"horizon must be an integer of at least 1, not 0"),
        ({"horizon": 2.0}, r"horizon must be an integer of at least 1, not 2\.0"),
        ({"horizon": 3}, r"readouts must be a list of 3 matrices, not a list of 2"),
        (
            {"initial_state": []},
            r"initial_state must be a list of at least one scalar, not a list of 0",
        ),
        ({"initial_state": "12"}, r"initial_state must be a list of at least one scalar, not '12'"),
        ({"initial_state": b"12"}, r"initial_state must be a list of .*, not b'12'"),
        ({"initial_state": None}, r"initial_state must be a list of .*, not None"),
        ({"initial_state": {"0": "1"}}, r"initial_state must be a list of .*, not \{'0': '1'\}"),
        ({"initial_state": ["1", "x"]}, r"initial_state\[1\] must be a rational string .*'x'"),
        (
            {"initial_state": ["1/0", "1"]},
            r"initial_state\[0\] must be a rational with a nonzero denominator, not '1/0'",
        ),
        ({"initial_state": ["1", 0.5]}, r"initial_state\[1\] must be a rational .*, not 0\.5"),
        ({"initial_state": ["1", True]}, r"initial_state\[1\] must be a rational .*, not True"),
        ({"initial_state": ["1", ["1"]]}, r"initial_state\[1\] must be a rational .*, not \['1'\]"),
        (
            {"initial_state": ["1"]},
            r"transitions\[0\]\[0\] must be a 1 x 1 matrix, not a list of 2",
        ),
        ({"transitions": []}, r"transitions must be a list of 1 or 2 steps, not a list of 0"),
        (
            {"transitions": [[IDENTITY] * 2] * 3},
            r"transitions must be a list of 1 or 2 steps, not a list of 3",
        ),
        ({"transitions": "ab"}, r"transitions must be a list of 1 or 2 steps, not 'ab'"),
        ({"transitions": 7}, r"transitions must be a list of 1 or 2 steps, not 7"),
        ({"transitions": [None]}, r"transitions\[0\] must be a list of 2 matrices, not None"),
        (
            {"transitions": [[IDENTITY]]},
            r"transitions\[0\] must be a list of 2 matrices, not a list of 1",
        ),
        (
            {"transitions": [[IDENTITY] * 2, [IDENTITY] * 3]},
            r"transitions\[1\] must be a list of 2 matrices, not a list of 3",
        ),
        (
            {"transitions": [[IDENTITY, "10"]]},
            r"transitions\[0\]\[1\] must be a 2 x 2 matrix, not '10'",
        ),
        (
            {"transitions": [[IDENTITY, IDENTITY[:1]]]},
            r"transitions\[0\]\[1\] must be a 2 x 2 matrix, not a list of 1",
        ),
        (
            {"transitions": [[IDENTITY, [["1", "0"], ["0"]]]]},
            r"transitions\[0\]\[1\]\[1\] must be a row of 2 scalars, not a list of 1",
        ),
        (
            {"transitions": [[[["1", "0", "0"], ["0", "1"]], IDENTITY]]},
            r"transitions\[0\]\[0\]\[0\] must be a row of 2 scalars, not a list of 3",
        ),
        (
            {"transitions": [[IDENTITY, [["1", "0"], "01"]]]},
            r"transitions\[0\]\[1\]\[1\] must be a row of 2 scalars, not '01'",
        ),
        (
            {"transitions": [[IDENTITY, [["1", "0"], ["0", "1.5"]]]]},
            r"transitions\[0\]\[1\]\[1\]\[1\] must be a rational string .*, not '1\.5'",
        ),
        (
            {"transitions": [[IDENTITY] * 2, [[["1", "0"], ["0", None]], IDENTITY]]},
            r"transitions\[1\]\[0\]\[1\]\[1\] must be a rational .*, not None",
        ),
        ({"readouts": []}, r"readouts must be a list of 2 matrices, not a list of 0"),
        ({"readouts": [IDENTITY]}, r"readouts must be a list of 2 matrices, not a list of 1"),
        ({"readouts": None}, r"readouts must be a list of 2 matrices, not None"),
        ({"readouts": [IDENTITY, 5]}, r"readouts\[1\] must be a 2 x 2 matrix, not 5"),
        (
            {"readouts": [IDENTITY, [*IDENTITY, ["0", "0"]]]},
            r"readouts\[1\] must be a 2 x 2 matrix, not a list of 3",
        ),
        (
            {"readouts": [[["1"], ["0", "1"]], IDENTITY]},
            r"readouts\[0\]\[0\] must be a row of 2 scalars, not a list of 1",
        ),
        (
            {"readouts": [IDENTITY, [["1", "0"], ["1/0", "0"]]]},
            r"readouts\[1\]\[1\]\[0\] must be a rational with a nonzero denominator, not '1/0'",
        ),
        (
            {"readouts": [IDENTITY, [["1", float("nan")], ["0", "0"]]]},
            r"readouts\[1\]\[0\]\[1\] must be a rational .*, not nan",
        ),
    ],
)
def test_every_bad_parameter_is_named(change, message):
    with pytest.raises(InputError, match=f"^{message}$"):
        Isan(**(GOOD | change))


def test_long_lists_are_shown_by_their_length():
    with pytest.raises(InputError, match=r"^readouts must be a list of 2 .*, not a list of 999$"):
        Isan(**(GOOD | {"readouts": [IDENTITY] * 999}))


@pytest.mark.parametrize("prefix", [(2,), (-1,), (True,), (0, 0)])
def test_bad_prefixes_are_refused(prefix):
    with pytest.raises(InputError, match=r"^prefix must be "):
        Isan(**GOOD).logits(prefix)


# -- float64 ------------------------------------------------------------------------------------


def floating(raw, k, horizon):
    return Isan(k, horizon, raw["start"], raw["A"], raw["B"], NAT, FLOAT64)


@pytest.mark.parametrize(("k", "horizon", "d"), SIZES)
def test_float_logits_are_near_the_exact_ones(k, horizon, d):
    raw = drawn(9, k, horizon, d)
    model = floating(raw, k, horizon)
    for n in range(horizon):
        for prefix in all_words(k, n):
            found = model.logits(prefix)
            assert all(type(x) is float for x in found)
            expected = [float(x) for x in slow_logits(raw, prefix)]
            assert found == pytest.approx(expected, rel=1e-12, abs=1e-11)


@pytest.mark.parametrize(
    "ask",
    [
        Isan.cut_ranks,
        Isan.one_token_ranks,
        Isan.spanning_histories,
        Isan.spanning_futures,
        lambda m: m.reachable_spaces,
        lambda m: m.observable_spaces,
    ],
)
def test_float_models_have_no_exact_spaces(ask):
    with pytest.raises(
        InputError,
        match=r"^arithmetic must be exact: float64 has no exact rank, not 'float64'$",
    ):
        ask(floating(drawn(9, 2, 2, 2), 2, 2))


@pytest.mark.parametrize("entry", [float("nan"), float("inf"), "1", None, True])
def test_float_entries_must_be_finite_numbers(entry):
    raw = drawn(9, 2, 2, 2)
    with pytest.raises(InputError, match=r"^initial_state\[1\] must be a finite number, not "):
        floating(raw | {"start": [0.5, entry]}, 2, 2)
    with pytest.raises(InputError, match=r"^readouts\[0\]\[0\]\[1\] must be a finite number, not "):
        floating(raw | {"B": [[[0.5, entry], [0, 0]], raw["B"][1]]}, 2, 2)


def test_steps_and_readouts_that_are_one_object_are_kept_once():
    step, readout = [[[1, 0], [0, "1/2"]], [[0, 1], [1, 0]]], [[1, 2], [3, 4]]
    shared = Isan(2, 4, [1, 1], [step] * 3, [readout] * 4)
    apart = Isan(2, 4, [1, 1], [[*step] for _ in range(3)], [[*readout] for _ in range(4)])
    assert len({id(x) for x in shared.transitions}) == len({id(x) for x in shared.readouts}) == 1
    assert len({id(x) for x in apart.transitions}) == 3
    assert shared.logits((0, 1, 1)) == apart.logits((0, 1, 1))


def test_float64_arrays_are_taken_as_they_are_and_checked():
    step, readout = [np.eye(2), np.ones((2, 2))], np.ones((2, 2))
    model = Isan(2, 3, [1.0, 1.0], [step] * 2, [readout] * 3, arithmetic=FLOAT64)
    assert model.transitions[0][0] is step[0]
    for bad in (np.ones((2, 3)), np.array([[1.0, np.nan], [0, 1]])):
        with pytest.raises(InputError, match=r"transitions\[0\]\[1\]"):
            Isan(2, 3, [1.0, 1.0], [[np.eye(2), bad]] * 2, [readout] * 3, arithmetic=FLOAT64)
