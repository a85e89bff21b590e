"""properties.checkers: hand-made cases, and agreement with llr where both apply."""

from __future__ import annotations

import ast
from fractions import Fraction
from itertools import combinations, product
from pathlib import Path
from random import Random

import pytest
from flint import fmpq

from llr.models.base import words
from llr.numbers import rational
from properties import checkers

F = Fraction


def fractions(rows):
    return [[F(x) for x in row] for row in rows]


def flint_matrix(rows, columns):
    return rational.matrix(
        [[fmpq(x.numerator, x.denominator) for x in row] for row in rows], columns
    )


def determinant(rows):
    """Leibniz's expansion along the first row."""
    if not rows:
        return F(1)
    return sum(
        (-1) ** j * x * determinant([row[:j] + row[j + 1 :] for row in rows[1:]])
        for j, x in enumerate(rows[0])
    )


def rank_by_minors(rows, columns):
    """The largest order of a minor that is not zero."""
    for order in range(min(len(rows), columns), 0, -1):
        for chosen in combinations(rows, order):
            for places in combinations(range(columns), order):
                if determinant([[row[j] for j in places] for row in chosen]):
                    return order
    return 0


def random_rows(rng, n, columns, inner):
    """An n x columns matrix of rank at most ``inner``, entries p/q."""

    def entry():
        return F(rng.randint(-4, 4), rng.randint(1, 4))

    left = [[entry() for _ in range(inner)] for _ in range(n)]
    right = [[entry() for _ in range(columns)] for _ in range(inner)]
    return [
        [sum((row[i] * right[i][j] for i in range(inner)), F(0)) for j in range(columns)]
        for row in left
    ]


CASES = [
    random_rows(Random(f"{n}:{columns}:{inner}:{trial}"), n, columns, inner)
    for n, columns in product(range(1, 5), range(1, 5))
    for inner in range(4)
    for trial in range(2)
]


def independent(rows):
    """The first rows that are independent, by minors."""
    chosen = []
    for row in rows:
        if rank_by_minors([*chosen, row], len(row)) > len(chosen):
            chosen.append(row)
    return chosen


def test_the_checkers_share_no_algebra_with_what_they_check():
    """They may name llr's types; they call nothing of it."""
    tree = ast.parse(Path(checkers.__file__).read_text(encoding="utf-8"))
    imported = {
        (node.module, name.name)
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for name in node.names
        if node.module and node.module.startswith(("llr", "bounds", "flint", "numpy"))
    }
    assert imported <= {("llr.models.base", "Word"), ("llr.numbers.rational", "RationalRow")}
    plain = {n.name for node in ast.walk(tree) if isinstance(node, ast.Import) for n in node.names}
    assert plain == set()


def test_rows_of_fractions():
    found = checkers.as_fractions([(fmpq(-6, 4), fmpq(0)), (fmpq(10**40, 3), fmpq(2))])
    assert found == [[F(-3, 2), F(0)], [F(10**40, 3), F(2)]]
    assert {type(x) for row in found for x in row} == {Fraction}
    assert checkers.as_fractions([]) == []


# -- rank ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rows", "wanted"),
    [
        ([], 0),
        ([[]], 0),
        ([[0]], 0),
        ([[0, 0], [0, 0]], 0),
        ([[0, 3]], 1),
        ([[1, 2], [2, 4]], 1),
        ([[1, 2], [2, "4000000000001/1000000000000"]], 2),
        ([[0, 1], [1, 0]], 2),
        ([[1, 2, 3], [4, 5, 6], [7, 8, 9]], 2),
        ([[1, 2, 3], [4, 5, 6], [7, 8, 10]], 3),
        ([[0, 0, 1], [0, 0, 2], [0, 1, 0], [0, 1, 1]], 2),
        ([[1], [2], [3]], 1),
        ([["1/3", "1/2"], ["2/3", "1"]], 1),
    ],
)
def test_rank_by_hand(rows, wanted):
    assert checkers.rank(fractions(rows)) == wanted


def test_rank_leaves_its_argument_alone():
    rows = fractions([[1, 2], [3, 4]])
    checkers.rank(rows)
    assert rows == fractions([[1, 2], [3, 4]])


