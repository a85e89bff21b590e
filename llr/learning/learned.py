"""Algorithm 2: the model Q that comes out of learning; it asks no oracle.

A learned model file, format 1::

    {"format": 1, "kind": "learned", "alphabet_size": k, "horizon": T, "logit_unit": ...,
     "cuts": [{"histories": [[...], ...], "futures": [[...], ...], "rows": [["1/2", ...], ...]}],
     "last_futures": [[0], [1], ...]}

with one cut for s = 1..max(1, T-1): its basis histories, Fh_s (one-token futures first), and one
row per history with an entry for each column of Ft_s: Fh_s, then a.f for every token a and every f
in Fh_{s+1} that is not in Fh_s already.  ``"relaxed": true`` says that programs are solved with the
least possible error instead of none.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llr.errors import InputError, ShownAs
from llr.learning.program import chain_program
from llr.learning.table import Cut, Table, extended_futures, one_token_futures
from llr.models.base import LanguageModel, State, Word, check_word
from llr.models.files import header, parse_header
from llr.numbers.arithmetic import Row
from llr.numbers.units import NAT, LogitUnit


class LearnedModel(LanguageModel):
    """The language model of a table: each next logit row comes from a chain program.

    Where the program is infeasible it emits uniform tokens to the end.

    Args:
        table: stored rows.
        unit: what a logit of 1 means.
        relaxed: take the solution that violates the program least; float64 only.

    Source: [P] Algorithm 2.
    """

    def __init__(self, table: Table, unit: LogitUnit = NAT, relaxed: bool = False) -> None:
        self.table = table
        self.relaxed = relaxed
        self.alphabet_size = table.alphabet_size
        self.horizon = table.horizon
        self.unit = unit
        self.arithmetic = table.arithmetic
        self.program = chain_program(table, relaxed)
        self._uniform: Row = (self.arithmetic.scalar(0),) * self.alphabet_size

    def start(self) -> State:
        """Return the state of the empty prefix."""
        return self.program.start()

    def step(self, state: State, token: int) -> State:
        """Return the state one token later."""
        return self.program.step(state, token)

    def read(self, state: State) -> Row:
        """Return the predicted logits, centred; zeros where the program is infeasible."""
        found = self.program.read(state)
        return self._uniform if found is None else self.arithmetic.centred(found)

    def represents(self, state: State) -> bool:
        """True if the chain program is feasible at this state."""
        return self.program.read(state) is not None


def learned_to_json(model: LearnedModel) -> dict[str, Any]:
    """Return the learned model as a JSON value."""
    write = model.arithmetic.to_json
    table = model.table
    return (
        header(model, "learned")
        | ({"relaxed": True} if model.relaxed else {})
        | {
            "cuts": [
                {
                    "histories": [list(h) for h in c.histories],
                    "futures": [list(f) for f in c.futures],
                    "rows": [[write(x) for x in row] for row in c.rows],
                }
                for c in table.cuts
            ],
            "last_futures": [list(f) for f in table.last_futures],
        }
    )


def learned_from_json(value: Mapping[str, Any]) -> LearnedModel:
    """Return the learned model that a JSON value describes.

    Raises:
        InputError: a field is missing, unknown or wrong; the message names it.
    """
    relaxed = value.get("relaxed", False)
    if not isinstance(relaxed, bool):
        raise InputError("relaxed", relaxed, "true or false")
    rest = {name: x for name, x in value.items() if name != "relaxed"}
    k, horizon, unit, arithmetic = parse_header(rest, frozenset({"cuts", "last_futures"}))
    cuts = _list(value["cuts"], "cuts")
    stored = max(1, horizon - 1)
    if len(cuts) != stored:
        raise InputError("cuts", ShownAs(f"a list of {len(cuts)}"), f"a list of {stored}")
    futures: list[tuple[Word, ...]] = []
    for s, cut in enumerate(cuts, start=1):
        name = f"cuts[{s - 1}]"
        if not isinstance(cut, dict) or set(cut) != {"histories", "futures", "rows"}:
            raise InputError(name, cut, "an object with histories, futures and rows")
        futures.append(_futures(cut["futures"], k, horizon - s + 1, f"{name}.futures"))
    last = _futures(value["last_futures"], k, 1, "last_futures")
    if horizon > 1:
        futures.append(last)
    found = []
    for s, cut in enumerate(cuts, start=1):
        name = f"cuts[{s - 1}]"
        following = futures[s] if s < len(futures) else ()
        columns = extended_futures(futures[s - 1], following, k)
        histories = tuple(
            _exactly(h, k, s - 1, f"{name}.histories")
            for h in _list(cut["histories"], f"{name}.histories")
        )
        rows = _list(cut["rows"], f"{name}.rows")
        if s == 1 and len(histories) != 1:
            raise InputError(f"{name}.histories", cut["histories"], "the empty history alone")
        if len(rows) != len(histories):
            count = ShownAs(f"a list of {len(rows)}")
            raise InputError(f"{name}.rows", count, f"a list of {len(histories)}")
        parsed = []
        for i, row in enumerate(rows):
            where = f"{name}.rows[{i}]"
            if len(_list(row, where)) != len(columns):
                raise InputError(
                    where, ShownAs(f"a list of {len(row)}"), f"a list of {len(columns)}"
                )
            parsed.append(tuple(arithmetic.scalar(x, f"{where}[{j}]") for j, x in enumerate(row)))
        found.append(Cut(histories, futures[s - 1], columns, tuple(parsed)))
    return LearnedModel(Table(k, horizon, tuple(found), last, arithmetic), unit, relaxed)


def _list(value: object, argument: str) -> list[Any]:
    if not isinstance(value, list):
        raise InputError(argument, value, "a list")
    return value


def _exactly(value: object, k: int, length: int, argument: str) -> Word:
    found = check_word(_list(value, argument), k, length, argument)
    if len(found) != length:
        raise InputError(argument, value, f"words of {length} tokens")
    return found


def _futures(value: object, k: int, longest: int, argument: str) -> tuple[Word, ...]:
    found = tuple(
        check_word(_list(f, argument), k, longest, argument) for f in _list(value, argument)
    )
    if found[:k] != one_token_futures(k) or () in found or len(set(found)) != len(found):
        raise InputError(argument, value, "different nonempty words, all one-token futures first")
    return found
