"""Real language models: any source of next-token logits as a model of horizon T on k tokens.

A *source* answers sequences of its own token ids with logits over its own vocabulary.  A
:class:`RealModel` puts the source's start tokens and a fixed prompt before every prefix and keeps k
of its tokens, renormalised: softmax over the kept columns.  Kept tokens are numbered 0..k-1, most
frequent first where they were chosen by frequency.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from typing import Any, Protocol, TypeAlias

import numpy as np

from llr.errors import InputError, ShownAs, shorten
from llr.models.base import LanguageModel, State, Word, check_size
from llr.numbers import floats
from llr.numbers.arithmetic import FLOAT64, Row
from llr.numbers.units import NAT
from llr.oracles.ledger import centred_answers
from llr.oracles.protocol import LogitOracle
from llr.oracles.sampling import RowThresholds, grown, split

SURVEYED = 256
"""Words drawn to see which tokens are frequent."""

MOST_KEPT = 1 << 26
"""So many logits of these words, of the shortest prefixes first, wait until tokens are chosen."""


class Source(Protocol):
    """A language model over its own vocabulary.

    Attributes:
        vocabulary_size: V; token ids are 0..V-1.
        start: ids that come before every text (a start-of-text token, or nothing).
        identity: what it is, as a JSON value without secrets: two sources with the same identity
            give the same answers.
        reproducible: how far two answers to the same question may differ, in nats.
    """

    vocabulary_size: int
    start: Word
    identity: Mapping[str, Any]
    reproducible: float

    def logits(
        self, sequences: Sequence[Word], tokens: Sequence[int] | None = None
    ) -> floats.Array:
        """Return one row of logits, or of log-probabilities, per sequence.

        Args:
            sequences: of ids, start tokens included.
            tokens: the ids whose columns are wanted, in that order; None: all V.
        """

    def encode(self, text: str) -> Word:
        """Return the ids of a text, without start tokens."""

    def decode(self, tokens: Sequence[int]) -> str:
        """Return the text of ids."""


Wrap: TypeAlias = Callable[[LogitOracle, Mapping[str, Any]], LogitOracle]
"""Puts something between an oracle and whoever asks it; told what the oracle is."""


class Restricted:
    """A source seen through a prompt and some of its tokens: a logit oracle.

    Args:
        source: who answers.
        tokens: ids kept; token i of this oracle is ``tokens[i]``.
        prompt: ids that come between the start tokens and every prefix.
    """

    def __init__(self, source: Source, tokens: Sequence[int], prompt: Word) -> None:
        self._source = source
        self._tokens = tuple(tokens)
        self._before = (*source.start, *prompt)
        self._all = self._tokens == tuple(range(source.vocabulary_size))
        self.reproducible = source.reproducible
        self.at_once = getattr(source, "at_once", None)
        self.identity = {
            "source": dict(source.identity),
            "start": list(source.start),
            "prompt": list(prompt),
            "tokens": "all" if self._all else list(self._tokens),
        }

    def logits(self, prefixes: Sequence[Word]) -> Any:
        """Return the logits of the kept tokens at each prefix, in nats."""
        sequences = [self._before + tuple(self._tokens[a] for a in p) for p in prefixes]
        return self._source.logits(sequences, None if self._all else self._tokens)


class Surveyed:
    """An oracle some of whose answers are known from the survey: those are not asked again.

    Args:
        oracle: who answers the rest.
        rows: logits of the kept tokens at prefixes of kept tokens.
    """

    def __init__(self, oracle: LogitOracle, rows: Mapping[Word, floats.Array]) -> None:
        self._oracle, self._rows = oracle, rows
        self.reproducible = getattr(oracle, "reproducible", 0)

    def logits(self, prefixes: Sequence[Word]) -> Any:
        """Return the oracle's answers, at known prefixes those of the survey."""
        new = [p for p in prefixes if p not in self._rows]
        answers = self._oracle.logits(new) if new else ()
        if len(new) == len(prefixes) or len(answers) != len(new):
            return answers  # as it is: whoever asked checks it
        rest = iter(answers)
        return np.array([self._rows[p] if p in self._rows else next(rest) for p in prefixes])

    def fresh(self, prefixes: Sequence[Word]) -> Any:
        """Return answers past whatever remembers them."""
        return getattr(self._oracle, "fresh", self._oracle.logits)(prefixes)


