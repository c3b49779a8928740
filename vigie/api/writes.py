"""What the API does to an incident: acknowledge, resolve, comment."""

from collections.abc import Callable
from typing import Annotated, Any, Literal, Self

from fastapi import APIRouter, Header, Path
from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints, model_validator
from starlette.responses import Response

from incidents.model import Severity
from vigie import commands
from vigie.access import NOT_SAID, Permission, acting, needs
from vigie.access.requester import commenting
from vigie.api.incident_schemas import WholeIncident
from vigie.api.reads import MAX_NUMBER, Number, ready_json, shown, whole_incident
from vigie.clock import Clock
from vigie.commands import timeline
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
Position = Annotated[int, Path(ge=1, le=MAX_NUMBER, description="`position` of the entry")]
IdempotencyKey = Annotated[
    str | None, Header(max_length=200, description="The same key twice writes once")
]


class Body(BaseModel):
    """Who does it. `actor` is for where nobody is signed in; who is acts under no other name."""

    model_config = ConfigDict(extra="forbid")
    actor: Actor = NOT_SAID

    @model_validator(mode="after")
    def _signed_in(self) -> Self:
        self.actor = acting(self.actor)
        return self


class Resolve(Body):
    reason: Reason = "no reason given"


class Comment(Body):
    text: Text


class SetSeverity(Body):
    severity: Literal["SEV1", "SEV2", "SEV3", "SEV4", "measured"]
    reason: Reason


class Correction(Body):
    text: Text
    reason: Reason


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

    @router.post("/incidents/{number}/acknowledge", **of)
    @needs(Permission.RESPOND, on_incident=True)
    def acknowledge(number: Number, body: Body | None = None) -> Response:
        """Say that somebody works on it. Whoever comes second sees who came first."""
        actor = (body or Body()).actor
        commands.acknowledge(db, board.now.config, number, actor, clock.now())
        return done(number)

    @router.post("/incidents/{number}/resolve", **of)
    @needs(Permission.RESPOND, on_incident=True)
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

    _add_timeline(router, of, board=board, db=db, clock=clock, done=done)

    @router.post("/incidents/{number}/severity", **of)
    @needs(Permission.RESPOND, on_incident=True)
    def severity(
        number: Number, body: SetSeverity, idempotency_key: IdempotencyKey = None
    ) -> Response:
        """Let a severity stand over what is measured; `measured` takes that back."""
        meant = None if body.severity == "measured" else Severity[body.severity]
        commands.set_severity(
            db,
            board.now.config,
            number,
            meant,
            actor=body.actor,
            reason=body.reason,
            now=clock.now(),
            key=idempotency_key,
        )
        return done(number)


def _add_timeline(
    router: APIRouter,
    of: dict[str, Any],
    *,
    board: Board,
    db: Database,
    clock: Clock,
    done: Callable[[int], Response],
) -> None:
    @router.post("/incidents/{number}/comment", **of)
    @needs(Permission.REPORT, on_incident=True)
    def comment(number: Number, body: Comment, idempotency_key: IdempotencyKey = None) -> Response:
        """Add words in Markdown to the timeline; users that they name with `@name` are told."""
        commands.comment(
            db,
            board.now.config,
            number,
            body.text,
            actor=commenting(db, number, body.actor),
            now=clock.now(),
            key=idempotency_key,
        )
        return done(number)

    @router.post("/incidents/{number}/timeline/{entry}/correction", **of)
    @needs(Permission.RESPOND, on_incident=True)
    def correct(
        number: Number, entry: Position, body: Correction, idempotency_key: IdempotencyKey = None
    ) -> Response:
        """Say what an entry should have said; it stays, and the two are shown beside each other."""
        said = {"actor": body.actor, "text": body.text, "reason": body.reason}
        timeline.correct(db, number, entry, **said, now=clock.now(), key=idempotency_key)
        return done(number)
