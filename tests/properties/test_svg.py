"""properties.svg: charts that are whole, and labels that do not lie on each other."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from itertools import pairwise

import pytest

from properties.svg import GAP, HEIGHT, SHAPES, WIDTH, Curve, bars, chart, spread_out

LINES = [
    Curve("up <&>", "bound", "triangle", [(4, 10), (8, 1000), (16, 1e6)]),
    Curve("early", "lean", "circle", [(4, 20), (8, 30)]),
    Curve("level", "limit", "bar", [(4, 9.9e5), (16, 9.9e5)]),
    Curve("none", "tabulation", "square", []),
]


def drawn(lines=LINES):
    return ET.fromstring(chart("c", "Title <", "What & why", "x", "y", lines))


def numbers(path):
    return [float(part) for part in path.replace("M", " ").replace("L", " ").split()]


def test_a_chart_says_what_it_is():
    svg = drawn()
    assert svg.get("role") == "img"
    ids = svg.get("aria-labelledby").split()
    title, desc = svg.find("title"), svg.find("desc")
    assert [title.get("id"), desc.get("id")] == ids
    assert (title.text, desc.text) == ("Title <", "What & why")
    texts = ["".join(t.itertext()) for t in svg.iter("text")]
    assert {"up <&>", "early", "level", "x", "y", "4", "8", "16", "10", "1,000", "106"} <= set(
        texts
    )
    assert "none" not in texts


def test_points_stand_where_their_logarithms_are():
    svg = drawn()
    line = next(p for p in svg.iter("path") if p.get("class") == "line bound")
    x1, y1, x2, y2, x3, y3 = numbers(line.get("d"))
    assert x2 - x1 == pytest.approx(x3 - x2, abs=0.2)
    assert (y1 - y2) / (y2 - y3) == pytest.approx(2 / 3, abs=0.01)
    assert all(0 < x < WIDTH for x in (x1, x2, x3))
    assert all(0 < y < HEIGHT for y in (y1, y2, y3))
    marks = [p for p in svg.iter("path") if p.get("class") == "mark bound"]
    assert [m.get("transform") for m in marks] == [
        f"translate({x:g} {y:g})" for x, y in ((x1, y1), (x2, y2), (x3, y3))
    ]
    assert marks[0].get("d") == SHAPES["triangle"]


def test_names_at_the_end_keep_apart():
    svg = drawn()
    names = {"".join(t.itertext()): t for t in svg.iter("text")}
    places = sorted(float(names[n].get("y")) for n in ("up <&>", "level"))
    assert places[1] - places[0] >= GAP - 0.2
    assert names["early"].get("text-anchor") == "middle"


@pytest.mark.parametrize(
    "heights",
    [[], [5.0], [0.0, 0.0], [10.0, 11.0, 12.0, 100.0], [30.0, 0.0, 17.0, 18.0, 0.0], [0.0, 17.0]],
)
def test_heights_are_spread_out_in_order_and_around_their_mean(heights):
    found = spread_out(heights, 17)
    order = sorted(range(len(heights)), key=lambda i: heights[i])
    assert all(found[b] - found[a] >= 17 - 1e-9 for a, b in pairwise(order))
    assert sum(found) == pytest.approx(sum(heights))


def test_what_lies_apart_is_not_moved():
    assert spread_out([40.0, 0.0, 20.0], 17) == [40.0, 0.0, 20.0]


def test_one_point_makes_a_chart():
    svg = drawn([Curve("one", "lean", "circle", [(4, 10)])])
    mark = next(p for p in svg.iter("path") if p.get("class") == "mark lean")
    assert "nan" not in mark.get("transform")


def test_bars_are_as_long_as_their_numbers():
    svg = ET.fromstring(bars("b", "t", "d", [("a", 0), ("b", 10), ("c", 5)]))
    widths = [float(r.get("width")) for r in svg.iter("rect")]
    assert widths[0] == 0
    assert widths[1] == pytest.approx(2 * widths[2], abs=0.2)
    texts = [t.text for t in svg.iter("text")]
    assert texts == ["a", "0", "b", "10", "c", "5"]
    assert ET.fromstring(bars("b", "t", "d", [("a", 0)])) is not None
