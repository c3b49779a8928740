"""The forms of an incident's files. Each answers 303 with the page that shows what came of it."""

import asyncio
from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Form, Path
from starlette.requests import Request
from starlette.responses import Response

from vigie.access import Permission, acting, needs
from vigie.clock import Clock
from vigie.commands import attachments as commands
from vigie.commands.errors import NotFound
from vigie.live import Change, Feed
from vigie.store.db import Database
from vigie.uploads import UploadRoute, Uploads
from vigie.views import attachments as views
from vigie.web.answers import shown

Number = Annotated[int, Path(ge=1, le=2**53 - 1)]
Text = Annotated[str, Form()]


def add(
    router: APIRouter, *, db: Database, clock: Clock, feed: Feed, wake: Callable[[], None]
) -> None:
    uploads, own = Uploads(), APIRouter(route_class=UploadRoute, include_in_schema=False)

    def done(number: int, actor: str) -> Response:
        feed.publish(Change("incident", number))
        wake()
        return shown(f"/incidents/{number}#attachments", actor)

    @own.post("/incidents/{number}/attachments")
    @needs(Permission.RESPOND, on_incident=True)
    async def attach(request: Request, number: Number) -> Response:
        if await asyncio.to_thread(views.of_incident, db, number) is None:
            raise NotFound(f"There is no incident {number}.")  # before megabytes are read
        async with uploads.reading(request) as sent:
            who = acting(sent.fields.get("actor", ""))
            await asyncio.to_thread(
                commands.attach,
                db,
                number,
                name=sent.name,
                content=sent.content,
                actor=who,
                now=clock.now(),
            )
        return done(number, who)

    @router.post("/incidents/{number}/attachments/{id}/remove")
    @needs(Permission.RESPOND, on_incident=True)
    def remove(number: Number, id: Number, reason: Text, actor: Text = "") -> Response:
        who = acting(actor)
        commands.remove(db, number, id, actor=who, reason=reason, now=clock.now())
        return done(number, who)

    router.include_router(own)
