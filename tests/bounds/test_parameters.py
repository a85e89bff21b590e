"""The explicit parameters: every inequality of the proof re-checked by mpmath, and leastness."""

from __future__ import annotations

import itertools
from dataclasses import replace
from fractions import Fraction
from functools import cache

import mpmath
import pytest
from flint import fmpq

import bounds
from bounds import HypothesisError
from bounds.parameters import CoarseOracleError, Parameters, explicit_parameters, tolerant_epochs

DIGITS = 60
BASE = {
    "horizon": 4,
    "alphabet_size": 2,
    "rank": 2,
    "epsilon": "1/10",
    "delta": "1/10",
    "alpha": 1,
    "xi": 0,
}


@pytest.fixture(autouse=True)
def sixty_digits():
    with mpmath.workdps(DIGITS):
        yield


def mp(x):
    numerator, denominator = (x.p, x.q) if isinstance(x, fmpq) else Fraction(x).as_integer_ratio()
    return mpmath.mpf(int(numerator)) / mpmath.mpf(int(denominator))


def solve(**changed):
    return explicit_parameters(**(BASE | changed))


# -- the inequalities, written out again ---------------------------------------------------------


def width_of(k, w):
    return (k + 1) * (k + w + 1)


@cache
def lambdas():
    return [mpmath.power(2, mpmath.mpf(j) / 4) for j in range(-400, 401)]


def lemma_5_1_forbids(length, k, w, d, alpha, xi, g):
    """True if some lam on the grid refutes a sequence of that length, in the logarithmic form."""
    width = width_of(k, w)
    big, e = 4 * width * alpha, 4 * width * xi
    if g <= e:
        return False
    for lam in lambdas():
        left = mpmath.mpf(1)
        for j in range(1, length + 1):
            left *= 1 + (g - e) ** 2 / (lam * big**2 + (j - 1) * e**2)
        if mpmath.log(left) > d * mpmath.log(1 + length * alpha**2 / (d * lam)):
            return True
    return False


def spanner_risk(n, r, eta):
    log_keep = mpmath.log1p(-eta)
    return mpmath.fsum(mpmath.binomial(n, i) * mpmath.exp((n - i) * log_keep) for i in range(r + 1))


def coin_tail(n, most):
    """Pr(Bin(n, 1/2) <= most)."""
    return mpmath.fsum(mpmath.binomial(n, i) for i in range(most + 1)) / mpmath.mpf(2) ** n


def epochs_suffice(tolerant, epochs, inner, w, delta):
    if tolerant:
        return coin_tail(epochs, inner * w) <= delta / 4
    return epochs >= inner * w + 1


def broken(p: Parameters, *, scan_lam=True):
    """The names of the inequalities of the proof that these parameters break, by mpmath."""
    t, k, d = p.horizon, p.alphabet_size, p.rank
    epsilon, delta, alpha = mp(p.epsilon), mp(p.delta), mp(p.alpha)
    xi, true, inner, tolerant = mp(p.xi_rank), mp(p.xi_true), t - 2, p.variant == "tolerant"
    near = mpmath.mpf(10) ** -50
    mass, g, eta, delta_s = mp(p.p), mp(p.g), mp(p.eta), mp(p.delta_s)
    width = width_of(k, p.witnesses)
    rank = min(width, d) if p.xi_rank == 0 else width
    checks = {
        "p > 0": mass > 0,
        "TV": mass + (t - 1) * (t - 2) * g / 4 + t * true / 2 <= epsilon * (1 + near),
        "g > e": g > 4 * width * xi,
        "W >= d if exact": p.xi_rank != 0 or p.witnesses >= d,
        "width": p.width == width,
        "K": epochs_suffice(tolerant, p.epochs, inner, p.witnesses, delta),
        # a model with more bad mass than p survives n words in one of K epochs
        "n": 2 * p.epochs * mpmath.exp(-p.words * mass) <= delta * (1 + near),
        "N >= r": p.draws >= max(rank, 1),
        "N": spanner_risk(p.draws, rank, eta) <= delta_s,
        "infeasible": (
            p.words * inner * eta <= mpmath.mpf(1) / 2 + near
            if tolerant
            else p.epochs * p.words * inner * eta <= delta / 4 * (1 + near)
        ),
        "spanners": p.epochs * inner * delta_s <= delta / 4 * (1 + near),
    }
    if p.xi_rank != 0 and scan_lam:
        checks["W"] = lemma_5_1_forbids(p.witnesses + 1, k, p.witnesses, d, alpha, xi, g)
    return {name for name, holds in checks.items() if not holds}


