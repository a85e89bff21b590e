"""properties.claim and properties.scenarios: verdicts to be trusted, runs that can be read."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from fractions import Fraction
from itertools import product

import mpmath
import pytest
from flint import fmpq
from hypothesis import assume, settings
from hypothesis import strategies as st

from llr.errors import InputError, UndecidedError
from llr.learning.learned import LearnedModel
from llr.learning.printed import Epoch
from llr.learning.table import Cut, Table
from llr.models.base import TabulatedModel, UniformModel
from llr.models.families import copy, noisy_parity, random_isan, spike
from llr.numbers import balls
from llr.numbers.arithmetic import EXACT
from llr.numbers.balls import Real
from llr.numbers.units import LogitUnit
from llr.oracles.ledger import Ledger
from llr.oracles.protocol import ModelOracle
from properties.claim import (
    PROFILES,
    Claim,
    Measurement,
    Search,
    Twin,
    Verdict,
    claims_named,
    search,
    shown,
    verify_claim,
)
from properties.claims import CLAIMS
from properties.scenarios import (
    MAX_EPOCHS,
    Run,
    Scenario,
    bad_prefixes,
    inner_prefixes,
    mass_of,
    probability_of,
    run,
    scenarios,
)
from properties.test_claims import explained


def numbers(largest=1000):
    return lambda: st.integers(0, largest)


def at_most(limit):
    """n <= limit."""
    return lambda n: Measurement.of(n, limit)


FALSE_TWIN = Twin("n <= 10", at_most(10))


def claim(check, *twins, strategy=None, examples=100, identifier="test", statements=()):
    return Claim(
        identifier,
        "n is small",
        "here",
        "printed",
        strategy or numbers(),
        check,
        twins,
        statements=statements,
        examples=examples,
    )


UNDECIDABLE = (balls.exp(balls.log(2)), Real.of(2))
"""Equal, but no precision shows it."""


def undecidable(n):
    return Measurement(*UNDECIDABLE)


# -- measurements -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("measured", "bound", "holds"),
    [
        (0, 0, True),
        (1, 1, True),
        ("1/3", "1/2", True),
        (fmpq(1, 2), Fraction(1, 3), False),
        (-1, 0, True),
        (1, 0, False),
        (balls.log(2), balls.log(3), True),
        (
            balls.exp(1),
            "271828182845904523536028747135266249775724709369996/" + "1" + "0" * 50,
            True,
        ),
        (
            balls.exp(1),
            "271828182845904523536028747135266249775724709369995/" + "1" + "0" * 50,
            False,
        ),
    ],
)
def test_a_measurement_holds_if_measured_is_at_most_the_bound(measured, bound, holds):
    assert Measurement.of(measured, bound).holds() is holds


def test_the_bound_of_a_count_is_zero():
    assert Measurement.of(0).holds()
    assert not Measurement.of(1).holds()
    assert Measurement.of(5).bound.exact == 0


def test_a_measurement_may_stay_open():
    with pytest.raises(UndecidedError):
        Measurement(*UNDECIDABLE).holds()


@pytest.mark.parametrize(
    ("measured", "bound", "ratio"),
    [
        (1, 2, 0.5),
        (3, 2, 1.5),
        (0, 5, 0.0),
        (0, 0, 0.0),
        (-1, 0, 0.0),
        (1, 0, float("inf")),
        (balls.exp(1), 1, 2.718281828459045),
        (1, balls.exp(1), 0.36787944117144233),
    ],
)
def test_ratios(measured, bound, ratio):
    assert Measurement.of(measured, bound).ratio() == pytest.approx(ratio, rel=1e-12)


# -- search -------------------------------------------------------------------------------------


def test_a_search_counts_what_it_measures():
    seen = []

    def check(n):
        seen.append(n)
        return Measurement.of(n, 2000)

    found = search(st.integers(0, 1000), check, 50, 0)
    assert found.tried == len(seen) == 50
    assert not found.refuted
    assert (found.counterexample, found.refutation, found.undecided) == (None, None, None)


def test_a_small_space_is_searched_once():
    found = search(st.booleans(), lambda b: Measurement.of(0), 100, 0)
    assert found.tried == 2


def test_what_is_assumed_away_is_not_counted():
    """``tried``: the number of instances measured."""
    measured = []

    def check(n):
        assume(n % 3 == 0)
        measured.append(n)
        return Measurement.of(0)

    found = search(st.integers(0, 1000), check, 40, 0)
    assert measured
    assert found.tried == len(measured)


def test_the_worst_ratio_and_its_instance_are_kept():
    seen = []

    def check(n):
        seen.append(n)
        return Measurement.of(n, 2000)

    found = search(st.integers(0, 1000), check, 80, 3)
    assert found.worst_instance == max(seen)
    assert found.worst == max(seen) / 2000
    assert found.worst > 0.4  # guided to the largest


def test_the_worst_instance_is_set_even_if_nothing_is_measured_above_zero():
    found = search(st.just("only"), lambda x: Measurement.of(0, 1), 10, 0)
    assert (found.worst, found.worst_instance) == (0.0, "only")


def test_a_negative_ratio_does_not_hide_a_better_one():
    found = search(st.integers(-5, 5), lambda n: Measurement.of(n, 10), 60, 0)
    assert (found.worst, found.worst_instance) == (0.5, 5)


def test_the_smallest_counterexample_is_reported():
    found = search(st.integers(0, 1000), at_most(50), 200, 0)
    assert found.refuted
    assert found.counterexample == 51
    assert found.refutation.measured.exact == 51
    assert found.refutation.bound.exact == 50


def test_a_counterexample_of_several_parts_is_shrunk():
    pairs = st.tuples(st.integers(0, 100), st.lists(st.integers(0, 100)))
    found = search(pairs, lambda p: Measurement.of(p[0] + sum(p[1]), 150), 500, 0)
    assert found.refuted
    n, rest = found.counterexample
    assert n + sum(rest) == 151
    assert len(rest) == 1


def test_an_open_comparison_is_remembered_and_the_search_goes_on():
    def check(n):
        return undecidable(n) if n % 2 else Measurement.of(n, 2000)

    found = search(st.integers(0, 1000), check, 40, 0)
    assert "not decided" in found.undecided
    assert not found.refuted
    assert found.worst_instance % 2 == 0


def test_an_open_comparison_inside_the_check_counts_too():
    def check(n):
        raise UndecidedError("open inside")

    assert search(st.integers(0, 3), check, 10, 0).undecided == "open inside"


def test_other_errors_pass_on():
    def check(n):
        raise ZeroDivisionError("a bug in the library")

    with pytest.raises(ZeroDivisionError):
        search(st.integers(0, 3), check, 10, 0)

    def refuse(n):
        raise InputError("n", n, "something else")

    with pytest.raises(InputError):
        search(st.integers(0, 3), refuse, 10, 0)


def test_an_assertion_in_a_check_is_no_refutation():
    def check(n):
        raise AssertionError("a proof did not hold")

    with pytest.raises(AssertionError, match="a proof did not hold"):
        search(st.integers(0, 3), check, 10, 0)


def tries(strategy, seed, examples=30):
    seen = []

    def check(x):
        seen.append(x)
        return Measurement.of(0)

    search(strategy, check, examples, seed)
    return seen


def test_the_same_seed_tries_the_same_instances():
    wide = st.integers(0, 2**32 - 1)
    assert tries(wide, 7) == tries(wide, 7)
    assert tries(wide, 7) != tries(wide, 8)


def test_the_profile_of_hypothesis_does_not_matter():
    wide = st.integers(0, 2**32 - 1)
    wanted = tries(wide, 7)
    settings.register_profile("llr-test", derandomize=True, max_examples=3, database=None)
    before = settings.get_current_profile_name()
    try:
        settings.load_profile("llr-test")
        assert tries(wide, 7) == wanted
    finally:
        settings.load_profile(before)


# -- verdicts -----------------------------------------------------------------------------------


def test_a_true_claim_with_a_false_twin_is_verified():
    found = verify_claim(claim(at_most(1000), FALSE_TWIN))
    assert found.verdict == "verified"
    assert found.passed
    assert found.grade == "searched"
    assert found.counterexample == ""
    (twin,) = found.twins
    assert (twin.name, twin.refuted, twin.counterexample) == ("n <= 10", True, "11")
    assert twin.tried >= 1


def test_a_true_twin_survives():
    found = verify_claim(claim(at_most(1000), FALSE_TWIN, Twin("n <= 2000", at_most(2000))))
    assert found.verdict == "twin survived"
    assert not found.passed
    assert [t.refuted for t in found.twins] == [True, False]
    assert found.twins[1].counterexample == ""
    assert found.twins[1].tried > 500


def test_a_false_claim_is_refuted_by_its_smallest_counterexample():
    found = verify_claim(claim(at_most(50), FALSE_TWIN))
    assert found.verdict == "refuted"
    assert not found.passed
    assert found.counterexample == "51"
    assert found.as_json()["counterexample"] == "51"


def test_a_twin_cannot_save_a_false_claim():
    found = verify_claim(claim(at_most(50), Twin("n <= 2000", at_most(2000), examples=50)))
    assert found.verdict == "refuted"


def test_an_open_comparison_makes_the_claim_undecided():
    found = verify_claim(claim(undecidable, FALSE_TWIN, strategy=lambda: st.integers(0, 20)))
    assert found.verdict == "undecided"
    assert not found.passed


def test_one_open_comparison_is_enough():
    def check(n):
        return undecidable(n) if n == 3 else Measurement.of(n, 20)

    found = verify_claim(claim(check, FALSE_TWIN, strategy=lambda: st.integers(0, 20)))
    assert found.verdict == "undecided"


def test_a_refutation_goes_before_an_open_comparison():
    def check(n):
        return undecidable(n) if n < 3 else Measurement.of(n, 15)

    found = verify_claim(claim(check, FALSE_TWIN, strategy=lambda: st.integers(0, 20)))
    assert (found.verdict, found.counterexample) == ("refuted", "16")


def test_an_open_twin_is_not_refuted():
    found = verify_claim(claim(at_most(1000), Twin("open", undecidable, lambda: st.integers(0, 3))))
    assert found.verdict == "twin survived"


def test_a_claim_without_twins_is_refused_before_any_work():
    def unreached(n):
        raise AssertionError("measured")

    with pytest.raises(InputError) as caught:
        verify_claim(claim(unreached, identifier="lemma-0"))
    assert str(caught.value) == "twins of lemma-0 must be at least one, not ()"


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("mark", "true", "mark of test must be one of printed, reconstructed, corrected"),
        ("grade", "sampled", "grade of test must be one of exhaustive, exact law, searched"),
        ("expected", "false", "expected of test must be one of verified, refuted"),
        ("examples", 0, "examples of test must be an integer of at least 1"),
        ("examples", "5", "examples of test must be an integer of at least 1"),
    ],
)
def test_a_claim_with_an_unknown_word_is_refused(field, value, expected):
    with pytest.raises(InputError, match=expected):
        replace(claim(at_most(1000), FALSE_TWIN), **{field: value})


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"claim": "lemma-5.3"}, "claim must be a properties.claim.Claim, not 'lemma-5.3'"),
        ({"profile": ["ci"]}, "profile must be one of quick, ci, nightly"),
        ({"start": -1}, "start must be an integer of at least 0"),
    ],
)
def test_bad_arguments_are_refused_before_any_work(arguments, expected):
    wanted = {"claim": claim(at_most(1000), FALSE_TWIN), **arguments}
    with pytest.raises(InputError, match=expected):
        verify_claim(**wanted)


@pytest.mark.parametrize("share", [fmpq(1, 2), fmpq(1), fmpq(2), fmpq(0)])
def test_a_tightening_outside_of_a_half_and_one_is_refused(share):
    with pytest.raises(InputError, match="tightening of test must be in"):
        replace(claim(at_most(1000), FALSE_TWIN), tightening=share)


def test_a_claim_that_is_known_to_be_false_must_be_refuted():
    """A printed slip: to find its counterexample is what passes; to find none is a failure."""
    fields = {"strategy": numbers(), "twins": (), "expected": "refuted"}
    slip = Claim("slip", "n is small", "here", "printed", check=at_most(50), **fields)
    found = verify_claim(slip)
    assert (found.verdict, found.counterexample, found.passed) == ("refuted", "51", True)
    unfounded = Claim("slip", "n is small", "here", "printed", check=at_most(1000), **fields)
    found = verify_claim(unfounded)
    assert (found.verdict, found.passed) == ("verified", False)


def test_the_grade_is_the_claim_s():
    exact = Claim(
        "test", "n", "here", "printed", numbers(), at_most(1000), (FALSE_TWIN,), grade="exact law"
    )
    assert verify_claim(exact).grade == verify_claim(exact).as_json()["grade"] == "exact law"
    assert verify_claim(claim(at_most(1000), FALSE_TWIN)).grade == "searched"


def test_twins_may_have_their_own_instances_and_number_of_them():
    seen = []

    def check(n):
        seen.append(n)
        return Measurement.of(0)

    found = verify_claim(
        claim(at_most(1000), Twin("own", check, lambda: st.integers(5000, 6000), examples=17))
    )
    assert found.twins[0].tried == len(seen) == 17
    assert all(5000 <= n <= 6000 for n in seen)


@pytest.mark.parametrize(
    ("profile", "examples", "tried"),
    [("quick", 100, 40), ("ci", 100, 100), ("nightly", 8, 5000), ("quick", 30, 20), ("ci", 3, 20)],
)
def test_profiles_scale_the_examples_down_to_twenty_or_five_thousand_at_least(
    profile, examples, tried
):
    wide = lambda: st.integers(0, 10**6)  # noqa: E731
    found = verify_claim(
        claim(at_most(10**6), FALSE_TWIN, strategy=wide, examples=examples), profile=profile
    )
    assert found.tried == tried


def test_the_profile_is_ci_unless_said():
    assert list(PROFILES) == ["quick", "ci", "nightly"]
    assert verify_claim(claim(at_most(1000), FALSE_TWIN, examples=60)).tried == 60


@pytest.mark.parametrize("profile", ["", "CI", "dev", "weekly"])
def test_unknown_profiles_are_refused(profile):
    with pytest.raises(InputError) as caught:
        verify_claim(claim(at_most(1000), FALSE_TWIN), profile=profile)
    assert str(caught.value) == f"profile must be one of quick, ci, nightly, not {profile!r}"


def test_the_worst_instance_is_in_the_verdict():
    found = verify_claim(claim(lambda n: Measurement.of(n, 2000), FALSE_TWIN))
    value = found.as_json()
    assert value["worst_ratio"] == found.worst == int(value["worst_instance"]) / 2000
    assert value["worst_ratio"] > 0.4


def test_the_json_of_a_verdict():
    found = verify_claim(claim(at_most(1000), FALSE_TWIN), profile="quick", start=5)
    value = found.as_json()
    assert json.loads(json.dumps(value)) == value
    assert set(value) >= {
        "claim",
        "title",
        "source",
        "mark",
        "grade",
        "seed",
        "tried",
        "worst_ratio",
        "slack",
        "record",
        "worst_instance",
        "verdict",
        "counterexample",
        "twins",
        "seconds",
    }
    assert value["claim"] == "test"
    assert (value["title"], value["source"], value["mark"]) == ("n is small", "here", "printed")
    assert (value["seed"], value["tried"], value["verdict"]) == (5, 40, "verified")
    (twin,) = value["twins"]
    assert set(twin) >= {"name", "refuted", "tried", "counterexample"}
    assert (twin["name"], twin["refuted"], twin["counterexample"]) == ("n <= 10", True, "11")
    assert value["seconds"] >= 0


def test_what_is_shown_is_rounded_from_the_numbers_themselves():
    # a double and the number that it is nearest to: their difference cancels 50 digits
    number = balls.exp(Real.of(fmpq(1, 3)))
    double = fmpq(*float(number).as_integer_ratio())
    apart = Measurement(abs(number - Real(double)), Real(fmpq(1, 2**40)))
    with mpmath.workdps(60):
        exact = abs(mpmath.exp(mpmath.mpf(1) / 3) - mpmath.mpf(float(number)))
    assert apart.ratio() != float(exact * 2**40)  # for guidance
    found = verify_claim(claim(lambda n: apart, FALSE_TWIN, strategy=lambda: st.just(20)))
    assert found.worst == float(exact * 2**40)
    assert found.sides == (f"{float(exact):.6g}", "1/1099511627776")


def test_a_ratio_that_stays_open_is_shown_as_nearly_as_it_is_known():
    both = balls.exp(balls.log(2)) / 2 * fmpq(2**53 + 1, 2**53)  # halfway between two doubles
    found = verify_claim(
        claim(lambda n: Measurement(both, Real.of(2)), FALSE_TWIN, strategy=lambda: st.just(20))
    )
    assert found.worst == pytest.approx(1 / 2)
    assert found.sides == ("1", "2")


def test_an_infinite_ratio_is_null_in_json():
    """JSON has no infinity."""
    base = verify_claim(claim(at_most(1000), FALSE_TWIN))
    fields = {name: getattr(base, name) for name in base.__dataclass_fields__}
    infinite = Verdict(**(fields | {"worst": float("inf")}))
    assert infinite.as_json()["worst_ratio"] is None
    assert "Infinity" not in json.dumps(infinite.as_json(), allow_nan=True)


def test_an_infinite_ratio_can_be_the_worst_one():
    """Above a bound of zero only by a refutation; guidance stays finite."""
    found = search(st.integers(0, 5), lambda n: Measurement.of(n, 0), 50, 0)
    assert found.counterexample == 1
    assert found.refutation.ratio() == float("inf")


@pytest.mark.parametrize(
    ("instance", "text"),
    [
        (None, ""),
        (51, "51"),
        ((1, "a\nb"), r"(1, 'a\nb')"),
        ("x" * 500, "'" + "x" * 396 + "..."),
        ("x" * 398, "'" + "x" * 398 + "'"),
    ],
)
def test_instances_are_shown_on_one_line(instance, text):
    assert shown(instance) == text


def test_a_long_representation_is_cut_and_flattened():
    class Wide:
        def __repr__(self):
            return "a\n   b\t c"

    assert shown(Wide()) == "a b c"
    assert shown("x" * 100, 20) == "'" + "x" * 16 + "..."


def test_claims_by_name():
    known = {name: claim(at_most(1000), FALSE_TWIN, identifier=name) for name in ("a", "b", "c")}
    assert [c.identifier for c in claims_named([], known)] == ["a", "b", "c"]
    assert [c.identifier for c in claims_named(["c", "a"], known)] == ["c", "a"]
    assert [c.identifier for c in claims_named(["c", "a", "c"], known)] == ["c", "a"]
    with pytest.raises(InputError) as caught:
        claims_named(["a", "d"], known)
    assert str(caught.value) == "claim must be one of a, b, c, not 'd'"


def test_a_count_of_violations_is_driven_towards_cases():
    def most(cases_of):
        seen = []

        def counted(coins):
            seen.append(sum(coins))
            return Measurement.of(0, cases=cases_of(sum(coins)))

        search(st.lists(st.booleans(), min_size=60, max_size=60), counted, 300, 0)
        return max(seen[1:])

    assert most(lambda heads: 4**heads) > most(lambda heads: 0)


def test_a_fresh_search_has_found_nothing():
    assert not Search().refuted
    assert (Search().tried, Search().worst) == (0, 0.0)


def test_a_failing_claim_test_shows_the_counterexample_and_the_surviving_twins():
    broken = claim(at_most(50), FALSE_TWIN, Twin("n <= 2000", at_most(2000), examples=20))
    text = explained(verify_claim(broken, profile="quick"))
    assert "test: refuted, expected verified" in text
    assert "n is small (here, printed)" in text
    assert "counterexample: 51" in text
    assert "twin survived 20 instances: n <= 2000" in text
    assert "n <= 10" not in text


# -- the same seed, the same verdict ------------------------------------------------------------

CHEAP = ["lemma-5.3-linear", "cut-ranks-families", "witness-new"]

PROGRAM = """
import json, sys
from dataclasses import replace
from properties.claim import verify_claim
from properties.claims import CLAIMS
for name in sys.argv[1:]:
    claim = replace(CLAIMS[name], examples=100)
    value = verify_claim(claim, profile="quick", start=11).as_json()
    del value["seconds"]
    print(json.dumps(value))
