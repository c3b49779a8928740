"""Tasks on incidents: added, edited, done, verified, dropped; and all that are left to be done."""

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Path
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from starlette.responses import Response

from incidents.tasks import TaskKind, TaskSource, TaskState
from vigie.access import Permission, current, needs, viewing
from vigie.api import schemas
from vigie.api.reads import MAX_NUMBER, Cursor, Limit, Name, Number, no_incident, ready_json, shown
from vigie.api.writes import Body, IdempotencyKey, Reason
from vigie.clock import Clock
from vigie.commands import tasks as commands
from vigie.commands.errors import Invalid
from vigie.live import Board, Change, Feed
from vigie.store.db import Database
from vigie.store.tasks import Row
from vigie.views import tasks as views

_TAGS: Final[dict[str, Any]] = {"tags": ["tasks"]}
TaskNumber = Annotated[int, Path(ge=1, le=MAX_NUMBER, description="The task, within its incident")]
# PostgreSQL keeps no NUL.
Line = Annotated[str, Field(max_length=2_000, pattern=r"^[^\x00]*$")]
_FIELDS: Final = frozenset({"title", "description", "owner", "kind", "priority", "due_at", "check"})
Op = Literal["<", "<=", ">", ">=", "==", "!="]


class Task(schemas.Shape):
    """A task of an incident. `check_text` says in words what its check asks, `check_result` what it
    found last; without a check somebody else than who did it verifies it. `version` is what an
    edit says as `seen`.
    """

    incident: int
    task: int
    source: TaskSource
    kind: TaskKind
    title: str
    description: str
    owner: str | None
    priority: Literal["P1", "P2", "P3", "P4", "P5"] | None
    state: TaskState
    due_at: schemas.Time
    check: dict[str, Any] | None
    check_text: str | None
    checked_at: schemas.Time | None
    check_result: str | None
    created_at: schemas.Time
    created_by: str
    done_at: schemas.Time | None
    done_by: str | None
    verified_at: schemas.Time | None
    verified_by: str | None
    dropped_for: str | None
    reopened: int
    version: int
    url: str
    overdue: bool


class ListedTask(Task):
    """A task with what its incident is about."""

    incident_title: str
    service: str


class SloCheck(BaseModel):
    """An SLO is met over a window (default: its own), or burns below a rate over it."""

    model_config = ConfigDict(extra="forbid")
    kind: Literal["slo"]
    slo: Line
    window: Line | None = None
    burn_below: float | None = Field(None, gt=0, allow_inf_nan=False)


class PromqlCheck(BaseModel):
    """Every series of an expression compares so with a value; no series is no answer."""

    model_config = ConfigDict(extra="forbid")
    kind: Literal["promql"]
    expr: Line
    source: Line | None = None
    op: Op = "!="
    value: float = Field(0.0, allow_inf_nan=False)


class RunCheck(BaseModel):
    """A runbook ran on the incident, and ended well."""

    model_config = ConfigDict(extra="forbid")
    kind: Literal["run"]
    runbook: Line


AnyCheck = Annotated[SloCheck | PromqlCheck | RunCheck, Field(discriminator="kind")]


class NewTask(Body):
    """Without `due_at` it is due in a day; of a review, in a week."""

    title: Annotated[str, Field(max_length=1_000)]
    description: Annotated[str, Field(max_length=20_000)] = ""
    owner: Annotated[str, Field(max_length=200)] | None = None
    source: Literal["incident", "review"] = "incident"
    kind: TaskKind = TaskKind.WORK
    priority: Annotated[int, Field(ge=1, le=5)] | None = None
    due_at: AwareDatetime | None = None
    check: AnyCheck | None = None


class TaskEdit(Body):
    """What to change, and the `version` that it was seen in; null takes owner, priority or check
    away.
    """

    seen: Annotated[int, Field(ge=1)] | None = None
    title: Annotated[str, Field(max_length=1_000)] = ""
    description: Annotated[str, Field(max_length=20_000)] = ""
    owner: Annotated[str, Field(max_length=200)] | None = None
    kind: TaskKind = TaskKind.WORK
    priority: Annotated[int, Field(ge=1, le=5)] | None = None
    due_at: AwareDatetime | None = None
    check: AnyCheck | None = None
    state: Literal["open", "doing"] | None = None


class Drop(Body):
    reason: Reason


def add(
    router: APIRouter,
    *,
    board: Board,
    db: Database,
    clock: Clock,
    feed: Feed,
    wake: Callable[[], None],
) -> None:
    _add_reads(router, db, clock)
    _add_edits(router, board, db, clock, _told(clock, feed, wake))
    _add_steps(router, db, clock, _told(clock, feed, wake))


def _told(clock: Clock, feed: Feed, wake: Callable[[], None]) -> Callable[..., Response]:
    def done(row: Row, status: HTTPStatus = HTTPStatus.OK) -> Response:
        feed.publish(Change("incident", row["incident"]))
        wake()
        return ready_json(views.shown(row, clock.now()), status)

    return done


