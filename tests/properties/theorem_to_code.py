"""The page "from theorem to code", made from docstrings, statements and claims.

``python tests/properties/theorem_to_code.py`` writes it anew.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path

import bounds
import llr
import properties
from bounds import STATEMENTS
from properties.claims import CLAIMS
from properties.results import is_false

PAGE = Path(__file__).parents[2] / "docs" / "theorem-to-code.md"

NUMBER = r"\(?\d+(?:\.\d+)?\)?|[A-Z]\.\d+"
KINDS = (
    *("Eq.", "Fig.", "Fact", "Def", "Algorithm", "program", "test", "sec.", "Lemma", "Remark"),
    *("Theorem", "Corollary", "Problem"),
)
NAMED = re.compile(
    rf"\b({'|'.join(map(re.escape, KINDS))})s?\s+((?:{NUMBER})(?:(?:,| and)\s+(?:{NUMBER}))*)"
)
PAPERS = ("[P]", "[S]", "[M]", "ours")
PART = re.compile(r"(\[[PSM]\])((?:(?!\[[PSM]\]).)*)", re.S)
PROOF = re.compile(r"\b(?:by|from)\b.*", re.S)
"""What a statement follows from is no place of it."""

DEFINITIONS = ("Def", "Eq.", "Fig.", "Algorithm", "program", "test")
"""Kinds of statements that a module makes true; the others are proved or refuted."""

OPEN = {
    ("[P]", "Problem 6.1"): (
        *((), ("theorem-5.14",), ("theorem-5.14", "theorem-5.14-drawn")),
        "open; what Theorem 5.14 allows is verified",
    ),
    ("[P]", "Problem 6.2"): (
        *(("llr.oracles.access.SampledOracle",), ("hard-teacher", "scalar-lower-bound")),
        ("hard-teacher-rank", "hard-teacher-distance", "scalar-lower-bound"),
        "open in print; what is known by [M] is verified",
    ),
}
"""Problems: code, statements and claims that are about them, and what is known."""

HEAD = """# From theorem to code

Made from the sources that docstrings, statements and claims name. *Code* computes it, *bounds* has
it as a right-hand side with its mark, and *claims* try to break it: each must be verified, those in
italics, printed forms known to be false, must be refuted. A definition is what a module says: the
status names it. **[P]** is arXiv 2512.09892, **[S]** is arXiv 2510.24966, **[M]** is S. Mausberg
(2026); what is ours has its proof in the docstring of its right-hand side.

| statement | code | bounds | claims | status |
|---|---|---|---|---|
"""


def numbers(source: str) -> list[tuple[str, str]]:
    """Return the papers and the numbered statements that a source names.

    >>> numbers("[P] Lemmas 5.8 and 5.9 together; [S] Theorem 4.3")
    [('[P]', 'Lemma 5.8'), ('[P]', 'Lemma 5.9'), ('[S]', 'Theorem 4.3')]
    >>> numbers("[M], hard teacher"), numbers("needle lower bound")
    ([('[M]', '')], [('ours', '')])
    """
    found: list[tuple[str, str]] = []
    for piece in source.split(";"):
        for place, (paper, text) in enumerate(PART.findall(piece)):
            named = [
                (paper, f"{kind} {number}")
                for kind, listed in NAMED.findall(PROOF.sub("", text))
                for number in re.findall(NUMBER, listed)
            ]
            # a paper without a number is the source, unless it only repaired or sharpened one
            found += named or [(paper, "")] * (place == 0)
    return found or [("ours", "")]


def documented() -> Iterator[tuple[str, str]]:
    """Yield the public names whose docstrings name one of the papers or us, and the source."""
    for package in (llr, bounds, properties):
        for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
            loaded = importlib.import_module(module.name)
            for name, member in inspect.getmembers(loaded):
                own = getattr(member, "__module__", None) == module.name
                code = inspect.isclass(member) or inspect.isroutine(member)
                if not own or not code or name.startswith("_"):
                    continue
                source = re.search(r"Source: (.*?)(?:\n\n|\Z)", inspect.getdoc(member) or "", re.S)
                if source and any(paper in source.group(1) for paper in PAPERS):
                    yield f"{module.name}.{name}", " ".join(source.group(1).split())


def order(key: tuple[str, str]) -> tuple[object, ...]:
    """Sort by paper, then by number, then by kind."""
    paper, named = key
    kind, _, number = named.partition(" ")
    parts = tuple((not p.isdigit(), p.zfill(3)) for p in number.strip("()").split("."))
    return PAPERS.index(paper), parts, KINDS.index(kind) if kind else -1


def shown_claim(name: str) -> str:
    """Return a claim as the page shows it."""
    claim = CLAIMS[name]
    if claim.expected == "verified":
        return name
    return f"*{name}*" if is_false(claim.source) else f"{name} (true in its place, refuted here)"


def shown_statement(name: str) -> str:
    """Return a right-hand side as the page shows it."""
    s = STATEMENTS[name]
    return f"`{s.function.__module__}.{s.function.__name__}` ({s.mark})"


def status(kind: str, code: list[str], statements: list[str], claims: list[str]) -> str:
    """Return what becomes of a statement."""
    found = []
    if kind in DEFINITIONS or not claims:
        functions = (STATEMENTS[name].function.__module__ for name in statements)
        modules = [name.rpartition(".")[0] for name in code] or list(functions)
        found.append("in " + ", ".join(f"`{module}`" for module in dict.fromkeys(modules)))
    false = [CLAIMS[name].source for name in claims if is_false(CLAIMS[name].source)]
    if false:
        step = "a step of its proof " * all(" inside " in source for source in false)
        found.append(f"{step}refuted as printed")
    if any(CLAIMS[name].expected == "verified" for name in claims):
        found.append("verified")
    return ", ".join(found)


def page() -> str:
    """Return the page."""
    rows: dict[tuple[str, str], tuple[list[str], list[str], list[str]]] = {}

    def put(source: str, column: int, name: str) -> None:
        for key in dict.fromkeys(numbers(source)):
            rows.setdefault(key, ([], [], []))[column].append(name)

    for name, source in documented():
        put(source, 0, name)
    for s in STATEMENTS.values():
        put(s.source, 1, s.identifier)
    for claim in CLAIMS.values():
        put(claim.source, 2, claim.identifier)
    known = {key: status(key[1].partition(" ")[0], *cells) for key, cells in rows.items()}
    for key, (code, statements, claims, what) in OPEN.items():
        rows[key] = list(code), list(statements), list(claims)
        known[key] = what
    lines = []
    for key in sorted(rows, key=order):
        code, statements, claims = rows[key]
        cells = [
            " ".join(key).strip(),
            ", ".join(f"`{name}`" for name in code),
            ", ".join(map(shown_statement, statements)),
            ", ".join(map(shown_claim, claims)),
            known[key],
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return HEAD + "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
