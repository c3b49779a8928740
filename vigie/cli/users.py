"""`vigie user`: who may sign in, and what they may do."""
# ruff: noqa: PLC0415 - imports inside functions: see vigie.cli.entry

import time
from collections.abc import Callable
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import quote

import typer

from vigie.cli.ending import CannotRun, Refused
from vigie.cli.given import (
    DEFAULT_CONFIG,
    DEFAULT_URL,
    ConfigOption,
    TokenOption,
    UrlOption,
    settings_of,
)
from vigie.cli.output import Format, FormatOption, facts, lines, table

if TYPE_CHECKING:
    from pathlib import Path

    from vigie.cli.client import Client
    from vigie.store.db import Database

Json = dict[str, Any]

app = typer.Typer(help="Users of a server.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="The user.")]
OfflineOption = Annotated[
    bool,
    typer.Option("--offline", help="In the database of --config, while no server runs on it."),
]
SignInOption = Annotated[
    str | None,
    typer.Option("--sign-in", metavar="NAME", help="Ask for a password, instead of a token."),
]


class Role(StrEnum):
    """The same as vigie.access.roles.Role, which the command line does not load."""

    VIEWER = "viewer"
    REQUESTER = "requester"
    RESPONDER = "responder"
    MANAGER = "manager"
    DESK = "desk"
    ADMIN = "admin"


@app.callback()
def group(
    context: typer.Context,
    url: UrlOption = DEFAULT_URL,
    token: TokenOption = None,
    sign_in: SignInOption = None,
) -> None:
    """Users of a server."""
    context.obj = lambda: client_of(context, url, token, sign_in)


def client_of(context: typer.Context, url: str, token: str | None, sign_in: str | None) -> "Client":
    """The server, with a token or after a password was typed; signed out when the command ends."""
    from vigie.cli.client import Client

    if sign_in is None:
        return Client(url, token)
    password = typer.prompt(f"Password of {sign_in}", hide_input=True, err=True)
    client = Client(url).sign_in(sign_in, password)
    context.call_on_close(client.sign_out)
    return client


@app.command()
def add(  # noqa: PLR0917 - typer's options, in the order of --help
    context: typer.Context,
    name: Name,
    role: Annotated[Role, typer.Option(help="What they are.")] = Role.RESPONDER,
    offline: OfflineOption = False,
    config: ConfigOption = DEFAULT_CONFIG,
    output: FormatOption = Format.TEXT,
) -> None:
    """Make a user, and show the one-time password. The first one has to be an admin."""
    if offline:
        from vigie.access import Role as Roles
        from vigie.access import users

        def work(db: "Database", now: float) -> str:
            return users.add(db, name, Roles(role), by="vigie", now=now)

        _print_password({"name": name, "one_time_password": _offline(config, work)}, output)
        return
    made = _client(context).post("/users", {"name": name, "role": role.value})
    _print_password(made, output)


@app.command("list")
def list_(context: typer.Context, output: FormatOption = Format.TEXT) -> None:
    """Every user."""
    found = _client(context).get("/users")
    if output is Format.JSON:
        facts(found)
        return
    rows = (
        (
            user["name"],
            user["role"],
            "disabled" if user["disabled_at"] else "one-time" if user["one_time_until"] else "ok",
            user["created_at"],
            ",".join(f"#{g['incident']}:{g['role']}" for g in user["grants"]),
        )
        for user in found["items"]
    )
    table(("name", "role", "state", "created_at", "grants"), rows)


@app.command()
def role(context: typer.Context, name: Name, role: Role) -> None:
    """Give a user another role."""
    changed = _client(context).post(_path(name), {"role": role.value})
    lines([f"{changed['name']} is {changed['role']}"])


@app.command()
def disable(context: typer.Context, name: Name) -> None:
    """Sign a user out and let them in no more; their tokens open nothing either."""
    changed = _client(context).post(_path(name), {"disabled": True})
    lines([f"{changed['name']} is disabled"])


@app.command()
def enable(context: typer.Context, name: Name) -> None:
    """Let a user in again that was disabled."""
    changed = _client(context).post(_path(name), {"disabled": False})
    lines([f"{changed['name']} is enabled"])


@app.command()
def password(
    context: typer.Context,
    name: Name,
    offline: OfflineOption = False,
    config: ConfigOption = DEFAULT_CONFIG,
    output: FormatOption = Format.TEXT,
) -> None:
    """A one-time password for a user who lost theirs; the page /password is for one's own."""
    if offline:
        from vigie.access import users

        def work(db: "Database", now: float) -> str:
            return users.reset(db, name, by="vigie", now=now)

        _print_password({"name": name, "one_time_password": _offline(config, work)}, output)
        return
    _print_password(_client(context).post(f"{_path(name)}/password", {}), output)


@app.command()
def grant(
    context: typer.Context,
    name: Name,
    incident: Annotated[int, typer.Option(min=1, help="The number of the incident.")],
    role: Annotated[Role, typer.Option(help="What they are there.")] = Role.RESPONDER,
) -> None:
    """Give a user a role on one incident."""
    body = {"incident": incident, "role": role.value}
    _client(context).post(f"{_path(name)}/grants", body)
    lines([f"{name} is {role.value} of #{incident}"])


@app.command()
def ungrant(
    context: typer.Context,
    name: Name,
    incident: Annotated[int, typer.Option(min=1, help="The number of the incident.")],
) -> None:
    """Take a role on one incident back."""
    _client(context).delete(f"{_path(name)}/grants/{incident}")
    lines([f"{name} has no role of their own on #{incident}"])


def _client(context: typer.Context) -> "Client":
    connect: Callable[[], Client] = context.obj  # the group's callback ran first
    return connect()


def _path(name: str) -> str:
    return f"/users/{quote(name, safe='')}"


def _print_password(made: Json, output: Format) -> None:
    if output is Format.JSON:
        facts(made)
        return
    lines([f"{made['name']} signs in with the one-time password {made['one_time_password']}"])


def _offline(config: "Path", work: "Callable[[Database, float], str]") -> str:
    """Do it in the database itself, which no server may use meanwhile."""
    settings = settings_of(config)

    from vigie.commands.errors import CommandError
    from vigie.store.db import open_database
    from vigie.store.errors import StoreError

    try:
        settings.data.mkdir(parents=True, exist_ok=True)
        db = open_database(settings.database)
        try:
            return work(db, time.time())
        finally:
            db.close()
    except CommandError as error:
        raise Refused(str(error)) from error
    except (StoreError, OSError) as error:
        raise CannotRun(str(error)) from error
