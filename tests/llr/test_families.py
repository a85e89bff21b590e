"""llr.models.families against their definitions."""

from __future__ import annotations

from fractions import Fraction
from itertools import product

import mpmath
import pytest
from by_hand import all_words, ranks_of
from flint import fmpq

from llr.errors import InputError
from llr.models import families
from llr.models.isan import Isan
from llr.numbers.arithmetic import EXACT
from llr.numbers.rational import fraction, rational
from llr.numbers.units import NAT, LogitUnit


def enumerated_ranks(logits, k, horizon):
    """Return all cut ranks of a function from prefixes to centred logits."""
    return ranks_of({h: logits(h) for n in range(horizon) for h in all_words(k, n)}, k, horizon)


def check(model, logits, k, horizon):
    """Assert that the model has these logits everywhere and their cut ranks."""
    assert (model.alphabet_size, model.horizon) == (k, horizon)
    for n in range(horizon):
        for h in all_words(k, n):
            assert list(model.logits(h)) == list(logits(h))
    assert model.cut_ranks() == enumerated_ranks(logits, k, horizon)


def inner(secret, x):
    return sum(int(s) * b for s, b in zip(secret, x, strict=True)) % 2


def softmax_in_powers(row, base):
    """Return softmax for the unit ln base where the differences are integers."""
    steps = [x - row[0] for x in row]
    assert all(s.denominator == 1 for s in steps)
    weights = [base ** int(s) for s in steps]
    return [w / sum(weights) for w in weights]


def grids(model):
    """Return the start, transitions and readouts as Fractions."""

    def read(m):
        return [[fraction(x) for x in row] for row in EXACT.rows(m)]

    return (
        [fraction(x) for x in model.initial_state],
        [[read(a) for a in step] for step in model.transitions],
        [read(b) for b in model.readouts],
    )


# -- noisy parity -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("secret", "nu"),
    [
        ("1", "1/10"),
        ("0", "1/3"),
        ("101", "1/10"),
        ("000", "2/5"),
        ("1111", "1/100"),
        ("0100", "499/1000"),
    ],
)
def test_parity_has_exactly_the_probabilities_of_its_definition(secret, nu):
    n, noise = len(secret), Fraction(nu)
    model = families.noisy_parity(n, secret, nu)
    base = fraction(model.unit.base)
    assert base == (1 - noise) / noise
    for x in all_words(2, n):
        word_mass = Fraction(1)
        for t in range(n):
            share = softmax_in_powers(model.logits(x[:t]), base)
            assert share == [Fraction(1, 2)] * 2
            word_mass *= share[x[t]]
        label = softmax_in_powers(model.logits(x), base)
        assert label[inner(secret, x)] == 1 - noise
        assert label[1 - inner(secret, x)] == noise
        assert word_mass == Fraction(1, 2**n)


@pytest.mark.parametrize("secret", ["1", "0", "01", "101", "000", "1111"])
def test_parity_has_label_logits_one_half_and_cut_ranks_one(secret):
    def logits(h):
        if len(h) < len(secret):
            return [Fraction(0)] * 2
        half = Fraction(-1, 2) * (-1) ** inner(secret, h)
        return [-half, half]

    model = families.noisy_parity(len(secret), secret, "1/10")
    check(model, logits, 2, len(secret) + 1)
    assert model.cut_ranks() == (1,) * (len(secret) + 1)
    assert model.dimension == 1


@pytest.mark.parametrize("noise", ["1/10", Fraction(1, 10), fmpq(1, 10)])
def test_the_noise_is_any_exact_number(noise):
    assert families.noisy_parity(1, "1", noise).unit == LogitUnit.parse("ln 9")


def test_parity_probabilities_are_exact_reals():
    model = families.noisy_parity(2, "11", "1/10")
    found = model.unit.probabilities([rational(x) for x in model.logits((0, 1))])
    assert [p.exact for p in found] == [fmpq(1, 10), fmpq(9, 10)]


