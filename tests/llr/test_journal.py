"""The journal: rows bit for bit, nothing asked twice, and every file that it must refuse."""

from __future__ import annotations

import os
import shutil
import sqlite3
import struct
import tempfile
from contextlib import closing, contextmanager
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from flint import fmpq
from hypothesis import given, settings
from hypothesis import strategies as st

from llr.errors import BudgetError, InputError, OracleError
from llr.numbers.arithmetic import EXACT, FLOAT64
from llr.oracles import journal as journals
from llr.oracles.budget import Budget
from llr.oracles.journal import APPLICATION_ID, FORMAT, Journal
from llr.oracles.ledger import Ledger

MEMORY = "/dev/shm" if os.path.isdir("/dev/shm") else None
"""Where a file is quickly synced."""

K = 3
CHUNK = 4


class KilledError(Exception):
    """Stands for the end of the process."""


def values(prefix):
    """Three numbers that need every bit of a float64, and tell prefixes of one multiset apart."""
    total = sum((i + 1) * (a + 1) for i, a in enumerate(prefix))
    return [1 / (3 + total), -float(total) / 7 - 1e-9, -0.0]


FORMS = {
    "rational": (EXACT, lambda p: [fmpq(len(p), 7), Fraction(-sum(p), 3), f"{2 * len(p) + 1}/9"]),
    "rows": (FLOAT64, values),
    "array": (FLOAT64, values),
    "float32": (FLOAT64, values),
    "integers": (FLOAT64, lambda p: [len(p), sum(p), 1]),
}


class Plain:
    """An oracle that answers in one form, logs what it is asked, and dies on command."""

    def __init__(self, form):
        self.form = form
        self.log = []
        self.calls_left = None

    def logits(self, prefixes):
        self.log.extend(prefixes)
        if self.calls_left is not None:
            self.calls_left -= 1
            if self.calls_left < 0:
                raise KilledError
        rows = [FORMS[self.form][1](p) for p in prefixes]
        kinds = {"array": np.float64, "float32": np.float32, "integers": np.int64}
        return np.array(rows, kinds[self.form]) if self.form in kinds else rows


def bits(rows):
    """Return rows as something that is equal only if every bit is."""
    if isinstance(rows, np.ndarray):
        return [row.tobytes() for row in rows.astype("<f8")]
    return [
        struct.pack(f"<{K}d", *row) if isinstance(row[0], float) else [str(fmpq(x)) for x in row]
        for row in (list(row) for row in rows)
    ]


def exactly(answers):
    """Return what an oracle said, in the form in which rows are compared."""
    if isinstance(answers, np.ndarray):
        return bits(answers)
    return bits([[x if isinstance(x, float) else fmpq_of(x) for x in row] for row in answers])


def fmpq_of(x):
    found = Fraction(x) if not isinstance(x, fmpq) else x
    return found if isinstance(found, fmpq) else fmpq(found.numerator, found.denominator)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "answers.journal"


def kill(journal):
    """Let go of the file as the end of the process would: nothing more is committed."""
    journal._file.close()


# -- any history of asking, dying and coming back -------------------------------------------------

words = st.lists(st.integers(0, K - 1), max_size=3).map(tuple)
batches = st.lists(words, max_size=9)
steps = st.lists(
    st.tuples(st.just("ask"), batches)
    | st.tuples(st.just("die while asking"), batches, st.integers(0, 3))
    | st.tuples(st.just("die"))
    | st.tuples(st.just("close")),
    max_size=12,
)


def check_history(form, history, folder):
    """Do the steps; answers must be the plain oracle's, and what was answered is not asked again.

    Of a batch during which the process died, all chunks but the last one asked count as answered.
    """
    journals = []
    try:
        return relived(form, history, Path(folder) / "journal", journals)
    finally:
        for journal in journals:
            kill(journal)


