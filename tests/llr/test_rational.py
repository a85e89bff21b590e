"""llr.numbers.rational and the exact arithmetic, against elimination over fractions.Fraction."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from flint import fmpq, fmpz
from hypothesis import given, settings
from hypothesis import strategies as st

from llr.errors import InputError
from llr.numbers import rational
from llr.numbers.arithmetic import EXACT

# -- an elimination that shares no code with llr ------------------------------------------------


def reduced(rows):
    """Return the reduced echelon form without zero rows, and its pivot columns."""
    rows, pivots = [list(map(Fraction, row)) for row in rows], []
    width = len(rows[0]) if rows else 0
    for j in range(width):
        top = len(pivots)
        found = next((i for i in range(top, len(rows)) if rows[i][j]), None)
        if found is None:
            continue
        rows[top], rows[found] = rows[found], rows[top]
        rows[top] = [x / rows[top][j] for x in rows[top]]
        for i in range(len(rows)):
            if i != top:
                rows[i] = [x - rows[i][j] * y for x, y in zip(rows[i], rows[top], strict=True)]
        pivots.append(j)
    return rows[: len(pivots)], pivots


def slow_rank(rows):
    return len(reduced(rows)[1])


def greedy(rows):
    """Return the rows that raise the rank of those before them."""
    return tuple(i for i in range(len(rows)) if slow_rank(rows[: i + 1]) > slow_rank(rows[:i]))


def flint(rows, columns):
    return rational.matrix([[rational.rational(x) for x in row] for row in rows], columns)


def unflint(m):
    return [[rational.fraction(x) for x in row] for row in rational.row_tuples(m)]


def transposed(rows, columns):
    return [[row[j] for row in rows] for j in range(columns)]


small = st.integers(-2, 2) | st.fractions(-3, 3, max_denominator=4)


@st.composite
def matrices(draw):
    """Draw rows of one width; often of low rank, as a product of two narrow matrices."""
    height, width = draw(st.integers(0, 5)), draw(st.integers(1, 5))
    middle = draw(st.integers(0, 4))
    left = draw(
        st.lists(
            st.lists(small, min_size=middle, max_size=middle), min_size=height, max_size=height
        )
    )
    right = draw(
        st.lists(st.lists(small, min_size=width, max_size=width), min_size=middle, max_size=middle)
    )
    return [
        [
            sum((a * r[j] for a, r in zip(row, right, strict=True)), Fraction(0))
            for j in range(width)
        ]
        for row in left
    ], width


# -- reading and writing ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("0", Fraction(0)),
        ("-0", Fraction(0)),
        ("007", Fraction(7)),
        ("-12", Fraction(-12)),
        ("-6/4", Fraction(-3, 2)),
        ("6/3", Fraction(2)),
        ("0/5", Fraction(0)),
        ("1/0010", Fraction(1, 10)),
    ],
)
def test_parse_reads_rational_strings(written, value):
    assert rational.fraction(rational.parse(written)) == value


@pytest.mark.parametrize(
    "written",
    [
        "",
        " ",
        "-",
        "/",
        "1/",
        "/2",
        "+1",
        "--1",
        "1/-2",
        "1/2/3",
        "1.5",
        "1e3",
        " 1",
        "1 ",
        "1\n",
        "1/2\n",
        "1 /2",
        "1_000",
        "nan",
        "inf",
        "0x10",
        "\u0661",
        "\u00b2",
        "\u00bd",
        1,
        1.5,
        None,
        ["1"],
        b"1",
    ],
)
def test_parse_refuses_everything_else(written):
    with pytest.raises(InputError, match=r'^entry must be a rational string such as "-3/2", not '):
        rational.parse(written, "entry")


@pytest.mark.parametrize("written", ["1/0", "0/0", "-3/000"])
def test_parse_refuses_a_zero_denominator(written):
    with pytest.raises(
        InputError, match=rf"^entry must be a rational with a nonzero denominator, not '{written}'$"
    ):
        rational.parse(written, "entry")


def test_parse_names_its_argument_value_by_default():
    with pytest.raises(InputError, match=r"^value must be a rational string") as caught:
        rational.parse("x")
    assert (caught.value.argument, caught.value.value) == ("value", "x")
    assert isinstance(caught.value, ValueError)


def test_strings_of_6000_digits_are_read_and_written():
    written = "-" + "7" * 6000 + "/" + "3" * 5999 + "1"
    value = rational.parse(written)
    tens = 10**5999
    sevens, threes = 7 * (10 * tens - 1) // 9, (tens * 10 - 1) // 3 - 2
    common = Fraction(-sevens, threes)
    assert rational.fraction(value) == common
    assert rational.parse(rational.text(value)) == value
    assert rational.text(rational.parse("-" + "7" * 6000)) == "-" + "7" * 6000
    assert rational.decimal("9" * 6000) == rational.parse("9" * 6000)
    assert rational.decimal("1" * 6000 + ".5") == rational.parse("1" * 6000) + fmpq(1, 2)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (3, Fraction(3)),
        (-(10**40), Fraction(-(10**40))),
        (Fraction(-6, 4), Fraction(-3, 2)),
        (fmpq(5, 7), Fraction(5, 7)),
        (fmpz(-9), Fraction(-9)),
        (np.int64(4), Fraction(4)),
        ("22/7", Fraction(22, 7)),
    ],
)
def test_rational_takes_exact_numbers(value, expected):
    found = rational.rational(value)
    assert isinstance(found, fmpq)
    assert rational.fraction(found) == expected


@pytest.mark.parametrize(
    "value", [0.5, 1.0, float("nan"), np.float64(2.0), True, False, None, Decimal("0.5"), 1j, [1]]
)
def test_rational_refuses_floats_booleans_and_the_rest(value):
    with pytest.raises(
        InputError, match=r"^x must be a rational \(int, Fraction or string p/q\), not "
    ):
        rational.rational(value, "x")


def test_rational_reads_strings_by_parse():
    with pytest.raises(InputError, match=r"^x must be a rational string .*, not '0\.5'$"):
        rational.rational("0.5", "x")
    with pytest.raises(InputError, match=r"^x must be a rational with a nonzero denominator"):
        rational.rational("1/0", "x")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("0.01", Fraction(1, 100)),
        (0.01, Fraction(1, 100)),
        (0.1, Fraction(1, 10)),
        (1e-6, Fraction(1, 10**6)),
        (1e300, Fraction(10**300)),
        (-2.5, Fraction(-5, 2)),
        ("1e-2", Fraction(1, 100)),
        ("-2.5E+1", Fraction(-25)),
        (".5", Fraction(1, 2)),
        ("3/7", Fraction(3, 7)),
        ("5", Fraction(5)),
        (2, Fraction(2)),
        (Fraction(2, 3), Fraction(2, 3)),
        ("0.0", Fraction(0)),
        ("1e10000", Fraction(10**10000)),
        ("1e-10000", Fraction(1, 10**10000)),
    ],
)
def test_decimal_reads_what_a_person_wrote(value, expected):
    assert rational.fraction(rational.decimal(value)) == expected


def test_decimal_reads_numpy_floats_as_python_floats():
    assert rational.fraction(rational.decimal(np.float64(0.01))) == Fraction(1, 100)


@pytest.mark.parametrize("value", ["", "abc", "1/2/3", "0.5/2", "1e", "--1", "0,5", "1 2"])
def test_decimal_refuses_what_is_no_number(value):
    with pytest.raises(
        InputError, match=rf'^eps must be a number such as "0\.01" or "1/100", not {value!r}$'
    ):
        rational.decimal(value, "eps")


@pytest.mark.parametrize(
    "value",
    [
        "nan",
        "NaN",
        "sNaN",
        "inf",
        "-Infinity",
        "1e10001",
        "1e-10001",
        "1e999999",
        float("nan"),
        float("inf"),
        -float("inf"),
    ],
)
def test_decimal_refuses_nan_infinities_and_enormous_exponents(value):
    with pytest.raises(
        InputError, match=r'^eps must be a finite number such as "0\.01" or "1/100", not '
    ):
        rational.decimal(value, "eps")


@pytest.mark.parametrize("value", [True, None, [1], Decimal(1)])
def test_decimal_refuses_other_types(value):
    with pytest.raises(InputError, match=r"^eps must be a rational \(int, Fraction or string"):
        rational.decimal(value, "eps")


def test_decimal_refuses_a_zero_denominator():
    with pytest.raises(InputError, match=r"^eps must be a rational with a nonzero denominator"):
        rational.decimal("1/0", "eps")


@given(st.fractions())
def test_text_and_fraction_keep_the_number(value):
    found = rational.rational(value)
    assert rational.fraction(found) == value
    assert type(rational.fraction(found)) is Fraction
    assert rational.text(found) == str(value)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_decimal_of_a_float_rounds_back_to_it(value):
    assert float(rational.fraction(rational.decimal(value))) == value


# -- rows and matrices --------------------------------------------------------------------------


def test_vectors_with_equal_entries_are_equal_with_equal_hashes():
    first = rational.Vector([fmpq(1, 2), fmpq(-3)])
    second = rational.Vector([fmpq(2, 4), fmpq(-6, 2)])
    assert first == second
    assert hash(first) == hash(second) == hash(first)
    assert len({first, second}) == 1
    assert first != rational.Vector([fmpq(1, 2), fmpq(3)])
    assert first == (fmpq(1, 2), fmpq(-3))
    assert rational.Vector([]) == ()


def test_vectors_that_differ_rarely_share_a_hash():
    vectors = [rational.Vector([fmpq(p, q)]) for p in range(-8, 9) for q in (1, 3, 5)]
    assert len({hash(v) for v in vectors}) > len(set(vectors)) // 2


def test_a_vector_and_the_tuple_that_equals_it_have_one_hash():
    entries = (fmpq(1, 2), fmpq(-3))
    assert rational.Vector(entries) == entries
    assert hash(rational.Vector(entries)) == hash(entries)


@given(st.lists(st.fractions(-5, 5, max_denominator=9), min_size=1, max_size=6))
def test_centred_removes_the_mean(row):
    mean = Fraction(sum(row), len(row))
    found = rational.centred([rational.rational(x) for x in row])
    assert isinstance(found, tuple)
    assert [rational.fraction(x) for x in found] == [x - mean for x in row]


def test_matrix_rows_and_columns_are_taken_in_the_order_asked():
    m = flint([[1, 2, 3], [4, 5, 6]], 3)
    assert (m.nrows(), m.ncols()) == (2, 3)
    assert unflint(m) == [[1, 2, 3], [4, 5, 6]]
    assert all(type(row) is tuple for row in rational.row_tuples(m))
    assert unflint(rational.take_rows(m, [1, 0, 1])) == [[4, 5, 6], [1, 2, 3], [4, 5, 6]]
    assert unflint(rational.take_columns(m, [2, 0])) == [[3, 1], [6, 4]]
    none = rational.take_rows(m, [])
    assert (none.nrows(), none.ncols()) == (0, 3)
    none = rational.take_columns(m, [])
    assert (none.nrows(), none.ncols()) == (2, 0)


def test_empty_matrices_have_rank_zero_and_no_pivots():
    for rows, columns in (([], 0), ([], 3), ([[], []], 0)):
        m = flint(rows, columns)
        assert rational.rank(m) == 0
        assert rational.independent_rows(m) == rational.independent_columns(m) == ()
        space = rational.row_space(m)
        assert (space.nrows(), space.ncols()) == (0, columns)


def test_rank_by_hand():
    assert rational.rank(flint([[1, 2], [2, 4]], 2)) == 1
    assert rational.rank(flint([[0, 0], [0, 0]], 2)) == 0
    assert rational.rank(flint([["1/3", "1/2"], ["2/3", 1], [1, 1]], 2)) == 2


def test_pivots_are_the_leftmost_and_topmost_by_hand():
    m = flint([[0, 1, 2, 0], [0, 2, 4, 1], [0, 3, 6, 1]], 4)
    assert rational.independent_columns(m) == (1, 3)
    assert rational.independent_rows(m) == (0, 1)
    assert unflint(rational.row_space(m)) == [[0, 1, 2, 0], [0, 0, 0, 1]]


@given(matrices())
@settings(deadline=None, max_examples=40)
def test_rank_space_and_pivots_agree_with_elimination_over_fractions(drawn):
    rows, columns = drawn
    m = flint(rows, columns)
    echelon, pivots = reduced(rows)
    assert rational.rank(m) == len(pivots)
    assert unflint(rational.row_space(m)) == echelon
    assert rational.independent_columns(m) == tuple(pivots)
    assert rational.independent_columns(m) == greedy(transposed(rows, columns))
    assert rational.independent_rows(m) == greedy(rows)


def test_coordinates_by_hand():
    basis = flint([[1, 1, 0], [0, 1, 1]], 3)
    found = rational.coordinates(basis, flint([[2, -1, -3], [0, 0, 0], [0, "1/2", "1/2"]], 3))
    assert unflint(found) == [[2, -3], [0, 0], [0, Fraction(1, 2)]]
    assert rational.coordinates(basis, flint([[1, 1, 0], [1, 1, 1]], 3)) is None


def test_coordinates_checks_the_columns_that_are_no_pivots():
    assert rational.coordinates(flint([[1, 5]], 2), flint([[2, 10]], 2)) is not None
    assert rational.coordinates(flint([[1, 5]], 2), flint([[2, 11]], 2)) is None


def test_coordinates_in_an_empty_basis():
    none = flint([], 2)
    found = rational.coordinates(none, flint([[0, 0]], 2))
    assert (found.nrows(), found.ncols()) == (1, 0)
    assert rational.coordinates(none, flint([[0, 1]], 2)) is None
    found = rational.coordinates(none, none)
    assert (found.nrows(), found.ncols()) == (0, 0)


def test_coordinates_of_no_rows():
    found = rational.coordinates(flint([[1, 0], [0, 1]], 2), flint([], 2))
    assert (found.nrows(), found.ncols()) == (0, 2)


@given(matrices(), matrices())
@settings(deadline=None, max_examples=40)
def test_coordinates_reproduce_rows_of_the_span_and_refuse_others(first, second):
    rows, columns = first
    basis = [rows[i] for i in greedy(rows)]
    others = [(row + [Fraction(0)] * columns)[:columns] for row in second[0]]
    found = rational.coordinates(flint(basis, columns), flint(others, columns))
    inside = slow_rank(basis + others) == len(basis)
    assert (found is not None) == inside
    inner = rational.coordinates(flint(basis, columns), flint(rows, columns))
    for c, row in zip(unflint(inner), rows, strict=True):
        assert [
            sum((x * b[j] for x, b in zip(c, basis, strict=True)), Fraction(0))
            for j in range(columns)
        ] == row


# -- the exact arithmetic -----------------------------------------------------------------------


def test_exact_arithmetic_computes_by_hand():
    m = EXACT.matrix([[fmpq(1), fmpq(2)], [fmpq(0), fmpq(1, 3)]], 2)
    assert EXACT.name == "exact"
    assert EXACT.apply(m, (fmpq(1), fmpq(1, 2))) == (fmpq(2), fmpq(1, 6))
    assert EXACT.combine((fmpq(1), fmpq(3)), m) == (fmpq(1), fmpq(3))
    assert EXACT.rows(m) == [(fmpq(1), fmpq(2)), (fmpq(0), fmpq(1, 3))]
    assert EXACT.centred([fmpq(1), fmpq(2)]) == (fmpq(-1, 2), fmpq(1, 2))
    assert EXACT.independent_rows(m) == (0, 1)
    assert EXACT.coordinates(m, m) == EXACT.matrix([[fmpq(1), fmpq(0)], [fmpq(0), fmpq(1)]], 2)
    assert EXACT.to_json(fmpq(-6, 4)) == "-3/2"
    assert EXACT.scalar("1/3") == fmpq(1, 3)


def test_exact_rows_hash_alike_however_they_were_computed():
    one = EXACT.matrix([[fmpq(1), fmpq(0)], [fmpq(0), fmpq(1)]], 2)
    row = EXACT.row([fmpq(1), fmpq(2)])
    assert row == EXACT.apply(one, row) == EXACT.combine(row, one)
    assert len({row, EXACT.apply(one, row), EXACT.combine(row, one)}) == 1


def test_exact_scalars_refuse_floats():
    with pytest.raises(InputError, match=r"^c must be a rational .*, not 0\.5$"):
        EXACT.scalar(0.5, "c")
    with pytest.raises(InputError, match=r"^value must be "):
        EXACT.scalar(0.5)


@pytest.mark.parametrize(
    ("value", "outside"),
    [
        (fmpq(2), False),
        (fmpq(-2), False),
        (fmpq(2 * 10**30 + 1, 10**30), True),
        (fmpq(-(2 * 10**30) - 1, 10**30), True),
        (fmpq(0), False),
    ],
)
def test_exact_box_has_no_tolerance(value, outside):
    assert EXACT.exceeds(value, 2) is outside


# -- exchange -----------------------------------------------------------------------------------


def test_the_largest_entry_is_the_first_of_equals():
    assert rational.largest(flint([[1, -3], [3, 2]], 2)) == (3, 0, 1)
    assert rational.largest(flint([[0, 0]], 2)) == (0, 0, 0)
    assert rational.largest(flint([], 2)) == (0, 0, 0)
    assert rational.largest(flint([[], []], 0)) == (0, 0, 0)


def test_exchange_is_a_change_of_basis():
    rows = [[Fraction(i * j % 11 - 3, i + 2) for j in range(4)] for i in range(9)]
    i, j = 5, 2
    basis = [[Fraction(int(a == b)) for b in range(4)] for a in range(4)]
    basis[j] = rows[i]
    found = rational.exchange(flint(rows, 4), i, j)
    assert unflint(found * flint(basis, 4)) == rows
    assert unflint(found)[i] == [0, 0, 1, 0]


# -- accidents modulo the prime -------------------------------------------------------------------

P = rational.PRIME


@pytest.mark.parametrize(
    ("rows", "columns"),
    [
        ([[P, 1]], (0,)),  # column 0 vanishes modulo the prime
        ([[P, 0], [0, 1]], (0, 1)),
        ([[1, 1, 0], [1, 1 + P, 1]], (0, 1)),  # column 1 looks like column 0
        ([[1, 1, 0], [1, 1 + P, 0]], (0, 1)),
        ([[P, 2 * P], [3 * P, 6 * P]], (0,)),  # everything vanishes
        ([[0, P]], (1,)),
    ],
)
def test_pivots_are_right_where_the_prime_divides(rows, columns):
    m = flint(rows, len(rows[0]))
    assert rational.pivot_columns(m) != columns
    assert rational.independent_columns(m) == columns == greedy(transposed(rows, len(rows[0])))
    assert rational.independent_rows(m.transpose()) == columns


def test_coordinates_in_a_basis_that_is_dependent_modulo_the_prime():
    basis = flint([[1, 1, 0], [1, 1 + P, 0]], 3)
    found = rational.coordinates(basis, flint([[3, 3 + 2 * P, 0]], 3))
    assert unflint(found) == [[1, 2]]
    assert rational.coordinates(basis, flint([[3, 3 + 2 * P, 1]], 3)) is None


# -- cleared matrices -----------------------------------------------------------------------------


def test_cleared_matrices_multiply_rows():
    rows = [[Fraction(1, 2), Fraction(-2, 3), 0], [Fraction(5, 7), 4, Fraction(1, 6)]]
    cleared = rational.Cleared(flint(rows, 3))
    coefficients = [Fraction(3, 4), Fraction(-1, 5)]
    expected = [
        sum((c * row[j] for c, row in zip(coefficients, rows, strict=True)), Fraction(0))
        for j in range(3)
    ]
    given = [rational.rational(c) for c in coefficients]
    found = cleared.combine(given)
    assert [rational.fraction(x) for x in found] == expected
    assert cleared.sends(given, found)
    for j in range(3):
        wrong = [x + (i == j) * fmpq(1, 10**9) for i, x in enumerate(found)]
        assert not cleared.sends(given, wrong)
    assert cleared.pivot_columns() == (0, 1)
    assert rational.Cleared(flint([[0, 3]], 2)).pivot_columns() == (1,)
    assert rational.Cleared(flint([[0], [3]], 1)).pivot_columns() == (0,)


def test_cleared_matrices_without_rows_or_columns():
    assert rational.Cleared(flint([], 2)).combine([]) == (0, 0)
    assert rational.Cleared(flint([], 2)).sends([], [fmpq(0), fmpq(0)])
    assert not rational.Cleared(flint([], 2)).sends([], [fmpq(0), fmpq(1)])
    assert rational.Cleared(flint([[], []], 0)).combine([fmpq(1), fmpq(2)]) == ()
    assert rational.Cleared(flint([[], []], 0)).pivot_columns() == ()
