"""Right-hand sides as curves, for ``llr compare --plot``."""

from __future__ import annotations

from flint import fmpq

from bounds.parameters import explicit_parameters


def explicit_entries(
    horizon: int, alphabet_size: int, rank: int, epsilon: fmpq, delta: fmpq
) -> float:
    """Return the entries that Algorithm 1 reads at most with the tolerant explicit parameters.

    Source: [P] Theorem 5.11 and Lemma 5.10, explicit.
    """
    found = explicit_parameters(
        horizon=horizon,
        alphabet_size=alphabet_size,
        rank=rank,
        epsilon=epsilon,
        delta=delta,
        tolerant=True,
    )
    return float(found.queries().entries)
