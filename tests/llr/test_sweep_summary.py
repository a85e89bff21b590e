"""Medians over seeds and exponents of known laws."""

import pytest

from llr.sweeps import summary
from llr.sweeps.spec import read_spec

SPEC = """
target = "isan:T={T},k={k},d=1,seed={seed}"
seeds = [0, 1, 2]

[grid]
algorithm = ["lean", "printed"]
T = [4, 8, 16]
k = [2, 3, 4]
epsilon = [0.1, 0.2]
"""


@pytest.fixture
def spec(tmp_path):
    path = tmp_path / "spec.toml"
    path.write_text(SPEC)
    return read_spec(path)


def row(learning, certifying=0, **more):
    counts = {"learning": learning, "certifying": certifying, "tokens": 5}
    return {"outcome": "accepted", **counts, "certificate": None, **more}


def test_groups(spec):
    rows = {e.key: row(e.point["T"] + e.seed) for e in spec.entries if e.point["T"] > 4}
    for e in spec.entries:
        if e.point["T"] == 16 and e.seed == 2:
            rows[e.key] = {"outcome": "failed", "error": {}}
        if e.point["T"] == 8:
            rows[e.key] |= {
                "certificate": "1/8",
                "outcome": "not accepted" if e.seed else "accepted",
                "total_variation": {"lower": "0", "upper": f"0.0{e.seed}", "method": "enclosed"},
            }
        if e.point["T"] == 8 and e.seed == 1:
            rows[e.key]["total_variation"] = {"lower": "0", "upper": "1", "method": "too large"}
    found = summary.groups(spec, rows)
    assert [g.point for g in found] == [e.point for e in spec.entries[::3]]
    by_t = {t: [g for g in found if g.point["T"] == t] for t in (4, 8, 16)}
    assert {(g.tasks, g.done, g.accepted, g.failed, g.counts, g.error) for g in by_t[4]} == {
        (3, 0, 0, 0, None, None)
    }
    for g in by_t[8]:
        assert (g.tasks, g.done, g.accepted, g.failed, g.error) == (3, 3, 1, 0, 0.125)
        assert g.counts["learning"] == summary.Spread(8, 9, 10)
    for g in by_t[16]:
        assert (g.tasks, g.done, g.accepted, g.failed, g.error) == (3, 3, 2, 1, None)
        assert g.counts["learning"] == summary.Spread(16, 16.5, 17)


def test_fits_find_the_law_of_each_learner(spec):
    powers = {"lean": (1, 2), "printed": (3, 0.5)}

    def law(point):
        a, b = powers[point["algorithm"]]
        return 7 * point["T"] ** a * point["k"] ** b

    rows = {e.key: row(law(e.point)) for e in spec.entries}
    rows[spec.keys[0]] = {"outcome": "failed", "error": {}}
    del rows[spec.keys[1]]
    found = {(*f.fixed.values(), f.count): f for f in summary.fits(spec, rows)}
    # two values of epsilon are too few for an exponent; nothing was asked for certifying
    assert set(found) == {
        (algorithm, epsilon, count)
        for algorithm in powers
        for epsilon in ("1/10", "1/5")
        for count in ("learning", "tokens")
    }
    for (algorithm, epsilon, count), fit in found.items():
        assert fit.sizes == ("T", "k")
        expected = powers[algorithm] if count == "learning" else (0, 0)
        assert fit.law.exponents == pytest.approx(expected, abs=1e-9)
        assert fit.law.factor == pytest.approx(7 if count == "learning" else 5)
        assert fit.law.points == (25 if (algorithm, epsilon) == ("lean", "1/10") else 27)


def test_nothing_to_fit(tmp_path):
    path = tmp_path / "spec.toml"
    path.write_text('target = "spike:T={T}"\n[grid]\nT = [2, 3]')
    spec = read_spec(path)
    assert summary.numeric(spec) == []
    assert summary.fits(spec, {key: row(1) for key in spec.keys}) == []


def test_which_keys_are_numbers(tmp_path):
    path = tmp_path / "spec.toml"
    grid = 'T = [2, 3, 4]\nepsilon = ["1/8", 0.2, 0.3]\nrank = [1, 2, "spectrum"]\nxi = [0, 1, 2]'
    path.write_text(f'target = "spike:T={{T}}"\n[grid]\n{grid}\nalgorithm = ["lean", "printed"]')
    assert summary.numeric(read_spec(path)) == ["T", "epsilon"]
    assert summary.number(True) is None


def test_curves(spec):
    rows = {e.key: row(e.point["T"] * (e.seed + 1), e.point["T"] - 4) for e in spec.entries}
    groups = summary.groups(spec, rows)
    found = summary.curves(groups, "T", "learning")
    assert len(found) == 12
    points = found["algorithm=printed, k=3, epsilon=1/5"]
    assert points == [(4, 4, 8, 12), (8, 8, 16, 24), (16, 16, 32, 48)]
    assert summary.curves(groups, "T", "certifying")["algorithm=lean, k=2, epsilon=1/5"] == [
        (8, 4, 4, 4),
        (16, 12, 12, 12),
    ]
    some = summary.groups(spec, {})
    assert summary.curves(some, "T", "learning") == {}