@pytest.mark.parametrize(
    ("n", "secret", "noise", "message"),
    [
        (0, "", "1/10", r"n must be an integer of at least 1, not 0"),
        ("3", "101", "1/10", r"n must be an integer of at least 1, not '3'"),
        (3, "10", "1/10", r"secret must be a string of 3 characters 0 or 1, not '10'"),
        (3, "1011", "1/10", r"secret must be a string of 3 characters 0 or 1, not '1011'"),
        (3, "102", "1/10", r"secret must be a string of 3 characters 0 or 1, not '102'"),
        (3, "1 1", "1/10", r"secret must be a string of 3 characters 0 or 1, not '1 1'"),
        (3, (1, 0, 1), "1/10", r"secret must be a string of 3 .*, not \(1, 0, 1\)"),
        (3, None, "1/10", r"secret must be a string of 3 characters 0 or 1, not None"),
        (3, "101", "1/2", r"nu must be a rational in \(0, 1/2\), not '1/2'"),
        (3, "101", "0", r"nu must be a rational in \(0, 1/2\), not '0'"),
        (3, "101", "-1/10", r"nu must be a rational in \(0, 1/2\), not '-1/10'"),
        (3, "101", "9/10", r"nu must be a rational in \(0, 1/2\), not '9/10'"),
        (3, "101", 1, r"nu must be a rational in \(0, 1/2\), not '1'"),
        (3, "101", 0.1, r"nu must be a rational \(int, Fraction or string p/q\), not 0\.1"),
        (3, "101", "0.1", r"nu must be a rational string .*, not '0\.1'"),
        (3, "101", "1/0", r"nu must be a rational with a nonzero denominator, not '1/0'"),
    ],
)
def test_parity_refuses_bad_parameters(n, secret, noise, message):
    with pytest.raises(InputError, match=f"^{message}$"):
        families.noisy_parity(n, secret, noise)


# -- Fourier-sparse -----------------------------------------------------------------------------

FUNCTIONS = [
    {"1": "1/2"},
    {"0": "-3"},
    {"00": "1/3", "11": "-1/4"},
    {"110": "1/2", "011": "-1/4", "000": "2"},
    {"1000": "1", "0100": "1", "0010": "-1", "1110": "1/7", "1111": "-2/5"},
    {"0001": "1/2", "0010": "1/2"},
    dict.fromkeys(("00", "01", "10", "11"), "1/2"),
]


def value_of(terms, x):
    return sum((Fraction(v) * (-1) ** inner(s, x) for s, v in terms.items()), Fraction(0))


@pytest.mark.parametrize("terms", FUNCTIONS)
def test_fourier_has_the_logits_of_its_definition(terms):
    n = len(next(iter(terms)))

    def logits(h):
        f = value_of(terms, h) if len(h) == n else Fraction(0)
        return [-f, f]

    model = families.fourier_sparse(n, terms)
    check(model, logits, 2, n + 1)
    assert model.unit == NAT
    assert model.dimension == len(terms)
    assert max(model.cut_ranks()) <= len(terms)


@pytest.mark.parametrize("terms", FUNCTIONS)
def test_fourier_labels_have_probability_sigma_of_2f(terms):
    n = len(next(iter(terms)))
    model = families.fourier_sparse(n, {s: Fraction(v) for s, v in terms.items()})
    for x in all_words(2, n):
        one = NAT.probabilities([rational(v) for v in model.logits(x)])[1]
        found = one.enclosure(Fraction(1, 10**40))
        f = value_of(terms, x)
        with mpmath.workdps(60):
            sigma = 1 / (1 + mpmath.exp(mpmath.mpf(-2) * f.numerator / f.denominator))
            top, bottom = mpmath.libmp.to_rational(sigma._mpf_)
        value, slack = Fraction(int(top), int(bottom)), Fraction(1, 10**55)
        assert found.lower - slack <= value <= found.upper + slack


def test_fourier_ranks_can_be_the_number_of_terms():
    terms = {"110000": "1", "001100": "1", "000011": "1"}
    assert families.fourier_sparse(6, terms).cut_ranks() == (1, 2, 2, 3, 2, 2, 1)