def assert_least(p: Parameters):
    """Each of K, n and N, lowered by one, breaks its inequality."""
    inner, tolerant, delta = p.horizon - 2, p.variant == "tolerant", mp(p.delta)
    rank = min(p.width, p.rank) if p.xi_rank == 0 else p.width
    assert not epochs_suffice(tolerant, p.epochs - 1, inner, p.witnesses, delta)
    assert 2 * p.epochs * mpmath.exp(-(p.words - 1) * mp(p.p)) > delta
    assert p.draws - 1 < max(rank, 1) or spanner_risk(p.draws - 1, rank, mp(p.eta)) > mp(p.delta_s)
    words = 2 * p.words * inner
    if tolerant:
        assert p.eta == fmpq(1, words)
    else:
        assert p.eta == p.delta / (2 * p.epochs * words)
    assert p.delta_s == p.delta / (4 * p.epochs * inner)


GRID = [
    {"horizon": t, "alphabet_size": k, "rank": d, "epsilon": epsilon, "delta": delta}
    for t, k, d, epsilon, delta in [
        *((t, 2, 2, "1/10", "1/10") for t in range(3, 9)),
        *((4, k, d, "1/20", "1/3") for k in (2, 3) for d in (1, 2, 3, 4)),
        *((5, 3, 2, e, "1/1000") for e in ("99/100", "1/2", "1/1000")),
        *((3, 2, 1, "1/7", x) for x in ("99/100", "1/10000000")),
        (8, 3, 4, "1/100", "1/100"),
    ]
]
SHORT = pytest.mark.parametrize("tolerant", [False, True], ids=["plain", "tolerant"])


@SHORT
@pytest.mark.parametrize("size", GRID, ids=lambda s: "-".join(map(str, s.values())))
def test_every_inequality_of_an_exact_oracle(size, tolerant):
    found = solve(**size, tolerant=tolerant)
    assert found.variant == ("tolerant" if tolerant else "plain")
    assert found.witnesses == size["rank"]
    assert broken(found) == set()
    assert_least(found)


NOISY = [
    *((4, 2, 2, "1/10", "1/10", 1, x) for x in ("1/10000000000000", "1/1000000000", "1/1000000")),
    *((t, 2, 1, "1/10", "1/100", 1, "1/1000000000000") for t in range(3, 9)),
    *((3, 3, d, "1/5", "1/5", 1, "1/100000000") for d in (1, 3, 4)),
    *((4, 2, 2, "1/10", "1/10", alpha, "1/100000000") for alpha in ("1/10", "1/3", "3", "20")),
    (8, 3, 4, "1/100", "1/100", "2", "1/1000000000000"),
    (3, 2, 1, "1/2", "1/10", "1", "1/2000"),
]
NAMES = ("horizon", "alphabet_size", "rank", "epsilon", "delta", "alpha", "xi")


@SHORT
@pytest.mark.parametrize("size", NOISY, ids=lambda s: "-".join(map(str, s)))
def test_every_inequality_of_a_noisy_oracle(size, tolerant):
    found = solve(**dict(zip(NAMES, size, strict=True)), tolerant=tolerant)
    assert found.xi_rank == found.xi_true > 0
    assert broken(found) == set()
    assert_least(found)


@pytest.mark.parametrize("size", NOISY, ids=lambda s: "-".join(map(str, s)))
def test_no_lam_refutes_one_witness_fewer(size):
    found = solve(**dict(zip(NAMES, size, strict=True)))
    k, d, alpha, xi, g = size[1], size[2], mp(size[5]), mp(size[6]), mp(found.g)
    below = range(max(0, found.witnesses - 3), found.witnesses)
    assert found.witnesses >= 1
    for w in below if found.witnesses < 12 else [found.witnesses - 1]:
        assert not lemma_5_1_forbids(w + 1, k, w, d, alpha, xi, g)


@SHORT
def test_rank_error_and_true_error_are_kept_apart(tolerant):
    xi = "1/1000000000"
    exact_logits = solve(xi=xi, xi_true=0, tolerant=tolerant)
    assert (exact_logits.xi_rank, exact_logits.xi_true) == (fmpq(1, 10**9), fmpq(0))
    assert exact_logits.p == fmpq(1, 20)
    assert broken(exact_logits) == set()
    noisy_rank_free = solve(xi=0, xi_true="1/100", tolerant=tolerant)
    assert noisy_rank_free.witnesses == 2
    assert noisy_rank_free.p == fmpq(1, 25)  # (1/10 - 4/200) / 2
    assert broken(noisy_rank_free) == set()
    assert_least(noisy_rank_free)


def test_g_and_p_by_hand():
    found = solve(horizon=5, xi="1/10000000")
    assert found.p == (fmpq(1, 10) - fmpq(5, 2 * 10**7)) / 2
    assert found.g == found.p / 3  # 4 p / (4 . 3)


