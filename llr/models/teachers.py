"""Hard and separating instances of [M]: the hard teacher and the Cauchy teacher."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from flint import fmpq

from llr.errors import InputError
from llr.models.base import Word, check_list, check_size, words
from llr.models.families import Entries, identity, zeros
from llr.models.isan import Isan
from llr.numbers.units import LN2

WIDTH = 5
"""Five positions are enough for every function in NC1 (Barrington)."""


@dataclass(frozen=True)
class Instruction:
    """One step of a branching program: read an input bit, move every position.

    Args:
        index: which input bit is read, counted from 0.
        zero: the permutation of 0..4 for the bit 0; position p moves to ``zero[p]``.
        one: the permutation for the bit 1.

    Raises:
        InputError: the index is negative, or one of the two is no permutation of 0..4.
    """

    index: int
    zero: tuple[int, ...]
    one: tuple[int, ...]

    def __post_init__(self) -> None:
        check_size(self.index, 0, "index")
        expected = f"a permutation of 0..{WIDTH - 1}"
        for name, written in (("zero", self.zero), ("one", self.one)):
            found = tuple(check_list(written, name, expected))
            whole = all(isinstance(p, int) and not isinstance(p, bool) for p in found)
            if len(found) != WIDTH or not whole or set(found) != set(range(WIDTH)):
                raise InputError(name, written, expected)
            object.__setattr__(self, name, found)

    def move(self, position: int, bit: int) -> int:
        """Return where a position goes when the bit is read."""
        return (self.one if bit else self.zero)[position]


@dataclass(frozen=True)
class BranchingProgram:
    """A permutation branching program of width 5.

    Args:
        instructions: run in order; triples (index, zero, one) will do.
        start: position before the first instruction, 0..4.
        accept: accepting position, 0..4.

    Raises:
        InputError: a position or an instruction is out of range.

    Source: Barrington (1989).
    """

    instructions: tuple[Instruction, ...]
    start: int = 0
    accept: int = 0

    def __post_init__(self) -> None:
        given = check_list(self.instructions, "instructions", "a list of instructions")
        object.__setattr__(
            self, "instructions", tuple(_instruction(i, x) for i, x in enumerate(given))
        )
        for name, position in (("start", self.start), ("accept", self.accept)):
            if check_size(position, 0, name) >= WIDTH:
                raise InputError(name, position, f"a position 0..{WIDTH - 1}")

    def run(self, bits: Sequence[int]) -> int:
        """Return 1 if the program accepts, else -1.

        Args:
            bits: one per instruction: what it reads (the copies A_1..A_L of a hard teacher).

        Raises:
            InputError: there are more or fewer bits than instructions.
        """
        if len(bits) != len(self.instructions):
            raise InputError("bits", list(bits), f"a list of {len(self.instructions)}")
        position = self.start
        for instruction, bit in zip(self.instructions, bits, strict=True):
            position = instruction.move(position, bit)
        return 1 if position == self.accept else -1

    def evaluate(self, x: Sequence[int]) -> int:
        """Return 1 if the program accepts the input x, else -1."""
        return self.run([x[i.index] for i in self.instructions])


def random_program(n: int, length: int, seed: int = 0) -> BranchingProgram:
    """Return a random program that accepts the input 00..0 and rejects the input 11..1.

    Args:
        n: number of input bits, >= 1.
        length: L >= 1; instruction j reads bit j mod n.
        seed: of the generator; the same seed gives the same program everywhere.

    Raises:
        InputError: an argument is out of range.
    """
    check_size(n, 1, "n")
    check_size(length, 1, "L")
    rng = np.random.default_rng(check_size(seed, 0, "seed"))
    while True:
        instructions = tuple(
            Instruction(
                j % n,
                tuple(rng.permutation(WIDTH).tolist()),
                tuple(rng.permutation(WIDTH).tolist()),
            )
            for j in range(length)
        )
        ends = [0, 0]
        for instruction in instructions:
            ends = [instruction.move(position, bit) for bit, position in enumerate(ends)]
        if ends[0] != ends[1]:
            return BranchingProgram(instructions, accept=ends[0])


def hard_teacher(n: int, program: BranchingProgram, strength: int = 8, padding: int = 0) -> Isan:
    """Return n fair bits X, noisy copies of some of them, the label of a hidden program, fair bits.

    Copy A_j (j = 1..L) has centred logit b (2 X_{i_j} - 1) for token 1, where instruction j of the
    program reads bit i_j.  The label has centred logit b (2 C + r) for token 1, where C counts the
    mismatched copies and r = +-1 is the read-out of the program on the copies A_1..A_L: once a
    copy is mismatched the label is 1, near certainly, and tells nothing about the program.

    Args:
        n: number of input bits, >= 1.
        program: a branching program on n bits, L >= 0 instructions.
        strength: c >= 1, b = c ln 2.
        padding: number of fair bits after the label, >= 0; the horizon is n + L + 1 + padding.

    Returns:
        An ISAN with unit ln 2 and state (1, X, C, v), v the one-hot position of the program in R^5;
        so its cut ranks are at most n + 7.  Every copy is mismatched with probability
        eta = 1/(1 + 4^c), and the total variation to :func:`noiseless_law` is exactly
        1 - (1-eta)^(L+1).

    Raises:
        InputError: an argument is out of range, or the program reads a bit beyond n.

    Source: [M], hard teacher.
    """
    _check_teacher(n, program, padding)
    c = fmpq(check_size(strength, 1, "c"))
    mismatches, positions = n + 1, n + 2
    d = positions + WIDTH

    def pair(functional: dict[int, fmpq]) -> Entries:
        """Return the readout whose token 1 has this centred logit."""
        found = zeros(2, d)
        for place, value in functional.items():
            found[0][place], found[1][place] = -value, value
        return found

    transitions, readouts = [], []
    for t in range(n):
        store = identity(d)
        store[1 + t][0] = fmpq(1)
        transitions.append([identity(d), store])
        readouts.append(zeros(2, d))
    for instruction in program.instructions:
        bit = 1 + instruction.index
        step = []
        for token, permutation in enumerate((instruction.zero, instruction.one)):
            a = identity(d)
            a[mismatches][bit] = fmpq(1 - 2 * token)  # C + x for the copy 0, C + 1 - x for 1
            a[mismatches][0] = fmpq(token)
            for p in range(WIDTH):
                a[positions + p][positions + p] = fmpq(0)
            for p, q in enumerate(permutation):
                a[positions + q][positions + p] = fmpq(1)
            step.append(a)
        transitions.append(step)
        readouts.append(pair({bit: 2 * c, 0: -c}))
    readout = {positions + p: c if p == program.accept else -c for p in range(WIDTH)}
    readouts.append(pair({mismatches: 2 * c, **readout}))
    for _ in range(padding):
        transitions.append([identity(d)] * 2)
        readouts.append(zeros(2, d))
    initial = [fmpq(int(i in (0, positions + program.start))) for i in range(d)]
    return Isan(2, len(readouts), initial, transitions, readouts, LN2)


def noiseless_law(n: int, program: BranchingProgram, padding: int = 0) -> dict[Word, fmpq]:
    """Return the hard teacher's law with noiseless copies and a noiseless label.

    Args:
        n, program, padding: as for :func:`hard_teacher`.

    Returns:
        The 2^(n + padding) words of positive probability, all equally likely: X, X_{i_1}..X_{i_L},
        1 if the program accepts X and else 0, any padding.

    Raises:
        InputError: as for :func:`hard_teacher`.
    """
    _check_teacher(n, program, padding)
    each = fmpq(1, 1 << (n + padding))
    return {
        (
            *x,
            *(x[i.index] for i in program.instructions),
            (1 + program.evaluate(x)) // 2,
            *rest,
        ): each
        for x in words(2, n)
        for rest in words(2, padding)
    }


def cauchy_teacher(n: int) -> Isan:
    """Return n fair bits x, n fair bits f, and a label with odds 2^(s(x) - s(f)) for token 1.

    Here s(x) = sum_i 2^(n-i) x_i reads the bits as a binary number.  M(f, 1 | x) is a Cauchy matrix
    up to scaling, so the probability rank is 2^n at the cut between x and f, while two numbers, 1
    and s, tell all logits.

    Args:
        n: >= 1; the horizon is 2 n + 1.

    Returns:
        An ISAN with unit ln 2 and dimension 2: cut ranks at most 2.

    Raises:
        InputError: n is out of range.

    Source: [M], Cauchy teacher.
    """
    check_size(n, 1, "n")
    weights = [1 << (n - i) for i in range(1, n + 1)]
    transitions = []
    for weight in [*weights, *(-w for w in weights)]:
        add = identity(2)
        add[1][0] = fmpq(weight)
        transitions.append([identity(2), add])
    half = fmpq(1, 2)
    readouts = [zeros(2, 2) for _ in range(2 * n)] + [[[fmpq(0), -half], [fmpq(0), half]]]
    return Isan(2, 2 * n + 1, [1, 0], transitions, readouts, LN2)


def _instruction(place: int, given: object) -> Instruction:
    """Return an instruction given as one or as a triple."""
    if isinstance(given, Instruction):
        return given
    index, zero, one = check_list(given, f"instructions[{place}]", "a triple (index, zero, one)", 3)
    return Instruction(index, zero, one)  # type: ignore[arg-type]


def _check_teacher(n: int, program: BranchingProgram, padding: int) -> None:
    check_size(n, 1, "n")
    check_size(padding, 0, "padding")
    if not isinstance(program, BranchingProgram):
        raise InputError("program", program, "a BranchingProgram")
    for j, instruction in enumerate(program.instructions):
        if instruction.index >= n:
            raise InputError(
                f"instructions[{j}].index", instruction.index, f"an input bit 0..{n - 1}"
            )
