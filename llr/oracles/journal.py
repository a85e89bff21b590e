"""The journal: answers that were paid for, in an SQLite file that outlives the run.

Rows are kept as the oracle gave them, bit for bit: float64 little-endian, or rationals as text.  A
chunk of answers is committed before any of it is handed on; so a run that is killed loses one chunk
at most.  A commit is synced to the disk only now and then (SQLite's write-ahead log): a power cut
may cost the last ones.  What a target is called is up to the caller: one file may hold the answers
of many targets.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import repeat
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np

from llr.errors import InputError, UnansweredError
from llr.models.base import Word
from llr.models.database import Database
from llr.numbers.arithmetic import EXACT, Arithmetic
from llr.numbers.rational import parse, text
from llr.oracles.ledger import centred_answers
from llr.oracles.protocol import LogitOracle

APPLICATION_ID = 0x6C6C726A  # "llrj"
FORMAT = 1
CHUNK = 256
"""Prefixes asked, and committed, at once."""

LOCK_SECONDS = 1.0
PAGE_BYTES = 16384

_ARRAY, _ROWS, _RATIONAL = "array", "rows", "rational"

_SCHEMA = f"""
BEGIN IMMEDIATE;
CREATE TABLE targets (
    id INTEGER PRIMARY KEY,
    identity TEXT NOT NULL UNIQUE,
    alphabet_size INTEGER NOT NULL,
    form TEXT NOT NULL
) STRICT;
CREATE TABLE answers (
    target INTEGER NOT NULL,
    prefix BLOB NOT NULL,
    row BLOB NOT NULL,
    checksum INTEGER NOT NULL,
    UNIQUE (target, prefix)
) STRICT;
PRAGMA application_id = {APPLICATION_ID};
PRAGMA user_version = {FORMAT};
COMMIT;
"""


class Journal(Database):
    """Remembered answers in a file.

    Args:
        path: of the file; made if it is not there.

    Attributes:
        asked: prefixes that were asked through this object and are now in the file.
        remembered: prefixes that were in the file when they were wanted.

    Raises:
        InputError: the file is something else, is damaged, cannot be written, or is in use.
    """

    def __init__(self, path: str | Path) -> None:
        self.asked = self.remembered = 0
        super().__init__(path, "journal", "a journal", LOCK_SECONDS)

    def __len__(self) -> int:
        """Return how many answers the file holds."""
        with self._explained():
            found: int = self._one("SELECT count(*) FROM answers")
            return found

    def oracle(
        self,
        oracle: LogitOracle,
        identity: Mapping[str, Any],
        alphabet_size: int,
        arithmetic: Arithmetic,
        chunk: int = CHUNK,
    ) -> LogitOracle:
        """Return the oracle as seen through this journal.

        Args:
            oracle: who answers what the file does not hold.
            identity: all that fixes its answers, as a JSON value.
            alphabet_size: k.
            arithmetic: of the answers.
            chunk: how many prefixes are asked and committed at once, unless the oracle says
                (``at_once``) how many it answers at a time.

        Raises:
            InputError: the file holds answers of that identity with another k.
        """
        written = json.dumps(identity, sort_keys=True, separators=(",", ":"), allow_nan=False)
        return _Journaled(self, oracle, written, alphabet_size, arithmetic, chunk)

    def _open(self) -> None:
        """Check what the file is, take it for this process alone, and make the tables."""
        self._file.execute("PRAGMA locking_mode = EXCLUSIVE")
        new = self._is_new(APPLICATION_ID, FORMAT, "a journal")
        if new:
            self._file.execute(f"PRAGMA page_size = {PAGE_BYTES}")
        self._file.execute("PRAGMA journal_mode = WAL")
        self._file.execute("PRAGMA synchronous = NORMAL")
        if new:
            self._file.executescript(_SCHEMA)
            return
        self._file.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        pages, size = self._one("PRAGMA page_count"), self._one("PRAGMA page_size")
        if Path(self.path).stat().st_size < pages * size:
            raise InputError("journal", self.path, "a journal that was not cut off")

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """Commit all of it or nothing."""
        with self._explained():
            self._file.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._file.execute("COMMIT")
            except BaseException:
                if self._file.in_transaction:
                    self._file.execute("ROLLBACK")
                raise


class _Journaled:
    """An oracle whose answers are looked up in a journal first, and kept there."""

    def __init__(
        self,
        journal: Journal,
        oracle: LogitOracle,
        identity: str,
        alphabet_size: int,
        arithmetic: Arithmetic,
        chunk: int,
    ) -> None:
        self._journal, self._oracle = journal, oracle
        self._identity, self._k, self._arithmetic = identity, alphabet_size, arithmetic
        self._chunk = getattr(oracle, "at_once", None) or chunk
        self._code = "B" if alphabet_size <= 1 << 8 else "H" if alphabet_size <= 1 << 16 else "I"
        self.reproducible = getattr(oracle, "reproducible", 0)
        with journal._explained():
            known = journal._file.execute(
                "SELECT id, alphabet_size, form FROM targets WHERE identity = ?", (identity,)
            ).fetchone()
        target, size, form = known or (None, alphabet_size, "")
        self._target: int | None = target
        self._form: str = form
        if size != alphabet_size:
            raise InputError("alphabet_size", alphabet_size, f"{size}, as in {journal.path}")

    def logits(self, prefixes: Sequence[Word]) -> Any:
        """Return the rows of the file, after asking and committing what it did not hold."""
        keys = [self._key(p) for p in prefixes]
        wanted = dict(zip(keys, prefixes, strict=True))
        rows: Any = [None] * len(wanted)
        if self._arithmetic is not EXACT:
            rows = np.empty((len(wanted), self._k))
        missing = []
        with self._journal._explained():
            for place, (key, prefix) in enumerate(wanted.items()):
                kept = self._kept(key)
                if kept is None:
                    missing.append((place, key, prefix))
                else:
                    rows[place] = kept
        self._journal.remembered += len(wanted) - len(missing)
        done = 0
        while done < len(missing):
            # a budget that ends within a chunk is spent to the last call
            many = min(self._chunk, getattr(self._oracle, "left", None) or self._chunk)
            places, new, asked = zip(*missing[done : done + many], strict=True)
            for place, row in zip(places, self._ask(new, asked), strict=True):
                rows[place] = row
            done += many
        if len(wanted) < len(keys):
            place_of = {key: place for place, key in enumerate(wanted)}
            order = [place_of[key] for key in keys]
            rows = [rows[i] for i in order] if self._arithmetic is EXACT else rows[order]
        return [tuple(row) for row in rows.tolist()] if self._form == _ROWS else rows

    def fresh(self, prefixes: Sequence[Word]) -> Any:
        """Return answers that do not come from the file, and do not go there."""
        return getattr(self._oracle, "fresh", self._oracle.logits)(prefixes)

    def _key(self, prefix: Word) -> bytes:
        try:
            return struct.pack(f"<{len(prefix)}{self._code}", *prefix)
        except struct.error:
            raise InputError("prefix", prefix, f"of tokens in 0..{self._k - 1}") from None

    def _kept(self, key: bytes) -> Any:
        """Return a row of the file, or None."""
        if self._target is None:
            return None
        query = "SELECT row, checksum FROM answers WHERE target = ? AND prefix = ?"
        found = self._journal._file.execute(query, (self._target, key)).fetchone()
        if found is None:
            return None
        row, checksum = found
        if _checksum(key, row) != checksum:
            raise InputError("journal", self._journal.path, "a journal without damaged rows")
        if self._form == _RATIONAL:
            return tuple(parse(x, "journal") for x in row.decode().split(" "))
        return np.frombuffer(row, dtype="<f8")

    def _ask(self, keys: Sequence[bytes], prefixes: Sequence[Word]) -> Any:
        """Ask for a chunk, check the answers, commit them and return them.

        Of a chunk that is answered in part, that part is committed.
        """
        try:
            answers = self._oracle.logits(prefixes)
        except UnansweredError as error:
            done = error.places
            if done:
                self._keep([keys[i] for i in done], [prefixes[i] for i in done], error.answers)
            raise
        return self._keep(keys, prefixes, answers)

    def _keep(self, keys: Sequence[bytes], prefixes: Sequence[Word], answers: Any) -> Any:
        """Check answers, commit them and return them."""
        centred_answers(prefixes, answers, self._k, self._arithmetic)
        rows, written = self._both(answers)
        file, target, form = self._journal._file, self._target, self._form
        with self._journal._transaction():
            if target is None:
                form = _form(answers, self._arithmetic)
                target = file.execute(
                    "INSERT INTO targets (identity, alphabet_size, form) VALUES (?, ?, ?)",
                    (self._identity, self._k, form),
                ).lastrowid
            file.executemany(
                "INSERT INTO answers VALUES (?, ?, ?, ?)",
                zip(repeat(target), keys, written, map(_checksum, keys, written), strict=False),
            )
        self._target, self._form = target, form
        self._journal.asked += len(keys)
        return rows

    def _both(self, answers: Any) -> tuple[Any, list[bytes]]:
        """Return answers that were checked, and the same as they go into the file."""
        scalar = self._arithmetic.scalar
        if self._arithmetic is EXACT:
            exact = [tuple(scalar(x, "logit") for x in row) for row in answers]
            return exact, [" ".join(map(text, row)).encode() for row in exact]
        if not (isinstance(answers, np.ndarray) and answers.dtype.kind in "fiu"):
            answers = np.array([[scalar(x, "logit") for x in row] for row in answers])
        rows = answers.astype("<f8")
        return rows, [row.tobytes() for row in rows]


def _checksum(key: bytes, row: bytes) -> int:
    """Return a number that a row, or the prefix that it stands at, hardly keeps when damaged."""
    return crc32(row, crc32(key))


def _form(answers: Any, arithmetic: Arithmetic) -> str:
    """Return the kind of an answer: it is given back as the kind that it came as."""
    if arithmetic is EXACT:
        return _RATIONAL
    return _ARRAY if isinstance(answers, np.ndarray) else _ROWS
