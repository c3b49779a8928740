"""What the API does to an incident: acknowledge, resolve, comment."""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Header
from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints
from starlette.responses import Response

from vigie import commands
from vigie.api import schemas
from vigie.api.reads import Number, ready_json, shown, whole_incident
from vigie.clock import Clock
from vigie.commands.errors import Conflict
from vigie.live import Board, Change, Collected, Feed
from vigie.store.db import Database


def _storable(text: str) -> str:
    if "\x00" in text:  # PostgreSQL keeps none
        raise ValueError("a text cannot hold the character NUL")
    return text


def _text(longest: int) -> StringConstraints:
    return StringConstraints(strip_whitespace=True, min_length=1, max_length=longest)


Actor = Annotated[str, _text(100), AfterValidator(_storable)]
Reason = Annotated[str, _text(1_000), AfterValidator(_storable)]
Text = Annotated[str, _text(10_000), AfterValidator(_storable)]
IdempotencyKey = Annotated[
    str | None, Header(max_length=200, description="The same key twice writes once")
]


class Body(BaseModel):
    """Who does it, by name: there are no users yet."""

    model_config = ConfigDict(extra="forbid")
    actor: Actor = "api"


class Resolve(Body):
    reason: Reason = "no reason given"


class Comment(Body):
    text: Text


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
    of: dict[str, Any] = {"tags": ["incidents"], "responses": shown(schemas.WholeIncident)}

    def done(number: int) -> Response:
        feed.publish(Change("incident", number))
        wake()
        return ready_json(whole_incident(board, db, number, collected))

    @router.post("/incidents/{number}/acknowledge", **of)
    def acknowledge(number: Number, body: Body | None = None) -> Response:
        """Say that somebody works on it. Whoever comes second sees who came first."""
        actor = (body or Body()).actor
        commands.acknowledge(db, board.now.config, number, actor, clock.now())
        return done(number)

    @router.post("/incidents/{number}/resolve", **of)
    def resolve(number: Number, body: Resolve | None = None) -> Response:
        """Say that it is over. Where it is already, nothing changes."""
        said = body or Resolve()
        try:
            commands.resolve(db, board.now.config, number, said.actor, said.reason, clock.now())
        except Conflict:
            found = whole_incident(board, db, number, collected)
            if found["resolved_at"] is None:
                raise
            return ready_json(found)
        return done(number)

    @router.post("/incidents/{number}/comment", **of)
    def comment(number: Number, body: Comment, idempotency_key: IdempotencyKey = None) -> Response:
        """Add a line to the timeline."""
        commands.comment(db, number, body.actor, body.text, clock.now(), key=idempotency_key)
        return done(number)
