"""Commands of the pages that cannot be executed as they are written, each with its reason."""

from __future__ import annotations

from shell_pages import Instead

TRAIN = "python examples/train_small_lm.py --out models"
QUICK = "--steps 10 --text held-out.txt"
NETWORK = "needs the network; tox installs the same extras"
TRAINING = "trains for 150 s: ten steps"
SLOW = "runs for minutes: smaller numbers"

INSTEAD = {
    "python3 -m venv .venv && .venv/bin/pip install --quiet . && .venv/bin/llr verify": Instead(
        "executed by two_commands.py, from a clean checkout"
    ),
    "python3 -m venv .venv && .venv/bin/pip install --quiet tox && .venv/bin/tox": Instead(
        "executed by two_commands.py, from a clean checkout"
    ),
}
"""Command, on one line -> what is executed in its place."""

EXITS = {}
"""Command, on one line -> the exit code that it ends with, where it is not 0."""
