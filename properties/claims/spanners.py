"""Claims about spanners and chain programs: Def 5.2, Lemma 5.5, feasibility."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

from flint import fmpq, fmpq_mat
from hypothesis import assume
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from bounds.spanner import infeasibility, infeasibility_printed
from llr.learning.boxed import BoxedSystem, Refutation
from llr.learning.certified import certified_spanner
from llr.learning.spanner import barycentric_spanner
from llr.learning.table import Table, read_rows
from llr.models.base import Word, words
from llr.models.isan import Isan
from llr.numbers.arithmetic import EXACT, FLOAT64, ExactArithmetic
from llr.numbers.balls import Real, nearest_float, total
from llr.numbers.rational import RationalRow, fraction, rational
from llr.numbers.units import LN2
from properties import checkers
from properties.claim import Claim, Measurement, Twin
from properties.measure import worst
from properties.scenarios import Run, Scenario, inner_prefixes, probability_of, run, scenarios
from properties.strategies import copies, isans, low_rank_matrices, noisy_parities, row_families

# -- Def 5.2 ------------------------------------------------------------------------------------


def all_rows() -> SearchStrategy[list[RationalRow]]:
    """Return lists of rows: repeats, zeros, low rank, huge and tiny entries, near-singular."""
    return st.one_of(
        row_families(),
        row_families(wide=True),
        low_rank_matrices(),
        row_families(rows=(1, 5), nearly_dependent=True),
    )


def largest_coefficient(rows: list[RationalRow], basis: tuple[int, ...]) -> Measurement:
    """Measure the largest coefficient of a row in the basis against 2; 3 if it is no basis."""
    as_fractions = checkers.as_fractions(rows)
    chosen = [as_fractions[i] for i in basis]
    if checkers.rank(chosen) != len(chosen):
        return Measurement.of(3, 2)
    worst = fmpq(0)
    for row in as_fractions:
        found = checkers.coordinates(chosen, row)
        if found is None:
            return Measurement.of(3, 2)
        worst = max([worst, *(abs(rational(c)) for c in found)])
    return Measurement.of(worst, 2)


def spanner(rows: list[RationalRow]) -> Measurement:
    """Measure the spanner that the library returns."""
    return largest_coefficient(rows, barycentric_spanner(rows, len(rows[0]), EXACT).indices)


def spanner_in_unit_box(rows: list[RationalRow]) -> Measurement:
    """Tightened: coefficients at most 1."""
    return Measurement.of(spanner(rows).measured, 1)


def first_basis(rows: list[RationalRow]) -> Measurement:
    """Sabotage: no exchange at all."""
    return largest_coefficient(rows, EXACT.independent_rows(EXACT.matrix(rows, len(rows[0]))))


def sheared_rows() -> SearchStrategy[list[RationalRow]]:
    """Return up to five rows (x, y + c x) with small integers x, y and c = 0 or 1024, of rank 2."""

    def sheared(rows: list[RationalRow], c: int) -> list[RationalRow]:
        return [(x, y + c * x) for x, y in rows]

    every = st.builds(sheared, few_rows(), st.sampled_from([0, 1024]))
    return every.filter(lambda rows: len(EXACT.independent_rows(EXACT.matrix(rows, 2))) == 2)


def certified(rows: list[RationalRow], bound: int = 2, proven: bool = True) -> Measurement:
    """Measure the largest coefficient over the certified spanner of the rows as floats, exactly.

    Args:
        rows: of doubles.
        bound: tightens the box.
        proven: False, sabotage: the first basis instead.
    """
    floats = [tuple(float(int(x)) for x in row) for row in rows]
    first = EXACT.independent_rows(EXACT.matrix(rows, 2))
    basis = certified_spanner(floats, 2).indices if proven else first
    return Measurement.of(largest_coefficient(rows, basis).measured, bound)


# -- exchanges ----------------------------------------------------------------------------------


class Watched(ExactArithmetic):
    """Exact arithmetic that notes the bases of a spanner, the first one and one per exchange.

    Args:
        at_two: sabotage: a coefficient of exactly 2 exceeds the box, too.
    """

    def __init__(self, at_two: bool = False) -> None:
        self._at_two = at_two
        self.bases: list[list[int]] = []

    def independent_rows(self, m: fmpq_mat) -> tuple[int, ...]:
        """Return the top-to-bottom pivots."""
        found = super().independent_rows(m)
        self.bases.append(list(found))
        return found

    def exchange(self, m: fmpq_mat, i: int, j: int) -> fmpq_mat:
        """Return the coefficients after row i took the place of basis row j."""
        self.bases.append([i if place == j else row for place, row in enumerate(self.bases[-1])])
        return super().exchange(m, i, j)

    def exceeds(self, value: fmpq, bound: int) -> bool:
        """True if ``|value| > bound``."""
        return super().exceeds(value, bound) or (self._at_two and abs(value) == bound)


def few_rows(largest: int = 9) -> SearchStrategy[list[RationalRow]]:
    """Return up to five rows of two small integers: exchanges are common, ties at 2, too."""
    row = st.tuples(*[st.integers(-largest, largest).map(fmpq)] * 2)
    return st.lists(row, min_size=2, max_size=5)


def exchanges(rows: list[RationalRow], factor: fmpq = fmpq(2), at_two: bool = False) -> Measurement:
    """Measure the factor, squared, against the least by which an exchange multiplies det squared.

    An exchange that multiplies |det| by the factor or less fails, and so does a spanner that is not
    the last basis or counts its exchanges wrongly.
    """
    watched = Watched(at_two)
    found = barycentric_spanner(rows, len(rows[0]), watched)
    last = watched.bases[-1]
    if sorted(last) != list(found.indices) or len(watched.bases) != 1 + found.exchanges:
        return Measurement.of(1)
    exact = checkers.as_fractions(rows)
    squares = [checkers.gram([exact[i] for i in basis]) for basis in watched.bases]
    least = min((after / before for before, after in pairwise(squares)), default=None)
    if least is None:
        return Measurement.of(0)
    square = rational(factor * factor)
    return Measurement.of(square if least > fraction(square) else square + rational(least), least)


# -- more columns -------------------------------------------------------------------------------


@st.composite
def widened(draw: DrawFn) -> tuple[list[RationalRow], int]:
    """Return small integer rows and how many of their columns come first; the others are new."""
    width = draw(st.integers(2, 4))
    row = st.lists(st.integers(-3, 3).map(fmpq), min_size=width, max_size=width).map(tuple)
    return draw(st.lists(row, min_size=1, max_size=4)), draw(st.integers(1, width - 1))


def _chosen(instance: tuple[list[RationalRow], int]) -> checkers.Rows:
    """Return the rows, in full, of the spanner on the first columns; there is one at least."""
    rows, first = instance
    found = barycentric_spanner([row[:first] for row in rows], first, EXACT).indices
    assume(found)
    return checkers.as_fractions([rows[i] for i in found])


def volume_of_more_columns(instance: tuple[list[RationalRow], int]) -> Measurement:
    """Measure the Gram determinant on the first columns against that on all."""
    chosen = _chosen(instance)
    narrow = checkers.gram([row[: instance[1]] for row in chosen])
    return Measurement.of(narrow, checkers.gram(chosen))


def volume_of_other_columns(instance: tuple[list[RationalRow], int]) -> Measurement:
    """Sabotage: let the new columns take the place of the first ones."""
    chosen, first = _chosen(instance), instance[1]
    narrow = checkers.gram([row[:first] for row in chosen])
    return Measurement.of(narrow, checkers.gram([row[first:] for row in chosen]))


def volume_of_more_rows(instance: tuple[list[RationalRow], int]) -> Measurement:
    """Sabotage: add a row in place of columns."""
    chosen = _chosen(instance)
    return Measurement.of(checkers.gram(chosen[:-1]), checkers.gram(chosen))


# -- chain programs, whole ----------------------------------------------------------------------


def whole_program(table: Table, prefix: Word) -> tuple[fmpq_mat, RationalRow]:
    """Return the chain program of y_{1:t} as one system c G = b, with no splitting.

    The unknowns are c_2..c_t; Lh_s is eliminated by (10a), and c_1 = e_1 stands in b.
    """
    t = len(prefix)
    widths = [len(table.cut(s).histories) for s in range(2, t + 1)]
    columns: list[list[fmpq]] = []
    right: list[fmpq] = []
    for s in range(2, t + 1):
        here, before = table.cut(s), table.cut(s - 1)
        for f in table.futures(s):
            longer = (prefix[s - 2], *f)
            column = [fmpq(0)] * sum(widths)
            start = sum(widths[: s - 2])
            for i, row in enumerate(here.rows):
                column[start + i] += row[here.columns.index(f)]
            if s == 2:
                right.append(before.rows[0][before.columns.index(longer)])
            else:
                start = sum(widths[: s - 3])
                for i, row in enumerate(before.rows):
                    column[start + i] -= row[before.columns.index(longer)]
                right.append(fmpq(0))
            columns.append(column)
    flat = [columns[j][i] for i in range(sum(widths)) for j in range(len(columns))]
    return fmpq_mat(sum(widths), len(columns), flat), tuple(right)


def whole_program_feasible(table: Table, prefix: Word) -> bool:
    """Decide the whole program, checking the proof either way."""
    g, b = whole_program(table, prefix)
    found = BoxedSystem(g).solve(b)
    if isinstance(found, Refutation):
        assert found.holds(g, b)
        return False
    assert tuple((fmpq_mat(1, len(found), list(found)) * g).entries()) == b
    assert all(abs(x) <= 2 for x in found)
    return True


def split_programs(scenario: Scenario) -> Measurement:
    """Count the prefixes where splitting the program changes its feasibility."""
    done = run(scenario)
    wrong = 0
    for epoch in done.epochs:
        program = done.model(epoch).program
        for prefix in inner_prefixes(scenario.target):
            feasible = whole_program_feasible(epoch.table, prefix)
            wrong += feasible != (program.solution(prefix) is not None)
    return Measurement.of(wrong)


def split_without_box(scenario: Scenario) -> Measurement:
    """Sabotage: forget the box, and call every consistent program feasible."""
    done = run(scenario)
    wrong = 0
    for epoch in done.epochs:
        for prefix in inner_prefixes(scenario.target):
            g, b = whole_program(epoch.table, prefix)
            found = BoxedSystem(g).solve(b)
            consistent = not isinstance(found, Refutation) or any(
                (g * fmpq_mat(len(b), 1, list(found.multipliers))).entries()
            )
            wrong += consistent != (done.model(epoch).program.solution(prefix) is not None)
    return Measurement.of(wrong)


# -- programs in float64 ------------------------------------------------------------------------

ROUNDING = fmpq(1, 10**6)
"""How far HiGHS' coefficients may leave the box, and its equations be off, relatively."""


