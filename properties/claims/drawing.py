"""Claims about drawing: the token that a draw falls on, the words drawn through an oracle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, TypeAlias

import numpy as np
from flint import fmpq
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from llr.learning.lean import LeanLearner, LeanSchedule
from llr.models.base import Word, words
from llr.numbers.arithmetic import EXACT, FLOAT64
from llr.numbers.units import LN2
from llr.oracles.access import SampledOracle
from llr.oracles.ledger import Ledger
from llr.oracles.protocol import ModelOracle, model_oracle
from llr.oracles.sampling import ModelWords, OracleWords, RowWords, Thresholds, Words, split
from properties.claim import Claim, Measurement, Twin
from properties.claims.slips import SparseTarget, sparse_targets
from properties.strategies import seeds

# -- one token ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Draws:
    """A row of integer logits in units of ln 2, and 64-bit integers next to its thresholds."""

    row: tuple[int, ...]
    near: tuple[tuple[int, int], ...]


@st.composite
def draws(draw: DrawFn) -> Draws:
    """Return rows of 2 to 4 logits, and up to three draws at most 2 away from some threshold."""
    row = draw(st.lists(st.integers(0, 6), min_size=2, max_size=4).map(tuple))
    place = st.tuples(st.integers(0, len(row) - 2), st.integers(-2, 2))
    return Draws(row, tuple(draw(st.lists(place, min_size=1, max_size=3))))


Rows: TypeAlias = list[tuple[int, ...]]
"""Rows of as many logits each."""


def rows_of_logits() -> SearchStrategy[Rows]:
    """Return one to three rows of 2 to 4 logits."""

    def of(k: int) -> SearchStrategy[Rows]:
        row = st.lists(st.integers(0, 6), min_size=k, max_size=k).map(tuple)
        return st.lists(row, min_size=1, max_size=3)

    return st.integers(2, 4).flatmap(of)


class Scripted(np.random.Generator):
    """A generator whose 64-bit integers are written down beforehand."""

    def __init__(self, script: Sequence[int]) -> None:
        super().__init__(np.random.PCG64(0))
        self._script = iter(script)

    def integers(self, *args: Any, size: Any = None, **options: Any) -> Any:
        """Return the next integers of the script."""
        return np.array([next(self._script) for _ in range(size)], dtype=np.uint64)


def sampled(instance: Draws, late: int = 0) -> Measurement:
    """Count the draws that fall on the wrong token.

    Token a takes the integers from round(2^64 F(a - 1)) up to, not with, round(2^64 F(a)), F the
    cumulative probabilities.

    Args:
        instance: a row and draws.
        late: sabotage: every interval starts so much later.
    """
    weights = [2**x for x in instance.row]
    ends = []
    for a in range(1, len(weights)):
        share = Fraction(sum(weights[:a]), sum(weights))
        ends.append(int(share * (1 << 64) + Fraction(1, 2)) + late)
    script = [ends[j] + shift for j, shift in instance.near]
    expected = [0] * len(weights)
    for u in script:
        expected[sum(u >= end for end in ends)] += 1
    thresholds = Thresholds(LN2, EXACT)(EXACT.row([fmpq(x) for x in instance.row]))
    counts = split([len(script)], [thresholds], Scripted(script))[0]
    return Measurement.of(sum(x != y for x, y in zip(counts, expected, strict=True)))


# -- very many draws ----------------------------------------------------------------------------


class Laws(np.random.Generator):
    """A generator that notes the laws of multinomial counts and gives all draws to token 0."""

    def __init__(self) -> None:
        super().__init__(np.random.PCG64(0))
        self.laws: list[list[float]] = []

    def multinomial(self, n: Any, pvals: Any, size: Any = None) -> Any:
        """Note the law of every node."""
        self.laws += [list(map(float, law)) for law in pvals]
        return np.array([[many, *[0] * (len(law) - 1)] for many, law in zip(n, pvals, strict=True)])


def many_draws(rows: Rows, even: bool = False, part: fmpq = fmpq(1)) -> Measurement:
    """Measure how far the laws of more than 2^22 draws are off, against 2^-54 + 2^-64.

    Args:
        rows: of integer logits in units of ln 2, one per node.
        even: sabotage: expect every token equally often.
        part: tightens the bound.
    """
    thresholds = Thresholds(LN2, EXACT)
    rng = Laws()
    ends = [thresholds(EXACT.row([fmpq(x) for x in row])) for row in rows]
    split([1 << 22] * len(rows) + [1], [*ends, ends[0]], rng)
    off = fmpq(0 if len(rng.laws) == len(rows) + 1 else 1)
    for row, law in zip([*rows, rows[0]], rng.laws, strict=False):
        weights = [1 if even else 2**x for x in row]
        for w, p in zip(weights, law, strict=True):
            off = max(off, abs(fmpq(w, sum(weights)) - fmpq(*p.as_integer_ratio())))
    return Measurement.of(off, (fmpq(1, 2**54) + fmpq(1, 2**64)) * part)


# -- logits from samples ------------------------------------------------------------------------


@dataclass(frozen=True)
class Estimating:
    """A target, how many samples estimate its logits, at which temperature, and a seed."""

    target: SparseTarget
    samples: int
    temperature: int
    seed: int


def estimating() -> SearchStrategy[Estimating]:
    """Return targets of at most three tokens with up to 40 samples per prefix."""
    return st.builds(
        Estimating,
        sparse_targets(horizons=(1, 3)),
        st.integers(1, 40),
        st.integers(1, 3),
        seeds(),
    )


def fixed_answers(e: Estimating, other: int = 0) -> Measurement:
    """Count the prefixes where sampled logits are not what another such oracle has said.

    One is asked at all prefixes at once and then again, the other one by one and backwards.

    Args:
        e: the oracle.
        other: sabotage: added to the seed of the other one.
    """
    model = e.target.model
    asked = [p for t in range(model.horizon) for p in words(model.alphabet_size, t)]
    one, two = (
        SampledOracle(model, e.samples, seed, fmpq(e.temperature))
        for seed in (e.seed, e.seed + other)
    )
    first, again = one.logits(asked), one.logits(asked)
    singly = [two.logits([p])[0] for p in reversed(asked)][::-1]
    found = zip(first, again, singly, strict=True)
    return Measurement.of(sum(not x == y == z for x, y, z in found))


# -- whole words --------------------------------------------------------------------------------


@dataclass(frozen=True, repr=False)
class Drawing:
    """A target, and the 64-bit integers with which n words are drawn from it.

    Attributes:
        target: the true model.
        layers: per place of the words, n integers x that stand for 2^59 x + 2^50.
    """

    target: SparseTarget
    layers: tuple[tuple[int, ...], ...]

    def __repr__(self) -> str:
        return f"Drawing({self.target}, {self.layers})"


def _integer(x: int) -> int:
    return (x << 59) + (1 << 50)


@st.composite
def drawings(draw: DrawFn) -> Drawing:
    """Return one to four words of up to three tokens."""
    target = draw(sparse_targets(horizons=(1, 3), values=(1, -1, 2, 3)))
    n = draw(st.integers(1, 4))
    layer = st.lists(st.integers(0, 31), min_size=n, max_size=n).map(tuple)
    return Drawing(target, tuple(draw(layer) for _ in range(target.horizon)))


def walked(drawing: Drawing, *, blind: bool = False) -> Words:
    """Return the words that the integers stand for, by a plain walk.

    Args:
        drawing: the target and the integers.
        blind: sabotage: all tokens are equally likely.
    """
    known, k = dict(drawing.target.logits), drawing.target.alphabet_size
    found: list[Word] = [()] * len(drawing.layers[0])
    for layer in drawing.layers:
        longer = []
        for word, x in zip(sorted(found), layer, strict=True):
            weights = [Fraction(2) ** (0 if blind else known.get((word, a), 0)) for a in range(k)]
            place = Fraction(_integer(x), 1 << 64) * sum(weights)
            token = sum(place >= sum(weights[: a + 1]) for a in range(k))
            longer.append((*word, token))
        found = longer
    return {word: found.count(word) for word in sorted(found)}


def drawn_words(drawing: Drawing, *, blind: bool = False, repeats: int = 0) -> Measurement:
    """Count the sample oracles that draw other words than a plain walk, or ask for other prefixes.

    They are the model's own, the one through a logit oracle, the one in float64, and the lean
    learner's; all but the first ask for the proper prefixes of what they draw, each once.

    Args:
        drawing: the target and the integers.
        blind: sabotage: expect words of uniform tokens.
        repeats: sabotage: expect so many prefixes more.
    """
    model, n = drawing.target.model, len(drawing.layers[0])
    horizon, k = model.horizon, model.alphabet_size
    expected = walked(drawing, blind=blind)
    asked = len({w[:t] for w in expected for t in range(horizon)}) + repeats

    def script() -> Scripted:
        return Scripted([_integer(x) for layer in drawing.layers for x in layer])

    exact, rounded, lean = (
        Ledger(oracle, k, horizon, arithmetic)
        for oracle, arithmetic in (
            (ModelOracle(model), EXACT),
            (model_oracle(model, FLOAT64), FLOAT64),
            (ModelOracle(model), EXACT),
        )
    )
    learner = LeanLearner(
        lean,
        alphabet_size=k,
        horizon=horizon,
        unit=LN2,
        arithmetic=EXACT,
        schedule=LeanSchedule(fmpq(0), fmpq(0), fmpq(0), False, lambda attempt: n, 1),
        rng=script(),
    )
    found = [
        ModelWords(model).draw(n, horizon, script()),
        OracleWords(exact, LN2, EXACT).draw(n, horizon, script()),
        RowWords(rounded).draw(n, horizon, script()),
        learner.draw(n),
    ]
    wrong = sum(list(words.items()) != list(expected.items()) for words in found)
    wrong += sum(ledger.counts.calls != asked for ledger in (exact, rounded, lean))
    return Measurement.of(wrong)


CLAIMS = (
    Claim(
        "many-draws",
        "more than 2^22 draws are multinomial counts with each node's own law, nearest doubles",
        "sample oracle, correctly rounded",
        "sharpened",
        rows_of_logits,
        many_draws,
        (
            Twin("all tokens alike", lambda rows: many_draws(rows, even=True)),
            Twin("half of that", lambda rows: many_draws(rows, part=fmpq(1, 2))),
        ),
    ),
    Claim(
        "sampled-oracle",
        "logits estimated from samples are a fixed function of seed and prefix",
        "[P] Remark 5.8, Def 4.1",
        "sharpened",
        estimating,
        fixed_answers,
        (Twin("the next seed", lambda e: fixed_answers(e, 1)),),
        examples=60,
    ),
    Claim(
        "sampler",
        "a 64-bit draw falls on token a iff it lies between the rounded cumulative probabilities",
        "sample oracle, correctly rounded",
        "sharpened",
        draws,
        sampled,
        (Twin("intervals start one later", lambda i: sampled(i, 1)),),
    ),
    Claim(
        "drawn-words",
        "words drawn through an oracle are those of a plain walk; each proper prefix is asked once",
        "sample oracle, correctly rounded",
        "sharpened",
        drawings,
        drawn_words,
        (
            Twin("uniform tokens", lambda d: drawn_words(d, blind=True)),
            Twin("one prefix more", lambda d: drawn_words(d, repeats=1)),
        ),
    ),
)
