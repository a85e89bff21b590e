"""LINGEN ([S]): a prompt's next-token logits as a combination of those of unrelated histories.

1. Ask for the rows of the histories H, and of the prompt, on futures F.
2. Regress the prompt's row on theirs: coefficients v.
3. From then on ask only h.z for h in H, and draw each token from softmax(sum_h v_h Lhat(h.z .)).

A future's *stem* is a prefix of it, the empty one included: one call at h.s reveals Lhat(h.s.a) for
all k tokens a.  F is given by its stems, each with the number of futures that pass through it.
Histories are as long as the prompt, so that on an exact ISAN both lie at one cut.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, cycle, islice

import numpy as np

from llr.analysis.continuations import Setting, divergences, draw, last_tokens, prefixes_of
from llr.analysis.ridge import NormalEquations, chosen_strength
from llr.errors import InputError, ShownAs
from llr.models.base import Word
from llr.numbers import floats
from llr.numbers.arithmetic import Matrix
from llr.observing import Tell, untold
from llr.oracles.ledger import Counts, Ledger
from llr.oracles.sampling import RowThresholds, draw_tree

CHOSEN, UNRELATED, NONSENSE = KINDS = ("chosen", "unrelated", "nonsense")
"""Futures: continuations of the prompt, continuations of the histories, uniform tokens."""

PROBABILITY, UNIFORM = WEIGHTS = ("probability", "uniform")
"""What an error in the logit of a token weighs: its probability after the prompt, or 1/k."""

LINGEN, MEAN, LAST, PLACED, CHECKPOINT = (
    "LINGEN",
    "mean of histories",
    "last tokens",
    "last tokens in place",
    "checkpoint",
)

HELD_OUT = 5
"""Every fifth future is held out to choose the ridge strength."""

PLACES = 8
"""Ways to put unrelated histories before the last tokens."""

ROUNDS = 64
"""How often histories are drawn until enough different ones are there."""

BATCH = 1 << 15
"""Rows that are kept at once while fitting."""


def check_prompt(prompt: Word, horizon: int, steps: int, argument: str = "prompt") -> None:
    """Raise InputError unless the prompt and ``steps`` more tokens fit the horizon."""
    if not prompt:
        raise InputError(argument, prompt, "at least one token long")
    if len(prompt) + steps > horizon:
        expected = (
            f"at most {max(0, horizon - steps)} tokens long for {steps} more under T = {horizon} "
            f"(its {len(prompt)} need T = {len(prompt) + steps})"
        )
        raise InputError(argument, prompt, expected)


def check_number(number: int, alphabet_size: int, prompt: Word) -> None:
    """Raise InputError unless there are so many histories of the prompt's length beside it."""
    most = alphabet_size ** len(prompt) - 1
    if number > most:
        raise InputError("histories", number, f"at most {most}, the others of the prompt's length")


def drawn_histories(
    ledger: Ledger, setting: Setting, prompt: Word, number: int, rng: np.random.Generator
) -> list[Word]:
    """Return different histories of the prompt's length, drawn from the model, none the prompt.

    Raises:
        InputError: there are too few, or too few different ones came.
    """
    check_number(number, setting.alphabet_size, prompt)
    found: dict[Word, None] = {}
    for _ in range(ROUNDS):
        words = draw(ledger, setting, (), number, len(prompt), rng)
        found.update((word, None) for word in words if word != prompt)
        if len(found) >= number:
            return list(found)[:number]
    raise InputError("histories", number, f"at most {len(found)}, the different ones that came")


def windows(
    text: Sequence[int], avoided: Word, length: int, number: int, rng: np.random.Generator
) -> list[Word]:
    """Return different pieces of a text, at random places.

    Args:
        text: tokens; -1 stands for one that no piece may have.
        avoided: a piece that does not count.
        length, number: of the pieces.
        rng: the only source of randomness.

    Raises:
        InputError: the text has fewer.
    """
    found: dict[Word, None] = {}
    for start in rng.permutation(max(0, len(text) - length + 1)).tolist():
        piece = tuple(text[start : start + length])
        if -1 not in piece and piece != avoided:
            found[piece] = None
        if len(found) == number:
            return list(found)
    expected = f"one with {number} different pieces of {length} tokens"
    raise InputError("text", ShownAs(f"one of {len(text)} tokens with {len(found)}"), expected)