def in_floats(table: Table) -> Table:
    """Return the table with every entry rounded to a double."""
    cuts = tuple(
        replace(cut, rows=tuple(tuple(nearest_float(Real.of(x)) for x in r) for r in cut.rows))
        for cut in table.cuts
    )
    return replace(table, cuts=cuts, arithmetic=FLOAT64)


def few_programs() -> SearchStrategy[Scenario]:
    """Return runs on targets of three or four bits."""
    models = isans(horizons=(3, 4), alphabet_sizes=(2, 2), dimensions=(1, 3))
    return scenarios(models=lambda: models, most_samples=2)


def float_programs(scenario: Scenario, box: fmpq = fmpq(2)) -> Measurement:
    """Measure HiGHS' largest coefficient over the last table against the box.

    A feasible program without a solution counts as twice the box, and so does a solution of it that
    is off by more than ``ROUNDING`` times the largest entry; the relaxed program always has one.

    Args:
        scenario: what is run.
        box: tightens the box.
    """
    from llr.learning.highs import HighsChainProgram  # the solver loads on use

    done = run(scenario)
    epoch = done.epochs[-1]
    exact, table = done.model(epoch).program, in_floats(epoch.table)
    largest = fmpq(0)
    for relaxed in (False, True):
        program = HighsChainProgram(table, relaxed)
        for prefix in inner_prefixes(scenario.target):
            feasible = exact.solution(prefix) is not None
            found = program.solution(prefix)
            if found is None:
                largest = max(largest, fmpq(4 if feasible or relaxed else 0))
                continue
            c = [fmpq(*x.as_integer_ratio()) for group in found.coefficients[1:] for x in group]
            largest = max([largest, *map(abs, c)])
            g, b = whole_program(epoch.table, prefix)
            sums = (fmpq_mat(1, len(c), c) * g).entries() if c else [fmpq(0)] * len(b)
            off = max((abs(x - y) for x, y in zip(sums, b, strict=True)), default=fmpq(0))
            scale = max([fmpq(1), *map(abs, g.entries()), *map(abs, b)])
            if feasible and off > ROUNDING * scale:
                largest = max(largest, fmpq(4))
    return Measurement.of(largest, box * (1 + ROUNDING))


