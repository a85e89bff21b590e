"""Public names: each exported from one place, documented, and reached from somewhere."""

from __future__ import annotations

import ast
import importlib
import inspect
import tomllib
from collections import Counter
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("llr", "bounds", "properties")
PATHS = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]
TREES = {path: ast.parse(path.read_text(encoding="utf-8")) for path in PATHS}
EXPORTED = {name: importlib.import_module(name).__all__ for name in PACKAGES}

FOR_LIBRARY_USE = {
    "minor_table": "the chain program on the same entries",
}
"""Public names that nothing in the packages refers to, and what they are for."""


def defined():
    """Yield the public functions and classes at the top of the modules."""
    for path, tree in TREES.items():
        for node in tree.body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
                yield path, node


def names_in(tree):
    """Yield every name that a tree refers to."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.alias):
            yield node.name
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value  # an annotation, or getattr


@pytest.mark.parametrize("package", PACKAGES)
def test_what_a_package_exports_is_what_it_imports_for_others(package):
    module = importlib.import_module(package)
    exported = EXPORTED[package]
    assert len(set(exported)) == len(exported)
    for name in exported:
        value = getattr(module, name)
        shown = type(value) if not callable(value) and not isinstance(value, ModuleType) else value
        assert inspect.getdoc(shown), name
    imported = {
        alias.asname or alias.name
        for node in TREES[ROOT / package / "__init__.py"].body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert imported == set(exported)


def test_a_name_is_exported_from_one_package():
    places = Counter(name for names in EXPORTED.values() for name in names)
    assert [name for name, count in places.items() if count > 1] == []


@pytest.mark.parametrize("path", PATHS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_public_thing_is_documented(path):
    tree = TREES[path]
    if not tree.body:
        assert path.name == "__init__.py"
        return
    public = [tree] + [node for where, node in defined() if where == path]
    public += [
        member
        for node in public
        if isinstance(node, ast.ClassDef)
        for member in node.body
        if isinstance(member, ast.FunctionDef) and not member.name.startswith("_")
    ]
    without = [getattr(node, "name", "module") for node in public if not ast.get_docstring(node)]
    assert without == []


def test_every_public_name_is_reached():
    used = Counter(name for tree in TREES.values() for name in names_in(tree))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    points = [*project["scripts"].values()]
    points += [value for group in project["entry-points"].values() for value in group.values()]
    used.update(point.partition(":")[2] for point in points)
    unused = {
        node.name
        for _, node in defined()
        # a decorator puts it on a list, or makes a command of it
        if not used[node.name] and not (isinstance(node, ast.FunctionDef) and node.decorator_list)
    }
    assert unused == set(FOR_LIBRARY_USE)
