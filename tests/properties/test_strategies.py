"""properties.strategies: bad options fail at once, corners are found, instances shrink small."""

from __future__ import annotations

import inspect
from fractions import Fraction
from itertools import pairwise
from random import Random

import pytest
from flint import fmpq, fmpq_mat
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

import properties
from bounds.potential import elliptic_potential, elliptic_potential_exact
from llr.errors import InputError
from llr.models.base import LanguageModel, TabulatedModel, words
from llr.models.isan import Isan
from llr.models.logits import cut_ranks_by_enumeration
from llr.models.teachers import cauchy_teacher
from llr.numbers.rational import rank as flint_rank
from llr.numbers.units import LN2, NAT, LogitUnit
from properties import checkers, strategies
from properties.strategies import (
    branching_programs,
    cauchy_teachers,
    copies,
    fourier_sparse,
    hard_teachers,
    hidden_markov_models,
    isans,
    layered_isans,
    logit_pairs,
    low_rank_matrices,
    noisy_oracles,
    noisy_parities,
    perturbed_isans,
    potentials,
    rationals,
    row_families,
    seeds,
    spikes,
    tabulated_models,
    targets,
    wide_rationals,
    witness_sequences,
    words_of,
)

LN32 = LogitUnit(fmpq(3, 2))

some = settings(max_examples=30, database=None, deadline=None)


def drawn(strategy, condition, *phases):
    """An instance that fulfils the condition; Hypothesis raises NoSuchExample if it finds none."""
    return find(
        strategy,
        condition,
        settings=settings(database=None, max_examples=3000, phases=phases),
        random=Random(1),
    )


def any_with(strategy, condition):
    """Some instance that fulfils the condition, as it was drawn."""
    return drawn(strategy, condition, Phase.generate)


def smallest(strategy, condition=lambda x: True):
    """The simplest instance that Hypothesis finds."""
    return drawn(strategy, condition, Phase.generate, Phase.shrink)


def never(strategy, condition):
    """No instance of 100 fulfils the condition."""

    @settings(max_examples=100, database=None, deadline=None)
    @given(strategy)
    def check(instance):
        assert not condition(instance)

    check()


def grid(m):
    """A matrix or a row as lists of Fractions."""
    entries = [Fraction(int(x.p), int(x.q)) for x in m.entries()]
    return [entries[i * m.ncols() : (i + 1) * m.ncols()] for i in range(m.nrows())]


def plain(row):
    return [Fraction(int(x.p), int(x.q)) for x in row]


# -- the public names ---------------------------------------------------------------------------

PUBLIC = {
    name: getattr(strategies, name)
    for name in strategies.__all__
    if inspect.isfunction(getattr(strategies, name))
}


def test_these_strategies_are_public():
    assert set(PUBLIC) == {
        "branching_programs",
        "cauchy_teachers",
        "copies",
        "fourier_sparse",
        "hard_teachers",
        "hidden_markov_models",
        "isans",
        "layered_isans",
        "logit_pairs",
        "low_rank_matrices",
        "noisy_oracles",
        "noisy_parities",
        "perturbed_isans",
        "potentials",
        "rationals",
        "row_families",
        "seeds",
        "spikes",
        "tabulated_models",
        "targets",
        "wide_rationals",
        "witness_sequences",
        "words_of",
    }


@pytest.mark.parametrize("name", sorted(PUBLIC))
def test_the_package_has_them_too(name):
    assert getattr(properties, name) is PUBLIC[name]
    assert name in properties.__all__


def test_names_are_plural():
    singular = {"fourier_sparse", "words_of"}  # an adjective; plural before its "of"
    assert all(name.endswith("s") or name in singular for name in PUBLIC)


@pytest.mark.parametrize("name", list(PUBLIC))
def test_options_are_keyword_only_and_documented(name):
    parameters = inspect.signature(PUBLIC[name]).parameters.values()
    assert all(p.kind is p.KEYWORD_ONLY for p in parameters if p.name != "draw")
    assert inspect.getdoc(PUBLIC[name])


@pytest.mark.parametrize("name", sorted(set(PUBLIC) - {"words_of"}))
def test_every_option_has_a_default(name):
    assert isinstance(PUBLIC[name](), SearchStrategy)


# -- bad options --------------------------------------------------------------------------------

SPANS = {
    "isans": {"horizons": 1, "alphabet_sizes": 2, "dimensions": 1},
    "noisy_parities": {"bits": 1},
    "fourier_sparse": {"bits": 1, "terms": 1},
    "copies": {"tokens": 1, "alphabet_sizes": 2},
    "spikes": {"horizons": 1},
    "targets": {"horizons": 1},
    "tabulated_models": {"horizons": 1, "alphabet_sizes": 2},
    "row_families": {"rows": 1, "columns": 1},
    "low_rank_matrices": {"rows": 1, "columns": 1, "ranks": 1},
    "logit_pairs": {"alphabet_sizes": 2},
    "layered_isans": {"horizons": 1, "alphabet_sizes": 2, "widths": 1},
    "perturbed_isans": {"horizons": 1, "alphabet_sizes": 2, "dimensions": 1},
    "branching_programs": {"bits": 1, "lengths": 0},
    "hard_teachers": {"bits": 1, "copies_made": 0},
    "cauchy_teachers": {"bits": 1},
    "hidden_markov_models": {"horizons": 1, "alphabet_sizes": 2, "hidden_states": 1},
    "potentials": {"dimensions": 1},
    "witness_sequences": {"dimensions": 1, "histories": 1, "futures": 1},
}
BAD_SPANS = [(0.5, 3), (1, 2.5), (8, 9.0), (True, 2), ("1", "2"), (None, 3), (9,), (8, 8, 8)]
BAD_SPANS += [(), 3, 2.5, None, "12", {1: 2, 3: 4}, range(8, 9), [9, 8], (9, 8)]
UNITS = "a sequence of at least one LogitUnit"
BAD_UNITS = [(), [], NAT, ("nat",), (NAT, None), "nat", 3, None]
FLAG = "True or False"
BAD_FLAGS = [0, 1, "yes", None, (True,)]
NOISES = "a sequence of at least one of random, adversarial, rounding"
BAD_NOISES = [(), "random", ("random", 3), (["random"],), 3, None]
XIS = "a sequence of at least one positive rational"
BAD_XIS = [(), "1/7", 3, fmpq(1, 7), None]
BAD = [
    (
        name,
        option,
        [(least - 1, least), (least + 1, least), *BAD_SPANS],
        f"a pair of integers (least, largest) with {least} <= least <= largest",
    )
    for name, options in SPANS.items()
    for option, least in options.items()
]
BAD += [(name, "units", BAD_UNITS, UNITS) for name in ("isans", "layered_isans", "logit_pairs")]
for name in ("noisy_oracles", "perturbed_isans"):
    BAD += [(name, "noises", BAD_NOISES, NOISES), (name, "xis", BAD_XIS, XIS)]
