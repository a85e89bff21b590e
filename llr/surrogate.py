"""Surrogates of a model from the same calls: low-rank networks, n-grams and a distilled network.

For every budget, words are drawn through one ledger until it is spent, and every learner is fitted
to the laws along them.  Fresh words, drawn through a ledger of their own, say how good each is:

    KL per token = mean over words y and t < T of KL(target(. | y_{1:t}) || model(. | y_{1:t})),

where the inner divergence is computed from whole laws, not sampled.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from llr.baselines.distillation import Distilled
from llr.baselines.ngrams import best_ngram
from llr.errors import InputError
from llr.learning.lean import LeanLearner, LeanSchedule
from llr.learning.shared import chosen_stems, fit_shared
from llr.models.isan import Isan
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
LEAN = "lean learner"

CHUNK = 64
"""Words whose prefixes a model is asked for at once."""


class Predictor(Protocol):
    """Anything that predicts the next token at the prefixes of a corpus."""

    def logs(self, corpus: Corpus) -> list[floats.Array]:
        """Return the logarithms of next-token laws, layer by layer."""


@dataclass(frozen=True)
class Divergence:
    """KL per token on fresh words.

    Attributes:
        mean: in nats.
        error: its standard error; the words are independent.
        positions: the mean at each position t = 0..T-1.
    """

    mean: float
    error: float
    positions: tuple[float, ...]


@dataclass(frozen=True)
class Entry:
    """What one learner made of one budget.

    Attributes:
        learner: its name, and what it chose.
        rank: dimension of the network; None for others.
        budget: calls it was allowed.
        calls: distinct prefixes that it asked, counted at the ledger.
        parameters: numbers that the model holds.
        seconds: of fitting, without the calls.
        divergence: on fresh words.
        model: the network, None for others.
    """

    learner: str
    rank: int | None
    budget: int
    calls: int
    parameters: int
    seconds: float
    divergence: Divergence
    model: Isan | None = field(repr=False)

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
    by_word = np.zeros(len(counts))
    positions = []
    for layer, guess in zip(corpus.layers, logs, strict=True):
        apart = (np.exp(layer.logs) * (layer.logs - guess)).sum(axis=1)[layer.places]
        positions.append(float(counts @ apart / n))
        by_word += apart / len(corpus.layers)
    mean = float(counts @ by_word / n)
    spread = float(counts @ (by_word - mean) ** 2 / (n - 1))
    return Divergence(mean, (spread / n) ** 0.5, tuple(positions))


class OfModel:
    """The predictions of a float64 network, through its own oracle."""

    def __init__(self, model: Isan) -> None:
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
    oracle: LogitOracle, alphabet_size: int, horizon: int, words: int, seed: int
) -> tuple[Corpus, int]:
    """Return fresh words to measure on, and the calls that they cost."""
    ledger = Ledger(oracle, alphabet_size, horizon, FLOAT64)
    drawn = draw(ledger, words, horizon, np.random.default_rng([seed, 1]))
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
        tell: told of every learner, and of the stages of the networks.
    """
    k, horizon = fresh.alphabet_size, len(fresh.layers)

    def entry(
        name: str, budget: int, ledger: Ledger, rank: int | None, fit: Callable[[], Any]
    ) -> Entry:
        tell(name if rank is None else f"{name} of rank {rank}", 0, 0)
        begun = time.perf_counter()
        found = fit()
        seconds = time.perf_counter() - begun
        model = found if isinstance(found, Isan) else None
        predictor: Predictor = found if model is None else OfModel(model)
        return Entry(
            learner=name if model is not None or name == DISTILLED else f"{name}, {found.order}",
            rank=rank,
            budget=budget,
            calls=ledger.counts.distinct_prefixes,
            parameters=found.parameters if model is None else _size(model),
            seconds=seconds,
            divergence=divergence(predictor.logs(fresh), fresh),
            model=model,
        )

    for budget in budgets:
        tell(f"words for {budget:,} calls", 0, 0)
        ledger = Ledger(oracle, k, horizon, FLOAT64)
        words = draw_within(ledger, budget, horizon, np.random.default_rng([seed, 0]))
        corpus = corpus_of(words, ledger.block)
        yield entry(HARD, budget, ledger, None, lambda c=corpus: best_ngram(c, False, seed))  # type: ignore[misc]
        yield entry(SOFT, budget, ledger, None, lambda c=corpus: best_ngram(c, True, seed))  # type: ignore[misc]
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
        table = Ledger(oracle, k, horizon, FLOAT64)

        def nested(a=table, r=rank) -> Isan:  # type: ignore[no-untyped-def]
            return _nested(a, k, horizon, r, seed, tell)

        yield entry(LEAN, 0, table, rank, nested)


def _nested(ledger: Ledger, k: int, horizon: int, rank: int, seed: int, tell: Tell) -> Isan:
    """Return the network of nested tables of limited rank; nothing is drawn to measure it."""
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
    return learner.table.isan(NAT)


def _size(model: Isan) -> int:
    """Return how many numbers a network holds, those that steps share once."""
    steps = {id(step): step for step in model.transitions}
    d, k = model.dimension, model.alphabet_size
    return d + len(steps) * k * d * d + len({id(b) for b in model.readouts}) * k * d
