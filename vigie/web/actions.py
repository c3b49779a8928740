"""The forms of an incident's page. Each answers 303 with the page that shows what came of it."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Annotated, Final
from urllib.parse import quote

from fastapi import APIRouter, Form, Path
from starlette.responses import RedirectResponse, Response

from vigie import commands
from vigie.clock import Clock
from vigie.live import Board, Change, Feed
from vigie.store.db import Database

NAME_COOKIE: Final = "vigie_name"  # whose name the next form is filled in with
NAME_AGE_S: Final = 365 * 86400
Number = Annotated[int, Path(ge=1, le=2**53 - 1)]
Text = Annotated[str, Form()]


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
        answer = RedirectResponse(f"/incidents/{number}{place}", HTTPStatus.SEE_OTHER)
        kept = quote(actor.strip()[:100])
        answer.set_cookie(NAME_COOKIE, kept, max_age=NAME_AGE_S, httponly=True, samesite="lax")
        return answer

    @router.post("/incidents/{number}/acknowledge")
    def acknowledge(number: Number, actor: Text) -> Response:
        commands.acknowledge(db, board.now.config, number, actor, clock.now())
        return done(number, actor)

    @router.post("/incidents/{number}/resolve")
    def resolve(number: Number, actor: Text, reason: Text = "") -> Response:
        why = reason.strip() or "no reason given"
        commands.resolve(db, board.now.config, number, actor, why, clock.now())
        return done(number, actor)

    @router.post("/incidents/{number}/comment")
    def comment(number: Number, actor: Text, text: Text) -> Response:
        commands.comment(db, number, actor, text, clock.now())
        return done(number, actor, "#timeline")
