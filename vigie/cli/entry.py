"""The program `vigie`: its commands, and how an ending becomes an exit status.

A command imports what it runs when it runs: `vigie slo check` must not pay for the server (a test
holds it to that). That is why the modules of this package import inside functions.
"""
# ruff: noqa: PLC0415 - see above

import sys
from typing import Annotated

import typer

from slo.load.yaml import LoadError
from vigie.cli import check, dashboards, db, demo, doctor, incidents, init, runbooks, schema, serve
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
app.add_typer(check.app, name="slo")
app.add_typer(runbooks.app, name="runbook")
app.add_typer(incidents.app, name="incident")
app.add_typer(dashboards.app, name="dashboard")
app.add_typer(db.app, name="db")


def main() -> None:
    """Run the command line and exit: 0 done, 1 the answer is no, 2 could not run."""
    try:
        if sys.argv[1:3] == ["slo", "check"]:
            sys.exit(check.run(sys.argv[3:]))
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