@pytest.mark.parametrize(
    ("n", "terms", "message"),
    [
        (0, {"": "1"}, r"n must be an integer of at least 1, not 0"),
        (2, {}, r"terms must be at least one term, not \{\}"),
        (2, {"1": "1"}, r"terms must be a string of 2 characters 0 or 1, not '1'"),
        (2, {"11": "1", "012": "1"}, r"terms must be a string of 2 characters 0 or 1, not '012'"),
        (2, {"1x": "1"}, r"terms must be a string of 2 characters 0 or 1, not '1x'"),
        (2, {(1, 1): "1"}, r"terms must be a string of 2 characters 0 or 1, not \(1, 1\)"),
        (2, {"11": "0"}, r"terms\[11\] must be a nonzero rational, not '0'"),
        (2, {"11": "1", "01": Fraction(0)}, r"terms\[01\] must be a nonzero rational, not '0'"),
        (2, {"11": 0.5}, r"terms\[11\] must be a rational .*, not 0\.5"),
        (2, {"11": "1/0"}, r"terms\[11\] must be a rational with a nonzero denominator, not '1/0'"),
    ],
)
def test_fourier_refuses_bad_parameters(n, terms, message):
    with pytest.raises(InputError, match=f"^{message}$"):
        families.fourier_sparse(n, terms)


# -- copy ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("n", "k", "c"), [(1, 2, 8), (1, 4, 1), (2, 2, 8), (2, 3, 5), (3, 2, 1)])
def test_copy_has_the_logits_of_its_definition(n, k, c):
    def logits(h):
        if len(h) < n:
            return [Fraction(0)] * k
        wanted = h[len(h) - n]
        return [c * (Fraction(int(a == wanted)) - Fraction(1, k)) for a in range(k)]

    model = families.copy(n, k, c)
    check(model, logits, k, 2 * n)
    assert model.unit == LogitUnit.parse("ln 2")
    assert model.dimension == n * (k - 1) + 1
    assert max(model.cut_ranks()) == n * (k - 1)


@pytest.mark.parametrize("k", [2, 3, 5])
def test_copied_tokens_have_odds_two_to_the_c(k):
    model = families.copy(1, k, 3)
    share = softmax_in_powers(model.logits((1,)), Fraction(2))
    assert share[1] == Fraction(8, 7 + k)
    assert {p for a, p in enumerate(share) if a != 1} == {Fraction(1, 7 + k)}


def test_copy_defaults_to_two_tokens_and_c_8():
    model = families.copy(2)
    assert model.alphabet_size == 2
    assert model.logits((1, 0)) == (-4, 4)


@pytest.mark.parametrize(("n", "k"), [(8, 2), (5, 3)])
def test_cut_ranks_of_larger_copies(n, k):
    # k-1 per token still to be copied, and 1 for those still to come
    rising = tuple(t * (k - 1) + 1 for t in range(n))
    assert families.copy(n, k).cut_ranks() == rising + tuple(t * (k - 1) for t in range(n, 0, -1))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0,), r"n must be an integer of at least 1, not 0"),
        ((1.0,), r"n must be an integer of at least 1, not 1\.0"),
        ((1, 1), r"k must be an integer of at least 2, not 1"),
        ((1, 2, 0), r"c must be an integer of at least 1, not 0"),
        ((1, 2, Fraction(1, 2)), r"c must be an integer of at least 1, not Fraction\(1, 2\)"),
    ],
)
def test_copy_refuses_bad_parameters(arguments, message):
    with pytest.raises(InputError, match=f"^{message}$"):
        families.copy(*arguments)


# -- spike --------------------------------------------------------------------------------------


@pytest.mark.parametrize("horizon", [1, 2, 5])
def test_spike_has_the_logits_of_its_definition(horizon):
    def logits(h):
        return [Fraction(0)] * 2 if h else [Fraction(horizon), Fraction(-horizon)]

    model = families.spike(horizon)
    check(model, logits, 2, horizon)
    assert model.cut_ranks() == (1,) + (0,) * (horizon - 1)
    assert (model.dimension, model.unit) == (1, NAT)


@pytest.mark.parametrize("horizon", [0, -1, "6", None, True])
def test_spike_refuses_bad_horizons(horizon):
    with pytest.raises(InputError, match=r"^T must be an integer of at least 1, not "):
        families.spike(horizon)


# -- random ISANs -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("horizon", "k", "d", "expected"),
    [
        (1, 2, 3, (1,)),
        (8, 2, 3, (1, 2, 3, 3, 3, 3, 3, 1)),
        (8, 2, 4, (1, 2, 4, 4, 4, 4, 3, 1)),
        (3, 5, 9, (1, 5, 4)),
        (4, 3, 8, (1, 3, 8, 2)),
        (2, 2, 1, (1, 1)),
        (4, 2, 100, (1, 2, 3, 1)),
    ],
)
def test_generic_cut_ranks_by_hand(horizon, k, d, expected):
    assert families.generic_cut_ranks(horizon, k, d) == expected


