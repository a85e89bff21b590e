"""Deterministic claims on every small ISAN (k = 2, T <= 3, d <= 2, parameters in {-1, 0, 1})."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from types import ModuleType
from typing import TypeAlias

import numpy as np
from flint import fmpq
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from bounds.potential import witness_epochs, witnesses_at_cut
from bounds.transfer import transfer_product
from llr.analysis.distance import total_variation
from llr.learning.learned import LearnedModel
from llr.learning.printed import Epoch, PrintedLearner, Schedule
from llr.models.base import LanguageModel, TabulatedModel, Word, words
from llr.models.logits import cut
from llr.numbers import rational
from llr.numbers.arithmetic import EXACT
from llr.numbers.units import LN2, NAT, LogitUnit
from llr.oracles.ledger import Ledger
from llr.oracles.protocol import ModelOracle
from properties.claim import Check, Claim, Measurement, Twin, tightened
from properties.claims import (
    access,
    components,
    contrast,
    lean,
    learner,
    models,
    queries,
    spanners,
    transfer,
)
from properties.claims.choices import EveryPath, Trial
from properties.claims.slips import EveryWord
from properties.exhaustive import STEPS, SmallIsan, small_isans
from properties.measure import worst
from properties.scenarios import Scenario

Lift: TypeAlias = Callable[[Check], Check]
"""Turns a check of a model, a table or a run into one of a small ISAN."""


def quick_isans() -> SearchStrategy[SmallIsan]:
    """Return a small sample of the list, for those who search rather than list."""
    return st.sampled_from(list(small_isans("quick")))


def tabulated(small: SmallIsan) -> TabulatedModel:
    """Return the bare table of logits."""
    model = small.isan()
    prefixes = [p for length in range(model.horizon) for p in words(2, length)]
    return TabulatedModel(2, model.horizon, {p: model.read(model.state_of(p)) for p in prefixes})


def of_isan(check: Check) -> Check:
    """Return the check of a model as one of a small ISAN."""
    return lambda small: check(small.isan())


def of_table(check: Check) -> Check:
    """Return the check of a model as one of the table of a small ISAN."""
    return lambda small: check(tabulated(small))


def all_cuts(check: Check) -> Check:
    """Return the check of a list of rows as one of all cuts of a small ISAN."""

    def checked(small: SmallIsan) -> Measurement:
        model = small.isan()
        cuts = [cut(model, s)[2] for s in range(1, model.horizon + 1)]
        return worst([check(rational.row_tuples(m)) for m in cuts])

    return checked


THRESHOLDS = (fmpq(1, 1000), fmpq(1), fmpq(4))


def variant(small: SmallIsan) -> int:
    """Return a number, fixed by the place in the list, that no profile's step makes constant."""
    return small.place // 7


def in_run(
    check: Check, unit: LogitUnit = NAT, thresholds: Sequence[fmpq] = THRESHOLDS[:1]
) -> Check:
    """Return the check of a scenario as one of a small ISAN, learned with few draws.

    Its place in the list fixes the run: the seed, 1 or 2 words per spanner, 1 to 4 fresh ones.
    """

    def checked(small: SmallIsan) -> Measurement:
        n, model = variant(small), small.isan(unit)
        g = thresholds[n % len(thresholds)]
        return check(Scenario(model, "none", fmpq(0), g, 1 + n % 2, 1 + n % 4, small.place))

    return checked


def every_draw(small: SmallIsan, threshold: fmpq) -> EveryPath:
    """Return the learner with all tables that it comes to, however the words are drawn.

    Two draws already hit every set of the two histories of cut 2; and a set of fresh words ends an
    epoch as the first of them that fails does, so that one fresh word leads to all futures.  Four
    epochs have room for three witnesses, one more than any small ISAN allows.
    """
    paths = EveryPath(Trial(small.isan(), threshold / 2, draws=2, words=1, epochs=4))
    for futures in paths.reached():
        paths.epoch_law(futures)
    return paths


