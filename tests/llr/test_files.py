"""llr.models.files: models to and from JSON, and everything that can be wrong with a file."""

from __future__ import annotations

import json
import os
from fractions import Fraction
from itertools import product
from pathlib import Path

import pytest

from llr.errors import InputError
from llr.models import files
from llr.models.base import UniformModel
from llr.models.files import (
    check_writable,
    isan_from_json,
    isan_to_json,
    read_json,
    uniform_from_json,
    uniform_to_json,
    write_json,
)
from llr.models.isan import Isan
from llr.numbers.arithmetic import EXACT, FLOAT64
from llr.numbers.units import NAT, LogitUnit

IDENTITY = [["1", "0"], ["0", "1"]]
GOOD = {
    "format": 1,
    "kind": "isan",
    "alphabet_size": 2,
    "horizon": 2,
    "logit_unit": "ln 3/2",
    "initial_state": ["1", "-2/3"],
    "transitions": [[IDENTITY, [["0", "1"], ["1/2", "0"]]]],
    "readouts": [[["1", "0"], ["-1", "0"]], [["0", "3/4"], ["0", "-3/4"]]],
}
FLOATING = GOOD | {
    "arithmetic": "float64",
    "logit_unit": "nat",
    "initial_state": [1, -0.1],
    "transitions": [[[[1, 0], [0, 1]], [[0, 1], [0.5, 0]]]],
    "readouts": [[[1, 0], [-1, 0]], [[0, 0.75], [0, -0.75]]],
}


def put(folder, text):
    path = folder / "model.json"
    path.write_text(text, encoding="utf-8")
    return path


def prefixes(model):
    k = range(model.alphabet_size)
    return [h for n in range(model.horizon) for h in product(k, repeat=n)]


# -- round trips --------------------------------------------------------------------------------


def test_an_isan_is_read():
    model = isan_from_json(GOOD)
    assert (model.alphabet_size, model.horizon, model.dimension) == (2, 2, 2)
    assert str(model.unit) == "ln 3/2"
    assert model.arithmetic is EXACT
    assert model.logits(()) == (1, -1)
    assert model.logits((0,)) == (Fraction(-1, 2), Fraction(1, 2))
    assert model.logits((1,)) == (Fraction(3, 8), Fraction(-3, 8))


def test_an_isan_is_written_as_documented():
    assert isan_to_json(isan_from_json(GOOD)) == GOOD


@pytest.mark.parametrize("digits", [1, 6000])
def test_isans_survive_a_file(tmp_path, digits):
    long = "7" * digits + "/" + "1" + "0" * digits
    model = isan_from_json(GOOD | {"initial_state": ["1", long]})
    path = tmp_path / "model.json"
    write_json(path, isan_to_json(model))
    found = isan_from_json(read_json(str(path)))
    assert isan_to_json(found) == isan_to_json(model)
    for h in prefixes(model):
        assert found.logits(h) == model.logits(h)
    assert found.unit == model.unit


def test_a_file_is_one_indented_json_value_and_ends_with_a_newline(tmp_path):
    path = tmp_path / "model.json"
    write_json(path, GOOD)
    written = path.read_text(encoding="utf-8")
    assert json.loads(written) == GOOD
    assert written.endswith("}\n")
    assert [p.name for p in tmp_path.iterdir()] == ["model.json"]


def test_the_format_may_be_missing():
    without = {name: x for name, x in GOOD.items() if name not in ("format", "kind")}
    assert isan_to_json(isan_from_json(without)) == GOOD


def test_a_last_step_survives():
    more = GOOD | {"transitions": GOOD["transitions"] * 2}
    assert isan_to_json(isan_from_json(more)) == more


def test_float_models_use_json_numbers(tmp_path):
    model = isan_from_json(FLOATING)
    assert model.arithmetic is FLOAT64
    path = tmp_path / "model.json"
    write_json(path, isan_to_json(model))
    value = read_json(path)
    assert value == FLOATING
    assert value["initial_state"] == [1.0, -0.1]
    found = isan_from_json(value)
    assert found.arithmetic is FLOAT64
    for h in prefixes(model):
        assert found.logits(h) == model.logits(h)
        assert all(type(x) is float for x in found.logits(h))


@pytest.mark.parametrize(("name", "arithmetic"), [("exact", EXACT), ("float", FLOAT64)])
def test_the_arithmetic_may_be_named(name, arithmetic):
    source = GOOD if arithmetic is EXACT else FLOATING
    assert isan_from_json(source | {"arithmetic": name}).arithmetic is arithmetic


