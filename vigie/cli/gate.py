"""`vigie slo gate`: may this service be deployed now? A pipeline asks before it deploys."""
# ruff: noqa: PLC0415 - imports inside functions: see vigie.cli.entry

import uuid
from typing import Annotated, Any
from urllib.parse import quote

import typer

from vigie.cli.ending import CannotRun, Refused
from vigie.cli.given import DEFAULT_URL, ActorOption, TokenOption, UrlOption, actor_of
from vigie.cli.output import Format, FormatOption, facts, lines, say

Json = dict[str, Any]


def gate(
    service: Annotated[str, typer.Argument(help="The service to deploy.")],
    *,
    override: Annotated[
        str | None, typer.Option(metavar="REASON", help="Let deploys pass, for this reason.")
    ] = None,
    lasts: Annotated[
        str | None, typer.Option("--for", metavar="DURATION", help="How long: 2h; at most 7d.")
    ] = None,
    actor: ActorOption = None,
    output: FormatOption = Format.TEXT,
    url: UrlOption = DEFAULT_URL,
    token: TokenOption = None,
) -> None:
    """May this service be deployed now? Exit 0 open, 1 closed, 2 there is no answer."""
    from vigie.cli.client import Client

    if (override is None) != (lasts is None):
        raise CannotRun("an override has a reason and an end: write --override REASON --for 2h")
    client, path = Client(url, token), f"/services/{quote(service, safe='')}/gate"
    try:
        if override is None:
            answer = client.get(path)
        else:
            body = {"actor": actor_of(actor, token), "reason": override, "expires_in": lasts}
            answer = client.post(f"{path}/override", body, key=uuid.uuid4().hex)
    except Refused as error:  # 1 says that the gate is closed and nothing else
        raise CannotRun(str(error)) from error
    _print(answer, output)
    raise typer.Exit(0 if answer["gate"] == "open" else 1)


def _print(answer: Json, output: Format) -> None:
    for reason in answer["reasons"]:
        if reason["state"] == "unknown" and reason["passes"]:
            say(f"warning: {_said(reason)}")
    if output is Format.JSON:
        facts(answer)
        return
    lines(text_of(answer))


def text_of(answer: Json) -> list[str]:
    """A gate as a person reads it in the log of a pipeline: the answer, and why."""
    measured = "" if answer["state"] == answer["gate"] else f" (measured: {answer['state']})"
    head = f"{answer['service']}: {answer['gate']}{measured}"
    override = answer["override"]
    word = []
    if override is not None:
        until = f"{override['author']} until {override['expires_at']}"
        word = [f"  overridden by {until}: {override['reason']}"]
    return [head, *word, *(f"  {reason['state']}: {_said(reason)}" for reason in answer["reasons"])]


def _said(reason: Json) -> str:
    about = f"{reason['slo']}: " if reason["slo"] else ""
    by = f" (budget action `{reason['action']}`)" if reason["action"] else ""
    return f"{about}{reason['text']}{by}"