def witnesses(small: SmallIsan, less: int = 0) -> Measurement:
    """Measure the most witnesses at each cut against d_s - its one-token rank, over all draws."""
    paths = every_draw(small, THRESHOLDS[0])
    model = paths.trial.target
    found = [Measurement.of(0)]
    for s, ranks in enumerate(zip(model.cut_ranks(), model.one_token_ranks(), strict=True)):
        most = max(len(futures[s]) - model.alphabet_size for futures in paths.reached())
        found.append(Measurement.of(most, max(0, witnesses_at_cut(*ranks) - less)))
    return worst(found)


def distances(
    small: SmallIsan, bound: transfer.Bound = transfer_product, factor: fmpq = fmpq(1)
) -> Measurement:
    """Measure TV(M, Q) against the transfer bound at every table, over all draws.

    The place in the list fixes g.
    """
    g = THRESHOLDS[variant(small) % len(THRESHOLDS)]
    paths = every_draw(small, g)
    found = []
    for (bases, futures), epoch in paths.tables.items():
        apart = total_variation(paths.trial.target, paths.run.model(epoch)).value
        assert apart is not None
        mass = paths.bad_mass(bases, futures)
        found.append(Measurement(apart, bound(small.horizon, mass, g, 0) * factor))
    return worst(found)


# -- every word drawn ---------------------------------------------------------------------------


class OneHistory(EveryWord):
    """Sabotage: the spanners see the first history alone."""

    def draw(self, n: int, length: int, rng: np.random.Generator) -> Mapping[Word, int]:
        """Return all words, but of words shorter than T only the first."""
        found = super().draw(n, length, rng)
        return found if n == self._k**length else {(0,) * length: n}


def epochs_of(
    model: LanguageModel, source: EveryWord, threshold: fmpq | None = fmpq(0)
) -> Iterator[Epoch]:
    """Yield the epochs of Algorithm 1 with g = 0, up to one more than there are future words."""
    k, horizon = model.alphabet_size, model.horizon
    many = k**horizon
    return PrintedLearner(
        Ledger(ModelOracle(model), k, horizon, EXACT),
        source,
        alphabet_size=k,
        horizon=horizon,
        unit=model.unit,
        arithmetic=EXACT,
        schedule=Schedule(threshold, lambda infeasible: many, lambda epoch: many, 2 * many),
        rng=np.random.default_rng(0),  # not used: nothing is random
    ).epochs()


def epochs_needed(small: SmallIsan, less: int = 0) -> Measurement:
    """Measure the epochs until acceptance, every word drawn, against 1 + the witnesses allowed."""
    model = small.isan(NAT)
    epochs = list(epochs_of(model, EveryWord(2)))
    needed = len(epochs) + (epochs[-1].outcome != "accepted")
    allowed = witness_epochs(model.cut_ranks(), model.one_token_ranks())
    return Measurement.of(needed, 1 + max(0, allowed - less))


def wrong_logits(
    small: SmallIsan, source: type[EveryWord] = EveryWord, threshold: fmpq | None = fmpq(0)
) -> Measurement:
    """Count the prefixes where the last epoch's model is not the target; 0 means TV = 0."""
    model = small.isan(NAT)
    *_, last = epochs_of(model, source(2), threshold)
    return Measurement.of(models.differing_prefixes(model, LearnedModel(last.table, NAT)))


def small_claim(
    identifier: str,
    title: str,
    source: str,
    mark: str,
    check: Check,
    *twins: Twin,
    statements: tuple[str, ...] = (),
    sharp: bool = False,
) -> Claim:
    """Return a claim that is measured on all small ISANs."""
    return Claim(
        f"{identifier}-small",
        title,
        source,
        mark,
        quick_isans,
        check,
        twins,
        statements=statements,
        grade="exhaustive",
        instances=small_isans,
        steps=STEPS,
        sharp=sharp,
    )


