"""`vigie incident`: look at incidents of a running server and work on them."""
# ruff: noqa: PLC0415 - imports inside functions: see vigie.cli.entry

import uuid
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlencode

import typer

from vigie.cli.given import DEFAULT_URL, ActorOption, TokenOption, UrlOption, login_name
from vigie.cli.output import Format, FormatOption, facts, lines, table

if TYPE_CHECKING:
    from vigie.cli.client import Client

Json = dict[str, Any]

app = typer.Typer(help="Incidents of a running server.", no_args_is_help=True)

Number = Annotated[int, typer.Argument(min=1, help="The number of the incident.")]


@app.callback()
def group(context: typer.Context, url: UrlOption = DEFAULT_URL, token: TokenOption = None) -> None:
    """Incidents of a running server."""
    from vigie.cli.client import Client

    context.obj = Client(url, token)


@app.command("list")
def list_(
    context: typer.Context,
    state: Annotated[str | None, typer.Option(help="`open`, or one state.")] = None,
    service: Annotated[str | None, typer.Option(help="Only of this service.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=200, help="The newest so many.")] = 50,
    output: FormatOption = Format.TEXT,
) -> None:
    """The newest incidents."""

    query = {"state": state, "service": service, "limit": limit}
    given = urlencode({name: value for name, value in query.items() if value is not None})
    found = _client(context).get(f"/incidents?{given}")
    if output is Format.JSON:
        facts(found)
        return
    names = ("number", "severity", "priority", "state", "service", "opened_at", "title")
    table(names, ([str(item[name]) for name in names] for item in found["items"]))


@app.command()
def show(
    context: typer.Context,
    number: Number,
    output: FormatOption = Format.TEXT,
) -> None:
    """One incident with its runbooks and timeline."""
    _print(_client(context).get(f"/incidents/{number}"), output)


@app.command()
def ack(
    context: typer.Context,
    number: Number,
    actor: ActorOption = None,
    output: FormatOption = Format.TEXT,
) -> None:
    """Say that you are on it."""
    body = {"actor": actor or login_name()}
    _print(_client(context).post(f"/incidents/{number}/acknowledge", body), output)


@app.command()
def resolve(
    context: typer.Context,
    number: Number,
    reason: Annotated[str, typer.Option(help="What ended it.")] = "",
    actor: ActorOption = None,
    output: FormatOption = Format.TEXT,
) -> None:
    """Say that it is over."""
    body = {"actor": actor or login_name(), "reason": reason}
    _print(_client(context).post(f"/incidents/{number}/resolve", body), output)


@app.command()
def comment(
    context: typer.Context,
    number: Number,
    text: Annotated[str, typer.Argument(help="What to write on the timeline.")],
    actor: ActorOption = None,
    output: FormatOption = Format.TEXT,
) -> None:
    """Write on the timeline."""
    body = {"actor": actor or login_name(), "text": text}
    written = _client(context).post(f"/incidents/{number}/comment", body, key=uuid.uuid4().hex)
    _print(written, output)


def _client(context: typer.Context) -> "Client":
    client: Client = context.obj  # the group's callback ran first
    return client


def _print(incident: Json, output: Format) -> None:
    if output is Format.JSON:
        facts(incident)
        return
    lines(text_of(incident))


def text_of(incident: Json) -> list[str]:
    """An incident as a person reads it at night: what, where, since when, who, what to do."""
    names = ("state", "service", "slo", "started_at", "opened_at", "acknowledged_at", "resolved_at")
    times = [f"  {name:16} {incident[name]}" for name in names if incident.get(name)]
    books = [line for book in incident.get("runbooks", ()) for line in _book(book)]
    events = [f"  {e['at']}  {e['kind']:14} {e['text']}" for e in incident.get("timeline", ())]
    severity, priority = incident["severity"], incident["priority"]
    head = f"#{incident['number']} {severity} {priority} {incident['title']}"
    return [head, *times, *books, "timeline", *events]


def _book(book: Json) -> list[str]:
    steps = [f"  {i}. {s['title']}" for i, s in enumerate(book["steps"], start=1)]
    return [f"runbook {book['name']}: {book['title']}", *steps]