def relived(form, history, path, journals):
    """Do the steps with journals of one file, each put on the list."""
    arithmetic, _ = FORMS[form]
    answered, remembered_once = set(), False

    def opened():
        journal, plain = Journal(path), Plain(form)
        journals.append(journal)
        return journal, plain, journal.oracle(plain, {"form": form}, K, arithmetic, CHUNK)

    journal, plain, oracle = opened()
    for step, *details in [*history, ("die",), ("ask", [(), (0,), (0, 1), (1, 0)])]:
        if step == "ask":
            (batch,) = details
            new = list(dict.fromkeys(p for p in batch if p not in answered))
            plain.log.clear()
            assert bits(oracle.logits(batch)) == exactly(Plain(form).logits(batch))
            assert plain.log == new
            remembered_once |= len(new) < len(set(batch))
            answered.update(new)
            assert len(journal) == len(answered)
        elif step == "die while asking":
            batch, plain.calls_left = details
            new = list(dict.fromkeys(p for p in batch if p not in answered))
            plain.log.clear()
            whole = -(-len(new) // CHUNK)
            done = CHUNK * plain.calls_left
            if whole > plain.calls_left:
                with pytest.raises(KilledError):
                    oracle.logits(batch)
                assert plain.log == new[: done + CHUNK]
                answered.update(new[:done])
                kill(journal)
                journal, plain, oracle = opened()
            else:
                assert bits(oracle.logits(batch)) == exactly(Plain(form).logits(batch))
                answered.update(new)
                plain.calls_left = None
        else:
            kill(journal) if step == "die" else journal.close()
            journal, plain, oracle = opened()
            assert len(journal) == len(answered)
    return remembered_once


@pytest.mark.parametrize("form", ["rational", "rows", "array"])
@settings(deadline=None)
@given(history=steps)
def test_any_history_gives_the_plain_answers_and_asks_nothing_twice(form, history):
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
        check_history(form, history, folder)


HISTORY = [
    ("ask", [(0,), (1,), (0, 1), (1, 0), (2, 2), (0, 0, 1)]),
    ("die",),
    ("ask", [(0, 1), (1, 0), (1, 2), (2, 1), (0,), (2,)]),
    ("die while asking", [(2, a, b) for a in range(3) for b in range(3)], 1),
    ("ask", [(1, 0), (0, 1), (2, 0, 0), (2, 1, 1), (2, 2, 2), (0, 0, 1)]),
]


@pytest.mark.parametrize("form", FORMS)
def test_a_history_by_hand(form, tmp_path):
    assert check_history(form, HISTORY, tmp_path)


@contextmanager
def commit_late(self):
    if not self._file.in_transaction:
        self._file.execute("BEGIN IMMEDIATE")
    yield


def rounded(self, answers, both=journals._Journaled._both):
    rows, written = both(self, answers)
    if self._arithmetic is EXACT:
        return rows, [b" ".join(x.split(b"/")[0] for x in row.split()) for row in written]
    return rows, [row.astype(np.float32).astype(np.float64).tobytes() for row in rows]


def of_another_prefix(self, prefix, key=journals._Journaled._key):
    return key(self, tuple(sorted(prefix)))


def of_the_row_before(self, answers, both=journals._Journaled._both):
    rows, written = both(self, answers)
    return rows, [*written[-1:], *written[:-1]]


SABOTAGES = {
    "commits late": (Journal, "_transaction", commit_late),
    "rounds to float32": (journals._Journaled, "_both", rounded),
    "mistakes a prefix for another": (journals._Journaled, "_key", of_another_prefix),
    "keeps rows in the wrong order": (journals._Journaled, "_both", of_the_row_before),
}


@pytest.mark.parametrize("form", ["rational", "rows", "array"])
@pytest.mark.parametrize("sabotage", SABOTAGES)
def test_a_bad_journal_is_caught(sabotage, form, monkeypatch, tmp_path):
    monkeypatch.setattr(*SABOTAGES[sabotage])
    with pytest.raises(AssertionError):
        check_history(form, HISTORY, tmp_path)


# -- what a ledger sees ---------------------------------------------------------------------------


@pytest.mark.parametrize("form", FORMS)
def test_a_ledger_sees_the_same_rows_with_and_without(form, path):
    arithmetic, _ = FORMS[form]
    prefixes = [(), (0,), (2, 1), (0, 0, 1)]
    plain = Ledger(Plain(form), K, 5, arithmetic).rows(prefixes)
    for _ in range(2):
        with Journal(path) as journal:
            oracle = journal.oracle(Plain(form), {}, K, arithmetic)
            # a ledger centres arrays and rows each in their way
            assert type(oracle.logits(prefixes)) is type(Plain(form).logits(prefixes))
            ledger = Ledger(oracle, K, 5, arithmetic)
            assert [list(map(str, row)) for row in ledger.rows(prefixes)] == [
                list(map(str, row)) for row in plain
            ]
            assert ledger.counts.distinct_prefixes == 4
    assert (journal.asked, journal.remembered) == (0, 8)


def test_a_recheck_asks_past_the_journal_and_keeps_nothing(path):
    prefixes = [(a, b) for a in range(K) for b in range(K)]
    with Journal(path) as journal:
        journal.oracle(Plain("array"), {}, K, FLOAT64).logits(prefixes)
    with Journal(path) as journal:
        plain = Plain("array")
        ledger = Ledger(journal.oracle(plain, {}, K, FLOAT64), K, 5, FLOAT64)
        ledger.rows([*prefixes, ()])
        assert plain.log == [()]
        ledger.recheck()
        assert sorted(plain.log[1:]) == sorted([*prefixes, ()])
        assert ledger.counts.rechecks == len(plain.log) - 1 == 10
        assert (journal.asked, journal.remembered, len(journal)) == (1, 9, 10)


def test_a_recheck_finds_an_oracle_that_changed_its_mind_since(path):
    with Journal(path) as journal:
        journal.oracle(Plain("array"), {}, K, FLOAT64).logits([(0,)])
    with Journal(path) as journal:
        ledger = Ledger(journal.oracle(Plain("integers"), {}, K, FLOAT64), K, 5, FLOAT64)
        ledger.rows([(0,)])
        with pytest.raises(OracleError, match="must be the same at every call"):
            ledger.recheck()


def test_how_far_answers_are_reproducible_is_passed_on(path):
    plain = Plain("array")
    with Journal(path) as journal:
        assert journal.oracle(plain, {}, K, FLOAT64).reproducible == 0
        plain.reproducible = 0.25
        for oracle in (plain, Budget(9).oracle(plain)):
            assert journal.oracle(oracle, {}, K, FLOAT64).reproducible == 0.25


def test_an_oracle_with_fresh_answers_is_asked_for_those(path):
    plain = Plain("array")
    plain.fresh = lambda prefixes: "fresh"
    with Journal(path) as journal:
        assert journal.oracle(Budget(9).oracle(plain), {}, K, FLOAT64).fresh([()]) == "fresh"


def test_the_oracle_is_asked_in_chunks_in_the_order_of_the_batch(path):
    sizes = []

    class Sizes(Plain):
        def logits(self, prefixes):
            sizes.append(len(prefixes))
            return super().logits(prefixes)

    prefixes = [(a, b, c) for a in range(3) for b in range(3) for c in range(3)]
    with Journal(path) as journal:
        plain = Sizes("array")
        journal.oracle(plain, {}, K, FLOAT64, 10).logits(prefixes)
        assert plain.log == prefixes
        assert sizes == [10, 10, 7]


# -- many targets ---------------------------------------------------------------------------------


def test_answers_of_two_targets_are_kept_apart(path):
    with Journal(path) as journal:
        plain, other = Plain("array"), Plain("integers")
        one = journal.oracle(plain, {"target": "one", "seed": 1}, K, FLOAT64)
        two = journal.oracle(other, {"target": "one", "seed": 2}, K, FLOAT64)
        same = journal.oracle(plain, {"seed": 1, "target": "one"}, K, FLOAT64)
        first, second = one.logits([(1,)]), two.logits([(1,)])
        assert (plain.log, other.log) == ([(1,)], [(1,)])
        assert bits(first) != bits(second)
    with Journal(path) as journal:
        two = journal.oracle(other, {"target": "one", "seed": 2}, K, FLOAT64)
        same = journal.oracle(plain, {"seed": 1, "target": "one"}, K, FLOAT64)
        assert bits(same.logits([(1,)])) == bits(first)
        assert bits(two.logits([(1,)])) == bits(second)
        assert (plain.log, other.log) == ([(1,)], [(1,)])


def test_another_size_under_the_same_name_is_refused(path):
    with Journal(path) as journal:
        journal.oracle(Plain("array"), {"t": 1}, K, FLOAT64).logits([()])
        with pytest.raises(InputError, match=r"alphabet_size must be 3, as in .*, not 4"):
            journal.oracle(Plain("array"), {"t": 1}, 4, FLOAT64)


@pytest.mark.parametrize("k", [256, 257, 65536, 65537])
def test_tokens_of_every_size(path, k):
    class Wide:
        def logits(self, prefixes):
            return np.arange(len(prefixes) * k, dtype=np.float64).reshape(-1, k)

    prefixes = [(k - 1,), (0,), (k - 1, k - 1), ()]
    with Journal(path) as journal:
        first = journal.oracle(Wide(), {}, k, FLOAT64).logits(prefixes)
    with Journal(path) as journal:
        again = journal.oracle(Wide(), {}, k, FLOAT64).logits(prefixes)
        assert (journal.asked, journal.remembered) == (0, 4)
        assert np.array_equal(first, again)
        assert again[1, 0] == k


def test_a_token_out_of_range_is_refused(path):
    with Journal(path) as journal:
        oracle = journal.oracle(Plain("array"), {}, K, FLOAT64)
        with pytest.raises(InputError, match=r"prefix must be of tokens in 0\.\.2"):
            oracle.logits([(0, -1)])


# -- answers that must not be kept ----------------------------------------------------------------

BAD = {
    "nan": (FLOAT64, [[0.0, float("nan"), 1.0]], "must be a finite number, not nan"),
    "inf in an array": (FLOAT64, np.array([[0, np.inf, 0]]), r"must be a finite number, not .*inf"),
    "too wide": (FLOAT64, np.zeros((1, 4)), "must be 3 logits, not 4"),
    "too many rows": (FLOAT64, np.zeros((2, 3)), "must be 1 rows, one per prefix, not 2"),
    "no rows": (FLOAT64, None, "must be 1 rows, one per prefix, not None"),
    "too large to centre": (FLOAT64, [[1.7e308, -1.7e308, -1.7e308]], "small enough"),
    "a float": (EXACT, [[0.5, 0, 0]], "must be a rational"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_answer_is_refused_as_by_a_ledger_and_not_kept(name, path):
    arithmetic, answer, message = BAD[name]

    class Bad:
        def logits(self, prefixes):
            return answer

    with pytest.raises(OracleError, match=message) as caught:
        Ledger(Bad(), K, 3, arithmetic).rows([(1,)])
    with Journal(path) as journal:
        with pytest.raises(OracleError) as found:
            journal.oracle(Bad(), {}, K, arithmetic).logits([(1,)])
        assert str(found.value) == str(caught.value)
        assert len(journal) == journal.asked == 0


def test_good_chunks_before_a_bad_answer_are_kept(path):
    class Late(Plain):
        def logits(self, prefixes):
            rows = super().logits(prefixes)
            rows[[p == (2, 2) for p in prefixes]] = np.nan
            return rows

    prefixes = [(a, b) for a in range(3) for b in range(3)]
    with Journal(path) as journal:
        with pytest.raises(OracleError, match=r"at prefix \(2, 2\)"):
            journal.oracle(Late("array"), {}, K, FLOAT64, CHUNK).logits(prefixes)
        assert len(journal) == 8


# -- budgets --------------------------------------------------------------------------------------


def test_a_budget_is_spent_to_the_last_call_and_all_of_it_is_kept(path):
    prefixes = [(a, b) for a in range(3) for b in range(3)]
    plain = Plain("array")
    for kept in (3, 6, 9):
        with Journal(path) as journal:
            oracle = journal.oracle(Budget(3).oracle(plain), {}, K, FLOAT64, 2)
            if kept < 9:
                with pytest.raises(BudgetError):
                    oracle.logits(prefixes)
            else:
                assert bits(oracle.logits(prefixes)) == exactly(Plain("array").logits(prefixes))
            assert len(journal) == kept
    assert plain.log == prefixes


def test_a_spent_budget_still_remembers(path):
    with Journal(path) as journal:
        journal.oracle(Plain("array"), {}, K, FLOAT64).logits([(0,), (1,)])
        oracle = journal.oracle(Budget(0).oracle(Plain("array")), {}, K, FLOAT64)
        assert bits(oracle.logits([(1,)])) == exactly(Plain("array").logits([(1,)]))
        with pytest.raises(BudgetError):
            oracle.logits([(1,), (2,)])


# -- files ----------------------------------------------------------------------------------------


def filled(path):
    with Journal(path) as journal:
        journal.oracle(Plain("array"), {}, K, FLOAT64).logits(
            [(a, b, c) for a in range(3) for b in range(3) for c in range(3)]
        )
    return path


def refuses(path, match):
    """Opening or asking must fail with one clear error; nothing may be asked."""
    plain = Plain("array")
    with (
        pytest.raises(InputError, match=rf"(?s)^journal must be .*{match}"),
        Journal(path) as journal,
    ):
        journal.oracle(plain, {}, K, FLOAT64).logits([(0, 0, 0), (2, 2, 2), (1,)])
    assert plain.log == []


def test_an_empty_file_becomes_a_journal(path):
    path.touch()
    assert filled(path).stat().st_size > 0
    with Journal(path) as journal:
        assert len(journal) == 27


@pytest.mark.parametrize("content", [b"{}", b"not a journal at all\n" * 200, b"\0" * 8192])
def test_another_kind_of_file_is_refused_and_left_alone(path, content):
    path.write_bytes(content)
    refuses(path, "file is not a database")
    assert path.read_bytes() == content
    assert os.listdir(path.parent) == [path.name]


@pytest.mark.parametrize(
    "statement",
    ["CREATE TABLE other (x)", "PRAGMA application_id = 5", "PRAGMA user_version = 7"],
)
def test_another_database_is_refused_and_left_alone(path, statement):
    with closing(sqlite3.connect(path, isolation_level=None)) as file:
        file.execute(statement)
    file.close()
    content = path.read_bytes()
    refuses(path, "a journal or a file that is not there yet")
    assert path.read_bytes() == content
    assert os.listdir(path.parent) == [path.name]


def test_a_later_format_is_refused(path):
    with closing(sqlite3.connect(filled(path), isolation_level=None)) as file:
        file.execute(f"PRAGMA user_version = {FORMAT + 1}")
    file.close()
    refuses(path, f"of format {FORMAT}, not of format {FORMAT + 1}")


def test_a_journal_without_its_tables_is_refused(path):
    with closing(sqlite3.connect(path, isolation_level=None)) as file:
        file.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        file.execute(f"PRAGMA user_version = {FORMAT}")
    file.close()
    refuses(path, "no such table")


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_truncated_file_is_refused(path, share):
    whole = filled(path).stat().st_size
    os.truncate(path, int(whole * share))
    refuses(path, "(can be read and written|not cut off)")


def test_overwritten_pages_are_refused(path):
    whole = filled(path).stat().st_size
    with path.open("r+b") as file:
        file.seek(journals.PAGE_BYTES)
        file.write(b"\xa5" * (whole - journals.PAGE_BYTES))
    refuses(path, "malformed")


@pytest.mark.parametrize(
    "damage",
    [
        "row = x''",
        "row = substr(row, 1, 23)",
        "row = CAST(row || 'x' AS BLOB)",
        "row = zeroblob(24)",
        "row = (SELECT row FROM answers WHERE prefix = x'000001')",
        "(row, checksum) = (SELECT row, checksum FROM answers WHERE prefix = x'000001')",
        "checksum = 5",
    ],
)
def test_a_damaged_row_is_refused(path, damage):
    with closing(sqlite3.connect(filled(path), isolation_level=None)) as file:
        file.execute(f"UPDATE answers SET {damage} WHERE prefix = x'020202'")
    file.close()
    refuses(path, "without damaged rows")


def test_a_folder_or_a_missing_folder_is_refused(tmp_path):
    for path in (tmp_path, tmp_path / "missing" / "journal", "/dev/null"):
        with pytest.raises(InputError, match=r"^journal must be"):
            Journal(path)
    assert os.listdir(tmp_path) == []


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="no folder that nobody can write to")
def test_a_folder_that_cannot_be_written_is_refused():
    with pytest.raises(InputError, match=r"^journal must be"):
        Journal("/proc/self/answers.journal")


@contextmanager
def not_as_root():
    """Root may write everywhere, so let nobody do it."""
    if os.geteuid():
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.parametrize("what", ["folder", "file"])
def test_what_may_only_be_read_is_refused(what):
    with tempfile.TemporaryDirectory() as name:
        path = filled(Path(name) / "journal")
        Path(name).chmod(0o555 if what == "folder" else 0o777)
        path.chmod(0o666 if what == "folder" else 0o444)
        content = path.read_bytes()
        with not_as_root():
            refuses(path, "written")
            if what == "folder":
                refuses(Path(name) / "other", "written")
        Path(name).chmod(0o777)
        assert path.read_bytes() == content
        assert os.listdir(name) == ["journal"]


def test_a_journal_in_use_is_refused_and_free_again_afterwards(path, monkeypatch):
    monkeypatch.setattr(journals, "LOCK_SECONDS", 0.1)
    filled(path)
    with Journal(path):
        refuses(path, "locked")
    with Journal(path) as journal:
        assert len(journal) == 27


def test_a_full_disk_is_a_clear_error_and_what_was_committed_stays(path):
    class Wide:
        def logits(self, prefixes):
            return np.random.default_rng(0).normal(size=(len(prefixes), 1000))

    prefixes = [(i,) for i in range(200)]
    with Journal(path) as journal:
        oracle = journal.oracle(Wide(), {}, 1000, FLOAT64, 10)
        oracle.logits(prefixes[:20])
        pages = journal._one("PRAGMA page_count")
        journal._file.execute(f"PRAGMA max_page_count = {pages + 20}")
        with pytest.raises(InputError, match=r"^journal must be .*database or disk is full"):
            oracle.logits(prefixes)
        kept = len(journal)
        assert 20 < kept < 200
        assert kept % 10 == 0
        assert journal.asked == kept
    with Journal(path) as journal:
        oracle = journal.oracle(Wide(), {}, 1000, FLOAT64, 10)
        oracle.logits(prefixes)
        assert (journal.asked, journal.remembered) == (200 - kept, kept)


@pytest.mark.parametrize("how", ["ROLLBACK", "ABORT", "FAIL"])
def test_a_failure_at_the_first_chunk_leaves_no_target_behind(path, how):
    with Journal(path) as journal:
        plain = Plain("array")
        oracle = journal.oracle(plain, {}, K, FLOAT64)
        journal._file.execute(
            "CREATE TEMP TRIGGER full BEFORE INSERT ON answers "
            f"BEGIN SELECT RAISE({how}, 'disk is full'); END"
        )
        with pytest.raises(InputError, match="disk is full"):
            oracle.logits([(0,)])
        journal._file.execute("DROP TRIGGER full")
        assert bits(oracle.logits([(0,)])) == exactly(Plain("array").logits([(0,)]))
        assert journal._one("SELECT count(*) FROM targets") == len(journal) == 1


def test_a_killed_run_leaves_its_answers_in_the_file_and_its_log(path, tmp_path):
    journal = Journal(path)
    journal.oracle(Plain("array"), {}, K, FLOAT64).logits([(0,), (1,)])
    for end in ("", "-wal"):
        shutil.copy(f"{path}{end}", f"{tmp_path / 'copy'}{end}")
    journal.close()
    assert not Path(f"{path}-wal").exists()
    with Journal(tmp_path / "copy") as copied:
        assert len(copied) == 2
