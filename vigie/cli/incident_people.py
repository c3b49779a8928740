"""`vigie incident assign|take|hand-over|leave|watch|team|restrict|let-in|guest`: who does
what on an incident, and who may look at it.
"""
# ruff: noqa: PLC0415 - imports inside functions: see vigie.cli.entry

import uuid
from enum import StrEnum
from typing import Annotated, Any

import typer

from vigie.cli.given import DEFAULT_URL, ActorOption, TokenOption, UrlOption, actor_of
from vigie.cli.incidents import Number, client, show_incident
from vigie.cli.output import Format, FormatOption, facts, say, table


class Word(StrEnum):
    """A part in an incident; the same as incidents.people.Part, watching apart."""

    INCIDENT_MANAGER = "incident_manager"
    L1 = "l1"
    L2 = "l2"
    L3 = "l3"
    COMMUNICATIONS = "communications"
    SCRIBE = "scribe"
    REQUESTER = "requester"
    OBSERVER = "observer"
    PROCESS_OWNER = "process_owner"


class Right(StrEnum):
    """What a guest may do."""

    VIEWER = "viewer"
    RESPONDER = "responder"


PartArgument = Annotated[Word, typer.Argument(metavar="PART", help="incident_manager, l1, l2, ...")]
NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="Who.")]
ByOption = Annotated[
    str | None, typer.Option("--by", metavar="NAME", help="Who does it; default: the login name.")
]
ReasonOption = Annotated[str, typer.Option(help="Why; it stands on the timeline.")]
GuestArgument = Annotated[int, typer.Argument(metavar="ID", min=1, help="The guest's id.")]

guest = typer.Typer(help="External parties with a link to one incident.", no_args_is_help=True)


def assign(  # noqa: PLR0917 - typer's options, in the order of --help
    context: typer.Context,
    number: Number,
    name: NameArgument,
    part: Annotated[Word, typer.Option("--as", metavar="PART", help="Which part.")],
    by: ByOption = None,
    output: FormatOption = Format.TEXT,
) -> None:
    """Give a part of an incident to somebody."""
    _do(context, number, "assign", {"to": name, "part": part.value}, by, output)


def take(
    context: typer.Context,
    number: Number,
    part: PartArgument,
    actor: ActorOption = None,
    output: FormatOption = Format.TEXT,
) -> None:
    """Take a part of an incident, from whoever held it."""
    _do(context, number, "take", {"part": part.value}, actor, output)


def hand_over(  # noqa: PLR0917 - typer's options, in the order of --help
    context: typer.Context,
    number: Number,
    part: PartArgument,
    to: NameArgument,
    note: Annotated[str, typer.Option(help="What they have to know.")],
    actor: ActorOption = None,
    output: FormatOption = Format.TEXT,
) -> None:
    """Hand your own part over to somebody."""
    _do(context, number, "hand-over", {"part": part.value, "to": to, "note": note}, actor, output)


def leave(
    context: typer.Context,
    number: Number,
    part: PartArgument,
    actor: ActorOption = None,
    output: FormatOption = Format.TEXT,
) -> None:
    """Give your own part up."""
    _do(context, number, "leave", {"part": part.value}, actor, output)


def watch(
    context: typer.Context,
    number: Number,
    stop: Annotated[bool, typer.Option("--stop", help="Watch no longer.")] = False,
    actor: ActorOption = None,
    output: FormatOption = Format.TEXT,
) -> None:
    """Be told of an incident, or no longer."""
    _do(context, number, "unwatch" if stop else "watch", {}, actor, output)


def team(  # noqa: PLR0917 - typer's options, in the order of --help
    context: typer.Context,
    number: Number,
    name: Annotated[str, typer.Argument(metavar="TEAM", help="Which team.")],
    note: Annotated[str, typer.Option(help="What for.")] = "",
    actor: ActorOption = None,
    output: FormatOption = Format.TEXT,
) -> None:
    """Pull another team in; whoever gets notices is told."""
    _do(context, number, "teams", {"team": name, "note": note or None}, actor, output)


