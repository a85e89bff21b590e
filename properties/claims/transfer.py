"""Claims about total variation: the transfer bound, at every epoch, noisy or not."""

from __future__ import annotations

from collections.abc import Callable

from flint import fmpq
from hypothesis import assume
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from bounds.transfer import (
    next_logit_error,
    summed_next_token_distances,
    transfer_end_to_end,
    transfer_product,
    transfer_sum,
)
from llr.analysis.distance import total_variation
from llr.learning.program import ChainProgram
from llr.models.base import State, TabulatedModel, Word, words
from llr.numbers.balls import Number, Real, total
from llr.numbers.units import LN2
from llr.oracles.protocol import ModelOracle
from properties.claim import Claim, Measurement, Twin
from properties.corners import all_targets
from properties.measure import worst
from properties.scenarios import (
    Scenario,
    bad_prefixes,
    beyond,
    inner_prefixes,
    mass_of,
    probability_of,
    run,
    scenarios,
)

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


# -- the two forms ------------------------------------------------------------------------------


@st.composite
def promises(draw: st.DrawFn) -> tuple[int, fmpq, fmpq]:
    """Return T, g and xi, large or small, for which the sum form is not 0."""
    hundredths = st.integers(0, 100).map(lambda n: fmpq(n, 100))
    scale = draw(st.sampled_from([fmpq(1), fmpq(1, 1000)]))
    horizon, g, xi = draw(st.integers(1, 8)), draw(hundredths) * scale, draw(hundredths) * scale
    assume(xi > 0 or (horizon > 2 and g > 0))
    return horizon, g, xi


def product_against_sum(
    promise: tuple[int, fmpq, fmpq], bound: Bound = transfer_sum
) -> Measurement:
    """Measure the product form against the sum form; p_bad is the same in both, and left out."""
    horizon, g, xi = promise
    return Measurement(transfer_product(horizon, 0, g, xi), bound(horizon, 0, g, xi))


def _residual_once(horizon: int, p_bad: Number, g: Number, xi: Number) -> Real:
    """Count one residual per position, where the telescope adds t - 1."""
    return transfer_sum(horizon, p_bad, 0, xi) + Real.of(g) * fmpq(max(0, horizon - 2), 2)


def _one_position_fewer(horizon: int, p_bad: Number, g: Number, xi: Number) -> Real:
    return transfer_sum(horizon, p_bad, g, xi) - Real.of(xi) / 2


# -- single steps -------------------------------------------------------------------------------


def logit_errors(scenario: Scenario, less: int = 1) -> Measurement:
    """Measure every predicted row against (t-1) g + xi, g the largest residual behind it.

    Both sides are in the target's unit, where they are rational without noise: they may be equal.
    """
    done = run(scenario)
    truth = ModelOracle(scenario.target)
    xi = Real.of(scenario.xi) / scenario.target.unit.nats
    found = [Measurement.of(0)]
    for epoch in done.epochs:
        program, residuals = done.model(epoch).program, done.residuals(epoch)
        for prefix in inner_prefixes(scenario.target):
            solution = program.solution(prefix)
            predicted = program.read(_after(program, prefix))
            if solution is None or predicted is None:
                continue
            g = max([fmpq(0), *(abs(d) for _, _, d in residuals.at(prefix, solution))])
            row = truth.logits([prefix])[0]
            error = max(abs(x - y) for x, y in zip(predicted, row, strict=True))
            bound = next_logit_error(max(1, len(prefix) + 1 - less), g, xi)
            found.append(Measurement(Real.of(error), bound))
    return worst(found)


def _after(program: ChainProgram, prefix: Word) -> State:
    state = program.start()
    for token in prefix:
        state = program.step(state, token)
    return state


def rational_pairs() -> SearchStrategy[tuple[TabulatedModel, TabulatedModel]]:
    """Return two models of one size with rational probabilities."""

    @st.composite
    def drawn(draw: st.DrawFn) -> tuple[TabulatedModel, TabulatedModel]:
        horizon, k = draw(st.integers(1, 3)), draw(st.integers(2, 3))
        tables = [
            {
                p: [draw(st.integers(-3, 3)) for _ in range(k)]
                for length in range(horizon)
                for p in words(k, length)
            }
            for _ in range(2)
        ]
        one, two = (TabulatedModel(k, horizon, table, LN2) for table in tables)
        return one, two

    return drawn()


