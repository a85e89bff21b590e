"""One task: its row says what ``llr.learn`` counts, and failures are rows too."""

import json

import pytest

import llr
from llr.models.files import contents
from llr.numbers.rational import text
from llr.sweeps import tasks
from llr.sweeps.spec import read_spec


def done(path, **parameters):
    """Return the row of the one task that a spec with these keys has."""
    spec = path / "spec.toml"
    spec.write_text("\n".join(f"{name} = {json.dumps(x)}" for name, x in parameters.items()))
    (key,) = read_spec(spec).keys
    found = json.loads(tasks.run(key))
    assert found["seconds"] > 0
    assert found["version"] == llr.__version__
    assert tasks.run(key).partition('"seconds"')[0] == tasks.run(key).partition('"seconds"')[0]
    return found["row"]


@pytest.mark.parametrize("algorithm", ["lean", "printed"])
@pytest.mark.parametrize("arithmetic", ["exact", "float"])
def test_a_learner(tmp_path, algorithm, arithmetic):
    how = {"algorithm": algorithm, "arithmetic": arithmetic, "epsilon": "1/20"}
    row = done(tmp_path, target="isan:T=5,k=2,d=2", seeds=[4], distance=True, **how)
    model = llr.target("isan:T=5,k=2,d=2")
    result = llr.learn(model, delta="0.01", seed=4, **how)
    apart = llr.total_variation(model, result.model)
    assert row == {
        "outcome": "accepted",
        "learning": result.learning_prefixes,
        "certifying": result.certifying_prefixes,
        **result.counts.as_json(),
        "epochs": result.epochs,
        "infeasible_epochs": result.infeasible_epochs,
        "programs": result.programs,
        "witnesses": sum(result.witnesses),
        "largest_basis": max(result.basis_sizes),
        "certificate": text(result.certificate.total_variation),
        "counting_limit": text(result.counting_limit),
        "limit_source": "target",
        "total_variation": apart.as_json(),
    }


def test_a_noisy_oracle(tmp_path):
    how = {"target": "isan:T=5,k=2,d=2", "epsilon": "1/10"}
    rows = [
        done(tmp_path, **how, distance=True, **noise)
        for noise in ({"xi": "1/10000"}, {"xi": "1/10000", "noise": "random"}, {})
    ]
    upper = [float(llr.numbers.rational.decimal(r["total_variation"]["upper"])) for r in rows]
    assert upper[0] != upper[1]
    assert min(upper[:2]) > 0 == upper[2]


def test_a_learner_that_does_not_accept(tmp_path):
    row = done(tmp_path, target="isan:T=6,k=2,d=3", algorithm="printed", max_epochs=1, samples=1)
    assert row["outcome"] == "not accepted"
    assert row["certificate"] is None


def test_shared_network(tmp_path):
    how = {"algorithm": "shared", "arithmetic": "float", "rank": 2, "calls": 100}
    row = done(tmp_path, target="isan:T=4,k=2,d=2", epsilon=0.5, **how)
    assert row["outcome"] in ("accepted", "not accepted")
    assert row["learning"] <= 100


@pytest.mark.parametrize("algorithm", ["tabulation", "lstar", "lsharp"])
def test_a_baseline(tmp_path, algorithm):
    if algorithm != "tabulation":
        pytest.importorskip("aalpy")
    row = done(tmp_path, target="parity:n=4,secret=1010", algorithm=algorithm, distance=True)
    assert row["outcome"] == "learned"
    assert row["learning"] + row["certifying"] == row["distinct_prefixes"] <= 31
    assert row["total_variation"] == {"lower": "0", "upper": "0", "method": "exact"}
    assert row["counting_limit"] == "9"


FAILURES = {
    "InputError: x": {"target": "isan:T=5,k=1,d=2"},
    "InputError: relaxed": {"target": "spike:T=4", "relaxed": True},
    "InputError: xi": {"target": "spike:T=4", "xi": 1},
    "InputError: arithmetic": {"target": "hmm:T=4,k=2,R=2"},
    "InputError: arithmetic must be exact": {
        "target": "spike:T=4",
        "algorithm": "tabulation",
        "arithmetic": "float",
    },
    "InputError: --noise": {"target": "hmm:T=4,k=2,R=2", "arithmetic": "float", "noise": "random"},
    "TooLargeError: tabulation": {"target": "spike:T=40", "algorithm": "tabulation"},
}


@pytest.mark.parametrize("expected", FAILURES)
def test_a_failure_is_a_row(tmp_path, expected):
    row = done(tmp_path, **FAILURES[expected])
    assert set(row) == {"outcome", "error"}
    assert row["outcome"] == "failed"
    kind, _, message = expected.partition(": ")
    assert row["error"]["kind"] == kind
    assert message == "x" or row["error"]["message"].startswith(message)


def test_what_nobody_expected_is_a_row_too(tmp_path, monkeypatch):
    def broken(*arguments, **more):
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr(tasks.api, "learn", broken)
    row = done(tmp_path, target="spike:T=3")
    assert row["error"] == {"kind": "ZeroDivisionError", "message": "division by zero"}


def test_a_file_that_changed_is_not_learned(tmp_path):
    path = tmp_path / "model.json"
    llr.save(llr.target("spike:T=2"), path)
    row = done(tmp_path, target=str(path))
    assert row["outcome"] == "accepted"
    (key,) = read_spec(tmp_path / "spec.toml").keys
    llr.save(llr.target("spike:T=3"), path)
    row = json.loads(tasks.run(key))["row"]
    assert row["error"]["message"].startswith("target must be the file that it was")
    assert contents(str(path))["sha256"] not in key


def test_tasks_of_one_process_take_turns_on_one_thread(tmp_path, monkeypatch):
    import threading

    from threadpoolctl import threadpool_info

    seen = []

    def learned(task):
        seen.append("in")
        threads = [pool["num_threads"] for pool in threadpool_info()]
        threading.Event().wait(0.02)
        seen.append("out")
        return {"outcome": "accepted", "threads": threads}

    monkeypatch.setattr(tasks, "learned", learned)
    sent = []
    threads = [threading.Thread(target=lambda: sent.append(tasks.run("{}"))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == ["in", "out"] * 3
    assert all(set(json.loads(x)["row"]["threads"]) <= {1} for x in sent)


def test_a_rank_that_only_one_algorithm_of_the_grid_uses_fails_the_others_row(tmp_path):
    spec = tmp_path / "spec.toml"
    spec.write_text(
        'target = "isan:T=5,k=2,d=2"\nepsilon = "1/10"\nrank = 2\n'
        '[grid]\nalgorithm = ["lean", "printed"]\narithmetic = ["float"]\n'
    )
    rows = [json.loads(tasks.run(key))["row"] for key in read_spec(spec).keys]
    assert [row["outcome"] for row in rows] == ["accepted", "failed"]
    assert rows[1]["error"]["kind"] == "InputError"
    assert rows[1]["error"]["message"].startswith("rank")
