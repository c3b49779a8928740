"""The deploy gate over HTTP: a pipeline asks it, and a person may open it for a while."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query
from pydantic import AfterValidator, StringConstraints
from starlette.responses import Response

from slo import windows
from slo.gate import MAX_OVERRIDE_S
from vigie.access import NOT_SAID, Permission, acting, needs
from vigie.api import schemas
from vigie.api.reads import Cursor, Limit, ready_json, shown
from vigie.api.writes import Actor, Body, IdempotencyKey, Reason
from vigie.clock import Clock
from vigie.commands import gate as commands
from vigie.commands.errors import NotFound
from vigie.live import Board
from vigie.store.db import Database
from vigie.views import gate as views
from vigie.views.shape import Object

State = Literal["open", "closed", "unknown"]
Name = Annotated[str, Path(description="The service")]


class GateReason(schemas.Shape):
    """What one SLO says; `passes` is whether deploys pass for all of it."""

    state: State
    passes: bool
    slo: str | None
    action: str | None
    text: str


class GateOverride(schemas.Shape):
    """A person's word that deploys go on."""

    id: int
    author: str
    reason: str
    created_at: schemas.Time
    expires_at: schemas.Time
    withdrawn_at: schemas.Time | None
    withdrawn_by: str | None


class Gate(schemas.Shape):
    """`gate` is what a pipeline goes by, `state` what was measured; the worst reason is first."""

    service: str
    gate: Literal["open", "closed"]
    state: State
    reasons: list[GateReason]
    override: GateOverride | None
    at: schemas.Time


def _lasting(text: str) -> str:
    if not 0.0 < windows.parse(text) <= MAX_OVERRIDE_S:
        raise ValueError(f"`{text}` is not longer than 0s and at most 7d")
    return text


Duration = Annotated[str, StringConstraints(max_length=40), AfterValidator(_lasting)]


class NewOverride(Body):
    """Who opens the gate, why, and for how long (`2h`; at most 7d)."""

    reason: Reason
    expires_in: Duration


def add(router: APIRouter, *, board: Board, db: Database, clock: Clock) -> None:
    of: dict[str, Any] = {"tags": ["gate"], "responses": shown(Gate)}

    @router.get("/services/{name}/gate", **of)
    @needs(Permission.READ)
    def gate(name: Name) -> Response:
        """Whether a pipeline may deploy this service now."""
        return ready_json(_gate(board, db, clock, name))

    @router.post("/services/{name}/gate/override", **of)
    @needs(Permission.CORRECT)
    def override(name: Name, body: NewOverride, idempotency_key: IdempotencyKey = None) -> Response:
        """Let deploys pass for a while; the gate as it is then."""
        commands.override(
            db,
            board.now.config,
            name,
            actor=body.actor,
            reason=body.reason,
            lasts_s=windows.parse(body.expires_in),
            now=clock.now(),
            key=idempotency_key,
        )
        return ready_json(_gate(board, db, clock, name))

    @router.delete("/services/{name}/gate/override", **of)
    @needs(Permission.CORRECT)
    def withdraw(name: Name, actor: Annotated[Actor, Query()] = NOT_SAID) -> Response:
        """Take back what lets deploys pass; the gate as it is then. Again, it changes nothing."""
        commands.withdraw(db, board.now.config, name, actor=acting(actor), now=clock.now())
        return ready_json(_gate(board, db, clock, name))

    @router.get(
        "/services/{name}/gate/overrides",
        tags=["gate"],
        responses=shown(schemas.Listing[GateOverride]),
    )
    @needs(Permission.READ)
    def overrides(name: Name, cursor: Cursor = None, limit: Limit = 50) -> Response:
        """Every override that there ever was, newest first."""
        return ready_json(_found(views.overrides(board.now, db, name, cursor, limit), name))


def _gate(board: Board, db: Database, clock: Clock, name: str) -> Object:
    return _found(views.gate(board.now, db, name, clock.now()), name)


def _found(answer: Object | None, name: str) -> Object:
    if answer is None:
        raise NotFound(f"There is no service `{name}`; /api/v1/services lists them.")
    return answer
