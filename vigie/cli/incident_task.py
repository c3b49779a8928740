"""`vigie incident task`: what is to be done about an incident, by whom, until when."""
# ruff: noqa: PLC0415 - imports inside functions: see vigie.cli.entry

import re
import uuid
from enum import StrEnum
from typing import Annotated, Any, Final
from urllib.parse import urlencode

import typer

from vigie.cli import incidents
from vigie.cli.ending import CannotRun
from vigie.cli.given import ActorOption, actor_of
from vigie.cli.output import Format, FormatOption, facts, lines, table

Json = dict[str, Any]

app = typer.Typer(help="Tasks on incidents.", no_args_is_help=True)

Task = Annotated[int, typer.Argument(min=1, help="The number of the task.")]
_IS: Final = re.compile(r"\s*(<=|>=|==|!=|<|>)\s*(\S+)\s*")


class Kind(StrEnum):
    """What a task is for; the same as incidents.tasks.TaskKind."""

    WORK = "work"
    PREVENT = "prevent"
    MITIGATE = "mitigate"
    DETECT = "detect"
    PROCESS = "process"


@app.command()
def add(  # noqa: PLR0917 - typer's options, in the order of --help
    context: typer.Context,
    number: incidents.Number,
    title: Annotated[str, typer.Argument(help="What is to be done.")],
    owner: Annotated[str | None, typer.Option(help="Who does it.")] = None,
    due: Annotated[
        str | None, typer.Option(metavar="LENGTH", help="In how long, e.g. 4h or 7d.")
    ] = None,
    review: Annotated[bool, typer.Option("--review", help="An action of its review.")] = False,
    kind: Annotated[Kind, typer.Option(help="What it is for.")] = Kind.WORK,
    priority: Annotated[int | None, typer.Option(min=1, max=5, help="1 to 5.")] = None,
    check_slo: Annotated[
        str | None, typer.Option(metavar="SLO", help="Verified when this SLO is met.")
    ] = None,
    window: Annotated[str | None, typer.Option(help="Over this window; default: its own.")] = None,
    burn_below: Annotated[
        float | None, typer.Option(help="Verified when it burns below this instead.")
    ] = None,
    check_promql: Annotated[
        str | None, typer.Option(metavar="EXPR", help="Verified when all its series fit --is.")
    ] = None,
    source: Annotated[str | None, typer.Option(help="The DataSource that is asked.")] = None,
    is_: Annotated[str, typer.Option("--is", help="A comparison, e.g. '< 0.01'.")] = "!= 0",
    check_run: Annotated[
        str | None, typer.Option(metavar="RUNBOOK", help="Verified when it ran and ended well.")
    ] = None,
    actor: ActorOption = None,
    output: FormatOption = Format.TEXT,
) -> None:
    """Add a task to an incident; of a review with --review."""
    asked = [
        _slo(check_slo, window, burn_below),
        _promql(check_promql, source, is_),
        {"kind": "run", "runbook": check_run} if check_run else None,
    ]
    checks = [one for one in asked if one is not None]
    if len(checks) > 1:
        raise CannotRun("a task has one check: give --check-slo, --check-promql or --check-run")
    client = incidents.client(context)
    body: Json = {"actor": actor_of(actor, client.token), "title": title, "kind": kind.value}
    body |= {"source": "review"} if review else {}
    body |= {"owner": owner, "priority": priority, "due_at": _due(due)}
    body["check"] = checks[0] if checks else None
    _show(client.post(f"/incidents/{number}/tasks", body, key=uuid.uuid4().hex), output)


