"""What the API says an incident is: its fields, several in one edit."""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import Field
from starlette.responses import Response

from incidents.fields import PREFIX
from incidents.types import OF_RECORD
from vigie.access import Permission, needs
from vigie.api.incident_schemas import WholeIncident
from vigie.api.reads import MAX_NUMBER, Number, ready_json, shown, whole_incident
from vigie.api.writes import Body, IdempotencyKey
from vigie.clock import Clock
from vigie.commands import fields as commands
from vigie.commands.words import MAX_REASON
from vigie.live import Board, Change, Collected, Feed
from vigie.store.db import Database


class Edit(Body):
    """What is left out stays as it is, `null` takes a value away. `seen` is the `position` of the
    last entry of the timeline that the editor saw; without it the last word holds.
    """

    seen: Annotated[int | None, Field(ge=0, le=MAX_NUMBER)] = None
    reason: Annotated[str, Field(max_length=MAX_REASON)] = ""
    title: str | None = None
    description: str | None = None
    category: str | None = None
    subcategory: str | None = None
    cause: str | None = None
    resolution: str | None = None
    affected: list[str] | None = None
    users_affected: Annotated[int | None, Field(strict=True)] = None
    urgency: str | None = None
    started_at: str | None = None
    fields: Annotated[dict[str, str | int | float | bool | None], Field(default_factory=dict)]

    def changes(self) -> dict[str, Any]:
        """What was said, by the names of `vigie.commands.fields`."""
        said = {name: getattr(self, name) for name in OF_RECORD if name in self.model_fields_set}
        return said | {f"{PREFIX}{name}": value for name, value in self.fields.items()}


def add(
    router: APIRouter,
    *,
    board: Board,
    db: Database,
    clock: Clock,
    feed: Feed,
    collected: Collected,
    wake: Callable[[], None],
) -> None:
    @router.patch("/incidents/{number}", tags=["incidents"], responses=shown(WholeIncident))
    @needs(Permission.RESPOND, on_incident=True)
    def edit(number: Number, body: Edit, idempotency_key: IdempotencyKey = None) -> Response:
        """Set fields, all or none. 409 says who changed the same ones since `seen`, and to what."""
        commands.edit(
            db,
            board.now.config,
            number,
            body.changes(),
            seen=body.seen,
            actor=body.actor,
            reason=body.reason,
            now=clock.now(),
            key=idempotency_key,
        )
        feed.publish(Change("incident", number))
        wake()
        return ready_json(whole_incident(board, db, number, collected))