def monotone_feasibility(scenario: Scenario) -> Measurement:
    """Count the feasible prefixes with an infeasible shorter one, each program taken whole."""
    return _violations(scenario, forwards=False)


def forward_feasibility(scenario: Scenario) -> Measurement:
    """Sabotage: read the claim backwards, from a feasible prefix to a longer one."""
    return _violations(scenario, forwards=True)


def _violations(scenario: Scenario, forwards: bool) -> Measurement:
    done = run(scenario)
    wrong = infeasible = 0
    for epoch in done.epochs:
        feasible = {
            p: whole_program_feasible(epoch.table, p) for p in inner_prefixes(scenario.target)
        }
        infeasible += sum(not good for good in feasible.values())
        for prefix, good in feasible.items():
            shorter = prefix[:-1]
            if shorter in feasible:
                wrong += (
                    (feasible[shorter] and not good)
                    if forwards
                    else (good and not feasible[shorter])
                )
    return Measurement.of(wrong, cases=infeasible)


# -- Lemma 5.5 ----------------------------------------------------------------------------------


def rational_targets() -> SearchStrategy[Isan]:
    """Return targets whose words have rational probabilities."""
    return st.one_of(
        isans(
            horizons=(3, 5), alphabet_sizes=(2, 2), dimensions=(1, 2), units=(LN2,), integers=True
        ),
        isans(horizons=(3, 4), units=(LN2,), integers=True),
        noisy_parities(bits=(2, 4)),
        copies(tokens=(2, 2)),
    )


