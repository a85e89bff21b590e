"""Surrogates of a model from the same calls: low-rank networks, n-grams and a distilled network.

For every budget, words are drawn through one ledger until it is spent, and every learner is fitted
to the laws along them.  Fresh words, drawn through a ledger of their own, say how good each is:

    KL per token = mean over words y and t < T of KL(target(. | y_{1:t}) || model(. | y_{1:t})),

where the inner divergence is computed from whole laws, not sampled.  The same mean of total
variations lies in [0, 1], so that the words bound its expectation with no assumption.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from flint import fmpq

from llr.baselines import ngrams
from llr.baselines.distillation import Distilled
from llr.errors import InputError
from llr.learning.certificate import mean_limit
from llr.learning.lean import LeanLearner, LeanSchedule
from llr.learning.learned import LearnedModel
from llr.learning.nested import NestedTable
from llr.learning.shared import Predictor, chosen_stems, fit_shared
from llr.learning.shared import divergence as mean_divergence
from llr.models.isan import Isan
from llr.models.network import Network
from llr.numbers import floats
from llr.numbers.arithmetic import FLOAT64
from llr.numbers.units import NAT
from llr.observing import Tell, untold
from llr.oracles.corpus import Corpus, corpus_of, draw, draw_within
from llr.oracles.ledger import Ledger
from llr.oracles.protocol import LogitOracle, model_oracle

SURROGATE = "low-rank network"
SOFT, HARD = "soft n-gram", "hard n-gram"
DISTILLED = "distilled GRU"
LEAN, RELAXED = "lean learner", "relaxed lean learner"

RISK = fmpq(1, 100)
"""That one of the bounds on next-token distances is wrong."""

CLEAR = 2
"""Standard errors by which a paired difference must lie below 0 to count."""

GRID = 1 << 10
"""Distances are rounded up to multiples of 1/GRID before they are bounded."""

CHUNK = 64
"""Words whose prefixes a model is asked for at once."""


@dataclass(frozen=True)
class Divergence:
    """KL per token on fresh words.

    Attributes:
        mean: in nats.
        error: its standard error; the words are independent.
        positions: the mean at each position t = 0..T-1.
        distance: the mean next-token total variation.
        distance_limit: a bound on its expectation, wrong with probability at most RISK.
        by_word: the KL per token on each distinct word.
    """

    mean: float
    error: float
    positions: tuple[float, ...]
    distance: float
    distance_limit: float
    by_word: tuple[float, ...] = field(repr=False)


@dataclass(frozen=True)
class Difference:
    """The KL per token of one stand-in less that of another, paired over the same words.

    Attributes:
        mean: in nats.
        error: its standard error; the words are independent.
    """

    mean: float
    error: float

    @property
    def below(self) -> bool:
        """Whether the first is better by more than ``CLEAR`` standard errors."""
        return self.mean < -CLEAR * self.error


@dataclass(frozen=True)
class Entry:
    """What one learner made of one budget.

    Attributes:
        learner: its name, and what it chose.
        rank: dimension of the network; None for others.
        budget: calls it was allowed; 0 for those that take what they need.
        calls: distinct prefixes that it asked, counted at the ledger.
        parameters: numbers that the model holds.
        seconds: of fitting, without the calls.
        words: fresh words that it was measured on.
        divergence: on those.
        model: the network or the relaxed programs, None for others.
    """

    learner: str
    rank: int | None
    budget: int
    calls: int
    parameters: int
    seconds: float
    words: int
    divergence: Divergence
    model: Isan | LearnedModel | None = field(repr=False)

    def as_json(self) -> dict[str, Any]:
        """Return all but the model as a JSON value."""
        return {
            "learner": self.learner,
            "rank": self.rank,
            "budget": self.budget,
            "calls": self.calls,
            "parameters": self.parameters,
            "seconds": round(self.seconds, 2),
            "kl": self.divergence.mean,
            "standard_error": self.divergence.error,
            "by_position": list(self.divergence.positions),
            "words": self.words,
            "next_token_tv": self.divergence.distance,
            "next_token_tv_limit": self.divergence.distance_limit,
        }


def divergence(logs: Sequence[floats.Array], corpus: Corpus) -> Divergence:
    """Return the KL per token from a corpus' laws to others.

    Args:
        logs: logarithms of the model's laws at the prefixes, layer by layer.
        corpus: at least two words.
    """
    counts = corpus.counts
    n = counts.sum()
    if n < 2:
        raise InputError("words", int(n), "at least 2")
    by_word, distances = np.zeros(len(counts)), np.zeros(len(counts))
    positions = []
    for layer, guess in zip(corpus.layers, logs, strict=True):
        law = np.exp(layer.logs)
        apart = (law * (layer.logs - guess)).sum(axis=1)[layer.places]
        positions.append(float(counts @ apart / n))
        by_word += apart / len(corpus.layers)
        gaps = np.abs(law - np.exp(guess)).sum(axis=1) / 2
        distances += gaps[layer.places] / len(corpus.layers)
    return Divergence(
        *_mean_and_error(by_word, counts),
        tuple(positions),
        float(counts @ distances / n),
        _limit(distances, counts),
        tuple(by_word.tolist()),
    )


def difference(one: Divergence, other: Divergence, fresh: Corpus) -> Difference:
    """Return one divergence less another, both measured on the same words."""
    return Difference(*_mean_and_error(np.subtract(one.by_word, other.by_word), fresh.counts))


def _mean_and_error(by_word: floats.Array, counts: floats.Array) -> tuple[float, float]:
    """Return the mean over independent words, given once each with counts, and its error."""
    n = counts.sum()
    mean = float(counts @ by_word / n)
    spread = float(counts @ (by_word - mean) ** 2 / (n - 1))
    return mean, float((spread / n) ** 0.5)


def _limit(distances: floats.Array, counts: floats.Array) -> float:
    """Return a bound on the mean of independent distances in [0, 1]."""
    steps = np.minimum(np.ceil(distances * GRID + 1e-6), GRID).astype(np.int64)
    values, places = np.unique(steps, return_inverse=True)
    many = np.bincount(places, counts).astype(np.int64)
    sums = {fmpq(v, GRID): n for v, n in zip(values.tolist(), many.tolist(), strict=True)}
    return float(mean_limit(sums, RISK))


class OfModel:
    """The predictions of a float64 model, through its own oracle."""

    def __init__(self, model: Isan | LearnedModel) -> None:
        self._model = model

    def logs(self, corpus: Corpus) -> list[floats.Array]:
        """Return the logarithms of next-token laws, layer by layer."""
        guesses = model_oracle(self._model, FLOAT64)
        k = corpus.alphabet_size
        found = [np.empty((len(layer.weights), k)) for layer in corpus.layers]
        for start in range(0, len(corpus.words), CHUNK):
            for t, layer in enumerate(corpus.layers):
                places = np.unique(layer.places[start : start + CHUNK])
                prefixes = [tuple(p) for p in layer.prefixes[places].tolist()]
                found[t][places] = floats.log_softmax(np.asarray(guesses.logits(prefixes)))
        return found


def measured_on(
    oracle: LogitOracle, alphabet_size: int, horizon: int, words: int, seed: int, stream: int = 1
) -> tuple[Corpus, int]:
    """Return fresh words to measure on, and the calls that they cost.

    Args:
        oracle: the target's, float64.
        alphabet_size, horizon: k and T.
        words: how many.
        seed: of all draws.
        stream: which of the seed's streams they come from; learners draw from 0, 2 and 3.
    """
    ledger = Ledger(oracle, alphabet_size, horizon, FLOAT64)
    drawn = draw(ledger, words, horizon, np.random.default_rng([seed, stream]))
    return corpus_of(drawn, ledger.block), ledger.counts.distinct_prefixes


def surrogates(
    oracle: LogitOracle,
    fresh: Corpus,
    *,
    budgets: Sequence[int],
    ranks: Sequence[int],
    seed: int,
    distill: bool = False,
    lean: Sequence[int] = (),
    few: Corpus | None = None,
    tell: Tell = untold,
) -> Iterator[Entry]:
    """Fit every learner at every budget and yield how good it is.

    Args:
        oracle: the target's, float64.
        fresh: words to measure on; they must not come from the same draws.
        budgets: distinct prefixes allowed.
        ranks: of the networks.
        seed: of all draws.
        distill: whether to train a GRU too; needs torch.
        lean: ranks of nested tables, one per cut, which take as many calls as they need.
        few: fresh words for the relaxed chain programs of the nested tables, a linear program for
            each prefix; None: those are left out.
        tell: told of every learner, and of the stages of the networks.
    """
    k, horizon = fresh.alphabet_size, len(fresh.layers)

    def entry(
        name: str,
        budget: int,
        ledger: Ledger,
        rank: int | None,
        fit: Callable[[], Any],
        judges: Corpus = fresh,
    ) -> Entry:
        tell(name if rank is None else f"{name} of rank {rank}", 0, 0)
        begun = time.perf_counter()
        found = fit()
        seconds = time.perf_counter() - begun
        model = found if isinstance(found, Isan | LearnedModel) else None
        predictor: Predictor = found if model is None else OfModel(model)
        return Entry(
            learner=f"{name}, {found.order}" if isinstance(found, ngrams.Ngram) else name,
            rank=rank,
            budget=budget,
            calls=ledger.counts.distinct_prefixes,
            parameters=found.parameters if model is None else _size(model),
            seconds=seconds,
            words=int(judges.counts.sum()),
            divergence=divergence(predictor.logs(judges), judges),
            model=model,
        )

    for budget in budgets:
        tell(f"words for {budget:,} calls", 0, 0)
        ledger = Ledger(oracle, k, horizon, FLOAT64)
        words = draw_within(ledger, budget, horizon, np.random.default_rng([seed, 0]))
        corpus = corpus_of(words, ledger.block)
        for name, soft in ((HARD, False), (SOFT, True)):

            def ngram(c=corpus, s=soft) -> ngrams.Ngram:  # type: ignore[no-untyped-def]
                return _best_ngram(c, s, seed, fresh)

            yield entry(name, budget, ledger, None, ngram)
        if distill:
            yield entry(DISTILLED, budget, ledger, None, lambda c=corpus: Distilled(c, seed))  # type: ignore[misc]
        for rank in ranks:
            stems = chosen_stems(k, rank)
            table, seen = ledger, corpus
            if len(stems) > 1:
                table = Ledger(oracle, k, horizon, FLOAT64)
                rng = np.random.default_rng([seed, 0])
                drawn = draw_within(table, budget // len(stems), horizon, rng)
                seen = corpus_of(drawn, table.block)

            def network(c=seen, r=rank, g=stems, a=table) -> Isan:  # type: ignore[no-untyped-def]
                rng = np.random.default_rng([seed, 2])

                def refining(stage: str, done: int, total: int) -> None:
                    tell(f"{SURROGATE} of rank {r}: {stage}", done, total)

                return fit_shared(c, r, rng, g, a, tell=refining).isan(horizon)

            yield entry(SURROGATE, budget, table, rank, network)
    for rank in lean:
        ledger = Ledger(oracle, k, horizon, FLOAT64)
        built: list[NestedTable] = []

        def nested(a=ledger, r=rank, b=built) -> Isan:  # type: ignore[no-untyped-def]
            found = _nested(a, k, horizon, r, seed, tell)
            b.append(found)
            return found.isan(NAT)

        yield entry(LEAN, 0, ledger, rank, nested)
        if few is not None:

            def relaxed(b=built) -> LearnedModel:  # type: ignore[no-untyped-def]
                return LearnedModel(b[0].table(), NAT, relaxed=True)

            yield entry(RELAXED, 0, ledger, rank, relaxed, few)


def rivals(network: Entry, entries: Sequence[Entry]) -> dict[str, Entry]:
    """Return what a low-rank network is compared with: others that fitted its budget."""
    same = [e for e in entries if e.budget == network.budget]
    return {name: e for name in (SOFT, DISTILLED) for e in same if e.learner.startswith(name)}


def drawn(entry: Entry, n: int, rng: np.random.Generator) -> floats.Array:
    """Return words from the model of an entry that has one."""
    model = entry.model
    assert model is not None
    if isinstance(model, Isan):
        return Network(model).words(n, rng)
    ledger = Ledger(model_oracle(model, FLOAT64), model.alphabet_size, model.horizon, FLOAT64)
    words = draw(ledger, n, model.horizon, rng)
    found = np.repeat(np.array(list(words)), list(words.values()), axis=0)
    return rng.permutation(found)


def _best_ngram(corpus: Corpus, soft: bool, seed: int, fresh: Corpus) -> ngrams.Ngram:
    """Return the n-gram model of the order that does best on the very words it is measured on.

    No other learner is given such an advantage.
    """
    most = ngrams.orders(corpus)
    whole = ngrams.Ngram(corpus, most, soft, np.random.default_rng(seed))
    found = [whole.of_order(n) for n in range(1, most + 1)]
    return min(found, key=lambda n: mean_divergence(n, fresh))


def _nested(ledger: Ledger, k: int, horizon: int, rank: int, seed: int, tell: Tell) -> NestedTable:
    """Return the lean learner's tables of limited rank; nothing is drawn to measure them."""
    schedule = LeanSchedule(
        threshold=0.5,
        slack=1e-9,
        least_slack=1e-9,
        boxed=False,
        validation_draws=lambda _: 0,
        max_epochs=1,
        rank=rank,
    )
    learner = LeanLearner(
        ledger,
        alphabet_size=k,
        horizon=horizon,
        unit=NAT,
        arithmetic=FLOAT64,
        schedule=schedule,
        rng=np.random.default_rng([seed, 3]),
        tell=tell,
    )
    for _ in learner.epochs():
        pass
    return learner.table


def _size(model: Isan | LearnedModel) -> int:
    """Return how many numbers a model holds, those that steps share once."""
    if isinstance(model, LearnedModel):
        return sum(len(cut.histories) * len(cut.columns) for cut in model.table.cuts)
    steps = {id(step): step for step in model.transitions}
    d, k = model.dimension, model.alphabet_size
    return d + len(steps) * k * d * d + len({id(b) for b in model.readouts}) * k * d