def test_generic_cut_ranks_are_the_formula():
    for horizon, k, d in product(range(1, 9), range(2, 6), range(1, 20)):
        assert families.generic_cut_ranks(horizon, k, d) == tuple(
            min(d, k ** (s - 1), k ** (horizon - s + 1) - 1) for s in range(1, horizon + 1)
        )


def test_generic_cut_ranks_of_a_long_horizon_need_no_large_powers():
    ranks = families.generic_cut_ranks(100_000, 8, 5)
    assert len(ranks) == 100_000
    assert ranks[:3] == (1, 5, 5)
    assert set(ranks) == {1, 5}


@pytest.mark.parametrize(
    ("horizon", "k", "d"),
    [(1, 2, 1), (1, 3, 2), (3, 2, 1), (4, 2, 2), (5, 2, 4), (6, 2, 3), (3, 3, 4), (3, 8, 3)],
)
def test_rotation_isans_have_generic_ranks(horizon, k, d):
    for seed in range(2):
        model = families.random_isan(horizon, k, d, seed)
        wanted = tuple(
            min(d, k ** (s - 1), k ** (horizon - s + 1) - 1) for s in range(1, horizon + 1)
        )
        assert enumerated_ranks(model.logits, k, horizon) == model.cut_ranks() == wanted
        assert (model.alphabet_size, model.horizon, model.dimension) == (k, horizon, d)
        assert model.unit == NAT
        assert len(model.transitions) == horizon - 1


@pytest.mark.parametrize("d", [1, 2, 3, 5])
def test_rotations_are_orthogonal_with_the_stated_angles(d):
    _, transitions, _ = grids(families.random_isan(4, 2, d, seed=7))
    for step in transitions:
        for a in step:
            for i, j in product(range(d), repeat=2):
                column = sum(a[m][i] * a[m][j] for m in range(d))
                assert column == int(i == j)
            # at most d factors with denominators 5, 13, 17
            assert all((5 * 13 * 17) ** d % x.denominator == 0 for row in a for x in row)
            if d == 1:
                assert a[0][0] in (1, -1)


def test_plane_rotations_are_products_of_the_stated_angles():
    # in the plane rotations multiply like complex numbers
    angles = [(Fraction(a, c), Fraction(b, c)) for a, b, c in ((3, 4, 5), (5, 12, 13), (8, 15, 17))]
    signed = [(x, s * y) for x, y in angles for s in (1, -1)]
    products = {(a * c - b * d, a * d + b * c) for a, b in signed for c, d in signed}
    seen = set()
    for seed in range(10):
        for step in grids(families.random_isan(3, 2, 2, seed))[1]:
            for (x, y), (z, w) in step:
                assert (x, z) == (w, -y)
                assert (x, z) in products
                seen.add((x, z))
    assert len(seen) > len(products) // 2


def test_rotations_of_one_dimension_take_both_signs():
    signs = {
        step[y][0][0]
        for seed in range(8)
        for y in (0, 1)
        for step in grids(families.random_isan(3, 2, 1, seed))[1]
    }
    assert signs == {1, -1}


@pytest.mark.parametrize("kind", list(families.KINDS))
def test_start_and_readouts_are_tenths_in_the_stated_ranges(kind):
    seen_start, seen_spread = set(), set()
    for seed in range(8):
        start, _, readouts = grids(families.random_isan(3, 3, 3, seed, kind))
        for x in start:
            assert (x * 10).denominator == 1
            assert abs(x) <= Fraction(9, 10)
            seen_start.add(x)
        for b in readouts:
            for column in zip(*b, strict=True):
                assert sum(column) == 0
                for x, y in product(column, repeat=2):
                    assert ((x - y) * 10).denominator == 1
                    assert abs(x - y) <= 3
                    seen_spread.add(abs(x - y))
    assert len(seen_start) > 12
    assert max(seen_spread) > Fraction(5, 2)


def test_start_and_readouts_reach_the_ends_of_their_ranges():
    start, _, readouts = grids(families.random_isan(1, 8, 300, kind="dense"))
    assert set(start) == {Fraction(p, 10) for p in range(-9, 10)}
    assert max(max(c) - min(c) for c in zip(*readouts[0], strict=True)) == 3