def test_rank_by_minors_and_by_flint():
    for rows in CASES:
        columns = len(rows[0])
        found = checkers.rank(rows)
        assert found == rank_by_minors(rows, columns)
        assert found == rational.rank(flint_matrix(rows, columns))


# -- coordinates --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("basis", "row", "wanted"),
    [
        ([[1, 0], [0, 1]], [5, "-1/2"], [5, "-1/2"]),
        ([[0, 1], [1, 0]], [5, 7], [7, 5]),
        ([[1, 1], [1, -1]], [3, 1], [2, 1]),
        ([[2, 4, 6]], [1, 2, 3], ["1/2"]),
        ([[2, 4, 6]], [1, 2, 4], None),
        ([[0, 0, 3], [0, 2, 0]], [0, 1, 1], ["1/3", "1/2"]),
        ([[0, 0, 3], [0, 2, 0]], [1, 1, 1], None),
        ([[1, 2]], [0, 0], [0]),
        ([], [0, 0], []),
        ([], [0, 1], None),
        ([], [], []),
    ],
)
def test_coordinates_by_hand(basis, row, wanted):
    found = checkers.coordinates(fractions(basis), [F(x) for x in row])
    assert found == (None if wanted is None else [F(x) for x in wanted])


@pytest.mark.parametrize(
    "basis", [[[0, 0]], [[1, 2], [2, 4]], [[1], [2]], [[1, 0], [0, 1], [1, 1]]]
)
def test_dependent_rows_are_no_basis(basis):
    with pytest.raises(AssertionError, match="dependent"):
        checkers.coordinates(fractions(basis), [F(0)] * len(basis[0]))


def test_coordinates_leave_their_arguments_alone():
    basis, row = fractions([[0, 2], [3, 1]]), [F(6), F(4)]
    assert checkers.coordinates(basis, row) == [F(1), F(2)]
    assert basis == fractions([[0, 2], [3, 1]])
    assert row == [F(6), F(4)]


def test_coordinates_by_flint():
    seen = {True: 0, False: 0}
    for rows in CASES:
        columns = len(rows[0])
        basis = independent(rows)
        units = [[F(int(i == j)) for j in range(columns)] for i in range(columns)]
        for row in rows + units:
            found = checkers.coordinates(basis, row)
            other = rational.coordinates(flint_matrix(basis, columns), flint_matrix([row], columns))
            seen[found is not None] += 1
            if found is None:
                assert other is None
                assert rank_by_minors([*basis, row], columns) == len(basis) + 1
                continue
            combined = [
                sum((c * b[j] for c, b in zip(found, basis, strict=True)), F(0))
                for j in range(columns)
            ]
            assert combined == row
            assert other is not None
            assert checkers.as_fractions(rational.row_tuples(other)) == [found]
    assert min(seen.values()) > 50


# -- in_box -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("row", "bound", "wanted"),
    [
        ([2, -2], 2, True),
        (["2000001/1000000", 0], 2, False),
        ([0, "-2000001/1000000"], 2, False),
        ([3, -3], 3, True),
        ([3, -3], 2, False),
        ([1, 0], 1, True),
        ([0, 0], 0, True),
        (["1/1000000", 0], 0, False),
    ],
)
def test_in_box_by_hand(row, bound, wanted):
    basis = fractions([[1, 0, 1], [0, 1, 1]])
    full = [F(row[0]), F(row[1]), F(row[0]) + F(row[1])]
    assert checkers.in_box(basis, full, bound) is wanted
    full[2] += 1
    assert checkers.in_box(basis, full, bound) is False


def test_the_box_is_that_of_def_5_2():
    assert checkers.in_box(fractions([[1]]), [F(2)])
    assert not checkers.in_box(fractions([[1]]), [F(201, 100)])
    assert checkers.in_box([], [F(0), F(0)])
    assert not checkers.in_box([], [F(0), F(1)])


# -- has_query_shape ----------------------------------------------------------------------------

