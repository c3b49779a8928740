"""`vigie incident update|updates`: what stakeholders are told of an incident."""
# ruff: noqa: PLC0415 - imports inside functions: see vigie.cli.entry

import uuid
from enum import StrEnum
from typing import Annotated, Any

import typer

from vigie.cli import incidents
from vigie.cli.ending import CannotRun
from vigie.cli.given import ActorOption, actor_of
from vigie.cli.output import Format, FormatOption, facts, lines

Json = dict[str, Any]


class Audience(StrEnum):
    """Who is told; the same as incidents.updates.Audience."""

    INTERNAL = "internal"
    EXECUTIVE = "executive"
    CUSTOMER = "customer"


class Status(StrEnum):
    """The same as incidents.updates.Status."""

    INVESTIGATING = "investigating"
    IDENTIFIED = "identified"
    MONITORING = "monitoring"
    RESOLVED = "resolved"


def update(  # noqa: PLR0917 - typer's options, in the order of --help
    context: typer.Context,
    number: incidents.Number,
    text: Annotated[str | None, typer.Argument(help="What to say, in Markdown.")] = None,
    audience: Annotated[Audience, typer.Option(help="Whom to tell.")] = Audience.INTERNAL,
    draft: Annotated[
        bool, typer.Option("--draft", help="Print what could be said, and tell nobody.")
    ] = False,
    status: Annotated[
        Status | None, typer.Option(help="Default: as the state of the incident says.")
    ] = None,
    next_in: Annotated[
        str | None, typer.Option(metavar="LENGTH", help="When the next follows, e.g. 30m.")
    ] = None,
    actor: ActorOption = None,
    output: FormatOption = Format.TEXT,
) -> None:
    """Tell stakeholders how an incident stands, or draft what to tell them."""
    client = incidents.client(context)
    if draft:
        if text is not None:
            raise CannotRun("a draft is made from the incident: leave the text or --draft out")
        found = client.get(f"/incidents/{number}/updates/draft?audience={audience.value}")
        _show(found, output)
        return
    if text is None:
        raise CannotRun("say what to tell them, or ask for a --draft")
    body: Json = {"actor": actor_of(actor, client.token), "audience": audience.value, "text": text}
    body |= {} if status is None else {"status": status.value}
    body |= {} if next_in is None else {"next_in_seconds": _seconds(next_in)}
    posted = client.post(f"/incidents/{number}/updates", body, key=uuid.uuid4().hex)
    if output is Format.JSON:
        facts(posted)
        return
    lines(_of(posted))


def updates(
    context: typer.Context, number: incidents.Number, output: FormatOption = Format.TEXT
) -> None:
    """What stakeholders were told, newest first, and when the next update is due."""
    found = incidents.client(context).get(f"/incidents/{number}/updates")
    if output is Format.JSON:
        facts(found)
        return
    late = ", and late" if found["late_seconds"] else ""
    lines([f"Next update due {found['due_at']}{late}"] if found["due_at"] else [])
    for one in found["items"]:
        lines(_of(one))


def _of(one: Json) -> list[str]:
    following = f", next {one['next_at']}" if one["next_at"] else ""
    head = f"{one['sent_at']} {one['audience']}, {one['status']}, by {one['sent_by']}{following}"
    return [head, *(f"  {line}" for line in one["text"].split("\n"))]


def _show(found: Json, output: Format) -> None:
    if output is Format.JSON:
        facts(found)
        return
    lines([found["text"]])


def _seconds(length: str) -> float:
    from slo import windows

    try:
        return windows.parse(length)
    except (ValueError, OverflowError) as error:
        raise CannotRun(f"--next-in: {error}") from error
