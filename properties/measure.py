"""Combining measurements."""

from __future__ import annotations

from collections.abc import Sequence

from properties.claim import Measurement


def worst(found: Sequence[Measurement]) -> Measurement:
    """Return a measurement that fails if any does, else the one nearest to failing."""
    for measurement in found:
        if not measurement.holds():
            return measurement
    return max(found, key=Measurement.ratio)