def unrepresented(done: Run, table: Table, s: int) -> Real:
    """Return eta: the mass of histories whose row at cut s leaves the box of the basis.

    Source: [P] Def 5.3.
    """
    target = done.scenario.target
    cut = table.cut(s)
    basis = checkers.as_fractions(cut.rows)
    histories = list(words(target.alphabet_size, s - 1))
    rows = checkers.as_fractions(read_rows(done.ledger, histories, cut.columns))
    return total(
        probability_of(target, h)
        for h, row in zip(histories, rows, strict=True)
        if not checkers.in_box(basis, row)
    )


def infeasible_mass(done: Run, table: Table, t: int) -> Real:
    """Return the probability that the chain program of y_{1:t} is infeasible, taken whole."""
    target = done.scenario.target
    return total(
        probability_of(target, p)
        for p in words(target.alphabet_size, t)
        if not whole_program_feasible(table, p)
    )


def feasible_prefixes(scenario: Scenario) -> Measurement:
    """Measure Lemma 5.5 at every epoch and every t, with eta computed by enumeration."""
    return _lemma_5_5(scenario, lambda t, eta: infeasibility(t, eta))


def feasible_prefixes_printed(scenario: Scenario) -> Measurement:
    """Measure the printed form."""
    return _lemma_5_5(scenario, lambda t, eta: infeasibility_printed(t, eta))


def feasible_prefixes_tightened(scenario: Scenario) -> Measurement:
    """Tightened: (t-2) eta."""
    return _lemma_5_5(scenario, lambda t, eta: eta * max(0, t - 2))


