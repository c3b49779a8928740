"""The forms of an incident's life. Each answers 303 with the page that shows what came of it."""

from collections.abc import Callable
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Depends, Form, Path
from starlette.responses import Response

from incidents.model import IncidentState
from vigie.access import Permission, acting, needs
from vigie.access.requester import confirming, reopening, roles_on
from vigie.clock import Clock
from vigie.commands import closing, status, tiers
from vigie.commands import reopening as again
from vigie.commands.errors import Invalid
from vigie.live import Board, Change, Feed
from vigie.store.db import Database
from vigie.web.answers import shown

Number = Annotated[int, Path(ge=1, le=2**53 - 1)]
Text = Annotated[str, Form()]
Tier = Annotated[Literal["1", "2", "3"], Form()]
NO_REASON: Final = "no reason given"
Done = Callable[[int, str], Response]


async def _actor(actor: Annotated[str, Form()] = "") -> str:
    """Who is signed in, else the name that was typed."""
    return acting(actor)


Actor = Annotated[str, Depends(_actor)]


def add(
    router: APIRouter,
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
        return shown(f"/incidents/{number}", actor)

    _add_states(router, board, db, clock, done)
    _add_ends(router, board, db, clock, done)


def _add_states(router: APIRouter, board: Board, db: Database, clock: Clock, done: Done) -> None:
    @router.post("/incidents/{number}/status")
    @needs(Permission.RESPOND, on_incident=True)
    def set_status(number: Number, actor: Actor, to: Text, reason: Text = "") -> Response:
        """`to` is a state, or a state and its team's word: `identified/waiting`."""
        state, slash, word = to.partition("/")
        status.set_status(
            db,
            board.now.config,
            number,
            state=_state(state),
            sub_status=word if slash else None,
            reason=reason,
            actor=actor,
            now=clock.now(),
        )
        return done(number, actor)

    @router.post("/incidents/{number}/escalate")
    @needs(Permission.RESPOND, on_incident=True)
    def escalate(
        number: Number, actor: Actor, tier: Tier, reason: Text, tried: Text = ""
    ) -> Response:
        said = {"actor": actor, "reason": reason, "tried": tried}
        tiers.escalate(db, board.now.config, number, int(tier), **said, now=clock.now())
        return done(number, actor)

    @router.post("/incidents/{number}/cancel")
    @needs(Permission.RESPOND, on_incident=True)
    def cancel(number: Number, actor: Actor, reason: Text) -> Response:
        said = {"actor": actor, "reason": reason}
        status.cancel(db, board.now.config, number, **said, now=clock.now())
        return done(number, actor)


def _add_ends(router: APIRouter, board: Board, db: Database, clock: Clock, done: Done) -> None:
    @router.post("/incidents/{number}/close")
    @needs(Permission.CLOSE, on_incident=True)
    def close(number: Number, actor: Actor, reason: Text = "") -> Response:
        closing.close(
            db,
            board.now.config,
            number,
            actor=actor,
            reason=reason.strip() or NO_REASON,
            roles=roles_on(number),
            now=clock.now(),
        )
        return done(number, actor)

    @router.post("/incidents/{number}/reopen")
    @needs(Permission.REPORT, on_incident=True)
    def reopen(number: Number, reason: Text, actor: Text = "") -> Response:
        who = reopening(db, number, actor)
        said = {"actor": who, "reason": reason}
        again.reopen(db, board.now.config, number, **said, now=clock.now())
        return done(number, who)

    @router.post("/incidents/{number}/confirm")
    @needs(Permission.REPORT, on_incident=True)
    def confirm(
        number: Number,
        over: Annotated[Literal["yes", "no"], Form()],
        satisfaction: Annotated[Literal["", "1", "2", "3", "4", "5"], Form()] = "",
        words: Text = "",
        actor: Text = "",
    ) -> Response:
        who, yes = confirming(db, number, actor), over == "yes"
        again.confirm(
            db,
            board.now.config,
            number,
            over=yes,
            satisfaction=int(satisfaction) if satisfaction and yes else None,
            words=words,
            actor=who,
            now=clock.now(),
        )
        return done(number, who)


def _state(word: str) -> IncidentState:
    try:
        return IncidentState(word)
    except ValueError as error:
        raise Invalid(f"`{word[:20]}` is no state") from error
