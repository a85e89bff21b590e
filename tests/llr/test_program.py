"""The exact chain program against the literal program (10a)-(10c), stated here with c_s and Lh_s.

The literal program is solved by PuLP with HiGHS; solutions are evaluated over Fractions by code
that shares nothing with the solver under test.
"""

from __future__ import annotations

from fractions import Fraction
from functools import cache
from itertools import product
from random import Random

import pulp
import pytest
from by_hand import slow_rank
from flint import fmpq

from llr.errors import InputError
from llr.learning.highs import HighsChainProgram
from llr.learning.program import INFEASIBLE, ExactChainProgram, chain_program
from llr.learning.table import Cut, Table
from llr.models.families import copy, noisy_parity, random_isan
from llr.numbers.arithmetic import EXACT, FLOAT64

BOX = 2

# -- tables built here ----------------------------------------------------------------------------


def columns_of(futures, following, k):
    longer = [(a, *f) for a in range(k) for f in following]
    return list(futures) + [f for f in longer if f not in futures]


def make_table(k, horizon, histories, futures, entry):
    """Return a table; ``histories[s]`` and ``futures[s]`` by cut, ``entry(h, f)`` a Fraction."""
    cuts = []
    for s in range(1, max(1, horizon - 1) + 1):
        following = futures[s + 1] if s < horizon else ()
        columns = columns_of(futures[s], following, k)
        rows = [[entry(h, f) for f in columns] for h in histories[s]]
        cuts.append(
            Cut(
                tuple(histories[s]),
                tuple(futures[s]),
                tuple(columns),
                tuple(tuple(fmpq(x.numerator, x.denominator) for x in row) for row in rows),
            )
        )
    return Table(k, horizon, tuple(cuts), tuple(futures[horizon]), EXACT)


def one_token(k):
    return [(a,) for a in range(k)]


def model_table(model, histories, futures):
    return make_table(
        model.alphabet_size,
        model.horizon,
        histories,
        futures,
        lambda h, f: model.logits(h + f[:-1])[f[-1]],
    )


def random_table(model, rng, most=3, extra=2):
    """Some histories and some further futures at every cut."""
    k, horizon = model.alphabet_size, model.horizon
    histories = {1: [()]}
    futures = {}
    for s in range(1, horizon + 1):
        if s > 1:
            every = list(product(range(k), repeat=s - 1))
            histories[s] = rng.sample(every, min(len(every), rng.randrange(0, most + 1)))
        longer = [f for n in range(2, horizon - s + 2) for f in product(range(k), repeat=n)]
        more = rng.sample(longer, min(len(longer), rng.randrange(0, extra + 1)))
        futures[s] = one_token(k) + more
    return model_table(model, histories, futures)


def arbitrary_table(rng, horizon=4):
    """Rows that belong to no model: centred small numbers, so few that ties are common."""
    values = {}

    def entry(h, f):
        value = values.setdefault(
            (h, f[:-1]), Fraction(rng.choice((-5, -3, -2, -1, 0, 1, 2, 4)), 2)
        )
        return value * (1 - 2 * f[-1])

    histories = {
        s: list(product((0, 1), repeat=s - 1))[: rng.randrange(1, 4)] for s in range(2, horizon)
    }
    futures = {s: one_token(2) for s in range(1, horizon + 1)}
    return make_table(2, horizon, {1: [()]} | histories, futures, entry)


# -- the literal program --------------------------------------------------------------------------


