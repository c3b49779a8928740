"""`vigie incident status|escalate|cancel|close|reopen|confirm`: the life of an incident."""

import uuid
from enum import StrEnum
from typing import Annotated, Any

import typer

from vigie.cli import incidents
from vigie.cli.ending import CannotRun
from vigie.cli.given import ActorOption, actor_of
from vigie.cli.output import Format, FormatOption

Json = dict[str, Any]
Reason = Annotated[str, typer.Option(help="Why; it stands on the timeline.")]


class State(StrEnum):
    """The states that are set here; the others have commands of their own."""

    INVESTIGATING = "investigating"
    IDENTIFIED = "identified"
    MITIGATED = "mitigated"
    RESOLVED = "resolved"
    REVIEW = "review"


class Tier(StrEnum):
    """To whom an incident is handed."""

    L2 = "L2"
    L3 = "L3"
    DESK = "desk"


def status(  # noqa: PLR0917 - typer's options, in the order of --help
    context: typer.Context,
    number: incidents.Number,
    state: Annotated[State | None, typer.Argument(help="Where it stands.")] = None,
    sub_status: Annotated[
        str | None, typer.Option("--sub-status", help="The team's word; '' takes it back.")
    ] = None,
    reason: Reason = "",
    actor: ActorOption = None,
    output: FormatOption = Format.TEXT,
) -> None:
    """Say where it stands: a state, the team's word for it, or both."""
    body: Json = {"reason": reason}
    if state is None and sub_status is None:
        raise CannotRun("name a state, --sub-status, or both")
    body |= {} if state is None else {"state": state.value}
    body |= {} if sub_status is None else {"sub_status": sub_status}
    _send(context, number, "status", body, actor, output)


def escalate(  # noqa: PLR0917 - typer's options, in the order of --help
    context: typer.Context,
    number: incidents.Number,
    to: Annotated[Tier, typer.Argument(help="L2, L3, or back to the `desk`.")],
    reason: Reason,
    tried: Annotated[str, typer.Option(help="What was tried so far, and what it showed.")] = "",
    actor: ActorOption = None,
    output: FormatOption = Format.TEXT,
) -> None:
    """Hand it to the next tier, with everything that it is; or back to the desk."""
    body = {"to": to.value, "reason": reason, "tried": tried}
    _send(context, number, "escalate", body, actor, output)


def cancel(
    context: typer.Context,
    number: incidents.Number,
    reason: Reason,
    actor: ActorOption = None,
    output: FormatOption = Format.TEXT,
) -> None:
    """Say that it is no incident after all."""
    _send(context, number, "cancel", {"reason": reason}, actor, output)


def close(
    context: typer.Context,
    number: incidents.Number,
    reason: Reason,
    actor: ActorOption = None,
    output: FormatOption = Format.TEXT,
) -> None:
    """Close it for good. Ends with 1 and says everything that is missing, if anything is."""
    _send(context, number, "close", {"reason": reason}, actor, output)


def reopen(
    context: typer.Context,
    number: incidents.Number,
    reason: Reason,
    actor: ActorOption = None,
    output: FormatOption = Format.TEXT,
) -> None:
    """Open one again that ended not long ago."""
    _send(context, number, "reopen", {"reason": reason}, actor, output)


def confirm(  # noqa: PLR0917 - typer's options, in the order of --help
    context: typer.Context,
    number: incidents.Number,
    over: Annotated[
        bool, typer.Option("--over/--not-over", help="Whether it is over; not over opens it again.")
    ] = True,
    satisfaction: Annotated[
        int | None, typer.Option(min=1, max=5, help="How content the requester is, 5 the best.")
    ] = None,
    words: Annotated[str, typer.Option(help="In the requester's words.")] = "",
    requester: Annotated[
        str | None, typer.Option("--for", metavar="NAME", help="The requester, when you speak.")
    ] = None,
    output: FormatOption = Format.TEXT,
) -> None:
    """Say, as the requester or for them, whether it is over."""
    body: Json = {"over": over, "words": words}
    body |= {} if satisfaction is None else {"satisfaction": satisfaction}
    body |= {} if requester is None else {"actor": requester}
    found = incidents.client(context).post(f"/incidents/{number}/confirm", body, uuid.uuid4().hex)
    incidents.show_incident(found, output)


def _send(  # noqa: PLR0917 - what every command here is given
    context: typer.Context,
    number: int,
    verb: str,
    body: Json,
    actor: str | None,
    output: Format,
) -> None:
    client = incidents.client(context)
    said = {"actor": actor_of(actor, client.token), **body}
    found = client.post(f"/incidents/{number}/{verb}", said, key=uuid.uuid4().hex)
    incidents.show_incident(found, output)
