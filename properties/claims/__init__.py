"""All claims, in the order of the paper.  A new claim is one entry in one of these modules."""

from properties.claim import Claim
from properties.claims import (
    learner,
    models,
    potential,
    queries,
    softmax,
    spanners,
    transfer,
    validation,
)

CLAIMS: dict[str, Claim] = {
    claim.identifier: claim
    for module in (models, softmax, potential, spanners, validation, learner, queries, transfer)
    for claim in module.CLAIMS
}
