"""`vigie token`: tokens of programs, made, listed and revoked."""

from collections.abc import Callable
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vigie.cli.given import DEFAULT_URL, TokenOption, UrlOption
from vigie.cli.output import Format, FormatOption, facts, lines, say, table
from vigie.cli.users import Role, SignInOption, client_of

if TYPE_CHECKING:
    from vigie.cli.client import Client

app = typer.Typer(help="Tokens of programs.", no_args_is_help=True)


class Scope(StrEnum):
    """The same as vigie.access.roles.Scope, which the command line does not load."""

    ALL = "all"
    READ = "read"
    SEND = "send"


@app.callback()
def group(
    context: typer.Context,
    url: UrlOption = DEFAULT_URL,
    token: TokenOption = None,
    sign_in: SignInOption = None,
) -> None:
    """Tokens of programs."""
    context.obj = lambda: client_of(context, url, token, sign_in)


@app.command()
def add(  # noqa: PLR0917 - typer's options, in the order of --help
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="What it is for, e.g. `ci`.")],
    role: Annotated[Role, typer.Option(help="What it may at most.")] = Role.RESPONDER,
    scope: Annotated[
        Scope, typer.Option(help="`read` only reads, `send` only sends samples and changes.")
    ] = Scope.ALL,
    expires_in: Annotated[str, typer.Option(help="At most 366d.")] = "90d",
    user: Annotated[
        str | None, typer.Option(help="Whose it is; default: yours, where you signed in.")
    ] = None,
    output: FormatOption = Format.TEXT,
) -> None:
    """Make a token; it is shown this once."""
    body: dict[str, Any] = {"name": name, "role": role.value, "scope": scope.value}
    body |= {"expires_in": expires_in, "user": user}
    made = _client(context).post("/tokens", body)
    if output is Format.JSON:
        facts(made)
        return
    say(f"token {made['id']} ({made['role']}, {made['scope']}) until {made['expires_at']}:")
    lines([made["token"]])


@app.command("list")
def list_(
    context: typer.Context,
    limit: Annotated[int, typer.Option(min=1, max=500, help="The newest so many.")] = 100,
    output: FormatOption = Format.TEXT,
) -> None:
    """The newest tokens, also those that are over."""
    found = _client(context).get(f"/tokens?limit={limit}")
    if output is Format.JSON:
        facts(found)
        return
    names = ("id", "name", "user", "role", "scope", "expires_at", "last_used_at", "revoked_at")
    rows = ([str(item[name] or "-") for name in names] for item in found["items"])
    table(names, rows)


@app.command()
def revoke(
    context: typer.Context,
    number: Annotated[int, typer.Argument(min=1, help="The id of the token.")],
) -> None:
    """End a token at once."""
    ended = _client(context).delete(f"/tokens/{number}")
    lines([f"token {ended['id']} ({ended['name']}) is revoked"])


def _client(context: typer.Context) -> "Client":
    connect: Callable[[], Client] = context.obj  # the group's callback ran first
    return connect()
