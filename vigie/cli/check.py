"""`vigie slo`: the commands about SLO files."""

from pathlib import Path
from typing import Annotated

import typer

from vigie.cli.lint import read, run, summary

__all__ = ["Paths", "app", "read", "summary"]

app = typer.Typer(help="SLO files.", no_args_is_help=True)

Paths = Annotated[
    list[Path],
    typer.Argument(help="Files and folders; a folder with a vigie.yaml stands for its files."),
]


@app.command(
    add_help_option=False,
    context_settings={
        "allow_extra_args": True,
        "ignore_unknown_options": True,
        "allow_interspersed_args": False,
    },
)
def check(context: typer.Context) -> None:
    """Read files as `serve` would, and print every problem as path:line:col."""
    raise typer.Exit(run(context.args))  # `vigie.cli` itself goes there past typer
