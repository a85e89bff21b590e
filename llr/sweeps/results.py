"""The rows of a sweep in an SQLite file: each is committed as it comes, so none is lost.

One process writes; others may read at the same time.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from llr.errors import InputError
from llr.models.database import Database
from llr.sweeps.tasks import FAILED

APPLICATION_ID = 0x6C6C7273  # "llrs"
FORMAT = 1
LOCK_SECONDS = 10.0

_SCHEMA = f"""
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS rows (
    task TEXT PRIMARY KEY,
    row TEXT NOT NULL,
    outcome TEXT NOT NULL,
    version TEXT NOT NULL,
    seconds REAL NOT NULL
) STRICT, WITHOUT ROWID;
PRAGMA application_id = {APPLICATION_ID};
PRAGMA user_version = {FORMAT};
COMMIT;
"""


@dataclass(frozen=True)
class Result:
    """What one task gave.

    Attributes:
        row: the same in every run.
        seconds: that it took.
        version: of this library where it ran.
    """

    row: dict[str, Any]
    seconds: float
    version: str


class Results(Database):
    """Rows by the keys of their tasks.

    Args:
        path: of the file; made if it is not there.

    Raises:
        InputError: the file is something else, is damaged, or cannot be written.
    """

    def __init__(self, path: str | Path) -> None:
        super().__init__(path, "results", "a file", LOCK_SECONDS)

    def add(self, key: str, sent: str) -> None:
        """Commit what a worker sent back for a task; what is there already stays.

        Raises:
            InputError: the file cannot be written.
        """
        found = json.loads(sent)
        row = json.dumps(found["row"], separators=(",", ":"), allow_nan=False)
        values = (key, row, found["row"]["outcome"], found["version"], found["seconds"])
        with self._explained():
            self._file.execute("INSERT OR IGNORE INTO rows VALUES (?, ?, ?, ?, ?)", values)

    def read(self) -> dict[str, Result]:
        """Return everything in the file by key.

        Raises:
            InputError: the file is damaged.
        """
        with self._explained():
            kept = self._file.execute("SELECT task, row, version, seconds FROM rows").fetchall()
        try:
            return {
                key: Result(json.loads(row), seconds, version)
                for key, row, version, seconds in kept
            }
        except ValueError:
            raise InputError("results", self.path, "a file without damaged rows") from None

    def forget_failed(self, keys: list[str]) -> None:
        """Remove the rows of those of these tasks that failed."""
        with self._explained():
            self._file.executemany(
                "DELETE FROM rows WHERE task = ? AND outcome = ?", [(key, FAILED) for key in keys]
            )

    def _open(self) -> None:
        """Check what the file is, and make the table."""
        new = self._is_new(APPLICATION_ID, FORMAT, "rows of a sweep")
        self._file.execute("PRAGMA journal_mode = WAL")
        self._file.execute("PRAGMA synchronous = FULL")
        if new:
            self._file.executescript(_SCHEMA)
            return
        if self._one("PRAGMA quick_check(1)") != "ok":
            raise InputError("results", self.path, "a file that is whole")
