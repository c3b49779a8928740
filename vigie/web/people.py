"""The forms of who does what on an incident. Each answers 303 with the page that shows what came of
it; a new guest's link is shown on a page of its own, this once.
"""

from collections.abc import Callable
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Depends, Form, Path
from starlette.requests import Request
from starlette.responses import Response

from incidents.people import Part
from slo import windows
from vigie.access import GUEST, Permission, acting, needs, viewing
from vigie.clock import Clock
from vigie.commands import guests
from vigie.commands import people as commands
from vigie.commands import restrict as restricting
from vigie.commands.errors import Invalid
from vigie.live import Board, Change, Feed
from vigie.store.db import Database
from vigie.views import people as views
from vigie.web.answers import shown
from vigie.web.render import Templates

Number = Annotated[int, Path(ge=1, le=2**53 - 1)]
Text = Annotated[str, Form()]
PartField = Annotated[Part, Form()]
Role = Annotated[Literal["viewer", "responder"], Form()]
_LASTS: Final = windows.show(guests.DEFAULT_S)
Done = Callable[[int, str], Response]


async def _actor(actor: Annotated[str, Form()] = "") -> str:
    """Who is signed in, else the name that was typed."""
    return acting(actor)


Actor = Annotated[str, Depends(_actor)]


def add(
    router: APIRouter,
    templates: Templates,
    *,
    board: Board,
    db: Database,
    clock: Clock,
    feed: Feed,
    wake: Callable[[], None],
) -> None:
    def done(number: int, actor: str) -> Response:
        feed.publish(Change("incident", number))
        wake()
        return shown(f"/incidents/{number}#people", actor)

    _add_parts(router, board, db, clock, done)
    _add_others(router, board, db, clock, done)
    _add_guests(router, templates, board, db, clock, done)


def _me(actor: str) -> str:
    return viewing().name or commands.person_of(actor)


def _add_parts(router: APIRouter, board: Board, db: Database, clock: Clock, done: Done) -> None:
    @router.post("/incidents/{number}/take")
    @needs(Permission.RESPOND, on_incident=True)
    def take(number: Number, part: PartField, actor: Actor) -> Response:
        config, now = board.now.config, clock.now()
        commands.take(db, config, number, part, name=_me(actor), actor=actor, now=now)
        return done(number, actor)

    @router.post("/incidents/{number}/assign")
    @needs(Permission.RESPOND, on_incident=True)
    def assign(number: Number, part: PartField, to: Text, actor: Actor) -> Response:
        config, now = board.now.config, clock.now()
        commands.assign(db, config, number, to, part, actor=actor, now=now)
        return done(number, actor)

    @router.post("/incidents/{number}/hand-over")
    @needs(Permission.RESPOND, on_incident=True)
    def hand_over(number: Number, part: PartField, to: Text, note: Text, actor: Actor) -> Response:
        more: dict[str, Any] = {"name": _me(actor), "actor": actor, "now": clock.now()}
        commands.hand_over(db, board.now.config, number, part, to, note, **more)
        return done(number, actor)

    @router.post("/incidents/{number}/leave")
    @needs(Permission.RESPOND, on_incident=True)
    def leave(number: Number, part: PartField, actor: Actor) -> Response:
        config, now = board.now.config, clock.now()
        commands.leave(db, config, number, part, name=_me(actor), actor=actor, now=now)
        return done(number, actor)


def _add_others(router: APIRouter, board: Board, db: Database, clock: Clock, done: Done) -> None:
    @router.post("/incidents/{number}/watch")
    @needs(Permission.REPORT, on_incident=True)
    def watch(number: Number, actor: Actor) -> Response:
        commands.watch(db, number, name=_me(actor), actor=actor, now=clock.now())
        return done(number, actor)

    @router.post("/incidents/{number}/unwatch")
    @needs(Permission.REPORT, on_incident=True)
    def unwatch(number: Number, actor: Actor) -> Response:
        commands.unwatch(db, number, name=_me(actor), now=clock.now())
        return done(number, actor)

    @router.post("/incidents/{number}/teams")
    @needs(Permission.RESPOND, on_incident=True)
    def call(number: Number, team: Text, actor: Actor, note: Text = "") -> Response:
        more: dict[str, Any] = {"actor": actor, "now": clock.now()}
        commands.call_team(db, board.now.config, number, team, note.strip(), **more)
        return done(number, actor)

    @router.post("/incidents/{number}/restrict")
    @needs(Permission.RESPOND, on_incident=True)
    def restrict(number: Number, reason: Text, actor: Actor) -> Response:
        more: dict[str, Any] = {"name": _me(actor), "actor": actor, "now": clock.now()}
        restricting.restrict(db, board.now.config, number, reason, **more)
        return done(number, actor)

    @router.post("/incidents/{number}/unrestrict")
    @needs(Permission.RESPOND, on_incident=True)
    def unrestrict(number: Number, reason: Text, actor: Actor) -> Response:
        more: dict[str, Any] = {"actor": actor, "now": clock.now()}
        restricting.unrestrict(db, board.now.config, number, reason, **more)
        return done(number, actor)


def _add_guests(  # noqa: PLR0917 - as `add`
    router: APIRouter, templates: Templates, board: Board, db: Database, clock: Clock, done: Done
) -> None:
    @router.post("/incidents/{number}/guests")
    @needs(Permission.RESPOND, on_incident=True)
    def invite(  # noqa: PLR0917 - the fields of a form
        request: Request,
        number: Number,
        guest: Text,
        actor: Actor,
        role: Role = "viewer",
        expires_in: Text = _LASTS,
    ) -> Response:
        try:
            lasts_s = windows.parse(expires_in.strip())
        except ValueError as error:
            raise Invalid(f"how long the link lasts is not readable: {error}") from error
        config, now = board.now.config, clock.now()
        made, secret = guests.invite(db, config, number, guest, role, lasts_s, actor=actor, now=now)
        done(number, actor)
        facts: dict[str, Any] = {
            "number": number,
            "guest": views.guest(made),
            "link": f"{str(request.base_url).rstrip('/')}{GUEST}{secret}",
        }
        return templates.page("invited.html", now, facts)

    @router.post("/incidents/{number}/guests/{guest}/revoke")
    @needs(Permission.RESPOND, on_incident=True)
    def revoke(number: Number, guest: Number, actor: Actor) -> Response:
        guests.revoke(db, board.now.config, number, guest, actor=actor, now=clock.now())
        return done(number, actor)