class Literal:
    """The table as plain Fractions, and the chain program of a prefix written out."""

    def __init__(self, table):
        self.k, self.horizon = table.alphabet_size, table.horizon
        self.futures = {s: table.futures(s) for s in range(1, self.horizon + 1)}
        self.futures[self.horizon + 1] = ()
        self.sizes = {s: len(table.cut(s).histories) for s in range(1, len(table.cuts) + 1)}
        self.value = {
            (s, i, f): Fraction(int(x.p), int(x.q))
            for s in self.sizes
            for i, row in enumerate(table.cut(s).rows)
            for f, x in zip(table.cut(s).columns, row, strict=True)
        }

    def prefixes(self):
        return [p for t in range(1, self.horizon) for p in product(range(self.k), repeat=t)]

    def smallest_box(self, prefix):
        """Return the least z for which the program with |c_{s,i}| <= z (s >= 2) is feasible."""
        t = len(prefix)
        problem = pulp.LpProblem("literal", pulp.LpMinimize)
        z = problem.add_variable("z", 0)
        problem += z
        c = {
            (s, i): problem.add_variable(f"c_{s}_{i}")
            for s in range(1, t + 1)
            for i in range(self.sizes[s])
        }
        rows = {
            (s, f): problem.add_variable("L_" + str(s) + "_" + "".join(map(str, f)))
            for s in range(1, t + 2)
            for f in self.futures[s]
        }
        for (s, _), v in c.items():
            if s == 1:
                problem += v == 1
            else:
                problem += v <= z
                problem += -v <= z
        for s in range(1, t + 1):
            sizes = range(self.sizes[s])
            for f in self.futures[s]:  # (10a)
                problem += rows[s, f] == pulp.LpAffineExpression(
                    [(c[s, i], float(self.value[s, i, f])) for i in sizes]
                )
            for f in self.futures[s + 1]:  # (10c)
                onward = (prefix[s - 1], *f)
                problem += rows[s + 1, f] == pulp.LpAffineExpression(
                    [(c[s, i], float(self.value[s, i, onward])) for i in sizes]
                )
        problem.solve(pulp.HiGHS(msg=False, threads=1))
        if problem.status == pulp.LpStatusInfeasible:
            return None
        assert problem.status == pulp.LpStatusOptimal
        return z.value()

    def combine(self, s, c, future):
        return sum((x * self.value[s, i, future] for i, x in enumerate(c)), Fraction(0))

    def check_solution(self, prefix, solution):
        """Assert (10a)-(10c) and return the predicted row of the next token."""
        c = [None] + [[Fraction(int(x.p), int(x.q)) for x in row] for row in solution.coefficients]
        t = len(prefix)
        assert len(c) == t + 1
        assert c[1] == [1]
        for s in range(2, t + 1):
            assert len(c[s]) == self.sizes[s]
            assert all(abs(x) <= BOX for x in c[s])
            for f in self.futures[s]:
                predicted = self.combine(s - 1, c[s - 1], (prefix[s - 2], *f))
                assert self.combine(s, c[s], f) == predicted
        return [self.combine(t, c[t], (prefix[-1], a)) for a in range(self.k)]


def state_of(program, prefix):
    state = program.start()
    for token in prefix:
        state = program.step(state, token)
    return state


def refutation_holds(g, b, found):
    """b z > 2 sum_i |(G z)_i|, over Fractions."""
    z = [Fraction(int(x.p), int(x.q)) for x in found.multipliers]
    rows = [[Fraction(int(x.p), int(x.q)) for x in row] for row in g.tolist()]
    assert len(z) == len(b) == g.ncols()
    value = sum((Fraction(int(x.p), int(x.q)) * y for x, y in zip(b, z, strict=True)), Fraction(0))
    slack = sum((abs(sum(x * y for x, y in zip(r, z, strict=True))) for r in rows), Fraction(0))
    return value > BOX * slack


def is_coupled(program, literal):
    """True if some state's segment is longer than one cut."""
    states = (state_of(program, p) for p in literal.prefixes())
    return any(s is not INFEASIBLE and s.segment.tokens for s in states)


def check_table(table):
    """Check every prefix of the table; return what was seen."""
    literal, program = Literal(table), ExactChainProgram(table)
    seen = {"feasible": 0, "infeasible": 0, "thin": 0}
    solutions = {}

    @cache
    def box(decisive):  # y_t enters no constraint on the coefficients; checked apart
        return literal.smallest_box((*decisive, 0))

    for prefix in literal.prefixes():
        solution = solutions[prefix] = program.solution(prefix)
        needed = box(prefix[:-1])
        if needed is not None and abs(needed - BOX) < 1e-6:
            seen["thin"] += 1
        else:
            assert (solution is not None) == (needed is not None and needed < BOX), (prefix, needed)
        row = program.read(state_of(program, prefix))
        if solution is None:
            seen["infeasible"] += 1
            assert row is None
            assert state_of(program, prefix) is INFEASIBLE
            g, b, found = program.refutation(prefix)
            assert found.holds(g, b)
            assert refutation_holds(g, b, found)
        else:
            seen["feasible"] += 1
            expected = literal.check_solution(prefix, solution)
            assert [Fraction(int(x.p), int(x.q)) for x in row] == expected
            assert program.refutation(prefix) is None
        if len(prefix) > 1 and solution is not None:  # feasibility is prefix-monotone
            assert solutions[prefix[:-1]] is not None
        # the last token enters the output only
        first = solutions.get((*prefix[:-1], 0))
        assert solution == first
    seen["coupled"] = is_coupled(program, literal)
    return seen


