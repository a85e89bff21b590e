"""The slips in print: Algorithm 1 with one correction taken back.

Nothing is left to chance: the oracle is exact, g = 0, and the sample oracle gives every word once,
so that the corrected algorithm has to return the target itself.  The printed forms get the same
targets and the same words.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import islice, product

import numpy as np
from flint import fmpq
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from llr.learning.printed import CORRECTED, Corrections, Epoch, PrintedLearner, Schedule
from llr.learning.program import ChainProgram, chain_program
from llr.learning.table import Table, one_token_futures
from llr.models.base import LanguageModel, TabulatedModel, Word, words
from llr.models.logits import cut_ranks
from llr.numbers.arithmetic import EXACT, Row
from llr.numbers.units import LN2
from llr.oracles.ledger import Ledger
from llr.oracles.protocol import ModelOracle
from llr.oracles.sampling import Words
from properties.claim import Claim, Measurement, Twin

ONE_FUTURE = Corrections(all_one_token_futures=False)
ONE_TOKEN_TABLE = Corrections(whole_table=False)
ACCEPT_AFTER_A_WORD = Corrections(accept_after="a word")
ACCEPT_AFTER_A_PREFIX = Corrections(accept_after="a prefix")
SHORT_LOOP = Corrections(every_length=False)


@dataclass(frozen=True, repr=False)
class SparseTarget:
    """A target most of whose logits are zero.

    Attributes:
        horizon: T.
        alphabet_size: k.
        logits: the others, before centring, in units of ln 2: ((prefix, token), integer).
    """

    horizon: int
    alphabet_size: int
    logits: tuple[tuple[tuple[Word, int], int], ...]

    def __repr__(self) -> str:
        rest = ", ".join(f"L{(*prefix, token)} = {value}" for (prefix, token), value in self.logits)
        return f"SparseTarget(T={self.horizon}, k={self.alphabet_size}, {rest or 'all L = 0'})"

    @cached_property
    def model(self) -> TabulatedModel:
        """The language model."""
        k, known = self.alphabet_size, dict(self.logits)
        return TabulatedModel(
            k,
            self.horizon,
            {
                p: [known.get((p, a), 0) for a in range(k)]
                for t in range(self.horizon)
                for p in words(k, t)
            },
            LN2,
        )


class EveryWord:
    """A sample oracle without chance: its words come in lexicographic order, over and over.

    Args:
        alphabet_size: k; n = k^length gives every word once, a multiple equally often.
    """

    def __init__(self, alphabet_size: int) -> None:
        self._k = alphabet_size

    def draw(self, n: int, length: int, rng: np.random.Generator) -> Words:
        """Return the first n words of one length."""
        rounds, rest = divmod(n, self._k**length)
        once_more = dict.fromkeys(islice(words(self._k, length), rest), rounds + 1)
        return (
            {**dict.fromkeys(words(self._k, length), rounds), **once_more} if rounds else once_more
        )


def run_on_every_word(
    target: LanguageModel, corrections: Corrections = CORRECTED, threshold: fmpq = fmpq(0)
) -> list[Epoch]:
    """Run Algorithm 1 with every word drawn in every epoch.

    Each witness raises the rank of the futures at its cut, so that more epochs than one and the
    sum of the cut ranks are never needed.

    Args:
        target: of a size whose words can be enumerated.
        corrections: those in force.
        threshold: g in nats.
    """
    k, horizon = target.alphabet_size, target.horizon
    learner = PrintedLearner(
        Ledger(ModelOracle(target), k, horizon, EXACT),
        EveryWord(k),
        alphabet_size=k,
        horizon=horizon,
        unit=target.unit,
        arithmetic=EXACT,
        schedule=Schedule(
            threshold if horizon > 2 else None,
            lambda infeasible: k**horizon,
            lambda epoch: k**horizon,
            1 + sum(cut_ranks(target)),
        ),
        rng=np.random.default_rng(0),
        corrections=corrections,
    )
    return list(learner.epochs())


def is_stored(table: Table, prefix: Word) -> bool:
    """True if the table has every value that Algorithm 2 reads on its way to the next logits.

    These are R_{s,i} on Fh_s and on y_s.f, f in Fh_{s+1}, for s <= t, and R_{t,i}(y_t.a) for all
    tokens a; for the empty prefix, R_{1,1}(a).
    """
    tokens = one_token_futures(table.alphabet_size)
    if not prefix:
        return set(tokens) <= set(table.cut(1).columns)
    for s, y in enumerate(prefix, start=1):
        wanted = {*table.futures(s), *((y, *f) for f in table.futures(s + 1))}
        if s == len(prefix):
            wanted |= {(y, *a) for a in tokens}
        if not wanted <= set(table.cut(s).columns):
            return False
    return True


def next_logits(table: Table, program: ChainProgram, prefix: Word) -> Row:
    """Return what Algorithm 2 computes from a table that stores all it reads; zeros if infeasible.

    Unlike the learned model it does not rely on one-token futures in every Fh_s.
    """
    tokens = one_token_futures(table.alphabet_size)
    if not prefix:
        return EXACT.rows(table.block(1, tokens))[0]
    solution = program.solution(prefix)
    if solution is None:
        return (fmpq(0),) * table.alphabet_size
    last = table.block(len(prefix), [(prefix[-1], *a) for a in tokens])
    return EXACT.combine(solution.coefficients[-1], last)


def wrong_or_undefined(target: LanguageModel, epochs: list[Epoch]) -> list[Word]:
    """Return the prefixes whose next logits the accepted model gets wrong, or does not define.

    All prefixes, if no epoch accepted.
    """
    prefixes = [p for t in range(target.horizon) for p in words(target.alphabet_size, t)]
    if epochs[-1].outcome != "accepted":
        return prefixes
    table = epochs[-1].table
    program = chain_program(table)
    return [
        p
        for p in prefixes
        if not is_stored(table, p)
        or tuple(next_logits(table, program, p)) != tuple(target.read(target.state_of(p)))
    ]


def recovery(
    target: SparseTarget, corrections: Corrections = CORRECTED, threshold: fmpq = fmpq(0)
) -> Measurement:
    """Count the prefixes at which the accepted model is wrong or undefined."""
    epochs = run_on_every_word(target.model, corrections, threshold)
    return Measurement.of(len(wrong_or_undefined(target.model, epochs)))


def sparse_targets(
    *,
    horizons: tuple[int, int] = (1, 4),
    alphabet_sizes: tuple[int, int] = (2, 3),
    values: tuple[int, ...] = (1, -1, 2),
) -> SearchStrategy[SparseTarget]:
    """Return targets with at most eight logits that are not zero.

    Prefixes are drawn by their distance from the end and cut at the front, so that a smaller T or k
    leaves the rest as it is: targets shrink to least T, then k, then to fewest nonzero logits.

    Args:
        horizons: least and largest T, within 1..4.
        alphabet_sizes: least and largest k, within 2..3.
        values: of the logits that are not zero.
    """
    # one choice per place, so that the search can delete a logit at one stroke
    most = alphabet_sizes[1]
    places = st.sampled_from(list(product(range(horizons[1]), words(most, 3), range(most))))

    @st.composite
    def found(draw: DrawFn) -> SparseTarget:
        horizon, k = draw(st.integers(*horizons)), draw(st.integers(*alphabet_sizes))
        logits = {}
        for (end, tail, token), value in draw(
            st.lists(st.tuples(places, st.sampled_from(values)), max_size=8)
        ):
            length = max(0, horizon - 1 - end)
            prefix = tuple(min(a, k - 1) for a in tail[3 - length :])
            logits[prefix, min(token, k - 1)] = value
        return SparseTarget(horizon, k, tuple(sorted(logits.items())))

    return found()


def _slip(identifier: str, title: str, corrections: Corrections) -> Claim:
    return Claim(
        identifier,
        f"every word seen, exact oracle, g = 0, {title}: the accepted model is the target",
        "[P] Algorithm 1; false",
        "printed",
        sparse_targets,
        lambda target: recovery(target, corrections),
        (),
        expected="refuted",
    )


CLAIMS = (
    Claim(
        "exact-recovery",
        "every word seen, exact oracle, g = 0: the accepted model is the target",
        "[P] Algorithm 1, corrected by [M]",
        "corrected",
        sparse_targets,
        recovery,
        (
            Twin("g = 1 nat", lambda target: recovery(target, threshold=fmpq(1))),
            Twin("one future at the start", lambda target: recovery(target, ONE_FUTURE)),
            Twin("one-token table", lambda target: recovery(target, ONE_TOKEN_TABLE)),
            Twin("first word accepts", lambda target: recovery(target, ACCEPT_AFTER_A_WORD)),
            Twin("t = 1..T-2 tested", lambda target: recovery(target, SHORT_LOOP)),
        ),
        examples=200,
    ),
    _slip("slip-one-future", "Fh_s starts as {y_s}", ONE_FUTURE),
    _slip("slip-one-token-table", "one-token values stored", ONE_TOKEN_TABLE),
    _slip("slip-early-accept", "accepted at the first t", ACCEPT_AFTER_A_PREFIX),
    _slip("slip-early-accept-word", "accepted at the first word", ACCEPT_AFTER_A_WORD),
    _slip("slip-short-loop", "t = 1..T-2 tested", SHORT_LOOP),
)
