"""The shell commands of the pages: found where they stand, executed as they are written.

A block marked ``sh`` or ``bash`` is commands; one marked ``console`` is commands behind ``$ ``,
each followed by what it prints, where ``...`` stands for anything.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]

SHELL = ("sh", "bash", "console")
OTHERS = ("pycon", "text", "json", "toml")
"""Blocks that are not commands: ``pycon`` is run by doctest, a titled one is written as a file."""

FENCE = re.compile(r"^( *)```([^\n`]*)\n(.*?)^\1``` *$", re.M | re.S)
TITLE = re.compile(r'title="([^"]+)"')
PROGRAMS = re.compile(r"^(\$ |llr |tox\b|pytest |pip |python3? )", re.M)
SECONDS = 300


@dataclass(frozen=True)
class Block:
    """A fenced block of a page.

    Attributes:
        page: its path from the root.
        line: of the fence.
        language: what stands behind the fence, up to a blank.
        title: of the file that it shows; empty if it shows none.
        text: what is in it, without the indentation of the fence.
    """

    page: str
    line: int
    language: str
    title: str
    text: str


@dataclass(frozen=True)
class Command:
    """One command of a page.

    Attributes:
        block: where it stands.
        text: the command on one line.
        shown: what it prints, as the page has it; None if the page shows nothing.
    """

    block: Block
    text: str
    shown: str | None = None

    @property
    def place(self) -> str:
        """Where it stands, for messages."""
        return f"{self.block.page}:{self.block.line}: {self.text}"


@dataclass(frozen=True)
class Instead:
    """What is executed in place of a command.

    Attributes:
        reason: why it is not executed as it is written.
        command: the cheaper form; empty if nothing is executed.
    """

    reason: str
    command: str = ""


class DiffersError(AssertionError):
    """A command did not do what its page says."""


def page_names() -> list[str]:
    """Return the pages whose commands are executed."""
    found = ["README.md", "examples/README.md"]
    return found + [str(p.relative_to(ROOT)) for p in sorted((ROOT / "docs").rglob("*.md"))]


def blocks(page: str, text: str) -> list[Block]:
    """Return the fenced blocks of a page."""
    found = []
    for match in FENCE.finditer(text):
        indent, info, body = match.groups()
        title = TITLE.search(info)
        language = info.split()[0] if info.split() else ""
        body = "".join(x.removeprefix(indent) for x in body.splitlines(keepends=True))
        line = text.count("\n", 0, match.start()) + 1
        found.append(Block(page, line, language, title.group(1) if title else "", body))
    return found


def commands(block: Block) -> Iterator[Command]:
    """Yield the commands of a shell block, with what a ``console`` block shows of each."""
    if block.language not in SHELL:
        return
    console = block.language == "console"
    lines = iter(block.text.splitlines())
    written: str | None = None
    shown: list[str] = []
    for line in lines:
        begins = line.startswith("$ ") if console else line.strip() and line.lstrip()[0] != "#"
        if begins:
            if written is not None:
                yield Command(block, written, _shown(shown, console))
            written, shown = line.removeprefix("$ ") if console else line, []
            while written.endswith("\\"):
                written = written[:-1].rstrip() + " " + next(lines).strip()
        elif console:
            shown.append(line)
    if written is not None:
        yield Command(block, written, _shown(shown, console))


def _shown(lines: list[str], console: bool) -> str | None:
    return "\n".join(lines) if console else None


def stray_commands(block: Block) -> list[str]:
    """Return what is wrong with a block that is neither commands nor of a kind that has none."""
    if block.language in SHELL:
        return []
    place = f"{block.page}:{block.line}"
    if block.language not in OTHERS:
        return [f"{place}: a block marked {block.language!r}"]
    if block.language == "text" and PROGRAMS.search(block.text):
        return [f"{place}: a command in a block of text"]
    return []


def same(shown: str, printed: str) -> bool:
    """Return whether a command printed what a page shows: ``...`` is anything, blanks at ends none.

    >>> same("a\\n...\\nd", "a\\nb  \\nc\\nd\\n"), same("a ...", "b c")
    (True, False)
    """
    wanted, got = (
        "\n".join(x.rstrip() for x in text.strip("\n").splitlines()) for text in (shown, printed)
    )
    pattern = ".*".join(re.escape(part) for part in wanted.split("..."))
    return re.fullmatch(pattern, got.strip("\n"), re.S) is not None


def execute(command: str, folder: Path) -> tuple[int, str]:
    """Run a command line in a folder, with the programs of this environment first on the path.

    Returns:
        The exit code, and what stood on standard output and standard error.
    """
    # as in a reader's shell: a script finds the modules beside it
    around = {name: value for name, value in os.environ.items() if name != "PYTHONSAFEPATH"}
    own = {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "HF_HUB_OFFLINE": "1",
        "OMP_NUM_THREADS": "1",
    }
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", command],
        cwd=folder,
        env=around | own,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    return done.returncode, done.stdout


def check(
    command: Command,
    folder: Path,
    instead: Mapping[str, Instead],
    exits: Mapping[str, int],
    names: Mapping[str, str],
) -> None:
    """Execute a command and compare it with its page.

    Args:
        command: of the page.
        folder: where to run it.
        instead: what is executed in place of which command; the others run as they are written.
        exits: exit codes other than 0.
        names: what stands for names in braces in the commands of ``instead``.

    Raises:
        DiffersError: another exit code, or another output.
    """
    text = command.text
    if text in instead:
        text = instead[text].command
        if not text:
            return
        for name, value in names.items():
            text = text.replace("{" + name + "}", value)
    code, printed = execute(text, folder)
    if code != exits.get(command.text, 0):
        raise DiffersError(f"{command.place}\nexit code {code}\n{printed}")
    if text == command.text and command.shown is not None and not same(command.shown, printed):
        raise DiffersError(f"{command.place}\nshown:\n{command.shown}\nprinted:\n{printed}")