def added_distances(pair: tuple[TabulatedModel, TabulatedModel], first: int = 0) -> Measurement:
    """Measure TV(M, Q) against the summed mean distances of next tokens."""
    m, q = pair
    means = []
    for length in range(first, m.horizon):
        terms = []
        for p in words(m.alphabet_size, length):
            both = zip(LN2.probabilities(m.read(p)), LN2.probabilities(q.read(p)), strict=True)
            weight = probability_of(m, p)
            terms.append(total(abs(x - y) for x, y in both) * weight / 2)
        means.append(total(terms))
    apart = total_variation(m, q).value
    assert apart is not None
    return Measurement(apart, summed_next_token_distances(means))


def end_to_end(scenario: Scenario) -> Measurement:
    """Measure TV(M, Q) against the end-to-end bound, p_bad under the oracle's own law."""
    done = run(scenario)
    target = scenario.target
    prefixes = [p for n in range(target.horizon) for p in words(target.alphabet_size, n)]
    rows = dict(zip(prefixes, done.ledger.rows(prefixes), strict=True))
    law = TabulatedModel(target.alphabet_size, target.horizon, rows, target.unit)
    found = []
    for epoch in done.epochs:
        q = done.model(epoch)
        bad = set()
        for prefix in inner_prefixes(target)[target.alphabet_size :]:
            predicted = q.program.read(q.state_of(prefix))
            if predicted is None or any(
                beyond(x - y, target.unit, scenario.threshold)
                for x, y in zip(predicted, rows[prefix], strict=True)
            ):
                bad.add(prefix)
        apart = total_variation(target, q).value
        assert apart is not None
        bound = transfer_end_to_end(
            target.horizon, mass_of(law, bad), scenario.threshold, scenario.xi
        )
        found.append(Measurement(apart, bound))
    return worst(found)


CLAIMS = (
    Claim(
        "lemma-5.9",
        "TV(M, Q) <= p_bad + (T-1)(T-2) g / 4 + T xi / 2, at every epoch",
        "[P] Lemmas 5.8 and 5.9 together",
        "sharpened",
        lambda: scenarios(noisy=True),
        sum_form,
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
            Twin("p_bad left out", without_bad_mass),
            Twin("g-term left out", without_residuals),
            Twin("xi-term left out", without_noise),
        ),
        statements=("lemma-5.9-product",),
        examples=150,
    ),
    Claim(
        "lemma-5.9-forms",
        "1 - prod_{t<T} (1 - tanh(((t-1) g + xi) / 2)) <= (T-1)(T-2) g / 4 + T xi / 2",
        "[P] Lemmas 5.8 and 5.9 together, product form",
        "sharpened",
        promises,
        product_against_sum,
        (
            Twin("one residual per position", lambda i: product_against_sum(i, _residual_once)),
            Twin("(T-1) xi / 2", lambda i: product_against_sum(i, _one_position_fewer)),
        ),
        statements=("lemma-5.9", "lemma-5.9-product"),
        sharp=True,
        examples=150,
    ),
    Claim(
        "lemma-5.8",
        "residuals <= g: |Lh_{t+1}(a) - L(y_{1:t}.a)| <= (t-1) g + xi",
        "[P] Lemma 5.8",
        "printed",
        lambda: scenarios(models=all_targets, noisy=True),
        logit_errors,
        (Twin("(t-2) g + xi", lambda s: logit_errors(s, 2)),),
        statements=("lemma-5.8",),
        examples=120,
    ),
    Claim(
        "lemma-5.9-printed",
        "TV(M, Q) <= sum over positions of the mean distance of next tokens",
        "[P] Lemma 5.9",
        "printed",
        rational_pairs,
        added_distances,
        (Twin("first position left out", lambda p: added_distances(p, 1)),),
        statements=("lemma-5.9-printed",),
        examples=150,
    ),
    Claim(
        "lean-transfer",
        "next logits within tau on good words: TV(M, Q) <= p_bad + ((T-2) tau + T xi) / 2",
        "end-to-end validation",
        "sharpened",
        lambda: scenarios(noisy=True),
        end_to_end,
        statements=("lean-transfer",),
        examples=120,
    ),
)
