"""llr.models.teachers against laws written down word by word in Fractions."""

from __future__ import annotations

from fractions import Fraction
from itertools import permutations, product

import pytest
from by_hand import slow_rank

import llr
from llr.analysis.distance import total_variation
from llr.errors import InputError
from llr.models.base import TabulatedModel
from llr.models.isan import Isan
from llr.models.targets import family_target
from llr.models.teachers import (
    BranchingProgram,
    Instruction,
    cauchy_teacher,
    hard_teacher,
    noiseless_law,
    random_program,
)
from llr.numbers.rational import fraction
from llr.numbers.units import LogitUnit

IDENTITY, SHIFT, SWAP = (0, 1, 2, 3, 4), (1, 2, 3, 4, 0), (1, 0, 2, 3, 4)


def words(length):
    return list(product((0, 1), repeat=length))


def law_of(model):
    """Return {word: probability} of a model with unit ln 2 and logits an integer apart."""
    assert str(model.unit) == "ln 2"
    law = {(): Fraction(1)}
    for _ in range(model.horizon):
        longer = {}
        for prefix, p in law.items():
            low, high = model.logits(prefix)
            assert low == -high
            assert (high - low).denominator == 1
            odds = Fraction(2) ** int(high - low)
            longer[*prefix, 0], longer[*prefix, 1] = p / (1 + odds), p * odds / (1 + odds)
        law = longer
    return law


def walk(instructions, start, bits):
    """Return the position that a program ends in; instructions are triples."""
    position = start
    for (_, zero, one), bit in zip(instructions, bits, strict=True):
        position = (one if bit else zero)[position]
    return position


# (n, instructions, start, accept, strength, padding)
CASES = {
    "no copy": (1, [], 0, 0, 1, 0),
    "no copy, rejects": (2, [], 3, 0, 2, 1),
    "one copy": (1, [(0, IDENTITY, SWAP)], 0, 1, 1, 0),
    "a bit twice": (1, [(0, SHIFT, SWAP), (0, SWAP, SHIFT)], 2, 3, 1, 2),
    "three copies": (
        2,
        [(1, SHIFT, IDENTITY), (0, (4, 3, 2, 1, 0), SWAP), (1, SWAP, SHIFT)],
        4,
        0,
        1,
        1,
    ),
    "strong": (2, [(0, IDENTITY, SHIFT), (1, SHIFT, (2, 0, 4, 1, 3))], 0, 1, 8, 0),
    "an unread bit": (3, [(2, SWAP, SHIFT), (0, SHIFT, SWAP)], 1, 0, 3, 0),
}


def teacher(n, instructions, start, accept, strength, padding):
    program = BranchingProgram(tuple(instructions), start, accept)
    return program, hard_teacher(n, program, strength, padding)


# -- the hard teacher -----------------------------------------------------------------------------


@pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))
def test_every_logit_of_a_hard_teacher(case):
    n, instructions, start, accept, strength, padding = case
    _, model = teacher(*case)
    copies = len(instructions)
    assert (model.alphabet_size, model.horizon) == (2, n + copies + 1 + padding)
    assert (model.unit, model.dimension) == (LogitUnit.parse("ln 2"), n + 7)
    for length in range(model.horizon):
        for prefix in words(length):
            x, copied = prefix[:n], prefix[n : n + copies]
            expected = 0
            if n <= length < n + copies:
                expected = strength * (2 * x[instructions[length - n][0]] - 1)
            elif length == n + copies:
                wrong = sum(a != x[i] for (i, _, _), a in zip(instructions, copied, strict=True))
                label = 1 if walk(instructions, start, copied) == accept else -1
                expected = strength * (2 * wrong + label)
            assert model.logits(prefix) == (-expected, expected)


@pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))
def test_distance_of_a_hard_teacher_to_its_noiseless_law(case):
    n, instructions, start, accept, strength, padding = case
    program, model = teacher(*case)
    expected = {}
    for x in words(n):
        copied = tuple(x[i] for i, _, _ in instructions)
        label = int(walk(instructions, start, copied) == accept)
        for rest in words(padding):
            expected[*x, *copied, label, *rest] = Fraction(1, 2 ** (n + padding))
    found = {w: fraction(p) for w, p in noiseless_law(n, program, padding).items()}
    assert found == expected
    assert sum(found.values()) == 1

    law = law_of(model)
    assert sum(law.values()) == 1
    distance = sum(abs(p - found.get(w, 0)) for w, p in law.items()) / 2
    eta = Fraction(1, 1 + 4**strength)
    assert distance == 1 - (1 - eta) ** (len(instructions) + 1)


@pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))
def test_ranks_of_a_hard_teacher_are_at_most_n_plus_7(case):
    _, model = teacher(*case)
    logits = {h: model.logits(h) for n in range(model.horizon) for h in words(n)}
    expected = []
    for s in range(model.horizon):
        futures = [f for n in range(model.horizon - s) for f in words(n)]
        expected.append(slow_rank([[logits[h + f][1] for f in futures] for h in words(s)]))
    assert model.cut_ranks() == tuple(expected)
    assert max(expected) <= case[0] + 7


def test_a_mismatch_drowns_the_program():
    """One wrong copy, and the label is 1 except with probability at most 1/(1 + 4^c)."""
    program = BranchingProgram(((0, IDENTITY, SHIFT),), 0, 0)
    model = hard_teacher(1, program, 3)
    assert model.logits((0, 0)) == (-3, 3)  # accepted
    assert model.logits((1, 1)) == (3, -3)  # rejected
    assert model.logits((1, 0)) == (-9, 9)  # mismatched, accepted
    assert model.logits((0, 1)) == (-3, 3)  # mismatched, rejected


def test_the_oracle_reveals_what_the_program_computes():
    program = random_program(3, 6, seed=4)
    model = hard_teacher(3, program, 5)
    for x in words(3):
        copied = tuple(x[i.index] for i in program.instructions)
        assert model.logits((*x, *copied))[1] == 5 * program.evaluate(x)


def test_hard_teachers_may_be_long():
    model = hard_teacher(12, random_program(12, 40), 8, 3)
    assert model.horizon == 56
    assert max(model.cut_ranks()) <= 19


# -- branching programs ---------------------------------------------------------------------------


def test_programs_run_every_permutation():
    for zero, one in product(list(permutations(range(5)))[::17], repeat=2):
        program = BranchingProgram(((0, zero, one),), 2, 3)
        assert program.run([0]) == (1 if zero[2] == 3 else -1)
        assert program.run([1]) == (1 if one[2] == 3 else -1)


def test_programs_run_on_copies_and_on_inputs():
    triples = [(1, SHIFT, SWAP), (0, SWAP, SHIFT), (1, SHIFT, (4, 3, 2, 1, 0))]
    program = BranchingProgram(tuple(triples), 1, 2)
    for bits in words(3):
        assert program.run(bits) == (1 if walk(triples, 1, bits) == 2 else -1)
    for x in words(2):
        assert program.evaluate(x) == program.run((x[1], x[0], x[1]))


def test_commutators_compute_and():
    """Barrington's step: f g f^-1 g^-1 is the identity unless both bits are 1."""
    f, g = (1, 2, 3, 4, 0), (2, 0, 4, 1, 3)
    inverse = [tuple(sorted(range(5), key=p.__getitem__)) for p in (f, g)]
    program = BranchingProgram(
        tuple((i, IDENTITY, p) for i, p in [(0, f), (1, g), (0, inverse[0]), (1, inverse[1])]),
        0,
        0,
    )
    assert [program.evaluate(x) for x in words(2)] == [1, 1, 1, -1]


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize(("n", "length"), [(1, 1), (2, 2), (3, 7), (4, 2)])
def test_random_programs_tell_zeros_from_ones(n, length, seed):
    program = random_program(n, length, seed)
    assert [i.index for i in program.instructions] == [j % n for j in range(length)]
    assert program.start == 0
    assert program.evaluate([0] * n) == 1
    assert program.evaluate([1] * n) == -1
    assert random_program(n, length, seed) == program
    assert random_program(n, length, seed + 1) != program


