"""Every sabotaged component is caught by its claim, on an instance shrunk to the defect."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from properties.claim import Measurement, search
from properties.claims import CLAIMS

from .rooms import PIECES, catalogue

SECONDS = 20
"""Of one core."""

NAMES = [piece.name for piece in PIECES]


@pytest.mark.parametrize("piece", PIECES, ids=NAMES)
def test_a_piece_is_caught_and_shrunk(piece):
    began = time.process_time()
    found = piece.hunt()
    assert found is not None, f"{piece.claim} does not catch it"
    assert time.process_time() - began < SECONDS
    assert piece.size.measure(found) == piece.size.smallest, found
    assert piece.harmless(found), f"caught, but not for its defect: {found}"


@pytest.mark.parametrize("piece", [p for p in PIECES if p.known], ids=lambda piece: piece.name)
def test_the_instances_on_record_give_a_piece_away(piece):
    for instance in piece.known:
        with piece.installed():
            assert not piece.measured(instance).holds()
        assert piece.harmless(instance)


def test_there_are_at_least_25_pieces_of_different_names():
    assert len(PIECES) >= 25
    assert len(set(NAMES)) == len(NAMES)


@pytest.mark.parametrize("piece", PIECES, ids=NAMES)
def test_a_piece_has_a_placard_of_one_line_and_a_claim_that_exists(piece):
    assert piece.placard
    assert "\n" not in piece.placard
    assert piece.claim in CLAIMS
    assert len(piece.size.of) == len(piece.size.smallest)


@pytest.mark.parametrize("piece", PIECES, ids=NAMES)
def test_a_piece_replaces_something_unless_print_is_wrong_as_it_stands(piece):
    assert piece.broken or CLAIMS[piece.claim].expected == "refuted"


def test_the_spanners_are_shrunk_to_at_most_three_vectors():
    sizes = [p.size.smallest for p in PIECES if p.size.of == ("vectors",)]
    assert len(sizes) >= 7
    assert max(sizes) <= (3,)


def test_the_catalogue_is_current():
    assert Path(__file__).with_name("README.md").read_text(encoding="utf-8") == catalogue()


def within_a_tolerance(measurement):
    return float(measurement.measured) <= 1.02 * float(measurement.bound)


def test_a_judge_with_a_tolerance_lets_a_twin_survive(monkeypatch):
    claim = CLAIMS["lemma-5.3"]
    tightened = claim.twins[0].check
    assert search(claim.strategy(), tightened, 100, 0).refuted
    monkeypatch.setattr(Measurement, "holds", within_a_tolerance)
    assert not search(claim.strategy(), tightened, 100, 0).refuted