def futures(
    kind: str,
    ledger: Ledger,
    setting: Setting,
    prompt: Word,
    histories: Sequence[Word],
    number: int,
    length: int,
    rng: np.random.Generator,
) -> list[Word]:
    """Return futures of one of the :data:`KINDS`.

    Args:
        kind: where they come from.
        ledger: who is asked.
        setting: what the ledger is made of.
        prompt, histories: what they may continue.
        number, length: of the futures.
        rng: the only source of randomness.
    """
    if kind == NONSENSE:
        tokens = rng.integers(setting.alphabet_size, size=(number, length)).tolist()
        return [tuple(word) for word in tokens]
    if kind == CHOSEN:
        return draw(ledger, setting, prompt, number, length, rng)
    shares = np.bincount(rng.integers(len(histories), size=number), minlength=len(histories))
    return [
        word
        for h, share in zip(histories, shares.tolist(), strict=True)
        if share
        for word in draw(ledger, setting, h, share, length, rng)
    ]


def stems(futures: Sequence[Word]) -> Counter[Word]:
    """Return every proper prefix of the futures, and how many of them pass through it."""
    return Counter(f[:n] for f in futures for n in range(len(f)))


@dataclass(frozen=True)
class Coefficients:
    """What was fitted for one kind of futures.

    Attributes:
        sizes: how many histories took part, ascending.
        values: one row per size, padded with zeros.
        strengths: the ridge strength chosen for each size.
    """

    sizes: tuple[int, ...]
    values: Matrix
    strengths: tuple[float, ...]


@dataclass
class Fit:
    """Coefficients by kind of futures, and what they cost.

    Attributes:
        coefficients: by kind.
        stems: how many stems the futures of all kinds have.
        counts: of the rows of the histories.
    """

    coefficients: dict[str, Coefficients] = field(default_factory=dict)
    stems: int = 0
    counts: Counts = field(default_factory=Counts)


def ridge_fit(
    setting: Setting,
    target: Ledger,
    prompt: Word,
    histories: Sequence[Word],
    chosen: Mapping[str, Sequence[Word]],
    sizes: Sequence[int],
    weights: str = PROBABILITY,
    strength: float | None = None,
) -> Fit:
    """Regress the prompt's row on those of the first histories, for each kind of futures.

    The loss is the mean over futures and their stems of ``sum_a w_a (r_a - r)^2``: r_a is the error
    of the logit of token a, r their mean under w.  With w the next token's law after the prompt it
    is twice the Kullback-Leibler divergence to second order.  The ridge strength is the one of
    :data:`~llr.analysis.ridge.STRENGTHS` that has the least loss on every fifth future when fitted
    on the others; then all futures are fitted with it.

    Args:
        setting: the oracle; float64.
        target: the ledger that answers at the prompt.
        prompt: the history whose row is fitted.
        histories: different ones, not the prompt, as long as it.
        chosen: futures by kind.
        sizes: numbers of histories.
        weights: one of :data:`WEIGHTS`.
        strength: of the ridge; None: chosen as above.

    Raises:
        InputError: some kind has fewer than 5 futures, or there are fewer histories than a size.

    Complexity: (histories + 1) calls per stem; O(m^2 k) per stem and O(m^3) per size.
    """
    check_sizes(sizes, histories)
    for kind, words in chosen.items():
        if len(words) < HELD_OUT:
            raise InputError(f"{kind} futures", len(words), f"at least {HELD_OUT}")
    sums = {
        kind: (NormalEquations(len(histories)), NormalEquations(len(histories))) for kind in chosen
    }
    passing = {
        kind: (
            stems([f for i, f in enumerate(words) if i % HELD_OUT]),
            stems(words[::HELD_OUT]),
        )
        for kind, words in chosen.items()
    }
    found = Fit()
    all_stems = sorted({s for pair in passing.values() for part in pair for s in part})
    found.stems = len(all_stems)
    for some, rows in _rows(setting, histories, all_stems, found.counts):
        wanted = target.block([(*prompt, *s) for s in some])
        laws = floats.softmax(wanted)
        if weights == UNIFORM:
            laws = np.full_like(laws, 1 / setting.alphabet_size)
        for kind, parts in passing.items():
            for equations, counts in zip(sums[kind], parts, strict=True):
                here = [j for j, s in enumerate(some) if s in counts]
                if here:
                    many = np.array([counts[some[j]] for j in here], dtype=float)
                    equations.add(*_weighted(rows[:, here], wanted[here], laws[here], many))
    for kind, (fitted, held_out) in sums.items():
        best = [
            chosen_strength(fitted, held_out, m) if strength is None else strength for m in sizes
        ]
        fitted.add_all(held_out)
        values = np.zeros((len(sizes), len(histories)))
        for row, m, s in zip(values, sizes, best, strict=True):
            row[:m] = fitted.solve(m, s)
        found.coefficients[kind] = Coefficients(tuple(sizes), values, tuple(best))
    return found


