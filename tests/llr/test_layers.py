"""Imports run downwards, without a circle, and name only what is installed."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LAYERS = (
    ("llr.errors", "llr.check", "llr.observing"),
    ("llr.numbers",),
    ("llr.models",),
    ("llr.oracles",),
    ("llr.analysis",),
    ("llr.learning",),
    ("llr.baselines",),
    ("llr",),
    ("llr.commands",),
    ("llr.cli",),
)
"""Lowest first; a module belongs to the longest name that is its own or its package's."""

BOUNDS = ("llr.errors", "llr.numbers")
"""What right-hand sides may import; their command shows itself like the others."""

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
NAMES = {"python-flint": "flint"}


def distributions(requirements):
    return {NAMES.get(name, name) for name in (re.split("[<>=]", r)[0] for r in requirements)}


ON_USE = {"llr.learning.highs": {"highspy", "pulp"}, "properties.test_claims": {"pytest"}}
"""Modules that are imported on use alone, and what they may load that no other module does."""

NEEDED = distributions(PROJECT["dependencies"])
EXTRAS = set().union(*(distributions(r) for r in PROJECT["optional-dependencies"].values()))


def module_at(path):
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


MODULES = {
    module_at(path): path
    for package in ("llr", "bounds", "properties")
    for path in sorted((ROOT / package).rglob("*.py"))
}


def imported(tree):
    """Yield what the import statements of a tree name: modules, or names in them."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            for alias in node.names:
                within = f"{node.module}.{alias.name}"
                yield node, within if within in MODULES else node.module


@cache
def tree_of(module):
    return ast.parse(MODULES[module].read_text(encoding="utf-8"))


def loaded_by_name(tree):
    """Yield what ``import_module("name")`` names in a tree."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
            yield from (part.value for part in node.args if isinstance(part, ast.Constant))


def inside_functions(tree):
    """Return the nodes that run only when a function does."""
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    return {id(node) for function in functions for node in ast.walk(function)}


def own_imports(module, on_load=False):
    """Return the project's modules that a module imports; or those alone that load with it."""
    tree = tree_of(module)
    apart = inside_functions(tree) if on_load else set()
    return {name for node, name in imported(tree) if name in MODULES and id(node) not in apart}


def others(module):
    """Return the packages of others that load with a module."""
    tree = tree_of(module)
    apart = inside_functions(tree)
    found = {name.partition(".")[0] for node, name in imported(tree) if id(node) not in apart}
    return found - set(sys.stdlib_module_names) - {"llr", "bounds", "properties"}


def layer(module):
    places = {name: place for place, names in enumerate(LAYERS) for name in names}
    while module not in places:
        module = module.rpartition(".")[0]
    return places[module]


def is_in(module, packages):
    return any(module == p or module.startswith(p + ".") for p in packages)


@pytest.mark.parametrize("module", MODULES)
def test_nothing_imports_upwards(module):
    for name in own_imports(module):
        if is_in(module, ["llr"]):
            assert is_in(name, ["llr"]), name
            assert layer(name) <= layer(module), name
        elif is_in(module, ["bounds"]):
            shown = ("llr.screen",) if module == "bounds.cli" else ()
            assert is_in(name, ("bounds", *BOUNDS, *shown)), name


def test_no_imports_run_in_a_circle():
    graph = {module: own_imports(module, on_load=True) for module in MODULES}
    assert len(list(TopologicalSorter(graph).static_order())) == len(MODULES)


@pytest.mark.parametrize("module", MODULES)
def test_what_loads_with_a_module_is_a_dependency(module):
    on_use = ON_USE.get(module, set())
    assert others(module) - on_use <= NEEDED - set().union(*ON_USE.values())
    if is_in(module, ["llr"]):
        assert "hypothesis" not in others(module)


def test_what_is_imported_on_use_loads_with_nothing():
    assert set(ON_USE) & {n for m in MODULES for n in own_imports(m, on_load=True)} == set()


def test_every_dependency_is_used():
    named = {
        name.partition(".")[0]
        for tree in map(tree_of, MODULES)
        for name in (*(name for _, name in imported(tree)), *loaded_by_name(tree))
    }
    assert named >= NEEDED
