"""The program `vigie`: its commands, and how an ending becomes an exit status.

A command imports what it runs when it runs, so that none pays for the server; that is why the
modules of this package import inside functions. `vigie slo check` does not even come here.
"""
# ruff: noqa: PLC0415 - see above

import sys
from typing import Annotated

import typer

from slo.load.yaml import LoadError
from vigie.cli import (
    backtest,
    check,
    convert,
    dashboards,
    db,
    demo,
    diff,
    doctor,
    gate,
    incidents,
    init,
    report,
    rules,
    runbooks,
    schema,
    serve,
    suggest,
    tokens,
    users,
)
from vigie.cli.ending import Ending
from vigie.cli.output import say

app = typer.Typer(
    name="vigie",
    help="SLOs as YAML to paged incidents, runbooks and Grafana dashboards.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.command("demo")(demo.demo)
app.command("init")(init.init)
app.command("serve")(serve.serve)
app.command("doctor")(doctor.doctor)
app.command("schema")(schema.schema)
check.app.command("report")(report.report)
check.app.command("rules")(rules.rules)
check.app.command("backtest")(backtest.backtest)
check.app.command("suggest")(suggest.suggest)
check.app.command("diff")(diff.diff)
check.app.command("convert")(convert.convert)
check.app.command("gate")(gate.gate)
app.add_typer(check.app, name="slo")
app.add_typer(runbooks.app, name="runbook")
app.add_typer(incidents.app, name="incident")
app.add_typer(dashboards.app, name="dashboard")
app.add_typer(db.app, name="db")
app.add_typer(users.app, name="user")
app.add_typer(tokens.app, name="token")


def main() -> None:
    """Run the command line and exit: 0 done, 1 the answer is no, 2 could not run."""
    try:
        app()
    except LoadError as error:
        for problem in error.problems:
            say(str(problem))
        sys.exit(1)
    except Ending as ending:
        say(str(ending))
        sys.exit(ending.status)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(f"vigie {version('vigie')}")
        raise typer.Exit


@app.callback()
def root(
    _: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    pass
