"""``llr targets``: the families of targets."""

from __future__ import annotations

import click

from llr.models.targets import FAMILIES
from llr.oracles.sources import SOURCES
from llr.screen import json_option, print_json


@click.command()
@json_option
def targets(as_json: bool) -> None:
    """List the families of targets, their parameters and an example of each."""
    if as_json:
        print_json(
            [
                {
                    "family": f.name,
                    "summary": f.summary,
                    "parameters": [
                        {"name": p.name, "meaning": p.meaning, "default": p.default}
                        for p in f.parameters
                    ],
                    "example": f.example,
                }
                for f in (*FAMILIES.values(), *SOURCES.values())
            ]
        )
        return
    for f in (*FAMILIES.values(), *SOURCES.values()):
        click.echo(f"{f.name}: {f.summary}\n    {f.example}")
        for p in f.parameters:
            click.echo(
                f"    {p.name:6} {p.meaning}" + (f" (default {p.default})" if p.default else "")
            )
    click.echo("A TARGET may also be a JSON file with a model.")
