"""`vigie dashboard`: Grafana dashboards over Vigie's own metrics."""
# ruff: noqa: PLC0415 - imports inside functions: see vigie.cli.entry

from pathlib import Path
from typing import Annotated

import typer

from vigie.cli.ending import CannotRun
from vigie.cli.output import Format, FormatOption, facts, lines

app = typer.Typer(help="Grafana dashboards.", no_args_is_help=True)


@app.callback()
def group() -> None:
    """Grafana dashboards."""


@app.command()
def build(
    out: Annotated[Path, typer.Option(help="The folder to write to.")] = Path("grafana"),
    output: FormatOption = Format.TEXT,
) -> None:
    """Write the dashboards as JSON files."""
    from dashboards.build import build as write

    try:
        paths = [str(path) for path in write(out)]
    except OSError as error:
        raise CannotRun(f"{out}: error: cannot be written: {error}") from error
    if output is Format.JSON:
        facts({"dashboards": paths})
    else:
        lines(paths)