def _lemma_5_5(scenario: Scenario, bound: Callable[[int, Real], Real]) -> Measurement:
    done = run(scenario)
    found = [Measurement.of(0)]
    for epoch in done.epochs:
        etas = [Real.of(0)]
        for t in range(1, scenario.target.horizon):
            if t >= 2:
                etas.append(unrepresented(done, epoch.table, t))
            eta = max(etas, key=_exact)
            found.append(Measurement(infeasible_mass(done, epoch.table, t), bound(t, eta)))
    return worst(found)


def _exact(value: Real) -> fmpq:
    assert value.exact is not None
    return value.exact


CLAIMS = (
    Claim(
        "def-5.2",
        "every row is a combination of the spanner's rows with coefficients in [-2, 2]",
        "[P] Def 5.2, Algorithm 3; [AK]",
        "printed",
        all_rows,
        spanner,
        (Twin("coefficients in [-1, 1]", spanner_in_unit_box), Twin("no exchange", first_basis)),
        examples=400,
        tightening=fmpq(3, 5),
    ),
    Claim(
        "certified-spanner",
        "every row of doubles is in the box of 2 over the spanner that balls certify, exactly",
        "[P] Def 5.2, float64 with balls",
        "sharpened",
        sheared_rows,
        certified,
        (
            Twin("coefficients in [-1, 1]", lambda rows: certified(rows, 1)),
            Twin("the first basis", lambda rows: certified(rows, proven=False)),
        ),
        examples=200,
    ),
    Claim(
        "float-programs",
        "HiGHS solves what is feasible, relaxed or not, with coefficients in the box of 2",
        "[P] program (10), float64",
        "sharpened",
        few_programs,
        float_programs,
        (Twin("a box of 1", lambda s: float_programs(s, fmpq(1))),),
        examples=40,
    ),
    Claim(
        "spanner-exchanges",
        "each exchange of a 2-barycentric spanner multiplies |det| by more than 2",
        "[AK], for [P] Algorithm 3",
        "printed",
        few_rows,
        exchanges,
        (
            Twin("by more than 5/2", lambda rows: exchanges(rows, fmpq(5, 2))),
            Twin(
                "exchanged at a coefficient of 2, too",
                lambda rows: exchanges(rows, at_two=True),
                lambda: few_rows(2),
            ),
        ),
    ),
    Claim(
        "spanner-columns",
        "new columns never lower the Gram volume of the chosen rows",
        "counterexample-guided spanners",
        "sharpened",
        widened,
        volume_of_more_columns,
        (
            Twin("other columns instead", volume_of_other_columns),
            Twin("a new row instead", volume_of_more_rows),
        ),
    ),
    Claim(
        "chain-program-split",
        "a chain program is feasible iff its segments are, each solved on its own",
        "[P] program (10)",
        "sharpened",
        lambda: scenarios(noisy=True),
        split_programs,
        (Twin("box forgotten", split_without_box),),
        examples=120,
    ),
    Claim(
        "feasibility-monotone",
        "if the program of y_{1:t} is feasible, so is that of every shorter prefix",
        "[P] sec. 4",
        "printed",
        lambda: scenarios(noisy=True),
        monotone_feasibility,
        (Twin("from shorter to longer", forward_feasibility),),
        examples=120,
    ),
    Claim(
        "lemma-5.5",
        "(eta, 2)-spanners at every cut: y_{1:t} is infeasible with probability <= (t-1) eta",
        "[P] Lemma 5.5, less the cut that never fails",
        "corrected",
        lambda: scenarios(models=rational_targets, most_samples=3),
        feasible_prefixes,
        (Twin("(t-2) eta", feasible_prefixes_tightened),),
        statements=("lemma-5.5",),
        examples=120,
    ),
    Claim(
        "lemma-5.5-printed",
        "(eta, 2)-spanners at every cut: y_{1:t} is infeasible with probability <= t eta",
        "[P] Lemma 5.5",
        "printed",
        lambda: scenarios(models=rational_targets, most_samples=3),
        feasible_prefixes_printed,
        statements=("lemma-5.5-printed",),
        examples=120,
    ),
)
