"""Every claim as a test: ``pytest --pyargs properties`` runs them on the installed package.

The environment variable ``LLR_PROFILE`` says how hard to try: quick, ci (the default) or nightly.
"""

from __future__ import annotations

import os

import pytest

from properties.claim import Verdict, verify_claim
from properties.claims import CLAIMS

PROFILE = os.environ.get("LLR_PROFILE", "ci")


def explained(verdict: Verdict) -> str:
    """Return what went wrong, with the counterexample or the surviving twins."""
    claim = verdict.claim
    lines = [
        f"{claim.identifier}: {verdict.verdict}, expected {claim.expected}",
        f"claim: {claim.title} ({claim.source}, {claim.mark})",
        f"tried: {verdict.tried} instances, profile {PROFILE}, seed {verdict.seed}",
    ]
    if verdict.counterexample:
        lines.append(f"counterexample: {verdict.counterexample}")
    if verdict.worst_instance:
        lines.append(f"worst ratio: {verdict.worst:.6g} at {verdict.worst_instance}")
    lines += [
        f"twin survived {twin.tried} instances: {twin.name}"
        for twin in verdict.twins
        if not twin.refuted
    ]
    return "\n".join(lines)


@pytest.mark.parametrize("identifier", list(CLAIMS))
def test_claim(identifier: str) -> None:
    """The claim comes out as expected: verified, or refuted if it is a known slip in print."""
    verdict = verify_claim(CLAIMS[identifier], profile=PROFILE)
    assert verdict.verdict == verdict.claim.expected, explained(verdict)
    assert all(twin.refuted for twin in verdict.twins), explained(verdict)
