"""Statements and instances set for reading: plain text and objects in, HTML out, all escaped."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import fields, is_dataclass
from html import escape
from typing import Any

from flint import fmpq

from llr.models.base import TabulatedModel, words
from llr.models.isan import Isan
from llr.models.markov import HiddenMarkovModel
from llr.numbers.rational import text
from llr.numbers.units import LogitUnit

GREEK = {
    "alpha": "α",
    "gamma": "γ",
    "delta": "δ",
    "Delta": "Δ",
    "epsilon": "ε",
    "eps": "ε",
    "zeta": "ζ",
    "eta": "η",
    "lam": "λ",
    "Lam": "Λ",
    "xi": "ξ",
    "sigma": "σ",
    "tau": "τ",
    "phi": "φ",
}
HATS = {"Lhat": "L̂", "fhat": "f̂", "Lh": "Lh", "Fh": "Fh"}
OPERATORS = {"sum": "∑", "prod": "∏", "sqrt": "√"}
UPRIGHT = {"E"}
"""One-letter words that are no variables: the expectation."""

SYMBOLS = {"<=": "≤", ">=": "≥", "!=": "≠", "->": "→", "||": "∥", "..": "…", "<": "⟨", ">": "⟩"}

_SHORT = "|".join([*GREEK, "[A-Za-z]"])
_PIECES = re.compile(
    r"\^\((?P<raised>(?:[^()]|\([^()]*\))*)\)"
    r"|\^(?P<power>-?\w+)"
    r"|_\{(?P<braced>[^{}]*)\}"
    r"|_(?P<index>\w+)"
    r"|(?P<product><[^<>=]*,[^<>=]*>)"
    r"|(?P<symbol><=|>=|!=|->|\|\||\.\.)"
    rf"|(?P<minus>(?<= )-(?= )|(?<![A-Za-z][A-Za-z])-(?=\d|(?:{_SHORT})(?![A-Za-z])))"
    r"|(?P<logarithm>log2(?=\())"
    r"|(?P<word>[A-Za-z]+)(?P<prime>'(?![A-Za-z]))?"
    r"|(?P<quote>'[A-Za-z]*)"
)


def statement(written: str) -> str:
    """Return a statement as HTML: indices, powers, Greek letters, signs and italic variables.

    >>> statement("2^-m <= sum_{s=2..t} x_s")
    '2<sup>−<var>m</var></sup> ≤ ∑<sub><var>s</var>=2…<var>t</var></sub> <var>x</var><sub><var>s</var></sub>'
    """  # noqa: E501
    return _set(written, inner=False)


def _set(written: str, inner: bool) -> str:
    """Set a text; ``inner`` if it is an index or a power, where a lone "a" is a variable."""
    found, end = [], 0
    for piece in _PIECES.finditer(written):
        found += [escape(written[end : piece.start()]), _piece(piece, written, inner)]
        end = piece.end()
    return "".join([*found, escape(written[end:])])


def _piece(piece: re.Match[str], written: str, inner: bool) -> str:
    kind = piece.lastgroup
    content = piece.group(kind) if kind else ""
    if kind in ("raised", "power"):
        return f"<sup>{_set(content, inner=True)}</sup>"
    if kind in ("braced", "index"):
        return f"<sub>{'∞' if content == 'inf' else _set(content, inner=True)}</sub>"
    if kind == "product":
        return f"⟨{_set(content[1:-1], inner)}⟩"
    if kind == "symbol":
        return SYMBOLS[content]
    if kind == "minus":
        return "−"
    if kind == "logarithm":
        return "log<sub>2</sub>"
    if kind == "quote":
        return "’" + content[1:]
    word, prime = piece.group("word"), piece.group("prime")
    rest = written[piece.end() :]
    before = written[piece.start() - 1 : piece.start()]
    if word in OPERATORS and not re.match(r" (of|over|to)\b", rest):
        return OPERATORS[word]
    if before.isdigit() and word.isupper():
        return "".join(f"<var>{letter}</var>" for letter in word)
    variable = HATS.get(word) or GREEK.get(word)
    article = word == "a" and not inner and before in ("", " ") and rest[:1] in ("", " ")
    if len(word) == 1 and word not in UPRIGHT and not article:
        variable = word
    if variable is None:
        return escape(word) + ("’" if prime else "")
    return f"<var>{variable}</var>" + ("′" if prime else "")


# -- instances ----------------------------------------------------------------------------------

NAMES = {
    "alphabet_size": "k",
    "horizon": "T",
    "epsilon": "epsilon",
    "delta": "delta",
    "eta": "eta",
    "xi": "xi",
    "phi": "phi",
    "fhat": "fhat",
    "epochs": "K",
    "draws": "N",
}
"""What fields are called in print; others keep their names."""

MOST_ROWS = 31
"""A table of logits is cut off after so many prefixes."""


def instance(value: Any) -> str:
    """Return an instance of a claim as HTML: numbers, vectors, matrices, models, named fields."""
    if isinstance(value, fmpq) or type(value) is int:
        return _number(value)
    if isinstance(value, LogitUnit):
        return escape(f"unit {value}")
    if isinstance(value, Isan):
        return _isan(value)
    if isinstance(value, TabulatedModel):
        return _tabulated(value)
    if isinstance(value, HiddenMarkovModel):
        laws = [("initial", _matrix([value.initial]))]
        laws += [("transitions", _matrix(value.transitions))]
        laws += [("emissions", _matrix(value.emissions))]
        return _model("Hidden Markov model", value, laws)
    if isinstance(value, tuple | list):
        rows = [row for row in value if isinstance(row, tuple | list)]
        if len(value) > 1 and len(rows) == len(value) and _is_matrix(rows):
            return _matrix(rows)
        left, right = ("(", ")") if isinstance(value, tuple) else ("[", "]")
        return left + ", ".join(map(_nested, value)) + right
    if _named(value):
        name = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", type(value).__name__)
        parts = "".join(f"<span>{part}</span> " for part in _fields(value))
        return f'<span class="parts"><b>{escape(name)}</b> {parts}</span>'
    return statement(value if isinstance(value, str) else repr(value))


def _nested(value: Any) -> str:
    """Return an instance inside another, with its fields in parentheses."""
    if not _named(value):
        return instance(value)
    return f"<b>{escape(type(value).__name__)}</b>({', '.join(_fields(value))})"


def _named(value: Any) -> bool:
    """True for a dataclass that is shown by its fields; one with a form of its own shows that."""
    return is_dataclass(value) and bool(vars(type(value))["__dataclass_params__"].repr)


def _fields(value: Any) -> list[str]:
    return [
        f"{statement(NAMES.get(f.name, f.name.replace('_', ' ')))} = "
        f"{_nested(getattr(value, f.name))}"
        for f in fields(value)
    ]


def _number(value: fmpq | int) -> str:
    return text(fmpq(value)).replace("-", "−")


def _is_matrix(rows: Sequence[Sequence[Any]]) -> bool:
    widths = {len(row) for row in rows}
    flat = all(isinstance(x, fmpq) or type(x) is int for row in rows for x in row)
    return len(widths) == 1 and widths != {0} and flat


def _matrix(rows: Sequence[Sequence[Any]]) -> str:
    """Return a matrix in brackets; copied as text it is [1 0; 0 1]."""
    lines = [" ".join(_number(x) for x in row) for row in rows]
    if len(lines) == 1:
        return f"[{lines[0]}]"
    cells = "".join(
        "<tr>" + "".join(f"<td>{_number(x)}</td>" for x in row) + "</tr>" for row in rows
    )
    return f'<table class="matrix" role="presentation"><tbody>{cells}</tbody></table>'


def _model(kind: str, model: Any, parts: Sequence[tuple[str, str]]) -> str:
    """Return a model: its kind and sizes, then its parameters."""
    unit = "" if model.unit is None else f", unit {model.unit}"
    head = (
        f"<b>{escape(kind)}</b> <span><var>k</var> = {model.alphabet_size}, "
        f"<var>T</var> = {model.horizon}{escape(unit)}</span> "
    )
    shown = "".join(f"<span>{name} = {content}</span> " for name, content in parts)
    return f'<span class="parts">{head}{shown}</span>'


def _isan(model: Isan) -> str:
    """Return x_0, then A_t(y) and B_t; steps that are alike are written once."""
    rows = model.arithmetic.rows

    def grid(matrix: Any) -> str:
        found = [list(row) for row in rows(matrix)]
        if found and found[0] and all(x == 0 for row in found for x in row):
            return "0"
        if _is_identity(found):
            return "1" if len(found) == 1 else "<var>I</var>"
        return _matrix(found)

    readouts = [grid(b) for b in model.readouts]
    parts = [("<var>x</var><sub>0</sub>", _matrix([model.initial_state]))]
    for token in range(model.alphabet_size):
        steps = [grid(step[token]) for step in model.transitions]
        parts += [(f"<var>A</var><sub>{t}</sub>({token})", m) for t, m in _runs(steps)]
    parts += [(f"<var>B</var><sub>{t}</sub>", m) for t, m in _runs(readouts)]
    return _model(f"ISAN of dimension {len(model.initial_state)}", model, parts)


def _is_identity(rows: Sequence[Sequence[Any]]) -> bool:
    return all(
        len(row) == len(rows) and all(x == (i == j) for j, x in enumerate(row))
        for i, row in enumerate(rows)
    )


def _runs(items: Sequence[str]) -> list[tuple[str, str]]:
    """Return equal neighbours as one item with its range of places, counted from 1."""
    found: list[tuple[int, int, str]] = []
    for place, item in enumerate(items, 1):
        if found and found[-1][2] == item:
            found[-1] = (found[-1][0], place, item)
        else:
            found.append((place, place, item))
    return [(str(a) if a == b else f"{a}…{b}", item) for a, b, item in found]


def _tabulated(model: TabulatedModel) -> str:
    """Return the rows of logits, prefix by prefix."""
    k = model.alphabet_size
    prefixes = [p for t in range(model.horizon) for p in words(k, t)]
    separator = "" if k <= 10 else " "
    parts = [
        (
            "<var>L</var>(" + (separator.join(map(str, p)) + ".·" if p else "·") + ")",
            "(" + ", ".join(_number(x) for x in model.read(p)) + ")",
        )
        for p in prefixes[:MOST_ROWS]
    ]
    if len(prefixes) > MOST_ROWS:
        parts.append(("…", f"{len(prefixes) - MOST_ROWS} more"))
    return _model("Table of logits", model, parts)
