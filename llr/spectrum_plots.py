"""Plots of ``llr spectrum``: [S]'s and [P]'s Fig. 1, and errors held out; see llr.plots."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from llr.analysis.fits import PowerLaw
from llr.analysis.held_out import CutErrors
from llr.analysis.spectrum import Approximation, Spectrum
from llr.plots import METADATA, SETTINGS

VALUES, ERRORS, HELD_OUT = FILES = ("spectrum.svg", "errors.svg", "held-out.svg")

COLOURS = ("C0", "C1")
OFFSETS = ("as it is", "offset removed")


def plot_values(path: Path, title: str, found: Mapping[str, Sequence[Spectrum]]) -> None:
    """Draw singular values against their rank, log-log, with the lines fitted.

    Args:
        path: of the SVG file.
        title: above the panels.
        found: per model, its spectra of every size, with the offset and without.
    """
    figure, panels = _panels(title, 2, "rank i", "singular value / sqrt(entries)")
    for panel, removed in zip(panels, (False, True), strict=True):
        panel.set_title(OFFSETS[removed], fontsize="medium")
        for (name, spectra), colour in zip(found.items(), COLOURS, strict=False):
            for place, s in enumerate(s for s in spectra if s.offset_removed == removed):
                shown = _positive(range(1, len(s.values) + 1), [v / s.scale for v in s.values])
                if not shown:
                    continue
                size = f"{name}, {s.histories} x {s.stems}"
                panel.plot(*shown, color=colour, alpha=1 / (1 + place), lw=1.5, label=size)
                if place == 0 and s.decay is not None:
                    label = f"fit, exponent {s.decay}"
                    _line(panel, s.decay, s.fit_range, s.scale, colour, label)
        _legend(panel, "upper right")
    _save(figure, path)


def plot_errors(path: Path, title: str, found: Mapping[str, Sequence[Spectrum]]) -> None:
    """Draw mean absolute error and mean KL of the best approximations against their rank, log-log.

    Args:
        path: of the SVG file.
        title: above the panels.
        found: as for :func:`plot_values`.
    """
    figure, panels = _panels(title, 2, "rank r", "")
    for panel, label, read in zip(
        panels,
        ("mean absolute error of an entry, nats", "mean KL, nats"),
        (_absolute, _divergence),
        strict=True,
    ):
        panel.set_ylabel(label)
        for (name, spectra), colour in zip(found.items(), COLOURS, strict=False):
            for removed in (False, True):
                chosen = [s for s in spectra if s.offset_removed == removed]
                for place, s in enumerate(chosen):
                    shown = _positive(
                        [a.rank for a in s.approximations], [read(a) for a in s.approximations]
                    )
                    if not shown:
                        continue
                    panel.plot(
                        *shown,
                        color=colour,
                        alpha=1 / (1 + place),
                        ls="--" if removed else "-",
                        marker="o" if place == 0 else None,
                        ms=3,
                        label=f"{name}, {OFFSETS[removed]}, {s.histories} x {s.stems}",
                    )
    curves = panels[0].get_legend_handles_labels()
    lines: list[Any] = []
    for (name, spectra), colour in zip(found.items(), COLOURS, strict=False):
        law = spectra[0].error_decay  # of the largest matrix as it is
        if law is not None:
            label = f"{name}, fit, exponent {law}"
            lines += _line(panels[0], law, spectra[0].fit_range, 1.0, colour, label)
    if lines:
        panels[0].legend(handles=lines, loc="lower left", fontsize="small")
    figure.legend(*curves, loc="outside lower center", ncols=2 * len(found), fontsize="small")
    _save(figure, path)


def plot_held_out(path: Path, title: str, found: Sequence[CutErrors]) -> None:
    """Draw Def 1.6's mean error on held-out data against rank, one curve with its band per cut.

    Args:
        path: of the SVG file.
        title: above the panel.
        found: the errors of each cut.
    """
    figure, panels = _panels(title, 1, "rank r", "mean absolute error held out, nats")
    for place, cut in enumerate(found):
        errors = [e for e in cut.errors if e.rank > 0 and e.largest > 0]
        ranks = [e.rank for e in errors]
        panels[0].plot(
            ranks,
            [e.largest for e in errors],
            marker="o",
            ms=3,
            color=f"C{place}",
            label=f"cut {cut.cut}",
        )
        panels[0].fill_between(
            ranks,
            [e.low for e in errors],
            [e.high for e in errors],
            color=f"C{place}",
            alpha=0.15,
            lw=0,
        )
    _legend(panels[0], "lower left")
    _save(figure, path)


def _line(
    panel: Any, law: PowerLaw, ranks: tuple[int, int], scale: float, colour: str, label: str
) -> Sequence[Any]:
    """Draw a fitted power law over a scale; return the line."""
    values = [law.factor * r**law.exponent / scale for r in ranks]
    drawn: Sequence[Any] = panel.plot(
        ranks, values, color="black", lw=1, ls=_dash(colour), label=label
    )
    return drawn


def _absolute(found: Approximation) -> float:
    return found.mean_absolute_error


def _divergence(found: Approximation) -> float:
    return found.mean_divergence


def _dash(colour: str) -> str:
    return "--" if colour == COLOURS[0] else ":"


def _positive(
    ranks: Sequence[int], values: Sequence[float]
) -> tuple[Sequence[int], Sequence[float]] | None:
    """Return what a logarithmic axis can show: positive ranks, values that are not negligible."""
    floor = 1e-9 * max(values, default=0.0)
    points = [(r, v) for r, v in zip(ranks, values, strict=True) if r > 0 and v > floor]
    return ([r for r, _ in points], [v for _, v in points]) if points else None


def _panels(title: str, many: int, along: str, up: str) -> tuple[Any, Sequence[Any]]:
    figure = importlib.import_module("matplotlib.figure").Figure(
        figsize=(5.5 * many + 1.5, 5), layout="constrained"
    )
    panels = figure.subplots(1, many, squeeze=False, sharey=bool(up))[0]
    figure.suptitle(title, parse_math=False, fontsize="large")
    for panel in panels:
        panel.set_xlabel(along)
        panel.set_xscale("log")
        panel.set_yscale("log")
        panel.grid(visible=True, which="major", color="0.9")
    panels[0].set_ylabel(up)
    return figure, panels


def _legend(panel: Any, place: str) -> None:
    if panel.get_legend_handles_labels()[0]:
        panel.legend(loc=place, fontsize="small")


def _save(figure: Any, path: Path) -> None:
    with importlib.import_module("matplotlib").rc_context(SETTINGS):
        figure.savefig(path, format="svg", metadata=METADATA)
