"""Hypothesis strategies for the objects of the theory.

Names are plural nouns, options are keyword-only, bad options fail at once, and everything shrinks
to small readable instances: integers before fractions, zeros, identity transitions, small sizes.
Sizes are given as pairs (least, largest).

    from hypothesis import given
    from properties import isans, noisy_oracles

    @given(isans(horizons=(1, 4), dimensions=(1, 2)))
    def test_my_rank(model):
        assert my_rank(model) == max(model.cut_ranks())

    @given(noisy_oracles(models=isans(alphabet_sizes=(2, 8)), xis=("1/100",)))
    def test_my_estimate(oracle):
        row = my_estimate(oracle.logits, prefix=())
        assert all(abs(x - y) <= oracle.xi for x, y in zip(row, oracle.model.logits(())))
"""

from properties.strategies.basic import (
    Span,
    rationals,
    seeds,
    wide_rationals,
    words_of,
)
from properties.strategies.models import (
    HardTeacher,
    branching_programs,
    cauchy_teachers,
    copies,
    fourier_sparse,
    hard_teachers,
    hidden_markov_models,
    isans,
    layered_isans,
    noisy_parities,
    perturbed_isans,
    spikes,
    tabulated_models,
    targets,
)
from properties.strategies.oracles import ApproximateOracle, noisy_oracles
from properties.strategies.rows import logit_pairs, low_rank_matrices, row_families
from properties.strategies.sequences import (
    Potential,
    Witnesses,
    potentials,
    witness_sequences,
)

__all__ = [
    "ApproximateOracle",
    "HardTeacher",
    "Potential",
    "Span",
    "Witnesses",
    "branching_programs",
    "cauchy_teachers",
    "copies",
    "fourier_sparse",
    "hard_teachers",
    "hidden_markov_models",
    "isans",
    "layered_isans",
    "logit_pairs",
    "low_rank_matrices",
    "noisy_oracles",
    "noisy_parities",
    "perturbed_isans",
    "potentials",
    "rationals",
    "row_families",
    "seeds",
    "spikes",
    "tabulated_models",
    "targets",
    "wide_rationals",
    "witness_sequences",
    "words_of",
]