def least_squares_fit(
    setting: Setting,
    target: Ledger,
    prompt: Word,
    histories: Sequence[Word],
    chosen: Mapping[str, Sequence[Word]],
    sizes: Sequence[int],
) -> Fit:
    """Do the same by plain least squares, in either arithmetic; every logit weighs the same.

    In exact arithmetic the rows of the histories must be independent on the futures.

    Complexity: all rows are kept at once.
    """
    check_sizes(sizes, histories)
    numbers = setting.arithmetic
    found = Fit()
    ledger = setting.ledger()
    for kind, words in chosen.items():
        here = sorted(stems(words))
        width = len(here) * setting.alphabet_size
        wanted = numbers.reshaped(target.block([(*prompt, *s) for s in here]), width)
        asked = ledger.block([(*h, *s) for h in histories for s in here])
        rows = numbers.reshaped(asked, width)
        values = []
        for m in sizes:
            row = numbers.rows(numbers.fit(numbers.take(rows, range(m)), wanted))[0]
            values.append([*row, *[numbers.scalar(0)] * (len(histories) - m)])
        padded = numbers.matrix(values, len(histories))
        found.coefficients[kind] = Coefficients(tuple(sizes), padded, (0.0,) * len(sizes))
    found.stems = len({s for words in chosen.values() for s in stems(words)})
    found.counts = ledger.counts
    return found


class Combinations:
    """What generation has: histories, coefficients and a ledger; the prompt is not among them.

    Args:
        setting: the oracle.
        histories: those that are asked.
        coefficients: rows of one number per history, each a combination of its own.

    Attributes:
        ledger: what was asked.
    """

    def __init__(self, setting: Setting, histories: Sequence[Word], coefficients: Matrix) -> None:
        self._setting = setting
        self._histories = list(histories)
        self._coefficients = coefficients
        self.ledger = setting.ledger()

    def blocks(self, words: Sequence[Word]) -> list[Matrix]:
        """Return, per word z, the logits after it: a row of k for each combination.

        Complexity: one batch of ``len(histories)`` calls per word.
        """
        numbers, m = self._setting.arithmetic, len(self._histories)
        rows = self.ledger.block([(*h, *z) for z in words for h in self._histories])
        return [
            numbers.product(self._coefficients, numbers.take(rows, range(i * m, i * m + m)))
            for i in range(len(words))
        ]

    def generate(self, which: int, n: int, length: int, rng: np.random.Generator) -> list[Word]:
        """Return n words drawn from one combination; a step is one batch over all histories."""
        numbers = self._setting.arithmetic
        thresholds = RowThresholds(self._setting.unit, numbers)

        def layer(prefixes: Sequence[Word]) -> Sequence[Sequence[int]]:
            rows = [numbers.rows(block)[which] for block in self.blocks(prefixes)]
            return thresholds(numbers.matrix(rows, self._setting.alphabet_size))

        found = draw_tree(n, length, layer, rng)
        words = [word for word, count in found.items() for _ in range(count)]
        return [words[i] for i in rng.permutation(n).tolist()]


def _filling(histories: Sequence[Word], length: int) -> Word:
    """Return the first tokens of histories, one after the other."""
    return tuple(islice(chain.from_iterable(cycle(histories)), length))


def asked_after(ledger: Ledger, prompt: Word) -> int:
    """Return how many of the prefixes submitted so far begin with the prompt."""
    return sum(prefix[: len(prompt)] == prompt for prefix in ledger.log)


def check_histories(histories: Sequence[Word], prompt: Word) -> None:
    """Raise InputError unless they are different, as long as the prompt, and not the prompt."""
    if len(set(histories)) < len(histories):
        raise InputError("histories", ShownAs("some twice"), "different ones")
    for h in histories:
        if len(h) != len(prompt) or h == prompt:
            raise InputError("histories", h, f"of {len(prompt)} tokens, none the prompt")


