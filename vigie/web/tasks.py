"""Tasks on an incident's page, and the page of all that are left to be done."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any, Final
from urllib.parse import unquote, urlencode

from fastapi import APIRouter, Cookie, Form, Path, Query
from starlette.responses import Response

from incidents.tasks import TaskKind, TaskSource
from vigie.access import Permission, Role, current, needs, viewing
from vigie.clock import Clock
from vigie.commands import tasks as commands
from vigie.commands.errors import Invalid
from vigie.live import Board, Change, Feed
from vigie.store.db import Database
from vigie.views import tasks as views
from vigie.web.actions import Actor, Number, Text
from vigie.web.answers import NAME_COOKIE, shown
from vigie.web.pages import EVENTS, Cursor
from vigie.web.render import Templates

SHOWN: Final = 100
TaskNumber = Annotated[int, Path(ge=1, le=2**53 - 1)]
Named = Annotated[str, Cookie(alias=NAME_COOKIE)]


def add(
    router: APIRouter,
    templates: Templates,
    *,
    board: Board,
    db: Database,
    clock: Clock,
    feed: Feed,
    wake: Callable[[], None],
) -> None:
    _add_page(router, templates, db, clock)

    def done(number: int, actor: str, task: int) -> Response:
        feed.publish(Change("incident", number))
        wake()
        return shown(f"/incidents/{number}#task-{task}", actor)

    _add_edits(router, board, db, clock, done)
    _add_steps(router, db, clock, done)


def _add_page(router: APIRouter, templates: Templates, db: Database, clock: Clock) -> None:
    @router.get("/tasks")
    @needs(Permission.READ)
    def page(
        cursor: Cursor = None,
        owner: Annotated[str, Query(max_length=200, pattern=r"^[^\x00]*$")] = "",
        name: Named = "",
    ) -> Response:
        """What is due first first; the reader's own before those of others."""
        now, me = clock.now(), owner or current().name or unquote(name)[:100]
        mine, viewer = [], viewing()
        if me and cursor is None:
            mine = views.page(db, now, viewer=viewer, owner=me, limit=SHOWN)["items"]
        rest = views.page(db, now, viewer=viewer, not_owner=me or None, cursor=cursor, limit=SHOWN)
        asked = {"owner": owner, "cursor": cursor}
        facts = {
            "me": me,
            "mine": mine,
            "others": rest["items"],
            "following": rest["next"],
            "owner": owner,
            "here": f"/tasks?{urlencode({k: v for k, v in asked.items() if v})}",
            "events": EVENTS,
        }
        return templates.page("tasks.html", now, facts)


def _add_edits(
    router: APIRouter, board: Board, db: Database, clock: Clock, done: Callable[..., Response]
) -> None:
    @router.post("/incidents/{number}/tasks")
    @needs(Permission.RESPOND, on_incident=True, guests=Role.RESPONDER)
    def new(  # noqa: PLR0917 - the fields of the form
        number: Number,
        actor: Actor,
        title: Text,
        owner: Text = "",
        due: Text = "",
        source: Annotated[TaskSource, Form()] = TaskSource.INCIDENT,
        kind: Annotated[TaskKind, Form()] = TaskKind.WORK,
    ) -> Response:
        if source is TaskSource.TYPE:
            raise Invalid("people add tasks of the incident or of its review")
        row = commands.add(
            db,
            board.now.config,
            number,
            title,
            actor=actor,
            now=clock.now(),
            source=source,
            kind=kind,
            owner=owner.strip() or None,
            due_at=_time(due),
        )
        return done(number, actor, row["number"])

    @router.post("/incidents/{number}/tasks/{task}/edit")
    @needs(Permission.RESPOND, on_incident=True)
    def edit(  # noqa: PLR0917 - the fields of the form
        number: Number,
        task: TaskNumber,
        actor: Actor,
        title: Text,
        seen: Annotated[int, Form(ge=1)],
        owner: Text = "",
        due: Text = "",
    ) -> Response:
        changes: dict[str, Any] = {"title": title, "owner": owner.strip() or None}
        if due:
            changes["due_at"] = _time(due)
        config, now = board.now.config, clock.now()
        commands.edit(db, config, number, task, changes, actor=actor, now=now, seen=seen)
        return done(number, actor, task)


def _add_steps(
    router: APIRouter, db: Database, clock: Clock, done: Callable[..., Response]
) -> None:
    @router.post("/incidents/{number}/tasks/{task}/do")
    @needs(Permission.RESPOND, on_incident=True, guests=Role.RESPONDER)
    def do(number: Number, task: TaskNumber, actor: Actor) -> Response:
        commands.do(db, number, task, actor=actor, now=clock.now())
        return done(number, actor, task)

    @router.post("/incidents/{number}/tasks/{task}/undo")
    @needs(Permission.RESPOND, on_incident=True, guests=Role.RESPONDER)
    def undo(number: Number, task: TaskNumber, actor: Actor) -> Response:
        commands.undo(db, number, task, actor=actor, now=clock.now())
        return done(number, actor, task)

    @router.post("/incidents/{number}/tasks/{task}/verify")
    @needs(Permission.RESPOND, on_incident=True)
    def verify(number: Number, task: TaskNumber, actor: Actor) -> Response:
        apart = bool(current().name)
        commands.verify(db, number, task, actor=actor, now=clock.now(), told_apart=apart)
        return done(number, actor, task)

    @router.post("/incidents/{number}/tasks/{task}/drop")
    @needs(Permission.RESPOND, on_incident=True)
    def drop(number: Number, task: TaskNumber, actor: Actor, reason: Text) -> Response:
        commands.drop(db, number, task, actor=actor, reason=reason, now=clock.now())
        return done(number, actor, task)


def _time(given: str) -> float | None:
    """The time of a form's field, in UTC; None when it was left empty."""
    if not given.strip():
        return None
    try:
        return datetime.fromisoformat(given.strip()).replace(tzinfo=UTC).timestamp()
    except (ValueError, OverflowError) as error:
        raise Invalid("the due time cannot be read: write 2026-10-01T12:00, in UTC") from error
