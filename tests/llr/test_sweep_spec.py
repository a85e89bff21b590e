"""Sweeps on paper: what a TOML file expands to, and every way that it can be wrong."""

import json

import pytest

from llr.errors import InputError
from llr.models.files import write_json
from llr.storage import save, target
from llr.sweeps.spec import read_spec

GOOD = """
target = "isan:T={T},k=2,d={d},seed={seed}"
seeds = [3, 1]
epsilon = 0.05

[grid]
T = [4, 8]
algorithm = ["lean", "printed"]
d = [1]
"""


@pytest.fixture
def written(tmp_path):
    """Return what a spec with this text expands to."""

    def read(text):
        path = tmp_path / "spec.toml"
        path.write_text(text)
        return read_spec(path)

    return read


def test_one_task_per_point_and_seed_in_the_order_written(written):
    spec = written(GOOD)
    found = [(*e.point.values(), e.seed, e.target) for e in spec.entries]
    assert found == [
        (4, "lean", 1, 3, "isan:T=4,k=2,d=1,seed=3"),
        (4, "lean", 1, 1, "isan:T=4,k=2,d=1,seed=1"),
        (4, "printed", 1, 3, "isan:T=4,k=2,d=1,seed=3"),
        (4, "printed", 1, 1, "isan:T=4,k=2,d=1,seed=1"),
        (8, "lean", 1, 3, "isan:T=8,k=2,d=1,seed=3"),
        (8, "lean", 1, 1, "isan:T=8,k=2,d=1,seed=1"),
        (8, "printed", 1, 3, "isan:T=8,k=2,d=1,seed=3"),
        (8, "printed", 1, 1, "isan:T=8,k=2,d=1,seed=1"),
    ]
    assert json.loads(spec.keys[3]) == {
        "algorithm": "printed",
        "arithmetic": "exact",
        "calls": 16000,
        "delta": "1/100",
        "distance": False,
        "epsilon": "1/20",
        "max_epochs": 1000,
        "noise": None,
        "rank": None,
        "relaxed": False,
        "samples": 256,
        "seed": 1,
        "target": "isan:T=4,k=2,d=1,seed=1",
        "xi": "0",
    }


def test_values_that_mean_the_same_are_one_task(written):
    def keys(lines):
        return written(f'target = "spike:T=3"\n{lines}').keys

    same = ["epsilon = 0.1", 'epsilon = "1/10"', "epsilon = 1e-1", "[grid]\nepsilon = [0.1]"]
    assert len({tuple(keys(x)) for x in same}) == 1
    assert keys('arithmetic = "float"') == keys('arithmetic = "float64"')
    assert keys('seeds = "7..9"') == keys("seeds = [7, 8, 9]")
    assert keys("") == keys("seeds = [0]")
    assert keys("xi = 0.001") != keys("")


def test_targets_of_a_grid(written):
    spec = written('[grid]\ntarget = ["copy:n={n},k=2", "cauchy:n={n}"]\nn = [1, 2]')
    assert [e.target for e in spec.entries] == [
        "copy:n=1,k=2",
        "copy:n=2,k=2",
        "cauchy:n=1",
        "cauchy:n=2",
    ]


def test_a_file_is_part_of_the_task(written, tmp_path):
    path = tmp_path / "model.json"
    keys = []
    for family in ("spike:T=2", "spike:T=3"):
        save(target(family), path)
        keys += written(f'target = "{path}"').keys
    assert keys[0] != keys[1]
    assert {json.loads(key)["target"] for key in keys} == {str(path)}
    write_json(path, {"kind": "cat"})
    with pytest.raises(InputError, match="kind must be one of"):
        written(f'target = "{path}"')


