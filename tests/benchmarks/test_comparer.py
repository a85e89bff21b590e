"""The comparer: it fails where a count changed or a ratio left its bounds, and only there."""

from __future__ import annotations

import json

import pytest
from comparer import FOLDER, Baseline, differences, outside

COUNTS = {"learning": 262, "basis_sizes": [1, 2, 4], "limit": "251", "accepted": True}


def stored(folder, counts=COUNTS):
    Baseline("queries", True, folder).check("lean", counts)
    return Baseline("queries", False, folder)


def test_the_same_counts_pass(tmp_path):
    stored(tmp_path).check("lean", dict(reversed(COUNTS.items())))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"learning": 263}, "lean.learning: 263, stored 262"),
        ({"learning": 10}, "lean.learning: 10, stored 262"),  # better is a change as well
        ({"learning": None}, "lean.learning: null, stored 262"),
        ({"basis_sizes": [1, 2, 5]}, r"lean.basis_sizes: \[1, 2, 5\], stored \[1, 2, 4\]"),
        ({"basis_sizes": [1, 2]}, r"stored \[1, 2, 4\]"),
        ({"limit": "252"}, 'lean.limit: "252", stored "251"'),
        ({"accepted": 1}, "lean.accepted: 1, stored true"),
        ({"epochs": 3}, "lean.epochs: 3, stored null"),
    ],
)
def test_a_planted_change_fails(tmp_path, change, said):
    with pytest.raises(AssertionError, match=said):
        stored(tmp_path).check("lean", COUNTS | change)


def test_a_planted_change_of_the_stored_file_fails(tmp_path):
    baseline = stored(tmp_path)
    baseline.path.write_text(baseline.path.read_text().replace("262", "999"))
    with pytest.raises(AssertionError, match="262, stored 999"):
        baseline.check("lean", COUNTS)


def test_a_missing_count_fails(tmp_path):
    baseline = stored(tmp_path)
    with pytest.raises(AssertionError, match=r"lean.learning: null, stored 262"):
        baseline.check("lean", {name: x for name, x in COUNTS.items() if name != "learning"})
    with pytest.raises(AssertionError, match="stored null"):
        baseline.check("printed", COUNTS)
    baseline.path.unlink()
    with pytest.raises(AssertionError, match="stored null"):
        baseline.check("lean", COUNTS)


def test_a_float_is_no_count(tmp_path):
    with pytest.raises(AssertionError, match="a float is no count"):
        stored(tmp_path, {"seconds": [0.5]})


def test_renewing_keeps_the_other_measurements(tmp_path):
    baseline = stored(tmp_path)
    renewing = Baseline("queries", True, tmp_path)
    renewing.check("printed", {"learning": 7})
    renewing.check("lean", {"learning": 1})
    assert json.loads(baseline.path.read_text()) == {
        "lean": {"learning": 1},
        "printed": {"learning": 7},
    }
    assert len(baseline.path.read_text().splitlines()) == 4


def test_lists_differ_by_order():
    assert differences([1, 2], [2, 1]) == ["value: [1, 2], stored [2, 1]"]
    assert differences({"a": {"b": 1}}, {"a": {"b": 1}}) == []


@pytest.mark.parametrize(
    ("bounds", "value", "passes"),
    [
        ([100, None], 100.0, True),
        ([100, None], 99.9, False),
        ([None, 5], 5.0, True),
        ([None, 5], 5.1, False),
        ([1, 2], 1.5, True),
        ([1, 2], float("nan"), False),
    ],
)
def test_bounds_of_a_ratio(tmp_path, bounds, value, passes):
    (tmp_path / "ratios.json").write_text(json.dumps({"fast over slow": bounds}))
    baseline = Baseline("queries", False, tmp_path)
    if passes:
        baseline.ratio("fast over slow", value)
        return
    with pytest.raises(AssertionError, match="fast over slow"):
        baseline.ratio("fast over slow", value)


def test_a_ratio_without_bounds_fails():
    assert outside("a", 1.0, {}) == ["a: 1, but no bounds are stated"]


def test_every_stated_ratio_has_a_bound():
    for least, most in json.loads((FOLDER / "ratios.json").read_text()).values():
        assert least is not None or most is not None
