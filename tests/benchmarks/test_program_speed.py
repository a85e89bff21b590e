"""Exact chain programs against a simplex over Fractions, and against PuLP with CBC, in one run.

The table has T = 16 and, at every cut that has so many, 10 basis histories and 20 futures of a
random rational ISAN.  The programs are those of words of the model.
"""

from __future__ import annotations

import time
from fractions import Fraction
from itertools import product
from random import Random
from statistics import median

import numpy as np
import pulp
import pytest

from llr.learning.program import ExactChainProgram
from llr.learning.spanner import BOX, barycentric_spanner
from llr.learning.table import Cut, Table, extended_futures, one_token_futures, read_rows
from llr.models.families import random_isan
from llr.numbers.arithmetic import EXACT
from llr.oracles.ledger import Ledger
from llr.oracles.protocol import ModelOracle
from llr.oracles.sampling import ModelWords

HORIZON = 16
ALPHABET = 4
HISTORIES = 10
FUTURES = 20
POOL = 64
PREFIXES = 10
ROUNDS = 8
LEAST_SPEED_UP = 100

# -- the table ------------------------------------------------------------------------------------


def some_futures(s, rng):
    """Return the one-token futures of cut s, then short longer ones, 20 in all if there are."""
    longest = HORIZON - s + 1
    found = dict.fromkeys(one_token_futures(ALPHABET))
    if longest == 2:
        found.update(dict.fromkeys(product(range(ALPHABET), repeat=2)))
    while longest > 2 and len(found) < FUTURES:
        length = int(rng.integers(2, min(longest, 5) + 1))
        found[tuple(rng.integers(ALPHABET, size=length).tolist())] = None
    return tuple(found)[:FUTURES]


def build_table(model, rng):
    """Return rows of a spanner of some histories at every cut, all from an exact oracle."""
    ledger = Ledger(ModelOracle(model), ALPHABET, HORIZON, EXACT)
    words = ModelWords(model)
    futures = {s: some_futures(s, rng) for s in range(1, HORIZON + 1)}
    cuts = []
    for s in range(1, HORIZON):
        if ALPHABET ** (s - 1) <= POOL:
            histories = list(product(range(ALPHABET), repeat=s - 1))
        else:
            histories = list(dict.fromkeys(words.draw(POOL, s - 1, rng)))
        columns = extended_futures(futures[s], futures[s + 1], ALPHABET)
        rows = read_rows(ledger, histories, columns)
        basis = barycentric_spanner(rows, len(columns), EXACT).indices[:HISTORIES]
        cuts.append(
            Cut(
                tuple(histories[i] for i in basis),
                futures[s],
                columns,
                tuple(rows[i] for i in basis),
            )
        )
    return Table(ALPHABET, HORIZON, tuple(cuts), futures[HORIZON], EXACT)


@pytest.fixture(scope="module")
def setting():
    """The table, and prefixes of T - 1 tokens whose programs are feasible."""
    rng = np.random.default_rng(0)
    model = random_isan(HORIZON, ALPHABET, HISTORIES)
    table = build_table(model, rng)
    assert table.basis_sizes == (1, 4, *[10] * 13)
    assert [len(table.futures(s)) for s in range(1, HORIZON + 1)] == [20] * 15 + [4]
    program = ExactChainProgram(table)
    words = ModelWords(model).draw(10 * PREFIXES, HORIZON - 1, rng)
    prefixes = [word for word in words if program.solution(word) is not None]
    assert len(prefixes) >= PREFIXES
    return table, prefixes[:PREFIXES]


def fractions_of(matrix):
    return [[Fraction(int(x.p), int(x.q)) for x in row] for row in matrix.tolist()]


