"""The form on an incident's page by which stakeholders are told."""

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Form
from starlette.responses import Response

from incidents.updates import Audience, Status
from slo import windows
from vigie.access import Permission, needs
from vigie.clock import Clock
from vigie.commands import updates as commands
from vigie.commands.errors import Invalid
from vigie.live import Board, Change, Feed
from vigie.store.db import Database
from vigie.web.actions import Actor, Number, Text
from vigie.web.answers import shown


def add(
    router: APIRouter,
    *,
    board: Board,
    db: Database,
    clock: Clock,
    feed: Feed,
    wake: Callable[[], None],
) -> None:
    @router.post("/incidents/{number}/updates")
    @needs(Permission.RESPOND, on_incident=True)
    def post(  # noqa: PLR0917 - the fields of the form
        number: Number,
        actor: Actor,
        text: Text,
        audience: Annotated[Audience, Form()],
        status: Annotated[Status | None, Form()] = None,
        next_in: Text = "",
    ) -> Response:
        commands.post(
            db,
            board.now.config,
            number,
            audience,
            text.replace("\r\n", "\n"),
            status=status,
            next_in_s=_length(next_in),
            actor=actor,
            now=clock.now(),
        )
        feed.publish(Change("incident", number))
        wake()
        return shown(f"/incidents/{number}#updates", actor)


def _length(given: str) -> float | None:
    if not given.strip():
        return None
    try:
        return windows.parse(given.strip())
    except (ValueError, OverflowError) as error:
        raise Invalid(f"the time of the next update cannot be read: {error}") from error