# -- random tables --------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(8))
def test_tables_of_random_models(seed):
    rng = Random(seed)
    k, horizon = rng.choice([(2, 4), (2, 5), (3, 4)])
    model = random_isan(horizon, k, rng.randrange(1, 4), seed=seed)
    seen = check_table(random_table(model, rng))
    assert seen["feasible"] + seen["infeasible"] == sum(k**t for t in range(1, horizon))


@pytest.mark.parametrize("kind", ["sparse", "permutation", "nilpotent"])
def test_tables_of_structured_models(kind):
    rng = Random(kind)
    for seed in range(2):
        check_table(random_table(random_isan(4, 2, 3, seed=seed, kind=kind), rng))


def test_tables_of_no_model():
    rng = Random(5)
    total = {"feasible": 0, "infeasible": 0, "thin": 0, "coupled": 0}
    for i in range(25):
        for name, many in check_table(arbitrary_table(rng, 4 + i % 2)).items():
            total[name] += many
    # the comparison is worth something: both answers and long segments occur often
    assert total["feasible"] > 80, total
    assert total["infeasible"] > 80, total
    assert total["coupled"] > 10, total
    assert total["thin"] < 60, total


def full_table(model, witnesses=()):
    """All histories, one-token futures and a few witnesses (s, f): where an early epoch stands."""
    k, horizon = model.alphabet_size, model.horizon
    histories = {s: list(product(range(k), repeat=s - 1)) for s in range(1, horizon + 1)}
    futures = {s: one_token(k) for s in range(1, horizon + 1)}
    for s, f in witnesses:
        futures[s] = [*futures[s], f]
    return model_table(model, histories, futures)


def rank(rows):
    return slow_rank([list(map(Fraction, row)) for row in rows])


def splits(literal, s):
    """True if rank([A_s | B_s]) = rank(A_s), B_s the columns a.f for all a and f in Fh_{s+1}."""
    a = [[literal.value[s, i, f] for f in literal.futures[s]] for i in range(literal.sizes[s])]
    b = [
        [literal.value[s, i, (y, *f)] for y in range(literal.k) for f in literal.futures[s + 1]]
        for i in range(literal.sizes[s])
    ]
    return rank([x + y for x, y in zip(a, b, strict=True)]) == rank(a)


@pytest.mark.parametrize(
    ("model", "witnesses"),
    [
        (noisy_parity(3, "111", "1/10"), [(3, (0, 1))]),
        (noisy_parity(4, "1010", "1/4"), [(4, (1, 0))]),
        (noisy_parity(4, "1111", "1/4"), [(4, (1, 0)), (3, (0, 1, 1))]),
        (copy(2, 2, 1), []),
        (random_isan(5, 2, 4), []),
    ],
    ids=["parity 111", "parity 1010", "parity 1111", "copy", "isan"],
)
def test_early_tables_are_coupled(model, witnesses):
    table = full_table(model, witnesses)
    literal = Literal(table)
    program = ExactChainProgram(table)
    assert not all(splits(literal, s) for s in range(2, model.horizon - 1))
    assert is_coupled(program, literal)
    check_table(table)
    states = [state_of(program, p) for p in literal.prefixes()]
    # a segment goes on beyond its first cut only if that cut does not split
    longer = {x.segment.first for x in states if x is not INFEASIBLE and x.segment.tokens}
    assert longer
    assert not any(splits(literal, s) for s in longer)


def test_parity_whose_rows_vanish_leaves_its_coefficients_open_until_the_witness():
    # one-token futures of fair bits are zero: nothing fixes c_2, but it moves Lh_3 at (0, 1)
    program = ExactChainProgram(full_table(noisy_parity(3, "111", "1/10"), [(3, (0, 1))]))
    state = state_of(program, (1, 0))
    assert (state.segment.first, state.segment.tokens) == (2, (0,))
    # after the last bit the label's row is all that counts
    assert state_of(program, (1, 0, 1)).segment.first == 4
    # without the witness every row of the next cut is zero too, and the program splits
    program = ExactChainProgram(full_table(noisy_parity(3, "111", "1/10")))
    assert state_of(program, (1, 0)).segment.tokens == ()


def test_a_table_that_splits_is_solved_one_cut_at_a_time():
    model = random_isan(4, 2, 2)
    histories = {1: [()], 2: [(0,), (1,)], 3: [(0, 0), (0, 1), (1, 0), (1, 1)]}
    futures = {
        s: [f for n in range(1, 6 - s) for f in product((0, 1), repeat=n)] for s in range(1, 5)
    }
    table = model_table(model, histories, futures)
    literal, program = Literal(table), ExactChainProgram(table)
    assert all(splits(literal, s) for s in (2, 3))
    assert not is_coupled(program, literal)
    check_table(table)
    # all rows are there, so every prefix is represented, with the model's own logits
    for prefix in literal.prefixes():
        row = program.read(state_of(program, prefix))
        assert [Fraction(int(x.p), int(x.q)) for x in row] == list(model.logits(prefix))
    # one system per open row: cut 2 has one row per first token, cut 3 one per two tokens
    assert program.solved == 2 + 4