HISTORIES = {(), (0,), (0, 1)}
WORDS = [(1, 1, 0, 1), (0, 0, 0, 0)]


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ((), True),  # a history
        ((0,), True),
        ((0, 1), True),
        ((1,), True),  # (), any token
        ((1, 1), True),  # (), 1, then token 2 of the first word
        ((1, 0), True),  # (), 1, then token 2 of the second word
        ((1, 1, 0), True),  # (), 1, tokens 2-3 of the first word
        ((0, 1, 0, 1), True),
        ((1, 1, 0, 1), True),  # (), 1, tokens 2-4 of the first word
        ((1, 1, 1), False),  # 1, 1 at places 2-3: no word; (1,) is no history
        ((1, 0, 1), False),  # 0, 1 at places 2-3: only at 3-4
        ((0, 1, 1), True),  # (0, 1), then any token
        ((0, 1, 1, 1), True),  # (0, 1), 1, then token 4 of the first word
        ((0, 0, 0, 1), True),  # (0), 0, tokens 3-4 of the first word
        ((0, 0, 1, 1), False),  # (0), 0, then 1, 1 at places 3-4; (), 0, then 0, 1, 1 at 2-4
        ((0, 1, 1, 1, 1), False),  # beyond the words
    ],
)
def test_query_shape_by_hand(query, wanted):
    assert checkers.has_query_shape(query, HISTORIES, WORDS) is wanted


def test_a_query_needs_a_drawn_history():
    assert not checkers.has_query_shape((), set(), WORDS)
    assert not checkers.has_query_shape((1, 1), set(), WORDS)
    assert not checkers.has_query_shape((1, 1, 0), {(1, 1, 1)}, WORDS)
    assert checkers.has_query_shape((1, 1, 0), {(1, 1)}, [])
    assert not checkers.has_query_shape((1, 1, 0), {(1,)}, [])


def test_the_shift_moves_the_segment():
    segment_at_2, segment_at_1 = [(0, 1, 1)], [(1, 1, 0)]
    query = (0, 1, 1)  # (), 0, then 1, 1
    assert checkers.has_query_shape(query, {()}, segment_at_2)
    assert not checkers.has_query_shape(query, {()}, segment_at_1)
    assert checkers.has_query_shape(query, {()}, segment_at_1, shift=1)
    assert not checkers.has_query_shape(query, {()}, segment_at_2, shift=1)
    assert checkers.has_query_shape((0, 1), {()}, [(0, 0, 1)], shift=3)


def test_the_longest_segment_may_be_bounded():
    word = [(0, 1, 1, 1)]
    query = (0, 1, 1)
    assert checkers.has_query_shape(query, {()}, word, longest=2)
    assert not checkers.has_query_shape(query, {()}, word, longest=1)
    assert checkers.has_query_shape(query, {(), (0,)}, word, longest=1)  # (0), 1, then 1
    assert checkers.has_query_shape((0,), {()}, word, longest=0)
    assert not checkers.has_query_shape((0, 1), {()}, word, longest=0)


def test_query_shape_against_listing_them_all():
    """Every u.b.v is listed; nothing else has the shape."""
    rng = Random(5)
    for _ in range(40):
        k, horizon = rng.choice([2, 3]), rng.randint(2, 5)
        drawn = [tuple(rng.randrange(k) for _ in range(horizon)) for _ in range(2)]
        cut = rng.randint(0, horizon)
        histories = {w[:n] for w in drawn for n in range(cut + 1)}
        fresh = [tuple(rng.randrange(k) for _ in range(horizon)) for _ in range(2)]
        listed = set(histories)
        for u, b, w in product(histories, range(k), fresh):
            start = len(u) + 1  # from 0: place |u| + 2 counted from 1
            listed.add((*u, b))
            for end in range(start + 1, horizon + 1):
                listed.add((*u, b, *w[start:end]))
        for length in range(horizon + 1):
            for query in words(k, length):
                assert checkers.has_query_shape(query, histories, fresh) is (query in listed)


@pytest.mark.parametrize(
    ("rows", "square"),
    [
        ([], 1),
        ([[0, 0]], 0),
        ([[3, 4]], 25),
        ([[1, 0], [0, 2]], 4),
        ([[1, 2], [2, 4]], 0),
        ([[1, 1, 0], [1, 0, 0]], 1),
        ([["1/2", 0], [5, "1/3"]], F(1, 36)),
    ],
)
def test_gram_determinants_by_hand(rows, square):
    assert checkers.gram(fractions(rows)) == square
