"""The ``llr`` command: the composition root.

Other packages add their commands through the entry-point group ``llr.commands``.
"""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import Any

import click

import llr
from llr.commands.check import check
from llr.commands.compare import compare
from llr.commands.distance import distance
from llr.commands.learn import learn
from llr.commands.lingen import lingen
from llr.commands.rank import rank
from llr.commands.sample import sample
from llr.commands.spectrum import spectrum
from llr.commands.surrogate import surrogate
from llr.commands.sweep import sweep
from llr.commands.targets import targets
from llr.errors import LlrError
from llr.interrupts import interruptible
from llr.screen import INTERRUPTED

OWN = (check, compare, distance, learn, lingen, rank, sample, spectrum, surrogate, sweep, targets)


class Commands(click.Group):
    """A group that finds commands in installed packages and turns errors into exit codes."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands."""
        return sorted({*super().list_commands(ctx), *(p.name for p in self._plugins())})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command of this module or of an installed package."""
        own = super().get_command(ctx, cmd_name)
        if own is not None:
            return own
        for point in self._plugins():
            if point.name == cmd_name:
                found: click.Command = point.load()
                return found
        return None

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; 2 for bad input, 3 for an interrupt."""
        try:
            with interruptible():
                return super().invoke(ctx)
        except LlrError as error:
            raise click.UsageError(str(error), self._invoked(ctx)) from None
        except KeyboardInterrupt:
            click.echo("interrupted; the same command starts over", err=True)
            ctx.exit(INTERRUPTED)

    def _invoked(self, ctx: click.Context) -> click.Context:
        """Return the context of the command that was run."""
        name = ctx.invoked_subcommand
        command = None if name is None else self.get_command(ctx, name)
        return ctx if command is None else click.Context(command, ctx, name)

    @staticmethod
    def _plugins() -> Any:
        return entry_points(group="llr.commands")


@click.group(cls=Commands, commands=OWN, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(llr.__version__, prog_name="llr")
def main() -> None:
    """Low logit rank, executable: learn language models from logit queries, exactly."""
