"""`vigie automation`: what automations there are, and what they would have done."""
# ruff: noqa: PLC0415 - imports inside functions: see vigie.cli.entry

from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlencode

import typer

from vigie.cli.ending import CannotRun
from vigie.cli.given import DEFAULT_URL, TokenOption, UrlOption
from vigie.cli.output import Format, FormatOption, facts, lines, say, table

Json = dict[str, Any]

app = typer.Typer(help="Automations of a running server.", no_args_is_help=True)


@app.callback()
def group(context: typer.Context, url: UrlOption = DEFAULT_URL, token: TokenOption = None) -> None:
    """Automations of a running server."""
    from vigie.cli.client import Client

    context.obj = Client(url, token)


@app.command("list")
def list_(context: typer.Context, output: FormatOption = Format.TEXT) -> None:
    """The automations of the files, and what each did."""
    found = context.obj.get("/automations")
    if output is Format.JSON:
        facts(found)
        return
    names = ("runs", "failures", "refused", "last_run_at")
    head = ("name", "events", *names, "actions")
    table(
        head,
        (
            [
                one["name"],
                ",".join(one["events"]),
                *("never" if one[name] is None else str(one[name]) for name in names),
                ",".join(one["actions"]),
            ]
            for one in found["items"]
        ),
    )


@app.command("try")
def try_(
    context: typer.Context,
    name: Annotated[str | None, typer.Argument(help="Only this automation.")] = None,
    since: Annotated[str, typer.Option(help="How far back, e.g. 30d.")] = "30d",
    file: Annotated[
        Path | None,
        typer.Option(help="A YAML file that is not in force, instead of those that are."),
    ] = None,
    output: FormatOption = Format.TEXT,
) -> None:
    """What automations would have done on past incidents; nothing is done. Exit 1: the file has
    problems.
    """
    query = {"since": since} | ({} if name is None else {"name": name})
    if file is None:
        found = context.obj.get(f"/automations/try?{urlencode(query)}")
    else:
        found = context.obj.post("/automations/try", {**query, **_read(file)})
    if output is Format.JSON:
        facts(found)
    else:
        lines(text_of(found))
    for problem in found["problems"]:
        say(problem)
    if found["problems"]:
        raise typer.Exit(1)


def text_of(found: Json) -> list[str]:
    """What was tried, as a person reads it: the newest first, then how much there was."""
    shown = []
    for one in found["items"]:
        head = f"{one['at']}  {one['automation']}  #{one['incident']} {one['title']}"
        shown += [head, f"  after entry {one['entry']}: {', '.join(one['why'])}"]
        if one["refused"]:
            shown.append(f"  would NOT have run: {one['refused']}")
        shown += [f"  - {action['text']}" for action in one["actions"]]
    if found["left_out"]:
        shown.append(f"and {found['left_out']} more")
    if found["problems"]:
        return shown
    ran = len(found["items"]) + found["left_out"]
    names = ", ".join(found["automations"]) or "no automation"
    older = "; older ones were left out" if found["incidents_left_out"] else ""
    looked = f"{found['incidents']} incidents with such entries since {found['from']}{older}"
    return [*shown, f"{names}: {ran} runs on {looked}"]


def _read(file: Path) -> Json:
    try:
        return {"text": file.read_text(encoding="utf-8"), "file": str(file)}
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8"
        raise CannotRun(f"{file} cannot be read: {reason}") from error
