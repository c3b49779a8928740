"""The record on an incident's page, and the form that edits it. Who is overtaken, or writes what
cannot be kept, gets the form back as they left it, with what is in the way.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from http import HTTPStatus
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from incidents.fields import MAX_FIELD_TEXT, MAX_TEXT, MAX_TITLE, MAX_WORD, PREFIX
from incidents.matrix import URGENCIES
from incidents.types import OF_RECORD, Field
from vigie import views
from vigie.access import Permission, acting, needs
from vigie.clock import Clock
from vigie.commands import fields as commands
from vigie.commands.errors import Conflict, Invalid, NotFound
from vigie.commands.fields import Overtaken
from vigie.config import Config
from vigie.live import Board, Change, Collected, Feed
from vigie.store.db import Database
from vigie.views.shape import Object
from vigie.web.answers import shown
from vigie.web.render import Templates

WAS: Final = "was."  # beside each field: what it held when the form was drawn
MAX_INPUTS: Final = 500
Number = Annotated[int, Path(ge=1, le=2**53 - 1)]


def add(
    router: APIRouter,
    templates: Templates,
    *,
    board: Board,
    db: Database,
    clock: Clock,
    feed: Feed,
    collected: Collected,
    wake: Callable[[], None],
) -> None:
    def again(number: int, form: FormData, refused: Invalid | Conflict) -> Response:
        """The form as it was sent, under what is in its way."""
        now = board.now
        found = views.incident(db, now, number, collected)
        if found is None:
            raise NotFound(f"There is no incident {number}.")
        facts = {
            "incident": found,
            "edit": form_of(now.config, found, form, refused),
            "told": str(refused),
            "reason": _said(form, "reason"),
            "name": _said(form, "actor")[:100],
        }
        conflict = isinstance(refused, Conflict)
        status = HTTPStatus.CONFLICT if conflict else HTTPStatus.UNPROCESSABLE_ENTITY
        return templates.page("incident_edit.html", clock.now(), facts, status)

    def work(number: int, form: FormData, actor: str) -> Response:
        changes = changed(form)
        try:
            if changes:
                given: dict[str, Any] = {"actor": actor, "reason": _said(form, "reason")}
                given |= {"seen": _seen(form), "now": clock.now()}
                commands.edit(db, board.now.config, number, changes, **given)
        except (Invalid, Conflict) as refused:
            return again(number, form, refused)
        feed.publish(Change("incident", number))
        wake()
        return shown(f"/incidents/{number}#record", actor)

    @router.post("/incidents/{number}/edit")
    @needs(Permission.RESPOND, on_incident=True)
    async def edit(request: Request, number: Number) -> Response:
        form = await request.form(max_files=0, max_fields=MAX_INPUTS)
        return await asyncio.to_thread(work, number, form, acting(_said(form, "actor")))


def changed(form: FormData) -> dict[str, str]:
    """What was typed over: fields that hold what they held when the form was drawn are left out."""
    names = [name for name in form if name in OF_RECORD or name.startswith(PREFIX)]
    said = {name: _said(form, name) for name in names}
    return {name: value for name, value in said.items() if value != _said(form, WAS + name, None)}


def form_of(
    config: Config,
    incident: Object,
    typed: FormData | None = None,
    refused: Exception | None = None,
) -> Object:
    """What the form shows of an incident, as `vigie.views.incident` gives it; `typed` stands over
    what is recorded, and `refused` says why it was sent back.
    """
    rules = config.types.of(incident["type"])
    status = rules.status(incident["sub_status"] or "")
    overtaken = refused.changes if isinstance(refused, Overtaken) else ()
    theirs = {change.field: change for change in overtaken}
    inputs = []
    for row in (*_of_record(config, incident), *(_custom(f, incident) for f in rules.fields)):
        name, now = row["name"], row["value"]
        was = now if typed is None or name in theirs else _said(typed, WAS + name, now)
        value = now if typed is None else _said(typed, name, now)
        other = theirs[name].actor if name in theirs else None
        inputs.append({**row, "value": value, "was": was, "now": now, "theirs": other})
    seen = incident["timeline"][-1]["position"] if incident["timeline"] else 0
    if typed is not None and not isinstance(refused, Overtaken):
        seen = _seen(typed) or 0
    titles = {field.name: field.title for field in rules.fields}
    return {
        "type_title": rules.title or incident["type"],
        "status_title": status.title if status else incident["sub_status"],
        "seen": seen,
        "inputs": inputs,
        "custom": [
            {"title": titles.get(name, name), "value": _shown(value)}
            for name, value in incident["fields"].items()
        ],
    }


def _of_record(config: Config, incident: Object) -> Iterator[Object]:
    """The inputs that every incident has, in the order of a form."""
    words = config.types.taxonomy
    groups = [{"label": name, "options": list(sub)} for name, sub in words.categories.items()]
    yield _input(incident, "title", "Title", "line", longest=MAX_TITLE)
    yield _input(incident, "description", "Description", "text", longest=MAX_TEXT)
    yield _input(incident, "category", "Category", options=list(words.categories))
    yield _input(incident, "subcategory", "Sub-category", groups=groups)
    yield _input(incident, "affected", "More services affected", "line", hint="separated by commas")
    yield _input(incident, "users_affected", "Users affected", "count")
    yield _input(incident, "urgency", "Urgency", options=list(URGENCIES), filled=True)
    yield _input(incident, "started_at", "Began", "line", hint="UTC, e.g. 2026-10-01T12:00:00Z")
    yield _input(incident, "cause", "Cause", options=list(words.causes))
    yield _input(incident, "resolution", "What ended it", "text", longest=MAX_TEXT)


def _input(incident: Object, name: str, label: str, kind: str = "choice", **more: Any) -> Object:
    """One input. A choice that has nothing to choose from is a line."""
    row: Object = {"name": name, "label": label, "kind": kind, "value": _shown(incident[name])}
    row |= {"options": [], "groups": [], "longest": MAX_TEXT, "hint": "", "filled": False, **more}
    if kind == "choice" and not (row["options"] or row["groups"]):
        row |= {"kind": "line", "longest": MAX_WORD}
    return row


def _custom(field: Field, incident: Object) -> Object:
    """The input of a custom field."""
    name = PREFIX + field.name
    kinds = {"text": "text", "boolean": "choice", "choice": "choice"}
    hints = {"time": "UTC, e.g. 2026-10-01T12:00:00Z", "number": "a number"}
    needed = f"needed from {field.required_at} on" if field.required_at else ""
    return _input(
        {name: incident["fields"].get(field.name)},
        name,
        field.title,
        kinds.get(field.kind, "line"),
        options=["true", "false"] if field.kind == "boolean" else list(field.choices),
        longest=MAX_FIELD_TEXT,
        hint=", ".join(said for said in (hints.get(field.kind, ""), needed) if said),
    )


def _shown(value: Any) -> str:
    """A value as a form holds it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return ", ".join(value) if isinstance(value, list) else str(value)


def _said(form: Mapping[str, Any], name: str, otherwise: Any = "") -> Any:
    """A field of a form, its line ends as they are kept (browsers send CR LF)."""
    value = form.get(name, otherwise)
    return value.replace("\r\n", "\n") if isinstance(value, str) else otherwise


def _seen(form: FormData) -> int | None:
    said = str(_said(form, "seen"))
    return int(said) if said.isascii() and said.isdecimal() and len(said) < 16 else None
