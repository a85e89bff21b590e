"""How commands ask: through a journal that remembers (``--journal``) and a budget."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar

import click
from flint import fmpq

from llr import __version__
from llr.errors import BudgetError, InputError, OracleError, ShownAs
from llr.models.base import LanguageModel
from llr.models.files import contents
from llr.numbers.arithmetic import FLOAT64, Arithmetic
from llr.numbers.rational import text
from llr.oracles.budget import Budget
from llr.oracles.journal import Journal
from llr.oracles.protocol import LogitOracle, model_oracle
from llr.oracles.real import RealModel
from llr.screen import INTERRUPTED, parse_integer, progress, say
from llr.storage import target

Command = TypeVar("Command", bound=Callable[..., Any])


def oracle_options(command: Command) -> Command:
    """Add ``--journal`` and ``--max-calls`` to a command that asks an oracle."""
    journal = click.option(
        "--journal",
        default=None,
        metavar="FILE",
        help="Keep every answer in FILE; what it holds is not asked again.",
    )
    calls = click.option(
        "--max-calls", default=None, metavar="N", help="Stop before more than N prefixes are asked."
    )
    return journal(calls(command))


class Asking:
    """What stands between a command and all oracles that it asks.

    Args:
        journal: asked for, or None.
        budget: of all oracles together; counts what is asked.
        spare: name of the journal that is kept unasked for answers that a server gave; None: none.
    """

    def __init__(self, journal: Journal | None, budget: Budget, spare: str | None = None) -> None:
        self._wanted = journal is not None
        self._spare = spare
        self._budget = budget
        self.journal = journal

    def counts(self) -> tuple[int, int]:
        """Return how many prefixes were asked, and how many a journal remembered."""
        return self._budget.spent, 0 if self.journal is None else self.journal.remembered

    def oracle(
        self,
        model: LanguageModel,
        numbers: Arithmetic,
        identity: Mapping[str, Any],
        oracle: LogitOracle | None = None,
    ) -> LogitOracle:
        """Return the oracle to be asked about a model.

        Args:
            model: a real one asks through the result from now on, whatever it is asked for.
            numbers: arithmetic of the answers.
            identity: "target", as written, and what else fixes the answers; a real model has its
                own.
            oracle: who answers; None: the model's own oracle.
        """
        if isinstance(model, RealModel):
            v = model.source.vocabulary_size
            # who answers so many at a time is a server: its answers may have been paid for
            served = getattr(model.source, "at_once", None) is not None
            if self.journal is None and served and self._spare is not None:
                self.journal = _spare_journal(self._spare)

            def wrap(plain: LogitOracle, own: Mapping[str, Any]) -> LogitOracle:
                k = v if own["tokens"] == "all" else len(own["tokens"])
                return self._wrapped(plain, own, k, FLOAT64)

            model.through(wrap)
            return model.oracle
        whole = {
            **identity,
            **contents(str(identity.get("target", ""))),
            "arithmetic": numbers.name,
            "llr": __version__,
        }
        plain = model_oracle(model, numbers) if oracle is None else oracle
        return self._wrapped(plain, whole, model.alphabet_size, numbers)

    def as_json(self) -> dict[str, Any]:
        """Return what came from the journal that was wanted, as fields of a JSON object."""
        if self.journal is None or not self._wanted:
            return {}
        counts = {"asked": self.journal.asked, "remembered": self.journal.remembered}
        return {"journal": counts}

    def close(self, done: bool) -> None:
        """Let go of the journal; one that nobody wanted goes with the last need of it.

        Args:
            done: whether all that was to be asked has been.
        """
        if self.journal is None:
            return
        needed = self._wanted or not (done or len(self.journal) == 0)
        self.journal.close()
        if not needed:
            for end in ("", "-wal", "-shm"):
                Path(self.journal.path + end).unlink(missing_ok=True)

    def _wrapped(
        self, oracle: LogitOracle, identity: Mapping[str, Any], k: int, numbers: Arithmetic
    ) -> LogitOracle:
        oracle = self._budget.oracle(oracle)
        if self.journal is not None:
            oracle = self.journal.oracle(oracle, identity, k, numbers)
        return oracle


@contextmanager
def opened(journal: str | None, max_calls: str | None) -> Iterator[Asking]:
    """Open the journal and the budget of a command.

    A spent budget or an interrupt ends the command with exit code 3 and a word on how to resume.
    What a server answers is kept until the command has ended well, journal or not.
    """
    limit = None if max_calls is None else parse_integer(max_calls, "--max-calls")
    file = None if journal is None else Journal(journal)
    found = Asking(file, Budget(limit), _spare_name())
    done = False
    try:
        yield found
        done = True
    except (BudgetError, KeyboardInterrupt) as stop:
        why = "interrupted" if isinstance(stop, KeyboardInterrupt) else f"stopped: {stop}"
        say(f"{why}; {_how_to_resume(found.journal)}")
        raise SystemExit(INTERRUPTED) from None
    except OracleError:
        if found.journal is not None:
            say(_how_to_resume(found.journal))
        raise
    finally:
        found.close(done)


def opened_target(written: str) -> LanguageModel:
    """Return the model that TARGET names; loading a real one may take long."""
    with progress(f"loading {written}"):
        return target(written)


def restriction(model: LanguageModel) -> dict[str, Any]:
    """Return what a real model is restricted to, as fields of a JSON object; none for others."""
    return {"restricted": model.description()} if isinstance(model, RealModel) else {}


def oracle_identity(target: str, noise: str, xi: fmpq, seed: int) -> dict[str, Any]:
    """Return what fixes the answers of the oracle that a target is seen through."""
    if noise == "none":
        return {"target": target}
    return {"target": target, "noise": noise, "xi": text(xi), "seed": seed}


def journal_rows(value: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the row of a table on the journal of a JSON object; none without one."""
    if "journal" not in value:
        return []
    shown = ", ".join(f"{value['journal'][x]:,}" for x in ("asked", "remembered"))
    return [("journal: asked, remembered", shown)]


def _spare_journal(name: str) -> Journal:
    """Return the journal of this name, or raise InputError that asks for another."""
    try:
        return Journal(name)
    except InputError as error:
        why = f"given, since {name} of this folder cannot be used ({error})"
        raise InputError("--journal", ShownAs("left out"), why) from None


def _spare_name() -> str | None:
    """Return the file name that belongs to the command that runs; None outside of one."""
    context = click.get_current_context(silent=True)
    if context is None:
        return None
    passing = ("journal", "max_calls", "as_json")
    kept = {name: value for name, value in context.params.items() if name not in passing}
    what = json.dumps([context.info_name, kept], sort_keys=True)
    return f"llr-{sha256(what.encode()).hexdigest()[:12]}.journal"


def _how_to_resume(file: Journal | None) -> str:
    if file is not None:
        return f"{len(file):,} answers are in {file.path}: the same command goes on from there"
    return "no answers were kept: the same command starts over; with --journal FILE it would go on"