def test_the_uniform_model_survives(tmp_path):
    path = tmp_path / "model.json"
    write_json(path, uniform_to_json(UniformModel(3, 5, LogitUnit.parse("ln 9"))))
    value = read_json(path)
    assert value == {
        "format": 1,
        "kind": "uniform",
        "alphabet_size": 3,
        "horizon": 5,
        "logit_unit": "ln 9",
    }
    found = uniform_from_json(value)
    assert isinstance(found, UniformModel)
    assert (found.alphabet_size, found.horizon, str(found.unit)) == (3, 5, "ln 9")


# -- fields -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "field",
    ["alphabet_size", "horizon", "logit_unit", "initial_state", "transitions", "readouts"],
)
def test_missing_fields_are_named(field):
    value = {name: x for name, x in GOOD.items() if name != field}
    with pytest.raises(InputError, match=rf"^{field} must be present in the file, not missing$"):
        isan_from_json(value)


@pytest.mark.parametrize("field", ["alphabet_size", "horizon", "logit_unit"])
def test_missing_fields_of_the_uniform_model_are_named(field):
    value = {name: x for name, x in uniform_to_json(UniformModel(2, 2)).items() if name != field}
    with pytest.raises(InputError, match=rf"^{field} must be present in the file, not missing$"):
        uniform_from_json(value)


def test_unknown_fields_are_named():
    with pytest.raises(
        InputError, match=r"^seed must be absent: no such field in this kind of file, not 5$"
    ):
        isan_from_json(GOOD | {"seed": 5})
    with pytest.raises(InputError, match=r"^readouts must be absent: no such field"):
        uniform_from_json(uniform_to_json(UniformModel(2, 2)) | {"readouts": []})


@pytest.mark.parametrize("number", [0, 2, -1, 1.5, "1", None, [1]])
def test_other_formats_are_refused(number):
    with pytest.raises(InputError, match=r"^format must be 1, not "):
        isan_from_json(GOOD | {"format": number})
    with pytest.raises(InputError, match=r"^format must be 1, not "):
        uniform_from_json(uniform_to_json(UniformModel(2, 2)) | {"format": number})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"alphabet_size": 1}, r"alphabet_size must be an integer of at least 2, not 1"),
        ({"alphabet_size": "2"}, r"alphabet_size must be an integer of at least 2, not '2'"),
        ({"alphabet_size": 2.0}, r"alphabet_size must be an integer of at least 2, not 2\.0"),
        ({"alphabet_size": True}, r"alphabet_size must be an integer of at least 2, not True"),
        ({"horizon": 0}, r"horizon must be an integer of at least 1, not 0"),
        ({"horizon": None}, r"horizon must be an integer of at least 1, not None"),
        ({"horizon": 3}, r"readouts must be a list of 3 matrices, not a list of 2"),
        ({"logit_unit": "ln 1"}, r'logit_unit must be "nat" or "ln q", rational q > 1, not .*'),
        ({"logit_unit": "ln 1/2"}, r'logit_unit must be "nat" or "ln q", rational q > 1, not .*'),
        ({"logit_unit": "bit"}, r'logit_unit must be "nat" or "ln q" for a rational q > 1, not .*'),
        ({"logit_unit": None}, r'logit_unit must be "nat" or "ln q" for a rational q > 1, not .*'),
        ({"logit_unit": ["nat"]}, r'logit_unit must be "nat" or "ln q" for a rational .*'),
        ({"logit_unit": "ln 2/0"}, r"logit_unit must be a rational with a nonzero denominator.*"),
        ({"arithmetic": "float32"}, r'arithmetic must be "exact" or "float", not \'float32\''),
        ({"arithmetic": None}, r'arithmetic must be "exact" or "float", not None'),
        ({"arithmetic": ["exact"]}, r'arithmetic must be "exact" or "float", not .*'),
        (
            {"initial_state": []},
            r"initial_state must be a list of at least one scalar, not a list of 0",
        ),
        ({"initial_state": {}}, r"initial_state must be a list of at least one scalar, not \{\}"),
        ({"initial_state": "11"}, r"initial_state must be a list of at least one scalar, not '11'"),
        ({"initial_state": None}, r"initial_state must be a list of .*, not None"),
        (
            {"initial_state": ["1", "1/0"]},
            r"initial_state\[1\] must be a rational with a nonzero denominator, not '1/0'",
        ),
        (
            {"initial_state": ["1", "0.5"]},
            r"initial_state\[1\] must be a rational string .*, not '0\.5'",
        ),
        (
            {"initial_state": ["nan", "1"]},
            r"initial_state\[0\] must be a rational string .*, not 'nan'",
        ),
        ({"initial_state": ["1", 0.5]}, r"initial_state\[1\] must be a rational .*, not 0\.5"),
        ({"initial_state": ["1", None]}, r"initial_state\[1\] must be a rational .*, not None"),
        ({"initial_state": ["1", {}]}, r"initial_state\[1\] must be a rational .*, not \{\}"),
        (
            {"initial_state": ["1"]},
            r"transitions\[0\]\[0\] must be a 1 x 1 matrix, not a list of 2",
        ),
        ({"transitions": []}, r"transitions must be a list of 1 or 2 steps, not a list of 0"),
        (
            {"transitions": [[IDENTITY] * 2] * 3},
            r"transitions must be a list of 1 or 2 steps, not a list of 3",
        ),
        ({"transitions": {"0": []}}, r"transitions must be a list of 1 or 2 steps, not \{.*"),
        (
            {"transitions": [IDENTITY]},
            r"transitions\[0\]\[0\]\[0\] must be a row of 2 scalars, not '1'",
        ),
        (
            {"transitions": [[IDENTITY] * 3]},
            r"transitions\[0\] must be a list of 2 matrices, not a list of 3",
        ),
        (
            {"transitions": [[IDENTITY, [["1", "0"], ["0"]]]]},
            r"transitions\[0\]\[1\]\[1\] must be a row of 2 scalars, not a list of 1",
        ),
        (
            {"transitions": [[IDENTITY, [["1", "0"]]]]},
            r"transitions\[0\]\[1\] must be a 2 x 2 matrix, not a list of 1",
        ),
        (
            {"transitions": [[IDENTITY, [["1", "0"], ["x", "0"]]]]},
            r"transitions\[0\]\[1\]\[1\]\[0\] must be a rational string .*, not 'x'",
        ),
        ({"readouts": [IDENTITY]}, r"readouts must be a list of 2 matrices, not a list of 1"),
        (
            {"readouts": [IDENTITY, [["1", "0", "0"], ["0", "1"]]]},
            r"readouts\[1\]\[0\] must be a row of 2 scalars, not a list of 3",
        ),
        (
            {"readouts": [[["1", "0"]] * 3, IDENTITY]},
            r"readouts\[0\] must be a 2 x 2 matrix, not a list of 3",
        ),
        (
            {"readouts": [IDENTITY, [["1", "-3/0"], ["0", "1"]]]},
            r"readouts\[1\]\[0\]\[1\] must be a rational with a nonzero denominator, not '-3/0'",
        ),
        ({"readouts": 3}, r"readouts must be a list of 2 matrices, not 3"),
    ],
)
def test_wrong_fields_are_named(change, message):
    with pytest.raises(InputError, match=f"^{message}$"):
        isan_from_json(GOOD | change)