"""


def in_a_subprocess(arguments, **environment):
    done = subprocess.run(
        [sys.executable, "-c", *arguments],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | environment,
    )
    assert done.stderr == ""
    return done.stdout


def test_the_same_seed_gives_the_same_verdict_twice_and_in_another_process():
    found = []
    for _ in range(2):
        fewer = replace(CLAIMS[CHEAP[0]], examples=100)
        value = verify_claim(fewer, profile="quick", start=11).as_json()
        del value["seconds"]
        found.append(value)
    assert found[0] == found[1]

    first = in_a_subprocess([PROGRAM, *CHEAP], PYTHONHASHSEED="1")
    assert first == in_a_subprocess([PROGRAM, *CHEAP], PYTHONHASHSEED="2")
    assert json.loads(first.splitlines()[0]) == found[0]


TRIES = """
import sys
sys.path.insert(0, sys.argv[1])
if len(sys.argv) > 2:
    import some_constants
from properties.claim import Measurement, search
from properties.strategies import seeds
seen = []
def check(x):
    seen.append(x)
    return Measurement.of(0)
search(seeds(), check, 150, 0)
print(seen)
"""


def test_modules_that_happen_to_be_loaded_do_not_change_what_is_tried(tmp_path):
    """Hypothesis collects constants from a user's modules and draws them."""
    (tmp_path / "some_constants.py").write_text(
        "A = [700001, 123457, 998877, 4242424, 31337, 65539]\n", encoding="utf-8"
    )
    with_constants = in_a_subprocess([TRIES, str(tmp_path), "x"], PYTHONDONTWRITEBYTECODE="1")
    assert with_constants == in_a_subprocess([TRIES, str(tmp_path)], PYTHONDONTWRITEBYTECODE="1")


