"""The forms of an incident's page. Each answers 303 with the page that shows what came of it."""

from collections.abc import Callable
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Form, Path
from starlette.responses import Response

from incidents.model import Severity
from vigie import commands
from vigie.access import Permission, Role, acting, needs
from vigie.access.requester import commenting
from vigie.clock import Clock
from vigie.commands import timeline
from vigie.live import Board, Change, Feed
from vigie.store.db import Database
from vigie.web.answers import shown

Number = Annotated[int, Path(ge=1, le=2**53 - 1)]
Text = Annotated[str, Form()]


async def _actor(actor: Annotated[str, Form()] = "") -> str:
    """Who is signed in, else the name that was typed."""
    return acting(actor)


Actor = Annotated[str, Depends(_actor)]
Chosen = Annotated[Literal["SEV1", "SEV2", "SEV3", "SEV4", "measured"], Form()]
Entry = Annotated[int, Form(ge=1, le=2**53 - 1)]  # its position


def add(
    router: APIRouter,
    *,
    board: Board,
    db: Database,
    clock: Clock,
    feed: Feed,
    wake: Callable[[], None],
) -> None:
    def done(number: int, actor: str, place: str = "") -> Response:
        feed.publish(Change("incident", number))
        wake()
        return shown(f"/incidents/{number}{place}", actor)

    @router.post("/incidents/{number}/acknowledge")
    @needs(Permission.RESPOND, on_incident=True)
    def acknowledge(number: Number, actor: Actor) -> Response:
        commands.acknowledge(db, board.now.config, number, actor, clock.now())
        return done(number, actor)

    @router.post("/incidents/{number}/resolve")
    @needs(Permission.RESPOND, on_incident=True)
    def resolve(number: Number, actor: Actor, reason: Text = "") -> Response:
        why = reason.strip() or "no reason given"
        commands.resolve(db, board.now.config, number, actor, why, clock.now())
        return done(number, actor)

    @router.post("/incidents/{number}/comment")
    @needs(Permission.REPORT, on_incident=True, guests=Role.VIEWER)
    def comment(number: Number, actor: Actor, text: Text) -> Response:
        who, now = commenting(db, number, actor), clock.now()
        commands.comment(db, board.now.config, number, text, actor=who, now=now)
        return done(number, actor, "#timeline")

    @router.post("/incidents/{number}/severity")
    @needs(Permission.RESPOND, on_incident=True)
    def severity(number: Number, actor: Actor, severity: Chosen, reason: Text) -> Response:
        meant = None if severity == "measured" else Severity[severity]
        config, now = board.now.config, clock.now()
        commands.set_severity(db, config, number, meant, actor=actor, reason=reason, now=now)
        return done(number, actor)

    @router.post("/incidents/{number}/correction")
    @needs(Permission.RESPOND, on_incident=True)
    def correct(number: Number, entry: Entry, actor: Actor, text: Text, reason: Text) -> Response:
        said = {"actor": actor, "text": text, "reason": reason}
        timeline.correct(db, number, entry, **said, now=clock.now())
        return done(number, actor, f"#entry-{entry}")
