"""Distillation: a small recurrent network (GRU) trained on whole next-token laws.

Needs torch (the extra ``llr[hf]``).  It sees the same calls as the other learners and is as free as
they are in what it makes of them: the mean KL(target || network) along the words is minimized for
as long as it falls on one word in eight of those asked, which are not trained on.  Where
that stops, training goes on from the best network at a smaller rate, and ends when the last rate
brings nothing more.

Source: G. Hinton, O. Vinyals and J. Dean, Distilling the knowledge in a neural network (2015).
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from llr.errors import InputError, ShownAs
from llr.numbers import floats
from llr.oracles.corpus import Corpus

EMBEDDED, WIDTH = 96, 192
BATCH, WARM_UP, CHECKED = 128, 20, 40
RATES = (4e-3, 1e-3, 2.5e-4)
HELD_OUT = 8

PATIENCE = 5
"""Checks without a better network after which a rate is given up."""

MOST_STEPS = 4_000
"""Nothing was seen to need as many."""


def check_available(argument: str, value: object) -> None:
    """Raise InputError unless torch is installed."""
    try:
        importlib.import_module("torch")
    except ImportError:
        shown = ShownAs(value) if isinstance(value, str) else value
        raise InputError(argument, shown, 'used with torch: pip install "llr[hf]"') from None


class Distilled:
    """A GRU distilled from drawn words and the laws along them.

    Args:
        corpus: the words.
        seed: of the first weights and of the order of the words.
        most_steps: of Adam, each on 128 words; fewer are taken if the words left out say so.

    Attributes:
        parameters: how many numbers the network holds.
        held_out: mean KL per token on the words left out.
        steps: taken.
    """

    def __init__(self, corpus: Corpus, seed: int, most_steps: int = MOST_STEPS) -> None:
        self._torch = importlib.import_module("torch")
        with self._one_thread():
            self._train(corpus, seed, most_steps)

    def _train(self, corpus: Corpus, seed: int, most_steps: int) -> None:
        torch = self._torch
        self._k = corpus.alphabet_size
        generator = torch.Generator().manual_seed(seed)
        fitted, left = corpus.split(HELD_OUT, np.random.default_rng(seed))
        self._weights = _first_weights(torch, self._k, generator)
        self.parameters = sum(w.numel() for w in self._weights)
        given = self._tensors(fitted)
        self.steps, self.held_out = 0, np.inf
        kept = self._copy()
        for rate in RATES:
            optimizer = torch.optim.Adam(self._weights, lr=rate)
            waited = since = 0
            while waited < PATIENCE and self.steps < most_steps:
                self.steps, since = self.steps + 1, since + 1
                optimizer.param_groups[0]["lr"] = rate * min(1.0, since / WARM_UP)
                self._step(optimizer, given, generator)
                if since % CHECKED and self.steps < most_steps:
                    continue
                found, waited = self._divergence(left), waited + 1
                if found < self.held_out:
                    self.held_out, kept, waited = found, self._copy(), 0
            with torch.no_grad():
                for weight, best in zip(self._weights, kept, strict=True):
                    weight.copy_(best)

    def logs(self, corpus: Corpus) -> list[floats.Array]:
        """Return the logarithms of the network's next-token laws at the prefixes, by layer."""
        torch = self._torch
        with self._one_thread(), torch.no_grad():
            rows = self._run(torch.from_numpy(corpus.words)).numpy().astype(float)
        found = []
        for t, layer in enumerate(corpus.layers):
            _, first = np.unique(layer.places, return_index=True)
            found.append(rows[first, t])
        return found

    def _step(self, optimizer: Any, given: tuple[Any, Any, Any], generator: Any) -> None:
        torch = self._torch
        words, laws, counts = given
        chosen = torch.multinomial(counts, BATCH, replacement=True, generator=generator)
        law = laws[chosen].exp()
        loss = (law * (laws[chosen] - self._run(words[chosen]))).sum(-1).mean()
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self._weights, 1.0)
        optimizer.step()

    @contextmanager
    def _one_thread(self) -> Iterator[None]:
        """Sums round otherwise with more threads; torch has one number of them for all."""
        before = self._torch.get_num_threads()
        self._torch.set_num_threads(1)
        try:
            yield
        finally:
            self._torch.set_num_threads(before)

    def _copy(self) -> list[Any]:
        return [w.detach().clone() for w in self._weights]

    def _divergence(self, corpus: Corpus) -> float:
        total = 0.0
        for layer, logs in zip(corpus.layers, self.logs(corpus), strict=True):
            total += float(layer.weights @ (np.exp(layer.logs) * (layer.logs - logs)).sum(axis=1))
        return total / float(corpus.counts.sum() * len(corpus.layers))

    def _tensors(self, corpus: Corpus) -> tuple[Any, Any, Any]:
        """Return words, the laws along them and their counts."""
        torch = self._torch
        laws = np.stack([x.logs[x.places].astype(np.float32) for x in corpus.layers], axis=1)
        counts = torch.from_numpy(corpus.counts)
        return torch.from_numpy(corpus.words), torch.from_numpy(laws), counts

    def _run(self, words: Any) -> Any:
        """Return the logarithms of the laws at the prefixes of words: n x T x k."""
        torch = self._torch
        embedding, inner, outer, shift, hidden_shift, readout, bias = self._weights
        start = torch.full_like(words[:, :1], self._k)
        before = torch.cat([start, words[:, :-1]], dim=1)
        given = embedding[before] @ inner + shift
        state = torch.zeros(len(words), WIDTH)
        states = []
        for t in range(words.shape[1]):
            reset, update, new = given[:, t].chunk(3, dim=1)
            back_reset, back_update, back_new = (state @ outer + hidden_shift).chunk(3, dim=1)
            gate = torch.sigmoid(update + back_update)
            fresh = torch.tanh(new + torch.sigmoid(reset + back_reset) * back_new)
            state = gate * state + (1 - gate) * fresh
            states.append(state)
        logits = torch.stack(states, dim=1) @ readout + bias
        return torch.log_softmax(logits, dim=-1)


def _first_weights(torch: Any, k: int, generator: Any) -> list[Any]:
    def normal(rows: int, columns: int) -> Any:
        drawn = torch.randn(rows, columns, generator=generator)
        return (drawn / rows**0.5).requires_grad_()

    def zeros(columns: int) -> Any:
        return torch.zeros(columns).requires_grad_()

    embedding = torch.randn(k + 1, EMBEDDED, generator=generator).requires_grad_()
    return [
        embedding,
        normal(EMBEDDED, 3 * WIDTH),
        normal(WIDTH, 3 * WIDTH),
        zeros(3 * WIDTH),
        zeros(3 * WIDTH),
        normal(WIDTH, k),
        zeros(k),
    ]
