"""Every lemma and theorem as code: right-hand sides as plain functions, hypotheses checked.

``STATEMENTS`` lists them all.  Nothing here runs a learner.
"""

from bounds import (
    access,
    boolean,
    parameters,
    potential,
    queries,
    softmax,
    spanner,
    theorem,
    transfer,
    validation,
)
from bounds.statement import STATEMENTS, HypothesisError, Statement

__all__ = [
    "STATEMENTS",
    "HypothesisError",
    "Statement",
    "access",
    "boolean",
    "parameters",
    "potential",
    "queries",
    "softmax",
    "spanner",
    "theorem",
    "transfer",
    "validation",
]
