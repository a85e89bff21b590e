"""The results of a run as one self-contained page: no scripts, nothing loaded from elsewhere.

The same results give the same bytes: times are left out.  Needs Jinja2 (the extra ``llr[report]``).
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from flint import fmpq

from llr.errors import InputError
from llr.models.files import check_writable, write_text
from llr.numbers.rational import parse
from properties.claim import GRADES
from properties.instances import decode
from properties.results import Results, Value, is_false, passed, ratio, short_source, worst
from properties.svg import Curve, bars, chart
from properties.typeset import instance, statement

TEMPLATE = Path(__file__).parent / "templates" / "report.html"

ABOUT_GRADES = {
    "exhaustive": "all instances up to a size",
    "exact law": "all random choices enumerated",
    "searched": "instances drawn by a guided search",
    "statistical": "an exact sequential test watches independent runs",
}

NEAREST = 6
"""How many claims that come close to equality the first answer shows."""

HARDEST = 8
"""How many of the twins that survived longest are listed."""

TRIES = ((1, "1"), (10, "2–10"), (100, "11–100"), (1000, "101–1,000"), (None, "more"))
"""Instances tried for a twin: upper ends and names."""


def check_page(path: str) -> None:
    """Raise InputError unless a page can be made and written, before any work is done."""
    _jinja(path)
    check_writable(path, "--html")


def write_page(results: Results, path: str) -> None:
    """Write the page of some results.

    Raises:
        InputError: Jinja2 is missing, or the file cannot be written.
    """
    write_text(path, page(results), "--html")


def page(results: Results) -> str:
    """Return the page of some results.

    Raises:
        InputError: Jinja2 is missing.
    """
    jinja = _jinja("page")
    markup = importlib.import_module("markupsafe").Markup

    def marked(function: Callable[..., str]) -> Callable[..., Any]:
        return lambda *arguments: markup(function(*arguments))

    environment = jinja.Environment(
        autoescape=True,
        undefined=jinja.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {
        "statement": marked(statement),
        "size": marked(size),
        "ratio": lambda v: ratio(worst(v)).replace("inf", "∞"),
        "passed": passed,
        "short": short_source,
        "number": lambda written: float(parse(written)),
    }
    environment.tests["passed"] = passed
    refuted = [v for v in results.verdicts if v["expected"] == "refuted"]
    written: str = environment.from_string(TEMPLATE.read_text(encoding="utf-8")).render(
        results=results,
        shown=marked(shown),
        bar=marked(bar),
        attained=[v for v in results.by_tightness if v["worst_ratio"] == 1],
        nearest=[v for v in results.by_tightness if v["worst_ratio"] < 1][:NEAREST],
        silent=[v for v in results.verdicts if v["slack"] is None],
        slips=[(v, corrected(v, results)) for v in refuted if is_false(v["source"])],
        strayed=[v for v in refuted if not is_false(v["source"])],
        grades=[
            (grade, ABOUT_GRADES[grade], [v for v in results.verdicts if v["grade"] == grade])
            for grade in GRADES
        ],
        spent=float(spent(results)),
        twins=marked(twins_chart)(results),
        hardest=hardest_twins(results),
        survivors=[(v, t) for v in results.verdicts for t in v["twins"] if not t["refuted"]],
        costs=None if results.queries is None else marked(costs_chart)(results.queries),
    )
    return written


def _jinja(value: str) -> Any:
    try:
        return importlib.import_module("jinja2")
    except ImportError:
        raise InputError("--html", value, 'used with Jinja2: pip install "llr[report]"') from None


# -- what the page says -------------------------------------------------------------------------


def corrected(verdict: Value, results: Results) -> list[Value]:
    """Return the corrected claims from the same place in the paper."""
    place = short_source(verdict["source"])
    same = (v for v in results.verdicts if short_source(v["source"]) == place)
    return [v for v in same if v["mark"] == "corrected"]


def spent(results: Results) -> fmpq:
    """Return how much of the error budget the claims of this run used."""
    shares = (parse(v["statistics"]["share_of_error_budget"]) for v in results.sampled)
    return sum(shares, fmpq(0))


def hardest_twins(results: Results) -> list[tuple[Value, Value]]:
    """Return the refuted twins that took most instances, with their claims."""
    found = [(v, t) for v in results.verdicts for t in v["twins"] if t["refuted"]]
    return sorted(found, key=lambda pair: -pair[1]["tried"])[:HARDEST]


def shown(verdict: Value) -> str:
    """Return the instance that tells most about a claim: the counterexample, or the worst."""
    kind = "counterexample" if verdict["counterexample"] else "worst"
    name = kind if kind == "counterexample" else "worst_instance"
    value = decode(verdict.get(f"{kind}_value"))
    if value is not None:
        return instance(value)
    return f"<code>{_escaped(verdict[name])}</code>" if verdict[name] else ""


def _escaped(written: str) -> str:
    found: str = importlib.import_module("markupsafe").escape(written)
    return found


# -- numbers and pictures -----------------------------------------------------------------------


def size(number: float) -> str:
    """Return a number >= 0 in two or three digits; integers below a million are whole.

    >>> size(4294967295), size(0.00000068)
    ('4.29&nbsp;×&nbsp;10<sup>9</sup>', '6.8&nbsp;×&nbsp;10<sup>−7</sup>')
    """
    if number == 0 or 1e-4 <= number < 10**6:
        return f"{number:,.0f}" if number == int(number) else f"{number:.4f}"
    rounded = Decimal(f"{Decimal(number):.{1 if number < 1 else 2}e}")
    power = str(rounded.adjusted()).replace("-", "−")
    return f"{rounded.scaleb(-rounded.adjusted())}&nbsp;×&nbsp;10<sup>{power}</sup>"


def bar(verdict: Value) -> str:
    """Return a ratio in [0, 1] as the length of a bar; decoration, the number stands beside it."""
    length = 100 * min(1.0, max(0.0, worst(verdict)))
    return (
        '<svg class="ratio" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">'
        '<rect class="track" width="100" height="8"/>'
        f'<rect class="bar" width="{length:.1f}" height="8"/></svg>'
    )


def twins_chart(results: Results) -> str:
    """Return how many instances were tried for the twins that were refuted."""
    tries = [t["tried"] for v in results.verdicts for t in v["twins"] if t["refuted"]]
    counts, low = [], 0
    for high, name in TRIES:
        counts.append((name, sum(low < n and (high is None or n <= high) for n in tries)))
        low = low if high is None else high
    told = "; ".join(f"{name} instances: {number} twins" for name, number in counts)
    return bars("chart-twins", "Instances tried for a twin, shrinking included", told + ".", counts)


COSTS = (
    ("printed_term", "leading term, printed", "printed", "cross"),
    ("tabulation", "tabulation", "tabulation", "square"),
    ("explicit_bound", "Theorem 5.11, explicit", "bound", "triangle"),
    ("algorithm_1", "Algorithm 1", "algorithm", "diamond"),
    ("all", "lean, with certificate", "certified", "circle"),
    ("learning", "lean, to learn", "lean", "circle"),
    ("counting_limit", "counting limit", "limit", "bar"),
)
"""Curves of the query chart: field of a point, label, style and marks."""


def costs_chart(queries: Value) -> str:
    """Return the calls of learners, limit, baseline and bounds against the horizon."""
    points: Sequence[Value] = [
        {**p, "all": p["learning"] + p["certifying"]} for p in queries["points"]
    ]
    lines = [
        Curve(label, style, shape, [(p["horizon"], p[key]) for p in points if p[key]])
        for key, label, style, shape in COSTS
    ]
    last = points[-1]
    told = ", ".join(f"{label} {last[key]:.3g}" for key, label, _, _ in COSTS if last[key])
    return chart(
        "chart-queries",
        "Prefixes asked against the horizon T, both axes logarithmic",
        f"At T = {last['horizon']}: {told}. The table below has all numbers.",
        "horizon T",
        "distinct prefixes asked",
        lines,
    )
