"""`vigie runbook`: are these runbooks good, and which are there?"""

import typer

from slo.load.yaml import LoadError
from vigie.cli.check import Paths, read, summary
from vigie.cli.output import Format, FormatOption, facts, lines, say, table

app = typer.Typer(help="Runbook files.", no_args_is_help=True)


@app.command()
def check(paths: Paths) -> None:
    """Read files as `serve` would, and print every problem as path:line:col."""
    try:
        config = read(paths)
    except LoadError as error:
        lines(str(problem) for problem in error.problems)
        raise typer.Exit(1) from None
    lines(str(warning) for warning in config.warnings)
    say(summary(config))


@app.command("list")
def list_(paths: Paths, output: FormatOption = Format.TEXT) -> None:
    """The runbooks in these files, and which incidents each is for."""
    rows = [
        {
            "name": book.name,
            "title": book.title,
            "mode": book.mode.value,
            "steps": [step.id for step in book.steps],
            "types": list(book.match.types),
            "services": list(book.match.services),
            "slos": list(book.match.slos),
            "labels": dict(book.match.labels),
        }
        for book in read(paths).runbooks
    ]
    if output is Format.JSON:
        facts({"items": rows, "next": None})
        return
    names = ("name", "mode", "types", "services", "title")
    table(names, ([_cell(row[name]) for name in names] for row in rows))


def _cell(value: object) -> str:
    return (", ".join(value) or "any") if isinstance(value, list) else str(value)