def test_the_seed_of_a_verdict_reaches_every_search():
    wide = lambda: st.integers(0, 2**32 - 1)  # noqa: E731
    tried = {}
    for start in (1, 2):
        seen, twin_seen = [], []

        def check(n, seen=seen):
            seen.append(n)
            return Measurement.of(0)

        def twin_check(n, seen=twin_seen):
            seen.append(n)
            return Measurement.of(0)

        twin = Twin("true", twin_check, examples=30)
        found = verify_claim(claim(check, twin, strategy=wide, examples=30), start=start)
        assert found.seed == found.as_json()["seed"] == start
        tried[start] = (seen, twin_seen)
    assert tried[1][0] != tried[2][0]
    assert tried[1][1] != tried[2][1]


# -- scenarios ----------------------------------------------------------------------------------


def brute_probability(model, prefix):
    """The probability of a prefix by mpmath, from the logits alone."""
    unit = mpmath.mpf(1)
    if model.unit.base is not None:
        unit = mpmath.log(mpmath.mpf(int(model.unit.base.p)) / int(model.unit.base.q))
    found = mpmath.mpf(1)
    for t, token in enumerate(prefix):
        row = [mpmath.mpf(x.numerator) / x.denominator for x in model.logits(prefix[:t])]
        weights = [mpmath.exp(x * unit) for x in row]
        found *= weights[token] / mpmath.fsum(weights)
    return found


