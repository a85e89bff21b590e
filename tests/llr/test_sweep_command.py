"""``llr sweep``: the same output on every engine, resumed, interrupted, changed, shown, drawn."""

import json
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest
from click.testing import CliRunner

from llr.cli import main
from llr.errors import WorkersError
from llr.sweeps import engines
from llr.sweeps.results import Results

SPEC = """
target = "isan:T={T},k=2,d=1"
seeds = "0..1"
arithmetic = "float"
epsilon = 0.2

[grid]
T = [2, 3, 4]
"""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "spec.toml").write_text(SPEC)
    return tmp_path


def run(*words, engine="sequential"):
    """Return the exit code, the output and the errors of the command."""
    found = CliRunner().invoke(main, ["sweep", "spec.toml", "--engine", engine, *words])
    assert found.exception is None or isinstance(found.exception, SystemExit), found.exception
    return found.exit_code, found.stdout, found.stderr


def rows(*words):
    code, out, err = run("--json", *words)
    assert (code, err) == (0, "")
    return [json.loads(line) for line in out.splitlines()]


def test_engines_print_the_same_to_the_byte(folder):
    outputs = set()
    for words in ((), ("--workers", "1"), ("--workers", "3")):
        engine = "loky" if words else "sequential"
        results = ("--results", f"rows{len(outputs)}{words[-1:]}")
        for shown in ("--json", "--quiet"):
            code, out, err = run(shown, *words, *results, engine=engine)
            assert (code, err) == (0, "")
            outputs.add((shown, out))
    assert len(outputs) == 2


def test_the_tables():
    code, out, err = run()
    assert (code, err) == (0, "")
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert lines[0] == "spec.toml: 6 tasks"
    assert any(line.startswith("4 2 of 2 ") for line in lines)
    fitted = next(line for line in lines if line.startswith("learning ") and "[" in line)
    learning = [(row["grid"]["T"], row["learning"]) for row in rows()]
    assert fitted.split()[-1] == "6"
    # one basis history per cut: calls grow about linearly
    assert [size for size, _ in learning] == [2, 2, 3, 3, 4, 4]
    assert 0.5 < float(fitted.split()[2]) < 1.8


def counted(monkeypatch):
    """Return a list to which every key that is done here is added."""
    done = []
    own = engines.run
    monkeypatch.setattr(engines, "run", lambda key: done.append(key) or own(key))
    return done


def test_a_second_run_does_nothing_and_more_of_the_grid_only_what_is_new(folder, monkeypatch):
    first = rows()
    done = counted(monkeypatch)
    assert rows() == first
    assert done == []
    (folder / "spec.toml").write_text(SPEC.replace("[2, 3, 4]", "[5, 3, 4]"))
    second = rows()
    assert [row["grid"]["T"] for row in second] == [5, 5, 3, 3, 4, 4]
    assert second[2:] == first[2:]
    assert len(done) == 2
    code, out, _ = run("--status", "--json")
    assert code == 0
    told = json.loads(out)
    assert (told["tasks"], told["done"], told["failed"], told["other_rows"]) == (6, 6, 0, 2)
    assert 0 < told["median_seconds"] < told["seconds"]


def test_status_does_nothing(folder, monkeypatch):
    done = counted(monkeypatch)
    code, out, err = run("--status")
    assert (code, err) == (0, "")
    assert "0 of 6" in " ".join(out.split())
    assert not (folder / "spec.db").exists()
    assert done == []


@pytest.mark.parametrize("after", [0, 2])
def test_an_interrupt_exits_3_and_the_rest_is_done_later(monkeypatch, after):
    undisturbed = rows("--results", "other.db")
    done = []
    own = engines.run

    def interrupted(key):
        if len(done) == after:
            raise KeyboardInterrupt
        done.append(key)
        return own(key)

    with monkeypatch.context() as patch:
        patch.setattr(engines, "run", interrupted)
        code, out, err = run("--json")
    assert (code, out) == (3, "")
    kept = f"{after} of 6 tasks are in spec.db"
    assert err == f"interrupted; {kept}: the same command goes on from there\n"
    done = counted(monkeypatch)
    assert rows() == undisturbed
    assert len(done) == 6 - after


def test_an_interrupt_while_the_rows_are_shown_loses_none(monkeypatch):
    def interrupted(*arguments):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("llr.commands.sweep._report", interrupted)
        code, out, err = run()
    assert (code, out) == (3, "")
    assert err == "interrupted; 6 of 6 tasks are in spec.db: the same command goes on from there\n"
    assert run()[0] == 0


