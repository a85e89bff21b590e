"""Which packages the tests import: the installed ones, in processes of their own as well."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import llr

CHECKOUT = Path(__file__).parents[2]
SET = ("PYTHONPATH", "PYTHONSAFEPATH", "TOX_ENV_NAME")


def run(*arguments, **environment):
    kept = {name: value for name, value in os.environ.items() if name not in SET}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=CHECKOUT,
        env=kept | environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.skipif("TOX_ENV_NAME" not in os.environ, reason="only tox installs the wheel")
def test_under_tox_the_package_lies_in_the_environment():
    found = Path(llr.__file__)
    assert found.is_relative_to(sys.prefix)
    assert found.parent != CHECKOUT / "llr"


def test_a_process_that_a_test_starts_imports_the_same_package():
    code = "import llr; print(llr.__file__)"
    found = subprocess.run(
        [sys.executable, "-c", code], cwd=CHECKOUT, capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == llr.__file__


def test_under_tox_no_test_runs_on_the_checkout():
    # "python -m" puts the working directory first, and with it the checkout
    arguments = ("-m", "pytest", "-q", "--collect-only", "tests/llr/test_errors.py")
    refused = run(*arguments, TOX_ENV_NAME="tests")
    assert refused.returncode == pytest.ExitCode.USAGE_ERROR
    assert f"llr is imported from {CHECKOUT / 'llr' / '__init__.py'}, not" in refused.stderr
    assert run(*arguments).returncode == pytest.ExitCode.OK