def test_the_probability_of_a_prefix_is_rational_where_it_can_be():
    model = noisy_parity(2, "11", "1/10")
    assert probability_of(model, ()).exact == 1
    assert probability_of(model, (1, 0)).exact == fmpq(1, 4)
    assert probability_of(model, (1, 0, 1)).exact == fmpq(9, 40)
    assert probability_of(model, (1, 0, 0)).exact == fmpq(1, 40)


def test_the_probability_of_a_prefix_in_nats():
    model = random_isan(3, 3, 2, seed=4)
    with mpmath.workdps(40):
        for prefix in product(range(3), repeat=3):
            found = probability_of(model, prefix).enclosure(Fraction(1, 10**30))
            wanted = brute_probability(model, prefix)
            low, high = (
                mpmath.mpf(x.numerator) / x.denominator for x in (found.lower, found.upper)
            )
            assert low - mpmath.mpf(10) ** -35 <= wanted <= high + mpmath.mpf(10) ** -35


def test_the_mass_of_prefixes_counts_each_word_once():
    model = noisy_parity(2, "11", "1/10")
    assert mass_of(model, set()).exact == 0
    assert mass_of(model, {()}).exact == 1
    assert mass_of(model, {(0,)}).exact == fmpq(1, 2)
    assert mass_of(model, {(0,), (1,)}).exact == 1
    assert mass_of(model, {(0,), (0, 1), (0, 0, 1)}).exact == fmpq(1, 2)  # nested
    assert mass_of(model, {(1, 0, 1), (0, 0)}).exact == fmpq(9, 40) + fmpq(1, 4)
    assert mass_of(model, {(0, 1), (1,), (1, 1)}).exact == fmpq(3, 4)


