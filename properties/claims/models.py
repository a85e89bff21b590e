"""Claims about models: Fact 1.1 and the cut ranks of the families."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from flint import fmpq
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from bounds.queries import copy_ranks
from llr.baselines.recursion import minors, plain_recursion
from llr.models import families
from llr.models.base import LanguageModel, Word, words
from llr.models.isan import Isan
from llr.models.logits import cut, cut_ranks_by_enumeration
from llr.models.realization import realize
from llr.models.teachers import cauchy_teacher
from llr.numbers import rational
from llr.numbers.arithmetic import EXACT
from llr.numbers.rational import RationalRow
from llr.oracles.ledger import Ledger
from llr.oracles.noise import NoisyOracle
from llr.oracles.protocol import LogitOracle, ModelOracle
from properties import checkers
from properties.claim import Claim, Measurement, Twin
from properties.corners import corner_isans
from properties.strategies import (
    copies,
    fourier_sparse,
    isans,
    noisy_parities,
    perturbed_isans,
    spikes,
    tabulated_models,
)

Ranked: TypeAlias = tuple[Isan, tuple[int, ...]]
"""A model and, per cut, the rank that the table of families promises at most."""


def any_models() -> SearchStrategy[LanguageModel]:
    """Return ISANs of every structure, exact or perturbed, and tables of arbitrary logits."""
    return st.one_of(
        isans(horizons=(1, 4)),
        tabulated_models(),
        corner_isans(horizons=(1, 4)),
        perturbed_isans(horizons=(1, 3)),
    )


def all_isans() -> SearchStrategy[Isan]:
    """Return ISANs of every structure."""
    return st.one_of(isans(), corner_isans(horizons=(1, 4)))


def differing_prefixes(first: LanguageModel, second: LanguageModel) -> int:
    """Return at how many prefixes the exact logits differ."""
    return sum(
        first.logits(p) != second.logits(p)
        for length in range(first.horizon)
        for p in words(first.alphabet_size, length)
    )


def realized(model: LanguageModel) -> Measurement:
    """Count the prefixes where the realization's logits are wrong."""
    return Measurement.of(differing_prefixes(model, realize(model)))


def realized_dimension(model: LanguageModel) -> Measurement:
    """Measure the realization's dimension against the largest cut rank (at least 1)."""
    ranks = [checkers.rank(_cut_rows(model, s)) for s in range(1, model.horizon + 1)]
    return Measurement.of(realize(model).dimension, max(1, *ranks))


def realized_without_last_coordinate(model: LanguageModel) -> Measurement:
    """Sabotage: forget the last state coordinate of the realization."""
    full = realize(model)
    d = full.dimension - 1
    if d == 0:
        return Measurement.of(0)

    def cropped(rows: list[RationalRow], height: int) -> list[RationalRow]:
        return [row[:d] for row in rows[:height]]

    smaller = Isan(
        full.alphabet_size,
        full.horizon,
        full.initial_state[:d],
        [[cropped(rational.row_tuples(a), d) for a in step] for step in full.transitions],
        [cropped(rational.row_tuples(b), full.alphabet_size) for b in full.readouts],
        full.unit,
    )
    return Measurement.of(differing_prefixes(model, smaller))


def recursion(model: Isan, noise: fmpq = fmpq(0)) -> Measurement:
    """Count the prefixes where the plain recursion on the oracle's rows is wrong.

    Args:
        model: the target.
        noise: sabotage: error of the oracle in nats.
    """
    oracle: LogitOracle = ModelOracle(model)
    if noise > 0:
        oracle = NoisyOracle(oracle, "adversarial", noise, model.unit, 0)
    ledger = Ledger(oracle, model.alphabet_size, model.horizon, EXACT)
    try:
        found = plain_recursion(model, minors(model), ledger)
    except ZeroDivisionError:
        return Measurement.of(1)
    return Measurement.of(differing_prefixes(model, found))


def _cut_rows(model: LanguageModel, s: int) -> checkers.Rows:
    return checkers.as_fractions(rational.row_tuples(cut(model, s)[2]))


def isan_ranks(model: Isan) -> Measurement:
    """Measure the largest cut rank of an ISAN, by enumeration, against its dimension."""
    ranks = [checkers.rank(_cut_rows(model, s)) for s in range(1, model.horizon + 1)]
    return Measurement.of(max(ranks), model.dimension)


def isan_ranks_below_dimension(model: Isan) -> Measurement:
    """Tightened: every cut rank at most d - 1 (and 1)."""
    found = isan_ranks(model)
    return Measurement.of(found.measured, max(1, model.dimension - 1))


