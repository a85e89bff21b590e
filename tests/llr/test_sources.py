"""TARGETs that name real models: what is read, and what is refused without their extras."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

import llr
from llr.cli import main
from llr.errors import InputError
from llr.models.targets import family_parameters
from llr.oracles import weights
from llr.oracles.sources import SOURCES


def parameters(written):
    return family_parameters(written, SOURCES)[1]


def test_what_is_left_out():
    assert parameters("hf:model=some/model,T=3") == {
        "model": "some/model",
        "dtype": "float32",
        "device": "cpu",
        "revision": None,
        "start": None,
        "threads": 1,
        "T": 3,
        "k": None,
        "tokens": None,
        "prompt": "",
    }


def test_what_is_given(tmp_path):
    kept = tmp_path / "kept.json"
    kept.write_text("[5, 3]")
    found = parameters(
        f"hf:T=3,model=m,dtype=float64,device=cuda:1,revision=v1,start=none,threads=2,"
        f"tokens={kept},prompt=one, two=2, k=3"
    )
    assert found["start"] == "none"
    assert found["device"] == "cuda:1"
    assert found["revision"] == "v1"
    assert found["threads"] == 2
    assert found["tokens"] == [5, 3]
    assert found["prompt"] == "one, two=2, k=3"
    assert found["k"] is None
    assert parameters("hf:model=m,T=3,start=7")["start"] == 7


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("hf:T=3", "target parameter model must be given"),
        ("hf:model=m", "target parameter T must be given"),
        ("hf:model=m,T=x", "target parameter T must be an integer, not 'x'"),
        ("hf:model=m,T=-1", "target parameter T must be an integer of at least 0, not '-1'"),
        ("hf:model=m,T=3,start=x", "target parameter start must be an integer, not 'x'"),
        ("hf:model=m,T=3,colour=x", "target parameter of hf must be NAME=VALUE"),
        ("hf:model=m,T=3,T=4", "target parameter T must be given once"),
    ],
)
def test_refusals(written, message):
    with pytest.raises(InputError) as error:
        parameters(written)
    assert str(error.value).startswith(message)


def test_a_missing_extra_is_named(monkeypatch):
    def nothing(name):
        raise ModuleNotFoundError(f"No module named {name!r}")

    monkeypatch.setattr(weights, "import_module", nothing)
    with pytest.raises(InputError, match=r'pip install "llr\[hf\]"'):
        llr.target("hf:model=m,T=3")


@pytest.mark.parametrize(
    "command",
    [
        ["rank", "hf:model=m,T=3"],
        ["compare", "hf:model=m,T=3", "--arithmetic", "float"],
        ["distance", "hf:model=m,T=3", "spike:T=3"],
        ["distance", "spike:T=3", "hf:model=m,T=3"],
        ["theorem", "hf:model=m,T=3", "--epsilon", "0.1", "--delta", "0.1"],
    ],
)
def test_commands_that_visit_words_refuse_real_models(command):
    result = CliRunner().invoke(main, command)
    assert result.exit_code == 2
    assert "words of a real model are too many, not 'hf:model=m,T=3'" in " ".join(
        result.output.split()
    )


def test_listed_among_the_targets():
    result = CliRunner().invoke(main, ["targets", "--json"])
    listed = {entry["family"]: entry for entry in json.loads(result.output)}
    assert set(SOURCES) <= set(listed)
    names = [p["name"] for p in listed["hf"]["parameters"]]
    assert names[0] == "model"
    assert names[-4:] == ["T", "k", "tokens", "prompt"]