def test_the_mass_of_prefixes_against_summing_words():
    model = copy(2, 2, 1)  # unit ln 2: rational
    all_words = list(product(range(2), repeat=4))
    for chosen in ({(0, 0), (1, 1, 0)}, {(1,), (0, 1, 1, 0)}, {(0, 0, 0), (0, 0, 1), (0, 1)}):
        hit = [w for w in all_words if any(w[: len(p)] == p for p in chosen)]
        exact = mass_of(model, chosen).exact
        assert exact is not None
        assert exact == sum((probability_of(model, w).exact for w in hit), fmpq(0))
        with mpmath.workdps(40):
            brute = mpmath.fsum(brute_probability(model, w) for w in hit)
            assert abs(brute - mpmath.mpf(int(exact.p)) / int(exact.q)) < mpmath.mpf(10) ** -35


def test_the_mass_of_prefixes_in_nats_is_enclosed():
    model = spike(3)
    found = mass_of(model, {(0,), (1, 0)}).enclosure(Fraction(1, 10**30))
    with mpmath.workdps(40):
        first = 1 / (1 + mpmath.exp(-6))
        wanted = first + (1 - first) / 2
        assert abs(mpmath.mpf(found.lower.numerator) / found.lower.denominator - wanted) < 1e-29
        assert found.lower < found.upper


