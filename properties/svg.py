"""Charts as inline SVG: the same bytes on every machine, colours from the page's style sheet."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from math import ceil, floor, log10

WIDTH, HEIGHT = 720, 300
LEFT, RIGHT, TOP, BOTTOM = 64, 190, 16, 44
GAP = 17
"""Least distance between two labels at the right end of lines."""

SHAPES = {
    "circle": "M-4 0a4 4 0 1 0 8 0a4 4 0 1 0 -8 0z",
    "square": "M-3.5 -3.5h7v7h-7z",
    "diamond": "M0 -5l5 5l-5 5l-5 -5z",
    "triangle": "M0 -5l5 9h-10z",
    "bar": "M-5 -1.5h10v3h-10z",
    "cross": "M-4 -4l8 8m0 -8l-8 8",
}


@dataclass(frozen=True)
class Curve:
    """One curve of a chart.

    Attributes:
        label: written beside its right end, or above it if the line ends early.
        style: class of the style sheet that gives it its colour and dashes.
        shape: of its marks, one of SHAPES.
        points: (x, y), both positive, x ascending.
    """

    label: str
    style: str
    shape: str
    points: Sequence[tuple[float, float]]


def chart(
    identifier: str, title: str, description: str, across: str, up: str, lines: Sequence[Curve]
) -> str:
    """Return a chart on logarithmic axes.

    Args:
        identifier: unique on the page.
        title: names the chart, for those who do not see it.
        description: tells them what it shows.
        across: what x is; there is a tick at every x of a point.
        up: what y is; there is a tick at powers of ten.
        lines: the curves; at least one with a point.
    """
    xs = sorted({x for line in lines for x, _ in line.points})
    ys = [y for line in lines for _, y in line.points]
    low, high = floor(log10(min(ys))), max(ceil(log10(max(ys))), floor(log10(min(ys))) + 1)
    first, last = log10(xs[0]), log10(xs[-1])

    def place_x(x: float) -> float:
        share = 0.5 if first == last else (log10(x) - first) / (last - first)
        return LEFT + share * (WIDTH - LEFT - RIGHT)

    def place_y(y: float) -> float:
        return HEIGHT - BOTTOM - (log10(y) - low) / (high - low) * (HEIGHT - TOP - BOTTOM)

    step = max(1, ceil((high - low) / 8))
    parts = []
    for power in range(low, high + 1, step):
        height = place_y(10.0**power)
        parts.append(f'<path class="grid" d="M{LEFT} {_at(height)}H{WIDTH - RIGHT}"/>')
        parts.append(_label(LEFT - 8, height + 4, _power(power), anchor="end"))
    below = HEIGHT - BOTTOM + 20
    parts += [_label(place_x(x), below, f"{x:g}", anchor="middle") for x in xs]
    middle = (LEFT + WIDTH - RIGHT) / 2
    parts.append(_label(middle, HEIGHT - 8, escape(across), anchor="middle"))
    upwards = f"rotate(-90 14 {_at((TOP + HEIGHT - BOTTOM) / 2)})"
    turned = (
        f'<text class="axis" transform="{upwards}" x="14" y="{_at((TOP + HEIGHT - BOTTOM) / 2)}"'
    )
    parts.append(f'{turned} text-anchor="middle">{escape(up)}</text>')
    drawn = [line for line in lines if line.points]
    for line in drawn:
        spots = [(place_x(x), place_y(y)) for x, y in line.points]
        path = "L".join(f"{_at(x)} {_at(y)}" for x, y in spots)
        parts.append(f'<path class="line {line.style}" d="M{path}"/>')
        parts += [
            f'<path class="mark {line.style}" transform="translate({_at(x)} {_at(y)})" '
            f'd="{SHAPES[line.shape]}"/>'
            for x, y in spots
        ]
    early = [line for line in drawn if line.points[-1][0] < xs[-1]]
    for line in early:
        x, y = place_x(line.points[-1][0]), place_y(line.points[-1][1]) - 11
        parts.append(_name(line, x, y, anchor="middle"))
    drawn = [line for line in drawn if line not in early]
    ends = [(place_x(line.points[-1][0]), place_y(line.points[-1][1])) for line in drawn]
    beside = WIDTH - RIGHT + 24
    for line, (x, y), spread in zip(drawn, ends, spread_out([y for _, y in ends]), strict=True):
        parts.append(
            f'<path class="leader" d="M{_at(x + 7)} {_at(y)}L{beside - 4} {_at(spread)}"/>'
        )
        parts.append(_name(line, beside, spread + 4, anchor="start"))
    return _figure(identifier, title, description, WIDTH, HEIGHT, parts)


def bars(identifier: str, title: str, description: str, counts: Sequence[tuple[str, int]]) -> str:
    """Return horizontal bars, one below the other, each with its name and number.

    Args:
        identifier, title, description: as for :func:`chart`.
        counts: name and number >= 0 of each bar; at least one.
    """
    most = max(1, *(n for _, n in counts))
    row, left, width = 26, 150, 560
    parts = []
    for place, (name, number) in enumerate(counts):
        y = place * row
        length = number / most * (width - left - 60)
        parts.append(_label(left - 10, y + 17, escape(name), anchor="end"))
        parts.append(
            f'<rect class="bar" x="{left}" y="{y + 5}" width="{_at(length)}" height="16"/>'
        )
        parts.append(_label(left + length + 8, y + 17, str(number), anchor="start"))
    return _figure(identifier, title, description, width, row * len(counts), parts)


def spread_out(heights: Sequence[float], gap: float = GAP) -> list[float]:
    """Return heights in the same order, moved as little as need be to lie a gap apart."""
    order = sorted(range(len(heights)), key=lambda i: heights[i])
    groups: list[list[int]] = []

    def centre(group: list[int]) -> float:
        return sum(heights[i] for i in group) / len(group)

    def reach(group: list[int]) -> float:
        return (len(group) - 1) * gap / 2

    for i in order:
        groups.append([i])
        while len(groups) > 1 and centre(groups[-1]) - reach(groups[-1]) < (
            centre(groups[-2]) + reach(groups[-2]) + gap
        ):
            groups[-2:] = [groups[-2] + groups[-1]]
    found = [0.0] * len(heights)
    for group in groups:
        for place, i in enumerate(group):
            found[i] = centre(group) - reach(group) + place * gap
    return found


def _figure(
    identifier: str, title: str, description: str, width: int, height: int, parts: Iterable[str]
) -> str:
    name = escape(identifier)
    return (
        f'<svg id="{name}" viewBox="0 0 {width} {height}" role="img" '
        f'aria-labelledby="{name}-title {name}-desc">'
        f'<title id="{name}-title">{escape(title)}</title>'
        f'<desc id="{name}-desc">{escape(description)}</desc>' + "".join(parts) + "</svg>"
    )


def _name(line: Curve, x: float, y: float, *, anchor: str) -> str:
    """Return the name of a line, in its colour."""
    place = f'x="{_at(x)}" y="{_at(y)}" text-anchor="{anchor}"'
    return f'<text class="{line.style}" {place}>{escape(line.label)}</text>'


def _label(x: float, y: float, content: str, *, anchor: str) -> str:
    """Return a text; its content is markup."""
    place = f'x="{_at(x)}" y="{_at(y)}"'
    return f'<text class="axis" {place} text-anchor="{anchor}">{content}</text>'


def _power(power: int) -> str:
    """Return a power of ten; below 10^4 as a number."""
    if 0 <= power <= 3:
        return f"{10**power:,}"
    return f'10<tspan class="power" dy="-5">{str(power).replace("-", "−")}</tspan>'


def _at(x: float) -> str:
    """Return a coordinate in tenths: what differs in the last bit is drawn alike."""
    return f"{x:.1f}".removesuffix(".0") if abs(x) >= 0.05 else "0"
