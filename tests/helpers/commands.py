"""The command ``llr`` in the tests' own process."""

from __future__ import annotations

import json

from click.testing import CliRunner

from llr.cli import main


def call(*arguments, code=0):
    """Run a command that must end with this exit code; nothing else may go wrong."""
    result = CliRunner().invoke(main, [str(a) for a in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == code, result.output
    return result


def json_of(*arguments, code=0):
    """Run a command with --json: one JSON value on one line, and nothing on standard error."""
    result = call(*arguments, "--json", code=code)
    assert result.stderr == ""
    assert result.stdout.endswith("\n")
    assert result.stdout.count("\n") == 1
    return json.loads(result.stdout)