def test_inner_prefixes_have_1_to_t_minus_1_tokens():
    assert inner_prefixes(UniformModel(2, 3)) == [(0,), (1,), (0, 0), (0, 1), (1, 0), (1, 1)]
    assert inner_prefixes(UniformModel(3, 2)) == [(0,), (1,), (2,)]
    assert inner_prefixes(UniformModel(2, 1)) == []


def scenario(target, **changes):
    usual = {
        "noise": "none",
        "xi": fmpq(0),
        "threshold": fmpq(1, 1000),
        "samples": 4,
        "validation": 4,
        "seed": 0,
    }
    return Scenario(target=target, **(usual | changes))


def test_a_run_goes_to_acceptance_or_to_the_last_epoch():
    outcomes = Counter()
    for seed in range(12):
        done = run(scenario(random_isan(4, 2, 2), seed=seed, samples=2, validation=3))
        assert 1 <= len(done.epochs) <= MAX_EPOCHS
        assert [e.number for e in done.epochs] == list(range(1, len(done.epochs) + 1))
        assert all(e.outcome != "accepted" for e in done.epochs[:-1])
        assert done.epochs[-1].outcome == "accepted" or len(done.epochs) == MAX_EPOCHS
        for epoch in done.epochs:
            assert [sum(w.values()) for w in epoch.spanner_words] == [2, 2]
            assert sum(epoch.validation_words.values()) == 3
        outcomes.update(e.outcome for e in done.epochs)
    assert set(outcomes) == {"accepted", "witness", "infeasible"}