class RealModel(LanguageModel):
    """A real model with a horizon, a prompt and k of its tokens.

    Args:
        source: who answers.
        horizon: T.
        alphabet_size: k: the k tokens that are most frequent in words that the source itself
            writes after the prompt are kept; None: all V.
        tokens: the ids to keep, in place of a number.
        prompt: ids that come before every word.

    Attributes:
        source: the source.
        prompt: the ids of the prompt.
        surveyed: how many prefixes were asked to choose the tokens.

    Raises:
        InputError: a size or an id is out of range.
    """

    arithmetic = FLOAT64
    unit = NAT

    def __init__(
        self,
        source: Source,
        horizon: int,
        alphabet_size: int | None = None,
        tokens: Sequence[int] | None = None,
        prompt: Word = (),
    ) -> None:
        self.source = source
        self.horizon = check_size(horizon, 1, "horizon")
        v = source.vocabulary_size
        if tokens is not None and alphabet_size is not None:
            raise InputError("alphabet_size", alphabet_size, "left out where tokens are given")
        self._tokens = None if tokens is None else check_tokens(tokens, v)
        if self._tokens is None and alphabet_size in (None, v):
            self._tokens = tuple(range(v))
        size = alphabet_size if self._tokens is None else len(self._tokens)
        self.alphabet_size = check_size(size, 2, "alphabet_size")
        if self.alphabet_size > v:
            raise InputError("alphabet_size", size, f"at most {v}, the vocabulary's size")
        self.prompt = prompt
        self.surveyed = 0
        self._wrap: Wrap = _as_it_is
        self._oracle: LogitOracle | None = None
        self._rows: dict[Word, floats.Array] = {}

    def through(self, wrap: Wrap) -> None:
        """Let every question pass through a wrapper, those about frequent tokens included.

        Must be called before anything is asked.
        """
        self._wrap = wrap

    @property
    def reproducible(self) -> float:
        """How far two answers to the same question may differ, in nats."""
        return self.source.reproducible

    @property
    def tokens(self) -> Word:
        """The ids kept; asks the source if they have to be chosen by frequency."""
        if self._tokens is None:
            self._tokens = self._survey()
        return self._tokens

    @property
    def oracle(self) -> LogitOracle:
        """The logit oracle of this model."""
        if self._oracle is None:
            wrapped = self._wrapped(self.tokens)  # which fills the rows, if there is a survey
            self._oracle = Surveyed(wrapped, self._rows) if self._rows else wrapped
        return self._oracle

    def start(self) -> State:
        """Return the empty prefix."""
        return ()

    def step(self, state: State, token: int) -> State:
        """Return the prefix with one more token."""
        return (*state, token)

    def read(self, state: State) -> Row:
        """Return the centred logits of the kept tokens; one call."""
        return FLOAT64.centred([float(x) for x in self.oracle.logits([state])[0]])

    def text(self, word: Sequence[int]) -> str:
        """Return what a word of kept tokens spells."""
        return self.source.decode([self.tokens[a] for a in word])

    def word(self, text: str) -> Word:
        """Return the kept tokens that spell a text.

        Raises:
            InputError: a token of the text is not kept.
        """
        place = {token: a for a, token in enumerate(self.tokens)}
        found = self.source.encode(text)
        for token in found:
            if token not in place:
                shown = self.source.decode([token])
                raise InputError("text", text, f"made of kept tokens ({shown!r} is not)")
        return tuple(place[token] for token in found)

    def description(self) -> dict[str, Any]:
        """Return what this model is, as a JSON value."""
        return {
            **Restricted(self.source, self.tokens, self.prompt).identity,
            "horizon": self.horizon,
            "alphabet_size": self.alphabet_size,
            "vocabulary_size": self.source.vocabulary_size,
            "surveyed": self.surveyed,
            "tokenizer_size": self._tokenizer_size,
        }

    def summary(self) -> str:
        """Return in words to what the source is restricted."""
        k, v, t = self.alphabet_size, self.source.vocabulary_size, self.horizon
        kept = f"all {v:,} tokens" if k == v else f"{k:,} of {v:,} tokens, renormalised"
        known = self._tokenizer_size
        if known is not None and known < v:
            kept += f" (the tokenizer knows {known:,})"
        before = "after no prompt"
        if self.prompt:
            before = f"after a prompt of {len(self.prompt):,} tokens"
            if known is not None:
                before += f", {shorten(self.source.decode(self.prompt))}"
        return f"a real model restricted to {kept}; T = {t:,}, {before}"

    @property
    def _tokenizer_size(self) -> int | None:
        """How many ids the source's tokenizer knows, if the source says so."""
        found: int | None = getattr(self.source, "tokenizer_size", None)
        return found

    def _wrapped(self, tokens: Word) -> LogitOracle:
        plain = Restricted(self.source, tokens, self.prompt)
        return self._wrap(plain, plain.identity)

    def _survey(self) -> Word:
        """Return the k tokens that are most frequent in words drawn, by their probabilities.

        Every word counts at each of its T places; prefixes that words share are asked once.  What
        was answered at prefixes of kept tokens is kept for the oracle.
        """
        v = self.source.vocabulary_size
        oracle = self._wrapped(tuple(range(v)))
        thresholds, rng = RowThresholds(NAT, FLOAT64), np.random.default_rng(0)
        total = np.zeros(v)
        layer: dict[Word, int] = {(): SURVEYED}
        known: dict[Word, floats.Array] = {}
        for length in range(1, self.horizon + 1):
            prefixes, counts = list(layer), list(layer.values())
            answers = oracle.logits(prefixes)
            rows = np.array(centred_answers(prefixes, answers, v, FLOAT64))
            self.surveyed += len(prefixes)
            kept = islice(zip(prefixes, answers, strict=True), MOST_KEPT // v - len(known))
            known.update((p, np.asarray(row, dtype=float)) for p, row in kept)
            total += np.array(counts) @ floats.softmax(rows)
            if length < self.horizon:
                layer = grown(prefixes, split(counts, thresholds(rows), rng))
        chosen: list[int] = np.argsort(-total, kind="stable")[: self.alphabet_size].tolist()
        place = {token: a for a, token in enumerate(chosen)}
        self._rows = {
            tuple(place[token] for token in prefix): row[chosen]
            for prefix, row in known.items()
            if place.keys() >= set(prefix)
        }
        return tuple(chosen)


def check_tokens(tokens: Sequence[object], vocabulary_size: int) -> Word:
    """Return distinct ids of a vocabulary, or raise InputError."""
    found: dict[int, None] = {}
    for token in tokens:
        known = isinstance(token, int) and not isinstance(token, bool)
        if not (known and 0 <= token < vocabulary_size and token not in found):  # type: ignore
            shown = ShownAs(repr(token))
            raise InputError("tokens", shown, f"distinct ids in 0..{vocabulary_size - 1}")
        found[token] = None  # type: ignore[index]
    return tuple(found)


def _as_it_is(oracle: LogitOracle, identity: Mapping[str, Any]) -> LogitOracle:
    return oracle
