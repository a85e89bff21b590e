"""The stored baseline for tests that count."""

from __future__ import annotations

import pytest
from comparer import Baseline


def pytest_addoption(parser):
    parser.addoption(
        "--update-counts", action="store_true", help="store the counts of this run as the baseline"
    )


@pytest.fixture
def baseline(request):
    """The measurements stored for the test's own file."""
    name = request.path.stem.removeprefix("test_")
    return Baseline(name, request.config.getoption("update_counts", default=False))
