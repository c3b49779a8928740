"""`vigie incident link|unlink|links|merge|split`: what an incident is connected with."""

import uuid
from enum import StrEnum
from typing import Annotated, Any

import typer

from vigie.cli import incidents
from vigie.cli.given import ActorOption, actor_of
from vigie.cli.output import Format, FormatOption, facts, table

Json = dict[str, Any]
Reason = Annotated[str, typer.Option(help="Why; it stands on both timelines.")]


class Kind(StrEnum):
    """The same as incidents.links.LinkKind."""

    RELATED = "related"
    DUPLICATE_OF = "duplicate_of"
    CAUSED_BY = "caused_by"
    PROBLEM = "problem"
    CHANGE = "change"
    RUN = "run"
    TRACE = "trace"
    TICKET = "ticket"


class Severity(StrEnum):
    """The severity of what is split off."""

    SEV1 = "SEV1"
    SEV2 = "SEV2"
    SEV3 = "SEV3"
    SEV4 = "SEV4"


def links(
    context: typer.Context, number: incidents.Number, output: FormatOption = Format.TEXT
) -> None:
    """What an incident is connected with."""
    _listed(incidents.client(context).get(f"/incidents/{number}/links"), output)


def link(  # noqa: PLR0917 - typer's options, in the order of --help
    context: typer.Context,
    number: incidents.Number,
    kind: Annotated[Kind, typer.Argument(help="What it is to it.")],
    to: Annotated[
        str, typer.Argument(help="A number (incident, change, run), a trace id, or a ticket's URL.")
    ],
    title: Annotated[str, typer.Option(help="What it is called; a ticket needs it.")] = "",
    actor: ActorOption = None,
    output: FormatOption = Format.TEXT,
) -> None:
    """Connect an incident with another one, or with something outside."""
    client = incidents.client(context)
    body = {"actor": actor_of(actor, client.token), "kind": kind.value, "to": to, "title": title}
    _listed(client.post(f"/incidents/{number}/links", body, key=uuid.uuid4().hex), output)


def unlink(
    context: typer.Context,
    number: incidents.Number,
    id_: Annotated[int, typer.Argument(min=1, metavar="ID", help="The link's id.")],
    output: FormatOption = Format.TEXT,
) -> None:
    """Take a link away."""
    _listed(incidents.client(context).delete(f"/incidents/{number}/links/{id_}"), output)


def merge(  # noqa: PLR0917 - typer's options, in the order of --help
    context: typer.Context,
    number: incidents.Number,
    into: Annotated[int, typer.Option(min=1, help="The incident that goes on for both.")],
    reason: Reason,
    duplicate: Annotated[
        bool, typer.Option("--duplicate", help="Link it as a duplicate, too.")
    ] = False,
    actor: ActorOption = None,
    output: FormatOption = Format.TEXT,
) -> None:
    """End an incident because another one is about the same."""
    client = incidents.client(context)
    body: Json = {"actor": actor_of(actor, client.token), "into": into, "reason": reason}
    body["duplicate"] = duplicate
    found = client.post(f"/incidents/{number}/merge", body, key=uuid.uuid4().hex)
    incidents.show_incident(found, output)


def split(  # noqa: PLR0917 - typer's options, in the order of --help
    context: typer.Context,
    number: incidents.Number,
    reason: Reason,
    title: Annotated[
        str | None, typer.Option(help="Of the new incident; without, a merge is undone.")
    ] = None,
    service: Annotated[str | None, typer.Option(help="Its service; default: the same.")] = None,
    severity: Annotated[
        Severity | None, typer.Option(help="Its severity; default: the same.")
    ] = None,
    entry: Annotated[
        list[int] | None, typer.Option(min=1, help="An entry that belongs to it.")
    ] = None,
    actor: ActorOption = None,
    output: FormatOption = Format.TEXT,
) -> None:
    """Open a new incident out of one, or let a merged one go on by itself again."""
    client = incidents.client(context)
    body: Json = {"actor": actor_of(actor, client.token), "reason": reason}
    given = {"title": title, "service": service, "severity": severity, "entries": entry}
    body |= {name: value for name, value in given.items() if value is not None}
    found = client.post(f"/incidents/{number}/split", body, key=uuid.uuid4().hex)
    incidents.show_incident(found, output)


def _listed(found: Json, output: Format) -> None:
    if output is Format.JSON:
        facts(found)
        return
    names = ("id", "words", "ref", "title", "url", "added_by")
    table(names, ([str(item[name] or "") for name in names] for item in found["items"]))