def test_instructions_may_be_triples_and_lists():
    given = BranchingProgram([[0, [1, 0, 2, 3, 4], [0, 1, 2, 3, 4]]])
    assert given == BranchingProgram((Instruction(0, SWAP, IDENTITY),), 0, 0)
    assert hash(given) == hash(BranchingProgram(((0, SWAP, IDENTITY),)))


@pytest.mark.parametrize(
    "permutation",
    [
        (0, 1, 2, 3),
        (0, 1, 2, 3, 3),
        (0, 1, 2, 3, 4, 4),
        (1, 2, 3, 4, 5),
        (False, True, 2, 3, 4),
        (0.0, 1, 2, 3, 4),
        (0, 1, 2, 3, "4"),
        "01234",
        7,
        None,
    ],
)
def test_permutations_must_be_permutations(permutation):
    for name, pair in (("zero", (permutation, SWAP)), ("one", (SWAP, permutation))):
        with pytest.raises(
            InputError, match=rf"^{name} must be a permutation of 0\.\.4, not "
        ) as caught:
            Instruction(0, *pair)
        assert caught.value.value == permutation


@pytest.mark.parametrize("index", [-1, "0", True, 1.0])
def test_indices_must_be_indices(index):
    with pytest.raises(InputError, match=r"^index must be an integer of at least 0, not "):
        Instruction(index, SWAP, SWAP)


@pytest.mark.parametrize("position", [5, 17])
@pytest.mark.parametrize("name", ["start", "accept"])
def test_positions_beyond_the_width_are_refused(name, position):
    with pytest.raises(InputError, match=rf"^{name} must be a position 0\.\.4, not {position}$"):
        BranchingProgram((), **{name: position})


@pytest.mark.parametrize("name", ["start", "accept"])
def test_positions_must_be_integers(name):
    with pytest.raises(InputError, match=rf"^{name} must be an integer of at least 0, not -1$"):
        BranchingProgram((), **{name: -1})


@pytest.mark.parametrize(
    ("instructions", "message"),
    [
        ("abc", r"^instructions must be a list of instructions, not 'abc'$"),
        (None, r"^instructions must be a list of instructions, not None$"),
        ([3], r"^instructions\[0\] must be a triple \(index, zero, one\), not 3$"),
        (
            [(0, SWAP, SWAP), (0, SWAP)],
            r"^instructions\[1\] must be a triple \(index, zero, one\), not a list of 2$",
        ),
        ([(0, SWAP, 3)], r"^one must be a permutation of 0\.\.4, not 3$"),
    ],
)
def test_programs_must_be_made_of_instructions(instructions, message):
    with pytest.raises(InputError, match=message):
        BranchingProgram(instructions)


def test_programs_run_on_one_bit_per_instruction():
    with pytest.raises(InputError, match=r"^bits must be a list of 1, not \[0, 1\]$"):
        BranchingProgram(((0, SWAP, SWAP),)).run([0, 1])


PROGRAM = BranchingProgram(((0, SWAP, SHIFT), (2, SWAP, SHIFT)))


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: hard_teacher(0, PROGRAM), "n must be an integer of at least 1, not 0"),
        (
            lambda: hard_teacher(2, PROGRAM),
            r"instructions\[1\]\.index must be an input bit 0\.\.1, not 2",
        ),
        (
            lambda: noiseless_law(2, PROGRAM),
            r"instructions\[1\]\.index must be an input bit 0\.\.1, not 2",
        ),
        (lambda: hard_teacher(3, PROGRAM, 0), "c must be an integer of at least 1, not 0"),
        (lambda: hard_teacher(3, PROGRAM, 1, -1), "padding must be an integer of at least 0"),
        (lambda: hard_teacher(3, [(0, SWAP, SWAP)]), "program must be a BranchingProgram, not"),
        (lambda: random_program(0, 1), "n must be an integer of at least 1, not 0"),
        (lambda: random_program(1, 0), "L must be an integer of at least 1, not 0"),
        (lambda: random_program(1, 1, -1), "seed must be an integer of at least 0, not -1"),
        (lambda: cauchy_teacher(0), "n must be an integer of at least 1, not 0"),
        (lambda: cauchy_teacher("2"), "n must be an integer of at least 1, not '2'"),
    ],
)
def test_arguments_out_of_range_are_refused(build, message):
    with pytest.raises(InputError, match=f"^{message}"):
        build()