SPIKE = 'target = "spike:T={T}"\n'
WRONG = {
    "T = ": "spec.toml must be a TOML file",
    "": "target must be given",
    "target = 3": "target must be a text",
    'target = "spike:T=3"\ncolour = 1': "spec key must be target, seeds, grid or one of algorithm,",
    'target = "spike:T=3"\ngrid = 3': "grid must be a table of lists",
    'target = "spike:T=3"\n[grid]\nT = [3]': r"grid.T must be in the target, as \{T\}, or one of",
    SPIKE: "grid.T must be given",
    SPIKE + "[grid]\nT = 3": "grid.T must be a list of at least one value",
    SPIKE + "[grid]\nT = []": "grid.T must be a list of at least one value",
    SPIKE + "[grid]\nT = [3, 3]": "grid.T must be a list of different values",
    SPIKE + "[grid]\nT = [3, true]": r"grid.T\[1\] must be a number or a text, not True",
    SPIKE + "[grid]\nT = [1979-05-27]": r"grid.T\[0\] must be a number or a text, not 1979-05-27",
    SPIKE + '[grid]\nT = [3, "x"]': "target parameter T must be an integer",
    SPIKE + "[grid]\nT = [3]\nseed = [1]": "grid.seed must be left out",
    SPIKE + "epsilon = 0.1\n[grid]\nT = [3]\nepsilon = [0.1]": "grid.epsilon must be left out",
    SPIKE + "[grid]\nT = [3]\nepsilon = [0.1, 2.0]": r"grid.epsilon\[1\] must be a number in \(0",
    'target = "cat:T=3"': "target must be a JSON file or one of",
    'target = "hf:model=/nowhere,T=3"': "target must be a JSON file or a family of llr targets",
    'target = "nowhere.json"': "nowhere.json must be a readable file",
    'target = "spike:T=3"\nalgorithm = "best"': "algorithm must be one of lean, printed, shared",
    'target = "spike:T=3"\narithmetic = 1': "arithmetic must be",
    'target = "spike:T=3"\nepsilon = nan': "epsilon must be",
    'target = "spike:T=3"\ndelta = true': "delta must be a number or a text, not True",
    'target = "spike:T=3"\nxi = -0.1': "xi must be a number of nats >= 0",
    'target = "spike:T=3"\nnoise = "loud"': "noise must be one of none, ",
    'target = "spike:T=3"\nsamples = 0': "samples must be an integer of at least 1",
    'target = "spike:T=3"\nmax_epochs = 1.5': "max_epochs must be an integer of at least 1",
    'target = "spike:T=3"\ncalls = "9"': "calls must be an integer of at least 1",
    'target = "spike:T=3"\nrank = "full"': "rank must be an integer of at least 1",
    'target = "spike:T=3"\nrelaxed = 1': "relaxed must be true or false",
    'target = "spike:T=3"\ndistance = "yes"': "distance must be true or false",
    'target = "spike:T=3"\nseeds = 3': "seeds must be a list of integers, or a range",
    'target = "spike:T=3"\nseeds = []': "seeds must be a list of integers, or a range",
    'target = "spike:T=3"\nseeds = "3..1"': "seeds must be a range of 1 to 1,000,000 seeds",
    'target = "spike:T=3"\nseeds = "0..9999999"': "seeds must be a range of 1 to 1,000,000 seeds",
    'target = "spike:T=3"\nseeds = [-1]': r"seeds\[0\] must be an integer of at least 0",
    'target = "spike:T=3"\nseeds = [1, 1]': "seeds must be a list of different integers",
    'target = "spike:T=3"\nseeds = "0..999999"\n[grid]\nmax_epochs = [1, 2]': "grid must be of at",
    'target = "spike:T=3"\nsamples = 9': "samples must be left out, or used with printed, not 9",
    'target = "spike:T=3"\ncalls = 9\n[grid]\nalgorithm = ["lean", "printed"]': (
        "calls must be left out, or used with shared, not 9"
    ),
    'target = "spike:T=3"\nalgorithm = "printed"\n[grid]\nrank = [1, 2]': (
        r"grid.rank must be left out, or used with lean or shared, not \(1, 2\)"
    ),
    'target = "spike:T=3"\nalgorithm = "tabulation"\nmax_epochs = 9': (
        "max_epochs must be left out, or used with lean or printed, not 9"
    ),
}


@pytest.mark.parametrize("text", WRONG)
def test_what_is_wrong_is_named(written, text):
    with pytest.raises(InputError, match=WRONG[text]):
        written(text)


def test_a_parameter_that_one_algorithm_of_the_grid_uses_is_taken(written):
    spec = written('target = "spike:T=3"\nsamples = 9\n[grid]\nalgorithm = ["lean", "printed"]\n')
    assert [json.loads(key)["samples"] for key in spec.keys] == [9, 9]


def test_a_missing_extra_is_named(written, monkeypatch):
    monkeypatch.setattr("llr.sweeps.spec.find_spec", lambda name: None)
    with pytest.raises(InputError, match=r'grid.algorithm\[1\] must be .*"llr\[bench\]"'):
        written('target = "spike:T=3"\n[grid]\nalgorithm = ["lean", "lstar"]')
