"""Time that does not count: planned maintenance is read from files, corrections are made here."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Path, Query
from pydantic import AwareDatetime, Field
from starlette.responses import Response

from vigie.access import NOT_SAID, Permission, acting, needs
from vigie.api import schemas
from vigie.api.reads import MAX_NUMBER, Cursor, Limit, Name, ready_json, shown
from vigie.api.writes import Actor, Body, IdempotencyKey, Reason
from vigie.clock import Clock
from vigie.commands import exclusions as commands
from vigie.live import Board
from vigie.store.db import Database
from vigie.views import maintenance as views

_MONTH_S = 30 * 86_400.0
_TAGS: Final[dict[str, Any]] = {"tags": ["figures"]}
Number = Annotated[int, Path(ge=1, le=MAX_NUMBER, description="The correction's id")]
# PostgreSQL keeps no NUL.
Words = Annotated[str, Field(max_length=253, pattern=r"^[^\x00]*$")]


class Counts(schemas.Shape):
    good: int
    total: int


class Exclusion(schemas.Shape):
    """A maintenance window, one item for each time that it opens, or a correction. `id` is of
    corrections, `name` of windows; empty `slos` are all SLOs of the service.
    """

    kind: Literal["maintenance", "correction"]
    id: int | None
    name: str | None
    services: list[str]
    slos: list[str]
    labels: dict[str, str]
    start: schemas.Time = Field(alias="from")
    to: schemas.Time
    by: str
    reason: str
    recurrence: str | None
    figures: dict[str, Counts]
    created_at: schemas.Time | None
    removed_at: schemas.Time | None
    removed_by: str | None
    removed_for: str | None


class NewCorrection(Body):
    """Which time to leave out, of which SLO (empty: all of the service), and why."""

    service: Words
    slo: Words = ""
    start: AwareDatetime = Field(alias="from")
    to: AwareDatetime
    reason: Reason


def add(
    router: APIRouter,
    *,
    board: Board,
    db: Database,
    clock: Clock,
    slice_s: int,
    wake: Callable[[], None],
) -> None:
    _add_list(router, board, db, clock)

    @router.post(
        "/maintenance",
        **_TAGS,
        status_code=HTTPStatus.CREATED,
        responses=shown(Exclusion, HTTPStatus.CREATED),
    )
    @needs(Permission.CORRECT)
    def correct(body: NewCorrection, idempotency_key: IdempotencyKey = None) -> Response:
        """Take past time out of the figures. What it takes out is recorded with it."""
        stored = commands.correct(
            db,
            board.now.config,
            body.service,
            body.slo,
            start=body.start.timestamp(),
            end=body.to.timestamp(),
            actor=body.actor,
            reason=body.reason,
            slice_s=slice_s,
            now=clock.now(),
            key=idempotency_key,
        )
        wake()
        return ready_json(views.correction(stored), HTTPStatus.CREATED)

    @router.delete("/maintenance/{number}", **_TAGS, responses=shown(Exclusion))
    @needs(Permission.CORRECT)
    def put_back(
        number: Number,
        reason: Annotated[Reason, Query()],
        actor: Annotated[Actor, Query()] = NOT_SAID,
    ) -> Response:
        """Let the time of a correction count again; it stays in the list as removed."""
        who = acting(actor)
        stored = commands.put_back(db, number, actor=who, reason=reason, now=clock.now())
        wake()
        return ready_json(views.correction(stored))


def _add_list(router: APIRouter, board: Board, db: Database, clock: Clock) -> None:
    @router.get("/maintenance", **_TAGS, responses=shown(schemas.Listing[Exclusion]))
    @needs(Permission.READ)
    def listed(
        service: Name = None,
        since: AwareDatetime | None = None,
        until: AwareDatetime | None = None,
        cursor: Cursor = None,
        limit: Limit = 100,
    ) -> Response:
        """Maintenance and corrections by time; default: 30 days back and 30 days on."""
        now = clock.now()
        start = now - _MONTH_S if since is None else since.timestamp()
        end = now + _MONTH_S if until is None else until.timestamp()
        found = views.maintenance(
            board.now.config, db, start, end, service=service, after=cursor or 0, limit=limit
        )
        return ready_json(found)
