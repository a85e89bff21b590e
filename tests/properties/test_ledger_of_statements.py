"""No statement without a claim that tries to break it, no claim that cites what is not there."""

from __future__ import annotations

import inspect
from dataclasses import replace
from functools import partial
from itertools import islice

import numpy as np
import pytest
from flint import fmpq
from hypothesis import strategies as st

from bounds import STATEMENTS
from bounds.softmax import softmax_linear
from bounds.statement import MARKS, substituted
from properties import records
from properties.claim import GRADES, Claim, Measurement, measure_all, search
from properties.claims import CLAIMS

WITHOUT_STATEMENT = {
    # counts of violations, or equalities: the right-hand side is 0
    "fact-1.1-realization": "logits that differ",
    "cut-ranks-polynomial": "ranks that differ",
    "cut-ranks-families": "ranks above those that the table of families lists",
    "chain-program-split": "prefixes whose feasibility differs",
    "feasibility-monotone": "feasible prefixes with an infeasible shorter one",
    "telescope": "entries where an identity fails",
    "witness-new": "witnesses that are not new",
    "lemma-5.12": "queries of another shape",
    "def-1.2": "entries of another value",
    "ledger": "calls that are counted wrongly",
    "distances": "distances that differ",
    "sampler": "words that differ",
    "drawn-words": "words that differ, and prefixes asked for",
    "units": "comparisons and numbers of units that are wrong",
    "units-drawn": "2^-65 and 2^-51, numbers",
    "many-draws": "2^-54 + 2^-64, numbers",
    "sampled-oracle": "answers that differ",
    "ledger-refuses": "faults that pass",
    "family-laws": "logits that differ",
    "certificate-checked": "certificates that are judged wrongly",
    "certificate-words": "what the certificate's words show",
    "certificate-floats": "T / 2^39, and Z in exact arithmetic",
    "certificate-bets": "delta",
    "certificate-failures": "delta",
    "float-programs": "the box of the program",
    "noise-kept": "20 T xi, the threshold of the run with xi",
    "limits-kept": "the limits of the run",
    "accepted-promise": "epsilon, shares of delta, and the words of the run",
    "learning-shares": "epsilon, and shares of delta",
    "tolerant-words": "words that are too many or too few",
    "lean-slight-noise": "runs without acceptance, and histories beyond the ranks",
    "certified-spanner": "the 2 of the definition",
    "plain-recursion": "logits that differ",
    "needle-unseen": "queries and logits that differ",
    "program-order": "solutions that depend on the order of calls",
    "giving-up": "prefixes that are not uniform, and failures that are not reported",
    "algorithm-2-silent": "calls",
    "algorithm-2-uniform": "tokens that are not uniform",
    "exact-recovery": "prefixes that are wrong or undefined",
    "slip-one-future": "prefixes that are wrong or undefined",
    "slip-one-token-table": "prefixes that are wrong or undefined",
    "slip-early-accept": "prefixes that are wrong or undefined",
    "slip-early-accept-word": "prefixes that are wrong or undefined",
    "slip-short-loop": "prefixes that are wrong or undefined",
    "lean-hidden-rank": "ranks, bases and rows that differ",
    "lean-stem-progress": "stems that raise no rank",
    "lean-exchanges": "the 2 of the definition, squared, on the measured side",
    "network-and-programs": "logits that differ",
    "lean-counts": "queries that are counted wrongly",
    "lean-telescope": "entries where an identity fails",
    "lean-recovery": "a distance of 0",
    "lean-lemma-5.12": "queries of another shape",
    "every-word-small": "prefixes where the model is not the target",
    # the right-hand side is part of the objects: nothing is computed
    "fact-1.1-dimension": "the largest cut rank",
    "fact-1.1-converse": "the dimension",
    "mixed-rank": "ranks of the same model on both sides",
    "hidden-markov-rank": "the number of hidden states",
    "def-5.2": "the 2 of the definition",
    "spanner-exchanges": "the 2 of the algorithm, squared, on the measured side",
    "pool-growth": "the 2 of the definition, squared, on the measured side",
    "pool-powers": "the number of rows that were added",
    "lemma-5.7-simpler": "log(1/delta) / n",
    "spanner-columns": "volumes of the same rows on both sides",
    "acceptance": "the threshold of the run",
    "def-4.1": "the oracle's own xi",
    "residual-noise": "xi and the basis sizes of the run",
    "lean-basis": "the cut ranks",
    "lean-acceptance": "the threshold of the run",
    "batch-law": "2^-40, a number",
}
"""Claims that cite no statement, and what stands on their right-hand side.

A claim on all small ISANs, "X-small", has what X has there.
"""

