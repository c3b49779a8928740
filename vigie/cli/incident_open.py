"""`vigie incident open`: report an incident, in words or as an e-mail that a pipe hands over."""
# ruff: noqa: PLC0415 - imports inside functions: see vigie.cli.entry

import sys
import uuid
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer

from vigie.cli.ending import CannotRun
from vigie.cli.given import ActorOption, actor_of
from vigie.cli.incidents import client, show_incident
from vigie.cli.output import Format, FormatOption, facts, lines

MAX_BYTES = 2 * 1024 * 1024  # the same as incidents.mail.MAX_BYTES
KEY_VARIABLE = "VIGIE_EMAIL_KEY"

Pairs = Annotated[list[str] | None, typer.Option(metavar="NAME=VALUE")]


def open_(  # noqa: PLR0917 - typer's options, in the order of --help
    context: typer.Context,
    title: Annotated[str | None, typer.Argument(help="What is wrong, on one line.")] = None,
    service: Annotated[str, typer.Option(help="Of which service, if that is known.")] = "",
    severity: Annotated[str | None, typer.Option(help="SEV1 to SEV4; default: its type's.")] = None,
    urgency: Annotated[str | None, typer.Option(help="`high` pages, `low` informs.")] = None,
    type_: Annotated[str, typer.Option("--type", help="An IncidentType.")] = "report",
    description: Annotated[str, typer.Option(help="What you see; `-` reads stdin.")] = "",
    started_at: Annotated[str | None, typer.Option(help="Since when, in RFC 3339.")] = None,
    users: Annotated[int | None, typer.Option(min=0, help="How many are affected.")] = None,
    affected: Annotated[list[str] | None, typer.Option(help="Another service.")] = None,
    category: Annotated[str | None, typer.Option(help="Of the taxonomy.")] = None,
    subcategory: Annotated[str | None, typer.Option(help="Of the category.")] = None,
    requester: Annotated[str, typer.Option(help="For whom, if not for yourself.")] = "",
    field: Pairs = None,
    label: Pairs = None,
    restricted: Annotated[bool, typer.Option("--restricted", help="For its people only.")] = False,
    key: Annotated[str | None, typer.Option(help="The same key twice opens once.")] = None,
    email: Annotated[
        Path | None, typer.Option(metavar="FILE", help="An e-mail instead; `-` reads stdin.")
    ] = None,
    key_file: Annotated[
        Path | None,
        typer.Option(help=f"With --email: the file with its key; else {KEY_VARIABLE}."),
    ] = None,
    actor: ActorOption = None,
    output: FormatOption = Format.TEXT,
) -> None:
    """Report an incident: with what you know, or as an e-mail."""
    if (title is None) == (email is None):
        raise CannotRun("write what is wrong, or --email FILE")
    if email is not None:
        _send(context, email, key_file, output)
        return
    body: dict[str, Any] = {
        "actor": actor_of(actor, client(context).token),
        "title": title,
        "service": service,
        "type": type_,
        "description": _words(description),
        "requester": requester,
        "affected": affected or [],
        "fields": _pairs("--field", field),
        "labels": _pairs("--label", label),
        "restricted": restricted,
        "severity": severity,
        "urgency": urgency,
        "started_at": started_at,
        "users_affected": users,
        "category": category,
        "subcategory": subcategory,
    }
    known = {name: value for name, value in body.items() if value is not None}
    opened = client(context).post("/incidents", known, key=key or uuid.uuid4().hex)
    show_incident(opened, output)
    if output is Format.TEXT and opened.get("open_beside"):
        lines(_beside(opened))


def _words(given: str) -> str:
    return _read(Path("-")).decode("utf-8", "replace") if given == "-" else given


def _beside(opened: dict[str, Any]) -> list[str]:
    found = [
        f"  #{one['number']} {one['severity']} {one['title']}" for one in opened["open_beside"]
    ]
    return [f"open on {opened['service']} already; is it one of these?", *found]


def _pairs(option: str, given: Iterable[str] | None) -> dict[str, str]:
    found = {}
    for one in given or ():
        name, equals, value = one.partition("=")
        if not equals or not name:
            raise CannotRun(f"{option} `{one}`: write NAME=VALUE")
        found[name] = value
    return found


def _send(context: typer.Context, email: Path, key_file: Path | None, output: Format) -> None:
    """Hand an e-mail over, as an alias of a mail server does."""
    content = _read(email)
    if len(content) > MAX_BYTES:
        raise CannotRun(f"the e-mail is too large: at most {MAX_BYTES} bytes are taken")
    path = f"/hooks/email/{quote(_key(key_file), safe='')}"
    taken = client(context).send(path, content, "message/rfc822")
    if output is Format.JSON:
        facts(taken)
        return
    number = "" if taken["incident"] is None else f" #{taken['incident']}"
    reason = "" if taken["reason"] is None else f": {taken['reason']}"
    lines([f"{taken['what']}{number}{reason}"])


def _key(file: Path | None) -> str:
    import os

    if file is None:
        found = os.environ.get(KEY_VARIABLE, "").strip()
        if not found:
            raise CannotRun(
                f"the key of the integration is not known: --key-file or {KEY_VARIABLE}"
            )
        return found
    try:
        return file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise CannotRun(f"{file} cannot be read: {error}") from error


def _read(path: Path) -> bytes:
    try:
        if str(path) == "-":
            return sys.stdin.buffer.read(MAX_BYTES + 1)
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        raise CannotRun(f"{path} cannot be read: {error.strerror}") from error
