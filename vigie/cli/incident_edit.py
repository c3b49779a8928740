"""`vigie incident edit`: say what an incident is."""

import uuid
from typing import Annotated, Any, Final

import typer

from vigie.cli import incidents
from vigie.cli.ending import CannotRun
from vigie.cli.given import ActorOption, actor_of
from vigie.cli.output import Format, FormatOption

CUSTOM: Final = "field."
LISTS: Final = frozenset({"affected"})
RESERVED: Final = frozenset({"actor", "reason", "seen", "fields"})  # of the body, with options
COUNTS: Final = frozenset({"users_affected"})


def edit(  # noqa: PLR0917 - typer's options, in the order of --help
    context: typer.Context,
    number: incidents.Number,
    set_: Annotated[
        list[str],
        typer.Option(
            "--set",
            metavar="FIELD=VALUE",
            help="title=..., field.ticket=...; nothing after `=` takes the value away.",
        ),
    ],
    seen: Annotated[
        int | None,
        typer.Option(
            min=0, metavar="ENTRY", help="The last entry that you saw; refused if it went on."
        ),
    ] = None,
    reason: Annotated[str, typer.Option(help="Why; it stands on the timeline.")] = "",
    actor: ActorOption = None,
    output: FormatOption = Format.TEXT,
) -> None:
    """Set fields of the record, all or none."""
    client = incidents.client(context)
    body: dict[str, Any] = {"actor": actor_of(actor, client.token), "reason": reason}
    if seen is not None:
        body["seen"] = seen
    body |= changes(set_)
    found = client.patch(f"/incidents/{number}", body, key=uuid.uuid4().hex)
    incidents.show_incident(found, output)


def changes(said: list[str]) -> dict[str, Any]:
    """`FIELD=VALUE` as the API takes it."""
    body: dict[str, Any] = {}
    fields: dict[str, Any] = {}
    for one in said:
        name, equals, value = one.partition("=")
        if not equals or name in {"", CUSTOM}:
            raise CannotRun(f"`{one}` sets nothing: write e.g. --set title='Checkout is down'")
        into, key = (fields, name[len(CUSTOM) :]) if name.startswith(CUSTOM) else (body, name)
        if into is body and key in RESERVED:
            raise CannotRun(f"`{name}` is no field of the record")
        if key in into:
            raise CannotRun(f"`{name}` is set twice: keep one of them")
        into[key] = _value(name, value)
    return body | ({"fields": fields} if fields else {})


def _value(name: str, value: str) -> Any:
    if not value:
        return None
    if name in LISTS:
        return [part.strip() for part in value.split(",") if part.strip()]
    if name in COUNTS:
        try:
            return int(value)
        except ValueError as error:
            raise CannotRun(f"{name} is a whole number, not `{value}`") from error
    return value
