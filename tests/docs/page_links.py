"""Links of the pages, checked on disk: the files are there, and so are the headings."""

from __future__ import annotations

import re
from pathlib import Path

from shell_pages import FENCE

LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
INLINE_CODE = re.compile(r"`[^`\n]*`")
HEADING = re.compile(r"^#+ +(.+?) *$", re.M)


def anchors(text: str) -> set[str]:
    """Return the anchors of a page's headings.

    >>> sorted(anchors("# A `b`: c-d"))
    ['a-b-c-d']
    """
    found = set()
    for heading in HEADING.findall(FENCE.sub("", text)):
        plain = re.sub(r"[^\w\- ]", "", heading.lower())
        found.add(plain.replace(" ", "-"))
    return found


def broken_links(page: Path, root: Path) -> list[str]:
    """Return the links of a page that lead nowhere, or out of the repository."""
    text = page.read_text(encoding="utf-8")
    broken = []
    for target in LINK.findall(INLINE_CODE.sub("", FENCE.sub("", text))):
        if target.startswith("https://"):
            continue
        name, _, anchor = target.partition("#")
        path = (page.parent / name).resolve() if name else page
        there = path.is_file() and path.is_relative_to(root)
        if not there or (anchor and anchor not in anchors(path.read_text(encoding="utf-8"))):
            broken.append(target)
    return broken
