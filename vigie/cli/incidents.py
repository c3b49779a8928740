"""`vigie incident`: look at incidents of a running server and work on them."""
# ruff: noqa: PLC0415 - imports inside functions: see vigie.cli.entry

import sys
import uuid
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlencode

import typer

from vigie.cli.ending import CannotRun
from vigie.cli.given import DEFAULT_URL, ActorOption, TokenOption, UrlOption, actor_of
from vigie.cli.incident_impact import cost_lines
from vigie.cli.output import Format, FormatOption, facts, lines, table

if TYPE_CHECKING:
    from vigie.cli.client import Client

Json = dict[str, Any]

MOST_LINES = 12  # of what a step found

app = typer.Typer(help="Incidents of a running server.", no_args_is_help=True)

Number = Annotated[int, typer.Argument(min=1, help="The number of the incident.")]


@app.callback()
def group(context: typer.Context, url: UrlOption = DEFAULT_URL, token: TokenOption = None) -> None:
    """Incidents of a running server."""
    from vigie.cli.client import Client

    context.obj = Client(url, token)


@app.command("list")
def list_(  # noqa: PLR0917 - typer's options, in the order of --help
    context: typer.Context,
    state: Annotated[str | None, typer.Option(help="`open`, or one state.")] = None,
    service: Annotated[str | None, typer.Option(help="Only of this service.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=200, help="The first so many.")] = 50,
    search: Annotated[str, typer.Option(help="Words, the best fit first.")] = "",
    output: FormatOption = Format.TEXT,
) -> None:
    """The newest incidents; of those that are `open`, what to do first."""

    query = {"state": state, "service": service, "limit": limit, "q": search or None}
    given = urlencode({name: value for name, value in query.items() if value is not None})
    found = client(context).get(f"/incidents?{given}")
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
    show_incident(client(context).get(f"/incidents/{number}"), output)


@app.command()
def ack(
    context: typer.Context,
    number: Number,
    actor: ActorOption = None,
    output: FormatOption = Format.TEXT,
) -> None:
    """Say that you are on it."""
    body = {"actor": actor_of(actor, client(context).token)}
    show_incident(client(context).post(f"/incidents/{number}/acknowledge", body), output)


@app.command()
def resolve(
    context: typer.Context,
    number: Number,
    reason: Annotated[str, typer.Option(help="What ended it.")] = "",
    actor: ActorOption = None,
    output: FormatOption = Format.TEXT,
) -> None:
    """Say that it is over."""
    body = {"actor": actor_of(actor, client(context).token), "reason": reason}
    show_incident(client(context).post(f"/incidents/{number}/resolve", body), output)


@app.command()
def comment(  # noqa: PLR0917 - typer's options, in the order of --help
    context: typer.Context,
    number: Number,
    text: Annotated[str, typer.Argument(help="What to write on the timeline.")],
    corrects: Annotated[
        int | None,
        typer.Option(min=1, metavar="ENTRY", help="The entry that should have said it."),
    ] = None,
    reason: Annotated[str, typer.Option(help="Why the entry is corrected.")] = "",
    actor: ActorOption = None,
    output: FormatOption = Format.TEXT,
) -> None:
    """Write on the timeline, or say what an entry of it should have said; the entry stays."""
    if (corrects is None) == bool(reason):
        raise CannotRun("a correction needs both: --corrects ENTRY and --reason TEXT")
    body = {"actor": actor_of(actor, client(context).token), "text": text}
    path = f"/incidents/{number}/comment"
    if corrects is not None:
        body["reason"] = reason
        path = f"/incidents/{number}/timeline/{corrects}/correction"
    show_incident(client(context).post(path, body, key=uuid.uuid4().hex), output)


class Word(StrEnum):
    """A severity, or what gives it back to the measurement."""

    SEV1 = "SEV1"
    SEV2 = "SEV2"
    SEV3 = "SEV3"
    SEV4 = "SEV4"
    MEASURED = "measured"


@app.command()
def severity(  # noqa: PLR0917 - typer's options, in the order of --help
    context: typer.Context,
    number: Number,
    word: Annotated[Word, typer.Argument(metavar="SEVERITY", help="SEV1 to SEV4, or `measured`.")],
    reason: Annotated[str, typer.Option(help="Why; it is shown beside the severity.")],
    actor: ActorOption = None,
    output: FormatOption = Format.TEXT,
) -> None:
    """Set the severity over what is measured; `measured` takes that back."""
    who = actor_of(actor, client(context).token)
    body = {"actor": who, "severity": word.value, "reason": reason}
    path = f"/incidents/{number}/severity"
    show_incident(client(context).post(path, body, key=uuid.uuid4().hex), output)


class Document(StrEnum):
    """How a record is written; the same as vigie.views.export.ExportFormat."""

    MARKDOWN = "markdown"
    JSON = "json"
    CSV = "csv"


@app.command()
def export(
    context: typer.Context,
    number: Number,
    output: Annotated[
        Document, typer.Option("--format", help="How it is written.")
    ] = Document.MARKDOWN,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="A file to write; default: stdout.")
    ] = None,
) -> None:
    """The whole record of an incident as a document; the same record gives the same bytes."""
    body = client(context).text(f"/incidents/{number}/export?format={output.value}")
    if out is None:
        sys.stdout.buffer.write(body)
        sys.stdout.flush()
        return
    try:
        out.write_bytes(body)
    except OSError as error:
        raise CannotRun(f"{out} cannot be written: {error.strerror}") from error


