"""Links between the pages, and the site that is built of them."""

from __future__ import annotations

import re
import subprocess
import sys
import zlib
from dataclasses import fields
from pathlib import Path

import pytest
import yaml
from page_links import broken_links
from shell_pages import ROOT, blocks, page_names

import bounds
import llr
import properties
from llr.cli import main
from llr.learning.printed import Corrections
from properties.claims import CLAIMS

PAGES = page_names()
ELSEWHERE = re.compile(r"(?:src|data)=[\"'](?:https?:)?//|url\([\"']?(?:https?:)?//|@import")
SHEET = re.compile(r"<link[^>]*href=[\"'](?:https?:)?//")


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page):
    assert not broken_links(ROOT / page, ROOT)


def test_broken_links_are_caught(tmp_path):
    (tmp_path / "there.md").write_text("# One heading\n")
    page = tmp_path / "page.md"
    page.write_text(
        "[a](there.md) [b](there.md#one-heading) [c](#here) [d](gone.md)\n"
        "[e](there.md#gone) [f](../out.md) `[g](gone.md)`\n\n# Here\n\n```text\n[h](gone.md)\n```\n"
    )
    (tmp_path.parent / "out.md").write_text("")
    assert broken_links(page, tmp_path) == ["gone.md", "there.md#gone", "../out.md"]


def mkdocs(config: Path, site: Path) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("mkdocs")
    words = [program, "build", "--strict", "--config-file", config, "--site-dir", site]
    return subprocess.run(words, capture_output=True, text=True, check=False)


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    """Return the folder of the site, built with warnings as errors."""
    folder = tmp_path_factory.mktemp("site")
    done = mkdocs(ROOT / "mkdocs.yml", folder)
    assert done.returncode == 0, done.stderr
    return folder


def test_the_site_has_every_page(site):
    names = {"README.md": "index", "examples/README.md": "examples/index"}
    for page in PAGES:
        name = names.get(page, page.removeprefix("docs/").removesuffix(".md"))
        assert (site / f"{name}.html").is_file()


def test_the_site_asks_for_nothing_from_elsewhere(site):
    asked = [
        (path.name, found)
        for path in site.rglob("*")
        if path.suffix in (".html", ".css", ".svg")
        for pattern in (ELSEWHERE, SHEET)
        for found in pattern.findall(path.read_text(encoding="utf-8"))
    ]
    assert not asked
    scripts = {p.name for p in site.rglob("*.js")}
    assert scripts
    for path in site.rglob("*.js"):
        assert "cdn" not in path.read_text(encoding="utf-8").lower()


@pytest.fixture(scope="session")
def reference(site):
    """Return the names that the reference has."""
    lines = (site / "objects.inv").read_bytes().split(b"\n", 4)[4]
    return {line.split(" ")[0] for line in zlib.decompress(lines).decode().splitlines()}


@pytest.mark.parametrize("package", [llr, bounds, properties], ids=lambda p: p.__name__)
def test_the_reference_has_every_public_name(reference, package):
    assert {f"{package.__name__}.{name}" for name in package.__all__} <= reference


IMPORTED = re.compile(r"^>>> from ((?:llr|bounds|properties)[\w.]*) import (.+)$", re.M)
NAMED = re.compile(r"`((?:llr|bounds|properties)(?:\.\w+)+)`")
MADE = "docs/theorem-to-code.md"
"""This page names what implements a statement, public or not."""


def used(page):
    """Return the dotted names that a page imports, or names within a sentence."""
    text = (ROOT / page).read_text(encoding="utf-8")
    imports = IMPORTED.findall(text)
    return {
        f"{module}.{name.strip()}" for module, names in imports for name in names.split(",")
    } | {name for name in NAMED.findall(text) if not (ROOT / name).exists()}


@pytest.mark.parametrize("page", [page for page in PAGES if page != MADE and used(page)])
def test_the_reference_has_every_name_that_a_page_uses(reference, page):
    assert {public(name) for name in used(page)} <= reference


def public(name):
    """Return the name under which a package exports an object; else the one that it has."""
    module, _, last = name.rpartition(".")
    package = {"llr": llr, "bounds": bounds, "properties": properties}[name.partition(".")[0]]
    exported = last in package.__all__ and module.startswith(package.__name__)
    return f"{package.__name__}.{last}" if exported else name


@pytest.mark.parametrize(
    "name",
    [
        *("llr.learning.printed.PrintedLearner", "llr.learning.printed.Corrections"),
        *("llr.oracles.journal.Journal", "llr.analysis.fits.joint_power_law"),
        *("properties.conformance.Learner", "properties.conformance.Learned"),
    ],
)
def test_the_reference_has_what_people_build_on(reference, name):
    assert name in reference


def test_a_broken_link_stops_the_build(tmp_path):
    config = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    pages = tmp_path / "docs"
    pages.mkdir()
    kept = {key: config[key] for key in ("site_name", "validation")}
    (tmp_path / "mkdocs.yml").write_text(yaml.safe_dump(kept | {"plugins": []}))
    for text, expected in (
        ("[a](other.md#here)", 0),
        ("[a](gone.md)", 1),
        ("[a](other.md#gone)", 1),
        ("[a](/other.md)", 1),
    ):
        (pages / "index.md").write_text(text)
        (pages / "other.md").write_text("# Here\n")
        assert mkdocs(tmp_path / "mkdocs.yml", tmp_path / "site").returncode == expected, text


def test_an_unknown_name_stops_the_build(tmp_path):
    config = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    (tmp_path / "docs").mkdir()
    kept = {key: config[key] for key in ("site_name", "plugins")}
    (tmp_path / "mkdocs.yml").write_text(yaml.safe_dump(kept))
    (tmp_path / "docs" / "index.md").write_text("# A\n\n::: llr.gone\n")
    assert mkdocs(tmp_path / "mkdocs.yml", tmp_path / "site").returncode == 1


def test_the_page_of_commands_has_every_command():
    text = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    shown = re.findall(r"^\| `llr (\S+?)[ `]", text, re.M)
    assert sorted(shown) == main.list_commands(None)


def test_the_page_of_differences_names_every_claim_that_is_refuted():
    text = (ROOT / "docs" / "differences.md").read_text(encoding="utf-8")
    refuted = {c.identifier for c in CLAIMS.values() if c.expected == "refuted"}
    assert refuted <= set(re.findall(r"[\w.-]+", text))


def test_claims_and_switches_on_the_page_of_differences_exist():
    text = (ROOT / "docs" / "differences.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`([a-z][a-z.-]*[a-z0-9.-]*)`", text))
    switches = set(re.findall(r"`Corrections\.(\w+)`", text))
    assert len(named & set(CLAIMS)) > 25
    assert named - {"llr"} <= set(CLAIMS)
    assert switches == {field.name for field in fields(Corrections)}


def test_each_addition_takes_under_thirty_lines():
    text = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
    sections = dict(zip(*[iter(re.split(r"^## (.+)\n", text, flags=re.M)[1:])] * 2, strict=True))
    assert list(sections) == ["A claim", "A target", "An oracle", "A learner"]
    for section in sections.values():
        assert 0 < sum(len(block.text.splitlines()) for block in blocks("", section)) < 30