def polynomial_ranks(model: Isan) -> Measurement:
    """Count the cuts where the polynomial-time rank differs from enumeration."""
    by_enumeration = cut_ranks_by_enumeration(model)
    checked = [checkers.rank(_cut_rows(model, s)) for s in range(1, model.horizon + 1)]
    wrong = zip(model.cut_ranks(), by_enumeration, checked, strict=True)
    return Measurement.of(sum(a != c or b != c for a, b, c in wrong))


def observable_ranks(model: Isan) -> Measurement:
    """Sabotage: take the observable space alone for the cut, reachable or not."""
    ranks = [o.nrows() for o in model.observable_spaces]
    return Measurement.of(
        sum(a != b for a, b in zip(ranks, cut_ranks_by_enumeration(model), strict=True))
    )


@st.composite
def _promised(draw: st.DrawFn, kind: str) -> Ranked:
    if kind == "parity":
        model = draw(noisy_parities())
        return model, (1,) * model.horizon
    if kind == "fourier":
        model = draw(fourier_sparse())
        return model, (model.dimension,) * model.horizon
    if kind == "copy":
        model = draw(copies(tokens=(1, 2)))
        n, k = model.horizon // 2, model.alphabet_size
        ranks = [(s - 1) * (k - 1) + 1 for s in range(1, n + 1)]
        ranks += [(n - j) * (k - 1) for j in range(n)]
        return model, tuple(ranks)
    model = draw(spikes())
    return model, (1, *(0,) * (model.horizon - 1))


def promised_ranks() -> SearchStrategy[Ranked]:
    """Return models of each family with the ranks that the table of families promises."""
    return st.sampled_from(["parity", "fourier", "copy", "spike"]).flatmap(_promised)


def family_ranks(instance: Ranked) -> Measurement:
    """Measure how far some cut rank exceeds the family's promise."""
    model, promise = instance
    ranks = cut_ranks_by_enumeration(model)
    return Measurement.of(max(r - p for r, p in zip(ranks, promise, strict=True)))


def family_ranks_tightened(instance: Ranked) -> Measurement:
    """Tightened: one less than promised at some cut."""
    return Measurement.of(family_ranks(instance).measured, -1)


# -- the laws of the families -------------------------------------------------------------------


@dataclass(frozen=True)
class Member:
    """A member of a family.

    Attributes:
        kind: "parity", "fourier", "copy", "cauchy" or "spike".
        size: n bits or tokens; T of a spike.
        alphabet_size: k of a copy model, else 2.
        terms: fhat(S) by S; of a parity its secret with nu.
        strength: c of a copy model.
    """

    kind: str
    size: int
    alphabet_size: int
    terms: tuple[tuple[str, fmpq], ...]
    strength: int

    @property
    def model(self) -> Isan:
        """The model, from the library."""
        if self.kind == "parity":
            return families.noisy_parity(self.size, *self.terms[0])
        if self.kind == "fourier":
            return families.fourier_sparse(self.size, dict(self.terms))
        if self.kind == "copy":
            return families.copy(self.size, self.alphabet_size, self.strength)
        return cauchy_teacher(self.size) if self.kind == "cauchy" else families.spike(self.size)

    def logit(self, prefix: Word, token: int) -> fmpq:
        """Return the centred logit of a token in the model's unit, from the family's definition."""
        n, done = self.size, len(prefix)
        sign = 2 * token - 1
        if self.kind == "spike":
            return fmpq(-n * sign if not prefix else 0)
        if self.kind == "copy":
            hit = done >= n and token == prefix[done - n]
            return (
                fmpq(0) if done < n else self.strength * (fmpq(hit) - fmpq(1, self.alphabet_size))
            )
        if self.kind == "cauchy":
            bits = "".join(map(str, prefix))
            last = done == 2 * n
            return fmpq(sign * (int(bits[:n], 2) - int(bits[n:], 2)), 2) if last else fmpq(0)
        if done < n:
            return fmpq(0)
        values = {
            subset: fmpq(-1, 2) if self.kind == "parity" else value for subset, value in self.terms
        }
        f = fmpq(0)
        for subset, value in values.items():
            odd = sum(x for x, s in zip(prefix, subset, strict=True) if s == "1") % 2
            f += -value if odd else value
        return sign * f


@st.composite
def members(draw: DrawFn) -> Member:
    """Return small members of every family."""
    kind = draw(st.sampled_from(["parity", "fourier", "copy", "cauchy", "spike"]))
    n = draw(st.integers(1, 3 if kind in ("parity", "fourier", "spike") else 2))
    subsets = st.text("01", min_size=n, max_size=n)
    values = st.sampled_from([fmpq(1), fmpq(-1), fmpq(1, 2), fmpq(-3, 4)])
    terms: tuple[tuple[str, fmpq], ...] = ()
    if kind == "parity":
        terms = ((draw(subsets), fmpq(1, draw(st.integers(3, 9)))),)
    if kind == "fourier":
        terms = tuple(draw(st.dictionaries(subsets, values, min_size=1, max_size=3)).items())
    k = draw(st.integers(2, 3)) if kind == "copy" else 2
    return Member(kind, n, k, terms, draw(st.integers(1, 3)) if kind == "copy" else 1)


