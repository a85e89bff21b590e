"""All claims, in the order of the paper.  A new claim is one entry in one of these modules."""

from properties.claim import Claim
from properties.claims import (
    access,
    boolean,
    contrast,
    learner,
    models,
    potential,
    queries,
    softmax,
    spanners,
    theorem,
    transfer,
    validation,
)
from properties.instances import register

_MODULES = (
    models,
    contrast,
    softmax,
    potential,
    spanners,
    validation,
    learner,
    queries,
    transfer,
    access,
    theorem,
    boolean,
)

CLAIMS: dict[str, Claim] = {
    claim.identifier: claim for module in _MODULES for claim in module.CLAIMS
}

# dataclasses that instances are made of, so that records can hold them
register(
    access.Coin,
    boolean.Functions,
    queries.Layered,
    queries.NoisySize,
    queries.Root,
    queries.Size,
    theorem.Approximate,
    theorem.Promise,
    validation.Rates,
    validation.Sample,
    validation.Sizes,
    validation.Variable,
)
