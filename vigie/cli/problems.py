"""`vigie problem`: what is behind incidents, known errors with their workaround, fixes."""
# ruff: noqa: PLC0415 - imports inside functions: see vigie.cli.entry

import uuid
from typing import Annotated, Any
from urllib.parse import urlencode

import typer

from vigie.cli import incidents
from vigie.cli.given import DEFAULT_URL, ActorOption, TokenOption, UrlOption, actor_of
from vigie.cli.output import Format, FormatOption, facts, lines, table

Json = dict[str, Any]
app = typer.Typer(help="Problems behind incidents.", no_args_is_help=True)
Number = Annotated[int, typer.Argument(min=1, help="The number of the problem.")]


@app.callback()
def group(context: typer.Context, url: UrlOption = DEFAULT_URL, token: TokenOption = None) -> None:
    """Problems behind incidents."""
    from vigie.cli.client import Client

    context.obj = Client(url, token)


@app.command("list")
def list_(
    context: typer.Context,
    state: Annotated[
        str, typer.Option(help="`unsolved`, open, known_error, fixed, closed; empty: all.")
    ] = "unsolved",
    service: Annotated[str | None, typer.Option(help="Only of this service.")] = None,
    output: FormatOption = Format.TEXT,
) -> None:
    """Problems, the newest first."""
    query = {"state": state or None, "service": service, "limit": 200}
    given = urlencode({name: value for name, value in query.items() if value is not None})
    found = incidents.client(context).get(f"/problems?{given}")
    if output is Format.JSON:
        facts(found)
        return
    names = ("number", "state", "service", "owner", "incidents", "title")
    table(names, ([str(item[name] or "") for name in names] for item in found["items"]))


@app.command()
def show(context: typer.Context, number: Number, output: FormatOption = Format.TEXT) -> None:
    """One problem, its incidents, and what became of it."""
    _show(incidents.client(context).get(f"/problems/{number}"), output)


@app.command("open")
def open_(  # noqa: PLR0917 - typer's options, in the order of --help
    context: typer.Context,
    title: Annotated[str, typer.Argument(help="What it is, in a line.")],
    description: Annotated[str, typer.Option(help="What is known of it.")] = "",
    service: Annotated[str, typer.Option(help="Of which service; default: of none alone.")] = "",
    cause: Annotated[str, typer.Option(help="A cause of the taxonomy.")] = "",
    owner: Annotated[str, typer.Option(help="Who sees to it.")] = "",
    actor: ActorOption = None,
    output: FormatOption = Format.TEXT,
) -> None:
    """Open a problem."""
    body = {"title": title, "description": description, "service": service}
    _post(context, "", {**body, "cause": cause, "owner": owner}, actor, output)


@app.command("known-error")
def known_error(
    context: typer.Context,
    number: Number,
    workaround: Annotated[str, typer.Option(help="How to live with it.")],
    actor: ActorOption = None,
    output: FormatOption = Format.TEXT,
) -> None:
    """Say how to live with a problem; incidents like it are shown that first."""
    _post(context, f"/{number}/known-error", {"workaround": workaround}, actor, output)


@app.command()
def fix(  # noqa: PLR0917 - typer's options, in the order of --help
    context: typer.Context,
    number: Number,
    text: Annotated[str, typer.Argument(help="What solves it for good.")],
    where: Annotated[str, typer.Option(help="The URL of the fix.")] = "",
    change: Annotated[int | None, typer.Option(min=1, help="The number of a change.")] = None,
    actor: ActorOption = None,
    output: FormatOption = Format.TEXT,
) -> None:
    """Say that a problem is solved; when its cause recurs, it is open again."""
    body = {"fix": text, "url": where, "change": change}
    _post(context, f"/{number}/fix", body, actor, output)


@app.command()
def close(
    context: typer.Context,
    number: Number,
    reason: Annotated[str, typer.Option(help="The fix holds, or why nothing will be done.")],
    actor: ActorOption = None,
    output: FormatOption = Format.TEXT,
) -> None:
    """End a problem."""
    _post(context, f"/{number}/close", {"reason": reason}, actor, output)


@app.command()
def link(
    context: typer.Context,
    number: Number,
    incident: Annotated[int, typer.Argument(min=1, help="The number of an incident.")],
    actor: ActorOption = None,
    output: FormatOption = Format.TEXT,
) -> None:
    """Say that a problem is behind an incident."""
    _post(context, f"/{number}/incidents", {"incident": incident}, actor, output)


def _post(context: typer.Context, path: str, body: Json, actor: str | None, output: Format) -> None:
    client = incidents.client(context)
    said = {**body, "actor": actor_of(actor, client.token)}
    _show(client.post(f"/problems{path}", said, key=uuid.uuid4().hex), output)


def _show(problem: Json, output: Format) -> None:
    if output is Format.JSON:
        facts(problem)
        return
    names = ("state", "service", "cause", "owner", "description", "workaround", "root_cause", "fix")
    more = ("fix_url", "fix_change", "fixed_at", "closed_for")
    said = [f"  {name:12} {problem[name]}" for name in (*names, *more) if problem[name]]
    behind = [f"  #{one['number']} {one['state']} {one['title']}" for one in problem["incidents"]]
    past = [f"  {e['at']}  {e['actor']}: {e['text']}" for e in problem["history"]]
    head = f"problem {problem['number']}: {problem['title']}"
    lines([head, *said, "incidents", *behind, "history", *past])
