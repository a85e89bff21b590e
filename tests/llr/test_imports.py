"""What is loaded with the package and its commands, and how long the package takes."""

from __future__ import annotations

import json
import resource
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


def python(code):
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return found.stdout, found.stderr


def test_the_package_loads_its_arithmetic_alone():
    names = sorted(HEAVY | SEARCH | SCREEN | {"bounds", "numpy", "flint"})
    loaded = f"import json, llr, sys; print(json.dumps([n for n in {names} if n in sys.modules]))"
    assert json.loads(python(loaded)[0]) == ["flint", "numpy"]


def processor_seconds(code):
    """Return what a process with this code takes, its start included, however busy the machine."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    python(code)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def test_the_package_is_there_within_half_a_second():
    assert min(processor_seconds("import llr") for _ in range(5)) < 0.5


def test_the_clock_sees_what_an_import_computes():
    spin = "import time\nwhile time.process_time() < 0.6: pass"
    assert 0.6 <= processor_seconds(spin) < 1
    assert processor_seconds("import time; time.sleep(0.6)") < 0.5


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