BAD += [
    (name, option, BAD_FLAGS, FLAG)
    for name, option in [
        ("rationals", "integers"),
        ("isans", "integers"),
        ("isans", "wide"),
        ("row_families", "wide"),
        ("row_families", "nearly_dependent"),
        ("potentials", "exact"),
    ]
]
RATIONAL = "a rational (int, Fraction or string p/q)"
BAD += [
    ("rationals", "size", [0, -2, 2.5, True, "3", None], "an integer of at least 1"),
    ("words_of", "alphabet_size", [1, -2, 2.5, True, "2", None], "an integer of at least 2"),
    ("words_of", "length", [-1, 0.5, False, "1", None], "an integer of at least 0"),
    ("noisy_oracles", "models", [3, isans, (isans(),), Isan], "a strategy of models"),
    ("potentials", "error", [0.5, None, True], RATIONAL),
    ("witness_sequences", "xi", [0.5, None, True], RATIONAL),
]
NEEDED = {"words_of": {"alphabet_size": 2, "length": 1}}
bad_options = pytest.mark.parametrize(
    ("name", "option", "values", "expected"), BAD, ids=[f"{case[0]}-{case[1]}" for case in BAD]
)


def built(name, **options):
    """A strategy with some options, and the others that it must have."""
    return PUBLIC[name](**{**NEEDED.get(name, {}), **options})


def test_every_option_of_every_strategy_is_tried_with_bad_values():
    options = {
        (name, p.name)
        for name, value in PUBLIC.items()
        for p in inspect.signature(value).parameters.values()
    }
    assert options == {(name, option) for name, option, _, _ in BAD}


def test_a_strategy_of_something_else_than_models_is_refused_when_it_draws():
    with pytest.raises(InputError, match="models must be a strategy of models, not 0"):
        find(noisy_oracles(models=st.integers()), lambda oracle: True)


def test_these_options_are_spans():
    spans = {
        (name, p.name)
        for name, value in PUBLIC.items()
        for p in inspect.signature(value).parameters.values()
        if isinstance(p.default, tuple) and p.name != "units"
    }
    spans -= {(name, option) for name, option in spans if option in ("noises", "xis")}
    assert spans == {(name, option) for name, options in SPANS.items() for option in options}


@bad_options
def test_bad_options_fail_at_once(name, option, values, expected):
    """When the strategy is built, not when it draws."""
    for value in values:
        with pytest.raises(InputError) as caught:
            built(name, **{option: value})
        assert str(caught.value).startswith(f"{option} must be {expected}, not ")
        assert caught.value.value == value


@pytest.mark.parametrize("name", ["noisy_oracles", "perturbed_isans"])
@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"noises": ("random", "pink")},
            "noise must be one of random, adversarial, rounding, not 'pink'",
        ),
        ({"xis": ("1/7", 0)}, "xi must be positive for noise random, not '0'"),
        ({"xis": (0.5,)}, "xis must be a rational (int, Fraction or string p/q), not 0.5"),
    ],
    ids=["unknown noise", "xi zero", "xi float"],
)
def test_bad_noises_fail_at_once(name, options, message):
    with pytest.raises(InputError) as caught:
        PUBLIC[name](**options)
    assert str(caught.value) == message


def test_wide_isans_cannot_have_integer_logits():
    with pytest.raises(InputError, match=r"^wide must be False together with integers, not True$"):
        isans(wide=True, integers=True)


@pytest.mark.parametrize(("bits", "terms"), [((1, 1), (3, 3)), ((1, 2), (5, 5)), ((2, 3), (9, 12))])
def test_more_terms_than_characters_fail_at_once(bits, terms):
    with pytest.raises(InputError) as caught:
        fourier_sparse(bits=bits, terms=terms)
    expected = f"a pair whose least is at most 2^{bits[1]}, for bits = {bits}"
    assert str(caught.value) == f"terms must be {expected}, not {terms}"


@pytest.mark.parametrize(
    ("bits", "terms", "drawn"), [((1, 1), (2, 9), 1), ((1, 2), (3, 4), 2), ((1, 3), (8, 8), 3)]
)
def test_as_many_terms_as_there_are_characters(bits, terms, drawn):
    assert smallest(fourier_sparse(bits=bits, terms=terms)).horizon == drawn + 1


def test_bad_errors_of_sequences_fail_at_once():
    with pytest.raises(InputError, match=r"^error must be a rational of at least 0, not '-1'$"):
        potentials(exact=True, error=fmpq(-1))
    with pytest.raises(InputError, match=r"^error must be 0, or given together with exact=True"):
        potentials(error=fmpq(1, 10))
    with pytest.raises(InputError, match=r"^xi must be a rational of at least 0, not '-1/2'$"):
        witness_sequences(xi="-1/2")
    with pytest.raises(InputError, match=r"^xi must be a rational"):
        witness_sequences(xi=0.1)


# -- smallest instances -------------------------------------------------------------------------


def written(model):
    """An ISAN as plain numbers."""
    return (
        model.alphabet_size,
        model.horizon,
        plain(model.initial_state),
        [[grid(a) for a in step] for step in model.transitions],
        [grid(b) for b in model.readouts],
        str(model.unit),
    )


SMALLEST_ISAN = (2, 1, [0], [], [[[0], [0]]], "nat")


def test_the_smallest_numbers():
    assert smallest(rationals()) == fmpq(0)
    assert smallest(rationals(integers=True)) == fmpq(0)
    assert smallest(wide_rationals()) == fmpq(0)
    assert smallest(seeds()) == 0
    assert smallest(rationals(size=9), lambda x: x > 3) == fmpq(4)
    assert smallest(rationals(), lambda x: x.q > 1) == fmpq(1, 2)


def test_the_smallest_isans():
    assert written(smallest(isans())) == SMALLEST_ISAN
    assert written(smallest(isans(units=(LN2, NAT)))) == (*SMALLEST_ISAN[:-1], "ln 2")


def test_the_smallest_target_is_small():
    """The one of fewest choices, whichever family it is of."""
    found = smallest(targets())
    assert (found.alphabet_size, found.dimension) == (2, 1)
    assert found.horizon <= 2


def test_the_smallest_isan_of_two_steps_stands_still():
    found = smallest(isans(horizons=(2, 4), dimensions=(2, 3)))
    assert written(found) == (
        2,
        2,
        [0, 0],
        [[[[1, 0], [0, 1]], [[1, 0], [0, 1]]]],
        [[[0, 0], [0, 0]]] * 2,
        "nat",
    )