def _add_reads(router: APIRouter, db: Database, clock: Clock) -> None:
    @router.get("/tasks", responses=shown(schemas.Listing[ListedTask]), **_TAGS)
    @needs(Permission.READ)
    def page(
        state: Literal["left", "all"] | TaskState = "left",
        owner: Name = None,
        overdue: bool | None = None,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> Response:
        """Tasks of all incidents, what is due first first; `left` is open or doing."""
        of_state = None if state == "all" else str(state)
        asked: dict[str, Any] = {"state": of_state, "owner": owner, "overdue": overdue}
        more: dict[str, Any] = {"cursor": cursor, "limit": limit, "viewer": viewing()}
        return ready_json(views.page(db, clock.now(), **asked, **more))

    @router.get("/incidents/{number}/tasks", responses=shown(schemas.Listing[Task]), **_TAGS)
    @needs(Permission.READ, on_incident=True)
    def listed(number: Number) -> Response:
        """The tasks of an incident in the order in which they were added."""
        found = views.of_incident(db, number, clock.now())
        if found is None:
            raise no_incident(number)
        return ready_json(found)


def _add_edits(
    router: APIRouter, board: Board, db: Database, clock: Clock, done: Callable[..., Response]
) -> None:
    @router.post(
        "/incidents/{number}/tasks",
        status_code=HTTPStatus.CREATED,
        responses=shown(Task, HTTPStatus.CREATED),
        **_TAGS,
    )
    @needs(Permission.RESPOND, on_incident=True)
    def new(number: Number, body: NewTask, idempotency_key: IdempotencyKey = None) -> Response:
        """Add a task to an incident, also to one that is over."""
        row = commands.add(
            db,
            board.now.config,
            number,
            body.title,
            actor=body.actor,
            now=clock.now(),
            key=idempotency_key,
            source=TaskSource(body.source),
            kind=body.kind,
            **_said(body, _FIELDS - {"title", "kind"}),
        )
        return done(row, HTTPStatus.CREATED)

    @router.patch("/incidents/{number}/tasks/{task}", responses=shown(Task), **_TAGS)
    @needs(Permission.RESPOND, on_incident=True)
    def edit(
        number: Number, task: TaskNumber, body: TaskEdit, idempotency_key: IdempotencyKey = None
    ) -> Response:
        """Change a task, begin it (`state: doing`) or open it again. 409 says what others changed
        since `seen`.
        """
        said: dict[str, Any] = {"actor": body.actor, "now": clock.now(), "key": idempotency_key}
        fields = _FIELDS & body.model_fields_set
        if body.state is not None and fields:
            raise Invalid("the state of a task changes alone: send its fields in another request")
        if body.state is not None:
            move = commands.undo if body.state == "open" else commands.start
            return done(move(db, number, task, **said))
        config, changes = board.now.config, _said(body, fields)
        return done(commands.edit(db, config, number, task, changes, seen=body.seen, **said))


def _add_steps(
    router: APIRouter, db: Database, clock: Clock, done: Callable[..., Response]
) -> None:
    @router.post("/incidents/{number}/tasks/{task}/do", responses=shown(Task), **_TAGS)
    @needs(Permission.RESPOND, on_incident=True)
    def do(
        number: Number,
        task: TaskNumber,
        body: Body | None = None,
        idempotency_key: IdempotencyKey = None,
    ) -> Response:
        """Say that it is done; its check looks at once."""
        actor = (body or Body()).actor
        said: dict[str, Any] = {"actor": actor, "now": clock.now(), "key": idempotency_key}
        return done(commands.do(db, number, task, **said))

    @router.post("/incidents/{number}/tasks/{task}/verify", responses=shown(Task), **_TAGS)
    @needs(Permission.RESPOND, on_incident=True)
    def verify(
        number: Number,
        task: TaskNumber,
        body: Body | None = None,
        idempotency_key: IdempotencyKey = None,
    ) -> Response:
        """Say that what somebody else did holds; of a task with a check, let that look now."""
        actor = (body or Body()).actor
        said: dict[str, Any] = {"actor": actor, "now": clock.now(), "key": idempotency_key}
        apart = bool(current().name)
        return done(commands.verify(db, number, task, **said, told_apart=apart))

    @router.post("/incidents/{number}/tasks/{task}/drop", responses=shown(Task), **_TAGS)
    @needs(Permission.RESPOND, on_incident=True)
    def drop(
        number: Number, task: TaskNumber, body: Drop, idempotency_key: IdempotencyKey = None
    ) -> Response:
        """Say that it won't be done, and why."""
        said: dict[str, Any] = {"actor": body.actor, "now": clock.now(), "key": idempotency_key}
        return done(commands.drop(db, number, task, reason=body.reason, **said))


def _said(body: NewTask | TaskEdit, names: frozenset[str]) -> Mapping[str, Any]:
    """What a body says, as the commands take it."""
    found = {name: getattr(body, name) for name in names}
    if found.get("due_at") is not None:
        found["due_at"] = found["due_at"].timestamp()
    if found.get("check") is not None:
        found["check"] = found["check"].model_dump(exclude_none=True)
    return found
