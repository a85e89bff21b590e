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

import llr
from bounds import STATEMENTS
from properties.claims import CLAIMS

PAGE = Path(__file__).parents[2] / "docs" / "theorem-to-code.md"

NUMBER = r"\d+(?:\.\d+)?|[A-Z]\.\d+"
KINDS = ("Fact", "Def", "Algorithm", "sec.", "Lemma", "Remark", "Theorem", "Corollary")
NAMED = re.compile(
    rf"\b({'|'.join(map(re.escape, KINDS))})s?\s+((?:{NUMBER})(?:(?:,| and)\s+(?:{NUMBER}))*)"
)
PAPERS = ("[P]", "[S]", "[M]", "ours")

HEAD = """# From theorem to code

Made from the sources that docstrings, statements and claims name. *Code* computes it, *bounds* has
it as a right-hand side with its mark, and *claims* try to break it: each must be verified, those in
italics, printed forms known to be false, must be refuted. **[P]** is arXiv 2512.09892, **[S]** is
arXiv 2510.24966, **[M]** S. Mausberg (2026); what is ours has its proof in the docstring of its
right-hand side.

| statement | code | bounds | claims | status |
|---|---|---|---|---|
"""


def numbers(source: str) -> list[tuple[str, str]]:
    """Return the paper and the numbered statements that a source names.

    >>> numbers("[P] Lemmas 5.8 and 5.9 together")
    [('[P]', 'Lemma 5.8'), ('[P]', 'Lemma 5.9')]
    >>> numbers("[M], hard teacher"), numbers("needle lower bound")
    ([('[M]', '')], [('ours', '')])
    """
    paper = next((p for p in PAPERS[:-1] if p in source), "ours")
    if paper == "ours":
        return [("ours", "")]
    text = source[source.index(paper) :]
    found = [
        (paper, f"{kind} {number}")
        for kind, listed in NAMED.findall(text)
        for number in re.findall(NUMBER, listed)
    ]
    return found or [(paper, "")]


def documented() -> Iterator[tuple[str, str]]:
    """Yield the public names of ``llr`` whose docstrings name a source, and the source."""
    for module in pkgutil.walk_packages(llr.__path__, "llr."):
        loaded = importlib.import_module(module.name)
        for name, member in inspect.getmembers(loaded):
            own = getattr(member, "__module__", None) == module.name
            code = inspect.isclass(member) or inspect.isroutine(member)
            if not own or not code or name.startswith("_"):
                continue
            source = re.search(r"Source: (.*?)(?:\n\n|\Z)", inspect.getdoc(member) or "", re.S)
            if source:
                yield f"{module.name}.{name}", " ".join(source.group(1).split())


def order(key: tuple[str, str]) -> tuple[object, ...]:
    """Sort by paper, then by number, then by kind."""
    paper, named = key
    kind, _, number = named.partition(" ")
    parts = tuple((not p.isdigit(), p.zfill(3)) for p in number.split("."))
    return PAPERS.index(paper), parts, KINDS.index(kind) if kind else -1


def page() -> str:
    """Return the page."""
    rows: dict[tuple[str, str], tuple[list[str], list[str], list[str]]] = {}

    def put(source: str, column: int, text: str) -> None:
        for key in dict.fromkeys(numbers(source)):
            cell = rows.setdefault(key, ([], [], []))[column]
            if text not in cell:
                cell.append(text)

    for name, source in documented():
        put(source, 0, f"`{name}`")
    for s in STATEMENTS.values():
        put(s.source, 1, f"`{s.function.__module__}.{s.function.__name__}` ({s.mark})")
    for claim in CLAIMS.values():
        shown = f"*{claim.identifier}*" if claim.expected == "refuted" else claim.identifier
        put(claim.source, 2, shown)
    lines = []
    for key in sorted(rows, key=order):
        cells = [", ".join(cell) for cell in rows[key]]
        refuted = "*" in cells[2]
        others = any(not name.startswith("*") for name in rows[key][2])
        status = ["refuted as printed"] * refuted + ["verified"] * others
        cells.append(", ".join(status))
        lines.append("| " + " | ".join([" ".join(key).strip(), *cells]) + " |")
    return HEAD + "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
