"""The runner itself: what it mutates, and that a mutant really runs."""

from __future__ import annotations

import importlib.util
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("mutmut", reason="only the environment `mutation` has it")


def module_at(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


runner = module_at(Path(__file__).with_name("run.py"))

TEXT = '''\
"""Doc."""

import functools

LIMIT = 2


@functools.cache
def doubled(x: int, by: int = 2) -> int:
    """Doc."""
    return by * x


class Box:
    @property
    def edge(self) -> int:
        return 1 + LIMIT

    def holds(self, x):
        return any(
            x < y
            for y in [LIMIT]
        )
'''


def changes(text):
    mutants = runner.Mutants(text)
    return [(mutants[i].line, mutants[i].change) for i in range(len(mutants))]


def test_decorated_functions_constants_and_defaults_are_mutated():
    assert (11, "-    return by * x\n+    return by / x") in changes(TEXT)
    assert (17, "-        return 1 + LIMIT\n+        return 1 - LIMIT") in changes(TEXT)
    assert (5, "-LIMIT = 2\n+LIMIT = 3") in changes(TEXT)
    assert 9 in [line for line, _ in changes(TEXT)]


def test_documentation_annotations_and_decorators_are_not_mutated():
    touched = {line for line, _ in changes(TEXT)}
    assert touched.isdisjoint({1, 3, 8, 10, 15, 16})
    assert not any("-> None" in change for _, change in changes(TEXT))
    assert changes('from typing import TypeVar\n\nT = TypeVar("T", bound=int)\n') == []


def test_every_mutant_differs_and_compiles():
    mutants = runner.Mutants(TEXT)
    sources = [mutants[i].source for i in range(len(mutants))]
    assert TEXT not in sources
    assert len(set(sources)) == len(sources) == 8
    for source in sources:
        compile(source, "mutant", "exec")


def test_places():
    places = runner.Places(TEXT)
    assert places.statement(21) == range(20, 24)  # a return of four lines
    assert places.statement(9) == range(9, 10)  # the head of a function
    assert [line for line in range(1, 24) if places.in_function(line)] == [
        10,
        11,
        17,
        *range(20, 24),
    ]


def test_code_is_put_in_place_of_what_was_imported(tmp_path):
    path = tmp_path / "toy_for_mutation.py"
    path.write_text(TEXT)
    toy = module_at(path)
    assert (toy.doubled(3), toy.Box().edge, toy.Box().holds(1)) == (6, 3, True)
    toy.doubled.cache_clear()
    changed = TEXT.replace("by * x", "by - x").replace("1 + LIMIT", "5").replace("x < y", "x > y")
    assert runner.put_in_place(path, changed)
    assert (toy.doubled(3), toy.Box().edge, toy.Box().holds(1)) == (-1, 5, False)


def test_a_closure_keeps_the_code_that_it_was_made_with(tmp_path):
    text = "def outer(x):\n    def inner():\n        return x\n    return inner\n\n\nf = outer(1)\n"
    path = tmp_path / "toy_with_closure.py"
    path.write_text(text)
    toy = module_at(path)
    assert runner.put_in_place(path, text.replace("return x", "return 5"))
    assert (toy.f(), toy.outer(1)()) == (1, 5)


def test_code_with_other_free_variables_is_not_put_in_place(tmp_path):
    text = "class Box:\n    def edge(self):\n        return super().__hash__()\n"
    path = tmp_path / "toy_with_super.py"
    path.write_text(text)
    module_at(path)
    assert not runner.put_in_place(path, text.replace("super()", "object"))


def test_a_fork_tells_its_status_and_what_ended_it(tmp_path, capfd):
    def printing():
        print("said")
        return 7

    log = tmp_path / "log"
    with capfd.disabled():
        assert runner._forked(printing, log) == (7, "said\n")
        status, text = runner._forked(lambda: 1 // 0, log)
        assert (status, "ZeroDivisionError" in text) == (runner.BROKEN, True)
        status, _ = runner._forked(lambda: time.sleep(60), log, wall=0.1)
        assert runner._verdict(status, "") == runner.OVERTIME


def test_tests_of_a_line():
    lines = {"m.py": {1: [""], 5: ["a.py::one"], 6: ["b.py"], 7: ["a.py::two", ""]}}
    tests = runner.Tests({"a.py::one": 1.0, "a.py::two": 99.0, "b.py::three": 2.0}, lines)
    assert tests.of("m.py", [5]) == (False, {"a.py::one": 1.0})
    assert tests.of("m.py", [5, 6]) == (False, {"a.py::one": 1.0, "b.py::three": 2.0})
    assert tests.of("m.py", [9]) == (False, {})
    early, found = tests.of("m.py", [7])
    assert early
    assert found == tests.seconds
