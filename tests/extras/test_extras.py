"""Every extra alone and all together: the wheel in a fresh environment, and a command of each."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXTRAS = tuple(
    tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
)

SMOKE = {
    "bench": 'run("compare parity:n=3,secret=101,nu=1/10 --epsilon 0.1 --plot plots")',
    "dask": """
from distributed import LocalCluster
with LocalCluster(n_workers=1, processes=False, protocol="tcp", dashboard_address=None) as cluster:
    run(f"sweep spec.toml --engine dask --address {cluster.scheduler_address}")
""",
    "hf": """
import tiny_models
tiny_models.write("tiny")
run("sample hf:model=tiny,T=3,k=4 -n 2")
""",
    "http": """
import faulty
with faulty.served(faulty.Faulty()) as server:
    run(f"sample llamacpp:url={server.url},T=3,k=6 -n 2")
""",
    "report": 'run("verify needle --profile quick --html page.html")',
}
"""A program for each extra; ``run`` is the command llr."""

FIRST = {"hf": "torch==2.13.0"}
"""What is installed before an extra: torch's build for the CPU."""

MISSING = {
    "bench": "compare parity:n=3,secret=101,nu=1/10 --plot plots",
    "dask": "sweep spec.toml --engine dask --address tcp://127.0.0.1:1",
    "hf": "sample hf:model=tiny,T=3",
    "http": "sample llamacpp:url=http://127.0.0.1:1,T=3",
    "report": "verify needle --html page.html",
}
"""A command for each extra that is refused without it."""

BROUGHT = {"http": {"dask"}, "report": {"dask", "hf"}}
"""Which other extras bring all that an extra needs: torch needs Jinja2, say."""

RUN = """
from llr.cli import main
def run(command):
    main(command.split(), standalone_mode=False)
"""


HELPERS = ("tests/hf", "tests/http")


def called(folder, *arguments, code=0):
    done = subprocess.run(
        [*map(str, arguments)],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(str(ROOT / p) for p in HELPERS)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dist")
    called(ROOT, sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder)
    (found,) = folder.iterdir()
    return found


def test_every_extra_has_its_commands_here():
    assert set(SMOKE) == set(MISSING) == set(EXTRAS)


@pytest.mark.parametrize("extras", [*((extra,) for extra in EXTRAS), EXTRAS], ids="+".join)
def test_extras_install_and_run(extras, wheel, tmp_path):
    called(tmp_path, sys.executable, "-m", "venv", "env")
    python = tmp_path / "env" / "bin" / "python"
    pip = (python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
    for extra in extras:
        if extra in FIRST:
            called(tmp_path, *pip, FIRST[extra])
    called(tmp_path, *pip, f"{wheel}[{','.join(extras)}]")
    called(tmp_path, *pip[:3], "check")
    (tmp_path / "spec.toml").write_text('target = "isan:T=4,k=2,d=2"')
    for extra in EXTRAS:
        if extra in extras:
            called(tmp_path, python, "-c", RUN + SMOKE[extra])
        elif not BROUGHT.get(extra, set()) & set(extras):
            llr = python.with_name("llr")
            refused = called(tmp_path, llr, *MISSING[extra].split(), code=2).stderr
            assert f'pip install "llr[{extra}]"' in refused
            assert "Traceback" not in refused
