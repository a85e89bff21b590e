"""llr.storage: models of every kind to and from files, and TARGET by file or by family."""

from __future__ import annotations

import json
import os
import stat
from fractions import Fraction
from itertools import product
from pathlib import Path

import pytest
from flint import fmpq

import llr
from llr import storage
from llr.errors import InputError
from llr.learning.learned import LearnedModel
from llr.models import families
from llr.models.base import TabulatedModel, UniformModel
from llr.models.isan import Isan
from llr.numbers.arithmetic import FLOAT64
from llr.numbers.units import NAT, LogitUnit
from llr.oracles.sources import SOURCES

ROOT = os.geteuid() == 0


def prefixes(model):
    k = range(model.alphabet_size)
    return [h for n in range(model.horizon) for h in product(k, repeat=n)]


def all_logits(model):
    return {p: model.logits(p) for p in prefixes(model)}


def learned(target, arithmetic):
    return llr.learn(
        llr.target(target),
        epsilon="0.1",
        delta="0.1",
        seed=3,
        arithmetic=arithmetic,
        algorithm="printed",
    ).model


MODELS = {
    "isan, nat": lambda: families.random_isan(4, 3, 2),
    "isan, ln 2": lambda: families.copy(2, 2, 3),
    "isan, ln 9": lambda: families.noisy_parity(3, "101", "1/10"),
    "isan, huge entries": lambda: Isan(
        2, 2, [fmpq(10**40, 7)], [[[[1]], [["-1/3"]]]], [[[1], [0]], [["2/9"], [0]]]
    ),
    "isan, float64": lambda: Isan(
        2,
        3,
        [0.1, 0.7],
        [[[[1.0, 0.3], [0.0, -1.0]]] * 2] * 2,
        [[[0.1, 1.7], [0.0, 3.0]]] * 3,
        NAT,
        FLOAT64,
    ),
    "learned, exact": lambda: learned("isan:T=4,k=2,d=2", "exact"),
    "learned, ln 2": lambda: learned("copy:n=2,k=2,c=1", "exact"),
    "learned, float64": lambda: learned("isan:T=4,k=2,d=2", "float"),
    "learned, T = 1": lambda: learned("spike:T=1", "exact"),
    "learned, T = 2": lambda: learned("isan:T=2,k=3,d=2", "exact"),
    "uniform": lambda: UniformModel(3, 3),
    "uniform, ln 3/2": lambda: UniformModel(2, 4, LogitUnit(fmpq(3, 2))),
}
TYPES = {"isan": Isan, "learned": LearnedModel, "uniform": UniformModel}


@pytest.fixture(params=list(MODELS))
def named_model(request):
    return request.param, MODELS[request.param]()


# -- round trips --------------------------------------------------------------------------------


def test_models_survive_a_file(tmp_path, named_model):
    name, model = named_model
    path = tmp_path / "model.json"
    llr.save(model, path)
    again = llr.load(path)

    assert type(again) is TYPES[name.split(",")[0]]
    assert (again.alphabet_size, again.horizon) == (model.alphabet_size, model.horizon)
    assert again.unit == model.unit
    assert again.arithmetic is model.arithmetic
    assert all_logits(again) == all_logits(model)


def test_a_second_save_writes_the_same_bytes(tmp_path, named_model):
    _, model = named_model
    first, second = tmp_path / "first.json", tmp_path / "second.json"
    llr.save(model, first)
    llr.save(llr.load(first), second)
    assert first.read_bytes() == second.read_bytes()
    assert sorted(os.listdir(tmp_path)) == ["first.json", "second.json"]


def test_the_file_holds_what_to_json_returns(tmp_path, named_model):
    name, model = named_model
    llr.save(model, tmp_path / "model.json")
    value = json.loads((tmp_path / "model.json").read_text(encoding="utf-8"))
    assert value == storage.to_json(model)
    assert value["kind"] == name.split(",")[0]
    assert value["format"] == 1
    assert value.get("arithmetic", "exact") == ("float64" if "float64" in name else "exact")


def test_a_target_may_be_a_file(tmp_path, named_model):
    _, model = named_model
    llr.save(model, tmp_path / "model.json")
    assert all_logits(llr.target(str(tmp_path / "model.json"))) == all_logits(model)


