"""Every command line of the README and of the pages is executed, or named with its reason."""

from __future__ import annotations

import re
import shlex
import tomllib
from contextlib import ExitStack
from functools import cache

import click
import pytest
from not_as_written import EXITS, INSTEAD
from serve_gguf import serving
from shell_pages import ROOT, Block, Command, blocks, check, commands, page_names, stray_commands

from llr.cli import main

INLINE = re.compile(r"`((?:llr|tox) [^`]+)`", re.S)
EXTRAS = re.compile(r'pip install "?(?:llr|\.)\[([\w,]+)\]')


@cache
def read(page: str) -> tuple[Block, ...]:
    return tuple(blocks(page, (ROOT / page).read_text(encoding="utf-8")))


def commands_of(page: str) -> list[Command]:
    return [c for block in read(page) for c in commands(block)]


PAGES = page_names()
WITH_COMMANDS = [page for page in PAGES if commands_of(page)]


@pytest.mark.parametrize("page", WITH_COMMANDS)
def test_every_command_does_what_the_page_says(page, room):
    found = commands_of(page)
    folder = room([c.text for c in found])
    for block in read(page):
        if block.title:
            (folder / block.title).write_text(block.text, encoding="utf-8")
    with ExitStack() as servers:
        names = {"root": str(ROOT)}
        for command in found:
            if (
                "{server}" in getattr(INSTEAD.get(command.text), "command", "")
                and "server" not in names
            ):
                served = servers.enter_context(serving(folder / "models" / "full.gguf"))
                names["server"] = served.url
            check(command, folder, INSTEAD, EXITS, names)


def test_no_command_hides_in_another_kind_of_block():
    assert not [x for page in PAGES for block in read(page) for x in stray_commands(block)]


def test_the_list_names_only_commands_that_a_page_has():
    written = {c.text for page in PAGES for c in commands_of(page)}
    assert not set(INSTEAD) - written
    assert not set(EXITS) - written


def test_every_entry_of_the_list_has_a_reason():
    assert all(instead.reason for instead in INSTEAD.values())


def test_the_extras_that_pages_install_exist():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    named = set()
    for page in PAGES:
        for listed in EXTRAS.findall((ROOT / page).read_text(encoding="utf-8")):
            named |= set(listed.split(","))
    assert named
    assert named <= set(project["optional-dependencies"])


def inline(page: str) -> list[str]:
    """Return the commands that a page has within its sentences and tables."""
    text = (ROOT / page).read_text(encoding="utf-8")
    return [" ".join(found.split()) for found in INLINE.findall(text)]


def environments() -> set[str]:
    """Return the names of tox's environments."""
    found = set()
    for name in re.findall(r"^\[testenv:(.+)\]$", (ROOT / "tox.ini").read_text(), re.M):
        stem, _, endings = name.partition("{")
        found |= {stem + ending for ending in endings.removesuffix("}").split(",")}
    return found


@pytest.mark.parametrize("page", [page for page in PAGES if inline(page)])
def test_commands_within_sentences_have_names_and_options_that_exist(page):
    known_to_tox = environments()
    wrong = []
    for text in inline(page):
        words = shlex.split(text.replace("...", " ").replace("[", " ").replace("]", " "))
        if words[0] == "tox":
            named = words[words.index("-e") + 1].split(",") if "-e" in words else []
            wrong += [text for name in named if name not in known_to_tox]
            continue
        context = click.Context(main)
        command = main.get_command(context, words[1])
        options = {o for p in (command or main).params for o in p.opts + p.secondary_opts}
        used = {w.partition("=")[0] for w in words[1:] if w.startswith("--")}
        known = command is not None or words[1] in ("--version", "--help")
        if not known or used - options - {"--version", "--help"}:
            wrong.append(text)
    assert not wrong


def test_the_picture_of_the_readme_is_that_of_the_record():
    shown, record = (ROOT / at / "surrogate-calls.svg" for at in ("docs/images", "examples/record"))
    assert shown.read_bytes() == record.read_bytes()
    said = (ROOT / "examples/record/surrogate.txt").read_text(encoding="utf-8").splitlines()[0]
    drawn = next(c.text for c in commands_of("README.md") if c.text.startswith("llr surrogate"))
    assert said.startswith("$ " + drawn.replace("--plot plots", "--plot record"))
