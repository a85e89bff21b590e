"""SQLite files of ours: each says what it is, and no error of SQLite gets out unexplained."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from llr.errors import InputError, ShownAs
from llr.models.files import check_writable


class Database:
    """A file of tables, open until it is closed.

    Args:
        path: of the file; made if it is not there.
        argument: the name that errors give the file.
        kind: what the file is, with an article, for errors.
        patience: seconds to wait for another process that holds the file.

    Raises:
        InputError: the file is something else, is damaged, or cannot be written.
    """

    def __init__(self, path: str | Path, argument: str, kind: str, patience: float) -> None:
        self.path = str(path)
        self._argument, self._kind = argument, kind
        check_writable(path, argument)
        with self._explained():
            self._file = sqlite3.connect(self.path, timeout=patience, isolation_level=None)
            try:
                self._open()
            except BaseException:
                self._file.close()
                raise

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def __enter__(self) -> Self:
        """Return what is open."""
        return self

    def __exit__(self, *exception: object) -> None:
        """Let go of the file."""
        self.close()

    def _open(self) -> None:
        """Check what the file is, and make the tables."""
        raise NotImplementedError

    def _is_new(self, application: int, version: int, expected: str) -> bool:
        """Return whether the file holds nothing yet.

        Raises:
            InputError: it holds something else than the tables of this application and version.
        """
        found, form = self._one("PRAGMA application_id"), self._one("PRAGMA user_version")
        if found == form == 0 and not self._one("SELECT count(*) FROM sqlite_master"):
            return True
        if found != application:
            raise InputError(
                self._argument, self.path, f"{expected} or a file that is not there yet"
            )
        if form != version:
            raise InputError(self._argument, ShownAs(f"of format {form}"), f"of format {version}")
        return False

    def _one(self, query: str, *values: object) -> Any:
        return self._file.execute(query, values).fetchone()[0]

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Turn the errors of SQLite into ours."""
        try:
            yield
        except sqlite3.Error as error:
            expected = f"{self._kind} that can be read and written ({error})"
            raise InputError(self._argument, self.path, expected) from None