# -- by hand --------------------------------------------------------------------------------------


def coupled_by_hand(here=(3, 1), last=Fraction(1, 2)):
    """k = 2, T = 4; at cut 2 two equal rows that go on differently after token 0.

    Lh_2 = (1, -1) whatever y_1 is, so c_2 = (x, 1 - x); after token 0 the next row is
    (h0 x + h1 (1 - x)) (1, -1), and cut 3 has the single row ``last`` (1, -1).
    """
    values = {(): {(): 0, (0,): 1, (1,): 1}}
    values[0,] = {(): 1, (0,): here[0], (1,): 0}
    values[1,] = {(): 1, (0,): here[1], (1,): 0}
    values[0, 0] = {(): last, (0,): 5, (1,): 7}

    def entry(h, f):
        return Fraction(values[h][f[:-1]]) * (1 - 2 * f[-1])

    return make_table(
        2, 4, {1: [()], 2: [(0,), (1,)], 3: [(0, 0)]}, {s: one_token(2) for s in range(1, 5)}, entry
    )


def test_what_fails_step_by_step_is_solved_coupled():
    # the basic solution c_2 = (1, 0) predicts 3, and c_3 / 2 is at most 1
    program = ExactChainProgram(coupled_by_hand())
    assert program.solution((0,)).coefficients == ((1,),)
    assert program.solution((0, 0)).coefficients == ((1,), (1, 0))
    solution = program.solution((0, 0, 1))
    (c2, c3) = solution.coefficients[1:]
    x = Fraction(int(c2[0].p), int(c2[0].q))
    # 1 + 2 x = c_3 / 2 <= 1 leaves x in [-1, 0]
    assert -1 <= x <= 0
    assert c2[1] == 1 - c2[0]
    assert c3[0] == 2 * (1 + 2 * c2[0])
    # after token 1 both rows go on with 0, so c_3 = 0
    assert program.solution((1, 1, 0)).coefficients[1:] == ((1, 0), (0,))
    seen = check_table(coupled_by_hand())
    assert seen["infeasible"] == 0
    assert seen["coupled"]


def test_a_segment_ends_where_the_next_row_is_determined_whatever_came_before():
    # c_2 = (x, x - 1), so the row at cut 3 is open; after it all rows are zero, x aside
    values = {(): {(): 0, (0,): 1, (1,): 1}}
    values[0,] = {(): 1, (0,): 3, (1,): 0}
    values[1,] = {(): -1, (0,): 1, (1,): 0}
    values[0, 0] = {(): 2, (0,): 0, (1,): 0}
    values[0, 0, 0] = {(): 1, (0,): 5, (1,): 7}
    table = make_table(
        2,
        5,
        {1: [()], 2: [(0,), (1,)], 3: [(0, 0)], 4: [(0, 0, 0)]},
        {s: one_token(2) for s in range(1, 6)},
        lambda h, f: Fraction(values[h][f[:-1]]) * (1 - 2 * f[-1]),
    )
    program = ExactChainProgram(table)
    firsts = [state_of(program, (0, 0, 0, 0)[:t]).segment.first for t in (1, 2, 3, 4)]
    assert firsts == [2, 2, 4, 5]
    check_table(table)


def test_a_coupled_program_can_be_infeasible_though_each_step_alone_is_not():
    # 3 x + 3 (1 - x) = 3 is forced now, and a last row of 1 allows at most 2
    program = ExactChainProgram(coupled_by_hand(here=(3, 3), last=Fraction(1)))
    assert program.solution((0, 0)) is not None
    assert program.solution((0, 0, 0)) is None
    # not forced: 5 x + 4 (1 - x) = 4 + x with x in [-1, 2] stays above 2
    table = coupled_by_hand(here=(5, 4), last=Fraction(1))
    assert ExactChainProgram(table).solution((0, 0, 1)) is None
    g, b, found = ExactChainProgram(table).refutation((0, 0, 1))
    assert (g.nrows(), g.ncols(), len(b)) == (3, 4, 4)
    assert refutation_holds(g, b, found)
    seen = check_table(table)
    assert seen["infeasible"] == 4  # (0, 0, *) and (1, 0, *)


