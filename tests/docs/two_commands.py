"""Execute the README's two commands as they are written there, in this checkout.

``python3 tests/docs/two_commands.py`` needs no packages.  What the first prints is compared with
the block of the README that shows it.
"""

from __future__ import annotations

import subprocess
import sys

from shell_pages import ROOT, blocks, commands, same

SHOWN = "llr verify"


def run(command: str) -> str:
    """Run a command in the checkout and return what it printed; show it as it comes."""
    print(f"$ {command}", flush=True)
    with subprocess.Popen(
        ["bash", "-euo", "pipefail", "-c", command], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        printed = []
        for line in process.stdout:
            print(line, end="", flush=True)
            printed.append(line)
    if process.returncode:
        sys.exit(f"exit code {process.returncode}: {command}")
    return "".join(printed)


def main() -> None:
    """Run both, the second without comparing what it prints."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    found = [c for block in blocks("README.md", text) for c in commands(block)]
    verify, tests = (c for c in found if c.text.startswith("python3 -m venv .venv"))
    (shown,) = (c.shown for c in found if c.text == SHOWN)
    printed = run(verify.text)
    if not same(shown or "", printed):
        sys.exit(f"README.md shows something else:\n{shown}")
    run(tests.text)


if __name__ == "__main__":
    main()
