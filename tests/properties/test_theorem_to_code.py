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


def test_the_page_is_current():
    assert made.PAGE.read_text(encoding="utf-8") == made.page()


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("[P] Lemmas 5.8 and 5.9 together", [("[P]", "Lemma 5.8"), ("[P]", "Lemma 5.9")]),
        ("[P] Remark 5.8, constant after [M]", [("[P]", "Remark 5.8")]),
        ("[P] Theorem 5.11 and sec. 5.2", [("[P]", "Theorem 5.11"), ("[P]", "sec. 5.2")]),
        ("[S] Fact B.2, best constant", [("[S]", "Fact B.2")]),
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


def test_the_main_results_have_claims():
    rows = {line.split(" | ")[0].removeprefix("| "): line for line in made.page().splitlines()}
    for named in ("Lemma 5.3", "Lemma 5.7", "Lemma 5.9", "Theorem 5.11", "Corollary 5.15"):
        assert "verified |" in rows[f"[P] {named}"]
    assert "refuted as printed, verified" in rows["[P] Lemma 5.7"]
