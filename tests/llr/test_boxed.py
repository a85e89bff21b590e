"""Boxed systems c G = b, |c_i| <= 2: answers are proved by code that the solver does not share."""

from __future__ import annotations

from fractions import Fraction
from itertools import combinations, product
from random import Random

import pulp
import pytest
from flint import fmpq, fmpq_mat
from hypothesis import given, settings
from hypothesis import strategies as st

from llr.learning import boxed
from llr.learning.boxed import BoxedSystem, Refutation

BOX = 2

# -- an independent judge -------------------------------------------------------------------------


def to_flint(rows, width):
    flat = [fmpq(x.numerator, x.denominator) for row in rows for x in map(Fraction, row)]
    return fmpq_mat(len(rows), width, flat)


def to_row(values):
    return tuple(fmpq(x.numerator, x.denominator) for x in map(Fraction, values))


def to_fractions(row):
    return [Fraction(int(x.p), int(x.q)) for x in row]


def times(c, g, width):
    """Return c G."""
    return [
        sum((x * row[j] for x, row in zip(c, g, strict=True)), Fraction(0)) for j in range(width)
    ]


def reduced(rows):
    """Return the reduced echelon form's nonzero rows and their pivot columns."""
    rows, pivots = [list(map(Fraction, r)) for r in rows], []
    for column in range(len(rows[0]) if rows else 0):
        at = len(pivots)
        lead = next((i for i in range(at, len(rows)) if rows[i][column] != 0), None)
        if lead is None:
            continue
        rows[at], rows[lead] = rows[lead], rows[at]
        rows[at] = [x / rows[at][column] for x in rows[at]]
        for i in range(len(rows)):
            if i != at and rows[i][column] != 0:
                factor = rows[i][column]
                rows[i] = [x - factor * y for x, y in zip(rows[i], rows[at], strict=True)]
        pivots.append(column)
    return rows[: len(pivots)], pivots


def rank(rows):
    return len(reduced(rows)[1])


def left_null_space(g):
    """Return a basis of all u with u G = 0."""
    n = len(g)
    if not n:
        return []
    width = len(g[0])
    rows, pivots = reduced([[g[i][j] for i in range(n)] for j in range(width)] or [[0] * n])
    basis = []
    for free in (i for i in range(n) if i not in pivots):
        u = [Fraction(int(i == free)) for i in range(n)]
        for row, pivot in zip(rows, pivots, strict=True):
            u[pivot] = -row[free]
        basis.append(u)
    return basis


def has_solution(g, b):
    """Decide by trying every vertex of the polytope: a maximal free set at +-2, the rest solved."""
    n, width = len(g), len(b)
    r = rank(g) if n and width else 0
    for basic in combinations(range(n), r):
        if r and rank([g[i] for i in basic]) < r:
            continue
        others = [i for i in range(n) if i not in basic]
        for ends in product((-BOX, BOX), repeat=len(others)):
            moved = times(ends, [g[i] for i in others], width)
            right = [x - y for x, y in zip(b, moved, strict=True)]
            found = unique_solution([g[i] for i in basic], right)
            if found is not None and all(abs(x) <= BOX for x in found):
                return True
    return False


def unique_solution(basis, right):
    """Return c with c basis = right, or None; the rows of ``basis`` are independent."""
    n = len(basis)
    system = [[basis[i][j] for i in range(n)] + [right[j]] for j in range(len(right))]
    rows, pivots = reduced(system) if system else ([], [])
    return None if n in pivots else [row[n] for row in rows]


def refutes(z, g, b):
    """True if b z > 2 sum_i |(G z)_i|, which no c in the box allows."""
    value = sum((x * y for x, y in zip(b, z, strict=True)), Fraction(0))
    slack = sum((abs(sum(x * y for x, y in zip(row, z, strict=True))) for row in g), Fraction(0))
    return value > BOX * slack


def check(g, b):
    """Solve, prove the answer, and return the solution or None."""
    g, b = [list(map(Fraction, row)) for row in g], list(map(Fraction, b))
    matrix = to_flint(g, len(b))
    answer = BoxedSystem(matrix).solve(to_row(b))
    if isinstance(answer, Refutation):
        z = to_fractions(answer.multipliers)
        assert len(z) == len(b)
        assert refutes(z, g, b)
        assert answer.holds(matrix, to_row(b))
        return None
    c = to_fractions(answer)
    assert len(c) == len(g)
    assert all(abs(x) <= BOX for x in c)
    assert times(c, g, len(b)) == b
    return c