def check_sizes(sizes: Sequence[int], histories: Sequence[Word]) -> None:
    """Raise InputError unless the sizes ascend from at least 1 to what is there."""
    if not sizes or sizes[0] < 1 or list(sizes) != sorted(set(sizes)):
        raise InputError("sizes", list(sizes), "ascending positive numbers of histories")
    if sizes[-1] > len(histories):
        raise InputError("sizes", list(sizes), f"at most {len(histories)}, the histories given")


def _rows(
    setting: Setting, histories: Sequence[Word], all_stems: Sequence[Word], counts: Counts
) -> Iterator[tuple[Sequence[Word], floats.Array]]:
    """Yield stems with the rows of the histories on them, histories x stems x k.

    Each batch has a ledger of its own, so that no more is remembered; no two share a prefix.
    """
    m, k = len(histories), setting.alphabet_size
    width = max(1, BATCH // m)
    for start in range(0, len(all_stems), width):
        some = all_stems[start : start + width]
        ledger = setting.ledger()
        rows = ledger.block([(*h, *s) for h in histories for s in some])
        add_counts(counts, ledger.counts)
        yield some, rows.reshape(m, len(some), k)


def add_counts(total: Counts, more: Counts) -> None:
    """Add counts to a total."""
    for name, value in more.as_json().items():
        setattr(total, name, getattr(total, name) + value)


def _weighted(
    rows: floats.Array, wanted: floats.Array, laws: floats.Array, many: floats.Array
) -> tuple[floats.Array, floats.Array]:
    """Return rows and target less their means under the laws, scaled by the roots of the weights.

    Args:
        rows: m x s x k.
        wanted: s x k.
        laws: s x k, weights of the tokens that sum to 1.
        many: s weights of the stems.
    """
    roots = np.sqrt(laws * many[:, None])
    target = (wanted - (wanted * laws).sum(axis=1, keepdims=True)) * roots
    found = (rows - np.einsum("msk,sk->ms", rows, laws)[:, :, None]) * roots
    return found.reshape(len(rows), -1), target.reshape(-1)


@dataclass(frozen=True)
class Plan:
    """What is to be tried on every prompt.

    Attributes:
        steps: tokens that are generated, and over which divergences are summed.
        sizes: numbers of histories, ascending.
        kinds: of futures.
        futures: how many of each kind.
        continuations: along how many of the model's own continuations divergences are taken.
        weights, strength: as for :func:`ridge_fit`; a strength of 0 is plain least squares.
        short: numbers of last tokens that the baselines see.
    """

    steps: int = 15
    sizes: tuple[int, ...] = (100,)
    kinds: tuple[str, ...] = (CHOSEN, NONSENSE)
    futures: int = 50
    continuations: int = 4
    weights: str = PROBABILITY
    strength: float | None = None
    short: tuple[int, ...] = (1, 4)


@dataclass(frozen=True)
class Method:
    """A way to predict the next token.

    Attributes:
        name: LINGEN; the plain mean of the histories' logits, nothing fitted; the model given the
            last tokens alone, or at their place behind unrelated histories (the mean logits over 8
            ways to do so); or another model, the checkpoint.
        size: number of histories, or of last tokens; 0 for the checkpoint.
        kind: of futures, for LINGEN.
    """

    name: str
    size: int = 0
    kind: str = ""


@dataclass
class Outcome:
    """What came of one prompt.

    Attributes:
        prompt: the prompt.
        divergences: per method, KL(model || method) of the next token in nats, continuations x
            steps.
        own: a continuation drawn from the model, if text was wanted.
        generated: by kind of futures, a continuation drawn from LINGEN with the most histories.
        strengths: by kind of futures, the ridge strength for each number of histories.
        stems: how many stems the futures have.
        counts: "histories", "fit", "generation", "measuring" and "checkpoint".
        prompt_asked: prefixes beginning with the prompt that were submitted after the fit for
            LINGEN: 0, or the definition is broken.
    """

    prompt: Word
    divergences: dict[Method, floats.Array]
    own: Word | None
    generated: dict[str, Word]
    strengths: dict[str, tuple[float, ...]]
    stems: int
    counts: dict[str, Counts]
    prompt_asked: int


def try_prompt(
    setting: Setting,
    prompt: Word,
    plan: Plan,
    rng: np.random.Generator,
    histories: Sequence[Word] | None = None,
    checkpoint: Setting | None = None,
    text: bool = True,
    tell: Tell = untold,
) -> Outcome:
    """Fit LINGEN to a prompt, generate, and measure it against the baselines.

    Divergences are KL(model || method) of the next token, along continuations that the model itself
    draws after the prompt: their sum over steps has the divergence of the laws of ``steps`` tokens
    as its mean.

    Args:
        setting: the model; float64.
        prompt: the prompt.
        plan: what to try.
        rng: the only source of randomness.
        histories: at least ``plan.sizes[-1]`` of the prompt's length; None: drawn from the model.
        checkpoint: another model of the same tokens, given the whole history.
        text: whether to draw words; otherwise it is only measured.
        tell: told of every stage.

    Raises:
        InputError: the prompt and the steps do not fit the horizon, a history is no unrelated one
            of the prompt's length, or see :func:`ridge_fit`.
    """
    check_prompt(prompt, setting.horizon, plan.steps)
    for_histories, for_futures, for_words, for_text = rng.spawn(4)
    drawing, target = setting.ledger(), setting.ledger()
    tell("histories and futures", 0, 0)
    if histories is None:
        histories = drawn_histories(drawing, setting, prompt, plan.sizes[-1], for_histories)
    histories = histories[: plan.sizes[-1]]
    check_histories(histories, prompt)
    chosen = {
        kind: futures(
            kind,
            target if kind == CHOSEN else drawing,
            setting,
            prompt,
            histories,
            plan.futures,
            plan.steps,
            generator,
        )
        for kind, generator in zip(plan.kinds, for_futures.spawn(len(plan.kinds)), strict=True)
    }
    tell("fit", 0, 0)
    if plan.strength == 0:
        fit = least_squares_fit(setting, target, prompt, histories, chosen, plan.sizes)
    else:
        fit = ridge_fit(
            setting, target, prompt, histories, chosen, plan.sizes, plan.weights, plan.strength
        )
    add_counts(fit.counts, target.counts)
    many = len(histories)
    values = np.concatenate(
        [*(fit.coefficients[kind].values for kind in plan.kinds), np.full((1, many), 1 / many)]
    )
    methods = [Method(LINGEN, size, kind) for kind in plan.kinds for size in plan.sizes]
    methods.append(Method(MEAN, many))
    tell("generation", 0, 0)
    lingen = Combinations(setting, histories, values)
    generated = {
        kind: lingen.generate((i + 1) * len(plan.sizes) - 1, 1, plan.steps, for_text)[0]
        for i, kind in enumerate(plan.kinds)
        if text
    }

    measuring = setting.ledger()
    other = None if checkpoint is None else checkpoint.ledger()
    words = draw(measuring, setting, prompt, plan.continuations, plan.steps, for_words)
    found: dict[Method, list[floats.Array]] = {}
    for number, word in enumerate(words):
        tell("measuring, continuations", number, len(words))
        whole = [(*prompt, *z) for z in prefixes_of(word)]
        truth = measuring.block(whole)
        laws = dict(zip(methods, np.swapaxes(lingen.blocks(prefixes_of(word)), 0, 1), strict=True))
        for last in plan.short:
            seen = last_tokens(prompt, word, last)
            laws[Method(LAST, last)] = measuring.block(seen)
            placed = [
                measuring.block(
                    [
                        (*_filling(histories[first:], len(w) - len(z)), *z)
                        for w, z in zip(whole, seen, strict=True)
                    ]
                )
                for first in range(min(PLACES, len(histories)))
            ]
            laws[Method(PLACED, last)] = np.mean(placed, axis=0)
        if other is not None:
            laws[Method(CHECKPOINT)] = other.block(whole)
        for method, law in laws.items():
            found.setdefault(method, []).append(divergences(truth, law))
    counts = {
        "histories": drawing.counts,
        "fit": fit.counts,
        "generation": lingen.ledger.counts,
        "measuring": measuring.counts,
        "checkpoint": Counts() if other is None else other.counts,
    }
    return Outcome(
        prompt,
        {method: np.array(rows) for method, rows in found.items()},
        draw(measuring, setting, prompt, 1, plan.steps, for_text)[0] if text else None,
        generated,
        {kind: c.strengths for kind, c in fit.coefficients.items()},
        fit.stems,
        counts,
        asked_after(lingen.ledger, prompt),
    )
