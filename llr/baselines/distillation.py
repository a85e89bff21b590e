"""Distillation: a small recurrent network (GRU) trained on whole next-token laws.

Needs torch (the extra ``llr[hf]``).  It sees the same calls as the other learners and is as free as
they are in what it makes of them: the mean KL(target || network) along the words is minimized, and
the network is kept that did best on one word in eight, which it was not trained on.

Source: G. Hinton, O. Vinyals and J. Dean, Distilling the knowledge in a neural network (2015).
"""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np

from llr.errors import InputError, ShownAs
from llr.numbers import floats
from llr.oracles.corpus import Corpus

EMBEDDED, WIDTH = 96, 192
STEPS, BATCH, RATE, WARM_UP, CHECKED = 400, 128, 4e-3, 20, 20
HELD_OUT = 8


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
        steps: of Adam, each on 128 words.

    Attributes:
        parameters: how many numbers the network holds.
        held_out: mean KL per token on the words left out.
    """

    def __init__(self, corpus: Corpus, seed: int, steps: int = STEPS) -> None:
        torch = self._torch = importlib.import_module("torch")
        self._k = corpus.alphabet_size
        generator = torch.Generator().manual_seed(seed)
        fitted, left = corpus.split(HELD_OUT, np.random.default_rng(seed))
        self._weights = _first_weights(torch, self._k, generator)
        self.parameters = sum(w.numel() for w in self._weights)
        words, laws, counts = self._tensors(fitted)
        optimizer = torch.optim.Adam(self._weights, lr=RATE)
        best, kept = np.inf, [w.detach().clone() for w in self._weights]
        for step in range(1, steps + 1):
            rate = min(1.0, step / WARM_UP) * (1 + np.cos(np.pi * step / steps)) / 2
            for group in optimizer.param_groups:
                group["lr"] = RATE * rate
            chosen = torch.multinomial(counts, BATCH, replacement=True, generator=generator)
            law = laws[chosen].exp()
            loss = (law * (laws[chosen] - self._run(words[chosen]))).sum(-1).mean()
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(self._weights, 1.0)
            optimizer.step()
            if step % CHECKED == 0 or step == steps:
                found = self._divergence(left)
                if found < best:
                    best, kept = found, [w.detach().clone() for w in self._weights]
        self._weights = kept
        self.held_out = best

    def logs(self, corpus: Corpus) -> list[floats.Array]:
        """Return the logarithms of the network's next-token laws at the prefixes, by layer."""
        torch = self._torch
        with torch.no_grad():
            rows = self._run(torch.from_numpy(corpus.words)).numpy().astype(float)
        found = []
        for t, layer in enumerate(corpus.layers):
            _, first = np.unique(layer.places, return_index=True)
            found.append(rows[first, t])
        return found

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