# -- by hand --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("g", "b", "solution"),
    [
        ([[1]], [2], [2]),
        ([[1]], [-2], [-2]),
        ([[1]], [Fraction(5, 2)], None),
        ([[-4]], [6], [Fraction(-3, 2)]),
        # the first unknown takes it all while it can; the free ones stay at zero
        ([[1], [1]], [1], [1, 0]),
        # c = (3, 0) leaves the box: it is repaired
        ([[1], [1]], [3], [2, 1]),
        ([[1], [1]], [-3], [-2, -1]),
        ([[1], [1]], [4], [2, 2]),
        ([[1], [1]], [Fraction(9, 2)], None),
        ([[1], [1]], [-5], None),
        ([[1], [-1]], [3], [2, -1]),
        # the second of the free unknowns is needed as well
        ([[1], [1], [1]], [6], [2, 2, 2]),
        ([[1], [1], [1]], [7], None),
        # a dependent row is no basic unknown, but it can give way
        ([[1, 0], [0, 1], [1, 1]], [3, 3], [2, 2, 1]),
        # inconsistent equations
        ([[1, 1]], [1, 2], None),
        ([[1, 2], [2, 4]], [1, 3], None),
    ],
)
def test_small_systems(g, b, solution):
    assert check(g, b) == solution


def test_the_entering_unknown_may_leave_the_box_and_be_repaired_in_turn():
    # c = (10, 0, 0): c_0 stops at 2 and c_1 takes 8; c_1 stops at 2 and c_2 takes (10 - 4) / 4
    assert check([[1], [1], [4]], [10]) == [2, 2, Fraction(3, 2)]


def test_the_smallest_unknown_enters_wherever_it_stands():
    # c = (2, -17, 0, 0): c_1 leaves for c_2, then c_0 for c_3; now c_2 = -10/3 must leave and both
    # c_1 and c_0 can give way, c_1 first in the tableau: Bland's rule lets c_0 enter
    g = [[-3, 3], [-1, 0], [0, -3], [-3, -2]]
    assert check(g, [11, 6]) == [Fraction(-6, 5), -2, -2, Fraction(-9, 5)]


@pytest.mark.parametrize("b", [[], [0], [0, 0]])
def test_no_unknowns_and_nothing_to_match(b):
    assert check([], b) == []


@pytest.mark.parametrize("b", [[1], [0, -1], [0, 0, Fraction(1, 9)]])
def test_no_unknowns_but_something_to_match(b):
    assert check([], b) is None


@pytest.mark.parametrize("n", [0, 1, 3])
def test_no_equations(n):
    assert check([[]] * n, []) == [0] * n


def test_zero_matrix():
    assert check([[0, 0], [0, 0]], [0, 0]) == [0, 0]
    assert check([[0, 0], [0, 0]], [0, 3]) is None
    assert check([[0, 0], [0, 0]], [-3, 0]) is None
    assert BoxedSystem(to_flint([[0, 0]], 2)).rank == 0


def test_zero_right_side():
    assert check([[1, 2], [3, 4], [5, 6]], [0, 0]) == [0, 0, 0]


def test_the_canonical_solution_uses_the_first_independent_rows():
    g = [[0, 0], [1, 1], [2, 2], [0, 1]]
    system = BoxedSystem(to_flint(g, 2))
    assert (system.unknowns, system.rank, system.basic) == (4, 2, [1, 3])
    assert check(g, [1, 2]) == [0, 1, 0, 1]


def test_one_system_serves_many_right_sides():
    system = BoxedSystem(to_flint([[1], [1]], 1))
    first = system.solve(to_row([3]))
    assert isinstance(system.solve(to_row([9])), Refutation)
    assert system.solve(to_row([3])) == first == to_row([2, 1])


def test_a_refutation_must_be_strict():
    g = to_flint([[1], [1]], 1)
    assert not Refutation(to_row([1])).holds(g, to_row([4]))
    assert Refutation(to_row([1])).holds(g, to_row([Fraction(41, 10)]))
    assert not Refutation(to_row([-1])).holds(g, to_row([Fraction(41, 10)]))
    assert not Refutation(to_row([0])).holds(g, to_row([100]))


def test_a_refutation_is_not_read_against_another_number_of_equations():
    g = to_flint([[1], [1]], 1)
    with pytest.raises(ValueError, match="zip"):
        Refutation(to_row([1])).holds(g, to_row([5, 0]))


# -- random systems -------------------------------------------------------------------------------


small = st.integers(-3, 3).map(Fraction) | st.sampled_from([Fraction(1, 2), Fraction(-5, 3)])


@st.composite
def systems(draw, most_unknowns=4):
    n, width = draw(st.integers(0, most_unknowns)), draw(st.integers(0, 3))
    row = st.lists(small, min_size=width, max_size=width)
    g = draw(st.lists(row, min_size=n, max_size=n))
    if draw(st.booleans()):
        c = draw(st.lists(st.integers(-7, 7).map(lambda x: Fraction(x, 3)), min_size=n, max_size=n))
        b = times(c, g, width)
    else:
        b = draw(row)
    return g, b


