"""All claims, in the order of the paper.  A new claim is one entry in one of these modules."""

from properties.claim import Claim
from properties.claims import (
    access,
    boolean,
    contrast,
    lean,
    learner,
    models,
    necessity,
    potential,
    queries,
    slips,
    softmax,
    spanners,
    theorem,
    transfer,
    validation,
)

_MODULES = (
    models,
    contrast,
    softmax,
    potential,
    spanners,
    validation,
    learner,
    necessity,
    slips,
    lean,
    queries,
    transfer,
    access,
    theorem,
    boolean,
)

CLAIMS: dict[str, Claim] = {
    claim.identifier: claim for module in _MODULES for claim in module.CLAIMS
}
