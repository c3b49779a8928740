"""Who does what on an incident, over HTTP: parts, watchers, teams, who sees a restricted one."""

from collections.abc import Callable
from typing import Annotated, Any, Final

from fastapi import APIRouter
from pydantic import AfterValidator, StringConstraints
from starlette.responses import Response

from incidents.people import Part
from vigie.access import Permission, needs, viewing
from vigie.api.incident_schemas import WholeIncident
from vigie.api.people_schemas import LetIn
from vigie.api.people_schemas import People as PeopleShown
from vigie.api.reads import Number, no_incident, ready_json, shown, whole_incident
from vigie.api.writes import Body, IdempotencyKey, Reason
from vigie.clock import Clock
from vigie.commands import people as commands
from vigie.commands import restrict as restricting
from vigie.live import Board, Change, Collected, Feed
from vigie.store import incidents
from vigie.store import timeline as entries
from vigie.store.db import Database
from vigie.views import people as views
from vigie.views.shape import Object


def _line(text: str) -> str:
    if not text.isprintable():
        raise ValueError("it holds characters that cannot be shown")
    return text


Name = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=100),
    AfterValidator(_line),
]
_TAGS: Final[dict[str, Any]] = {"tags": ["incidents"]}
_OF: Final[dict[str, Any]] = {**_TAGS, "responses": shown(WholeIncident)}


class Taken(Body):
    part: Part


class HandedOver(Body):
    part: Part
    to: Name
    note: Reason


class Assigned(Body):
    part: Part
    to: Name


class Called(Body):
    team: Name
    note: Reason | None = None


class Why(Body):
    reason: Reason


class NewParticipant(Body):
    name: Name
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
    def done(number: int) -> Response:
        feed.publish(Change("incident", number))
        wake()
        return ready_json(whole_incident(board, db, number, collected))

    _add_parts(router, board, db, clock, done)
    _add_watchers(router, db, clock, done)
    _add_restriction(router, board, db, clock, done)

    @router.get("/incidents/{number}/participants", **_TAGS, responses=shown(PeopleShown))
    @needs(Permission.READ)
    def listed(number: Number) -> Response:
        """Who holds what, who did before, who watches, which teams and guests there are."""

        def read(c: Any) -> Object | None:
            if incidents.get(c, number) is None:
                return None
            return views.of_incident(c, number, entries.read(c, number))

        found = db.read(read)
        if found is None:
            raise no_incident(number)
        return ready_json(found)

    @router.post("/incidents/{number}/teams", **_OF)
    @needs(Permission.RESPOND, on_incident=True)
    def call(number: Number, body: Called, idempotency_key: IdempotencyKey = None) -> Response:
        """Pull another team in; everybody who gets notices is told."""
        facts: dict[str, Any] = {"actor": body.actor, "now": clock.now(), "key": idempotency_key}
        commands.call_team(db, board.now.config, number, body.team, body.note or "", **facts)
        return done(number)


def me(actor: str) -> str:
    """The person who acts: whose session or token it is, else the name that was given."""
    return viewing().name or commands.person_of(actor)


def _add_parts(
    router: APIRouter, board: Board, db: Database, clock: Clock, done: Callable[[int], Response]
) -> None:
    def facts(body: Body, key: str | None) -> dict[str, Any]:
        return {"actor": body.actor, "now": clock.now(), "key": key}

    @router.post("/incidents/{number}/take", **_OF)
    @needs(Permission.RESPOND, on_incident=True)
    def take(number: Number, body: Taken, idempotency_key: IdempotencyKey = None) -> Response:
        """Take a part; one that a single person holds goes over from them."""
        more = facts(body, idempotency_key) | {"name": me(body.actor)}
        commands.take(db, board.now.config, number, body.part, **more)
        return done(number)

    @router.post("/incidents/{number}/hand-over", **_OF)
    @needs(Permission.RESPOND, on_incident=True)
    def hand_over(
        number: Number, body: HandedOver, idempotency_key: IdempotencyKey = None
    ) -> Response:
        """Give one's own part to somebody, with a note of what they have to know."""
        more = facts(body, idempotency_key) | {"name": me(body.actor)}
        commands.hand_over(db, board.now.config, number, body.part, body.to, body.note, **more)
        return done(number)

    @router.post("/incidents/{number}/leave", **_OF)
    @needs(Permission.RESPOND, on_incident=True)
    def leave(number: Number, body: Taken, idempotency_key: IdempotencyKey = None) -> Response:
        """Give one's own part up."""
        more = facts(body, idempotency_key) | {"name": me(body.actor)}
        commands.leave(db, board.now.config, number, body.part, **more)
        return done(number)

    @router.post("/incidents/{number}/assign", **_OF)
    @needs(Permission.RESPOND, on_incident=True)
    def assign(number: Number, body: Assigned, idempotency_key: IdempotencyKey = None) -> Response:
        """Give a part to somebody."""
        more = facts(body, idempotency_key)
        commands.assign(db, board.now.config, number, body.to, body.part, **more)
        return done(number)


def _add_watchers(
    router: APIRouter, db: Database, clock: Clock, done: Callable[[int], Response]
) -> None:
    @router.post("/incidents/{number}/watch", **_OF)
    @needs(Permission.REPORT, on_incident=True)
    def watch(number: Number, body: Body | None = None) -> Response:
        """Be told of an incident. Twice changes nothing."""
        actor = (body or Body()).actor
        commands.watch(db, number, name=me(actor), actor=actor, now=clock.now())
        return done(number)

    @router.post("/incidents/{number}/unwatch", **_OF)
    @needs(Permission.REPORT, on_incident=True)
    def unwatch(number: Number, body: Body | None = None) -> Response:
        """Be told no longer."""
        commands.unwatch(db, number, name=me((body or Body()).actor), now=clock.now())
        return done(number)


def _add_restriction(
    router: APIRouter, board: Board, db: Database, clock: Clock, done: Callable[[int], Response]
) -> None:
    @router.post("/incidents/{number}/restrict", **_OF)
    @needs(Permission.RESPOND, on_incident=True)
    def restrict(number: Number, body: Why, idempotency_key: IdempotencyKey = None) -> Response:
        """Show it to its participants only, of whom you are one then. Who only watched is none."""
        facts: dict[str, Any] = {"actor": body.actor, "now": clock.now(), "key": idempotency_key}
        restricting.restrict(
            db, board.now.config, number, body.reason, name=me(body.actor), **facts
        )
        return done(number)

    @router.post("/incidents/{number}/unrestrict", **_OF)
    @needs(Permission.RESPOND, on_incident=True)
    def unrestrict(number: Number, body: Why, idempotency_key: IdempotencyKey = None) -> Response:
        """Show it to everybody again, with all that was written meanwhile."""
        facts: dict[str, Any] = {"actor": body.actor, "now": clock.now(), "key": idempotency_key}
        restricting.unrestrict(db, board.now.config, number, body.reason, **facts)
        return done(number)

    @router.post("/incidents/{number}/participants", **_TAGS, responses=shown(LetIn))
    @needs(Permission.ADMINISTER, blind=True)
    def let_in(
        number: Number, body: NewParticipant, idempotency_key: IdempotencyKey = None
    ) -> Response:
        """Make somebody a participant of an incident that you may not see, so that none is lost.
        The timeline says so; the answer says nothing of the incident.
        """
        facts: dict[str, Any] = {"actor": body.actor, "now": clock.now(), "key": idempotency_key}
        config = board.now.config
        name = restricting.let_in(db, config, number, body.name, body.reason, **facts)
        done(number)
        return ready_json({"number": number, "name": name})
