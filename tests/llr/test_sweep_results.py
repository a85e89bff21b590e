"""The file of a sweep's rows: what goes in comes out, and what is no such file is refused."""

import json
import sqlite3
from contextlib import closing

import pytest

from llr.errors import InputError
from llr.sweeps.results import FORMAT, Results
from llr.sweeps.tasks import failed, finished

ROW = {"outcome": "accepted", "learning": 3}


def test_rows_outlive_the_object_and_the_first_one_stays(tmp_path):
    path = tmp_path / "rows.db"
    with Results(path) as results:
        results.add("a", finished(ROW, 1.5))
        results.add("a", finished(ROW | {"learning": 4}, 2.5))
        results.add("b", finished(failed("InputError", "k must be 2"), 0.5))
        with Results(path) as reader:  # others may look at it meanwhile
            assert set(reader.read()) == {"a", "b"}
    with Results(path) as results:
        found = results.read()
        assert found["a"].row == ROW
        assert (found["a"].seconds, found["a"].version) == (1.5, "0.1.0")
        results.forget_failed(["a"])
        assert set(results.read()) == {"a", "b"}
        results.forget_failed(["a", "b"])
        assert set(results.read()) == {"a"}


def test_a_row_is_on_disk_once_it_is_added(tmp_path):
    path, copy = tmp_path / "rows.db", tmp_path / "copy.db"
    with Results(path) as results:
        results.add("a", finished(ROW, 1.5))
        for end in ("", "-wal"):
            (tmp_path / f"copy.db{end}").write_bytes((tmp_path / f"rows.db{end}").read_bytes())
        with Results(copy) as read:
            assert set(read.read()) == {"a"}


def _not_sqlite(path):
    path.write_text("some text that is no database at all" * 100)


def _other(path):
    with closing(sqlite3.connect(path, isolation_level=None)) as file:
        file.execute("CREATE TABLE cats (name TEXT)")
    file.close()


def _later(path):
    Results(path).close()
    with closing(sqlite3.connect(path, isolation_level=None)) as file:
        file.execute(f"PRAGMA user_version = {FORMAT + 1}")
    file.close()


def _full(path):
    with Results(path) as results:
        for i in range(60):
            results.add(f"{i}" * 200, finished(ROW, 0.0))


def _cut_off(path):
    _full(path)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])


def _garbled(path):
    _full(path)
    data = bytearray(path.read_bytes())
    data[8192:12288] = b"\xff" * 4096
    path.write_bytes(bytes(data))


def _no_json(path):
    with Results(path) as results:
        results.add("a", finished(ROW, 0.0))
        results._file.execute("UPDATE rows SET row = 'cat'")


WRONG = {
    _not_sqlite: "that can be read and written",
    _other: "rows of a sweep or a file that is not there yet",
    _later: f"of format {FORMAT}, not of format {FORMAT + 1}",
    _cut_off: "results must be a file that",
    _garbled: "results must be a file that is whole",
    _no_json: "without damaged rows",
}


@pytest.mark.parametrize("make", WRONG, ids=lambda make: make.__name__)
def test_other_files_are_refused(tmp_path, make):
    path = tmp_path / "rows.db"
    make(path)
    with pytest.raises(InputError, match=WRONG[make]), Results(path) as results:
        results.read()


def test_an_empty_file_is_a_new_one(tmp_path):
    path = tmp_path / "rows.db"
    path.touch()
    with Results(path) as results:
        assert results.read() == {}


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(InputError, match="results must be in a folder that exists"):
        Results(tmp_path / "no" / "rows.db")


def test_numbers_that_json_has_not_are_refused(tmp_path):
    with pytest.raises(ValueError, match="not JSON compliant"):
        finished({"outcome": "accepted", "tv": float("nan")}, 0.0)
    assert json.loads(finished(ROW, 0.25))["seconds"] == 0.25
