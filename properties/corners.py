"""The nasty corners of models, small enough for the claims that search them."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from llr.models.isan import Isan
from properties.strategies import Span, isans, layered_isans, targets


def corner_isans(*, horizons: Span) -> SearchStrategy[Isan]:
    """Return ISANs whose rank drops and rises, with huge and tiny logits, or with 4 to 8 tokens.

    Args:
        horizons: least and largest T; models of 4 to 8 tokens have T <= 2, or the least T if that
            is more.
    """
    least, largest = horizons
    return st.one_of(
        layered_isans(horizons=horizons),
        isans(horizons=horizons, dimensions=(1, 2), wide=True),
        isans(
            horizons=(least, max(least, min(2, largest))),
            alphabet_sizes=(4, 8),
            dimensions=(1, 2),
        ),
    )


def all_targets(*, horizons: Span = (1, 4)) -> SearchStrategy[Isan]:
    """Return targets of every family, and at the corners; those at the corners have T >= 3.

    Args:
        horizons: least and largest T; the largest is at least 3.
    """
    least, largest = horizons
    return st.one_of(targets(horizons=horizons), corner_isans(horizons=(max(3, least), largest)))
