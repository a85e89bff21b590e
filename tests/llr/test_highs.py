"""The float64 chain program, HiGHS through PuLP, against exact answers and against its own rows."""

from __future__ import annotations

import math
from itertools import product
from random import Random
from types import SimpleNamespace

import highspy
import pytest
from flint import fmpq

from llr.errors import LlrError
from llr.learning import highs
from llr.learning.highs import HighsChainProgram
from llr.learning.program import ExactChainProgram
from llr.learning.table import Cut, Table
from llr.models.families import noisy_parity, random_isan
from llr.numbers.arithmetic import EXACT, FLOAT64

BOX = 2


def one_token(k):
    return [(a,) for a in range(k)]


def make_table(k, horizon, histories, futures, entry, arithmetic=FLOAT64):
    cuts = []
    for s in range(1, max(1, horizon - 1) + 1):
        following = futures[s + 1] if s < horizon else ()
        longer = [(a, *f) for a in range(k) for f in following]
        columns = list(futures[s]) + [f for f in longer if f not in futures[s]]
        rows = tuple(tuple(entry(h, f) for f in columns) for h in histories[s])
        cuts.append(Cut(tuple(histories[s]), tuple(futures[s]), tuple(columns), rows))
    return Table(k, horizon, tuple(cuts), tuple(futures[horizon]), arithmetic)


def both_tables(model, histories, futures):
    """Return the table of a model in both arithmetics."""

    def exactly(h, f):
        x = model.logits(h + f[:-1])[f[-1]]
        return fmpq(x.numerator, x.denominator)

    def roughly(h, f):
        return float(model.logits(h + f[:-1])[f[-1]])

    args = (model.alphabet_size, model.horizon, histories, futures)
    return make_table(*args, exactly, EXACT), make_table(*args, roughly, FLOAT64)


def prefixes(table):
    return [
        p for t in range(1, table.horizon) for p in product(range(table.alphabet_size), repeat=t)
    ]


def state_of(program, prefix):
    state = program.start()
    for token in prefix:
        state = program.step(state, token)
    return state


def row_of(table, s, i, f):
    cut = table.cut(s)
    return cut.rows[i][cut.columns.index(f)]


def check_solution(table, prefix, solution):
    """Assert (10a)-(10c) up to 1e-5 and return the predicted row."""
    c = [None, *solution.coefficients]
    t = len(prefix)
    assert len(c) == t + 1
    assert c[1] == (1.0,)
    for s in range(2, t + 1):
        assert len(c[s]) == len(table.cut(s).histories)
        assert all(abs(x) <= BOX + 1e-6 for x in c[s])
        for f in table.futures(s):
            here = math.fsum(x * row_of(table, s, i, f) for i, x in enumerate(c[s]))
            before = math.fsum(
                x * row_of(table, s - 1, i, (prefix[s - 2], *f)) for i, x in enumerate(c[s - 1])
            )
            assert here == pytest.approx(before, abs=1e-5)
    return [
        math.fsum(x * row_of(table, t, i, (prefix[-1], a)) for i, x in enumerate(c[t]))
        for a in range(table.alphabet_size)
    ]


def random_tables(seed):
    rng = Random(seed)
    k, horizon = rng.choice([(2, 4), (2, 5), (3, 3)])
    model = random_isan(horizon, k, rng.randrange(1, 4), seed=seed)
    histories, futures = {1: [()]}, {}
    for s in range(1, horizon + 1):
        if s > 1:
            every = list(product(range(k), repeat=s - 1))
            histories[s] = rng.sample(every, min(len(every), rng.randrange(1, 4)))
        longer = list(product(range(k), repeat=2)) if s < horizon else []
        futures[s] = one_token(k) + rng.sample(longer, min(len(longer), rng.randrange(0, 2)))
    return both_tables(model, histories, futures)


