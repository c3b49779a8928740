"""Problems over HTTP: what is behind incidents, known errors with their workaround, fixes."""

from collections.abc import Callable
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query
from pydantic import Field
from starlette.responses import Response

from incidents.links import MAX_TITLE, MAX_URL
from incidents.problems import ProblemEvent, ProblemState
from vigie.access import Permission, needs, viewing
from vigie.api import schemas
from vigie.api.reads import MAX_NUMBER, Cursor, Name, ready_json, shown
from vigie.api.writes import Body, IdempotencyKey, Reason, Text
from vigie.clock import Clock
from vigie.commands import problems as commands
from vigie.commands.errors import NotFound
from vigie.live import Board, Change, Feed
from vigie.store.db import Database
from vigie.views import problems as views

Number = Annotated[int, Path(ge=1, le=MAX_NUMBER, description="The problem's number")]
Limit = Annotated[int, Query(ge=1, le=200)]
_Words = Annotated[str, Field(max_length=10_000, pattern=r"^[^\x00]*$")]
_Line = Annotated[str, Field(max_length=MAX_TITLE, pattern=r"^[^\x00]*$")]


class Problem(schemas.Shape):
    """Empty: nobody said. `version` is what an edit names as `seen`."""

    number: int
    title: str
    description: str
    state: ProblemState
    service: str
    cause: str | None
    owner: str | None
    workaround: str
    root_cause: str
    fix: str
    fix_url: str
    fix_change: int | None
    created_at: schemas.Time
    created_by: str
    changed_at: schemas.Time
    fixed_at: schemas.Time | None
    fixed_by: str | None
    closed_at: schemas.Time | None
    closed_by: str | None
    closed_for: str | None
    reopened: int
    version: int
    url: str


class Counted(Problem):
    incidents: int


class Linked(schemas.Shape):
    number: int
    url: str
    title: str
    state: str
    severity: str
    service: str
    opened_at: schemas.Time
    resolved_at: schemas.Time | None
    link: int


class Happened(schemas.Shape):
    at: schemas.Time
    kind: ProblemEvent
    actor: str
    text: str


class WholeProblem(Problem):
    incidents: list[Linked]
    history: list[Happened]


class Edit(Body):
    title: _Line | None = None
    description: _Words | None = None
    service: _Line | None = None
    cause: _Line | None = None
    owner: _Line | None = None
    workaround: _Words | None = None
    root_cause: _Words | None = None
    seen: Annotated[int, Field(ge=1, le=MAX_NUMBER)] | None = None


class NewProblem(Body):
    title: _Line
    description: _Words = ""
    service: _Line = ""
    cause: _Line = ""
    owner: _Line = ""
    workaround: _Words = ""
    root_cause: _Words = ""


class Workaround(Body):
    workaround: Text


class Fixed(Body):
    """`url` and `change`, its number, say where the fix is."""

    fix: Text
    url: Annotated[str, Field(max_length=MAX_URL)] = ""
    change: Annotated[int, Field(ge=1, le=MAX_NUMBER)] | None = None


class Closed(Body):
    reason: Reason


class LinkIncident(Body):
    incident: Annotated[int, Field(ge=1, le=MAX_NUMBER)]


_FIELDS = ("title", "description", "service", "cause", "owner", "workaround", "root_cause")


def add(
    router: APIRouter,
    *,
    board: Board,
    db: Database,
    clock: Clock,
    feed: Feed,
    wake: Callable[[], None],
) -> None:
    of: Any = {"tags": ["problems"], "responses": shown(WholeProblem)}

    def whole(number: int) -> Response:
        found = views.problem(db, number, viewer=viewing())
        if found is None:
            raise NotFound(f"There is no problem {number}; /api/v1/problems lists them.")
        return ready_json(found)

    _add_reads(router, db, whole)

    @router.post("/problems", **of)
    @needs(Permission.RESPOND)
    def new(body: NewProblem, idempotency_key: IdempotencyKey = None) -> Response:
        """A new problem. The same key opens it once."""
        about: Any = {"actor": body.actor, "now": clock.now(), "key": idempotency_key}
        said = {name: getattr(body, name) for name in _FIELDS}
        return whole(commands.open_problem(db, board.now.config, said, **about)["number"])

    @router.patch("/problems/{number}", **of)
    @needs(Permission.RESPOND)
    def edit(number: Number, body: Edit, idempotency_key: IdempotencyKey = None) -> Response:
        """Set some of its fields; 409 when it is not the version `seen` any more."""
        about: Any = {"actor": body.actor, "now": clock.now(), "key": idempotency_key}
        said = {name: value for name in _FIELDS if (value := getattr(body, name)) is not None}
        commands.edit(db, board.now.config, number, said, seen=body.seen, **about)
        return whole(number)

    @router.post("/problems/{number}/incidents", **of)
    @needs(Permission.RESPOND)
    def link(
        number: Number, body: LinkIncident, idempotency_key: IdempotencyKey = None
    ) -> Response:
        """Say that it is behind an incident."""
        about: Any = {"viewer": viewing(), "now": clock.now(), "key": idempotency_key}
        config = board.now.config
        commands.link_incident(db, config, number, body.incident, actor=body.actor, **about)
        feed.publish(Change("incident", body.incident))
        wake()
        return whole(number)

    _add_steps(router, db, clock, whole)


def _add_reads(router: APIRouter, db: Database, whole: Callable[[int], Response]) -> None:
    @router.get("/problems", tags=["problems"], responses=shown(schemas.Listing[Counted]))
    @needs(Permission.READ)
    def page(
        state: Literal["unsolved"] | ProblemState | None = None,
        service: Name = None,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> Response:
        """Problems, the newest first; `unsolved` are those without a fix."""
        return ready_json(views.problems(db, state, service, cursor, limit, viewer=viewing()))

    @router.get("/problems/{number}", tags=["problems"], responses=shown(WholeProblem))
    @needs(Permission.READ)
    def one(number: Number) -> Response:
        """One problem, its incidents, and what became of it."""
        return whole(number)


def _add_steps(
    router: APIRouter, db: Database, clock: Clock, whole: Callable[[int], Response]
) -> None:
    of: Any = {"tags": ["problems"], "responses": shown(WholeProblem)}

    @router.post("/problems/{number}/known-error", **of)
    @needs(Permission.RESPOND)
    def known_error(
        number: Number, body: Workaround, idempotency_key: IdempotencyKey = None
    ) -> Response:
        """Say how to live with it, until it is fixed."""
        about: Any = {"actor": body.actor, "now": clock.now(), "key": idempotency_key}
        commands.known_error(db, number, body.workaround, **about)
        return whole(number)

    @router.post("/problems/{number}/fix", **of)
    @needs(Permission.RESPOND)
    def fix(number: Number, body: Fixed, idempotency_key: IdempotencyKey = None) -> Response:
        """Say that it is solved for good. When its cause recurs after this, it is open again."""
        about: Any = {"actor": body.actor, "now": clock.now(), "key": idempotency_key}
        commands.fix(db, number, commands.Fix(body.fix, body.url, body.change), **about)
        return whole(number)

    @router.post("/problems/{number}/close", **of)
    @needs(Permission.RESPOND)
    def close(number: Number, body: Closed, idempotency_key: IdempotencyKey = None) -> Response:
        """End it: the fix holds, or nothing will be done about it."""
        about: Any = {"actor": body.actor, "now": clock.now(), "key": idempotency_key}
        commands.close(db, number, body.reason, **about)
        return whole(number)