def test_a_run_depends_on_its_scenario_alone():
    one, two = (run(scenario(random_isan(4, 2, 2), seed=3)) for _ in range(2))
    assert one.epochs == two.epochs
    assert one.ledger.log == two.ledger.log


def test_a_noisy_run_hears_a_noisy_oracle():
    target = random_isan(3, 2, 1)
    xi = fmpq(1, 70)
    for noise in ("random", "adversarial", "rounding"):
        done = run(scenario(target, noise=noise, xi=xi))
        apart = [
            abs(x - EXACT.scalar(y))
            for p in done.ledger.log
            for x, y in zip(done.ledger.row(p), target.logits(p), strict=True)
        ]
        assert 0 < max(apart) <= xi
    done = run(scenario(target))
    assert all(
        done.ledger.row(p) == tuple(EXACT.scalar(y) for y in target.logits(p))
        for p in done.ledger.log
    )


def test_the_model_of_an_epoch_has_the_unit_of_the_target():
    done = run(scenario(copy(2, 2, 1)))
    model = done.model(done.epochs[-1])
    assert isinstance(model, LearnedModel)
    assert model.unit == LogitUnit(fmpq(2))
    assert model.table is done.epochs[-1].table


def test_scenarios_heed_their_options():
    seen = tries(scenarios(noisy=True, most_samples=3, thresholds=(fmpq(7),)), 0, examples=80)
    assert {s.noise for s in seen} == {"none", "random", "adversarial", "rounding"}
    assert all((s.xi == 0) == (s.noise == "none") for s in seen)
    assert all(1 <= s.samples <= 3 and 1 <= s.validation <= 3 for s in seen)
    assert {s.threshold for s in seen} == {fmpq(7)}
    assert all(1 <= s.target.horizon <= 4 for s in seen)
    assert {s.noise for s in tries(scenarios(), 0)} == {"none"}
    assert "none" not in {s.noise for s in tries(scenarios(noise_only=True), 0)}


