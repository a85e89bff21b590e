"""What the pages' commands find in their folder: the examples, and a small model."""

from __future__ import annotations

import shutil
from pathlib import Path
from pydoc_data.topics import topics

import pytest
from not_as_written import TEN_STEPS, TRAIN
from shell_pages import ROOT, execute

LINES = 400


def furnish(folder: Path) -> None:
    """Put the examples and a short text into a folder."""
    (folder / "examples").symlink_to(ROOT / "examples")
    lines = [x for k in sorted(topics) for x in topics[k].splitlines() if x.strip()]
    (folder / "held-out.txt").write_text("\n".join(lines[:LINES]), encoding="utf-8")


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the example's models after ten steps of training."""
    folder = tmp_path_factory.mktemp("models")
    furnish(folder)
    code, printed = execute(f"{TRAIN} --gguf {TEN_STEPS}", folder)
    assert code == 0, printed
    return folder / "models"


@pytest.fixture
def room(tmp_path: Path, request: pytest.FixtureRequest):
    """Return a function that furnishes the folder of a page, and gives it."""

    def made(commands: list[str]) -> Path:
        furnish(tmp_path)
        trains = any(TRAIN in text for text in commands)
        if not trains and any("models/" in text for text in commands):
            shutil.copytree(request.getfixturevalue("models"), tmp_path / "models")
        return tmp_path

    return made