def client(context: typer.Context) -> "Client":
    """The server that the group's options name."""
    client: Client = context.obj  # the group's callback ran first
    return client


def show_incident(incident: Json, output: Format) -> None:
    """An incident as the server answered it."""
    if output is Format.JSON:
        facts(incident)
        return
    lines(text_of(incident))


def text_of(incident: Json) -> list[str]:
    """An incident as a person reads it at night: what, where, since when, who, what to do."""
    names = ("state", "service", "slo", "started_at", "opened_at", "acknowledged_at", "resolved_at")
    times = [f"  {name:16} {incident[name]}" for name in names if incident.get(name)]
    books = [line for book in incident.get("runbooks", ()) for line in _book(book)]
    events = [line for entry in incident.get("timeline", ()) for line in _event(entry)]
    severity, priority = incident["severity"], incident["priority"]
    head = f"#{incident['number']} {severity} {priority} {incident['title']}"
    return [head, *_ranked(incident), *cost_lines(incident), *times, *books, "timeline", *events]


def _ranked(incident: Json) -> list[str]:
    """Why it has its priority and severity, and until when what is due."""
    found = []
    if incident.get("priority_reasons"):
        found.append(f"  {'priority':16} {'; '.join(incident['priority_reasons'])}")
    if incident.get("severity_set_by"):
        measured = incident["severity_measured"] or "nothing"
        said = f"set by {incident['severity_set_by']} ({measured} measured)"
        found.append(f"  {'severity':16} {said}: {incident['severity_set_for']}")
    for promise in ("response", "resolution"):
        if due_at := incident.get(f"{promise}_due_at"):
            kept = {True: ", met", False: ", missed", None: ""}[incident[f"{promise}_met"]]
            found.append(f"  {promise + '_due_at':16} {due_at}{kept}")
    return found


def _event(entry: Json) -> list[str]:
    """An entry, and under it what corrected it later."""
    place = f"{entry['position']:4}. {entry['occurred_at']}"
    corrections = [
        f"      corrected in {one['position']}: {one['text']}" for one in entry["corrections"]
    ]
    return [f"{place}  {entry['kind']:14} {entry['text']}", *corrections]


def _book(book: Json) -> list[str]:
    """A runbook with what its steps found, as far as a screen holds it."""
    found = [f"runbook {book['name']}: {book['title']}"]
    for place, step in enumerate(book["steps"], start=1):
        state = f" ({step['state']})" if step.get("state") else ""
        found.append(f"  {place}. {step['title']}{state}")
        said = (step.get("error") or step.get("output") or "").strip().splitlines()
        found += [f"       {line}" for line in said[:MOST_LINES]]
        if len(said) > MOST_LINES:
            found.append(f"       ... {len(said) - MOST_LINES} more lines: --format json has them")
    return found