# -- bad prefixes, by hand ----------------------------------------------------------------------


def hand_made_run(rows, histories, threshold, last_rows=None):
    """A run on T = 3, k = 2 with one basis at cut 2, made without the learner.

    ``rows`` maps histories of 0, 1 and 2 tokens to the logit of token 0 (that of token 1 is its
    negative).
    """
    target = TabulatedModel(2, 3, {p: [x, -x] for p, x in rows.items()})
    ledger = Ledger(ModelOracle(target), 2, 3, EXACT)
    one = ((0,), (1,))

    def row(history, columns):
        return tuple(ledger.row(history + f[:-1])[f[-1]] for f in columns)

    first_columns = (*one, *((a, b) for a in range(2) for b in range(2)))
    cuts = (
        Cut(((),), one, first_columns, (row((), first_columns),)),
        Cut(histories, one, first_columns, tuple(row(h, first_columns) for h in histories)),
    )
    table = Table(2, 3, cuts, one, EXACT)
    epoch = Epoch(1, "accepted", table, None, None, (), {}, 0, 0, 0, 0)
    return Run(scenario(target, threshold=threshold), ledger, [epoch]), epoch


def logits(root, zero, one, zero_zero, zero_one, one_zero, one_one):
    values = (root, zero, one, zero_zero, zero_one, one_zero, one_one)
    keys = ((), (0,), (1,), (0, 0), (0, 1), (1, 0), (1, 1))
    return {k: fmpq(v) for k, v in zip(keys, values, strict=True)}


def test_no_prefix_is_bad_where_the_basis_represents_all():
    """The row of (1,) is -2 times that of (0,), on every future."""
    done, epoch = hand_made_run(logits(1, 1, -2, 3, 5, -6, -10), ((0,),), fmpq(0))
    assert bad_prefixes(done, epoch) == set()


def test_infeasible_prefixes_are_bad():
    """The row of (1,) is -3 times that of (0,): outside the box.  y_1 alone needs no basis."""
    done, epoch = hand_made_run(logits(1, 1, -3, 3, 5, -9, -15), ((0,),), fmpq(1000))
    assert bad_prefixes(done, epoch) == {(1, 0), (1, 1)}
    target = done.scenario.target
    one = balls.exp(-2) / (1 + balls.exp(-2))
    gap = mass_of(target, bad_prefixes(done, epoch)) - one
    assert gap.enclosure(Fraction(1, 10**20)).lower <= 0 <= gap.enclosure(Fraction(1, 10**20)).upper


@pytest.mark.parametrize(
    ("threshold", "bad"),
    [
        (fmpq(0), {(1, 0), (1, 1)}),
        (fmpq(1, 2), {(1, 0), (1, 1)}),
        (fmpq(1), {(1, 1)}),  # "above g": a residual of exactly g is none
        (fmpq(3, 2), {(1, 1)}),
        (fmpq(3), set()),
    ],
)
def test_prefixes_with_a_residual_above_the_threshold_are_bad(threshold, bad):
    """c = 1 at cut 2 after the token 1; the truth one token later is off by 1 after (1, 0), and
    by 3 after (1, 1)."""
    done, epoch = hand_made_run(logits(1, 2, 2, 4, 5, 5, 8), ((0,),), threshold)
    assert bad_prefixes(done, epoch) == bad


def test_the_threshold_is_in_nats():
    """In units of ln 2, a residual of 1 is 0.69 nats."""
    done, epoch = hand_made_run(logits(1, 2, 2, 4, 5, 5, 5), ((0,),), fmpq(7, 10))
    assert bad_prefixes(done, epoch) == {(1, 0)}
    target = done.scenario.target
    target.unit = LogitUnit(fmpq(2))
    assert bad_prefixes(done, epoch) == set()


def test_a_missing_basis_makes_nonzero_rows_infeasible():
    done, epoch = hand_made_run(logits(1, 0, 2, 0, 0, 5, 5), (), fmpq(1000))
    assert bad_prefixes(done, epoch) == {(1, 0), (1, 1)}
