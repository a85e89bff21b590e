"""What all tests start from: the installed wheel under tox, and interrupts that arrive."""

from __future__ import annotations

import os
import signal
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

# else python -c and python -m in a test's own process would put the working directory first
os.environ["PYTHONSAFEPATH"] = "1"

# whatever starts the tests in the background may have interrupts ignored, which they would inherit
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_sessionstart() -> None:
    """Stop before the first test if a package would come from elsewhere than tox put it."""
    if "TOX_ENV_NAME" not in os.environ or "PYTHONPATH" in os.environ:
        return
    for name in ("llr", "bounds", "properties"):
        spec = find_spec(name)
        origin = None if spec is None else spec.origin
        if origin is None or not Path(origin).is_relative_to(sys.prefix):
            raise pytest.UsageError(f"{name} is imported from {origin}, not from {sys.prefix}")