@pytest.mark.parametrize("witnesses", [0, 1, 2, 5, 14, 40])
@pytest.mark.parametrize("delta", ["99/100", "1/10", "1/100000"])
def test_tolerant_epochs_are_least(witnesses, delta):
    found = tolerant_epochs(witnesses, fmpq(*Fraction(delta).as_integer_ratio()))
    assert coin_tail(found, witnesses) <= mp(delta) / 4 < coin_tail(found - 1, witnesses)


# -- monotone -----------------------------------------------------------------------------------


@SHORT
@pytest.mark.parametrize("xi", [0, "1/100000000000"])
def test_monotone_in_epsilon(tolerant, xi):
    found = [
        solve(epsilon=Fraction(1, e), xi=xi, tolerant=tolerant) for e in (2, 5, 10, 50, 200, 1000)
    ]
    for larger, smaller in itertools.pairwise(found):
        assert larger.words < smaller.words
        assert larger.draws < smaller.draws
        assert larger.witnesses <= smaller.witnesses
        assert larger.epochs <= smaller.epochs
        assert larger.total_words < smaller.total_words
        assert larger.queries().entries < smaller.queries().entries


@SHORT
@pytest.mark.parametrize("xi", [0, "1/100000000000"])
def test_monotone_in_delta(tolerant, xi):
    found = [solve(delta=Fraction(1, x), xi=xi, tolerant=tolerant) for x in (2, 5, 10, 100, 10**6)]
    for larger, smaller in itertools.pairwise(found):
        assert larger.words < smaller.words
        assert larger.draws < smaller.draws
        assert larger.witnesses == smaller.witnesses
        assert larger.epochs <= smaller.epochs


@SHORT
@pytest.mark.parametrize("xi", [0, "1/100000000000"])
@pytest.mark.parametrize(
    ("name", "values"),
    [("rank", range(1, 7)), ("horizon", range(3, 10)), ("alphabet_size", range(2, 6))],
)
def test_monotone_in_size(name, values, xi, tolerant):
    found = [solve(**{name: x}, xi=xi, tolerant=tolerant) for x in values]
    strict = name != "alphabet_size"
    for smaller, larger in itertools.pairwise(found):
        for field in ("witnesses", "epochs", "words", "draws", "total_words"):
            assert getattr(smaller, field) <= getattr(larger, field)
        if strict:
            assert smaller.draws < larger.draws
        assert smaller.queries().entries < larger.queries().entries


@SHORT
def test_monotone_in_the_error_and_alpha(tolerant):
    for name, values in (
        ("xi", [0, *(Fraction(1, 10**j) for j in (30, 20, 12, 9, 7, 6))]),
        ("alpha", ["1/10", 1, 3, 30]),
    ):
        start = {"xi": "1/100000000000"} if name == "alpha" else {}
        found = [solve(**(start | {name: x}), tolerant=tolerant) for x in values]
        for smaller, larger in itertools.pairwise(found):
            assert smaller.witnesses <= larger.witnesses
            assert smaller.draws <= larger.draws
            assert smaller.words <= larger.words


def test_alpha_plays_no_part_with_an_exact_oracle():
    one, other = (vars(solve(alpha=a)) for a in (1, 1000))
    assert {n for n in one if one[n] != other[n]} == {"alpha"}


# -- short words and known totals ---------------------------------------------------------------


@SHORT
@pytest.mark.parametrize("horizon", [1, 2])
def test_short_words_need_nothing(horizon, tolerant):
    found = solve(horizon=horizon, xi="1/100", tolerant=tolerant)
    assert (found.witnesses, found.epochs, found.words, found.draws) == (0, 1, 0, 0)
    assert (found.g, found.eta, found.delta_s) == (None, None, None)
    assert found.total_words == 0
    assert horizon * mp("1/100") / 2 <= mp(found.epsilon)
    counts = found.queries()
    assert (counts.spanner_entries, counts.validation_entries, counts.words) == (0, 0, 0)
    with pytest.raises(CoarseOracleError):
        solve(horizon=horizon, xi=Fraction(2, 10 * horizon), tolerant=tolerant)


TOTALS = [  # (T, k, d, epsilon, delta), tolerant?, words in all
    ((4, 2, 2, "1/10", "1/10"), True, 2.0e5),
    ((4, 2, 2, "1/10", "1/10"), False, 1.24e7),
    ((8, 2, 4, "1/100", "1/100"), True, 1.1e8),
    ((8, 2, 4, "1/100", "1/100"), False, 1.53e12),
    ((32, 2, 4, "1/20", "1/20"), True, 4.2e8),
    ((32, 2, 4, "1/20", "1/20"), False, 3.6e13),
]


@pytest.mark.parametrize(("size", "tolerant", "total"), TOTALS)
def test_total_words(size, tolerant, total):
    found = solve(**dict(zip(NAMES, size, strict=False)), tolerant=tolerant)
    assert found.total_words == pytest.approx(total, rel=0.03)
    batches = 1 if tolerant else found.horizon - 2
    assert found.total_words == found.epochs * (batches * found.draws + found.words)
    assert found.queries().words == found.epochs * ((found.horizon - 2) * found.draws + found.words)


