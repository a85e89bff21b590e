"""Strategies for the theory's objects, claims about them, and the search that breaks them."""

from properties.claim import Claim, Measurement, Twin, Verdict, search, verify_claim
from properties.scenarios import Scenario, run, scenarios
from properties.strategies import (
    copies,
    fourier_sparse,
    isans,
    logit_pairs,
    low_rank_matrices,
    noisy_parities,
    rationals,
    row_families,
    seeds,
    spikes,
    tabulated_models,
    targets,
    wide_rationals,
    words_of,
)

__all__ = [
    "Claim",
    "Measurement",
    "Scenario",
    "Twin",
    "Verdict",
    "copies",
    "fourier_sparse",
    "isans",
    "logit_pairs",
    "low_rank_matrices",
    "noisy_parities",
    "rationals",
    "row_families",
    "run",
    "scenarios",
    "search",
    "seeds",
    "spikes",
    "tabulated_models",
    "targets",
    "verify_claim",
    "wide_rationals",
    "words_of",
]
