"""JSON files: models to and from text, validated on the way in; nothing in a file can run code.

An ISAN file, format 1::

    {"format": 1, "kind": "isan", "alphabet_size": k, "horizon": T, "logit_unit": "nat" | "ln q",
     "initial_state": ["1", "-2/3"],
     "transitions": [[A_1 of token 0, A_1 of token 1, ...], ...],   (T - 1 or T steps, d x d)
     "readouts": [B_1, ..., B_T]}                                   (k x d)

With ``"stationary": true`` there is one step and one readout, the same for all t.

Rationals are strings ``-?\\d+(/\\d+)?``.  With ``"arithmetic": "float64"`` they are JSON numbers.
Learned models have the kind ``"learned"`` (see :mod:`llr.learning.learned`).
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from hashlib import sha256
from itertools import count
from pathlib import Path
from stat import S_ISDIR, S_ISREG
from typing import Any

from llr.errors import InputError, ShownAs
from llr.models.base import LanguageModel, UniformModel, check_list, check_size
from llr.models.isan import Isan
from llr.numbers.arithmetic import EXACT, Arithmetic, named
from llr.numbers.units import LogitUnit

FORMAT = 1
MAX_BYTES = 64 * 1024 * 1024
MAX_DEPTH = 32


def read_json(path: str | Path) -> Any:
    """Return the JSON value in a file.

    Raises:
        InputError: no such file, over 64 MB, nested deeper than 32, not UTF-8 or not JSON.
    """
    return parse_json(read_text(path), str(path))


def read_text(path: str | Path) -> str:
    """Return the text in a file.

    Raises:
        InputError: no such file, over 64 MB or not UTF-8.
    """
    name = str(path)
    try:
        status = Path(path).stat()
        if status.st_size > MAX_BYTES:
            raise InputError(name, ShownAs(f"{status.st_size} bytes"), f"at most {MAX_BYTES} bytes")
        if not (S_ISREG(status.st_mode) or S_ISDIR(status.st_mode)):
            raise InputError(name, ShownAs("a device"), "a readable file")
        data = Path(path).read_bytes()
    except (OSError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        reason = getattr(error, "strerror", None) or error
        raise InputError(name, ShownAs(reason), "a readable file") from None
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise InputError(name, ShownAs("other bytes"), "UTF-8 text") from None


def contents(target: str) -> dict[str, str]:
    """Return what a target that is a file says: another file of that name is another target."""
    try:
        return {"sha256": sha256(Path(target).read_bytes()).hexdigest()}
    except (OSError, ValueError):
        return {}


def parse_json(written: str, name: str) -> Any:
    """Return the JSON value that a text is.

    Raises:
        InputError: naming ``name``: nested deeper than 32, or not JSON.
    """
    _check_depth(written, name)
    try:
        return json.loads(written, parse_constant=_refuse_constant)
    except ValueError as error:
        raise InputError(name, ShownAs(error), "a JSON file") from None


def write_json(path: str | Path, value: object) -> None:
    """Write a JSON file whole or not at all.

    Raises:
        InputError: the folder is missing, the file cannot be written, or is no plain file.
    """
    write_text(path, json.dumps(value, indent=1, allow_nan=False) + "\n", "out")


def write_text(path: str | Path, written: str, argument: str) -> None:
    """Write a text file whole or not at all.

    Raises:
        InputError: naming ``argument``: the folder is missing, the file cannot be written, or is
            no plain file.
    """
    check_writable(path, argument)
    temporary: Path | None = None
    try:
        handle, temporary = _new_file(Path(path).parent)
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(written)
        os.replace(temporary, path)
    except OSError as error:
        raise InputError(
            argument, str(path), f"a file that can be written ({error.strerror})"
        ) from None
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def _new_file(folder: Path) -> tuple[int, Path]:
    """Create a file that was not there, with the usual permissions; return its handle and name."""
    for attempt in count():
        name = folder / f".{os.getpid()}-{attempt}.part"
        with suppress(FileExistsError):
            return os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666), name
    raise AssertionError


def check_writable(path: str | Path, argument: str) -> None:
    """Raise InputError unless ``path`` is a plain file, or can become one in its folder."""
    folder = Path(path).parent
    plain = True
    try:
        if not Path(path).name:
            raise InputError(argument, str(path), "a file that can be written")
        if not folder.is_dir():
            raise InputError(argument, str(path), "in a folder that exists")
        exists = os.path.lexists(path)
        plain = not exists or S_ISREG(os.lstat(path).st_mode)
        if not exists:
            Path(path).stat()
    except FileNotFoundError:
        pass
    except (OSError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(argument, str(path), "a file that can be written") from None
    if not plain or not os.access(folder, os.W_OK):
        raise InputError(argument, str(path), "a file that can be written")


def header(model: LanguageModel, kind: str) -> dict[str, Any]:
    """Return the fields that every model file begins with."""
    found: dict[str, Any] = {
        "format": FORMAT,
        "kind": kind,
        "alphabet_size": model.alphabet_size,
        "horizon": model.horizon,
        "logit_unit": str(model.unit),
    }
    if model.arithmetic is not EXACT:
        found["arithmetic"] = model.arithmetic.name
    return found


def isan_to_json(model: Isan) -> dict[str, Any]:
    """Return the ISAN as a JSON value."""
    write = model.arithmetic.to_json

    def grid(m: Any) -> list[list[str | float]]:
        return [[write(x) for x in row] for row in model.arithmetic.rows(m)]

    steps, readouts = model.transitions, model.readouts
    shared = len(steps) > 1 and len({id(x) for x in steps}) == len({id(x) for x in readouts}) == 1
    if shared:
        steps, readouts = steps[:1], readouts[:1]
    return (
        header(model, "isan")
        | ({"stationary": True} if shared else {})
        | {
            "initial_state": [write(x) for x in model.initial_state],
            "transitions": [[grid(a) for a in step] for step in steps],
            "readouts": [grid(b) for b in readouts],
        }
    )


def parse_header(
    value: Mapping[str, Any], extra: frozenset[str]
) -> tuple[int, int, LogitUnit, Arithmetic]:
    """Return alphabet size, horizon, unit and arithmetic of a model file, checking its fields.

    Raises:
        InputError: a field is missing, unknown or wrong.
    """
    known = {"format", "kind", "alphabet_size", "horizon", "logit_unit", "arithmetic"} | extra
    for field in sorted(({"alphabet_size", "horizon", "logit_unit"} | extra) - set(value)):
        raise InputError(field, ShownAs("missing"), "present in the file")
    for field in sorted(set(value) - known):
        raise InputError(field, value[field], "absent: no such field in this kind of file")
    if type(value.get("format", FORMAT)) is not int or value.get("format", FORMAT) != FORMAT:
        raise InputError("format", value["format"], f"{FORMAT}")
    return (
        check_size(value["alphabet_size"], 2, "alphabet_size"),
        check_size(value["horizon"], 1, "horizon"),
        LogitUnit.parse(value["logit_unit"]),
        named(value.get("arithmetic", "exact")),
    )


def isan_from_json(value: Mapping[str, Any]) -> Isan:
    """Return the ISAN that a JSON value describes.

    Raises:
        InputError: a field is missing, unknown or wrong; the message names it.
    """
    stationary = value.get("stationary", False)
    if not isinstance(stationary, bool):
        raise InputError("stationary", stationary, "true or false")
    rest = {name: x for name, x in value.items() if name != "stationary"}
    extra = frozenset({"initial_state", "transitions", "readouts"})
    k, horizon, unit, arithmetic = parse_header(rest, extra)
    transitions, readouts = value["transitions"], value["readouts"]
    if stationary:
        step = check_list(transitions, "transitions", "a list of one step", 1)[0]
        readout = check_list(readouts, "readouts", "a list of one matrix", 1)[0]
        transitions, readouts = [step] * (horizon - 1), [readout] * horizon
    return Isan(k, horizon, value["initial_state"], transitions, readouts, unit, arithmetic)


def uniform_to_json(model: UniformModel) -> dict[str, Any]:
    """Return the uniform model as a JSON value."""
    return header(model, "uniform")


def uniform_from_json(value: Mapping[str, Any]) -> UniformModel:
    """Return the uniform model that a JSON value describes."""
    k, horizon, unit, _ = parse_header(value, frozenset())
    return UniformModel(k, horizon, unit)


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is not a number")


def _check_depth(written: str, name: str) -> None:
    depth, in_string, escaped = 0, False, False
    for character in written:
        if in_string:
            if escaped:
                escaped = False
            elif character == "\\":
                escaped = True
            elif character == '"':
                in_string = False
        elif character == '"':
            in_string = True
        elif character in "[{":
            depth += 1
            if depth > MAX_DEPTH:
                raise InputError(
                    name, ShownAs("deeper nesting"), f"nested at most {MAX_DEPTH} deep"
                )
        elif character in "]}":
            depth -= 1
