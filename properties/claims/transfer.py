"""Claims about total variation: the transfer bound, at every epoch, noisy or not."""

from __future__ import annotations

from collections.abc import Callable

from flint import fmpq

from bounds.transfer import transfer_product, transfer_sum
from llr.analysis.distance import total_variation
from llr.numbers.balls import Number, Real
from properties.claim import Claim, Measurement, Twin
from properties.measure import worst
from properties.scenarios import Scenario, bad_prefixes, mass_of, run, scenarios

Bound = Callable[[int, Number, Number, Number], Real]


def _transfer(scenario: Scenario, bound: Bound) -> Measurement:
    """Measure TV(M, Q) against a bound at every epoch, p_bad by enumeration."""
    done = run(scenario)
    found = []
    for epoch in done.epochs:
        bad = bad_prefixes(done, epoch)
        apart = total_variation(scenario.target, done.model(epoch)).value
        assert apart is not None
        right = bound(
            scenario.target.horizon,
            mass_of(scenario.target, bad),
            scenario.threshold,
            scenario.xi,
        )
        found.append(Measurement(apart, right))
    return worst(found)


def sum_form(scenario: Scenario) -> Measurement:
    """Measure the sum form."""
    return _transfer(scenario, transfer_sum)


def product_form(scenario: Scenario) -> Measurement:
    """Measure the product form."""
    return _transfer(scenario, transfer_product)


def without_bad_mass(scenario: Scenario) -> Measurement:
    """Tightened: p_bad left out."""
    return _transfer(scenario, lambda t, p, g, xi: transfer_product(t, 0, g, xi))


def without_residuals(scenario: Scenario) -> Measurement:
    """Tightened: the g-term left out."""
    return _transfer(scenario, lambda t, p, g, xi: transfer_product(t, p, 0, xi))


def without_noise(scenario: Scenario) -> Measurement:
    """Tightened: the xi-term left out."""
    return _transfer(scenario, lambda t, p, g, xi: transfer_product(t, p, g, 0))


def halved(scenario: Scenario) -> Measurement:
    """Tightened: half the bound."""
    return _transfer(scenario, lambda t, p, g, xi: transfer_product(t, p, g, xi) * fmpq(1, 2))


def halved_sum(scenario: Scenario) -> Measurement:
    """Tightened: half the bound."""
    return _transfer(scenario, lambda t, p, g, xi: transfer_sum(t, p, g, xi) * fmpq(1, 2))


CLAIMS = (
    Claim(
        "lemma-5.9",
        "TV(M, Q) <= p_bad + (T-1)(T-2) g / 4 + T xi / 2, at every epoch",
        "[P] Lemmas 5.8 and 5.9 together",
        "sharpened",
        lambda: scenarios(noisy=True),
        sum_form,
        (Twin("bound halved", halved_sum),),
        statements=("lemma-5.9",),
        examples=150,
    ),
    Claim(
        "lemma-5.9-product",
        "TV(M, Q) <= p_bad + 1 - prod_{t<T} (1 - tanh(((t-1) g + xi) / 2)), at every epoch",
        "[P] Lemmas 5.8 and 5.9 together, product form",
        "sharpened",
        lambda: scenarios(noisy=True),
        product_form,
        (
            Twin("bound halved", halved),
            Twin("p_bad left out", without_bad_mass),
            Twin("g-term left out", without_residuals),
            Twin("xi-term left out", without_noise),
        ),
        statements=("lemma-5.9-product",),
        examples=150,
    ),
)
