"""What the API does to the life of an incident: states, tiers, closing, opening again."""

from collections.abc import Callable
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints
from sqlalchemy import Connection
from starlette.responses import Response

from incidents.model import IncidentState
from vigie.access import NOT_SAID, Permission, needs
from vigie.access.requester import confirming, reopening, roles_on
from vigie.api.incident_schemas import WholeIncident
from vigie.api.reads import Number, ready_json, shown, whole_incident
from vigie.api.schemas import Shape
from vigie.api.writes import Actor, Body, IdempotencyKey, Reason
from vigie.clock import Clock
from vigie.commands import closing, record, status, tiers
from vigie.commands import reopening as again
from vigie.live import Board, Change, Collected, Feed
from vigie.store.db import Database
from vigie.views.shape import Object

TIERS: Final = {"desk": 1, "L1": 1, "L2": 2, "L3": 3}


def _storable(text: str) -> str:
    return text.replace("\x00", "").strip()


Words = Annotated[str, StringConstraints(max_length=1_000), AfterValidator(_storable)]
Tried = Annotated[str, StringConstraints(max_length=5_000), AfterValidator(_storable)]


class SetStatus(Body):
    """`sub_status` is a word of the type; an empty one takes it back."""

    state: IncidentState | None = None
    sub_status: Annotated[str, StringConstraints(max_length=80)] | None = None
    reason: Words = ""


class Why(Body):
    reason: Reason


class Escalate(Body):
    to: Literal["L1", "L2", "L3", "desk"]
    reason: Reason
    tried: Tried = ""


class Again(BaseModel):
    """`actor` is for where nobody is signed in."""

    model_config = ConfigDict(extra="forbid")
    actor: Actor = NOT_SAID
    reason: Reason


class Confirm(BaseModel):
    """`actor` is the requester, where somebody else speaks for them."""

    model_config = ConfigDict(extra="forbid")
    actor: Actor = NOT_SAID
    over: bool
    satisfaction: Annotated[int, Field(ge=1, le=again.BEST)] | None = None
    words: Words = ""


class ClosingGate(Shape):
    """Whether an incident can be closed by who asks, and everything that speaks against it."""

    ready: bool
    reasons: list[str]


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
    of: dict[str, Any] = {"tags": ["incidents"], "responses": shown(WholeIncident)}

    def done(number: int) -> Response:
        feed.publish(Change("incident", number))
        wake()
        return ready_json(whole_incident(board, db, number, collected))

    _add_states(router, of, board, db, clock, done)
    _add_ends(router, of, board, db, clock, done)
    _add_requester(router, of, board, db, clock, done)


def _add_states(  # noqa: PLR0917 - what every route here is made of
    router: APIRouter,
    of: dict[str, Any],
    board: Board,
    db: Database,
    clock: Clock,
    done: Callable[[int], Response],
) -> None:
    @router.post("/incidents/{number}/status", **of)
    @needs(Permission.RESPOND, on_incident=True)
    def set_status(
        number: Number, body: SetStatus, idempotency_key: IdempotencyKey = None
    ) -> Response:
        """Say where it stands: a state, its team's word for it, or both."""
        status.set_status(
            db,
            board.now.config,
            number,
            state=body.state,
            sub_status=body.sub_status,
            reason=body.reason,
            actor=body.actor,
            now=clock.now(),
            key=idempotency_key,
        )
        return done(number)

    @router.post("/incidents/{number}/escalate", **of)
    @needs(Permission.RESPOND, on_incident=True)
    def escalate(
        number: Number, body: Escalate, idempotency_key: IdempotencyKey = None
    ) -> Response:
        """Hand it to the next tier with what was tried, or back to the desk."""
        tiers.escalate(
            db,
            board.now.config,
            number,
            TIERS[body.to],
            actor=body.actor,
            reason=body.reason,
            tried=body.tried,
            now=clock.now(),
            key=idempotency_key,
        )
        return done(number)


def _add_ends(  # noqa: PLR0917 - as above
    router: APIRouter,
    of: dict[str, Any],
    board: Board,
    db: Database,
    clock: Clock,
    done: Callable[[int], Response],
) -> None:
    @router.post("/incidents/{number}/cancel", **of)
    @needs(Permission.RESPOND, on_incident=True)
    def cancel(number: Number, body: Why, idempotency_key: IdempotencyKey = None) -> Response:
        """Say that it is no incident after all."""
        said = {"actor": body.actor, "reason": body.reason}
        status.cancel(db, board.now.config, number, **said, now=clock.now(), key=idempotency_key)
        return done(number)

    @router.get("/incidents/{number}/closing", tags=["incidents"], responses=shown(ClosingGate))
    @needs(Permission.READ)
    def gate(number: Number) -> Response:
        """Whether it can be closed, and what speaks against it."""
        roles, config = roles_on(number), board.now.config

        def read(c: Connection) -> Object:
            found = record.find(c, number)
            reasons = closing.open_points(c, config, found, roles)
            return {"ready": not reasons, "reasons": list(reasons)}

        return ready_json(db.read(read))

    @router.post("/incidents/{number}/close", **of)
    @needs(Permission.CLOSE, on_incident=True)
    def close(number: Number, body: Why, idempotency_key: IdempotencyKey = None) -> Response:
        """Close it for good. Where it may not be closed yet, `reasons` lists why."""
        closing.close(
            db,
            board.now.config,
            number,
            actor=body.actor,
            reason=body.reason,
            roles=roles_on(number),
            now=clock.now(),
            key=idempotency_key,
        )
        return done(number)


def _add_requester(  # noqa: PLR0917 - as above
    router: APIRouter,
    of: dict[str, Any],
    board: Board,
    db: Database,
    clock: Clock,
    done: Callable[[int], Response],
) -> None:
    @router.post("/incidents/{number}/reopen", **of)
    @needs(Permission.REPORT, on_incident=True)
    def reopen(number: Number, body: Again, idempotency_key: IdempotencyKey = None) -> Response:
        """Open it again: by whoever responds, and by the requester."""
        said = {"actor": reopening(db, number, body.actor), "reason": body.reason}
        again.reopen(db, board.now.config, number, **said, now=clock.now(), key=idempotency_key)
        return done(number)

    @router.post("/incidents/{number}/confirm", **of)
    @needs(Permission.REPORT, on_incident=True)
    def confirm(number: Number, body: Confirm, idempotency_key: IdempotencyKey = None) -> Response:
        """Let the requester say that it is over; or that it is not, which opens it again."""
        again.confirm(
            db,
            board.now.config,
            number,
            over=body.over,
            satisfaction=body.satisfaction,
            words=body.words,
            actor=confirming(db, number, body.actor),
            now=clock.now(),
            key=idempotency_key,
        )
        return done(number)