def test_the_smallest_member_of_each_family():
    parity = smallest(noisy_parities())
    assert parity.horizon == 2
    assert str(parity.unit) == "ln 3"  # nu = 1/4
    assert parity.logits((0,)) == parity.logits((1,)) == (Fraction(1, 2), Fraction(-1, 2))

    fourier = smallest(fourier_sparse())
    assert (fourier.horizon, fourier.dimension) == (2, 1)
    assert fourier.logits((0,)) == fourier.logits((1,)) == (-1, 1)

    copy = smallest(copies())
    assert (copy.alphabet_size, copy.horizon, str(copy.unit)) == (2, 2, "ln 2")
    assert copy.logits((1,)) == (Fraction(-1, 2), Fraction(1, 2))  # c = 1

    spike = smallest(spikes())
    assert (spike.alphabet_size, spike.horizon) == (2, 1)


def test_the_smallest_table():
    found = smallest(tabulated_models())
    assert (found.alphabet_size, found.horizon) == (2, 1)
    assert found.logits(()) == (0, 0)


def test_the_smallest_rows():
    assert smallest(row_families()) == [(fmpq(0),)]
    assert smallest(row_families(wide=True)) == [(fmpq(0),)]
    assert smallest(low_rank_matrices()) == [(fmpq(0),)]
    assert smallest(row_families(rows=(2, 3), columns=(2, 2))) == [(fmpq(0),) * 2] * 2
    assert smallest(low_rank_matrices(rows=(2, 3), columns=(2, 2))) == [(fmpq(0),) * 2] * 2


def test_what_matters_is_left_and_the_rest_is_simple():
    """Shrunk to the smallest instance with a property: what a counterexample looks like."""
    repeated = smallest(
        row_families(), lambda rows: any(any(r) and rows.count(r) > 1 for r in rows)
    )
    assert repeated in ([(fmpq(1),)] * 2, [(fmpq(-1),)] * 2)
    three = smallest(isans(), lambda m: m.alphabet_size == 3)
    assert written(three) == (3, 1, [0], [], [[[0]] * 3], "nat")
    opposite = smallest(logit_pairs(), lambda p: any(p[0]) and p[1] == tuple(-x for x in p[0]))
    assert sorted(abs(x) for x in opposite[0]) == [0, 1]


def test_the_smallest_pairs_and_words():
    assert smallest(logit_pairs()) == ((fmpq(0),) * 2, (fmpq(0),) * 2, NAT)
    close = smallest(logit_pairs(), lambda p: 0 < max(map(abs, (*p[0], *p[1]))) < fmpq(1, 10**5))
    assert {x for row in close[:2] for x in row} <= {fmpq(n, 10**6) for n in (-1, 0, 1)}
    assert smallest(words_of(alphabet_size=3, length=4)) == (0, 0, 0, 0)
    assert smallest(words_of(alphabet_size=3, length=0)) == ()


# -- corners ------------------------------------------------------------------------------------


def transitions(model):
    return [grid(a) for step in model.transitions for a in step]


def nilpotent(m):
    d = len(m)
    power = fmpq_mat(d, d, [fmpq(x.numerator, x.denominator) for row in m for x in row]) ** d
    return any(x for row in m for x in row) and not any(power.entries())


def permuting(m):
    d = len(m)
    ones = all(sorted(row) == [0] * (d - 1) + [1] for row in [*m, *zip(*m, strict=True)])
    return ones and any(m[i][i] == 0 for i in range(d))


def singular(m):
    return checkers.rank(m) < len(m)


MODEL_CORNERS = {
    "T = 1": lambda m: m.horizon == 1,
    "T = 2": lambda m: m.horizon == 2,
    "T = 4": lambda m: m.horizon == 4,
    "k = 3": lambda m: m.alphabet_size == 3,
    "d = 3": lambda m: m.dimension == 3,
    "zero transition": lambda m: any(not any(map(any, a)) for a in transitions(m)),
    "nilpotent transition": lambda m: any(nilpotent(a) for a in transitions(m)),
    "permuting transition": lambda m: any(permuting(a) for a in transitions(m)),
    "singular, not zero": lambda m: any(singular(a) and any(map(any, a)) for a in transitions(m)),
    "fraction in a transition": lambda m: any(
        x.denominator > 1 for a in transitions(m) for row in a for x in row
    ),
    "all logits zero": lambda m: m.horizon > 1 and not any(map(any, map(plain, all_rows(m)))),
    "some logits zero": lambda m: 0 < sum(any(plain(r)) for r in all_rows(m)) < len(all_rows(m)),
    "start at zero": lambda m: not any(m.initial_state),
    "no token is like another": lambda m: any(len(set(plain(r))) == 3 for r in all_rows(m)),
    "a cut rank drops to zero": lambda m: 0 in m.cut_ranks()[1:] and max(m.cut_ranks()) > 0,
    "a cut rank drops, not to zero": lambda m: any(a > b > 0 for a, b in pairwise(m.cut_ranks())),
    "a cut rank above 1": lambda m: max(m.cut_ranks()) > 1,
    "unreachable dimension": lambda m: m.horizon > 1 and max(m.cut_ranks()) < m.dimension,
    "one-token columns fall short": lambda m: any(
        a > b for a, b in zip(m.cut_ranks()[1:-1], m.one_token_ranks()[1:-1], strict=True)
    ),
}


def all_rows(model):
    return [
        model.read(model.state_of(p))
        for n in range(model.horizon)
        for p in words(model.alphabet_size, n)
    ]


@pytest.mark.parametrize("corner", list(MODEL_CORNERS))
def test_corners_of_isans(corner):
    assert MODEL_CORNERS[corner](any_with(isans(), MODEL_CORNERS[corner]))


TARGET_CORNERS = {
    "T = 1": lambda m: m.horizon == 1,
    "T = 2": lambda m: m.horizon == 2,
    "T = 4": lambda m: m.horizon == 4,
    "k = 3": lambda m: m.alphabet_size == 3,
    "d = 3": lambda m: m.dimension == 3,
    "parity": lambda m: m.unit not in (NAT, LN2),
    "copy": lambda m: m.unit == LN2,
    "spike": lambda m: m.horizon > 1 and m.cut_ranks() == (1,) + (0,) * (m.horizon - 1),
    "rank 2": lambda m: max(m.cut_ranks()) == 2,
    "witnesses possible": lambda m: any(
        a > b for a, b in zip(m.cut_ranks()[1:-1], m.one_token_ranks()[1:-1], strict=True)
    ),
}


@pytest.mark.parametrize("corner", list(TARGET_CORNERS))
def test_corners_of_targets(corner):
    assert TARGET_CORNERS[corner](any_with(targets(), TARGET_CORNERS[corner]))


