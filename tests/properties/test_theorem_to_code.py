"""The page "from theorem to code" says what stands in the code."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

_SPEC = importlib.util.spec_from_file_location(
    "theorem_to_code", Path(__file__).with_name("theorem_to_code.py")
)
made = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(made)


PAPER = """
Fact 1.1, Def 1.2, Def 1.3, Def 1.4, Def 1.5, Def 1.6, Def 1.7, Eq. 2, Fig. 1, Def 3.1
Def 4.1, Def 4.2, sec. 4, Algorithm 1, Algorithm 2, Algorithm 3, program (10), Eq. 11, test (15)
sec. 5.2, Lemma 5.1, Def 5.2, Lemma 5.2, Def 5.3, Lemma 5.3, Lemma 5.5, Lemma 5.6, Lemma 5.7
Lemma 5.8, Remark 5.8, Lemma 5.9, Remark 5.9, Lemma 5.10, Theorem 5.11, Lemma 5.12, Theorem 5.14
Corollary 5.15, Problem 6.1, Problem 6.2
"""
"""What the paper numbers and this library is about, written down by hand."""

BEFORE = ("Theorem 4.3", "Fact B.2", "sec. 3")
"""The same of [S]."""


def rows():
    """Return the cells of the page as it lies there, by statement."""
    lines = made.PAGE.read_text(encoding="utf-8").splitlines()
    cells = [[c.strip() for c in x.strip("|").split(" | ")] for x in lines if x.startswith("| ")]
    assert cells[0] == ["statement", "code", "bounds", "claims", "status"]
    return {first: rest for first, *rest in cells[1:]}


def named(cell):
    return re.findall(r"`([\w.]+)`", cell)


def test_every_numbered_statement_has_a_row_and_no_other_number_has():
    listed = {f"[P] {x.strip()}" for line in PAPER.strip().splitlines() for x in line.split(",")}
    listed |= {f"[S] {x}" for x in BEFORE}
    assert len(listed) == 39 + 3
    assert set(rows()) - {"[P]", "[S]", "[M]", "ours"} == listed


def test_every_row_says_who_has_it_and_what_became_of_it():
    for statement, (code, bounds, claims, status) in rows().items():
        functions = named(code) + named(bounds)
        assert functions or claims, statement
        for function in functions:
            module, _, name = function.rpartition(".")
            assert callable(getattr(importlib.import_module(module), name)), function
        modules = {f.rpartition(".")[0] for f in functions}
        assert set(named(status)) <= modules, statement
        kind = statement.split()[1] if " " in statement else ""
        if kind in ("Def", "Eq.", "Fig.", "Algorithm", "program", "test"):
            assert named(status), statement
        elif kind == "Problem":
            assert status.startswith("open")
        elif kind != "sec.":
            assert status.endswith("verified"), statement


def test_what_is_false_in_print_is_what_the_report_lists():
    lists = {s: c for s, c in rows().items() if "refuted as printed" in c[3]}
    assert {s: re.findall(r"\*([\w.-]+)\*", c[2]) for s, c in lists.items()} == {
        "[P] Algorithm 1": [
            *("slip-one-future", "slip-one-token-table"),
            *("slip-early-accept", "slip-early-accept-word", "slip-short-loop"),
        ],
        "[P] Lemma 5.7": ["lemma-5.7-printed"],
    }
    assert rows()["[P] Lemma 5.12"][3] == "verified"
    assert "lean-lemma-5.12 (true in its place, refuted here)" in rows()["[P] Lemma 5.12"][2]


def test_the_page_is_current():
    assert made.PAGE.read_text(encoding="utf-8") == made.page()


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("[P] Lemmas 5.8 and 5.9 together", [("[P]", "Lemma 5.8"), ("[P]", "Lemma 5.9")]),
        ("[P] Remark 5.8, constant after [M]", [("[P]", "Remark 5.8")]),
        ("[P] Theorem 5.11 and sec. 5.2", [("[P]", "Theorem 5.11"), ("[P]", "sec. 5.2")]),
        ("[S] Fact B.2, best constant", [("[S]", "Fact B.2")]),
        ("[P] Fact 1.1; [S] Theorem 4.3", [("[P]", "Fact 1.1"), ("[S]", "Theorem 4.3")]),
        ("[P] Algorithm 1; false", [("[P]", "Algorithm 1")]),
        ("[P] Def 4.2; [M], volume", [("[P]", "Def 4.2"), ("[M]", "")]),
        ("[P] Theorem 5.14, by Lemma 5.12 and Markov", [("[P]", "Theorem 5.14")]),
        ("[P] Remark 5.9, constant from Remark 5.8", [("[P]", "Remark 5.9")]),
        ("[P] Def 1.7 and Eq. 11", [("[P]", "Def 1.7"), ("[P]", "Eq. 11")]),
        ("[P] program (10)", [("[P]", "program (10)")]),
        ("[M], hard teacher", [("[M]", "")]),
        ("needle lower bound", [("ours", "")]),
    ],
)
def test_the_numbers_of_a_source(source, expected):
    assert made.numbers(source) == expected


def test_every_statement_and_every_claim_is_on_the_page():
    page = made.page()
    for s in made.STATEMENTS.values():
        assert f"`{s.function.__module__}.{s.function.__name__}`" in page
    shown = set(re.findall(r"[\w.-]+", page))
    assert set(made.CLAIMS) <= shown
