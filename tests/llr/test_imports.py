"""What is loaded with the package and its commands, and how long the package takes."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

MODELS = {"torch", "transformers", "safetensors", "urllib3"}
HEAVY = MODELS | {"matplotlib", "aalpy", "jinja2", "distributed", "joblib", "pulp", "highspy"}
HEAVY |= {"pytest", "mpmath", "scipy", "sympy"}
SEARCH = {"hypothesis", "properties"}
SCREEN = {"click", "rich", "sqlite3"}
RUN = """
import json, sys
from llr.cli import main
try:
    main({arguments!r})
finally:
    print(json.dumps([name for name in {names!r} if name in sys.modules]), file=sys.stderr)
"""
CLOCK = """
from time import perf_counter
start = perf_counter()
import numpy
between = perf_counter()
import llr
print(between - start, perf_counter() - start)
"""


def python(code):
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return found.stdout, found.stderr


def test_the_package_loads_its_arithmetic_alone():
    names = sorted(HEAVY | SEARCH | SCREEN | {"bounds", "numpy", "flint"})
    loaded = f"import json, llr, sys; print(json.dumps([n for n in {names} if n in sys.modules]))"
    assert json.loads(python(loaded)[0]) == ["flint", "numpy"]


def test_the_package_is_there_within_half_a_second():
    # a busy machine slows numpy's import as much: a quiet one takes 4 times numpy's
    times = [[float(t) for t in python(CLOCK)[0].split()] for _ in range(3)]
    numpy, both = (min(column) for column in zip(*times, strict=True))
    assert both < max(0.5, 8 * numpy)


@pytest.mark.parametrize(
    "arguments", [["--version"], ["learn", "--help"], ["targets"], ["bound", "lemma-5.9", "--help"]]
)
def test_a_command_loads_no_search_and_no_extra(arguments):
    names = sorted(HEAVY | SEARCH | SCREEN)
    output, loaded = python(RUN.format(arguments=arguments, names=names))
    assert output
    assert set(json.loads(loaded)) == SCREEN


def test_the_list_of_commands_loads_no_extra():
    output, loaded = python(RUN.format(arguments=["--help"], names=sorted(HEAVY)))
    assert "verify" in output
    assert json.loads(loaded) == []
