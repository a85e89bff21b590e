"""What an undisturbed sweep prints."""

from __future__ import annotations

import pytest
from hooked import Hooked


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory):
    """Return the output of the spec, done task by task in one process."""
    out, _ = Hooked(tmp_path_factory.mktemp("undisturbed"), seconds=0).finished(
        "--engine", "sequential"
    )
    return out


@pytest.fixture
def hooked(tmp_path):
    """Return a sweep with slow tasks."""
    return Hooked(tmp_path)
