"""How the site's sources are made: docstrings as Markdown, links as they lie on the site."""

from __future__ import annotations

import importlib.util

import pytest
from shell_pages import ROOT


def loaded(name):
    spec = importlib.util.spec_from_file_location(name, ROOT / "docs" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


docstrings, pages = loaded("plain_docstrings"), loaded("site_pages")


@pytest.mark.parametrize(
    ("plain", "expected"),
    [
        ("x in A[t][y] <= 2 * x", r"x in A\[t\]\[y\] &lt;= 2 \* x"),
        ("``A[t][y]`` and :func:`f_g`", "``A[t][y]`` and `f_g`"),
        (
            "Args:\n    a, b: of\n        both.\n    c: not.",
            "Args:\n    a: of\n        both.\n    b: of\n        both.\n    c: not.",
        ),
        (
            "Text.\n\n>>> [1] * 2\n[1, 1]\n\nMore.",
            "Text.\n\n```pycon\n>>> [1] * 2\n[1, 1]\n```\n\nMore.",
        ),
    ],
)
def test_docstrings_become_markdown(plain, expected):
    assert docstrings.readable(plain) == expected


@pytest.mark.parametrize(
    ("link", "source", "place", "expected"),
    [
        ("docs/real.md", "README.md", "index.md", "real.md"),
        ("../README.md", "docs/own.md", "own.md", "index.md"),
        ("../examples/README.md", "docs/real.md", "real.md", "examples/index.md"),
        ("record/a.svg", "examples/README.md", "examples/index.md", "record/a.svg"),
        ("../docs/real.md", "examples/README.md", "examples/index.md", "../real.md"),
        ("reference/bounds.md", "docs/own.md", "own.md", "reference/bounds.md"),
        ("https://a.b/c", "README.md", "index.md", "https://a.b/c"),
    ],
)
def test_links_follow_the_pages(link, source, place, expected):
    assert pages.moved(link, source, place) == expected
