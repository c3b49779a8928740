"""Reviews of incidents: begun, written, asked for, approved, final; and the list of all."""

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Annotated, Any, Final

from fastapi import APIRouter
from pydantic import AfterValidator, Field, StringConstraints
from starlette.responses import Response

from incidents.review import MAX_LINE, MAX_SECTION, MOST_REVIEWERS, ReviewState
from vigie.access import Permission, current, needs, viewing
from vigie.api import schemas
from vigie.api.reads import Cursor, Limit, Number, ready_json, shown
from vigie.api.tasks import Task
from vigie.api.writes import Body, IdempotencyKey, Reason
from vigie.clock import Clock
from vigie.commands import reviews as commands
from vigie.commands.errors import NotFound
from vigie.live import Board, Change, Feed
from vigie.store.db import Database
from vigie.views import review as views
from vigie.views import reviews as lists
from vigie.views.review import ReviewFormat
from vigie.views.shape import Object

_TAGS: Final[dict[str, Any]] = {"tags": ["reviews"]}
_MEDIA: Final[Mapping[ReviewFormat, tuple[str, str]]] = {
    ReviewFormat.MARKDOWN: ("text/markdown; charset=utf-8", "md"),
    ReviewFormat.YAML: ("application/yaml", "yaml"),
}


def _storable(text: str) -> str:
    return text.replace("\x00", "")


def _words(longest: int) -> Any:
    return StringConstraints(max_length=longest)


Section = Annotated[str, _words(MAX_SECTION), AfterValidator(_storable)]
Line = Annotated[str, _words(2 * MAX_LINE), AfterValidator(_storable)]
Person = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]


class Reviewer(schemas.Shape):
    """`approved_at` is of what the review says now: a change withdraws it."""

    name: str
    asked_at: schemas.Time | None
    approved_at: schemas.Time | None


class ReviewHead(schemas.Shape):
    """`version` is what an edit says as `seen`."""

    incident: int
    incident_title: str
    service: str
    severity: str
    state: ReviewState
    author: str
    created_at: schemas.Time
    changed_at: schemas.Time
    final_at: schemas.Time | None
    final_by: str | None
    reopened: int
    version: int
    reviewers: list[Reviewer]
    url: str


class ListedReview(ReviewHead):
    """`actions` are those that were not dropped, `actions_done` those of them done or verified."""

    approved_by: list[str]
    actions: int
    actions_done: int
    actions_verified: int


class ReviewSection(schemas.Shape):
    """A section of the template. Where `written_by` is null the text is what the record says;
    `offered` are facts of the record for whoever writes it.
    """

    name: str
    title: str
    hint: str
    required: bool
    text: str
    offered: list[str]
    written_by: str | None
    written_at: schemas.Time | None


class Review(ReviewHead):
    """`points` is what it lacks to be final."""

    sections: list[ReviewSection]
    root_cause: str | None
    factors: list[str]
    whys: list[str]
    actions: list[Task]
    points: list[str]


class ReviewEdit(Body):
    """What to write: texts by section; an empty one gives a section back to the record. `seen` is
    the `version` that it was seen in.
    """

    seen: Annotated[int, Field(ge=1)] | None = None
    sections: dict[Line, Section] = Field(default_factory=dict, max_length=50)
    root_cause: Line | None = None
    factors: list[Line] = Field(default_factory=list, max_length=100)
    whys: list[Line] = Field(default_factory=list, max_length=100)

    def changes(self) -> dict[str, Any]:
        """As the command takes it: what was said and nothing else."""
        said = self.model_fields_set & {"root_cause", "factors", "whys"}
        return {**self.sections, **{name: getattr(self, name) for name in sorted(said)}}


class Ask(Body):
    reviewers: Annotated[list[Person], Field(min_length=1, max_length=MOST_REVIEWERS)]


class Why(Body):
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
    def found(number: int) -> Object:
        whole = views.review(db, board.now.config, number, clock.now())
        if whole is None:
            raise NotFound(f"Incident {number} has no review; POST to this address begins one.")
        return whole

    def done(number: int, status: HTTPStatus = HTTPStatus.OK) -> Response:
        feed.publish(Change("incident", number))
        wake()
        return ready_json(found(number), status)

    _add_reads(router, db, found)
    _add_writes(router, board, db, clock, done)
    _add_steps(router, board, db, clock, done)