MEASURED = {
    # claim: statements that it evaluates on its measured side, which other claims are about
    "lemma-5.2-mausberg": {"lemma-5.2"},
    "lemma-5.2-printed": {"lemma-5.2"},
    "lemma-5.7-simpler": {"lemma-5.7-sharp"},
    "scalar-lower-bound": {"remark-5.8-binary"},
    "theorem-5.11-printed": {"lemma-5.10", "parameters"},
    "theorem-5.11-mausberg": {"lemma-5.10", "parameters"},
    "lemma-5.6-printed": {"parameters"},
    "parameters-printed": {"parameters"},
    "parameters": {"alpha"},
    "parameters-shares": {"lemma-5.2"},
    "parameters-least": {"lemma-5.2"},
    "theorem-5.11-plain": {"alpha"},
    "theorem-5.11-tolerant": {"alpha"},
    "theorem-5.14-run": {"alpha"},
    "remark-5.8-drawn": {"remark-5.8-floor"},
}

NOT_EVALUATED = {
    "lemma-5.1-forbids": "both sides for 801 values of lam, by a function of their own",
    "certificate-drawn": "the limit in the certificate, which the library computes itself",
    "lemma-5.7-drawn": "p; the statement's number of words is the library's own",
    "lean-drawn": "p; the statement's number of words is the library's own",
    "attempts-drawn": "p; the statement's numbers of words are the library's own",
    "needle-rank": "the rank 1 of the statement, which its function does not return",
}
"""Claims that cite a statement without evaluating its right-hand side."""

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
        record = records.load(identifier)
        assert claim.twins or (record is not None and 0 < record.ratio <= 1)
    names = [twin.name for twin in claim.twins]
    assert len(set(names)) == len(names)
    assert all(names)


def test_no_twin_is_the_claim_itself():
    for claim in CLAIMS.values():
        for twin in claim.twins:
            assert twin.check is not claim.check or twin.strategy is not None


def test_the_first_claims_are_all_there():
    assert set(LEARNER_CLAIMS) <= set(CLAIMS)


def of_all(identifier: str) -> str:
    """The claim that is listed on all small ISANs, "X-small", is searched for as X."""
    general = identifier.removesuffix("-small")
    return general if general in CLAIMS else identifier


def used(claim: Claim, examples: int = 4) -> set[str]:
    """The statements that a check evaluates: on the record and a few instances, or in one run."""
    seen: set[str] = set()

    def noted(identifier, function, *args, **kwargs):
        seen.add(identifier)
        return function(*args, **kwargs)

    functions = {i: partial(noted, i, s.function) for i, s in STATEMENTS.items()}
    record = records.load(claim.identifier)
    with substituted(functions):
        if claim.trials is not None:
            measure_all([np.random.default_rng(0)], claim.check)
        elif claim.instances is not None:
            measure_all(islice(claim.instances("quick"), 3 * examples), claim.check)
        else:
            if record is not None:
                search(st.just(record.instance), claim.check, 1, 0, shrink=False)
            search(claim.strategy(), claim.check, examples, 0, shrink=False)
    return seen


@pytest.mark.long
@pytest.mark.parametrize("identifier", list(CLAIMS))
def test_a_claim_cites_the_statements_that_it_evaluates(identifier):
    claim = CLAIMS[identifier]
    found = used(claim)
    assert found <= set(claim.statements) | MEASURED.get(identifier, set())
    if of_all(identifier) not in NOT_EVALUATED:
        assert set(claim.statements) <= found


def test_a_claim_that_does_not_cite_what_it_uses_is_found_out():
    def check(n: fmpq) -> Measurement:
        return Measurement(Measurement.of(0).measured, softmax_linear(n))

    liar = replace(
        CLAIMS["def-5.2"],
        identifier="liar",
        strategy=lambda: st.integers(0, 9).map(fmpq),
        check=check,
    )
    assert not liar.statements
    assert used(liar) == {"lemma-5.3-linear"}


def test_claims_without_a_statement_are_listed_with_the_reason():
    found = {n for n, c in CLAIMS.items() if not c.statements}
    assert {of_all(n) for n in found} == set(WITHOUT_STATEMENT)
    assert all(WITHOUT_STATEMENT.values())


def test_every_exception_is_one_still():
    assert set(MEASURED) | set(NOT_EVALUATED) <= set(CLAIMS)
    for identifier, statements in MEASURED.items():
        assert statements <= set(STATEMENTS)
        assert not statements & set(CLAIMS[identifier].statements)


def test_every_statement_is_evaluated_by_a_claim_that_cites_it():
    for identifier in STATEMENTS:
        citing = [c.identifier for c in CLAIMS.values() if identifier in c.statements]
        assert {of_all(c) for c in citing} - set(NOT_EVALUATED), identifier


def test_every_grade_is_a_known_one():
    assert {c.grade for c in CLAIMS.values()} <= set(GRADES)
