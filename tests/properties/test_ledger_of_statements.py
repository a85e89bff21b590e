"""No statement without a claim that tries to break it, no claim that cites what is not there."""

from __future__ import annotations

import inspect

import pytest

from bounds import STATEMENTS
from bounds.statement import MARKS
from properties.claim import Claim
from properties.claims import CLAIMS

LEARNER_CLAIMS = [
    # the claims about the learner itself
    "fact-1.1-realization",
    "fact-1.1-converse",
    "cut-ranks-families",
    "def-5.2",
    "lemma-5.5",
    "feasibility-monotone",
    "telescope",
    "witness-count",
    "epoch-count",
    "lemma-5.12",
    "lemma-5.9",
    "lemma-5.9-product",
    "lemma-5.3",
]


def cited():
    return {s for claim in CLAIMS.values() for s in claim.statements}


def test_there_are_statements_and_claims():
    assert len(STATEMENTS) >= 9
    assert len(CLAIMS) >= 22


@pytest.mark.parametrize("identifier", list(STATEMENTS))
def test_every_statement_is_cited_by_a_claim(identifier):
    assert identifier in cited()


@pytest.mark.parametrize("identifier", list(CLAIMS))
def test_every_cited_statement_exists(identifier):
    assert set(CLAIMS[identifier].statements) <= set(STATEMENTS)


@pytest.mark.parametrize("identifier", list(CLAIMS))
def test_every_claim_says_what_it_is(identifier):
    claim = CLAIMS[identifier]
    assert isinstance(claim, Claim)
    assert claim.identifier == identifier
    assert claim.mark in MARKS
    assert claim.title
    assert "\n" not in claim.title
    assert claim.source
    assert claim.examples > 0
    assert callable(claim.check)
    assert callable(claim.strategy)


@pytest.mark.parametrize("identifier", list(STATEMENTS))
def test_every_statement_says_what_it_is(identifier):
    found = STATEMENTS[identifier]
    assert found.mark in MARKS
    assert found.source
    assert found.summary
    assert "\n" not in found.summary
    documentation = inspect.getdoc(found.function)
    assert documentation is not None
    if "Raises" in documentation:
        assert "HypothesisError" in documentation


@pytest.mark.parametrize("identifier", [i for i in STATEMENTS if i in CLAIMS])
def test_a_statement_and_a_claim_of_one_name_agree(identifier):
    statement, claim = STATEMENTS[identifier], CLAIMS[identifier]
    assert claim.mark == statement.mark
    assert identifier in claim.statements


@pytest.mark.parametrize("identifier", list(CLAIMS))
def test_every_claim_has_a_twin_or_is_known_to_be_false(identifier):
    claim = CLAIMS[identifier]
    assert claim.expected in ("verified", "refuted")
    if claim.expected == "refuted":
        assert claim.mark == "printed"
    else:
        assert claim.twins
    names = [twin.name for twin in claim.twins]
    assert len(set(names)) == len(names)
    assert all(names)


def test_no_twin_is_the_claim_itself():
    for claim in CLAIMS.values():
        for twin in claim.twins:
            assert twin.check is not claim.check or twin.strategy is not None


def test_the_first_claims_are_all_there():
    assert set(LEARNER_CLAIMS) <= set(CLAIMS)