def chain_equations(table, prefix):
    """Return the equations (10a) = (10c) in c_2, ..., c_t: rows of coefficients, right sides."""
    t = len(prefix)
    start, total = {}, 0
    for s in range(2, t + 1):
        start[s] = total
        total += len(table.cut(s).histories)
    equations, right = [], []
    for s in range(2, t + 1):
        here = fractions_of(table.block(s, table.futures(s)))
        onward = [(prefix[s - 2], *f) for f in table.futures(s)]
        before = fractions_of(table.block(s - 1, onward))
        for j in range(len(table.futures(s))):
            row = [Fraction(0)] * total
            for i, values in enumerate(here):
                row[start[s] + i] = values[j]
            if s > 2:
                for i, values in enumerate(before):
                    row[start[s - 1] + i] = -values[j]
            equations.append(row)
            right.append(before[0][j] if s == 2 else Fraction(0))
    return equations, right


# -- a textbook simplex over Fractions ------------------------------------------------------------


class OutOfTimeError(Exception):
    """The simplex was stopped."""


def first_phase(equations, right, seconds=float("inf")):
    """Return c with ``equations c = right`` and |c_i| <= 2, or None: Bland's rule throughout.

    The standard form has x = c + 2 >= 0 and slacks x + s = 4; the first phase minimises the sum of
    one artificial unknown per equation.  A feasible point is all that is asked for, so that the
    second phase, which would minimise nothing, has nothing to do.

    Raises:
        OutOfTimeError: it takes longer than ``seconds`` of a processor.
    """
    end = time.process_time() + seconds
    n = len(equations[0])
    rows = []
    for row, value in zip(equations, right, strict=True):
        shifted = value + BOX * sum(row, Fraction(0))
        sign = -1 if shifted < 0 else 1
        rows.append([sign * x for x in row] + [Fraction(0)] * n + [sign * shifted])
    for i in range(n):
        bound = [Fraction(0)] * (2 * n) + [Fraction(2 * BOX)]
        bound[i] = bound[n + i] = Fraction(1)
        rows.append(bound)
    artificial = len(equations)
    # the slacks are basic in their rows; the artificial unknowns, beyond 2 n, are kept no column of
    basis = [2 * n + i for i in range(artificial)] + [n + i for i in range(n)]
    costs = [-sum(row[j] for row in rows[:artificial]) for j in range(2 * n + 1)]
    while True:
        entering = next((j for j in range(2 * n) if costs[j] < 0), None)
        if entering is None:
            break
        ratios = [
            (row[-1] / row[entering], basis[i], i)
            for i, row in enumerate(rows)
            if row[entering] > 0
        ]
        leaving = min(ratios)[2]
        pivot = rows[leaving][entering]
        rows[leaving] = [x / pivot if x else x for x in rows[leaving]]
        for other in [*rows[:leaving], *rows[leaving + 1 :], costs]:
            factor = other[entering]
            if factor:
                for j, x in enumerate(rows[leaving]):
                    if x:
                        other[j] -= factor * x
            if time.process_time() > end:
                raise OutOfTimeError
        basis[leaving] = entering
    if costs[-1] != 0:
        return None
    solution = [Fraction(-BOX)] * n
    for i, row in zip(basis, rows, strict=True):
        if i < n:
            solution[i] = row[-1] - BOX
    return solution


def satisfied(equations, right, c):
    return all(abs(x) <= BOX for x in c) and all(
        sum((a * x for a, x in zip(row, c, strict=True)), Fraction(0)) == value
        for row, value in zip(equations, right, strict=True)
    )


def test_the_textbook_simplex_is_right():
    rng = Random(0)
    feasible = 0
    for _ in range(60):
        n, m = rng.randrange(1, 6), rng.randrange(1, 4)
        equations = [[Fraction(rng.randrange(-3, 4)) for _ in range(n)] for _ in range(m)]
        c = [Fraction(rng.randrange(-9, 10), 4) for _ in range(n)]
        right = [sum(a * x for a, x in zip(row, c, strict=True)) for row in equations]
        found = first_phase(equations, right)
        problem = pulp.LpProblem("box")
        v = [problem.add_variable(f"c{i}", -BOX, BOX) for i in range(n)]
        for row, value in zip(equations, right, strict=True):
            left = pulp.LpAffineExpression([(x, float(a)) for x, a in zip(v, row, strict=True)])
            problem += left == float(value)
        problem.solve(pulp.HiGHS(msg=False, threads=1))
        assert (found is not None) == (problem.status == pulp.LpStatusOptimal)
        if found is not None:
            feasible += 1
            assert satisfied(equations, right, found)
    assert 20 < feasible < 60
    with pytest.raises(OutOfTimeError):
        first_phase(equations, right, seconds=-1)


