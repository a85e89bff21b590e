"""Claims about Algorithm 1: telescope, witnesses, epochs, the shape of its queries."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

from flint import fmpq
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from bounds.potential import witness_epochs, witnesses_at_cut
from bounds.queries import query_count
from llr.models.base import Word, words
from llr.models.isan import Isan
from llr.models.realization import realize
from llr.numbers.arithmetic import Row
from llr.numbers.balls import Real
from properties import checkers
from properties.claim import Claim, Measurement, Twin
from properties.claims.slips import SparseTarget, sparse_targets
from properties.corners import all_targets
from properties.measure import worst
from properties.scenarios import Run, Scenario, inner_prefixes, run, scenarios
from properties.strategies import isans, targets


def _telescope_errors(scenario: Scenario, first: int) -> Measurement:
    """Count wrong entries of Lh_{t+1}(a) - Lhat(y_{1:t}.a) = sum_s Delta'_s(y_{s:t}.a)."""
    done = run(scenario)
    wrong = 0
    for epoch in done.epochs:
        q = done.model(epoch)
        for prefix in inner_prefixes(scenario.target):
            solution = q.program.solution(prefix)
            predicted = q.program.read(q.state_of(prefix))
            if solution is None or predicted is None:
                continue
            truth = done.ledger.row(prefix)
            sums = [fmpq(0)] * len(truth)
            for s in range(first, len(prefix) + 1):
                tail = prefix[s - 1 :]
                here = _combined(
                    done, epoch.table.cut(s).histories, solution.coefficients[s - 1], tail
                )
                # Lh_s(f) by (10c), from cut s - 1 and the token before
                extended = _combined(
                    done,
                    epoch.table.cut(s - 1).histories,
                    solution.coefficients[s - 2],
                    prefix[s - 2 :],
                )
                for a, (x, y) in enumerate(zip(here, extended, strict=True)):
                    sums[a] += x - y
            wrong += sum(p - x != total for p, x, total in zip(predicted, truth, sums, strict=True))
    return Measurement.of(wrong)


def _combined(done: Run, histories: tuple[Word, ...], c: Row, stem: Word) -> list[fmpq]:
    """Return sum_i c_i Lhat(h_i.stem.a) for all tokens a."""
    found = [fmpq(0)] * done.scenario.target.alphabet_size
    for h, x in zip(histories, c, strict=True):
        for a, value in enumerate(done.ledger.row(h + stem)):
            found[a] += x * value
    return found


def telescope(scenario: Scenario) -> Measurement:
    """Count wrong entries of the telescope."""
    return _telescope_errors(scenario, 2)


def telescope_short(scenario: Scenario) -> Measurement:
    """Sabotage: leave the first residual out."""
    return _telescope_errors(scenario, 3)


# -- witnesses ----------------------------------------------------------------------------------


def exact_scenarios() -> SearchStrategy[Scenario]:
    """Return runs with an exact oracle and a low threshold: many witnesses."""
    return scenarios(
        models=lambda: all_targets(horizons=(3, 4)), thresholds=(fmpq(1, 1000), fmpq(1, 10))
    )


def _witnesses(scenario: Scenario) -> list[int]:
    found = [0] * scenario.target.horizon
    for epoch in run(scenario).epochs:
        if epoch.witness is not None:
            found[epoch.witness.cut - 1] += 1
    return found


def _measured_witnesses(scenario: Scenario, less: int) -> Measurement:
    model = scenario.target
    ranks = zip(model.cut_ranks(), model.one_token_ranks(), strict=True)
    allowed = [witnesses_at_cut(d, r) for d, r in ranks]
    return worst(
        [
            Measurement.of(n, max(0, bound - less))
            for n, bound in zip(_witnesses(scenario), allowed, strict=True)
        ]
    )


def witness_count(scenario: Scenario) -> Measurement:
    """Measure the witnesses at each cut."""
    return _measured_witnesses(scenario, 0)


def witness_count_tightened(scenario: Scenario) -> Measurement:
    """Tightened: one less."""
    return _measured_witnesses(scenario, 1)


def epoch_count(scenario: Scenario) -> Measurement:
    """Measure the epochs that end in a witness."""
    model = scenario.target
    bound = witness_epochs(model.cut_ranks(), model.one_token_ranks())
    return Measurement.of(sum(_witnesses(scenario)), bound)


def epoch_count_tightened(scenario: Scenario) -> Measurement:
    """Tightened: one less."""
    found = epoch_count(scenario)
    return Measurement.of(found.measured, max(0, int(float(found.bound)) - 1))


def noisy_low_thresholds() -> SearchStrategy[Scenario]:
    """Return runs whose threshold lies below the oracle's noise."""
    return scenarios(
        models=lambda: targets(horizons=(3, 4)), noise_only=True, thresholds=(fmpq(1, 10**6),)
    )