def family_laws(member: Member, turned: bool = False) -> Measurement:
    """Count the logits, and for a parity the label's probabilities, that are not the definition's.

    Args:
        member: of a family.
        turned: sabotage: expect logits of the opposite sign.
    """
    model, wrong = member.model, 0
    every = [p for t in range(model.horizon) for p in words(model.alphabet_size, t)]
    for prefix in every:
        expected = [member.logit(prefix, a) for a in range(model.alphabet_size)]
        row = model.read(model.state_of(prefix))
        wrong += sum(x != (-y if turned else y) for x, y in zip(row, expected, strict=True))
        if member.kind == "parity" and len(prefix) == member.size:
            ((secret, nu),) = member.terms
            odd = sum(x for x, s in zip(prefix, secret, strict=True) if s == "1") % 2
            wrong += model.probabilities(prefix)[1].exact != (1 - nu if odd else nu)
    return Measurement.of(wrong, cases=len(every))


def copy_peak(model: Isan) -> Measurement:
    """Measure |largest cut rank - n (k-1)| of a copy model."""
    promised = copy_ranks(model.horizon // 2, model.alphabet_size).logit
    return Measurement.of(abs(max(model.cut_ranks()) - promised))


def copy_peak_wrong(model: Isan) -> Measurement:
    """Tightened: the largest cut of a copy model is n (k-1) + 1."""
    n, k = model.horizon // 2, model.alphabet_size
    return Measurement.of(abs(max(model.cut_ranks()) - (n * (k - 1) + fmpq(1))))


CLAIMS = (
    Claim(
        "fact-1.1-realization",
        "a model of cut rank <= d has an ISAN of dimension d with exactly its logits",
        "[P] Fact 1.1; [S] Theorem 4.3",
        "printed",
        any_models,
        realized,
        (Twin("last state coordinate dropped", realized_without_last_coordinate),),
        examples=200,
    ),
    Claim(
        "fact-1.1-dimension",
        "the realization's dimension is at most the largest cut rank (at least 1)",
        "[P] Fact 1.1; [S] Theorem 4.3",
        "printed",
        any_models,
        realized_dimension,
        (
            Twin(
                "dimension below the largest cut rank",
                lambda m: Measurement.of(
                    realized_dimension(m).measured, realized_dimension(m).bound - 1
                ),
            ),
        ),
        examples=150,
    ),
    Claim(
        "fact-1.1-converse",
        "an ISAN of dimension d has every cut of rank <= d",
        "[P] Fact 1.1; [S] Theorem 4.3",
        "printed",
        all_isans,
        isan_ranks,
        (Twin("cut rank <= d - 1", isan_ranks_below_dimension),),
    ),
    Claim(
        "plain-recursion",
        "exact oracle: the plain recursion on histories and futures of full rank is the target",
        "[P] Fact 1.1",
        "printed",
        all_isans,
        recursion,
        (Twin("oracle off by 1/1000", lambda m: recursion(m, fmpq(1, 1000))),),
        examples=100,
    ),
    Claim(
        "cut-ranks-polynomial",
        "reachable and observable spaces give the ranks of the whole logit matrices",
        "[P] Def 1.4",
        "sharpened",
        all_isans,
        polynomial_ranks,
        (Twin("reachable space ignored", observable_ranks),),
    ),
    Claim(
        "cut-ranks-families",
        "parity <= 1, Fourier <= terms, copy <= (s-1)(k-1)+1 then (2n-s+1)(k-1), spike 1, 0, 0, ..",
        "table of families",
        "sharpened",
        promised_ranks,
        family_ranks,
        (Twin("one less than promised", family_ranks_tightened),),
    ),
    Claim(
        "family-laws",
        "parities, Fourier-sparse labels, copies, Cauchy teachers, spikes: the logits of the table",
        "table of families",
        "sharpened",
        members,
        family_laws,
        (Twin("the opposite sign", lambda m: family_laws(m, turned=True)),),
        examples=200,
    ),
    Claim(
        "copy-peak",
        "the largest cut rank of a copy model is exactly n (k-1)",
        "table of families",
        "sharpened",
        lambda: copies(tokens=(1, 4)),
        copy_peak,
        (Twin("n (k-1) + 1", copy_peak_wrong),),
        statements=("copy-ranks",),
        examples=60,
    ),
)
