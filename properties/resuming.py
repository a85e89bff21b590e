"""Runs of ``llr verify`` that go on where an earlier one was stopped.

A file has the lines of docs/json.md, each as soon as it is known: claims in the order in which they
were done, and in their own order once the run has ended.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from pathlib import Path

from llr.errors import InputError, ShownAs
from llr.models.files import check_writable, parse_json, read_text, write_text
from properties.necessity import Necessity, NecessityVerdict, restored
from properties.results import Value, parse_results


class _Lines:
    """The lines of a run, in a file.

    Args:
        path: of the file; made if it is not there, or empty.

    Attributes:
        there: the whole lines that it had.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        check_writable(path, "--resume")
        # what was being written when the run was killed has no end
        written, _, _ = _read(path).rpartition("\n")
        self.there = written.split("\n") if written else []

    def begin(self, run: Value) -> None:
        """Cut off what has no end; a file that had nothing begins with the run."""
        lines = self.there or [json.dumps({"run": run})]
        write_text(self.path, "".join(line + "\n" for line in lines), "--resume")

    def add(self, value: Value) -> None:
        """Add a line."""
        with Path(self.path).open("a", encoding="utf-8") as file:
            file.write(json.dumps(value, allow_nan=False) + "\n")


class Kept(_Lines):
    """The lines of a run, in a file.

    Args:
        path: of the file; made if it is not there, or empty.
        run: the content of the first line.
        claims: the identifiers of what is to be verified.

    Attributes:
        verdicts: the lines of the claims that are done, by identifier.
        queries: what learning costs, or None if it was not measured.
        others: which lines the file has besides those of run, claims and end.

    Raises:
        InputError: the file holds something else than results of such a run.
    """

    def __init__(self, path: str, run: Value, claims: Collection[str]) -> None:
        super().__init__(path)
        self.verdicts: dict[str, Value] = {}
        self.queries: Value | None = None
        self.others: set[str] = set()
        if self.there:
            found = parse_results(self.there, path)
            _check_same(found.run, run, path)
            self.verdicts = {v["claim"]: v for v in found.verdicts}
            self.queries = found.queries
            kinds = (next(iter(json.loads(line))) for line in self.there if line.strip())
            self.others = {"queries", "tightness"}.intersection(kinds)
            for name in self.verdicts:
                if name not in claims:
                    raise InputError("--resume", path, f"results without {name}, not named now")
        self.begin(run)

    def add(self, value: Value) -> None:
        """Add a line."""
        if "claim" in value:
            self.verdicts[value["claim"]] = value
        super().add(value)

    def finish(self, lines: Sequence[str]) -> None:
        """Write the lines of the whole run."""
        write_text(self.path, "".join(line + "\n" for line in lines), "--resume")


class KeptNecessities(_Lines):
    """The verdicts of ``llr verify --necessity``, in a file.

    Args:
        path: of the file; made if it is not there, or empty.
        run: the content of the first line.
        necessities: what is to be dropped.

    Attributes:
        verdicts: what is done, by identifier.

    Raises:
        InputError: the file holds something else than verdicts of such a run.
    """

    def __init__(self, path: str, run: Value, necessities: Collection[Necessity]) -> None:
        super().__init__(path)
        self.verdicts: dict[str, NecessityVerdict] = {}
        for number, line in enumerate(self.there, 1):
            where = f"{path}, line {number}"
            value = parse_json(line, where)
            if number == 1:
                first = value.get("run") if isinstance(value, dict) else None
                _check_same(first if isinstance(first, dict) else {}, run, path)
            else:
                found = restored(value, necessities, where)
                self.verdicts[found.necessity.identifier] = found
        self.begin(run)


def _read(path: str) -> str:
    return read_text(path) if Path(path).exists() else ""


def _check_same(there: Value, now: Value, path: str) -> None:
    """Raise InputError unless the runs would find the same."""
    for name, value in now.items():
        if there.get(name) != value:
            shown = ShownAs(f"{path}, where {name} is {there.get(name)}")
            raise InputError("--resume", shown, f"results of a run with {name} {value}")
