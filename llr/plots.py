"""Plots of what learners pay, as SVG files that are the same byte for byte in every run.

Needs matplotlib (the extra ``llr[bench]``).
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from llr.errors import InputError
from llr.models.files import check_writable

LEARNERS, GROWTH = FILES = ("learners.svg", "growth.svg")
HISTORIES = "lingen.svg"

NEAREST_TICKS = 1.25
"""Sizes nearer than this factor share a tick, so that their labels do not overlap."""

SETTINGS = {"svg.hashsalt": "llr", "svg.fonttype": "none"}
METADATA = {"Date": None, "Creator": None}


def check_available(argument: str, value: object) -> None:
    """Raise InputError unless matplotlib is installed."""
    try:
        importlib.import_module("matplotlib.figure")
    except ImportError:
        raise InputError(
            argument, value, 'used with matplotlib: pip install "llr[bench]"'
        ) from None


def check_folder(argument: str, folder: str, names: Sequence[str]) -> None:
    """Raise InputError unless plots of these names can be drawn and written to a folder."""
    check_available(argument, folder)
    if Path(folder).is_file():
        raise InputError(argument, folder, "a folder")
    for name in names:
        # a folder that is not there yet must be one that can be made
        check_writable(Path(folder, name) if Path(folder).is_dir() else folder, argument)


def plot_learners(
    path: Path, title: str, paid: Sequence[tuple[str, int, int]], limit: float | None
) -> None:
    """Draw the calls of each learner, on a logarithmic axis, and the counting limit.

    Args:
        path: of the SVG file.
        title: above the axes.
        paid: per learner its name, learning calls and certifying calls.
        limit: the counting limit, if it is known.
    """
    figure, axes = _axes(title, "distinct prefixes asked", "")
    names = [name for name, _, _ in paid]
    for place, (_, learning, certifying) in enumerate(paid):
        axes.plot([learning, learning + certifying], [place, place], color="0.7", zorder=1)
    axes.scatter([x for _, x, _ in paid], range(len(paid)), label="learning", zorder=2)
    axes.scatter(
        [x + y for _, x, y in paid],
        range(len(paid)),
        label="learning and certifying",
        facecolors="none",
        edgecolors="C1",
        zorder=3,
    )
    if limit is not None:
        axes.axvline(limit, color="black", linestyle="--", label="counting limit")
    axes.set_xscale("log")
    axes.set_yticks(range(len(paid)), names)
    axes.invert_yaxis()
    _save(figure, axes, path)


def plot_growth(
    path: Path, title: str, horizons: Sequence[int], curves: Mapping[str, Sequence[float]]
) -> None:
    """Draw curves against the horizon, log-log.

    Args:
        path: of the SVG file.
        title: above the axes.
        horizons: T, ascending.
        curves: per label one positive number for each horizon.
    """
    figure, axes = _axes(title, "T", "distinct prefixes asked")
    for label, values in curves.items():
        axes.plot(horizons, values, marker="o", label=label)
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.set_xticks(horizons, [str(t) for t in horizons])
    _save(figure, axes, path)


def plot_divergences(
    path: Path,
    title: str,
    along: str,
    up: str,
    curves: Mapping[str, Sequence[tuple[int, float, float]]],
    levels: Mapping[str, float],
) -> None:
    """Draw divergences against a size, log-log, and others as lines.

    Args:
        path: of the SVG file.
        title: above the axes.
        along: what the size is.
        up: what the divergences are.
        curves: per label (size, divergence, its standard error), by size.
        levels: per label one divergence.
    """
    figure, axes = _axes(title, along, up)
    for label, points in curves.items():
        sizes, values, errors = zip(*points, strict=True)
        axes.errorbar(sizes, values, yerr=errors, marker="o", capsize=2, label=label)
    for place, (label, level) in enumerate(levels.items(), start=len(curves)):
        axes.axhline(level, color=f"C{place}", linestyle="--", label=label)
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    ticks: list[int] = []
    for size in (size for points in curves.values() for size, _, _ in points):
        if all(max(size, tick) >= NEAREST_TICKS * min(size, tick) for tick in ticks):
            ticks.append(size)
    axes.set_xticks(ticks, [f"{size:,}" for size in ticks], minor=False)
    _save(figure, axes, path, beside=True)


def plot_spreads(
    path: Path,
    title: str,
    along: str,
    up: str,
    curves: Mapping[str, Sequence[tuple[float, float, float, float]]],
) -> None:
    """Draw medians with the ranges that they are taken from, log-log.

    Args:
        path: of the SVG file.
        title: above the axes.
        along: what the size is.
        up: what the numbers are.
        curves: per label (size, least, median, largest), all positive, by size.
    """
    figure, axes = _axes(title, along, up)
    for label, points in curves.items():
        sizes, least, middle, largest = (np.array(x) for x in zip(*points, strict=True))
        ends = (middle - least, largest - middle)
        axes.errorbar(sizes, middle, yerr=ends, marker="o", capsize=2, label=label)
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    ticks = sorted({point[0] for points in curves.values() for point in points})
    axes.set_xticks(ticks, [f"{size:g}" for size in ticks], minor=False)
    _save(figure, axes, path, beside=True)


def _axes(title: str, along: str, up: str) -> tuple[Any, Any]:
    figure = importlib.import_module("matplotlib.figure").Figure(
        figsize=(7, 4), layout="constrained"
    )
    axes = figure.subplots()
    axes.set_title(title, parse_math=False)
    axes.set_xlabel(along)
    axes.set_ylabel(up)
    axes.grid(visible=True, which="major", color="0.9")
    return figure, axes


def _save(figure: Any, axes: Any, path: Path, beside: bool = False) -> None:
    """Write a figure with its legend, in the axes or beside them."""
    if beside:
        figure.legend(loc="outside right upper", fontsize="small")
    else:
        axes.legend()
    with importlib.import_module("matplotlib").rc_context(SETTINGS):
        figure.savefig(path, format="svg", metadata=METADATA)
