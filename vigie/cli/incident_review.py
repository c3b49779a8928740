"""`vigie incident review`: what is learnt from an incident that is over."""

import sys
import uuid
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from vigie.cli import incidents
from vigie.cli.ending import CannotRun
from vigie.cli.given import ActorOption, actor_of
from vigie.cli.output import facts, lines

Json = dict[str, Any]
_APART: Final = ("root_cause", "factors", "whys")  # of the body, beside `sections`


class Document(StrEnum):
    """How a review is shown."""

    TEXT = "text"
    JSON = "json"
    MARKDOWN = "markdown"
    YAML = "yaml"


def review(  # noqa: PLR0917 - typer's options, in the order of --help
    context: typer.Context,
    number: incidents.Number,
    start: Annotated[
        bool, typer.Option("--start", help="Begin it, drafted from the record.")
    ] = False,
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="SECTION=TEXT",
            help="Write a section; @FILE reads the text from a file, @- from stdin.",
        ),
    ] = None,
    seen: Annotated[
        int | None,
        typer.Option(min=1, metavar="VERSION", help="What you saw; refused if others wrote since."),
    ] = None,
    ask: Annotated[
        list[str] | None, typer.Option("--ask", metavar="NAME", help="Ask somebody to approve it.")
    ] = None,
    approve: Annotated[bool, typer.Option("--approve", help="Say that it stands.")] = False,
    finalize: Annotated[bool, typer.Option("--finalize", help="Say that it is done.")] = False,
    reopen: Annotated[
        str | None, typer.Option(metavar="REASON", help="Make it a draft again, and why.")
    ] = None,
    show: Annotated[bool, typer.Option("--show", help="Show it, as every call does.")] = False,  # noqa: ARG001 - every call shows it
    actor: ActorOption = None,
    output: Annotated[Document, typer.Option("--format", help="How it is shown.")] = Document.TEXT,
) -> None:
    """Begin, write, approve, finish and show the review of an incident, in this order."""
    client = incidents.client(context)
    who = {"actor": actor_of(actor, client.token)}
    path = f"/incidents/{number}/review"
    if seen is not None and not set_:
        raise CannotRun("--seen goes with --set")
    changes = _changes(set_ or [])
    if reopen is not None:
        client.post(f"{path}/reopen", {**who, "reason": reopen}, key=uuid.uuid4().hex)
    if start:
        client.post(path, who, key=uuid.uuid4().hex)
    if changes:
        said = {**who, **changes} | ({} if seen is None else {"seen": seen})
        client.patch(path, said, key=uuid.uuid4().hex)
    if ask:
        client.post(f"{path}/ask", {**who, "reviewers": ask}, key=uuid.uuid4().hex)
    for wanted, verb in ((approve, "approve"), (finalize, "finalize")):
        if wanted:
            client.post(f"{path}/{verb}", who, key=uuid.uuid4().hex)
    if output in (Document.MARKDOWN, Document.YAML):
        sys.stdout.buffer.write(client.text(f"{path}?format={output.value}"))
        sys.stdout.flush()
        return
    found = client.get(path)
    if output is Document.JSON:
        facts(found)
    else:
        lines(text_of(found))


def text_of(found: Json) -> list[str]:
    """A review as it is read on a terminal."""
    head = f"Review of #{found['incident']} {found['incident_title']}"
    shown = [head, f"  {found['state']}, version {found['version']}, begun by {found['author']}"]
    for one in found["reviewers"]:
        said = f"approved {one['approved_at']}" if one["approved_at"] else "has not approved"
        shown.append(f"  reviewer {one['name']}: {said}")
    for section in found["sections"]:
        shown += ["", section["title"], *(f"  {line}" for line in _content(found, section))]
    if found["points"]:
        shown += ["", "Missing before it is final", *(f"  {one}" for one in found["points"])]
    return shown


def _content(found: Json, section: Json) -> list[str]:
    match section["name"]:
        case "root_cause":
            return [found["root_cause"] or "not known yet"]
        case "factors" | "whys":
            return list(found[section["name"]]) or ["-"]
        case "actions":
            return [_action(one) for one in found["actions"]] or ["-"]
    return section["text"].split("\n") if section["text"] else ["-"]


def _action(one: Json) -> str:
    again = f", reopened {one['reopened']}x" if one["reopened"] else ""
    said = f"{one['state']}{again} {one['kind']} {one['owner'] or 'nobody'}"
    return f"{one['task']}. {said} {one['due_at']} {one['title']}"


def _changes(said: list[str]) -> Json:
    """`SECTION=TEXT` as the API takes it."""
    body: Json = {}
    sections: dict[str, str] = {}
    for one in said:
        name, equals, value = one.partition("=")
        if not equals or not name:
            raise CannotRun(f"`{one}` sets nothing: write e.g. --set summary=@summary.md")
        text = _read(value[1:]) if value.startswith("@") else value
        if name == "root_cause":
            body[name] = text.strip() or None
        elif name in _APART:
            body[name] = [line for line in text.splitlines() if line.strip()]
        else:
            sections[name] = text
    return body | ({"sections": sections} if sections else {})


def _read(path: str) -> str:
    try:
        return sys.stdin.read() if path == "-" else Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise CannotRun(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise CannotRun(f"{path} is not text in UTF-8") from error