ROW_CORNERS = {
    "one row": lambda rows: len(rows) == 1,
    "one column": lambda rows: len(rows[0]) == 1,
    "repeated row": lambda rows: any(any(r) and rows.count(r) > 1 for r in rows),
    "zero row among others": lambda rows: any(map(any, rows)) and not all(map(any, rows)),
    "all rows zero": lambda rows: len(rows) > 1 and not any(map(any, rows)),
    "low rank": lambda rows: 0 < rank_of(rows) < min(len(rows), len(rows[0])),
    "full rank": lambda rows: rank_of(rows) == len(rows[0]) > 1,
    "first basis needs an exchange": lambda rows: largest_in_first_basis(rows) > 2,
    "coefficient exactly 2": lambda rows: largest_in_first_basis(rows) == 2,
}


def rank_of(rows):
    return checkers.rank(checkers.as_fractions(rows))


def largest_in_first_basis(rows):
    """The largest coefficient in the first independent rows."""
    basis = []
    for row in checkers.as_fractions(rows):
        if checkers.rank([*basis, row]) > len(basis):
            basis.append(row)
    found = [checkers.coordinates(basis, row) for row in checkers.as_fractions(rows)]
    return max((abs(c) for row in found for c in row), default=0)


@pytest.mark.parametrize("corner", list(ROW_CORNERS))
@pytest.mark.parametrize("wide", [False, True])
def test_corners_of_row_families(corner, wide):
    assert ROW_CORNERS[corner](any_with(row_families(wide=wide), ROW_CORNERS[corner]))


@pytest.mark.parametrize("corner", [c for c in ROW_CORNERS if c != "full rank"])
def test_corners_of_low_rank_matrices(corner):
    assert ROW_CORNERS[corner](any_with(low_rank_matrices(), ROW_CORNERS[corner]))


WIDE_CORNERS = {
    "huge": lambda rows: any(abs(x) >= 10**12 for row in rows for x in row),
    "tiny": lambda rows: any(0 < abs(x) <= fmpq(9, 10**12) for row in rows for x in row),
    "huge and tiny in one row": lambda rows: any(
        any(abs(x) >= 10**12 for x in row) and any(0 < abs(x) <= fmpq(9, 10**12) for x in row)
        for row in rows
    ),
}


@pytest.mark.parametrize("corner", list(WIDE_CORNERS))
def test_corners_of_wide_rows(corner):
    assert WIDE_CORNERS[corner](any_with(row_families(wide=True), WIDE_CORNERS[corner]))


def test_rows_are_not_wide_unless_said():
    """Combinations of combinations grow, but nothing is tiny."""
    never(row_families(), WIDE_CORNERS["tiny"])


PAIR_CORNERS = {
    "u = -v": lambda p: any(p[0]) and all(x == -y for x, y in zip(p[0], p[1], strict=True)),
    "u = -v, centred": lambda p: (
        any(p[0]) and sum(p[0]) == 0 and all(x == -y for x, y in zip(p[0], p[1], strict=True))
    ),
    "u = v": lambda p: any(p[0]) and p[0] == p[1],
    "u - v constant": lambda p: (
        p[0] != p[1] and len({x - y for x, y in zip(p[0], p[1], strict=True)}) == 1
    ),
    "unrelated": lambda p: (
        any(p[1]) and any(p[0]) and all(abs(x) != abs(y) for x, y in zip(p[0], p[1], strict=True))
    ),
    "k = 3": lambda p: len(p[0]) == 3,
    "k = 5": lambda p: len(p[0]) == 5,
    "far apart": lambda p: max(abs(x - y) for x, y in zip(p[0], p[1], strict=True)) == 24,
    "unit ln 2": lambda p: p[2] == LN2,
    "unit nat": lambda p: p[2] == NAT,
}


@pytest.mark.parametrize("corner", list(PAIR_CORNERS))
def test_corners_of_logit_pairs(corner):
    pairs = logit_pairs(units=(NAT, LN2))
    assert PAIR_CORNERS[corner](any_with(pairs, PAIR_CORNERS[corner]))


@pytest.mark.parametrize("noise", ["9", "3", "2", "51/49"])
def test_every_noise_of_parities(noise):
    """nu = 1/10, 1/4, 1/3, 49/100: the unit is ln((1 - nu) / nu)."""
    found = any_with(noisy_parities(), lambda m: str(m.unit) == f"ln {noise}")
    assert {abs(x) for x in found.logits((0,) * (found.horizon - 1))} == {Fraction(1, 2)}


@pytest.mark.parametrize("flips", [(1, 1), (1, -1), (-1, 1), (-1, -1)])
def test_every_secret_of_two_bits(flips):
    """The label's logit changes its sign with every secret bit."""

    def secret(m):
        return m.horizon == 3 and flips == tuple(
            m.logits(p)[0] / m.logits((0, 0))[0] for p in [(1, 0), (0, 1)]
        )

    assert secret(any_with(noisy_parities(), secret))


def test_fourier_terms_differ_in_number_and_sign():
    for n in (1, 2, 3):
        assert any_with(fourier_sparse(), lambda m, n=n: m.dimension == n).dimension == n
    negative = smallest(fourier_sparse(), lambda m: m.logits((0,) * (m.horizon - 1))[1] < 0)
    assert negative.logits((0,)) == (1, -1)


