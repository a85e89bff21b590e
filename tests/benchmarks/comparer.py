"""Counts and ratios of a run against the stored baseline; times themselves are never compared.

A baseline is a JSON object, one line per measurement: its name, and its counts.  Any change of a
count is a failure, a better one too: look at it, then renew the baseline with

    pytest tests/benchmarks --update-counts

Bounds of ratios are stated by hand in counts/ratios.json as [least, most], null for none.
"""

from __future__ import annotations

import json
from pathlib import Path

FOLDER = Path(__file__).parent / "counts"


def differences(found, stored, where=""):
    """Return one line for every place at which two JSON values differ."""
    if isinstance(found, dict) and isinstance(stored, dict):
        return [
            line
            for key in sorted({*found, *stored})
            for line in differences(found.get(key), stored.get(key), f"{where}.{key}".lstrip("."))
        ]
    if found != stored or isinstance(found, bool) != isinstance(stored, bool):
        return [f"{where or 'value'}: {json.dumps(found)}, stored {json.dumps(stored)}"]
    return []


def outside(name, value, bounds):
    """Return the lines that a ratio outside its stated bounds deserves."""
    if name not in bounds:
        return [f"{name}: {value:.3g}, but no bounds are stated"]
    least, most = bounds[name]
    if (least is None or value >= least) and (most is None or value <= most):
        return []
    return [f"{name}: {value:.3g}, not in [{least}, {most}]"]


class Baseline:
    """The stored measurements of one test file.

    Args:
        name: of the file in counts/, without its ending.
        update: store what is found instead of comparing with it.
        folder: where the files lie.
    """

    def __init__(self, name, update, folder=FOLDER):
        self.path = folder / f"{name}.json"
        self._ratios = folder / "ratios.json"
        self._update = update

    def check(self, name, counts):
        """Fail unless the counts are those stored under that name."""
        found = json.loads(json.dumps(counts))
        assert not _has_floats(found), f"{name}: a float is no count"
        stored = json.loads(self.path.read_text()) if self.path.exists() else {}
        if self._update:
            lines = (
                f"{json.dumps(key)}: {json.dumps(value)}"
                for key, value in sorted({**stored, name: found}.items())
            )
            self.path.write_text("{\n" + ",\n".join(lines) + "\n}\n")
            return
        lines = differences(found, stored.get(name), name)
        assert not lines, "counts changed:\n" + "\n".join(lines)

    def ratio(self, name, value):
        """Fail unless a ratio lies in the bounds stated for it."""
        lines = outside(name, value, json.loads(self._ratios.read_text()))
        assert not lines, "\n".join(lines)


def _has_floats(value):
    if isinstance(value, dict):
        return any(map(_has_floats, value.values()))
    if isinstance(value, list):
        return any(map(_has_floats, value))
    return isinstance(value, float)
