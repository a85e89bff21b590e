"""Models that the tests share, each made once a session."""

from __future__ import annotations

from pathlib import Path

import pytest
import small_models
import train_small_lm


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """More threads are slower on a busy machine."""
    train_small_lm.one_thread()


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the models ``full``, ``half`` and ``untrained``, trained for seconds."""
    folder = tmp_path_factory.mktemp("trained")
    small_models.write_trained(folder)
    return folder