@pytest.mark.parametrize("seed", range(10))
def test_agrees_with_the_exact_program(seed):
    exact_table, table = random_tables(seed)
    exact, program = ExactChainProgram(exact_table), HighsChainProgram(table)
    for prefix in prefixes(table):
        solution = program.solution(prefix)
        # the seeds are fixed, and none of them gives an instance at the border of the box
        assert (solution is None) == (exact.solution(prefix) is None)
        row = program.read(state_of(program, prefix))
        if solution is None:
            assert row is None
        else:
            assert row == pytest.approx(check_solution(table, prefix, solution), abs=1e-9)


def test_the_random_tables_hold_both_kinds_of_prefixes():
    seen = set()
    for seed in range(10):
        exact_table, _ = random_tables(seed)
        program = ExactChainProgram(exact_table)
        seen |= {program.solution(p) is None for p in prefixes(exact_table)}
    assert seen == {True, False}


def full_tables(model):
    k, horizon = model.alphabet_size, model.horizon
    histories = {s: list(product(range(k), repeat=s - 1)) for s in range(1, horizon + 1)}
    futures = {
        s: [f for n in range(1, horizon - s + 2) for f in product(range(k), repeat=n)]
        for s in range(1, horizon + 1)
    }
    return both_tables(model, histories, futures)


def test_a_full_table_gives_the_model_s_logits():
    model = random_isan(4, 2, 2)
    _, table = full_tables(model)
    program = HighsChainProgram(table)
    assert program.read(program.start()) == pytest.approx(tuple(map(float, model.logits(()))))
    for prefix in prefixes(table):
        expected = tuple(map(float, model.logits(prefix)))
        assert program.read(state_of(program, prefix)) == pytest.approx(expected, abs=1e-5)


def test_the_last_token_enters_the_output_only_and_programs_are_solved_once():
    _, table = full_tables(random_isan(4, 2, 2))
    program = HighsChainProgram(table)
    assert program.solved == 0
    for _ in range(2):
        for prefix in prefixes(table):
            assert program.solution(prefix) == program.solution((*prefix[:-1], 0))
        # one program per prefix less its last token
        assert program.solved == 1 + 2 + 4


def test_cut_one_needs_no_solver():
    _, table = full_tables(random_isan(2, 3, 2))
    program = HighsChainProgram(table)
    assert program.solution((2,)).coefficients == ((1.0,),)


@pytest.mark.parametrize("k", [2, 3])
def test_one_token(k):
    row = (1.5, -0.5, -1.0)[:k]
    table = make_table(k, 1, {1: [()]}, {1: one_token(k)}, lambda h, f: row[f[0]])
    program = HighsChainProgram(table)
    assert program.read(program.start()) == row


def spike_table(size):
    """Cut 2 has no basis; history (1,) has a row of this size there."""

    def entry(h, f):
        return size * (1 - 2 * f[-1]) if (h + f)[:-1] == (1,) else 0.0

    return make_table(2, 3, {1: [()], 2: []}, {s: one_token(2) for s in (1, 2, 3)}, entry)


def test_a_cut_without_basis_represents_the_zero_row_alone():
    program = HighsChainProgram(spike_table(1.0))
    assert program.solution((0, 1)).coefficients == ((1.0,), ())
    assert program.read(state_of(program, (0, 1))) == (0.0, 0.0)
    assert program.read(state_of(program, (1,))) == (1.0, -1.0)
    assert program.solution((1, 0)) is None
    assert program.read(state_of(program, (1, 0))) is None


@pytest.mark.parametrize("size", [1.0, -1.0])
def test_a_row_that_a_cut_without_basis_lacks_may_have_either_sign(size):
    def entry(h, f):
        return size if h + f == (1, 0) else 0.0

    table = make_table(2, 3, {1: [()], 2: []}, {s: one_token(2) for s in (1, 2, 3)}, entry)
    program = HighsChainProgram(table)
    assert program.solution((0, 1)) is not None
    assert program.solution((1, 0)) is None