# -- too coarse ---------------------------------------------------------------------------------

COARSE = [
    {},
    {"horizon": 3, "rank": 1},
    {"horizon": 6, "alphabet_size": 3},
    {"alpha": "10"},
    {"alpha": "1/100"},
    {"rank": 1, "epsilon": "1/50"},
    {"horizon": 2},
    {"horizon": 1},
]


@pytest.mark.parametrize("size", COARSE, ids=str)
def test_a_coarse_oracle_is_told_what_works(size):
    with pytest.raises(CoarseOracleError) as caught:
        solve(**size, xi="1/3")
    works = caught.value.works
    assert 0 < works < fmpq(1, 3)
    assert isinstance(caught.value, HypothesisError)
    p, q = works.p, works.q
    assert str(caught.value) == (
        f"parameters needs a finer oracle (xi = {p}/{q} nats would do), not xi = 1/3"
    )
    found = solve(**size, xi=works)
    if found.horizon > 2:
        assert broken(found, scan_lam=found.witnesses < 60) == set()
    with pytest.raises(CoarseOracleError):
        solve(**size, xi=works * fmpq(9, 8))


def test_what_works_does_work_just_below_failing():
    """An xi a little above the edge: the advice lies below it, and does work."""
    with pytest.raises(CoarseOracleError) as first:
        solve(xi="1/3")
    with pytest.raises(CoarseOracleError) as second:
        solve(xi=first.value.works * fmpq(14, 10))
    assert second.value.works < first.value.works * fmpq(14, 10)
    solve(xi=second.value.works)


@pytest.mark.parametrize("xi", [1, 2, 4])
def test_advice_on_a_coarse_rank_alone(xi):
    with pytest.raises(CoarseOracleError) as caught:
        solve(xi=xi, xi_true=0)
    works = caught.value.works
    assert works > 0
    assert broken(solve(xi=works, xi_true=0), scan_lam=False) == set()


def test_advice_on_a_coarse_truth_alone_can_be_followed():
    """xi_true is what is too large here; with the advised value in its place it works."""
    with pytest.raises(CoarseOracleError) as caught:
        solve(xi=0, xi_true=1)
    works = caught.value.works
    assert works > 0
    assert "(xi_true = " in str(caught.value)
    assert str(caught.value).endswith("xi_true = 1")
    solve(xi=0, xi_true=works)
    with pytest.raises(CoarseOracleError):
        solve(xi=0, xi_true=works * fmpq(9, 8))


# -- bad arguments ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"horizon": 0}, "parameters needs T >= 1, not 0"),
        ({"alphabet_size": 1}, "parameters needs k >= 2, not 1"),
        ({"rank": 0}, "parameters needs d >= 1, not 0"),
        ({"epsilon": 0}, "parameters needs 0 < epsilon < 1, not 0"),
        ({"epsilon": "1"}, "parameters needs 0 < epsilon < 1, not 1"),
        ({"epsilon": "-1/2"}, "parameters needs 0 < epsilon < 1, not -1/2"),
        ({"delta": 0}, "parameters needs 0 < delta < 1, not 0"),
        ({"delta": "3/2"}, "parameters needs 0 < delta < 1, not 3/2"),
        ({"alpha": 0}, "parameters needs alpha > 0, not 0"),
        ({"alpha": "-1"}, "parameters needs alpha > 0, not -1"),
        ({"xi": "-1/7"}, "parameters needs xi >= 0, not -1/7"),
        ({"xi_true": "-1/9"}, "parameters needs xi >= 0, not -1/9"),
    ],
    ids=str,
)
def test_bad_arguments(bad, message):
    with pytest.raises(HypothesisError) as caught:
        solve(**bad)
    assert str(caught.value) == message


def test_it_is_a_statement():
    assert bounds.STATEMENTS["parameters"].function is explicit_parameters


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"words": -1}, "words >= 0, not -1"),
        ({"epochs": -2}, "epochs >= 0, not -2"),
        ({"eta": fmpq(0)}, "0 < eta < 1, not 0"),
        ({"eta": fmpq(1)}, "0 < eta < 1, not 1"),
        ({"g": None}, "g for T > 2, not None"),
        ({"delta_s": None}, "delta_s for T > 2, not None"),
    ],
)
def test_parameters_that_are_none_are_refused(changed, message):
    p = explicit_parameters(
        horizon=3, alphabet_size=2, rank=1, epsilon=fmpq(1, 2), delta=fmpq(1, 2)
    )
    with pytest.raises(HypothesisError, match=message):
        replace(p, **changed)
