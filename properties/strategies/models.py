"""Models: random and structured ISANs, the families, teachers, hidden Markov models, tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from flint import fmpq
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from llr.errors import InputError
from llr.models import families
from llr.models.base import TabulatedModel, Word, words
from llr.models.isan import Isan
from llr.models.markov import HiddenMarkovModel
from llr.models.perturbed import PerturbedModel
from llr.models.teachers import (
    WIDTH,
    BranchingProgram,
    Instruction,
    cauchy_teacher,
    hard_teacher,
)
from llr.numbers.perturbations import NOISES
from llr.numbers.units import NAT, LogitUnit
from properties.strategies.basic import (
    XIS,
    Span,
    check_flag,
    check_noises,
    check_span,
    check_units,
    rationals,
    seeds,
    wide_rationals,
)


@st.composite
def _square_matrices(draw: DrawFn, d: int, entries: SearchStrategy[fmpq]) -> families.Entries:
    """A d x d matrix: identity, zero, permutation, nilpotent or dense."""
    shape = draw(st.sampled_from(["identity", "zero", "permutation", "nilpotent", "dense"]))
    if shape == "identity":
        return families.identity(d)
    if shape == "zero":
        return families.zeros(d, d)
    if shape == "permutation":
        order = draw(st.permutations(range(d)))
        return [[fmpq(int(j == order[i])) for j in range(d)] for i in range(d)]
    if shape == "nilpotent":
        return [[draw(entries) if j > i else fmpq(0) for j in range(d)] for i in range(d)]
    return [[draw(entries) for _ in range(d)] for _ in range(d)]


def isans(
    *,
    horizons: Span = (1, 4),
    alphabet_sizes: Span = (2, 3),
    dimensions: Span = (1, 3),
    units: Sequence[LogitUnit] = (NAT,),
    integers: bool = False,
    wide: bool = False,
) -> SearchStrategy[Isan]:
    """Return time-varying ISANs, generic and structured: permuting, nilpotent, with zeros.

    Args:
        horizons, alphabet_sizes, dimensions: least and largest T, k, d.
        units: drawn from.
        integers: make every logit an integer before centring, so that with a unit ln q all
            probabilities are rational.
        wide: draw huge and tiny entries, too; not together with ``integers``.
    """
    check_span(horizons, 1, "horizons")
    check_span(alphabet_sizes, 2, "alphabet_sizes")
    check_span(dimensions, 1, "dimensions")
    check_units(units)
    check_flag(integers, "integers")
    check_flag(wide, "wide")
    if wide and integers:
        raise InputError("wide", wide, "False together with integers")
    entries = wide_rationals() if wide else rationals(size=2, integers=integers)

    @st.composite
    def drawn(draw: DrawFn) -> Isan:
        t = draw(st.integers(*horizons))
        k = draw(st.integers(*alphabet_sizes))
        d = draw(st.integers(*dimensions))
        return Isan(
            k,
            t,
            [draw(entries) for _ in range(d)],
            [[draw(_square_matrices(d, entries)) for _ in range(k)] for _ in range(t - 1)],
            [[[draw(entries) for _ in range(d)] for _ in range(k)] for _ in range(t)],
            draw(st.sampled_from(list(units))),
        )

    return drawn()


def layered_isans(
    *,
    horizons: Span = (1, 5),
    alphabet_sizes: Span = (2, 3),
    widths: Span = (1, 3),
    units: Sequence[LogitUnit] = (NAT,),
) -> SearchStrategy[Isan]:
    """Return ISANs whose state uses its own number of coordinates at every cut.

    So the rank often drops at one cut and rises again.  Transitions, readouts and the first state
    are integers in [-2, 2]; the dimension is the largest width drawn.

    Args:
        horizons, alphabet_sizes: least and largest T, k.
        widths: least and largest number of coordinates used at a cut.
        units: drawn from.
    """
    check_span(horizons, 1, "horizons")
    check_span(alphabet_sizes, 2, "alphabet_sizes")
    check_span(widths, 1, "widths")
    check_units(units)

    @st.composite
    def drawn(draw: DrawFn) -> Isan:
        t = draw(st.integers(*horizons))
        k = draw(st.integers(*alphabet_sizes))
        used = [draw(st.integers(*widths)) for _ in range(t)]
        d = max(used)
        entries = rationals(size=2, integers=True)

        def padded(rows: int, columns: int, height: int) -> families.Entries:
            found = families.zeros(height, d)
            for i in range(rows):
                for j in range(columns):
                    found[i][j] = draw(entries)
            return found

        return Isan(
            k,
            t,
            padded(1, used[0], 1)[0],
            [[padded(used[s + 1], used[s], d) for _ in range(k)] for s in range(t - 1)],
            [padded(k, width, k) for width in used],
            draw(st.sampled_from(list(units))),
        )

    return drawn()


def perturbed_isans(
    *,
    horizons: Span = (1, 4),
    alphabet_sizes: Span = (2, 3),
    dimensions: Span = (1, 3),
    noises: Sequence[str] = tuple(NOISES),
    xis: Sequence[object] = XIS,
) -> SearchStrategy[PerturbedModel]:
    """Return ISANs with an error at every prefix: of full rank, but near a low one.

    Args:
        horizons, alphabet_sizes, dimensions: of the ISAN, as for :func:`isans`.
        noises: kinds drawn from, "random", "adversarial" and "rounding" by default.
        xis: largest errors in nats drawn from, positive rationals.
    """
    sizes = check_noises(noises, xis)
    return st.builds(
        PerturbedModel,
        isans(horizons=horizons, alphabet_sizes=alphabet_sizes, dimensions=dimensions),
        st.sampled_from(list(noises)),
        st.sampled_from(sizes),
        seeds(),
    )


def noisy_parities(*, bits: Span = (1, 4)) -> SearchStrategy[Isan]:
    """Return noisy parities over every secret, with noise 1/10, 1/4, 1/3 or 49/100."""
    check_span(bits, 1, "bits")

    @st.composite
    def drawn(draw: DrawFn) -> Isan:
        n = draw(st.integers(*bits))
        secret = "".join(draw(st.lists(st.sampled_from("01"), min_size=n, max_size=n)))
        noise = draw(st.sampled_from(["1/4", "1/10", "1/3", "49/100"]))
        return families.noisy_parity(n, secret, noise)

    return drawn()


def fourier_sparse(*, bits: Span = (1, 4), terms: Span = (1, 3)) -> SearchStrategy[Isan]:
    """Return labels whose logit is a sum of few characters.

    Args:
        bits: least and largest n.
        terms: least and largest number of characters; n bits have 2^n, and n is drawn from those
            that have enough.
    """
    check_span(bits, 1, "bits")
    check_span(terms, 1, "terms")
    needed = (terms[0] - 1).bit_length()
    if needed > bits[1]:
        most = f"a pair whose least is at most 2^{bits[1]}, for bits = {bits}"
        raise InputError("terms", terms, most)

    @st.composite
    def drawn(draw: DrawFn) -> Isan:
        n = draw(st.integers(max(bits[0], needed), bits[1]))
        sets = st.text("01", min_size=n, max_size=n)
        nonzero = rationals(size=3).filter(lambda x: x != 0)
        most = min(terms[1], 2**n)
        found = draw(st.dictionaries(sets, nonzero, min_size=terms[0], max_size=most))
        return families.fourier_sparse(n, found)

    return drawn()


def copies(*, tokens: Span = (1, 2), alphabet_sizes: Span = (2, 3)) -> SearchStrategy[Isan]:
    """Return copy models of strength 1 to 8."""
    check_span(tokens, 1, "tokens")
    check_span(alphabet_sizes, 2, "alphabet_sizes")

    @st.composite
    def drawn(draw: DrawFn) -> Isan:
        return families.copy(
            draw(st.integers(*tokens)), draw(st.integers(*alphabet_sizes)), draw(st.integers(1, 8))
        )

    return drawn()


def spikes(*, horizons: Span = (1, 5)) -> SearchStrategy[Isan]:
    """Return rank-1 spikes."""
    check_span(horizons, 1, "horizons")
    return st.integers(*horizons).map(families.spike)


def targets(*, horizons: Span = (1, 4)) -> SearchStrategy[Isan]:
    """Return small targets of every family."""
    check_span(horizons, 1, "horizons")
    low, high = horizons
    found: list[SearchStrategy[Isan]] = [isans(horizons=horizons, dimensions=(1, 2))]
    found.append(isans(horizons=horizons, dimensions=(1, 3), alphabet_sizes=(2, 2)))
    if high >= 2:
        bits = (max(1, low - 1), high - 1)
        found += [noisy_parities(bits=bits), fourier_sparse(bits=bits)]
        found.append(spikes(horizons=horizons))
    if high >= 4 and low <= 4:
        found.append(copies(tokens=(2, 2), alphabet_sizes=(2, 2)))
    return st.one_of(found)


def tabulated_models(
    *, horizons: Span = (1, 3), alphabet_sizes: Span = (2, 3)
) -> SearchStrategy[TabulatedModel]:
    """Return models with arbitrary small logits at every prefix: usually of full cut rank."""
    check_span(horizons, 1, "horizons")
    check_span(alphabet_sizes, 2, "alphabet_sizes")

    @st.composite
    def drawn(draw: DrawFn) -> TabulatedModel:
        t = draw(st.integers(*horizons))
        k = draw(st.integers(*alphabet_sizes))
        table: dict[Word, list[fmpq]] = {
            prefix: [draw(rationals(size=2)) for _ in range(k)]
            for length in range(t)
            for prefix in words(k, length)
        }
        return TabulatedModel(k, t, table)

    return drawn()


def branching_programs(
    *, bits: Span = (1, 3), lengths: Span = (1, 2)
) -> SearchStrategy[BranchingProgram]:
    """Return branching programs; they shrink to one instruction that moves nothing.

    Args:
        bits: least and largest number of input bits n; no instruction reads beyond n.
        lengths: least and largest number of instructions.
    """
    check_span(bits, 1, "bits")
    check_span(lengths, 0, "lengths")
    positions = st.integers(0, WIDTH - 1)
    moves = st.permutations(range(WIDTH)).map(tuple)

    @st.composite
    def drawn(draw: DrawFn) -> BranchingProgram:
        last = draw(st.integers(*bits)) - 1
        instructions = st.builds(Instruction, st.integers(0, last), moves, moves)
        length = draw(st.integers(*lengths))
        return BranchingProgram(
            tuple(draw(instructions) for _ in range(length)), draw(positions), draw(positions)
        )

    return drawn()


@dataclass(frozen=True)
class HardTeacher:
    """A hard teacher with what it was made of.

    Attributes:
        bits: n.
        program: read by the copies.
        strength: c.
        padding: fair bits at the end.
        model: the ISAN.
    """

    bits: int
    program: BranchingProgram
    strength: int
    padding: int
    model: Isan = field(repr=False)


def hard_teachers(
    *, bits: Span = (1, 3), copies_made: Span = (1, 2)
) -> SearchStrategy[HardTeacher]:
    """Return hard teachers over branching programs.

    Args:
        bits: least and largest n.
        copies_made: least and largest L.
    """
    check_span(bits, 1, "bits")
    check_span(copies_made, 0, "copies_made")

    @st.composite
    def drawn(draw: DrawFn) -> HardTeacher:
        n = draw(st.integers(*bits))
        program = draw(branching_programs(bits=(n, n), lengths=copies_made))
        c, padding = draw(st.integers(1, 8)), draw(st.integers(0, 1))
        return HardTeacher(n, program, c, padding, hard_teacher(n, program, c, padding))

    return drawn()


def cauchy_teachers(*, bits: Span = (1, 3)) -> SearchStrategy[Isan]:
    """Return Cauchy teachers; the horizon is 2 n + 1."""
    check_span(bits, 1, "bits")
    return st.integers(*bits).map(cauchy_teacher)


def hidden_markov_models(
    *, horizons: Span = (1, 4), alphabet_sizes: Span = (2, 3), hidden_states: Span = (1, 3)
) -> SearchStrategy[HiddenMarkovModel]:
    """Return hidden Markov models with small rationals and positive emissions.

    Args:
        horizons, alphabet_sizes, hidden_states: least and largest T, k, R.
    """
    check_span(horizons, 1, "horizons")
    check_span(alphabet_sizes, 2, "alphabet_sizes")
    check_span(hidden_states, 1, "hidden_states")

    @st.composite
    def drawn(draw: DrawFn) -> HiddenMarkovModel:
        k, r = draw(st.integers(*alphabet_sizes)), draw(st.integers(*hidden_states))

        def law(size: int, least: int) -> list[fmpq]:
            weights = draw(st.lists(st.integers(least, 4), min_size=size, max_size=size))
            if not any(weights):
                weights[0] = 1
            return [fmpq(w, sum(weights)) for w in weights]

        return HiddenMarkovModel(
            k,
            draw(st.integers(*horizons)),
            law(r, 0),
            [law(r, 0) for _ in range(r)],
            [law(k, 1) for _ in range(r)],
        )

    return drawn()