def busy_scenarios() -> SearchStrategy[Scenario]:
    """Return runs of all kinds, and many that find witnesses."""
    return st.one_of(exact_scenarios(), scenarios(noisy=True))


def repeated_witnesses(scenario: Scenario) -> Measurement:
    """Count witnesses that were among the futures of their cut already."""
    found = [
        epoch.witness.future in epoch.table.futures(epoch.witness.cut)
        for epoch in run(scenario).epochs
        if epoch.witness is not None
    ]
    return Measurement.of(sum(found), cases=len(found))


def rediscovered_witnesses(scenario: Scenario) -> Measurement:
    """Sabotage: look for the witness among the columns of the next epoch, where it was added."""
    epochs = run(scenario).epochs
    return Measurement.of(
        sum(
            before.witness is not None
            and before.witness.future in after.table.futures(before.witness.cut)
            for before, after in pairwise(epochs)
        )
    )


# -- tests per word -----------------------------------------------------------------------------


def residual_tests(
    scenario: Scenario, earlier: bool = True, last: Callable[[int], int] = lambda t: t + 1
) -> Measurement:
    """Measure |tests - k (T-1)(T-2)(T+3)/6| over the words with no infeasible prefix.

    They are the residuals that the learner computes at every prefix y_{1:t}, t < T, each prefix on
    its own; a test is one (s, r, t) and one token.

    Args:
        scenario: what is run.
        earlier: False, sabotage: leave out the tests with r <= t.
        last: tightened, t -> the largest r.
    """
    done = run(scenario)
    model = scenario.target
    # two sums of one row each per test: so many entries are twice the tests
    entries = query_count(model.horizon, model.alphabet_size, 1, 0, 1, 1).validation_entries
    found = []
    for epoch in done.epochs:
        program = done.model(epoch).program
        for word in epoch.validation_words:
            prefixes = [word[:t] for t in range(1, model.horizon)]
            solutions = [(p, program.solution(p)) for p in prefixes]
            if any(solution is None for _, solution in solutions):
                continue
            tests = 0
            for p, solution in solutions:
                assert solution is not None
                fresh = done.residuals(epoch)
                asked = fresh.new(p, solution) if earlier else fresh.at(p, solution)
                tests += sum(s - 1 + len(f) <= last(len(p)) for s, f, _ in asked)
            found.append(Measurement.of(abs(2 * tests - entries)))
    return worst([Measurement.of(0), *found])


# -- Lemma 5.12 ---------------------------------------------------------------------------------


def _misshapen(scenario: Scenario, *, shift: int = 2, longest: int | None = None) -> Measurement:
    done = run(scenario)
    histories: set[Word] = {()}
    fresh: list[Word] = []
    for epoch in done.epochs:
        fresh.extend(epoch.validation_words)
        for drawn in epoch.spanner_words:
            histories.update(w[:n] for w in drawn for n in range(len(w) + 1))
    wrong = (
        not checkers.has_query_shape(q, histories, fresh, shift=shift, longest=longest)
        for q in done.ledger.log
    )
    return Measurement.of(sum(wrong))


def query_shape(scenario: Scenario) -> Measurement:
    """Count queries that are not (sample prefix).(token).(aligned sample segment)."""
    return _misshapen(scenario)


def query_shape_shifted(scenario: Scenario) -> Measurement:
    """Tightened: the segment starts one position earlier in its word."""
    return _misshapen(scenario, shift=1)


def query_shape_without_segment(scenario: Scenario) -> Measurement:
    """Tightened: no segment at all."""
    return _misshapen(scenario, longest=0)


def residual_free_threshold(scenario: Scenario) -> Measurement:
    """Measure, on an accepted run, the largest residual of a validated prefix against g.

    The residuals are those of test (15), each computed anew: Delta_s(y_{s:r-1}.a) for 2 <= s <= t,
    s <= r <= t + 1 and all a.
    """
    done = run(scenario)
    last = done.epochs[-1]
    if last.outcome != "accepted" or scenario.target.horizon < 3:
        return Measurement.of(0)
    program = done.model(last).program
    largest = fmpq(0)
    for prefix in sorted({w[:t] for w in last.validation_words for t in range(1, len(w))}):
        solution = program.solution(prefix)
        if solution is None:
            return Measurement.of(1)
        for s in range(2, len(prefix) + 1):
            for r in range(s, len(prefix) + 2):
                pair = [
                    _combined(
                        done,
                        last.table.cut(u).histories,
                        solution.coefficients[u - 1],
                        prefix[u - 1 : r - 1],
                    )
                    for u in (s - 1, s)
                ]
                largest = max([largest, *(abs(x - y) for x, y in zip(*pair, strict=True))])
    return Measurement(scenario.target.unit.in_nats(largest), Real.of(scenario.threshold))