def test_a_cut_without_basis_represents_the_zero_row_alone():
    def zero(h, f):
        return Fraction(0)

    futures = {s: one_token(2) for s in range(1, 5)}
    table = make_table(2, 4, {1: [()], 2: [], 3: []}, futures, zero)
    program = ExactChainProgram(table)
    for prefix in Literal(table).prefixes():
        assert program.solution(prefix).coefficients == ((1,), (), ())[: len(prefix)]
        assert program.read(state_of(program, prefix)) == (0, 0)

    def spike(h, f):
        return Fraction(1 - 2 * f[-1]) if (h + f)[:-1] == (1,) else Fraction(0)

    program = ExactChainProgram(make_table(2, 4, {1: [()], 2: [], 3: []}, futures, spike))
    assert program.solution((0, 0)) is not None
    assert program.solution((1,)) is not None  # no row is matched yet
    assert program.read(state_of(program, (1,))) == (1, -1)
    assert program.solution((1, 0)) is None
    assert program.solution((1, 0, 1)) is None


def test_cut_one_never_fails():
    rng = Random(9)
    for _ in range(5):
        table = arbitrary_table(rng)
        program = ExactChainProgram(table)
        first = table.cut(1)
        row = dict(zip(first.columns, first.rows[0], strict=True))
        assert program.read(program.start()) == (row[0,], row[1,])
        for a in (0, 1):
            assert program.solution((a,)).coefficients == ((1,),)
            assert program.read(state_of(program, (a,))) == (row[a, 0], row[a, 1])


@pytest.mark.parametrize("k", [2, 3])
def test_one_token(k):
    row = [3, -1, -2][:k]
    table = make_table(k, 1, {1: [()]}, {1: one_token(k)}, lambda h, f: Fraction(row[f[0]]))
    program = ExactChainProgram(table)
    assert program.read(program.start()) == tuple(row)
    assert program.solved == 0


def test_two_tokens_need_no_program():
    model = random_isan(2, 3, 2)
    program = ExactChainProgram(full_table(model))
    for a in range(3):
        row = program.read(state_of(program, (a,)))
        assert [Fraction(int(x.p), int(x.q)) for x in row] == list(model.logits((a,)))
    assert program.solved == 0


def test_futures_beyond_the_last_cut_are_matched_but_not_read():
    # a two-token future at cut 2 of T = 3 pins the coefficients that one-token futures leave open
    values = {(0,): (1, 2), (1,): (1, 5)}

    def entry(h, f):
        if len(h) == 0:
            return {1: Fraction(0), 2: Fraction(1), 3: Fraction(7, 2)}[len(f)] * (1 - 2 * f[-1])
        return Fraction(values[h][len(f) - 1]) * (1 - 2 * f[-1])

    futures = {1: one_token(2), 2: [*one_token(2), (0, 0)], 3: one_token(2)}
    table = make_table(2, 3, {1: [()], 2: [(0,), (1,)]}, futures, entry)
    # c (1, 2) + (1 - c) (1, 5) = (1, 7/2): c = 1/2
    assert ExactChainProgram(table).solution((0, 1)).coefficients[1] == (fmpq(1, 2), fmpq(1, 2))
    check_table(table)


def test_solved_counts_programs_once():
    table = full_table(random_isan(4, 2, 2))
    program = ExactChainProgram(table)
    assert program.solved == 0
    for _ in range(2):
        for prefix in Literal(table).prefixes():
            program.solution(prefix)
            state_of(program, prefix)
        first = program.solved
    assert 0 < first == program.solved <= 2 + 4


def test_the_order_of_questions_does_not_matter():
    rng = Random(12)
    for _ in range(6):
        table = arbitrary_table(rng)
        prefixes = Literal(table).prefixes()
        forwards, backwards = ExactChainProgram(table), ExactChainProgram(table)
        found = {p: forwards.solution(p) for p in prefixes}
        assert {p: backwards.solution(p) for p in reversed(prefixes)} == found


def test_the_arithmetic_chooses_the_solver():
    table = full_table(random_isan(3, 2, 1))
    assert isinstance(chain_program(table), ExactChainProgram)
    floats = Table(2, 3, table.cuts, table.last_futures, FLOAT64)
    assert isinstance(chain_program(floats), HighsChainProgram)
    with pytest.raises(AssertionError):
        ExactChainProgram(floats)
    expected = "^arithmetic must be float64: relaxed programs are solved in it, not 'exact'$"
    with pytest.raises(InputError, match=expected):
        chain_program(table, relaxed=True)