def transitions_of(kind, d=4):
    return [
        a
        for seed in range(6)
        for step in grids(families.random_isan(4, 2, d, seed, kind))[1]
        for a in step
    ]


def test_dense_transitions_are_small_fractions():
    entries = [x for a in transitions_of("dense") for row in a for x in row]
    assert all(abs(x) <= 9 and x.denominator <= 9 for x in entries)
    assert len(set(entries)) > 50


def test_sparse_transitions_have_one_half_integer_per_row():
    matrices = transitions_of("sparse")
    for a in matrices:
        assert all(sum(x != 0 for x in row) <= 1 for row in a)
    halves = {x for a in matrices for row in a for x in row}
    assert halves == {Fraction(p, 2) for p in range(-2, 3)}


def test_permutation_transitions_permute():
    matrices = transitions_of("permutation")
    for a in matrices:
        assert sorted(a) == sorted([Fraction(int(i == j)) for j in range(4)] for i in range(4))
    assert len({str(a) for a in matrices}) > 5


def test_nilpotent_transitions_are_strictly_upper_triangular():
    matrices = transitions_of("nilpotent")
    for a in matrices:
        assert all(a[i][j] == 0 for i in range(4) for j in range(i + 1))
    above = {a[i][j] for a in matrices for i in range(4) for j in range(i + 1, 4)}
    assert above == {Fraction(p, 2) for p in range(-2, 3)}


@pytest.mark.parametrize("kind", list(families.KINDS))
def test_ranks_of_every_kind_agree_with_enumeration(kind):
    for seed in range(3):
        model = families.random_isan(4, 2, 3, seed, kind)
        assert isinstance(model, Isan)
        assert model.cut_ranks() == enumerated_ranks(model.logits, 2, 4)


@pytest.mark.parametrize("kind", list(families.KINDS))
def test_the_seed_decides(kind):
    first = grids(families.random_isan(4, 3, 2, 11, kind))
    assert grids(families.random_isan(4, 3, 2, 11, kind)) == first
    assert grids(families.random_isan(4, 3, 2, 12, kind)) != first
    assert grids(families.random_isan(4, 3, 2, kind=kind)) == grids(
        families.random_isan(4, 3, 2, 0, kind)
    )


def test_rotation_is_the_default_kind():
    assert grids(families.random_isan(3, 2, 2, 5)) == grids(
        families.random_isan(3, 2, 2, 5, "rotation")
    )


def test_the_kinds_are_those_of_the_issue():
    assert list(families.KINDS) == ["rotation", "dense", "sparse", "permutation", "nilpotent"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0, 2, 1), r"T must be an integer of at least 1, not 0"),
        ((4, 1, 1), r"k must be an integer of at least 2, not 1"),
        ((4, 2, 0), r"d must be an integer of at least 1, not 0"),
        ((4, 2, 2.0), r"d must be an integer of at least 1, not 2\.0"),
        ((4, 2, 2, -1), r"seed must be an integer of at least 0, not -1"),
        ((4, 2, 2, None), r"seed must be an integer of at least 0, not None"),
        (
            (4, 2, 2, 0, "orthogonal"),
            r"kind must be one of rotation, dense, .*, nilpotent, not 'orthogonal'",
        ),
    ],
)
def test_random_isan_refuses_bad_parameters(arguments, message):
    with pytest.raises(InputError, match=f"^{message}$"):
        families.random_isan(*arguments)


def test_models_that_are_never_generic_are_given_up(monkeypatch):
    monkeypatch.setattr(families, "MAX_REDRAWS", 3)
    monkeypatch.setattr(families, "generic_cut_ranks", lambda *_: (9,))
    with pytest.raises(
        InputError, match=r"^d must be reached by generic ranks within 3 draws, not 2$"
    ):
        families.random_isan(3, 2, 2)
    assert families.random_isan(3, 2, 2, kind="dense").horizon == 3


# -- helpers ------------------------------------------------------------------------------------


def test_identity_and_zeros():
    assert families.identity(2) == [[1, 0], [0, 1]]
    found = families.zeros(2, 3)
    found[0][0] = fmpq(1)
    assert found == [[1, 0, 0], [0, 0, 0]]