@st.composite
def undecided_histories(draw: DrawFn) -> Isan:
    """Return targets of four tokens whose first does not show at once.

    One-token futures do not tell the histories of cut 2 apart, so that the chain program of a
    longer prefix may have other coefficients there.
    """
    size, places = st.integers(1, 3), st.sampled_from([((0, 1), 0), ((1, 0), 0), ((0, 0, 0), 0)])
    u = draw(size)
    logits = {((0,), 0): u, ((1,), 0): u, ((0, 0), 0): draw(size)}
    for place in draw(st.lists(places, max_size=1)):
        logits[place] = draw(size)
    return realize(SparseTarget(4, 2, tuple(sorted(logits.items()))).model)


def accepting_scenarios() -> SearchStrategy[Scenario]:
    """Return runs that mostly accept: high thresholds, noise or none; many with three tokens.

    Some targets have few logits that are not zero, or only such of one token, so that the residuals
    of the tokens differ; of some the first token does not show at once.
    """

    def three() -> SearchStrategy[Isan]:
        return isans(horizons=(3, 3), alphabet_sizes=(3, 3), dimensions=(1, 2))

    def sparse() -> SearchStrategy[Isan]:
        found = sparse_targets(horizons=(3, 3), alphabet_sizes=(3, 3), values=(1, -1))
        return found.map(lambda target: realize(target.model))

    def last() -> SearchStrategy[Isan]:
        places = st.sets(st.sampled_from([(p, 2) for p in words(3, 2)]), min_size=1)
        logits = places.map(lambda found: tuple((place, 1) for place in sorted(found)))
        return logits.map(lambda found: realize(SparseTarget(3, 3, found).model))

    high, low = (fmpq(1, 10), fmpq(1), fmpq(2)), (fmpq(1, 3), fmpq(2, 5))
    return st.one_of(
        scenarios(
            models=lambda: targets(horizons=(3, 4)), noisy=True, most_samples=8, thresholds=high
        ),
        scenarios(models=three, noisy=True, most_samples=8, thresholds=high),
        scenarios(models=sparse, most_samples=8, thresholds=low),
        scenarios(models=last, most_samples=3, thresholds=low),
        scenarios(models=undecided_histories, most_samples=3, thresholds=low),
    )


CLAIMS = (
    Claim(
        "telescope",
        "Lh_{t+1}(a) - Lhat(y_{1:t}.a) = sum_{s=2..t} Delta'_s(y_{s:t}.a), exactly",
        "[P] inside Lemma 5.8",
        "printed",
        lambda: scenarios(models=all_targets, noisy=True),
        telescope,
        (Twin("first residual left out", telescope_short),),
        examples=150,
    ),
    Claim(
        "witness-new",
        "a witness is never already in Fh_s",
        "[P] sec. 4",
        "printed",
        busy_scenarios,
        repeated_witnesses,
        (Twin("looked for an epoch later", rediscovered_witnesses),),
        examples=150,
    ),
    Claim(
        "witness-count",
        "exact oracle: witnesses at cut s <= d_s - rank(one-token columns at cut s)",
        "[P] Lemma 5.6, exact oracle, deterministic",
        "sharpened",
        exact_scenarios,
        witness_count,
        (
            Twin("one less", witness_count_tightened),
            Twin("oracle not exact", witness_count, noisy_low_thresholds),
        ),
        statements=("witness-count",),
        examples=150,
    ),
    Claim(
        "epoch-count",
        "exact oracle: epochs that end in a witness <= sum_{s=2..T-1} (d_s - one-token rank)",
        "[P] Lemma 5.6, exact oracle, deterministic",
        "sharpened",
        exact_scenarios,
        epoch_count,
        (
            Twin("one less", epoch_count_tightened),
            Twin("oracle not exact", epoch_count, noisy_low_thresholds),
        ),
        statements=("epoch-count",),
        examples=150,
    ),
    Claim(
        "residual-tests",
        "a word whose prefixes are feasible takes exactly k (T-1)(T-2)(T+3)/6 residual tests",
        "[P] Lemma 5.10, explicit",
        "reconstructed",
        lambda: scenarios(models=lambda: targets(horizons=(3, 5)), noisy=True, most_samples=3),
        residual_tests,
        (
            Twin("r = t + 1 alone", lambda s: residual_tests(s, earlier=False)),
            Twin("r <= t", lambda s: residual_tests(s, last=lambda t: t)),
        ),
        statements=("lemma-5.10",),
        sharp=True,
        examples=60,
    ),
    Claim(
        "lemma-5.12",
        "every query is a prefix of (sample prefix).(token).(aligned sample segment).(token)",
        "[P] Lemma 5.12",
        "printed",
        lambda: scenarios(noisy=True),
        query_shape,
        (
            Twin("segment one position earlier", query_shape_shifted),
            Twin("no segment", query_shape_without_segment),
        ),
        examples=150,
    ),
    Claim(
        "acceptance",
        "an accepted table has no residual above g on the words that it was validated on",
        "[P] Algorithm 1, step 5, corrected",
        "corrected",
        accepting_scenarios,
        residual_free_threshold,
        examples=800,
    ),
)