# -- the Cauchy teacher ---------------------------------------------------------------------------


@pytest.mark.parametrize("n", [1, 2, 3])
def test_the_law_of_a_cauchy_teacher(n):
    model = cauchy_teacher(n)
    assert isinstance(model, Isan)
    assert (model.dimension, model.horizon, str(model.unit)) == (2, 2 * n + 1, "ln 2")
    law = law_of(model)
    for x, f in product(words(n), repeat=2):
        apart = int("".join(map(str, x)), 2) - int("".join(map(str, f)), 2)
        odds = Fraction(2) ** apart
        assert law[*x, *f, 1] == Fraction(1, 4**n) * odds / (1 + odds)
        assert law[*x, *f, 0] == Fraction(1, 4**n) / (1 + odds)


@pytest.mark.parametrize("n", [1, 2, 3, 4, 12])
def test_cut_ranks_of_a_cauchy_teacher(n):
    ranks = cauchy_teacher(n).cut_ranks()
    assert ranks == (1, *[2] * (2 * n - 1), 1)


def test_a_cauchy_teacher_has_large_logits_and_an_exact_distance():
    model = cauchy_teacher(5)
    assert model.logits((1,) * 5 + (0,) * 5) == (Fraction(-31, 2), Fraction(31, 2))
    uniform = TabulatedModel(
        2, 3, {p: [0, 0] for length in range(3) for p in words(length)}, LogitUnit.parse("ln 2")
    )
    found = total_variation(cauchy_teacher(1), uniform)
    # labels at x - f = 1, 0, 0, -1: |2/3 - 1/2| and |1/3 - 1/2| on half of all (x, f)
    assert (found.method, found.enclosure.lower) == ("exact", Fraction(1, 12))


# -- on the command line --------------------------------------------------------------------------


def test_targets_are_the_teachers_they_describe():
    def logits(model):
        return {p: model.logits(p) for n in range(model.horizon) for p in words(n)}

    for target, model in [
        ("hard:n=2,L=3", hard_teacher(2, random_program(2, 3))),
        ("hard:n=2,L=3,c=2,pad=1,seed=5", hard_teacher(2, random_program(2, 3, 5), 2, 1)),
        ("cauchy:n=2", cauchy_teacher(2)),
    ]:
        assert logits(family_target(target)) == logits(model)


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("hard:n=2", "target parameter L must be given, as in hard:n=3,L=4,c=2,pad=1,seed=0"),
        ("hard:n=0,L=2", "n must be an integer of at least 1, not 0"),
        ("hard:n=2,L=0", "L must be an integer of at least 1, not 0"),
        ("hard:n=2,L=2,c=0", "c must be an integer of at least 1, not 0"),
        ("hard:n=2,L=2,pad=-1", "padding must be an integer of at least 0, not -1"),
        ("hard:n=2,L=2,seed=-1", "seed must be an integer of at least 0, not -1"),
        ("hard:n=2,L=x", "target parameter L must be an integer, not 'x'"),
        ("cauchy", "target parameter n must be given, as in cauchy:n=3, not missing"),
        ("cauchy:n=0", "n must be an integer of at least 1, not 0"),
        ("cauchy:n=2,q=3", "target parameter of cauchy must be NAME=VALUE with NAME in n, not"),
    ],
)
def test_targets_out_of_range_are_refused(target, message):
    with pytest.raises(InputError, match=f"^{message}"):
        family_target(target)


def test_teachers_survive_a_file(tmp_path):
    for target in ("hard:n=2,L=2,c=1", "cauchy:n=2"):
        llr.save(family_target(target), tmp_path / "model.json")
        again = llr.load(tmp_path / "model.json")
        assert total_variation(family_target(target), again).enclosure.upper == 0
