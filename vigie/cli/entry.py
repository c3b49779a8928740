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
    automations,
    backtest,
    check,
    convert,
    dashboards,
    db,
    demo,
    diff,
    doctor,
    gate,
    incident_edit,
    incident_life,
    incident_links,
    incident_open,
    incident_people,
    incident_review,
    incident_stats,
    incident_task,
    incident_update,
    incidents,
    init,
    problems,
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
incidents.app.command("stats")(incident_stats.stats)
incidents.app.command("edit")(incident_edit.edit)
incidents.app.command("status")(incident_life.status)
incidents.app.command("escalate")(incident_life.escalate)
incidents.app.command("cancel")(incident_life.cancel)
incidents.app.command("close")(incident_life.close)
incidents.app.command("reopen")(incident_life.reopen)
incidents.app.command("confirm")(incident_life.confirm)
incidents.app.command("open")(incident_open.open_)
incidents.app.command("assign")(incident_people.assign)
incidents.app.command("take")(incident_people.take)
incidents.app.command("hand-over")(incident_people.hand_over)
incidents.app.command("leave")(incident_people.leave)
incidents.app.command("watch")(incident_people.watch)
incidents.app.command("team")(incident_people.team)
incidents.app.command("restrict")(incident_people.restrict)
incidents.app.command("unrestrict")(incident_people.unrestrict)
incidents.app.command("let-in")(incident_people.let_in)
incidents.app.add_typer(incident_people.guest, name="guest")
incidents.app.command("links")(incident_links.links)
incidents.app.command("link")(incident_links.link)
incidents.app.command("unlink")(incident_links.unlink)
incidents.app.command("merge")(incident_links.merge)
incidents.app.command("split")(incident_links.split)
incidents.app.command("update")(incident_update.update)
incidents.app.command("updates")(incident_update.updates)
incidents.app.command("review")(incident_review.review)
incidents.app.add_typer(incident_task.app, name="task")
app.add_typer(incidents.app, name="incident")
app.add_typer(automations.app, name="automation")
app.add_typer(problems.app, name="problem")
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