def listed(module: ModuleType, identifier: str, lift: Lift, *twins: Twin) -> Claim:
    """Return a claim that is searched elsewhere as one on all small ISANs.

    Args:
        module: of claims.
        identifier: of one of them.
        lift: turns its check, and those of its twins, into checks of a small ISAN.
        twins: in place of its own; those that are searched on other instances are left out.
    """
    (claim,) = (c for c in module.CLAIMS if c.identifier == identifier)
    own = (replace(t, check=lift(t.check)) for t in claim.twins if t.strategy is None)
    return small_claim(
        identifier,
        claim.title,
        claim.source,
        claim.mark,
        lift(claim.check),
        *(twins or own),
        statements=claim.statements,
        sharp=claim.sharp,
    )


CLAIMS = (
    small_claim(
        "fact-1.1-converse",
        "every cut of an ISAN of dimension d has rank <= d",
        "[P] Fact 1.1; [S] Theorem 4.3",
        "printed",
        of_isan(models.isan_ranks),
        Twin("cut rank <= d - 1", of_isan(models.isan_ranks_below_dimension)),
    ),
    small_claim(
        "cut-ranks-polynomial",
        "reachable and observable spaces give the ranks of the whole logit matrices",
        "[P] Def 1.4",
        "sharpened",
        of_isan(models.polynomial_ranks),
        Twin("reachable space ignored", of_isan(models.observable_ranks)),
    ),
    small_claim(
        "fact-1.1-realization",
        "the table's realization has exactly its logits",
        "[P] Fact 1.1; [S] Theorem 4.3",
        "printed",
        of_table(models.realized),
        Twin("last state coordinate dropped", of_table(models.realized_without_last_coordinate)),
    ),
    small_claim(
        "fact-1.1-dimension",
        "the realization's dimension is the largest cut rank (at least 1)",
        "[P] Fact 1.1; [S] Theorem 4.3",
        "printed",
        of_table(models.realized_dimension),
        Twin(
            "dimension below the largest cut rank",
            of_table(
                lambda m: Measurement.of(
                    models.realized_dimension(m).measured, models.realized_dimension(m).bound - 1
                )
            ),
        ),
    ),
    small_claim(
        "def-5.2",
        "every row of a cut is a combination of its spanner with coefficients in [-2, 2]",
        "[P] Def 5.2, Algorithm 3; [AK]",
        "printed",
        all_cuts(spanners.spanner),
        Twin("coefficients in [-1, 1]", all_cuts(spanners.spanner_in_unit_box)),
        Twin("no exchange", all_cuts(spanners.first_basis)),
    ),
    small_claim(
        "witness-count",
        "exact oracle, any draws: witnesses at cut s <= d_s - rank(one-token columns at cut s)",
        "[P] Lemma 5.6, exact oracle, deterministic",
        "sharpened",
        witnesses,
        Twin("one less", lambda small: witnesses(small, 1)),
        statements=("witness-count",),
    ),
    small_claim(
        "epoch-count",
        "every word drawn, g = 0: accepted within 1 + sum_{s=2..T-1} (d_s - one-token rank) epochs",
        "[P] Lemma 5.6, exact oracle, deterministic",
        "sharpened",
        epochs_needed,
        Twin("one less", lambda small: epochs_needed(small, 1)),
        statements=("epoch-count",),
    ),
    small_claim(
        "every-word",
        "every word drawn, g = 0: the accepted model has the target's logits, so that TV = 0",
        "[P] Algorithm 1 with exact oracle, all words seen",
        "sharpened",
        wrong_logits,
        Twin("spanner of the first history", lambda s: wrong_logits(s, OneHistory)),
        Twin("residuals not tested", lambda s: wrong_logits(s, threshold=None)),
    ),
    small_claim(
        "telescope",
        "Lh_{t+1}(a) - Lhat(y_{1:t}.a) = sum_{s=2..t} Delta'_s(y_{s:t}.a), exactly",
        "[P] inside Lemma 5.8",
        "printed",
        in_run(learner.telescope),
        Twin("first residual left out", in_run(learner.telescope_short)),
    ),
    small_claim(
        "lemma-5.12",
        "every query is a prefix of (sample prefix).(token).(aligned sample segment).(token)",
        "[P] Lemma 5.12",
        "printed",
        in_run(learner.query_shape),
        Twin("segment one position earlier", in_run(learner.query_shape_shifted)),
        Twin("no segment", in_run(learner.query_shape_without_segment)),
    ),
    small_claim(
        "lemma-5.5",
        "(eta, 2)-spanners at every cut: y_{1:t} is infeasible with probability <= (t-1) eta",
        "[P] Lemma 5.5, less the cut that never fails",
        "corrected",
        in_run(spanners.feasible_prefixes, LN2),
        tightened(in_run(spanners.feasible_prefixes, LN2), fmpq(3, 4)),
        statements=("lemma-5.5",),
    ),
    small_claim(
        "lemma-5.8",
        "residuals <= g: |Lh_{t+1}(a) - L(y_{1:t}.a)| <= (t-1) g, at every epoch",
        "[P] Lemma 5.8, exact oracle",
        "printed",
        in_run(transfer.logit_errors, NAT, THRESHOLDS),
        tightened(in_run(transfer.logit_errors, NAT, THRESHOLDS), fmpq(3, 4)),
        statements=("lemma-5.8",),
    ),
    small_claim(
        "lemma-5.9-product",
        "TV(M, Q) <= p_bad + 1 - prod_{t<T} (1 - tanh((t-1) g / 2)), at every table, any draws",
        "[P] Lemmas 5.8 and 5.9 together, product form, exact oracle",
        "sharpened",
        distances,
        Twin("bound halved", lambda small: distances(small, factor=fmpq(1, 2))),
        Twin(
            "p_bad left out",
            lambda small: distances(small, lambda t, p, g, xi: transfer_product(t, 0, g, xi)),
        ),
        Twin(
            "g-term left out",
            lambda small: distances(small, lambda t, p, g, xi: transfer_product(t, p, 0, xi)),
        ),
        statements=("lemma-5.9-product",),
    ),
    small_claim(
        "chain-program-split",
        "a chain program is feasible iff its segments are, each solved on its own",
        "[P] program (10)",
        "sharpened",
        in_run(spanners.split_programs),
        Twin("box forgotten", in_run(spanners.split_without_box)),
    ),
    small_claim(
        "witness-new",
        "a witness is never already in Fh_s",
        "[P] sec. 4",
        "printed",
        in_run(learner.repeated_witnesses),
        Twin("looked for an epoch later", in_run(learner.rediscovered_witnesses)),
    ),
    small_claim(
        "acceptance",
        "an accepted table has no residual above g on the words that it was validated on",
        "[P] Algorithm 1, step 5, corrected",
        "corrected",
        in_run(learner.residual_free_threshold, NAT, THRESHOLDS),
        tightened(in_run(learner.residual_free_threshold, NAT, THRESHOLDS), fmpq(3, 4)),
    ),
    small_claim(
        "algorithm-2-uniform",
        "after an infeasible prefix Q emits uniform tokens to the end",
        "[P] Algorithm 2",
        "printed",
        in_run(components.uniform_tail),
        Twin("after every prefix", in_run(lambda s: components.uniform_tail(s, everywhere=True))),
    ),
    listed(components, "def-1.2", of_isan),
    listed(contrast, "mixed-rank", of_isan),
    listed(models, "plain-recursion", of_isan),
    listed(access, "remark-5.8-floor", of_isan),
    listed(lean, "batch-law", of_isan),
    listed(components, "program-order", in_run),
    listed(learner, "residual-tests", in_run),
    listed(queries, "lemma-5.10", in_run),
    listed(queries, "lemma-5.10-prefixes", in_run),
    listed(queries, "lemma-5.10-spanners", in_run),
    listed(queries, "lemma-5.10-words", in_run),
    listed(transfer, "lean-transfer", in_run, tightened(in_run(transfer.end_to_end), fmpq(3, 4))),
    listed(lean, "lean-distance", in_run, tightened(in_run(lean.lean_distance), fmpq(3, 4))),
    listed(lean, "lean-basis", in_run),
    listed(lean, "lean-stems", in_run),
    listed(lean, "lean-stem-progress", in_run),
    listed(lean, "network-and-programs", in_run),
    listed(lean, "lean-telescope", in_run),
    listed(lean, "lean-recovery", in_run),
    listed(lean, "lean-counts", in_run),
)