@settings(deadline=None)
@given(systems())
def test_the_answer_is_right_by_enumeration_of_vertices(case):
    g, b = case
    assert (check(g, b) is not None) == has_solution(g, b)


@settings(deadline=None)
@given(systems())
def test_the_answer_is_a_fixed_function(case):
    g, b = case
    matrix, right = to_flint(g, len(b)), to_row(b)
    assert BoxedSystem(matrix).solve(right) == BoxedSystem(matrix).solve(right)


@settings(deadline=None)
@given(systems())
def test_the_basic_solution_is_kept_where_it_is_in_the_box(case):
    g, b = case
    basic = []
    for i in range(len(g)):
        if b and rank([g[j] for j in (*basic, i)]) == len(basic) + 1:
            basic.append(i)
    values = unique_solution([g[i] for i in basic], b)
    if values is not None and all(abs(x) <= BOX for x in values):
        expected = [Fraction(0)] * len(g)
        for i, x in zip(basic, values, strict=True):
            expected[i] = x
        assert check(g, b) == expected


@settings(deadline=None)
@given(systems(), st.data())
def test_forces_by_the_null_space(case, data):
    g, b = case
    width = data.draw(st.integers(0, 2))
    row = st.lists(small, min_size=width, max_size=width)
    if g and data.draw(st.booleans()):  # a matrix that is forced: G times anything
        x = data.draw(st.lists(row, min_size=len(b), max_size=len(b)))
        m = [times(r, x, width) for r in g]
    else:
        m = data.draw(st.lists(row, min_size=len(g), max_size=len(g)))
    expected = all(not any(times(u, m, width)) for u in left_null_space(g))
    assert BoxedSystem(to_flint(g, len(b))).forces(to_flint(m, width)) == expected


def test_forces_by_hand():
    g = to_flint([[1], [1]], 1)
    assert BoxedSystem(g).forces(to_flint([[5, 1], [5, 1]], 2))
    assert not BoxedSystem(g).forces(to_flint([[5, 1], [5, 2]], 2))
    assert BoxedSystem(g).forces(to_flint([[], []], 0))
    assert BoxedSystem(to_flint([[1], [0]], 1)).forces(to_flint([[3], [0]], 1))
    assert not BoxedSystem(to_flint([[0]], 1)).forces(to_flint([[1]], 1))


# -- larger systems against HiGHS -----------------------------------------------------------------


def smallest_box(g, b):
    """Return the least z with c G = b and |c_i| <= z by PuLP with HiGHS; None if there is none."""
    problem = pulp.LpProblem("box", pulp.LpMinimize)
    z = problem.add_variable("z", 0)
    c = [problem.add_variable(f"c{i}") for i in range(len(g))]
    problem += z
    for v in c:
        problem += v <= z
        problem += -v <= z
    for j in range(len(b)):
        left = pulp.LpAffineExpression([(v, float(g[i][j])) for i, v in enumerate(c)])
        problem += left == float(b[j])
    problem.solve(pulp.HiGHS(msg=False, threads=1))
    if problem.status == pulp.LpStatusInfeasible:
        return None
    assert problem.status == pulp.LpStatusOptimal
    return z.value()


def random_system(rng):
    n, width = rng.randrange(3, 10), rng.randrange(1, 6)
    g = [
        [Fraction(rng.randrange(-5, 6), rng.choice((1, 1, 2))) for _ in range(width)]
        for _ in range(n)
    ]
    if rng.random() < 0.4:  # rows in a small space
        space = [[Fraction(rng.randrange(-3, 4)) for _ in range(width)] for _ in range(2)]
        g = [
            times([Fraction(rng.randrange(-2, 3)) for _ in range(2)], space, width)
            for _ in range(n)
        ]
    c = [Fraction(rng.randrange(-30, 31), rng.choice((6, 10, 12))) for _ in range(n)]
    b = times(c, g, width)
    if rng.random() < 0.3:
        b[rng.randrange(width)] += 1
    return g, b


def test_feasibility_agrees_with_highs():
    rng = Random(20)
    seen = {"solved": 0, "outside": 0, "inconsistent": 0, "thin": 0}
    repaired = 0
    for _ in range(300):
        g, b = random_system(rng)
        needed = smallest_box(g, b)
        if needed is not None and abs(needed - BOX) < 1e-6:
            seen["thin"] += 1
            check(g, b)
            continue
        found = check(g, b)
        assert (found is not None) == (needed is not None and needed < BOX), (g, b, needed)
        if found is None:
            seen["inconsistent" if needed is None else "outside"] += 1
        else:
            seen["solved"] += 1
            repaired += any(abs(x) == BOX for x in found)
    # the comparison is worth something: all three answers occur, and so do repairs
    assert seen["solved"] > 30, seen
    assert seen["outside"] > 10, seen
    assert seen["inconsistent"] > 5, seen
    assert seen["thin"] < 10, seen
    assert repaired > 10