def test_copies_of_every_size_and_strength():
    seen = set()

    @settings(max_examples=300, database=None, deadline=None)
    @given(copies())
    def look(model):
        half = [0] * (model.horizon // 2)
        strength = model.logits(half)[0] * model.alphabet_size / (model.alphabet_size - 1)
        seen.add((model.horizon, model.alphabet_size, strength))

    look()
    assert {(t, k) for t, k, _ in seen} == {(2, 2), (2, 3), (4, 2), (4, 3)}
    assert {c for *_, c in seen} == set(range(1, 9))


def test_tables_may_have_ranks_that_no_small_isan_has():
    found = any_with(
        tabulated_models(horizons=(3, 3), alphabet_sizes=(2, 2)),
        lambda m: cut_ranks_by_enumeration(m) == (1, 2, 1),
    )
    assert found.horizon == 3


def test_seeds_spread():
    assert any_with(seeds(), lambda s: s > 2**31) > 2**31
    assert any_with(seeds(), lambda s: 0 < s < 2**16) > 0


# -- nothing invalid ----------------------------------------------------------------------------


def check_model(model, horizons, sizes):
    """Shapes, ranges, and logits at every prefix: rational, k of them, centred."""
    assert isinstance(model, LanguageModel)
    assert horizons[0] <= model.horizon <= horizons[1]
    assert sizes[0] <= model.alphabet_size <= sizes[1]
    for length in range(model.horizon):
        for prefix in words(model.alphabet_size, length):
            row = model.logits(prefix)
            assert len(row) == model.alphabet_size
            assert all(isinstance(x, Fraction) for x in row)
            assert sum(row) == 0


def check_isan(model, horizons, sizes, dimensions):
    assert isinstance(model, Isan)
    check_model(model, horizons, sizes)
    d, k = model.dimension, model.alphabet_size
    assert dimensions[0] <= d <= dimensions[1]
    assert len(model.initial_state) == d
    assert len(model.transitions) in (model.horizon - 1, model.horizon)
    assert all(len(step) == k for step in model.transitions)
    assert all((a.nrows(), a.ncols()) == (d, d) for step in model.transitions for a in step)
    assert len(model.readouts) == model.horizon
    assert all((b.nrows(), b.ncols()) == (k, d) for b in model.readouts)


@some
@given(isans())
def test_isans_are_valid(model):
    check_isan(model, (1, 4), (2, 3), (1, 3))
    assert model.unit == NAT


@some
@given(isans(horizons=(2, 3), alphabet_sizes=(4, 5), dimensions=(2, 2), units=(LN2, LN32)))
def test_isans_heed_their_options(model):
    check_isan(model, (2, 3), (4, 5), (2, 2))
    assert model.unit in (LN2, LN32)


@some
@given(isans(units=(LN2,), integers=True))
def test_integer_isans_have_rational_probabilities(model):
    """Logits that differ by integers of ln 2."""
    for row in all_rows(model):
        assert all((x - row[0]).q == 1 for x in row)
        assert model.unit.weights(row) is not None


@some
@given(noisy_parities(bits=(2, 3)))
def test_parities_are_valid(model):
    check_isan(model, (3, 4), (2, 2), (1, 1))
    last = [model.logits(p) for p in words(2, model.horizon - 1)]
    assert {abs(x) for row in last for x in row} == {Fraction(1, 2)}


@some
@given(fourier_sparse(bits=(1, 3), terms=(1, 3)))
def test_fourier_labels_are_valid(model):
    check_isan(model, (2, 4), (2, 2), (1, min(3, 2 ** (model.horizon - 1))))
    assert all(not any(model.logits(p)) for n in range(model.horizon - 1) for p in words(2, n))


@pytest.mark.parametrize("terms", [(2, 2), (2, 3), (3, 3)])
def test_fourier_labels_have_as_many_terms_as_asked_for(terms):
    @some
    @given(fourier_sparse(bits=(2, 3), terms=terms))
    def check(model):
        assert terms[0] <= model.dimension <= terms[1]

    check()


@some
@given(copies(tokens=(1, 3), alphabet_sizes=(2, 4)))
def test_copies_are_valid(model):
    k, n = model.alphabet_size, model.horizon // 2
    assert model.horizon == 2 * n
    check_isan(model, (2, 6), (2, 4), (n * (k - 1) + 1,) * 2)


@some
@given(spikes(horizons=(2, 6)))
def test_spikes_are_valid(model):
    check_isan(model, (2, 6), (2, 2), (1, 1))
    assert model.logits(()) == (model.horizon, -model.horizon)


@pytest.mark.parametrize("horizons", [(1, 1), (1, 2), (2, 2), (3, 4), (4, 4), (5, 6)])
def test_targets_heed_their_horizons(horizons):
    @some
    @given(targets(horizons=horizons))
    def check(model):
        check_isan(model, horizons, (2, 3), (1, 4))

    check()


@some
@given(tabulated_models(horizons=(1, 3), alphabet_sizes=(2, 4)))
def test_tables_are_valid(model):
    assert isinstance(model, TabulatedModel)
    check_model(model, (1, 3), (2, 4))


@some
@given(st.integers(1, 5).flatmap(lambda n: st.tuples(st.just(n), rationals(size=n))))
def test_rationals_stay_near_zero(pair):
    size, x = pair
    assert isinstance(x, fmpq)
    assert abs(x.p) <= size
    assert x.q in (1, 2, 3, 5)


@some
@given(rationals(size=4, integers=True))
def test_integers_are_integers(x):
    assert isinstance(x, fmpq)
    assert x.q == 1
    assert abs(x) <= 4


@some
@given(wide_rationals())
def test_wide_rationals_are_scaled_rationals(x):
    assert isinstance(x, fmpq)
    magnitude = abs(x)
    assert (
        x == 0
        or fmpq(1, 5) <= magnitude <= 9
        or fmpq(10**12, 5) <= magnitude <= 9 * 10**12
        or fmpq(1, 5 * 10**12) <= magnitude <= fmpq(9, 10**12)
    )


@pytest.mark.parametrize("wide", [False, True])
def test_row_families_are_valid(wide):
    @some
    @given(row_families(rows=(2, 5), columns=(2, 3), wide=wide))
    def check(rows):
        assert 2 <= len(rows) <= 5
        assert 2 <= len(rows[0]) <= 3
        for row in rows:
            assert isinstance(row, tuple)
            assert len(row) == len(rows[0])
            assert all(isinstance(x, fmpq) for x in row)

    check()


@some
@given(low_rank_matrices(rows=(3, 6), columns=(3, 5), ranks=(1, 2)))
def test_low_rank_matrices_are_valid(rows):
    assert 3 <= len(rows) <= 6
    width = len(rows[0])
    assert 3 <= width <= 5
    assert all(isinstance(row, tuple) and len(row) == width for row in rows)
    flat = [x for row in rows for x in row]
    assert all(isinstance(x, fmpq) for x in flat)
    assert flint_rank(fmpq_mat(len(rows), width, flat)) <= 2


@some
@given(logit_pairs(alphabet_sizes=(3, 4), units=(LN2, LN32)))
def test_logit_pairs_are_valid(pair):
    u, v, unit = pair
    assert len(u) == len(v)
    assert len(u) in (3, 4)
    assert all(isinstance(x, fmpq) and abs(x) <= 12 and 10**6 % x.q == 0 for x in (*u, *v))
    assert unit in (LN2, LN32)


@some
@given(words_of(alphabet_size=3, length=4))
def test_words_are_valid(word):
    assert isinstance(word, tuple)
    assert len(word) == 4
    assert set(word) <= {0, 1, 2}


def test_words_reach_every_token():
    found = any_with(words_of(alphabet_size=4, length=4), lambda w: len(set(w)) == 4)
    assert sorted(found) == [0, 1, 2, 3]


@some
@given(seeds())
def test_seeds_are_valid(seed):
    assert isinstance(seed, int)
    assert 0 <= seed < 2**32


# -- ISANs: every size, huge and tiny entries, drops of rank --------------------------------------

HUGE, TINY = 10**12, Fraction(9, 10**12)

ISAN_OPTION_CORNERS = {
    "k = 8, T = 1": (
        isans(horizons=(1, 2), alphabet_sizes=(2, 8)),
        lambda m: (m.alphabet_size, m.horizon) == (8, 1),
    ),
    "k = 8, T = 2, rank 2 at the second cut": (
        isans(horizons=(1, 2), alphabet_sizes=(2, 8), dimensions=(2, 2)),
        lambda m: m.alphabet_size == 8 and m.cut_ranks()[1:] == (2,),
    ),
    "two histories with one state": (
        isans(horizons=(2, 3)),
        lambda m: any(any(r) and all_rows(m)[1:].count(r) > 1 for r in all_rows(m)[1:]),
    ),
    "huge logit": (
        isans(wide=True),
        lambda m: any(abs(x) >= HUGE for r in all_rows(m) for x in plain(r)),
    ),
    "tiny logit": (
        isans(wide=True),
        lambda m: any(0 < abs(x) <= TINY for r in all_rows(m) for x in plain(r)),
    ),
    "huge and tiny logits in one model": (
        isans(wide=True),
        lambda m: (
            any(abs(x) >= HUGE for r in all_rows(m) for x in plain(r))
            and any(0 < abs(x) <= TINY for r in all_rows(m) for x in plain(r))
        ),
    ),
    "tiny entry in a transition": (
        isans(wide=True, horizons=(2, 2)),
        lambda m: any(0 < abs(x) <= TINY for a in transitions(m) for row in a for x in row),
    ),
}


@pytest.mark.parametrize("corner", list(ISAN_OPTION_CORNERS))
def test_corners_of_isans_with_options(corner):
    strategy, condition = ISAN_OPTION_CORNERS[corner]
    assert condition(any_with(strategy, condition))


def test_isans_are_not_wide_unless_said():
    never(isans(), ISAN_OPTION_CORNERS["tiny logit"][1])


@some
@given(isans(wide=True, horizons=(2, 3), alphabet_sizes=(2, 4)))
def test_wide_isans_are_valid(model):
    check_isan(model, (2, 3), (2, 4), (1, 3))


def test_every_alphabet_from_2_to_8():
    for k in range(2, 9):
        found = any_with(
            isans(horizons=(1, 2), alphabet_sizes=(2, 8)), lambda m, k=k: m.alphabet_size == k
        )
        assert found.alphabet_size == k


LAYERED_CORNERS = {
    "drops at one cut and rises again": lambda m: m.cut_ranks() in ((1, 2, 1, 2), (1, 2, 1, 2, 1)),
    "rank 3": lambda m: max(m.cut_ranks()) == 3,
    "T = 1": lambda m: m.horizon == 1,
    "T = 5": lambda m: m.horizon == 5,
    "all logits zero": lambda m: m.horizon > 1 and not any(map(any, all_rows(m))),
}


@pytest.mark.parametrize("corner", list(LAYERED_CORNERS))
def test_corners_of_layered_isans(corner):
    assert LAYERED_CORNERS[corner](any_with(layered_isans(), LAYERED_CORNERS[corner]))


def test_the_smallest_layered_isan():
    assert written(smallest(layered_isans())) == SMALLEST_ISAN
    found = smallest(layered_isans(), lambda m: m.cut_ranks()[0] == 1)
    assert (found.horizon, found.dimension, [abs(x) for x in plain(found.initial_state)]) == (
        1,
        1,
        [1],
    )


@some
@given(layered_isans(horizons=(2, 4), alphabet_sizes=(3, 4), widths=(2, 3), units=(LN2,)))
def test_layered_isans_are_valid(model):
    check_isan(model, (2, 4), (3, 4), (2, 3))
    assert model.unit == LN2
    assert all(r.q == 1 for b in model.readouts for r in (b * 12).entries())


# -- perturbed ISANs and noisy oracles ------------------------------------------------------------


def errors(model):
    """What a perturbed model adds to every logit, in nats (its unit is the nat)."""
    return [
        x - y
        for n in range(model.horizon)
        for p in words(model.alphabet_size, n)
        for x, y in zip(model.logits(p), model.model.logits(p), strict=True)
    ]


@some
@given(perturbed_isans(horizons=(1, 3), alphabet_sizes=(2, 4), xis=("1/7", "1/100")))
def test_perturbed_isans_are_valid(model):
    check_model(model, (1, 3), (2, 4))
    check_isan(model.model, (1, 3), (2, 4), (1, 3))
    assert model.amplitude in (fmpq(1, 7), fmpq(1, 100))
    assert all(
        abs(x) <= Fraction(int(model.amplitude.p), int(model.amplitude.q)) for x in errors(model)
    )


PERTURBED_CORNERS = {
    "the whole error somewhere": lambda m: Fraction(1, 7) in map(abs, errors(m)),
    "no error at all": lambda m: not any(errors(m)),
    "less than the whole, not zero": lambda m: 0 < max(map(abs, errors(m))) < Fraction(1, 7000),
    "a rank that the ISAN has not": lambda m: (
        m.horizon == 3 and max(cut_ranks_by_enumeration(m)) > max(cut_ranks_by_enumeration(m.model))
    ),
}


@pytest.mark.parametrize("corner", list(PERTURBED_CORNERS))
def test_corners_of_perturbed_isans(corner):
    found = any_with(perturbed_isans(horizons=(1, 3)), PERTURBED_CORNERS[corner])
    assert PERTURBED_CORNERS[corner](found)


def test_the_smallest_perturbed_isan():
    found = smallest(perturbed_isans())
    assert written(found.model) == SMALLEST_ISAN
    assert found.amplitude == fmpq(1, 7000)


def answered(oracle):
    """Answers less the truth at every prefix, in units."""
    asked = [p for n in range(oracle.model.horizon) for p in words(oracle.model.alphabet_size, n)]
    answers = oracle.logits(asked)
    assert [len(row) for row in answers] == [oracle.model.alphabet_size] * len(asked)
    assert answers == oracle.logits(asked)  # a fixed function of the prefix
    return [
        x - y
        for p, row in zip(asked, answers, strict=True)
        for x, y in zip(plain(row), oracle.model.logits(p), strict=True)
    ]


@some
@given(noisy_oracles(xis=("1/7", "1/1000")))
def test_noisy_oracles_are_valid(oracle):
    check_isan(oracle.model, (1, 4), (2, 3), (1, 4))
    assert oracle.noise in ("random", "adversarial", "rounding")
    assert oracle.xi in (fmpq(1, 7), fmpq(1, 1000))
    unit = oracle.model.unit
    assert all(
        unit.in_nats(fmpq(x.numerator, x.denominator)) <= oracle.xi
        for x in map(abs, answered(oracle))
    )


NOISY_CORNERS = {
    "the whole error": lambda o: o.model.unit == NAT and Fraction(1, 7) in map(abs, answered(o)),
    "no error anywhere": lambda o: not any(answered(o)),
    "an error at the root alone": lambda o: (
        o.model.horizon > 1 and any(answered(o)[:2]) and not any(answered(o)[2:])
    ),
    "unit not the nat": lambda o: o.model.unit != NAT and any(answered(o)),
    "random": lambda o: o.noise == "random",
    "adversarial": lambda o: o.noise == "adversarial",
    "rounding": lambda o: o.noise == "rounding",
}


@pytest.mark.parametrize("corner", list(NOISY_CORNERS))
def test_corners_of_noisy_oracles(corner):
    assert NOISY_CORNERS[corner](any_with(noisy_oracles(), NOISY_CORNERS[corner]))


def test_the_smallest_noisy_oracle_says_what_it_is():
    found = smallest(noisy_oracles(models=isans()))
    assert repr(found) == (
        "ApproximateOracle(model=Isan(k=2, T=1, unit=nat, x0=[0], A=(), B=[0; 0]), "
        "noise='random', xi=1/7000, seed=0)"
    )


def test_noisy_oracles_ask_the_models_given():
    never(noisy_oracles(models=spikes()), lambda o: o.model.alphabet_size != 2)
    found = any_with(noisy_oracles(models=spikes(), noises=("rounding",)), lambda o: True)
    assert (found.noise, found.model.logits(())[0]) == ("rounding", found.model.horizon)


# -- teachers and hidden Markov models ------------------------------------------------------------

IDENTITY = (0, 1, 2, 3, 4)


def test_the_smallest_teachers():
    program = smallest(branching_programs())
    assert [(i.index, i.zero, i.one) for i in program.instructions] == [(0, IDENTITY, IDENTITY)]
    assert (program.start, program.accept) == (0, 0)
    assert smallest(branching_programs(lengths=(0, 3))).instructions == ()
    teacher = smallest(hard_teachers())
    assert (teacher.bits, teacher.program, teacher.strength, teacher.padding) == (1, program, 1, 0)
    assert teacher.model.horizon == 3
    assert smallest(cauchy_teachers()).horizon == 3


def values(program, n):
    return {program.evaluate(x) for x in words(2, n)}


PROGRAM_CORNERS = {
    "accepts all": lambda p: len(p.instructions) == 2 and values(p, 3) == {1},
    "rejects all": lambda p: values(p, 3) == {-1},
    "parity of two bits": lambda p: all(
        p.evaluate(x) == (-1) ** (x[0] + x[1]) for x in words(2, 3)
    ),
    "one bit read twice": lambda p: len({i.index for i in p.instructions}) < len(p.instructions),
    "last bit read": lambda p: any(i.index == 2 for i in p.instructions),
    "permutations that do not commute": lambda p: (
        len(p.instructions) == 2
        and any(
            a[b[q]] != b[a[q]]
            for a in [p.instructions[0].one]
            for b in [p.instructions[1].one]
            for q in range(5)
        )
    ),
}


@pytest.mark.parametrize("corner", list(PROGRAM_CORNERS))
def test_corners_of_branching_programs(corner):
    found = any_with(branching_programs(bits=(3, 3)), PROGRAM_CORNERS[corner])
    assert PROGRAM_CORNERS[corner](found)


@some
@given(branching_programs(bits=(2, 3), lengths=(1, 4)))
def test_branching_programs_are_valid(program):
    assert 1 <= len(program.instructions) <= 4
    for instruction in program.instructions:
        assert 0 <= instruction.index < 3
        assert sorted(instruction.zero) == sorted(instruction.one) == list(IDENTITY)
    assert 0 <= program.start < 5
    assert 0 <= program.accept < 5


@some
@given(hard_teachers(bits=(1, 2), copies_made=(0, 2)))
def test_hard_teachers_are_valid(teacher):
    """The label's logit by hand: c (2 C + r) for token 1, C mismatched copies."""
    n, length = teacher.bits, len(teacher.program.instructions)
    model, c = teacher.model, teacher.strength
    assert 1 <= n <= 2
    assert 0 <= length <= 2
    assert model.horizon == n + length + 1 + teacher.padding
    check_isan(model, (2, 6), (2, 2), (n + 7, n + 7))
    for prefix in words(2, n + length):
        x, copies_seen = prefix[:n], prefix[n:]
        read = [x[i.index] for i in teacher.program.instructions]
        mismatched = sum(a != b for a, b in zip(read, copies_seen, strict=True))
        assert model.logits(prefix)[1] == c * (2 * mismatched + teacher.program.run(copies_seen))


def test_hard_teachers_of_every_kind():
    for condition in (
        lambda t: t.padding == 1,
        lambda t: t.strength == 8,
        lambda t: t.bits == 3 and len(t.program.instructions) == 2,
        lambda t: values(t.program, t.bits) == {1, -1},
    ):
        assert condition(any_with(hard_teachers(), condition))


@some
@given(cauchy_teachers(bits=(1, 2)))
def test_cauchy_teachers_are_valid(model):
    check_isan(model, (3, 5), (2, 2), (2, 2))
    n = model.horizon // 2
    for prefix in words(2, 2 * n):
        s = [int("".join(map(str, part)), 2) for part in (prefix[:n], prefix[n:])]
        assert model.logits(prefix)[1] == Fraction(s[0] - s[1], 2)


def test_cauchy_teachers_of_every_size():
    for n in (1, 2, 3):
        found = any_with(cauchy_teachers(), lambda m, n=n: m.horizon == 2 * n + 1)
        assert found.cut_ranks() == cauchy_teacher(n).cut_ranks()


def laws_of(model):
    return [model.initial, *model.transitions, *model.emissions]


HIDDEN_MARKOV_CORNERS = {
    "one state": lambda m: m.hidden_states == 1,
    "three states": lambda m: m.hidden_states == 3,
    "T = 1": lambda m: m.horizon == 1,
    "k = 3": lambda m: m.alphabet_size == 3,
    "identity transition": lambda m: (
        m.hidden_states > 1 and all(row[i] == 1 for i, row in enumerate(m.transitions))
    ),
    "periodic": lambda m: m.hidden_states == 2 and m.transitions[0][1] == m.transitions[1][0] == 1,
    "state never entered": lambda m: (
        m.hidden_states > 1
        and any(
            m.initial[i] == 0 == sum(r[i] for r in m.transitions) for i in range(m.hidden_states)
        )
    ),
    "two states emit alike": lambda m: len(set(m.emissions)) < len(m.emissions),
    "start certain": lambda m: m.hidden_states > 1 and fmpq(1) in m.initial,
}


@pytest.mark.parametrize("corner", list(HIDDEN_MARKOV_CORNERS))
def test_corners_of_hidden_markov_models(corner):
    found = any_with(hidden_markov_models(), HIDDEN_MARKOV_CORNERS[corner])
    assert HIDDEN_MARKOV_CORNERS[corner](found)


def test_the_smallest_hidden_markov_model():
    assert repr(smallest(hidden_markov_models())) == (
        "HiddenMarkovModel(k=2, T=1, initial=[1], transitions=[1], emissions=[1/2 1/2])"
    )


@some
@given(hidden_markov_models(horizons=(2, 3), alphabet_sizes=(2, 4), hidden_states=(2, 3)))
def test_hidden_markov_models_are_valid(model):
    assert 2 <= model.horizon <= 3
    assert 2 <= model.alphabet_size <= 4
    assert 2 <= model.hidden_states <= 3
    for law in laws_of(model):
        assert sum(plain(law)) == 1
        assert all(x >= 0 for x in law)
    assert all(x > 0 for row in model.emissions for x in row)
    assert [len(row) for row in model.transitions] == [model.hidden_states] * model.hidden_states
    assert [len(row) for row in model.emissions] == [model.alphabet_size] * model.hidden_states


# -- near-singular rows ---------------------------------------------------------------------------


def near_singular(rows):
    """Two rows of two entries of order one whose determinant is tiny but not zero."""
    exact = checkers.as_fractions(rows)
    return any(
        max(map(abs, x)) >= 1
        and max(map(abs, y)) >= 1
        and 0 < abs(x[0] * y[1] - x[1] * y[0]) <= Fraction(1, 10**9)
        for x in exact
        for y in exact
    )


def test_near_singular_bases_are_found_where_asked_for():
    pairs = row_families(columns=(2, 2), nearly_dependent=True)
    assert near_singular(any_with(pairs, near_singular))
    found = smallest(pairs, near_singular)
    assert len(found) == 2
    never(row_families(columns=(2, 2)), near_singular)


def test_nearly_dependent_rows_have_huge_coefficients_in_the_wrong_basis():
    def ill(rows):
        return rank_of(rows) == 2 and largest_in_first_basis(rows) >= 10**9

    assert ill(any_with(row_families(columns=(2, 3), nearly_dependent=True), ill))


@some
@given(row_families(rows=(2, 5), columns=(2, 3), nearly_dependent=True))
def test_nearly_dependent_rows_are_valid(rows):
    assert 2 <= len(rows) <= 5
    assert {len(row) for row in rows} <= {2, 3}
    assert len({len(row) for row in rows}) == 1
    assert all(isinstance(row, tuple) and all(isinstance(x, fmpq) for x in row) for row in rows)


# -- sequences for Lemma 5.1 ----------------------------------------------------------------------


def inner(x, y):
    return sum(a * b for a, b in zip(plain(x), plain(y), strict=True))


def check_sequence(p, dimensions):
    """All hypotheses of Lemma 5.1, from the vectors alone, and what the attributes say of them."""
    w, d = len(p.v), p.dimension
    assert w == len(p.phi) == len(p.readings) >= 1
    assert dimensions[0] <= d <= dimensions[1]
    assert {len(x) for x in (*p.v, *p.phi)} == {d}
    e, g = plain([p.error, p.threshold])
    assert [len(row) for row in p.readings] == list(range(1, w + 1))
    for j, row in enumerate(map(plain, p.readings)):
        assert not any(row[:j])
        assert abs(row[j]) >= g
        assert all(abs(row[i] - inner(p.v[j], p.phi[i])) <= e for i in range(j + 1))
    assert g > e
    assert p.gain == p.threshold - p.error
    assert all(inner(x, x) <= plain([p.b2])[0] for x in p.v)
    assert all(inner(x, x) <= plain([p.r2])[0] for x in p.phi)


SEQUENCES = {
    "potentials": (potentials(dimensions=(1, 2)), (1, 2)),
    "exact potentials": (potentials(exact=True), (1, 3)),
    "nearly exact potentials": (potentials(exact=True, error=fmpq(1, 1000)), (1, 3)),
    "witnesses": (witness_sequences(dimensions=(2, 3)), (2, 3)),
    "witnesses with noise": (witness_sequences(xi="1/50"), (1, 3)),
}


@pytest.mark.parametrize("name", list(SEQUENCES))
def test_sequences_are_valid_and_obey_the_lemma(name):
    strategy, dimensions = SEQUENCES[name]

    @some
    @given(strategy)
    def check(p):
        check_sequence(p, dimensions)
        for lam in (fmpq(1, 64), fmpq(1), fmpq(64)):
            left, right = elliptic_potential(
                len(p.v), p.dimension, p.b2, p.r2, p.error, p.threshold, lam
            )
            assert left <= right
        if p.error == 0:
            assert len(p.v) <= elliptic_potential_exact(p.dimension)

    check()


@some
@given(witness_sequences())
def test_witnesses_without_noise_are_exact(p):
    assert p.error == 0
    assert rank_of(p.phi) == len(p.phi)


def test_the_smallest_sequences():
    for strategy in (potentials(), potentials(exact=True)):
        found = smallest(strategy)
        assert len(found.v) == found.dimension == 1
        assert {abs(found.v[0][0]), abs(found.phi[0][0])} == {fmpq(1)}
    found = smallest(witness_sequences())
    assert len(found.v) == found.dimension == 1
    assert (abs(found.v[0][0]), abs(found.phi[0][0]), abs(found.readings[0][0])) == (4, 1, 4)


SEQUENCE_CORNERS = {
    "longer than d": (potentials(), lambda p: len(p.v) > p.dimension),
    "d + 3 long": (potentials(), lambda p: len(p.v) == p.dimension + 3),
    "exact, as long as d = 3": (
        potentials(exact=True),
        lambda p: len(p.v) == p.dimension == 3 and p.error == 0,
    ),
    "nearly exact": (
        potentials(exact=True, error=fmpq(1, 1000)),
        lambda p: len(p.v) > 1 and 0 < p.error < fmpq(1, 10),
    ),
    "witnesses, as many as d = 3": (
        witness_sequences(),
        lambda p: len(p.v) == p.dimension == 3,
    ),
    "witnesses, fewer than d": (witness_sequences(), lambda p: len(p.v) < p.dimension),
    "more witnesses than d, by noise": (
        witness_sequences(dimensions=(1, 1), xi="1/50"),
        lambda p: len(p.v) > 1 and p.error > 0,
    ),
    "noise that does not show": (
        witness_sequences(xi="1/50"),
        lambda p: len(p.v) > 1 and p.error == 0,
    ),
}


@pytest.mark.parametrize("corner", list(SEQUENCE_CORNERS))
def test_corners_of_sequences(corner):
    strategy, condition = SEQUENCE_CORNERS[corner]
    assert condition(any_with(strategy, condition))
