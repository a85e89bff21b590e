"""Claims about hard and separating instances: logit rank against probability rank."""

from __future__ import annotations

from flint import fmpq
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from bounds.access import hard_teacher_distance
from bounds.queries import cauchy_ranks, copy_ranks, hard_teacher_rank, lingen_histories
from llr.analysis.continuations import Setting
from llr.analysis.lingen import CHOSEN, Combinations, asked_after, least_squares_fit
from llr.models.base import LanguageModel, words
from llr.models.isan import Isan
from llr.models.logits import (
    cut,
    cut_rank_lower_bounds,
    cut_ranks_by_enumeration,
    mixed_rank_by_enumeration,
    probability_ranks,
)
from llr.models.markov import HiddenMarkovModel
from llr.models.teachers import noiseless_law
from llr.numbers import rational
from llr.numbers.arithmetic import EXACT
from llr.numbers.balls import total
from llr.oracles.protocol import ModelOracle
from properties.claim import Claim, Measurement, Twin
from properties.corners import corner_isans
from properties.measure import worst
from properties.scenarios import probability_of
from properties.strategies import (
    HardTeacher,
    cauchy_teachers,
    copies,
    hard_teachers,
    hidden_markov_models,
    isans,
    tabulated_models,
)


def cauchy_logit_rank(model: Isan) -> Measurement:
    """Measure the largest cut rank of a Cauchy teacher against 2."""
    return Measurement.of(max(model.cut_ranks()), cauchy_ranks(model.horizon // 2).logit)


def cauchy_probability_rank(model: Isan) -> Measurement:
    """Measure |largest probability rank - 2^n| of a Cauchy teacher."""
    promised = cauchy_ranks(model.horizon // 2).probability
    return Measurement.of(abs(max(probability_ranks(model)) - promised))


def cauchy_probability_rank_small(model: Isan) -> Measurement:
    """Tightened: the probability rank is at most that of the logits, 2."""
    return Measurement.of(max(probability_ranks(model)), 2)


def copy_probability_rank(model: Isan) -> Measurement:
    """Measure |largest probability rank - k^n| of a copy model."""
    promised = copy_ranks(model.horizon // 2, model.alphabet_size).probability
    return Measurement.of(abs(max(probability_ranks(model)) - promised))


def copy_probability_rank_small(model: Isan) -> Measurement:
    """Tightened: the probability rank of a copy model is at most n (k-1) + 1."""
    n, k = model.horizon // 2, model.alphabet_size
    return Measurement.of(max(probability_ranks(model)), n * (k - 1) + 1)


def teacher_rank(teacher: HardTeacher) -> Measurement:
    """Measure the largest cut rank of a hard teacher against n + 7."""
    return Measurement.of(max(teacher.model.cut_ranks()), hard_teacher_rank(teacher.bits))


def teacher_rank_tightened(teacher: HardTeacher) -> Measurement:
    """Tightened: n."""
    return Measurement.of(teacher_rank(teacher).measured, teacher.bits)


def teacher_distance(teacher: HardTeacher, copies_counted: int = 0) -> Measurement:
    """Measure |TV(teacher, noiseless law) - (1 - (1-eta)^(L+1))|, exactly."""
    clean = noiseless_law(teacher.bits, teacher.program, teacher.padding)
    apart = (
        total(
            abs(probability_of(teacher.model, w) - clean.get(w, fmpq(0)))
            for w in words(2, teacher.model.horizon)
        )
        / 2
    )
    length = len(teacher.program.instructions) - copies_counted
    formula = hard_teacher_distance(length, teacher.strength)
    return Measurement(abs(apart - formula), Measurement.of(0).bound)


def markov_rank(model: HiddenMarkovModel) -> Measurement:
    """Measure the largest probability rank of a hidden Markov model against R."""
    return Measurement.of(max(probability_ranks(model)), model.hidden_states)


def markov_logit_rank(model: HiddenMarkovModel) -> Measurement:
    """Assumption confused: the logit rank, too, is at most R (a certified lower bound of it)."""
    return Measurement.of(max(cut_rank_lower_bounds(model)), model.hidden_states)


def small_models() -> SearchStrategy[LanguageModel]:
    """Return small exact models."""
    return st.one_of(isans(horizons=(1, 3)), tabulated_models(), corner_isans(horizons=(1, 3)))


def mixed(model: LanguageModel) -> Measurement:
    """Measure largest cut rank <= mixed rank <= sum of cut ranks <= T times the largest."""
    ranks, found = cut_ranks_by_enumeration(model), mixed_rank_by_enumeration(model)
    return worst(
        [
            Measurement.of(max(ranks), found),
            Measurement.of(found, sum(ranks)),
            Measurement.of(sum(ranks), model.horizon * max(ranks)),
        ]
    )


def mixed_is_cut(model: LanguageModel) -> Measurement:
    """Tightened: the mixed rank is the largest cut rank."""
    return Measurement.of(mixed_rank_by_enumeration(model), max(cut_ranks_by_enumeration(model)))


def models_with_prompts() -> SearchStrategy[LanguageModel]:
    """Return small exact models; some have cuts of rank 3 with a fourth history."""
    deep = isans(horizons=(4, 4), alphabet_sizes=(2, 2), dimensions=(3, 3))
    return st.one_of(small_models(), deep)


def lingen(model: LanguageModel, fewer: int = 0) -> Measurement:
    """Count the logits that LINGEN gets wrong, with as many histories as the cut's rank.

    At every cut the histories are a basis of the rows; every other history of that length is a
    prompt, the futures are all words, and the logits after every word are checked.  A query that
    begins with the prompt, after the fit, is an error too.
    """
    setting = Setting(ModelOracle(model), model.alphabet_size, model.horizon, EXACT, model.unit)
    k, wrong = model.alphabet_size, 0
    for s in range(1, model.horizon + 1):
        histories, _, matrix = cut(model, s)
        basis = rational.independent_rows(matrix)
        left = model.horizon - s + 1
        some = [histories[i] for i in basis[: max(0, lingen_histories(len(basis)) - fewer)]]
        after = [z for length in range(left) for z in words(k, length)]
        for prompt in set(histories) - {histories[i] for i in basis}:
            truth = [tuple(model.read(model.state_of((*prompt, *z)))) for z in after]
            if not some:  # their combination is 0
                wrong += sum(any(row) for row in truth)
                continue
            fit = least_squares_fit(
                setting,
                setting.ledger(),
                prompt,
                some,
                {CHOSEN: list(words(k, left))},
                (len(some),),
            )
            found = Combinations(setting, some, fit.coefficients[CHOSEN].values)
            for row, block in zip(truth, found.blocks(after), strict=True):
                wrong += tuple(EXACT.rows(block)[0]) != row
            wrong += asked_after(found.ledger, prompt)
    return Measurement.of(wrong)


CLAIMS = (
    Claim(
        "mixed-rank",
        "largest cut rank <= mixed rank <= sum of cut ranks <= T times the largest",
        "[P] Def 1.4",
        "sharpened",
        small_models,
        mixed,
        (Twin("mixed rank = largest cut rank", mixed_is_cut),),
        examples=100,
    ),
    Claim(
        "cauchy-logit-rank",
        "a Cauchy teacher has logit rank at most 2",
        "[M], Cauchy teacher",
        "sharpened",
        lambda: cauchy_teachers(bits=(1, 4)),
        cauchy_logit_rank,
        (Twin("1", lambda m: Measurement.of(max(m.cut_ranks()), 1)),),
        statements=("cauchy-ranks",),
        examples=20,
    ),
    Claim(
        "cauchy-probability-rank",
        "a Cauchy teacher on 2n bits has probability rank exactly 2^n",
        "[M], Cauchy teacher",
        "sharpened",
        lambda: cauchy_teachers(bits=(1, 4)),
        cauchy_probability_rank,
        (Twin("at most the logit rank", cauchy_probability_rank_small),),
        statements=("cauchy-ranks",),
        examples=20,
    ),
    Claim(
        "copy-probability-rank",
        "a copy model has probability rank k^n",
        "[M], recall",
        "sharpened",
        lambda: copies(tokens=(1, 3)),
        copy_probability_rank,
        (Twin("at most n (k-1) + 1", copy_probability_rank_small),),
        statements=("copy-ranks",),
        examples=40,
    ),
    Claim(
        "hard-teacher-rank",
        "a hard teacher on n bits has cut rank at most n + 7",
        "[M], hard teacher",
        "sharpened",
        hard_teachers,
        teacher_rank,
        (Twin("n", teacher_rank_tightened),),
        statements=("hard-teacher-rank",),
        examples=60,
    ),
    Claim(
        "hard-teacher-distance",
        "TV(hard teacher, its noiseless law) = 1 - (1-eta)^(L+1), eta = 1/(1+4^c)",
        "[M], hard teacher",
        "sharpened",
        lambda: hard_teachers(bits=(1, 2)),
        teacher_distance,
        (Twin("1 - (1-eta)^L", lambda t: teacher_distance(t, 1)),),
        statements=("hard-teacher",),
        examples=40,
    ),
    Claim(
        "hidden-markov-rank",
        "a hidden Markov model with R states has probability rank at most R",
        "[P] Def 3.1",
        "printed",
        hidden_markov_models,
        markov_rank,
        (
            Twin(
                "logit rank at most R",
                markov_logit_rank,
                lambda: hidden_markov_models(hidden_states=(2, 2), horizons=(3, 4)),
                100,
            ),
        ),
        examples=60,
    ),
    Claim(
        "lingen",
        "independent histories, as many as the cut's rank: LINGEN's logits are exact",
        "[S], LINGEN, exact case",
        "sharpened",
        models_with_prompts,
        lingen,
        (Twin("one history fewer", lambda m: lingen(m, 1)),),
        statements=("lingen",),
        examples=100,
    ),
)