@app.command("list")
def list_(  # noqa: PLR0917 - typer's options, in the order of --help
    context: typer.Context,
    number: Annotated[
        int | None, typer.Argument(min=1, help="The incident; default: every one.")
    ] = None,
    state: Annotated[str, typer.Option(help="`left`, `all`, or one state.")] = "left",
    owner: Annotated[str | None, typer.Option(help="Only of this owner.")] = None,
    overdue: Annotated[bool, typer.Option("--overdue", help="Only what is late.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=500, help="The first so many.")] = 100,
    output: FormatOption = Format.TEXT,
) -> None:
    """The tasks of an incident, or what is left to do on all, what is due first first."""
    client = incidents.client(context)
    if number is not None:
        found = client.get(f"/incidents/{number}/tasks")
    else:
        query = {"state": state, "owner": owner, "overdue": "true" if overdue else None}
        given = {name: value for name, value in {**query, "limit": limit}.items() if value}
        found = client.get(f"/tasks?{urlencode(given)}")
    if output is Format.JSON:
        facts(found)
        return
    names = ("incident", "task", "state", "owner", "due_at", "title")
    table(names, ([_cell(item, name) for name in names] for item in found["items"]))


@app.command()
def do(
    context: typer.Context,
    number: incidents.Number,
    task: Task,
    actor: ActorOption = None,
    output: FormatOption = Format.TEXT,
) -> None:
    """Say that it is done; its check looks at once."""
    _step(context, number, task, "do", {}, actor, output)


@app.command()
def verify(
    context: typer.Context,
    number: incidents.Number,
    task: Task,
    actor: ActorOption = None,
    output: FormatOption = Format.TEXT,
) -> None:
    """Say that what somebody else did holds; of a task with a check, let that look now."""
    _step(context, number, task, "verify", {}, actor, output)


@app.command()
def drop(  # noqa: PLR0917 - typer's options, in the order of --help
    context: typer.Context,
    number: incidents.Number,
    task: Task,
    reason: Annotated[str, typer.Option(help="Why it won't be done.")],
    actor: ActorOption = None,
    output: FormatOption = Format.TEXT,
) -> None:
    """Say that it won't be done, and why."""
    _step(context, number, task, "drop", {"reason": reason}, actor, output)


def text_of(task: Json) -> list[str]:
    """A task as a person reads it."""
    owner = f" ({task['owner']})" if task["owner"] else ""
    head = f"#{task['incident']} task {task['task']} {task['state']}: {task['title']}{owner}"
    names = ("due_at", "check_text", "check_result", "done_by", "verified_by", "dropped_for")
    return [head, *(f"  {name:12} {task[name]}" for name in names if task[name])]


def _step(  # noqa: PLR0917 - the command, as it was given
    context: typer.Context,
    number: int,
    task: int,
    step: str,
    more: Json,
    actor: str | None,
    output: Format,
) -> None:
    client = incidents.client(context)
    body = {"actor": actor_of(actor, client.token), **more}
    path = f"/incidents/{number}/tasks/{task}/{step}"
    _show(client.post(path, body, key=uuid.uuid4().hex), output)


def _show(task: Json, output: Format) -> None:
    if output is Format.JSON:
        facts(task)
        return
    lines(text_of(task))


def _cell(item: Json, name: str) -> str:
    if name == "due_at" and item["overdue"]:
        return f"{item[name]} late"
    return str(item[name] or "-")


def _due(length: str | None) -> str | None:
    from datetime import UTC, datetime, timedelta

    from slo import windows

    if length is None:
        return None
    try:
        return (datetime.now(UTC) + timedelta(seconds=windows.parse(length))).isoformat()
    except (ValueError, OverflowError) as error:
        raise CannotRun(f"--due: {error}") from error


def _slo(slo: str | None, window: str | None, burn_below: float | None) -> Json | None:
    if slo is None:
        if window or burn_below is not None:
            raise CannotRun("--window and --burn-below are of --check-slo: give that too")
        return None
    return {"kind": "slo", "slo": slo, "window": window, "burn_below": burn_below}


def _promql(expr: str | None, source: str | None, is_: str) -> Json | None:
    if expr is None:
        return None
    found = _IS.fullmatch(is_)
    try:
        op, value = (found[1], float(found[2])) if found else ("", 0.0)
    except ValueError:
        op, value = "", 0.0
    if not op:
        raise CannotRun(f"--is `{is_}` is no comparison: write e.g. --is '< 0.01'")
    return {"kind": "promql", "expr": expr, "source": source, "op": op, "value": value}