def test_dust_is_no_reason_to_fail():
    assert HighsChainProgram(spike_table(1e-9)).solution((1, 0)) is not None
    assert HighsChainProgram(spike_table(1e-3)).solution((1, 0)) is None


def needed_table(coefficient, scale=1.0):
    """T = 3; matching (0,) at cut 2 needs this coefficient."""

    def entry(h, f):
        value = (
            {(): 0.0, (0,): coefficient, (1,): 0.0} if h == () else {(): 1.0, (0,): 3.0, (1,): 4.0}
        )
        return scale * value[f[:-1]] * (1 - 2 * f[-1])

    return make_table(2, 3, {1: [()], 2: [(0,)]}, {s: one_token(2) for s in (1, 2, 3)}, entry)


@pytest.mark.parametrize(
    ("coefficient", "feasible"), [(1.5, 1), (2.0, 1), (-2.0, 1), (2.001, 0), (-2.001, 0), (50.0, 0)]
)
@pytest.mark.parametrize("scale", [2.0**-20, 1.0, 2.0**40])
def test_the_box_at_every_scale(coefficient, feasible, scale):
    program = HighsChainProgram(needed_table(coefficient, scale))
    solution = program.solution((0, 1))
    assert (solution is not None) == bool(feasible)
    if feasible:
        assert solution.coefficients[1] == pytest.approx((coefficient,), rel=1e-6)
        row = program.read(state_of(program, (0, 1)))
        assert row == pytest.approx((4 * scale * coefficient, -4 * scale * coefficient), rel=1e-6)


def test_contradicting_equations():
    def entry(h, f):
        # two-token futures at cut 2 want another coefficient than one-token futures
        row = {1: 1.0, 2: 1.0, 3: 1.7} if h == () else {1: 1.0, 2: 1.0}
        return row[len(f)] * (1 - 2 * f[-1])

    futures = {1: one_token(2), 2: [*one_token(2), (0, 0)], 3: one_token(2)}
    program = HighsChainProgram(make_table(2, 3, {1: [()], 2: [(0,)]}, futures, entry))
    assert program.solution((0, 1)) is None


@pytest.mark.parametrize(("wanted", "found"), [(1.7, 1.35), (0.3, 0.65), (-1.0, 0.0)])
def test_a_relaxed_program_shares_the_error_between_contradictions(wanted, found):
    """One-token futures want the coefficient 1, a longer one another: both are off by as much."""

    def entry(h, f):
        row = {1: 1.0, 2: 1.0, 3: wanted} if h == () else {1: 1.0, 2: 1.0}
        return row[len(f)] * (1 - 2 * f[-1])

    futures = {1: one_token(2), 2: [*one_token(2), (0, 0)], 3: one_token(2)}
    table = make_table(2, 3, {1: [()], 2: [(0,)]}, futures, entry)
    assert HighsChainProgram(table).solution((0, 1)) is None
    solution = HighsChainProgram(table, relaxed=True).solution((0, 1))
    assert solution.coefficients[1] == pytest.approx((found,))


def contradictory(size, short, long):
    """Return a table that wants c = short of one equation, size c = long of another."""

    def entry(h, f):
        row = {1: 1.0, 2: short, 3: long} if h == () else {1: 1.0, 2: size}
        return row[len(f)] * (1 - 2 * f[-1])

    futures = {1: one_token(2), 2: [*one_token(2), (0, 0)], 3: one_token(2)}
    return make_table(2, 3, {1: [()], 2: [(0,)]}, futures, entry)


def test_a_relaxed_program_shares_the_error_as_the_rows_are():
    """|c| = |4 c - 4| where c is 4/5; of scaled equations it would be 1/2."""
    solution = HighsChainProgram(contradictory(4.0, 0.0, 4.0), relaxed=True).solution((0, 1))
    assert solution.coefficients[1] == pytest.approx((0.8,))


