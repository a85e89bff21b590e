"""End-to-end procedures and their guarantees: Remarks 5.8, 5.9, Cor. 5.15, Theorem 5.14."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from flint import fmpq

from bounds.access import least_probability, samples_for_logits, samples_with_temperature
from bounds.boolean import function_error, label_error
from llr.analysis.distance import total_variation
from llr.errors import InputError
from llr.learning.api import learn
from llr.models.base import LanguageModel, TabulatedModel, Word, words
from llr.numbers.balls import Real
from llr.numbers.rational import RationalRow, rational
from llr.oracles.access import GRID_BITS, SampledOracle
from llr.oracles.ledger import Counts
from properties.scenarios import probability_of
from properties.theorem import largest_logit

# -- Remarks 5.8 and 5.9 ------------------------------------------------------------------------


@dataclass(frozen=True)
class Access:
    """A logit oracle made of samples, and what it promises.

    Attributes:
        oracle: answers in nats.
        xi: each answer is within xi nats of the truth, except with probability zeta.
        zeta: per prefix.
        samples: what a prefix costs.
        temperature: tau.
    """

    oracle: SampledOracle
    xi: fmpq
    zeta: fmpq
    samples: int
    temperature: fmpq


def sampling_access(model: LanguageModel, *, xi: fmpq, zeta: fmpq, seed: int = 0) -> Access:
    """Return Remark 5.8's oracle: plain conditional samples, exponentially many in the logits.

    Args:
        model: an exact model, small enough to enumerate its largest logit.
        xi: wanted error in nats, in (0, 1].
        zeta: allowed probability of failure per prefix, in (0, 1).
        seed: of the samples.
    """
    lam = largest_logit(model)
    gamma = least_probability(lam, model.alphabet_size)
    inner = xi - fmpq(1, 1 << (GRID_BITS - 1))
    m = samples_for_logits(model.alphabet_size, gamma, inner, zeta)
    return Access(SampledOracle(model, m, seed), xi, zeta, m, fmpq(1))


def temperature_access(model: LanguageModel, *, xi: fmpq, zeta: fmpq, seed: int = 0) -> Access:
    """Return Remark 5.9's oracle: samples at a temperature, polynomially many in the logits.

    Args: as :func:`sampling_access`, with any xi > 0.
    """
    lam = largest_logit(model)
    tau, _ = samples_with_temperature(model.alphabet_size, lam, xi, zeta)
    assert tau.exact is not None
    inner = xi - tau.exact * fmpq(1, 1 << (GRID_BITS - 1))
    _, m = samples_with_temperature(model.alphabet_size, lam, inner, zeta)
    return Access(SampledOracle(model, m, seed, tau.exact), xi, zeta, m, tau.exact)


# -- Corollary 5.15 -----------------------------------------------------------------------------


class BooleanOracle:
    """The logit oracle of x uniform, then a label with P(1 | x) = sigma(2 f(x)).

    Attributes:
        queries: values of f asked for.
    """

    def __init__(self, bits: int, f: Callable[[Word], fmpq]) -> None:
        self._bits, self._f = bits, f
        self.queries = 0

    def logits(self, prefixes: Sequence[Word]) -> list[RationalRow]:
        """Return (0, 0) at input positions and (-f(x), f(x)) at x."""
        return [self._row(p) for p in prefixes]

    def _row(self, prefix: Word) -> RationalRow:
        if len(prefix) < self._bits:
            return (fmpq(0), fmpq(0))
        self.queries += 1
        value = self._f(prefix)
        return (-value, value)


def fourier_transform(bits: int, f: Callable[[Word], fmpq]) -> dict[Word, fmpq]:
    """Return fhat(S) = E_x f(x) (-1)^{sum_{i in S} x_i}, zero coefficients left out.

    Complexity: O(n 2^n) rational operations.
    """
    table = [f(x) for x in words(2, bits)]
    for i in range(bits):
        stride = 1 << (bits - 1 - i)
        for start in range(0, len(table), 2 * stride):
            for j in range(start, start + stride):
                a, b = table[j], table[j + stride]
                table[j], table[j + stride] = (a + b) / 2, (a - b) / 2
    return {s: c for s, c in zip(words(2, bits), table, strict=True) if c != 0}


@dataclass(frozen=True)
class BooleanRun:
    """Corollary 5.15, run.

    Attributes:
        coefficients: the Fourier coefficients of the learned function.
        truth: those of f.
        error: E_x |f(x) - fhat(x)| over uniform x, fhat clipped to [-1, 1].
        guarantee: the corollary's bound on it, from the measured TV.
        queries: values of f asked for.
        counts: oracle counts.
    """

    coefficients: dict[Word, fmpq]
    truth: dict[Word, fmpq]
    error: fmpq
    guarantee: Real
    queries: int
    counts: Counts


def learn_boolean(
    bits: int,
    f: Callable[[Word], fmpq],
    *,
    epsilon: object = "0.01",
    delta: object = "0.01",
    seed: int = 0,
    algorithm: str = "printed",
) -> BooleanRun:
    """Learn f: {0,1}^n -> [-1, 1] from queries by learning a language model, and transform it.

    Args:
        bits: n >= 1, small enough to enumerate.
        f: rational values in [-1, 1].
        epsilon, delta, seed, algorithm: of the learner.

    Raises:
        InputError: f leaves [-1, 1].

    Source: [P] Corollary 5.15.
    """
    for x in words(2, bits):
        if abs(f(x)) > 1:
            raise InputError(f"f{x}", f(x), "a rational in [-1, 1]")
    oracle = BooleanOracle(bits, f)
    result = learn(
        oracle,
        alphabet_size=2,
        horizon=bits + 1,
        epsilon=epsilon,
        delta=delta,
        seed=seed,
        algorithm=algorithm,
    )

    def learned(x: Word) -> fmpq:
        value = rational(result.model.logits(x)[1])
        return max(min(value, fmpq(1)), fmpq(-1))

    queries = oracle.queries
    truth = TabulatedModel(
        2,
        bits + 1,
        {
            p: [0, 0] if length < bits else [-f(p), f(p)]
            for length in range(bits + 1)
            for p in words(2, length)
        },
    )
    apart = total_variation(truth, result.model).value
    assert apart is not None
    error = sum((abs(f(x) - learned(x)) for x in words(2, bits)), fmpq(0)) / (1 << bits)
    return BooleanRun(
        coefficients=fourier_transform(bits, learned),
        truth=fourier_transform(bits, f),
        error=error,
        guarantee=function_error(label_error(apart)),
        queries=queries,
        counts=result.counts,
    )


# -- Theorem 5.14 -------------------------------------------------------------------------------


class SpanLaws:
    """The laws of spans of tokens of a model's words, by enumeration.

    Args:
        model: its words have rational probabilities.

    Attributes:
        words: the probability of each word.
    """

    def __init__(self, model: LanguageModel) -> None:
        self.model = model
        every = words(model.alphabet_size, model.horizon)
        self.words = {w: _probability(model, w) for w in every}
        self._spans: dict[tuple[int, int], dict[Word, fmpq]] = {}

    def span(self, start: int, stop: int) -> dict[Word, fmpq]:
        """Return the law of tokens start..stop-1 (from 0) of a word."""
        if (start, stop) not in self._spans:
            found: dict[Word, fmpq] = {}
            for word, p in self.words.items():
                found[word[start:stop]] = found.get(word[start:stop], fmpq(0)) + p
            self._spans[start, stop] = found
        return self._spans[start, stop]

    def mass(self, s: int, entry: Word) -> fmpq:
        """Return the probability of an entry's first s-1 and last tokens but one, s+1..t-1.

        They come from two independent words; tokens s and t, which are uniform, do not count.
        """
        t = len(entry)
        return self.span(0, s - 1)[entry[: s - 1]] * self.span(s, t - 1)[entry[s : t - 1]]


Errors = Mapping[tuple[int, Word], fmpq]
"""(s, h.f) -> |L(h.f) - Lbar_s(h, f)| for |h| = s and s < |h.f| <= T; 0 where not listed."""


def mean_error(laws: SpanLaws, errors: Errors) -> fmpq:
    """Return eps_avg, the largest mean of Def 1.6 over s and t.

    Args:
        laws: of the model whose words are drawn.
        errors: of the matrices Lbar_s.

    Source: [P] Def 1.6.
    """
    k = laws.model.alphabet_size
    means: dict[tuple[int, int], fmpq] = {}
    for (s, entry), error in errors.items():
        place = s, len(entry)
        means[place] = means.get(place, fmpq(0)) + laws.mass(s, entry) * error / (k * k)
    return max(means.values(), default=fmpq(0))


def _probability(model: LanguageModel, word: Word) -> fmpq:
    """Return the probability of a word, which must be rational."""
    found = probability_of(model, word).exact
    if found is None:
        raise InputError("model", model, "a model with rational word probabilities")
    return found