def test_a_real_model_whose_last_parameter_is_a_file_is_no_file():
    with pytest.raises(InputError, match=r"^absent\.json must be a readable file"):
        llr.target("llamacpp:url=http://127.0.0.1:1,T=2,tokens=absent.json")
    with pytest.raises(InputError, match=r"^unknown:tokens=absent\.json must be a readable file"):
        llr.target("unknown:tokens=absent.json")


def test_strings_and_paths_name_files(tmp_path):
    llr.save(UniformModel(2, 3), str(tmp_path / "model.json"))
    assert llr.load(str(tmp_path / "model.json")).horizon == 3
    assert llr.load(tmp_path / "model.json").horizon == 3


def test_to_json_by_hand():
    model = Isan(2, 2, ["1/2"], [[[[1]], [["-2/3"]]]], [[[1], [-1]], [[0], [3]]])
    assert storage.to_json(model) == {
        "format": 1,
        "kind": "isan",
        "alphabet_size": 2,
        "horizon": 2,
        "logit_unit": "nat",
        "initial_state": ["1/2"],
        "transitions": [[[["1"]], [["-2/3"]]]],
        "readouts": [[["1"], ["-1"]], [["-3/2"], ["3/2"]]],
    }
    assert storage.to_json(UniformModel(5, 7, LogitUnit(fmpq(9)))) == {
        "format": 1,
        "kind": "uniform",
        "alphabet_size": 5,
        "horizon": 7,
        "logit_unit": "ln 9",
    }


def test_the_documented_file_by_hand(tmp_path):
    """ "format" missing, T steps of transitions, readouts not centred."""
    swap = [["0", "1"], ["1", "0"]]
    value = {
        "kind": "isan",
        "alphabet_size": 2,
        "horizon": 2,
        "logit_unit": "ln 9",
        "initial_state": ["1", "-2/3"],
        "transitions": [[[["1", "0"], ["0", "1"]], swap], [swap, swap]],
        "readouts": [[["1", "0"], ["0", "0"]], [["0", "3"], ["1", "0"]]],
    }
    (tmp_path / "model.json").write_text(json.dumps(value), encoding="utf-8")
    model = llr.load(tmp_path / "model.json")
    assert str(model.unit) == "ln 9"
    # x_0 = (1, -2/3): logits 1, 0 less their mean; x_1 = x_0 or swapped: 3 x[1] and x[0]
    assert all_logits(model) == {
        (): (Fraction(1, 2), Fraction(-1, 2)),
        (0,): (Fraction(-3, 2), Fraction(3, 2)),
        (1,): (Fraction(11, 6), Fraction(-11, 6)),
    }


# -- TARGET -------------------------------------------------------------------------------------


def test_a_target_may_be_a_family():
    model = llr.target("parity:n=2,secret=10,nu=1/10")
    half = Fraction(1, 2)
    assert isinstance(model, Isan)
    assert model.logits((0, 1)) == (half, -half)
    assert model.logits((1, 1)) == (-half, half)


