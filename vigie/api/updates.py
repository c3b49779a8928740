"""Stakeholder updates: what was said, a draft of what to say, and saying it."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query
from pydantic import Field
from starlette.responses import Response

from incidents.updates import Audience, Status
from vigie.access import Permission, needs
from vigie.api import schemas
from vigie.api.reads import Number, no_incident, ready_json, shown
from vigie.api.writes import Body, IdempotencyKey, Text
from vigie.clock import Clock
from vigie.commands import updates as commands
from vigie.live import Board, Change, Feed
from vigie.store.db import Database
from vigie.views import updates as views

_TAGS: Final[dict[str, Any]] = {"tags": ["incidents"]}


class Update(schemas.Shape):
    """What an audience was told; `next_at` is when the next was promised for."""

    id: int
    incident: int
    audience: Audience
    status: Status
    text: str
    next_at: schemas.Time | None
    sent_at: schemas.Time
    sent_by: str


class Updates(schemas.Listing[Update]):
    """Newest first. `due_at` is when the next is due, null when nothing asks for one."""

    due_at: schemas.Time | None
    late_seconds: float


class Draft(schemas.Shape):
    """What could be said now; `next_in_seconds` is when the text says that the next follows."""

    incident: int
    audience: Audience
    status: Status
    text: str
    next_in_seconds: float | None


class NewUpdate(Body):
    """`status` is as the state says without it."""

    audience: Audience = Audience.INTERNAL
    text: Text
    status: Status | None = None
    next_in_seconds: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None


def add(
    router: APIRouter,
    *,
    board: Board,
    db: Database,
    clock: Clock,
    feed: Feed,
    wake: Callable[[], None],
) -> None:
    @router.get("/incidents/{number}/updates", responses=shown(Updates), **_TAGS)
    @needs(Permission.READ, on_incident=True)
    def listed(number: Number) -> Response:
        """What stakeholders were told, newest first, and when the next update is due."""
        found = views.of_incident(db, board.now.config, number, clock.now())
        if found is None:
            raise no_incident(number)
        return ready_json(found)

    @router.get("/incidents/{number}/updates/draft", responses=shown(Draft), **_TAGS)
    @needs(Permission.READ, on_incident=True)
    def draft(
        number: Number, audience: Annotated[Audience, Query()] = Audience.INTERNAL
    ) -> Response:
        """What an update for an audience could say now."""
        found = views.drafted(db, board.now.config, number, audience, clock.now())
        if found is None:
            raise no_incident(number)
        return ready_json(found)

    @router.post(
        "/incidents/{number}/updates",
        status_code=HTTPStatus.CREATED,
        responses=shown(Update, HTTPStatus.CREATED),
        **_TAGS,
    )
    @needs(Permission.RESPOND, on_incident=True)
    def post(number: Number, body: NewUpdate, idempotency_key: IdempotencyKey = None) -> Response:
        """Tell an audience; it goes to their channels at once."""
        row = commands.post(
            db,
            board.now.config,
            number,
            body.audience,
            body.text,
            status=body.status,
            next_in_s=body.next_in_seconds,
            actor=body.actor,
            now=clock.now(),
            key=idempotency_key,
        )
        feed.publish(Change("incident", number))
        wake()
        return ready_json(views.shown(row), HTTPStatus.CREATED)
