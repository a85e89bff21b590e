"""A command without its extra: one error, which names the extra, before any work."""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner

from llr.cli import main

MODULES = {
    "bench": {"matplotlib", "aalpy"},
    "dask": {"distributed"},
    "hf": {"torch", "transformers", "safetensors"},
    "http": {"urllib3"},
    "report": {"jinja2"},
}
COMMANDS = {
    "compare isan:T=4,k=2,d=2 --plot plots": "bench",
    "spectrum isan:T=4,k=2,d=2 --plot plots": "bench",
    "lingen isan:T=4,k=2,d=2 --prompt 0 --plot plots": "bench",
    "surrogate isan:T=4,k=2,d=2 --plot plots": "bench",
    "surrogate isan:T=4,k=2,d=2 --distill": "hf",
    "sweep spec.toml --engine dask --address tcp://127.0.0.1:1": "dask",
    "learn hf:model=folder,T=4 --arithmetic float": "hf",
    "spectrum hf:model=folder,T=4": "hf",
    "learn llamacpp:url=http://127.0.0.1:1,T=4 --arithmetic float": "http",
    "learn completions:url=http://127.0.0.1:1,model=m,tokens=t,start=1,T=4 --arithmetic float": (
        "http"
    ),
    "verify needle --html page.html": "report",
}


class Absent:
    """A finder to which these packages are not installed."""

    def __init__(self, packages):
        self._packages = packages

    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in self._packages:
            raise ModuleNotFoundError(f"No module named {name!r}")


@pytest.fixture
def bare(monkeypatch, tmp_path):
    """An empty folder, on a machine without any extra."""
    absent = set().union(*MODULES.values())
    for name in [name for name in sys.modules if name.partition(".")[0] in absent]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", [Absent(absent), *sys.meta_path])
    monkeypatch.chdir(tmp_path)
    (tmp_path / "spec.toml").write_text('target = "isan:T=4,k=2,d=2"')
    return tmp_path


@pytest.mark.parametrize(("command", "extra"), COMMANDS.items())
def test_a_missing_extra_gives_one_error_that_names_it(command, extra, bare):
    result = CliRunner().invoke(main, command.split())
    assert result.exit_code == 2
    assert result.stdout == ""
    errors = [line for line in result.stderr.splitlines() if line.startswith("Error: ")]
    assert len(errors) == 1
    assert f'pip install "llr[{extra}]"' in errors[0]
    assert "Traceback" not in result.stderr
    assert list(bare.iterdir()) == [bare / "spec.toml"]


def test_every_extra_has_a_command_here():
    assert set(COMMANDS.values()) == set(MODULES)


@pytest.mark.parametrize("extra", MODULES)
def test_what_the_error_asks_for_installs_what_is_missing(extra):
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    wanted = project["optional-dependencies"][extra]
    assert {re.split("[<>=]", requirement)[0] for requirement in wanted} == MODULES[extra]