def restrict(
    context: typer.Context,
    number: Number,
    reason: ReasonOption,
    actor: ActorOption = None,
    output: FormatOption = Format.TEXT,
) -> None:
    """Show an incident to its participants only; you are one then."""
    _do(context, number, "restrict", {"reason": reason}, actor, output)


def unrestrict(
    context: typer.Context,
    number: Number,
    reason: ReasonOption,
    actor: ActorOption = None,
    output: FormatOption = Format.TEXT,
) -> None:
    """Show a restricted incident to everybody again."""
    _do(context, number, "unrestrict", {"reason": reason}, actor, output)


def let_in(  # noqa: PLR0917 - typer's options, in the order of --help
    context: typer.Context,
    number: Number,
    name: NameArgument,
    reason: ReasonOption,
    actor: ActorOption = None,
    output: FormatOption = Format.TEXT,
) -> None:
    """As an admin, make somebody a participant of an incident that you may not see."""
    here = client(context)
    body = {"name": name, "reason": reason, "actor": actor_of(actor, here.token)}
    done = here.post(f"/incidents/{number}/participants", body, key=uuid.uuid4().hex)
    if output is Format.JSON:
        facts(done)
    else:
        print(f"{done['name']} takes part in incident {done['number']}")


@guest.callback()
def group(context: typer.Context, url: UrlOption = DEFAULT_URL, token: TokenOption = None) -> None:
    """External parties with a link to one incident."""
    from vigie.cli.client import Client

    if context.obj is None or token is not None or url != DEFAULT_URL:
        context.obj = Client(url, token)


@guest.command("add")
def add(  # noqa: PLR0917 - typer's options, in the order of --help
    context: typer.Context,
    number: Number,
    name: NameArgument,
    role: Annotated[Right, typer.Option(help="What they may do.")] = Right.VIEWER,
    expires_in: Annotated[str, typer.Option(help="How long, e.g. 12h; at most 30d.")] = "7d",
    actor: ActorOption = None,
    output: FormatOption = Format.TEXT,
) -> None:
    """Let an external party in to one incident; the link is shown this once."""
    here = client(context)
    body = {"name": name, "role": role.value, "expires_in": expires_in}
    body["actor"] = actor_of(actor, here.token)
    made = here.post(f"/incidents/{number}/guests", body)
    if output is Format.JSON:
        facts(made)
        return
    say(f"guest {made['id']}, {made['name']}, until {made['expires_at']}; shown this once:")
    print(made["url"])


@guest.command("list")
def list_(context: typer.Context, number: Number, output: FormatOption = Format.TEXT) -> None:
    """Every guest of an incident, and whether they were here."""
    found = client(context).get(f"/incidents/{number}/guests")
    if output is Format.JSON:
        facts(found)
        return
    names = ("id", "name", "role", "expires_at", "first_used_at", "last_used_at", "revoked_at")
    table(names, ([_cell(item[name]) for name in names] for item in found["items"]))


@guest.command("revoke")
def revoke(
    context: typer.Context, number: Number, id: GuestArgument, output: FormatOption = Format.TEXT
) -> None:
    """End a guest's link at once."""
    ended = client(context).delete(f"/incidents/{number}/guests/{id}")
    if output is Format.JSON:
        facts(ended)
    else:
        print(f"the link of {ended['name']} opens nothing any more")


def _do(  # noqa: PLR0917 - what every command here has
    context: typer.Context,
    number: int,
    what: str,
    body: dict[str, Any],
    actor: str | None,
    output: Format,
) -> None:
    here = client(context)
    said = body | {"actor": actor_of(actor, here.token)}
    show_incident(here.post(f"/incidents/{number}/{what}", said, key=uuid.uuid4().hex), output)


def _cell(value: object) -> str:
    return "" if value is None else str(value)