# -- the yardsticks -------------------------------------------------------------------------------


def seconds(run):
    start = time.perf_counter()
    found = run()
    return time.perf_counter() - start, found


def by_cbc(table, prefix):
    """State the program with PuLP, solve it with CBC, and return the status and the values."""
    problem = pulp.LpProblem("chain")
    problem += 0
    t = len(prefix)
    c = {
        (s, i): problem.add_variable(f"c_{s}_{i}", -BOX, BOX)
        for s in range(2, t + 1)
        for i in range(len(table.cut(s).histories))
    }

    def floats(s, futures):
        return [[int(x.p) / int(x.q) for x in row] for row in table.block(s, futures).tolist()]

    for s in range(2, t + 1):
        here = floats(s, table.futures(s))
        before = floats(s - 1, [(prefix[s - 2], *f) for f in table.futures(s)])
        for j in range(len(table.futures(s))):
            terms = [(c[s, i], row[j]) for i, row in enumerate(here)]
            if s > 2:
                terms += [(c[s - 1, i], -row[j]) for i, row in enumerate(before)]
            problem += pulp.LpAffineExpression(terms) == (before[0][j] if s == 2 else 0)
    problem.solve(pulp.COIN_CMD(path=pulp.PULP_CBC_CMD.pulp_cbc_path, msg=False, threads=1))
    return problem.status, [v.value() for v in c.values()]


def test_exact_programs_no_slower_than_cbc_and_100_times_a_fraction_simplex(benchmark, setting):
    table, prefixes = setting
    spent = {"cold": [], "busy": [], "cbc": [], "each": []}

    def run():
        # they take turns, so that a busy machine slows all
        prefix = prefixes[len(spent["cold"])]
        began = time.process_time()
        taken, solution = seconds(lambda: ExactChainProgram(table).solution(prefix))
        spent["busy"].append(time.process_time() - began)
        spent["cold"].append(taken)
        taken, (status, _) = seconds(lambda: by_cbc(table, prefix))
        spent["cbc"].append(taken)
        assert status == pulp.LpStatusOptimal
        program = ExactChainProgram(table)
        taken, _ = seconds(lambda: [program.solution(p) for p in prefixes])
        spent["each"].append(taken / len(prefixes))
        return solution

    benchmark.pedantic(run, rounds=ROUNDS, iterations=1)
    cold = min(spent["cold"])

    prefix = prefixes[0]
    equations, right = chain_equations(table, prefix)
    solution = ExactChainProgram(table).solution(prefix)
    ours = [Fraction(int(x.p), int(x.q)) for c in solution.coefficients[1:] for x in c]
    assert satisfied(equations, right, ours)
    lost = False
    ours_busy = median(spent["busy"])
    started = time.process_time()
    try:
        first_phase(equations, right, seconds=LEAST_SPEED_UP * ours_busy)
    except OutOfTimeError:
        lost = True  # it had a hundred times what ours takes of a processor, and did not end
    benchmark.extra_info.update(
        {
            "size": "T=16,k=4,d=10; 10 histories and 20 futures per cut",
            "unknowns": len(ours),
            "equations": len(right),
            "our_seconds_cold": cold,
            "our_seconds_per_prefix": min(spent["each"]),
            "cbc_seconds": min(spent["cbc"]),
            "cbc_over_ours": min(spent["cbc"]) / cold,
            "our_processor_seconds": ours_busy,
            "fraction_simplex_stopped_after_processor_seconds": time.process_time() - started,
        }
    )
    assert (len(ours), len(right)) == (134, 280)
    assert lost
    assert cold <= min(spent["cbc"])