@pytest.mark.parametrize("entry", ["1", "1/2", None, True, [], float("inf"), float("nan")])
def test_float_models_hold_finite_numbers(entry):
    with pytest.raises(InputError, match=r"^initial_state\[0\] must be a finite number, not "):
        isan_from_json(FLOATING | {"initial_state": [entry, 1]})


def test_numbers_beyond_the_doubles_are_refused(tmp_path):
    for number in ("1e400", "-1e400", "1" + "0" * 400):
        text = json.dumps(FLOATING).replace("-0.1", number)
        with pytest.raises(InputError, match=r"^initial_state\[1\] must be a finite number, not "):
            isan_from_json(read_json(put(tmp_path, text)))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"alphabet_size": 1}, r"alphabet_size must be an integer of at least 2, not 1"),
        ({"horizon": 0}, r"horizon must be an integer of at least 1, not 0"),
        ({"logit_unit": "bit"}, r'logit_unit must be "nat" or .*'),
        ({"arithmetic": "half"}, r'arithmetic must be "exact" or "float", not \'half\''),
    ],
)
def test_wrong_fields_of_the_uniform_model_are_named(change, message):
    with pytest.raises(InputError, match=f"^{message}$"):
        uniform_from_json(uniform_to_json(UniformModel(2, 2)) | change)


# -- reading ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "value"),
    [("{}", {}), (' [1, 2.5, "x"]\n', [1, 2.5, "x"]), ("null", None), ('"é"', "é")],
)
def test_any_json_value_is_read(tmp_path, text, value):
    assert read_json(put(tmp_path, text)) == value


def test_a_missing_file_is_named(tmp_path):
    path = tmp_path / "none.json"
    with pytest.raises(
        InputError, match=r"must be a readable file, not No such file or directory$"
    ) as caught:
        read_json(path)
    assert caught.value.argument == str(path)