def test_a_file_needs_no_suffix(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    llr.save(UniformModel(4, 2), tmp_path / "uniform")
    assert llr.target("uniform").alphabet_size == 4


def test_a_file_goes_before_a_family_of_that_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    llr.save(UniformModel(4, 2), tmp_path / "spike:T=6")
    assert llr.target("spike:T=6").alphabet_size == 4


def test_a_missing_file_is_no_family():
    with pytest.raises(InputError, match=r"^no/such\.json must be a readable file, not"):
        llr.target("no/such.json")


@pytest.mark.parametrize("written", ["", "nothing", "ISAN:T=2,d=1", "isan;T=2", "a\0b", "folder"])
def test_other_targets_are_refused(written, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    with pytest.raises(InputError) as caught:
        llr.target(written)
    assert str(caught.value) == (
        "target must be a JSON file or one of isan, parity, fourier, copy, spike, hard, cauchy, "
        f"hmm, perturbed, {', '.join(SOURCES)}, not {written!r}"
    )


def test_a_long_target_is_a_family_all_the_same():
    """Longer than any file name may be."""
    sets = ["".join("1" if i == j else "0" for j in range(60)) for i in range(6)]
    written = "fourier:n=60,terms=" + ";".join(f"{s}:1/2" for s in sets)
    assert len(written) > 256
    assert llr.target(written).horizon == 61


def test_a_long_name_is_refused_like_a_short_one():
    with pytest.raises(InputError, match=r"^target must be a JSON file or one of isan"):
        llr.target("x" * 5000)
    with pytest.raises(InputError, match="must be a readable file"):
        llr.target("x" * 5000 + ".json")


# -- errors of load -----------------------------------------------------------------------------

GOOD = {
    "kind": "isan",
    "alphabet_size": 2,
    "horizon": 1,
    "logit_unit": "nat",
    "initial_state": ["1"],
    "transitions": [],
    "readouts": [[["1"], ["0"]]],
}


@pytest.mark.parametrize("value", [[], None, 3, "isan", [GOOD], True])
def test_a_model_is_an_object(tmp_path, value):
    path = tmp_path / "model.json"
    path.write_text(json.dumps(value), encoding="utf-8")
    with pytest.raises(InputError) as caught:
        llr.load(path)
    assert str(caught.value).startswith(f"{path} must be a JSON object, not ")


@pytest.mark.parametrize("kind", ["Isan", "", None, 1, ["isan"], {}, "hmm"])
def test_the_kind_is_one_of_three(tmp_path, kind):
    path = tmp_path / "model.json"
    path.write_text(json.dumps(GOOD | {"kind": kind}), encoding="utf-8")
    with pytest.raises(InputError) as caught:
        llr.load(path)
    assert str(caught.value) == f"kind must be one of isan, learned, uniform, not {kind!r}"


def test_a_kind_cannot_be_left_out(tmp_path):
    path = tmp_path / "model.json"
    path.write_text(json.dumps({k: v for k, v in GOOD.items() if k != "kind"}), encoding="utf-8")
    with pytest.raises(InputError, match=r"^kind must be one of isan, learned, uniform, not None$"):
        llr.load(path)


@pytest.mark.parametrize("kind", ["isan", "learned", "uniform"])
def test_every_reader_names_a_missing_field(tmp_path, kind):
    path = tmp_path / "model.json"
    path.write_text(json.dumps({"kind": kind}), encoding="utf-8")
    with pytest.raises(InputError, match=r"^alphabet_size must be present in the file, not "):
        llr.load(path)


def test_the_format_is_the_number_one_and_not_true(tmp_path):
    path = tmp_path / "model.json"
    path.write_text(json.dumps(GOOD | {"format": True}), encoding="utf-8")
    with pytest.raises(InputError, match=r"^format must be 1, not True"):
        llr.load(path)


@pytest.mark.parametrize(
    "text", ["", "{", json.dumps(GOOD)[:-1], "NaN", "{'kind': 'isan'}", "[" * 33 + "]" * 33]
)
def test_text_that_is_no_json_names_the_file(tmp_path, text):
    path = tmp_path / "model.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        llr.load(path)
    assert caught.value.argument == str(path)
    assert "\n" not in str(caught.value)


def test_a_learned_file_without_a_history_at_cut_1_says_what_is_wrong(tmp_path):
    path = tmp_path / "model.json"
    llr.save(learned("isan:T=3,k=2,d=1", "exact"), path)
    value = json.loads(path.read_text(encoding="utf-8"))
    value["cuts"][0]["histories"] = []
    path.write_text(json.dumps(value), encoding="utf-8")
    with pytest.raises(InputError) as caught:
        llr.load(path)
    assert caught.value.argument.startswith("cuts[0]")
    assert repr(caught.value.expected) != repr(caught.value.value)


def test_every_loaded_model_has_centred_logits(tmp_path):
    """Logits are mean-centred (Def 1.2), or the file is refused."""
    path = tmp_path / "model.json"
    llr.save(learned("isan:T=3,k=2,d=1", "exact"), path)
    value = json.loads(path.read_text(encoding="utf-8"))
    value["cuts"][0]["rows"][0][0] = "7"
    path.write_text(json.dumps(value), encoding="utf-8")
    try:
        model = llr.load(path)
    except InputError as error:
        assert error.argument.startswith("cuts[0].rows[0]")  # noqa: PT017
    else:
        assert sum(model.logits(())) == 0


# -- errors of save -----------------------------------------------------------------------------


def test_tables_have_no_file_format(tmp_path):
    model = TabulatedModel(2, 1, {(): [1, 2]})
    with pytest.raises(InputError, match=r"^model must be an Isan, a learned or a uniform model"):
        storage.to_json(model)
    with pytest.raises(InputError, match=r"^model must be an Isan, a learned or a uniform model"):
        llr.save(model, tmp_path / "model.json")
    assert os.listdir(tmp_path) == []


def test_a_folder_that_is_missing(tmp_path):
    with pytest.raises(InputError, match="must be in a folder that exists, not "):
        llr.save(UniformModel(2, 2), tmp_path / "missing" / "model.json")
    assert os.listdir(tmp_path) == []


def test_a_folder_is_no_file(tmp_path):
    (tmp_path / "model.json").mkdir()
    with pytest.raises(InputError, match="must be a file that can be written, not "):
        llr.save(UniformModel(2, 2), tmp_path / "model.json")
    assert os.listdir(tmp_path) == ["model.json"]
    assert os.listdir(tmp_path / "model.json") == []


@pytest.mark.skipif(ROOT, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written(tmp_path):
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(InputError, match="must be a file that can be written, not "):
            llr.save(UniformModel(2, 2), tmp_path / "model.json")
    finally:
        tmp_path.chmod(0o700)
    assert os.listdir(tmp_path) == []


def test_a_name_that_is_too_long(tmp_path):
    with pytest.raises(InputError):
        llr.save(UniformModel(2, 2), tmp_path / ("x" * 300 + ".json"))
    assert os.listdir(tmp_path) == []


def test_a_save_replaces_an_old_file_whole(tmp_path):
    path = tmp_path / "model.json"
    path.write_text("x" * 100_000, encoding="utf-8")
    llr.save(UniformModel(2, 2), path)
    assert json.loads(path.read_text(encoding="utf-8"))["kind"] == "uniform"
    assert os.listdir(tmp_path) == ["model.json"]


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_save_that_fails_half_way_keeps_the_old_file(tmp_path, monkeypatch, error):
    path = tmp_path / "model.json"
    path.write_text("old", encoding="utf-8")

    def failing(*arguments, **options):
        raise error

    monkeypatch.setattr(os, "replace", failing)
    with pytest.raises((OSError, InputError, KeyboardInterrupt)):
        llr.save(UniformModel(2, 2), path)
    assert path.read_text(encoding="utf-8") == "old"
    assert os.listdir(tmp_path) == ["model.json"]


def test_a_save_writes_through_no_link_that_lies_in_its_way(tmp_path):
    """A link with the name of the temporary file must not lead it elsewhere."""
    victim = tmp_path / "victim"
    victim.write_text("precious", encoding="utf-8")
    for name in (f".{os.getpid()}.part", f"{os.getpid()}.part", "model.json.part"):
        (tmp_path / name).symlink_to(victim)
    try:
        llr.save(UniformModel(2, 2), tmp_path / "model.json")
    except InputError:
        pass
    else:
        assert not (tmp_path / "model.json").is_symlink()
    assert victim.read_text(encoding="utf-8") == "precious"


def test_a_saved_file_has_the_usual_permissions(tmp_path):
    """As any other new file: not readable by its owner alone."""
    old = os.umask(0o022)
    try:
        llr.save(UniformModel(2, 2), tmp_path / "model.json")
        Path(tmp_path / "other").write_text("", encoding="utf-8")
    finally:
        os.umask(old)
    found = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("model.json", "other")]
    assert found == [0o644, 0o644]


def test_the_readers_are_the_three_kinds():
    assert list(storage.READERS) == ["isan", "learned", "uniform"]


WORST = -1.2345678901234567e-300
"""A float that is written with as many characters as any."""


def worst_file(monkeypatch, algorithm, relaxed):
    """Return what a learned model takes as a file where all numbers are long, and what it may."""
    k, horizon, rank = 5, 4, 3
    found = llr.learn(
        llr.target(f"isan:T={horizon},k={k},d=4"),
        epsilon="0.5",
        delta="0.5",
        algorithm=algorithm,
        arithmetic="float",
        rank=rank,
        relaxed=relaxed,
        calls=40,
    ).model
    monkeypatch.setattr(type(FLOAT64), "to_json", lambda self, x: WORST)
    taken = len(json.dumps(storage.to_json(found), indent=1))
    return taken, storage.most_bytes(k, horizon, rank, algorithm == "shared", relaxed)


@pytest.mark.parametrize(
    ("algorithm", "relaxed"), [("shared", False), ("lean", False), ("lean", True)]
)
def test_files_are_no_larger_than_foreseen(monkeypatch, algorithm, relaxed):
    taken, foreseen = worst_file(monkeypatch, algorithm, relaxed)
    assert foreseen / 4 < taken <= foreseen
