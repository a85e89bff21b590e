"""The shared learner: one table for all cuts, for targets whose logits move alike at every step.

All calls go to words drawn from the target, prefix by prefix.  From their rows come

- *coordinates*: a constant, then the leading singular directions of the rows, then, if the rank
  asked for leaves room, those of the rows one token before (a memory).  Where k - 1 columns cannot
  hold the rank, each prefix is also read on a few stems, as in :mod:`llr.learning.nested`;
- *transitions*: per token a, ridge regression of the coordinates of h.a on those of h.  Tokens
  share what is common: a is shrunk towards one linear map for all tokens with an offset for each,
  the more the rarer it is.  Words left out decide how much;
- the *readout*: the directions themselves.

Then all of it is refined together: gradient descent on the KL divergence along the words, through
all steps, so that errors that would add up over a word are seen.  The result is an ISAN with the
same matrices at every step.

Source: ours; [P] Fact 1.1 is the same construction for one cut with everything known.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice, product
from typing import Any, Protocol

import numpy as np

from llr.errors import InputError
from llr.learning.nested import OVERSAMPLING
from llr.models.base import Word, check_size
from llr.models.isan import Isan
from llr.numbers import floats
from llr.numbers.arithmetic import FLOAT64
from llr.numbers.units import NAT
from llr.observing import Tell, untold
from llr.oracles.corpus import Corpus, corpus_of, draw_within
from llr.oracles.ledger import Ledger

SHRINKAGES = (1e-9, 10.0, 30.0, 100.0)
"""How many words the common map counts for, against those that a token was seen in; one is
chosen.  Coordinates have unit variance, so that it is the same for all."""

HELD_OUT = 8
"""One word in so many chooses."""

NEGLIGIBLE = 1e-10
"""Directions whose squared singular value is below this part of the largest are rounding."""

EXACT_ENOUGH = 1e-10
"""In nats per token: a network that is as near as this to its own calls is not refined."""

ROUNDS = 8
"""How often offsets and the common map are fitted in turn."""

EPOCHS, PARTS, RATE, WARM_UP = 12, 8, 3e-3, 20
MEAN_DECAY, SQUARE_DECAY = 0.9, 0.99


@dataclass
class Recurrence:
    """A stationary ISAN as arrays.

    Attributes:
        start: x_0, r numbers, the first one 1.
        transitions: k x r x r.
        readout: k x r.
    """

    start: floats.Array
    transitions: floats.Array
    readout: floats.Array

    def isan(self, horizon: int) -> Isan:
        """Return the network of T steps; they share one array."""
        k = len(self.readout)
        step: Any = [np.array(m, dtype=float) for m in self.transitions]
        readout: Any = np.array(self.readout, dtype=float)
        start = [float(x) for x in self.start]
        return Isan(k, horizon, start, [step] * (horizon - 1), [readout] * horizon, NAT, FLOAT64)

    def logs(self, corpus: Corpus) -> list[floats.Array]:
        """Return the logarithms of the next-token laws at the prefixes, layer by layer."""
        groups = _by_token(corpus)
        return [floats.log_softmax(x @ self.readout.T) for x in self.states(corpus, groups)]

    def states(self, corpus: Corpus, groups: Sequence[_Groups]) -> list[floats.Array]:
        """Return the states at the prefixes, layer by layer."""
        found = [self.start[np.newaxis]]
        for layer, group in zip(corpus.layers[1:], groups, strict=True):
            before = found[-1][layer.parents[group.order]]
            moved = np.empty_like(before)
            for token, start, end in group.runs:
                moved[start:end] = before[start:end] @ self.transitions[token].T
            after = np.empty_like(moved)
            after[group.order] = moved
            found.append(after)
        return found


@dataclass(frozen=True)
class _Groups:
    """The prefixes of a layer in the order of their last tokens, and the runs of equal ones."""

    order: floats.Array
    runs: tuple[tuple[int, int, int], ...]


def learn_shared(
    ledger: Ledger,
    *,
    alphabet_size: int,
    horizon: int,
    rank: int,
    calls: int,
    rng: np.random.Generator,
    tell: Tell = untold,
) -> Isan:
    """Learn a stationary ISAN from at most ``calls`` distinct prefixes.

    Args:
        ledger: the logit oracle, float64; words are drawn through it.
        alphabet_size: k.
        horizon: T.
        rank: R, the dimension of the network, the constant included; at least 2.
        calls: the budget; at least T for each stem.
        rng: draws the words.
        tell: told of every step of the refinement.

    Raises:
        InputError: the rank needs stems longer than the horizon allows, or the budget is too small.
    """
    stems = checked_stems(alphabet_size, horizon, rank, calls)
    tell("words to learn from", 0, 0)
    words = draw_within(ledger, calls // len(stems), horizon, rng)
    corpus = corpus_of(words, ledger.block)
    return fit_shared(corpus, rank, rng, stems, ledger, tell=tell).isan(horizon)


def checked_stems(alphabet_size: int, horizon: int, rank: int, calls: int) -> list[Word]:
    """Return the stems that a rank calls for.

    Raises:
        InputError: as for :func:`learn_shared`.
    """
    check_size(rank, 2, "rank")
    stems = chosen_stems(alphabet_size, rank)
    check_stems(stems, horizon, rank, "rank")
    if calls < horizon * len(stems):
        raise InputError(
            "calls", calls, f"at least {horizon * len(stems)}, {horizon} for each stem"
        )
    return stems


def check_stems(stems: Sequence[Word], horizon: int, shown: object, argument: str) -> None:
    """Raise InputError, for the argument that shows this, if stems are longer than T allows."""
    if len(stems[-1]) > max(0, horizon - 2):
        raise InputError(argument, shown, f"small enough for stems within T = {horizon}")


def chosen_stems(alphabet_size: int, rank: int) -> list[Word]:
    """Return the stems that a rank calls for: the empty one, and more only where k < R.

    With all stems there are twice as many independent columns as directions.
    """
    many = 1
    if rank > alphabet_size:
        many = -(-OVERSAMPLING * (rank - 1) // (alphabet_size - 1))
    lengths: Iterator[Iterator[Word]] = (
        product(range(alphabet_size), repeat=n) for n in range(many)
    )
    return list(islice(chain.from_iterable(lengths), many))


def fit_shared(
    corpus: Corpus,
    rank: int,
    rng: np.random.Generator,
    stems: Sequence[Word] = ((),),
    ledger: Ledger | None = None,
    epochs: int = EPOCHS,
    tell: Tell = untold,
) -> Recurrence:
    """Fit a stationary ISAN to the laws along drawn words.

    Args:
        corpus: the words.
        rank: at most so many dimensions, the constant included.
        rng: chooses the words that decide about the shrinkage, and the order of refinement.
        stems: to read the prefixes on; the empty one first.
        ledger: asked for the rows on the other stems.
        epochs: of the refinement.
        tell: told of every step of it.
    """
    tell("first network", 0, 0)
    table = _Table(corpus, rank, stems, ledger)
    held = np.zeros(len(corpus.words), dtype=bool)
    held[rng.permutation(len(held))[: max(1, len(held) // HELD_OUT)]] = True
    statistics, judges = table.statistics(~held), corpus.take(np.flatnonzero(held))
    best = min(SHRINKAGES, key=lambda s: divergence(table.recurrence(statistics, s), judges))
    found = table.recurrence(table.statistics(np.ones_like(held)), best)
    if divergence(found, corpus) > EXACT_ENOUGH:
        found = refined(found, corpus, rng, epochs, tell)
    return found


class Predictor(Protocol):
    """Anything that predicts the next token at the prefixes of a corpus."""

    def logs(self, corpus: Corpus) -> list[floats.Array]:
        """Return the logarithms of next-token laws, layer by layer."""


def divergence(model: Predictor, corpus: Corpus) -> float:
    """Return the mean KL(target || model) per token along the words of a corpus, in nats."""
    total = 0.0
    with np.errstate(over="ignore", invalid="ignore"):
        for layer, logs in zip(corpus.layers, model.logs(corpus), strict=True):
            total += float(layer.weights @ (np.exp(layer.logs) * (layer.logs - logs)).sum(axis=1))
    mean = total / (corpus.counts.sum() * len(corpus.layers))
    return mean if np.isfinite(mean) else np.inf


class _Table:
    """Coordinates of all prefixes, and the pairs (h, h.a) that transitions are fitted to."""

    def __init__(
        self, corpus: Corpus, rank: int, stems: Sequence[Word], ledger: Ledger | None
    ) -> None:
        self._corpus = corpus
        self._k = corpus.alphabet_size
        self._layers = corpus.layers[: len(corpus.layers) - len(stems[-1])]
        sizes = [len(layer.weights) for layer in self._layers]
        first = np.concatenate([[0], np.cumsum(sizes)])
        later = list(enumerate(self._layers))[1:]
        none = [np.zeros(0, dtype=np.int64)]  # T = 1 has no pairs
        self._before = np.concatenate(none + [first[t - 1] + x.parents for t, x in later])
        tokens = np.concatenate(none + [x.last for _, x in later])
        logs = np.concatenate([layer.logs for layer in self._layers])
        weights = np.concatenate([layer.weights for layer in self._layers])
        likely = np.sqrt(weights @ np.exp(logs) / weights.sum())
        rows = np.concatenate([self._read(logs, stem, ledger) for stem in stems], axis=1)
        scale = np.tile(likely, len(stems))
        middle = weights @ rows / weights.sum()
        scores, directions = _directions((rows - middle) * scale, weights, rank - 1)
        self.readout = np.concatenate(
            [middle[:, np.newaxis], directions / scale[:, np.newaxis]], axis=1
        )[: self._k]
        present = np.concatenate([np.ones((len(rows), 1)), scores], axis=1)
        self._shown = present.shape[1]
        memory = np.zeros((len(rows), min(rank - self._shown, self._shown - 1)))
        memory[1:] = present[self._before, 1 : 1 + memory.shape[1]]
        self._coordinates = np.concatenate([present, memory], axis=1)
        self._order = np.argsort(tokens, kind="stable")
        self._runs = _runs(tokens[self._order])

    def statistics(self, words: floats.Array) -> tuple[floats.Array, floats.Array]:
        """Return, per token, the moments of the pairs that some of the words show.

        Args:
            words: which ones, as truth values.

        Returns:
            Sum of w x x' (k x r x r) and of w x z' (k x r x p) over pairs of coordinates x of h and
            z of h.a; of z only what rows show, p numbers.
        """
        counts = self._corpus.counts * words
        later = self._layers[1:]
        weights = np.zeros(1 + len(self._before))
        weights[1:] = np.concatenate(
            [weights[:0], *(np.bincount(x.places, counts, len(x.weights)) for x in later)]
        )
        r, shown = self._coordinates.shape[1], self._shown
        own, across = np.zeros((self._k, r, r)), np.zeros((self._k, r, shown))
        for token, start, end in self._runs:
            here = self._order[start:end]
            x, z = self._coordinates[self._before[here]], self._coordinates[1 + here, :shown]
            weighted = x.T * weights[1 + here]
            own[token], across[token] = weighted @ x, weighted @ z
        return own, across

    def recurrence(
        self, statistics: tuple[floats.Array, floats.Array], shrinkage: float
    ) -> Recurrence:
        """Return the network of the ridge regressions."""
        own, across = statistics
        r, shown = own.shape[1], self._shown
        common = _common(own, across, min(1.0, shrinkage), shrinkage)
        penalty = np.diag([min(1.0, shrinkage)] + [shrinkage] * (r - 1))
        change = np.linalg.solve(own + penalty, across - own @ common)
        transitions = np.zeros((self._k, r, r))
        transitions[:, :shown] = np.swapaxes(common + change, 1, 2)
        transitions[:, 0] = 0
        transitions[:, 0, 0] = 1
        for j in range(shown, r):
            transitions[:, j, 1 + j - shown] = 1
        readout = np.concatenate([self.readout, np.zeros((self._k, r - shown))], axis=1)
        return Recurrence(self._coordinates[0].copy(), transitions, readout)

    def _read(self, logs: floats.Array, stem: Word, ledger: Ledger | None) -> floats.Array:
        """Return the centred rows of all prefixes on a stem."""
        if stem:
            if ledger is None:
                raise InputError("ledger", ledger, "given, to ask for rows on stems")
            prefixes = [(*map(int, p), *stem) for layer in self._layers for p in layer.prefixes]
            logs = ledger.block(prefixes)
        found: floats.Array = logs - logs.mean(axis=1, keepdims=True)
        return found


def _directions(
    rows: floats.Array, weights: floats.Array, most: int
) -> tuple[floats.Array, floats.Array]:
    """Return scores of unit variance and the directions that they multiply, leading ones first."""
    moments = (rows.T * (weights / weights.sum())) @ rows
    values, vectors = np.linalg.eigh(moments)
    sizes = np.sqrt(np.maximum(values[::-1], 0))
    kept = min(most, int((sizes > NEGLIGIBLE**0.5 * sizes[0]).sum()))
    vectors = vectors[:, ::-1][:, :kept]
    return rows @ vectors / sizes[:kept], vectors * sizes[:kept]


def _common(
    own: floats.Array, across: floats.Array, offset: float, shrinkage: float
) -> floats.Array:
    """Return the map that tokens are shrunk to, k x r x p: one for all but for the offset.

    Offsets and the common part are fitted in turn; offsets are shrunk towards their mean.
    """
    counts, sums = own[:, 0, 0], own[:, 0, 1:]
    inner, targets = own[:, 1:, 1:].sum(axis=0), across[:, 1:].sum(axis=0)
    penalty = shrinkage * np.eye(len(inner))
    slopes = np.zeros_like(targets)
    for _ in range(ROUNDS):
        left = across[:, 0] - sums @ slopes
        mean = left.sum(axis=0) / max(1.0, counts.sum())
        offsets = (left + offset * mean) / (counts + offset)[:, np.newaxis]
        slopes = np.linalg.solve(inner + penalty, targets - sums.T @ offsets)
    found = np.empty_like(across)
    found[:, 0] = offsets
    found[:, 1:] = slopes
    return found


def refined(
    model: Recurrence,
    corpus: Corpus,
    rng: np.random.Generator,
    epochs: int = EPOCHS,
    tell: Tell = untold,
) -> Recurrence:
    """Return the network after gradient descent on KL(target || model) along the words.

    Adam in float32, on parts of the words, with a rate that rises for some steps and falls to
    nothing as a cosine.  The constant stays exactly 1.

    Args:
        model: where to begin.
        corpus: the words.
        rng: divides the words into parts and orders them.
        epochs: passes over all words.
        tell: told of every step.

    Source: D. Kingma and J. Ba, Adam: a method for stochastic optimization (2015).
    """
    order = rng.permutation(len(corpus.words))
    parts = [
        _single(corpus.take(np.sort(part)))
        for part in np.array_split(order, min(PARTS, len(order)))
    ]
    groups = [_by_token(part) for part in parts]
    values = [x.astype(np.float32) for x in (model.start, model.transitions, model.readout)]
    means = [np.zeros_like(x) for x in values]
    squares = [np.zeros_like(x) for x in values]
    steps = epochs * len(parts)
    for step in range(1, steps + 1):
        tell("refinement", step - 1, steps)
        if step % len(parts) == 1 % len(parts):
            turns = rng.permutation(len(parts))
        turn = turns[step % len(parts)]
        slopes = _gradient(Recurrence(*values), parts[turn], groups[turn])
        rate = RATE * min(1.0, step / WARM_UP) * (1 + math.cos(math.pi * step / steps)) / 2
        fresh = (1 - MEAN_DECAY**step, 1 - SQUARE_DECAY**step)
        for value, slope, mean, square in zip(values, slopes, means, squares, strict=True):
            mean += (1 - MEAN_DECAY) * (slope - mean)
            square += (1 - SQUARE_DECAY) * (slope * slope - square)
            value -= rate * (mean / fresh[0]) / (np.sqrt(square / fresh[1]) + 1e-8)
    return Recurrence(*(x.astype(float) for x in values))


def _gradient(
    model: Recurrence, corpus: Corpus, groups: Sequence[_Groups]
) -> tuple[floats.Array, floats.Array, floats.Array]:
    """Return the derivatives of the mean KL by start, transitions and readout."""
    states = model.states(corpus, groups)
    every = corpus.counts.sum() * len(states)
    transitions = np.zeros_like(model.transitions)
    readout = np.zeros_like(model.readout)
    back = np.zeros_like(states[-1])
    for t in range(len(states) - 1, -1, -1):
        layer, x = corpus.layers[t], states[t]
        apart = floats.softmax(x @ model.readout.T) - np.exp(layer.logs)
        apart *= (layer.weights / every).astype(x.dtype)[:, np.newaxis]
        readout += apart.T @ x
        slope = back + apart @ model.readout
        if t == 0:
            break
        group = groups[t - 1]
        parents = layer.parents[group.order]
        before, after = states[t - 1][parents], slope[group.order]
        moved = np.empty_like(after)
        for token, start, end in group.runs:
            transitions[token] += after[start:end].T @ before[start:end]
            moved[start:end] = after[start:end] @ model.transitions[token]
        spread = np.empty_like(moved)
        spread[group.order] = moved
        firsts = np.searchsorted(layer.parents, np.arange(len(states[t - 1])))
        back = np.add.reduceat(spread, firsts, axis=0)
    transitions[:, 0] = 0
    first = slope[0].copy()
    first[0] = 0
    return first, transitions, readout


def _single(corpus: Corpus) -> Corpus:
    """Return the corpus with its laws in float32."""
    layers = tuple(replace(x, logs=x.logs.astype(np.float32)) for x in corpus.layers)
    return replace(corpus, layers=layers)


def _by_token(corpus: Corpus) -> list[_Groups]:
    found = []
    for layer in corpus.layers[1:]:
        order = np.argsort(layer.last, kind="stable")
        found.append(_Groups(order, _runs(layer.last[order])))
    return found


def _runs(tokens: floats.Array) -> tuple[tuple[int, int, int], ...]:
    """Return (token, start, end) for each run of equal tokens."""
    found, starts = np.unique(tokens, return_index=True)
    ends = np.append(starts, len(tokens))[1:]
    return tuple(zip(found.tolist(), starts.tolist(), ends.tolist(), strict=True))
