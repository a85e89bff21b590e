"""docs/claims.md shows the claims that there are, with their twins, records and sums."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from properties import records
from properties.claim import GRADES
from properties.claims import CLAIMS
from properties.results import ratio

PAGE = Path(__file__).parents[2] / "docs" / "claims.md"
TABLE = PAGE.read_text().split("```text\n", 1)[1].split("```", 1)[0]
ROW = re.compile(r"([a-z][a-z0-9.-]+)\s+(< 1|inf|[0-9.e+-]+)\s+(\d+)/(\d+)\s+(verified|refuted)")
DRAWN = re.compile(r"^  ([a-z0-9.-]+) +1/\d+ +(\d+) .* (\d+)/(\d+) +(verified)$", re.M)


def parts():
    """The part of each grade."""
    heads = [TABLE.index(f"{grade}: ") for grade in GRADES] + [TABLE.index("\ntightness")]
    return {g: TABLE[a:b] for g, a, b in zip(GRADES, heads, heads[1:], strict=False)}


def record_of(claim):
    return records.load(claim.identifier) if claim.searched else None


RECORDED = {
    i: record_of(claim)
    for i, claim in CLAIMS.items()
    if claim.expected == "verified" and record_of(claim) is not None
}


def twins(claim):
    """How many twins a claim has, the one that its record gives included."""
    record = record_of(claim)
    tightened = claim.tightening is not None and record is not None and 0 < record.ratio <= 1
    return len(claim.twins) + tightened


@pytest.mark.parametrize("grade", GRADES)
def test_every_claim_of_a_grade_is_shown_with_its_twins_and_verdict(grade):
    part = parts()[grade]
    rows = (DRAWN if grade == "statistical" else ROW).findall(part)
    found = [(name, *rest) for name, _, *rest in rows]
    shown = {name: (int(refuted), int(all_), word) for name, refuted, all_, word in found}
    wanted = {i: c for i, c in CLAIMS.items() if c.grade == grade}
    assert len(shown) == len(found)
    assert shown == {i: (twins(c), twins(c), c.expected) for i, c in wanted.items()}
    assert part.startswith(f"{grade}: {len(wanted)} claims")


def test_as_many_runs_are_shown_as_a_statistical_claim_has():
    shown = {name: int(runs) for name, runs, *_ in DRAWN.findall(parts()["statistical"])}
    assert shown == {i: c.trials.runs for i, c in CLAIMS.items() if c.trials is not None}


def test_ratios_are_those_on_record():
    shown = {m[0]: m[1] for m in ROW.findall(parts()["searched"] + parts()["exact law"])}
    wanted = {i: ratio(record.ratio, 3) for i, record in RECORDED.items()}
    assert {i: shown[i] for i in wanted} == wanted


def test_the_sums_are_those_of_the_claims():
    every = sum(map(twins, CLAIMS.values()))
    assert f"\n{len(CLAIMS)} of {len(CLAIMS)} claims came out as expected; " in TABLE
    assert f"; {every} of {every} twins refuted; " in TABLE


def test_the_tightness_table_has_every_record_below_one_and_above_zero():
    rows = TABLE[TABLE.index("\ntightness") :]
    shown = {}
    for line in rows.splitlines():
        match = re.match(r"  ([a-z0-9.-]+) .*? (< 1|[0-9.e+-]+) +[0-9.e+-]+$", line)
        if match:
            shown[match[1]] = match[2]
    wanted = {i: ratio(record.ratio) for i, record in RECORDED.items() if 0 < record.ratio <= 1}
    assert {i: shown[i] for i in wanted} == wanted
