"""Griffe extension: docstrings are plain text, and what looks like Markdown in them is none."""

from __future__ import annotations

import re
from typing import Any

from griffe import Extension, Module, Object

SHARED = re.compile(r"^( +)(\*{0,2}\w+(?:, \*{0,2}\w+)+):(.*(?:\n\1 +\S.*)*)", re.M)
ROLE = re.compile(r":(?:func|class|meth|data|mod):(?=`)")
CODE = re.compile(r"(``.+?``|`[^`]+`)", re.S)
SPECIAL = re.compile(r"([\[\]>\\]|\*(?!\*?\w+:))")


class PlainDocstrings(Extension):
    """Give every parameter an entry of its own, fence examples, and escape the rest."""

    def on_package(self, *, pkg: Module, **_: Any) -> None:
        """Rewrite the docstrings of a package."""
        rewrite(pkg)


def rewrite(item: Object) -> None:
    """Rewrite an object's docstring and those of its members."""
    if item.docstring is not None:
        item.docstring.value = readable(item.docstring.value)
    for member in item.members.values():
        if not member.is_alias:
            rewrite(member)


def readable(text: str) -> str:
    """Return a docstring as Markdown."""
    text = ROLE.sub("", SHARED.sub(_one_by_one, text))
    paragraphs = text.split("\n\n")
    return "\n\n".join(
        _fenced(p) if p.lstrip().startswith(">>>") else _escaped(p) for p in paragraphs
    )


def _one_by_one(match: re.Match[str]) -> str:
    indent, names, rest = match.groups()
    return "\n".join(f"{indent}{name}:{rest}" for name in names.split(", "))


def _fenced(paragraph: str) -> str:
    return f"```pycon\n{paragraph}\n```"


def _escaped(paragraph: str) -> str:
    parts = CODE.split(paragraph)
    parts[::2] = [SPECIAL.sub(r"\\\1", part).replace("<", "&lt;") for part in parts[::2]]
    return "".join(parts)
