"""ISANs as float64 arrays: many words at a time, as matrix products."""

from __future__ import annotations

import numpy as np

from llr.models.isan import Isan
from llr.numbers import floats
from llr.numbers.arithmetic import EXACT
from llr.numbers.units import NAT
from llr.observing import Tell, untold

BATCH = 1 << 14
"""Words whose next tokens are drawn together: each takes a matrix of its own."""


class Network:
    """The parameters of an ISAN in float64, rounded correctly; logits in nats.

    Sums run in a fixed order, so that a row of a result does not depend on the others.

    Args:
        model: exact or float64.

    Attributes:
        start: x_0, d numbers.
        steps: A[t], per step an array of k x d x d numbers.
        readouts: B[t], per token an array of k x d numbers.
    """

    def __init__(self, model: Isan) -> None:
        read = floats.from_rational if model.arithmetic is EXACT else floats.scaled
        rows = model.arithmetic.rows
        self.alphabet_size, self.horizon = model.alphabet_size, model.horizon
        self.start = np.array(read(model.initial_state, NAT))
        known: dict[int, floats.Array] = {}  # by id: steps that are one object are read once
        for step in model.transitions:
            if id(step) not in known:
                known[id(step)] = (
                    np.array([[read(row, NAT) for row in rows(m)] for m in step])
                    if model.arithmetic is EXACT
                    else np.array(step)
                )
        self.steps = [known[id(step)] for step in model.transitions]
        self.readouts = [
            np.array([read(row, model.unit) for row in rows(m)]) for m in model.readouts
        ]

    def step(self, t: int, states: floats.Array, tokens: floats.Array) -> floats.Array:
        """Return x_{t+1} = A[t+1][token] x_t, one row per word."""
        found: floats.Array = np.einsum("nij,nj->ni", self.steps[t][tokens], states)
        return found

    def read(self, t: int, states: floats.Array) -> floats.Array:
        """Return the logits of token t + 1 at x_t, one row per word."""
        found: floats.Array = np.einsum("kj,nj->nk", self.readouts[t], states)
        return found

    def words(self, n: int, rng: np.random.Generator, tell: Tell = untold) -> floats.Array:
        """Draw n independent words.

        A token is the number of cumulative probabilities that a uniform number reaches; they are
        computed in float64, so that the law is that of the model up to rounding (see the claim
        "batch-law").

        Args:
            n: >= 0.
            rng: gives n uniform numbers per token.
            tell: told how many tokens, of n T, are drawn.

        Returns:
            An n x T array of tokens.

        Complexity: O(n T d (d + k)), all in array operations.
        """
        states = np.tile(self.start, (n, 1))
        found = np.empty((n, self.horizon), dtype=np.int64)
        for t in range(self.horizon):
            drawn = rng.random(n)  # whole, so that batches change nothing
            for first in range(0, n, BATCH):
                tell("tokens", n * t + first, n * self.horizon)
                batch = slice(first, first + BATCH)
                laws = floats.softmax(self.read(t, states[batch]))
                reached = np.cumsum(laws[:, :-1], axis=1) <= drawn[batch, np.newaxis]
                tokens = reached.sum(axis=1)
                found[batch, t] = tokens
                if t + 1 < self.horizon:
                    states[batch] = self.step(t, states[batch], tokens)
        return found