def test_small_rows_contradict_one_another_as_large_ones_do():
    assert HighsChainProgram(contradictory(1e-8, 0.5, 0.5e-8)).solution((0, 1)) is not None
    assert HighsChainProgram(contradictory(1e-8, 0.5, 1.5e-8)).solution((0, 1)) is None


def test_parity_in_float64():
    model = noisy_parity(4, "1011", "1/10")
    exact_table, table = full_tables(model)
    exact, program = ExactChainProgram(exact_table), HighsChainProgram(table)
    for prefix in prefixes(table):
        expected = tuple(int(x.p) / int(x.q) for x in exact.read(state_of(exact, prefix)))
        assert program.read(state_of(program, prefix)) == pytest.approx(expected, abs=1e-6)


def test_the_solver_prints_nothing(capfd):
    assert HighsChainProgram(needed_table(1.5)).solution((0, 1)) is not None
    assert capfd.readouterr() == ("", "")


# -- scaling --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("left", "right", "scaled", "scaled_right"),
    [
        ([3.0, -1.0], 5.0, [0.75, -0.25], 1.25),
        ([0.25], 1.0, [0.5], 2.0),
        ([1.0, 0.0], 1.0, [0.5], 0.5),
        ([-1e6, 1e-7], 0.0, [-1e6 / 2**20], 0.0),  # 1e-7 / 2^20 is below 1e-12
        ([1e-9, -1e-10], 7.0, [], 7.0),
        ([0.0, 0.0], 3.0, [], 3.0),
        ([], 2.0, [], 2.0),
    ],
)
def test_equations_are_scaled_by_powers_of_two(left, right, scaled, scaled_right):
    found, found_right = highs._scaled([(a, f"v{i}") for i, a in enumerate(left)], right)
    assert [a for a, _ in found] == scaled
    assert found_right == scaled_right
    assert all(name == f"v{left.index(a0)}" for (a, name), a0 in zip(found, left, strict=False))


def test_the_solver_is_silent_and_has_one_thread(capfd):
    problem = SimpleNamespace()
    highs.Solver().createAndConfigureSolver(problem)
    options = ("output_flag", "threads")
    assert [problem.solverModel.getOptionValue(name)[1] for name in options] == [False, 1]
    problem.solverModel.run()
    assert capfd.readouterr() == ("", "")


# -- a solver that does not do its work -----------------------------------------------------------


@pytest.mark.parametrize(
    "status", [highspy.HighsModelStatus.kTimeLimit, highspy.HighsModelStatus.kUnknown]
)
def test_a_solver_that_gives_up_is_an_error(monkeypatch, status):
    class GivesUp(highs.Solver):
        def actualSolve(self, lp):  # noqa: N802
            super().actualSolve(lp)
            lp.solverModel = SimpleNamespace(getModelStatus=lambda: status)
            return lp.status

    monkeypatch.setattr(highs, "Solver", GivesUp)
    with pytest.raises(LlrError, match=f"^HiGHS ended a chain program with status {status.name}$"):
        HighsChainProgram(needed_table(1.5)).solution((0, 1))


@pytest.mark.parametrize("point", [0.25, 1.25, 1.75])
def test_a_point_that_does_not_satisfy_the_program_is_an_error(monkeypatch, point):
    """The only equation wants the coefficient 3/2: a point may be off downwards or upwards."""

    class Wrong(highs.Solver):
        def actualSolve(self, lp):  # noqa: N802
            status = super().actualSolve(lp)
            for v in lp.variables():
                v.varValue = point
            return status

    def entry(h, f):
        return (1.5 if h == () else 1.0) * (f[-1] == 0)

    table = make_table(2, 3, {1: [()], 2: [(0,)]}, {s: one_token(2) for s in (1, 2, 3)}, entry)
    assert HighsChainProgram(table).solution((0, 1)).coefficients[1] == pytest.approx((1.5,))
    monkeypatch.setattr(highs, "Solver", Wrong)
    with pytest.raises(LlrError, match=r"^HiGHS returned a point .* its chain program$"):
        HighsChainProgram(table).solution((0, 1))
