"""All claims, in the order of the paper.  A new claim is one entry in one of these modules."""

from properties.claim import Claim
from properties.claims import (
    access,
    boolean,
    certificates,
    choices,
    components,
    contrast,
    drawing,
    exhaustive,
    lean,
    learner,
    literal,
    models,
    necessity,
    potential,
    queries,
    returned,
    slips,
    softmax,
    spanners,
    statistics,
    theorem,
    transfer,
    units,
    validation,
)
from properties.exhaustive import SmallIsan
from properties.instances import register

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
    returned,
    lean,
    queries,
    transfer,
    access,
    theorem,
    boolean,
    certificates,
    statistics,
    components,
    drawing,
    units,
    exhaustive,
    choices,
)

CLAIMS: dict[str, Claim] = {
    claim.identifier: claim for module in _MODULES for claim in module.CLAIMS
}

NECESSITIES = (*necessity.NECESSITIES, *literal.NECESSITIES)
"""What the claims need: assumptions, to be dropped one by one."""

# dataclasses that instances are made of, so that records can hold them
register(
    SmallIsan,
    access.Coin,
    boolean.Functions,
    certificates.Bet,
    certificates.Compared,
    certificates.Failures,
    choices.Literal,
    choices.RowLaw,
    choices.Trial,
    components.Asked,
    components.Fault,
    components.Wanted,
    drawing.Drawing,
    drawing.Draws,
    drawing.Estimating,
    lean.Estimates,
    lean.Needle,
    lean.Remembered,
    models.Member,
    necessity.Listed,
    necessity.ListedRun,
    potential.Weighted,
    queries.Layered,
    queries.NoisySize,
    queries.Root,
    queries.Size,
    returned.Accepting,
    returned.Budget,
    returned.Limited,
    returned.Promised,
    slips.SparseTarget,
    theorem.Approximate,
    theorem.Promise,
    units.InUnits,
    validation.Rates,
    validation.Sample,
    validation.Sizes,
    validation.Variable,
)