def _add_reads(router: APIRouter, db: Database, found: Callable[[int], Object]) -> None:
    @router.get("/reviews", responses=shown(schemas.Listing[ListedReview]), **_TAGS)
    @needs(Permission.READ)
    def page(
        state: ReviewState | None = None, cursor: Cursor = None, limit: Limit = 50
    ) -> Response:
        """Reviews of all incidents, the latest begun first."""
        asked: dict[str, Any] = {"cursor": cursor, "limit": limit, "viewer": viewing()}
        return ready_json(lists.page(db, state=state, **asked))

    @router.get("/incidents/{number}/review", responses=shown(Review), **_TAGS)
    @needs(Permission.READ, on_incident=True)
    def one(number: Number, format: ReviewFormat = ReviewFormat.JSON) -> Response:
        """The review of an incident, as JSON or as a document to keep."""
        whole = found(number)
        if format is ReviewFormat.JSON:
            return ready_json(whole)
        media, suffix = _MEDIA[format]
        name = f"incident-{number}-review.{suffix}"
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        return Response(views.document(whole, format), headers=headers, media_type=media)


def _add_writes(
    router: APIRouter, board: Board, db: Database, clock: Clock, done: Callable[..., Response]
) -> None:
    @router.post(
        "/incidents/{number}/review",
        status_code=HTTPStatus.CREATED,
        responses=shown(Review, HTTPStatus.CREATED),
        **_TAGS,
    )
    @needs(Permission.RESPOND, on_incident=True)
    def start(
        number: Number, body: Body | None = None, idempotency_key: IdempotencyKey = None
    ) -> Response:
        """Begin the review of an incident that is over, drafted from its record."""
        said: dict[str, Any] = {"actor": (body or Body()).actor, "key": idempotency_key}
        commands.start(db, board.now.config, number, now=clock.now(), **said)
        return done(number, HTTPStatus.CREATED)

    @router.patch("/incidents/{number}/review", responses=shown(Review), **_TAGS)
    @needs(Permission.RESPOND, on_incident=True)
    def edit(number: Number, body: ReviewEdit, idempotency_key: IdempotencyKey = None) -> Response:
        """Write sections, all or none. 409 says which of them others wrote since `seen`."""
        said: dict[str, Any] = {"actor": body.actor, "seen": body.seen, "key": idempotency_key}
        commands.edit(db, board.now.config, number, body.changes(), now=clock.now(), **said)
        return done(number)


def _add_steps(
    router: APIRouter, board: Board, db: Database, clock: Clock, done: Callable[..., Response]
) -> None:
    @router.post("/incidents/{number}/review/ask", responses=shown(Review), **_TAGS)
    @needs(Permission.RESPOND, on_incident=True)
    def ask(number: Number, body: Ask, idempotency_key: IdempotencyKey = None) -> Response:
        """Ask people to approve it; they are told."""
        said: dict[str, Any] = {"actor": body.actor, "now": clock.now(), "key": idempotency_key}
        commands.ask(db, board.now.config, number, body.reviewers, **said)
        return done(number)

    @router.post("/incidents/{number}/review/approve", responses=shown(Review), **_TAGS)
    @needs(Permission.RESPOND, on_incident=True)
    def approve(
        number: Number, body: Body | None = None, idempotency_key: IdempotencyKey = None
    ) -> Response:
        """Say that it stands as it is written; whoever began it does not."""
        said: dict[str, Any] = {"actor": (body or Body()).actor, "key": idempotency_key}
        said |= {"now": clock.now(), "told_apart": bool(current().name)}
        commands.approve(db, board.now.config, number, **said)
        return done(number)

    @router.post("/incidents/{number}/review/finalize", responses=shown(Review), **_TAGS)
    @needs(Permission.RESPOND, on_incident=True)
    def finalize(
        number: Number, body: Body | None = None, idempotency_key: IdempotencyKey = None
    ) -> Response:
        """Say that it is done. 409 says everything that it lacks."""
        said: dict[str, Any] = {"actor": (body or Body()).actor, "key": idempotency_key}
        said |= {"now": clock.now(), "drafted": views.drafted_of(db, number)}
        commands.finalize(db, board.now.config, number, **said)
        return done(number)

    @router.post("/incidents/{number}/review/reopen", responses=shown(Review), **_TAGS)
    @needs(Permission.RESPOND, on_incident=True)
    def reopen(number: Number, body: Why, idempotency_key: IdempotencyKey = None) -> Response:
        """Make it a draft again, to change what it says."""
        said: dict[str, Any] = {"actor": body.actor, "reason": body.reason, "key": idempotency_key}
        commands.reopen(db, board.now.config, number, now=clock.now(), **said)
        return done(number)