@pytest.mark.parametrize("seed", range(4))
def test_degenerate_systems_end(seed):
    """Many ties: entries 0 and +-1, right sides at the corners of the box."""
    rng = Random(seed)
    for _ in range(40):
        n, width = rng.randrange(4, 9), rng.randrange(1, 4)
        g = [[Fraction(rng.choice((-1, 0, 1))) for _ in range(width)] for _ in range(n)]
        corner = [Fraction(rng.choice((-2, 2))) for _ in range(n)]
        assert check(g, times(corner, g, width)) is not None
        beyond = times([x * Fraction(11, 10) for x in corner], g, width)
        check(g, beyond)
        check(g, [2 * x for x in beyond])


# -- the steps of the simplex ----------------------------------------------------------------------


def first_rows(g, b):
    """Return the rows of g that raise the rank of those before them."""
    chosen = []
    for i in range(len(g)):
        if b and rank([g[j] for j in (*chosen, i)]) == len(chosen) + 1:
            chosen.append(i)
    return chosen


def bland(g, b):
    """Repair the basic solution by Bland's rule, everything afresh over Fractions in each step.

    Return the solution, or None where some basic unknown is blocked; and the number of steps.
    """
    n, width = len(g), len(b)
    basic, ends, steps = first_rows(g, b), {}, 0
    while True:
        free = [i for i in range(n) if i not in basic]
        rest = [
            x - y
            for x, y in zip(
                b, times([ends.get(i, 0) for i in free], [g[i] for i in free], width), strict=True
            )
        ]
        rows = sorted(basic)
        values = unique_solution([g[i] for i in rows], rest)
        assert values is not None
        p = next((p for p, x in enumerate(values) if abs(x) > BOX), None)
        if p is None:
            return [
                dict(zip(rows, values, strict=True)).get(i, ends.get(i, 0)) for i in range(n)
            ], steps
        side = 1 if values[p] > 0 else -1
        for q in free:
            moves = -unique_solution([g[i] for i in rows], g[q])[p]
            # the unknown has to move by something of sign -side / moves
            if moves and abs(ends.get(q, 0) - side * (1 if moves > 0 else -1)) <= BOX:
                break
        else:
            return None, steps
        basic = [q if i == rows[p] else i for i in basic]
        ends.pop(q, None)
        ends[rows[p]] = side * BOX
        steps += 1


def long_system(rng):
    """A system whose unknowns are at the ends of the box or beyond; long and short numbers."""
    width = rng.randrange(1, 4)
    n = width + rng.randrange(1, 5)
    bits = rng.choice((1, 2, 40))

    def number():
        return Fraction(rng.randrange(-(2**bits), 2**bits + 1), rng.choice((1, 3, 2**bits + 1)))

    g = [[number() for _ in range(width)] for _ in range(n)]
    if rng.random() < 0.3:
        g[-1] = [2 * x for x in g[0]]
    c = [Fraction(rng.choice((-21, -20, -15, 0, 15, 20)), 10) for _ in range(n)]
    return g, times(c, g, width)


@pytest.mark.parametrize("bits", [2, 30, 256])
def test_the_answer_is_blands_whatever_the_precision_of_the_balls(monkeypatch, bits):
    monkeypatch.setattr(boxed, "BITS", bits)
    rng = Random(bits)
    solved = blocked = steps = 0
    for _ in range(150):
        g, b = long_system(rng)
        expected, many = bland(g, b)
        assert check(g, b) == expected
        solved += expected is not None and many > 0
        blocked += expected is None
        steps = max(steps, many)
    assert solved > 20
    assert blocked > 5
    assert steps >= 4


def test_rationals_decide_where_a_ball_holds_zero(monkeypatch):
    """1/3 is no dyadic number: what should be 0 is a ball around it."""
    asked = []
    decide = boxed._bland

    def spy(tableau, at):
        found = decide(tableau, at)
        asked.append((type(tableau) is fmpq_mat, found is None))
        return found

    monkeypatch.setattr(boxed, "_bland", spy)
    third = Fraction(1, 3)
    g = [[third, 1], [1, third], [third, third], [1 + third, 1 + third], [1, 2]]
    for c in product((-2, 2), repeat=5):
        b = times(c, g, 2)
        assert check(g, b) == bland(g, b)[0]
    assert (False, True) in asked  # undecided in balls
    assert (True, False) in asked  # then decided over the rationals
    assert (True, True) not in asked
    assert asked.count((False, False)) > asked.count((True, False))