def test_an_interrupt_right_after_a_row_was_kept_counts_it(monkeypatch):
    own = Results.add

    def add(self, key, sent):
        own(self, key, sent)
        raise KeyboardInterrupt

    monkeypatch.setattr(Results, "add", add)
    code, _, err = run()
    assert (code, err.partition(":")[0]) == (3, "interrupted; 1 of 6 tasks are in spec.db")


def test_workers_that_are_lost_end_the_sweep_and_the_rows_stay(monkeypatch):
    own = engines.sequential

    def lost(keys):
        for number, sent in enumerate(own(keys)):
            if number == 2:
                raise WorkersError("the cluster is lost")
            yield sent

    monkeypatch.setattr(engines, "sequential", lost)
    code, out, err = run("--json")
    assert (code, out) == (2, "")
    assert err.startswith("2 of 6 tasks are in spec.db: the same command goes on from there\n")
    assert "Error: the cluster is lost" in err


def test_failures_are_told_and_tried_again_when_asked(folder, monkeypatch):
    (folder / "spec.toml").write_text(SPEC.replace("d=1", "d=0"))
    code, out, err = run()
    assert (code, err) == (1, "")
    assert "6 tasks failed: InputError: d must be an integer of at least 1, not 0" in out
    assert "0 of 2" in out
    done = counted(monkeypatch)
    assert run()[:2] == (1, out)
    assert done == []
    assert run("--retry")[:2] == (1, out)
    assert len(done) == 6
    found = json.loads(run("--json")[1].splitlines()[0])
    assert found["outcome"] == "failed"
    assert found["grid"] == {"T": 2}


def test_rows_of_another_version_are_named(folder):
    run()
    with closing(sqlite3.connect("spec.db", isolation_level=None)) as file:
        file.execute("UPDATE rows SET version = '0.0.9' WHERE task LIKE '%T=3%'")
    file.close()
    code, _, err = run("--json")
    assert code == 0
    assert err == "2 tasks in spec.db were done by another version of llr than 0.1.0: 0.0.9\n"
    assert "0.0.9" in run("--status")[1]


def test_plots(folder):
    pytest.importorskip("matplotlib")
    code, _, err = run("--plot", "plots")
    assert (code, err) == (0, "")
    names = {path.name for path in (folder / "plots").iterdir()}
    assert {"sweep-T-learning.svg", "sweep-T-tokens.svg"} <= names
    first = (folder / "plots" / "sweep-T-learning.svg").read_bytes()
    assert b"spec.toml" in first
    run("--plot", "plots")
    assert (folder / "plots" / "sweep-T-learning.svg").read_bytes() == first


WRONG = {
    ("--engine", "ray"): "--engine must be one of loky, sequential, dask",
    ("--workers", "2"): "--workers must be left out, or used with --engine loky",
    ("--engine", "loky", "--workers", "0"): "--workers must be an integer of at least 1",
    ("--engine", "dask"): "--address must be given with --engine dask, and only with it",
    ("--address", "tcp://a:1"): "--address must be given with --engine dask, and only with it",
    ("--status", "--retry"): "--retry must be left out with --status, not given",
    ("--status", "--plot", "p"): "--plot must be left out with --status, not 'p'",
    ("--results", "spec.toml"): "--results must be another file than the spec",
    ("--results", "no/rows.db"): "--results must be in a folder that exists",
}


@pytest.mark.parametrize("words", WRONG)
def test_bad_options_are_named_before_anything_is_done(folder, words, monkeypatch):
    done = counted(monkeypatch)
    code, out, err = run(*words)
    assert (code, out, err.count("Error: ")) == (2, "", 1)
    assert WRONG[words] in err
    assert not (folder / "spec.db").exists()
    assert done == []


def test_a_plot_needs_numbers(folder):
    (folder / "spec.toml").write_text(SPEC.replace("[2, 3, 4]", "[2, 3]"))
    code, _, err = run("--plot", "plots")
    assert code == 2
    assert "--plot must be used with three numbers or more of some key" in err


def test_dask_without_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    code, _, err = run("--address", "tcp://127.0.0.1:1", engine="dask")
    assert code == 2
    assert 'pip install "llr[dask]"' in err


def test_nothing_of_joblib_or_dask_is_imported_before_it_is_used():
    script = """
import sys
from llr.cli import main
found = {"joblib", "distributed", "dask", "matplotlib"} & set(sys.modules)
assert not found, found
"""
    subprocess.run([sys.executable, "-c", script], check=True)