def test_a_folder_is_no_file(tmp_path):
    with pytest.raises(InputError, match=r"must be a readable file, not Is a directory$"):
        read_json(tmp_path)


def test_a_name_that_is_too_long_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"must be a readable file, not File name too long$"):
        read_json(tmp_path / ("x" * 300))


def test_files_over_64_mb_are_refused_before_reading(tmp_path, monkeypatch):
    path = tmp_path / "large.json"
    with path.open("wb") as stream:
        stream.truncate(64 * 1024 * 1024 + 1)
    monkeypatch.setattr(Path, "read_bytes", lambda _: pytest.fail("was read"))
    with pytest.raises(InputError, match=r"must be at most 67108864 bytes, not 67108865 bytes$"):
        read_json(path)


def test_files_of_just_the_largest_size_are_read(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "MAX_BYTES", 10)
    assert read_json(put(tmp_path, "[1,2,3,40]")) == [1, 2, 3, 40]
    with pytest.raises(InputError, match=r"must be at most 10 bytes, not 11 bytes$"):
        read_json(put(tmp_path, "[1,2,3,400]"))


@pytest.mark.parametrize("data", [b"\xff\xfe{}", b'"\xe9"', b'{"a": "\xc3"}', b"\x80"])
def test_other_encodings_are_refused(tmp_path, data):
    path = tmp_path / "model.json"
    path.write_bytes(data)
    with pytest.raises(InputError, match=r"must be UTF-8 text, not other bytes$"):
        read_json(path)


def test_every_truncation_is_refused(tmp_path):
    text = json.dumps(GOOD)
    for n in range(len(text)):
        with pytest.raises(InputError, match=r"model\.json must be a JSON file, not "):
            read_json(put(tmp_path, text[:n]))
    assert read_json(put(tmp_path, text)) == GOOD


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "{",
        "}",
        "[1,]",
        "{'a': 1}",
        '{"a" 1}',
        "1 2",
        "nul",
        "[1",
        "]]]]",
        "\ufeff{}",
        '"a\nb"',
        "01",
        "9" * 5000,
    ],
)
def test_text_that_is_no_json_is_refused(tmp_path, text):
    with pytest.raises(InputError, match=r"model\.json must be a JSON file, not "):
        read_json(put(tmp_path, text))


@pytest.mark.parametrize("constant", ["NaN", "Infinity", "-Infinity"])
def test_constants_that_are_no_json_are_refused(tmp_path, constant):
    for text in (constant, f"[{constant}]", f'{{"initial_state": [1, {constant}]}}'):
        with pytest.raises(
            InputError, match=rf"must be a JSON file, not {constant} is not a number$"
        ):
            read_json(put(tmp_path, text))


@pytest.mark.parametrize(
    ("opening", "closing"),
    [("[" * 32, "]" * 32), ('{"a":' * 32, "}" * 32), ('[{"a":' * 16, "}]" * 16)],
)
def test_nesting_is_allowed_up_to_32_and_refused_beyond(tmp_path, opening, closing):
    value, depth = read_json(put(tmp_path, opening + "0" + closing)), 0
    while value != 0:
        value = value[0] if isinstance(value, list) else value["a"]
        depth += 1
    assert depth == 32
    with pytest.raises(InputError, match=r"must be nested at most 32 deep, not deeper nesting$"):
        read_json(put(tmp_path, "[" + opening + "0" + closing + "]"))


def test_deep_nesting_is_refused_before_parsing(tmp_path):
    with pytest.raises(InputError, match=r"must be nested at most 32 deep"):
        read_json(put(tmp_path, "[" * 100_000))
    with pytest.raises(InputError, match=r"must be nested at most 32 deep"):
        read_json(put(tmp_path, "not JSON " + "{" * 33))


@pytest.mark.parametrize(
    "content", ["[" * 50, "{" * 50, '"' + "[" * 50, "\\" + '"' + "{" * 50, "\\" * 3, "]" * 50]
)
def test_brackets_in_strings_do_not_count(tmp_path, content):
    value = {"a" + content: [content, "x"], "b": content}
    assert read_json(put(tmp_path, json.dumps(value))) == value


def test_brackets_after_strings_do_count(tmp_path):
    text = json.dumps(["\\", '"', '\\"']) + "[" * 33
    with pytest.raises(InputError, match=r"must be nested at most 32 deep"):
        read_json(put(tmp_path, text))


def test_lists_side_by_side_are_not_deep(tmp_path):
    value = [[[]] for _ in range(100)] + [{"a": {}} for _ in range(100)]
    assert read_json(put(tmp_path, json.dumps(value))) == value


# -- writing ------------------------------------------------------------------------------------


