"""What the wheel and the source distribution hold, and that the tests start from the latter."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import tomllib
from email.parser import Parser
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("llr", "bounds", "properties")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def run(*arguments, folder):
    done = subprocess.run(
        [sys.executable, "-m", *map(str, arguments)],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def built(folder, target):
    run("hatchling", "build", "-d", target, folder=folder)
    return {path.suffix: path for path in target.iterdir()}


@pytest.fixture(scope="module")
def distributions(tmp_path_factory):
    return built(ROOT, tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="module")
def unpacked(distributions, tmp_path_factory):
    """The folder that the source distribution unpacks to."""
    folder = tmp_path_factory.mktemp("sdist")
    with tarfile.open(distributions[".gz"]) as archive:
        archive.extractall(folder, filter="data")
    (found,) = folder.iterdir()
    return found


@pytest.fixture(scope="module")
def wheel(distributions):
    """What the wheel holds, by name."""
    with ZipFile(distributions[".whl"]) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def tracked():
    """Return the paths that git tracks, as they are in the working tree."""
    if not (ROOT / ".git").exists():
        pytest.skip("needs a clone: compares with what git tracks")
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    return {path for path in listed.split("\0") if path and (ROOT / path).is_file()}


def files_below(folder):
    return {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}


def test_the_source_distribution_holds_what_git_tracks(unpacked):
    wanted = {path for path in tracked() if not path.startswith(".ci/")}
    assert wanted - files_below(unpacked) == set()
    for path in wanted:
        assert (unpacked / path).read_bytes() == (ROOT / path).read_bytes(), path


def test_the_source_distribution_holds_nothing_made(unpacked):
    found = files_below(unpacked)
    assert "PKG-INFO" in found
    assert [p for p in found if "__pycache__" in p or p.endswith((".pyc", ".whl"))] == []


def test_the_wheel_holds_what_runs_and_no_more(wheel):
    packaged = {path for path in tracked() if path.split("/")[0] in PACKAGES}
    assert {name for name in wheel if ".dist-info/" not in name} == packaged
    for path in packaged:
        assert wheel[path] == (ROOT / path).read_bytes(), path


@pytest.mark.parametrize(
    "name",
    [
        *(f"{package}/py.typed" for package in PACKAGES),
        "properties/templates/report.html",
        "properties/records/lemma-5.3.json",
        "properties/test_claims.py",
    ],
)
def test_the_wheel_holds_what_is_no_code(name, wheel):
    assert name in wheel


def test_the_wheel_says_what_it_is(wheel):
    (name,) = (name for name in wheel if name.endswith(".dist-info/METADATA"))
    metadata = Parser().parsestr(wheel[name].decode())
    (code,) = (line for line in wheel["llr/__init__.py"].decode().splitlines() if "__ver" in line)
    assert code == f'__version__ = "{metadata["Version"]}"'
    assert metadata["Requires-Python"] == PROJECT["requires-python"]
    assert set(metadata.get_all("Provides-Extra")) == set(PROJECT["optional-dependencies"])
    assert name.replace("METADATA", "licenses/LICENSE") in wheel
    assert b"llr = llr.cli:main" in wheel[name.replace("METADATA", "entry_points.txt")]


def test_the_wheel_from_the_source_distribution_is_the_same(unpacked, wheel, tmp_path):
    with ZipFile(built(unpacked, tmp_path)[".whl"]) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == wheel


SAMPLE = (
    "tests/llr/test_errors.py",
    "tests/llr/test_installed.py",
    "tests/llr/test_layers.py",
    "tests/llr/test_storage.py",
    "tests/bounds/test_curves.py",
    "tests/benchmarks/test_queries_documented.py",
    "tests/properties/test_typeset.py",
)


def test_the_tests_start_from_the_source_distribution(unpacked):
    # safe path: the packages are the installed ones, as in every environment of tox
    assert os.environ["PYTHONSAFEPATH"] == "1"
    assert " passed" in run("pytest", "-q", "-n", "2", *SAMPLE, folder=unpacked)


def test_its_documents_are_true(unpacked):
    found = run("pytest", "-q", "--doctest-glob=*.md", "README.md", "docs", folder=unpacked)
    assert " passed" in found


def test_all_its_tests_are_collected(unpacked):
    folders = [f"tests/{name}" for name in ("llr", "bounds", "properties", "museum", "benchmarks")]
    run("pytest", "-q", "--collect-only", *folders, folder=unpacked)


def test_the_claims_that_run_are_those_of_the_installed_package(unpacked):
    arguments = ("-qq", "--collect-only", "--rootdir=/", "--pyargs", "properties")
    listed = run("pytest", *arguments, folder=unpacked)
    (where,) = {line.partition(":")[0] for line in listed.splitlines() if line.strip()}
    assert Path("/", where).is_relative_to(sys.prefix)
    assert where.endswith("site-packages/properties/test_claims.py")
