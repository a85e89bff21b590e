"""How commands ask: through a journal that remembers (``--journal``) and a budget."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

import click
from rich.console import Console

from llr import __version__
from llr.errors import BudgetError, OracleError
from llr.models.base import LanguageModel
from llr.models.files import contents
from llr.numbers.arithmetic import FLOAT64, Arithmetic
from llr.oracles.budget import Budget
from llr.oracles.journal import Journal
from llr.oracles.protocol import LogitOracle, model_oracle
from llr.oracles.real import RealModel
from llr.screen import INTERRUPTED, parse_integer

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
    """What stands between a command and all oracles that it asks."""

    def __init__(self, journal: Journal | None, budget: Budget | None) -> None:
        self._journal, self._budget = journal, budget

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
        """Return what came from the journal, as fields of a JSON object; none without one."""
        if self._journal is None:
            return {}
        counts = {"asked": self._journal.asked, "remembered": self._journal.remembered}
        return {"journal": counts}

    def _wrapped(
        self, oracle: LogitOracle, identity: Mapping[str, Any], k: int, numbers: Arithmetic
    ) -> LogitOracle:
        if self._budget is not None:
            oracle = self._budget.oracle(oracle)
        if self._journal is not None:
            oracle = self._journal.oracle(oracle, identity, k, numbers)
        return oracle


@contextmanager
def opened(journal: str | None, max_calls: str | None) -> Iterator[Asking]:
    """Open the journal and the budget of a command.

    A spent budget or an interrupt ends the command with exit code 3 and a word on how to resume.
    """
    budget = None if max_calls is None else Budget(parse_integer(max_calls, "--max-calls"))
    file = None if journal is None else Journal(journal)
    try:
        yield Asking(file, budget)
    except (BudgetError, KeyboardInterrupt) as stop:
        why = "interrupted" if isinstance(stop, KeyboardInterrupt) else f"stopped: {stop}"
        _say(f"{why}; {_how_to_resume(file)}")
        raise SystemExit(INTERRUPTED) from None
    except OracleError:
        if file is not None:
            _say(_how_to_resume(file))
        raise
    finally:
        if file is not None:
            file.close()


@contextmanager
def asking(
    model: LanguageModel,
    numbers: Arithmetic,
    identity: Mapping[str, Any],
    journal: str | None,
    max_calls: str | None,
    oracle: LogitOracle | None = None,
) -> Iterator[LogitOracle]:
    """Open journal and budget, and yield the one oracle of a command; see :class:`Asking`."""
    with opened(journal, max_calls) as found:
        yield found.oracle(model, numbers, identity, oracle)


def _how_to_resume(file: Journal | None) -> str:
    if file is not None:
        return f"{len(file):,} answers are in {file.path}: the same command goes on from there"
    return (
        "no answers were kept: the same command with the same seed starts over; "
        "with --journal FILE it would go on"
    )


def _say(message: str) -> None:
    Console(stderr=True).print(message, markup=False, highlight=False, soft_wrap=True)