def test_a_missing_folder_is_refused(tmp_path):
    path = tmp_path / "none" / "model.json"
    with pytest.raises(InputError, match=r"^out must be in a folder that exists, not '") as caught:
        write_json(path, {})
    assert caught.value.value == str(path)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(InputError, match=r"^--out must be in a folder that exists, not '"):
        check_writable(str(path), "--out")


def test_a_file_is_no_folder(tmp_path):
    path = put(tmp_path, "{}")
    with pytest.raises(InputError, match=r"^out must be in a folder that exists, not '"):
        write_json(path / "model.json", {})


def test_a_folder_cannot_be_written_as_a_file(tmp_path):
    with pytest.raises(InputError, match=r"^out must be a file that can be written, not '"):
        write_json(tmp_path, {})
    assert list(tmp_path.iterdir()) == []


def test_a_folder_without_permission_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK)
    with pytest.raises(InputError, match=r"^out must be a file that can be written, not '"):
        write_json(tmp_path / "model.json", {})
    assert list(tmp_path.iterdir()) == []


def test_a_name_that_is_too_long_cannot_be_written(tmp_path):
    with pytest.raises(InputError, match=r"^out must be "):
        write_json(tmp_path / ("x" * 300), {})
    assert list(tmp_path.iterdir()) == []


def test_check_writable_writes_nothing(tmp_path):
    check_writable(tmp_path / "model.json", "out")
    assert list(tmp_path.iterdir()) == []


def test_a_value_that_is_no_json_leaves_nothing_behind(tmp_path):
    path = tmp_path / "model.json"
    with pytest.raises(TypeError, match="not JSON serializable"):
        write_json(path, {"a": [1] * 10_000, "b": object()})
    assert list(tmp_path.iterdir()) == []


def test_a_value_that_is_no_json_leaves_the_old_file(tmp_path):
    path = put(tmp_path, '"old"')
    with pytest.raises(TypeError, match="not JSON serializable"):
        write_json(path, {"a": [1] * 10_000, "b": Fraction(1, 2)})
    assert [p.name for p in tmp_path.iterdir()] == ["model.json"]
    assert path.read_text(encoding="utf-8") == '"old"'


def test_an_interrupted_write_leaves_nothing_behind(tmp_path, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_json(tmp_path / "model.json", {})
    assert list(tmp_path.iterdir()) == []


def test_an_old_file_is_replaced(tmp_path):
    path = put(tmp_path, '"old"')
    write_json(str(path), {"new": 1})
    assert read_json(path) == {"new": 1}


def test_a_relative_path_is_written_in_the_working_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_json("model.json", [1])
    assert read_json("model.json") == [1]


def test_the_header_of_an_exact_model_names_no_arithmetic():
    model = Isan(2, 1, ["1"], [], [[["1"], ["0"]]])
    assert isan_to_json(model) == {
        "format": 1,
        "kind": "isan",
        "alphabet_size": 2,
        "horizon": 1,
        "logit_unit": "nat",
        "initial_state": ["1"],
        "transitions": [],
        "readouts": [[["1/2"], ["-1/2"]]],
    }
    floating = Isan(2, 1, [1.0], [], [[[1.0], [0.0]]], NAT, FLOAT64)
    assert isan_to_json(floating)["arithmetic"] == "float64"
    assert isan_to_json(floating)["readouts"] == [[[0.5], [-0.5]]]


def stationary(horizon=4):
    step, readout = [[[1, 0], [0, "1/2"]], [[0, 1], [1, 0]]], [[1, 2], [3, 4]]
    return Isan(2, horizon, [1, 1], [step] * (horizon - 1), [readout] * horizon)


def test_steps_that_are_all_the_same_are_written_once():
    value = files.isan_to_json(stationary())
    assert value["stationary"] is True
    assert len(value["transitions"]) == len(value["readouts"]) == 1
    again = files.isan_from_json(value)
    assert again.horizon == 4
    assert len({id(step) for step in again.transitions}) == 1
    assert all(again.logits(p) == stationary().logits(p) for p in product(range(2), repeat=3))
    assert "stationary" not in files.isan_to_json(stationary(2))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"stationary": 1}, "stationary must be true or false"),
        ({"stationary": False}, "transitions must be a list of 3 or 4 steps|readouts must be"),
        ({"transitions": []}, "transitions must be a list of one step"),
        ({"readouts": [1, 2]}, "readouts must be a list of one matrix"),
    ],
)
def test_wrong_fields_of_a_stationary_network_are_named(change, message):
    with pytest.raises(InputError, match=message):
        files.isan_from_json({**files.isan_to_json(stationary()), **change})
