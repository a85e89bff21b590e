"""Necessity: drop one assumption of a claim and look for the smallest counterexample."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import rich.table
from hypothesis.strategies import SearchStrategy

from llr.errors import InputError
from llr.screen import table
from properties.claim import PROFILES, Check, Measurement, search, shown
from properties.results import MAYBE, NUMBER, TEXT, WHOLE, check_fields


@dataclass(frozen=True)
class Necessity:
    """One assumption of one claim, and what the claim says without it.

    Attributes:
        assumption: what is dropped.
        claim: identifier of the claim that assumes it.
        strategy: instances.
        kept: the claim; must hold on every instance that the search tries.
        dropped: the claim without the assumption.
        control: a false form of the claim on the same instances, assumption in force.  If it is
            not found out, "none found" means nothing.
        expected: "needed" or "none found".
        remark: what the assumption does in the proof, or how the algorithm was changed.
        examples: how many instances to try at most, at profile ci; a search ends where it finds.
    """

    assumption: str
    claim: str
    strategy: SearchStrategy[Any]
    kept: Check
    dropped: Check
    control: Check
    remark: str
    expected: str = "needed"
    examples: int = 1500

    @property
    def identifier(self) -> str:
        """What tells it from others."""
        return f'{self.claim} without "{self.assumption}"'


@dataclass(frozen=True)
class NecessityVerdict:
    """What the search without an assumption found.

    Attributes:
        necessity: what was searched.
        verdict: "needed" (a counterexample was found), "none found", "undecided", or "claim broken"
            (an instance broke the claim with the assumption in force).
        tried: instances measured.
        counterexample: the smallest one found, or an empty string.
        measured, bound: its two sides, rounded; None without a counterexample.
        control: tries after which the control was found out, or None if it was not.
        seed: of the searches.
        seconds: time taken.
    """

    necessity: Necessity
    verdict: str
    tried: int
    counterexample: str
    measured: float | None
    bound: float | None
    control: int | None
    seed: int
    seconds: float = field(compare=False)

    @property
    def passed(self) -> bool:
        """True if the verdict is the expected one and the control was found out."""
        return self.verdict == self.necessity.expected and self.control is not None

    def as_json(self) -> dict[str, Any]:
        """Return the verdict as a JSON value."""
        return {
            "assumption": self.necessity.assumption,
            "claim": self.necessity.claim,
            "verdict": self.verdict,
            "expected": self.necessity.expected,
            "tried": self.tried,
            "counterexample": self.counterexample,
            "measured": self.measured,
            "bound": self.bound,
            "control_found_after": self.control,
            "remark": self.necessity.remark,
            "seed": self.seed,
            "seconds": round(self.seconds, 3),
        }


class _ClaimBrokenError(Exception):
    """The claim failed with its assumption in force."""


def drop(necessity: Necessity, *, profile: str = "ci", start: int = 0) -> NecessityVerdict:
    """Search for a counterexample without the assumption, and for the control's.

    No profile tries fewer instances than ci: a search that stops short would say nothing.

    Args:
        necessity: what to drop.
        profile: "quick", "ci" or "nightly".
        start: seed of both searches.

    Raises:
        InputError: no such profile.
    """
    if profile not in PROFILES:
        raise InputError("profile", profile, "one of " + ", ".join(PROFILES))
    began = time.perf_counter()
    examples = int(necessity.examples * max(1, PROFILES[profile]))
    broken: list[Any] = []

    def both(instance: Any) -> Measurement:
        if not necessity.kept(instance).holds():
            broken.append(instance)
            raise _ClaimBrokenError
        return necessity.dropped(instance)

    try:
        found = search(necessity.strategy, both, examples, start)
    except _ClaimBrokenError:
        verdict, tried, counterexample, refutation = "claim broken", 0, broken[-1], None
    else:
        tried, counterexample, refutation = found.tried, found.counterexample, found.refutation
        verdict = "needed" if found.refuted else "none found"
        if found.undecided is not None and not found.refuted:
            verdict = "undecided"
    control = search(necessity.strategy, necessity.control, examples, start)
    return NecessityVerdict(
        necessity,
        verdict,
        tried,
        shown(counterexample),
        None if refutation is None else float(refutation.measured),
        None if refutation is None else float(refutation.bound),
        control.tried if control.refuted else None,
        start,
        time.perf_counter() - began,
    )


_FIELDS = {
    **dict.fromkeys(("assumption", "claim", "verdict", "expected", "counterexample"), TEXT),
    **dict.fromkeys(("tried", "seed"), WHOLE),
    **dict.fromkeys(("measured", "bound"), NUMBER + MAYBE),
    "control_found_after": WHOLE + MAYBE,
    "seconds": NUMBER,
}


def restored(value: Any, known: Iterable[Necessity], where: str) -> NecessityVerdict:
    """Return the verdict of which a JSON value was made.

    Args:
        value: see :meth:`NecessityVerdict.as_json`.
        known: what it may be about.
        where: it was found, for messages.

    Raises:
        InputError: the value has another form, or is about something else.
    """
    check_fields(value, _FIELDS, where)
    for necessity in known:
        if (necessity.claim, necessity.assumption) == (value["claim"], value["assumption"]):
            names = ("verdict", "tried", "counterexample", "measured", "bound")
            rest = ("control_found_after", "seed", "seconds")
            return NecessityVerdict(necessity, *(value[name] for name in (*names, *rest)))
    raise InputError(where, value["assumption"], "an assumption of the claims of this run")


def necessity_table(verdicts: Sequence[NecessityVerdict]) -> rich.table.Table:
    """Return one row per assumption."""
    columns = ("claim", "assumption dropped", "verdict", "tries", "control", "measured", "bound")
    found = table("necessity", *columns)
    for v in verdicts:
        colour = "green" if v.passed else "red"
        found.add_row(
            v.necessity.claim,
            v.necessity.assumption,
            f"[{colour}]{v.verdict}[/]",
            str(v.tried),
            "SURVIVED" if v.control is None else f"found in {v.control}",
            "" if v.measured is None else f"{v.measured:.4g}",
            "" if v.bound is None else f"{v.bound:.4g}",
        )
    return found


def outcome(verdict: NecessityVerdict) -> str:
    """Return what the search found, in a sentence or two."""
    if verdict.counterexample:
        found = f"smallest counterexample: {verdict.counterexample}"
    else:
        found = f"{verdict.verdict} in {verdict.tried} tries"
    return f"{verdict.necessity.identifier} ({verdict.necessity.remark}): {found}"
