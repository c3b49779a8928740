"""The stream of changes: one Server-Sent Event for each thing worth looking at again."""

from collections.abc import AsyncIterator
from typing import Final

import orjson
from sse_starlette import EventSourceResponse, ServerSentEvent

from vigie.clock import Clock
from vigie.live import Board, Change, Feed
from vigie.store.db import Database
from vigie.store.errors import StoreError
from vigie.store.visibility import Viewer, sees
from vigie.views.shape import Object, when

TICK_EVERY_S: Final = 1.0
PING_S: Final = 15
STOP: Final = "stop"  # the change that ends every stream, so that none holds up a shutdown


def respond(
    board: Board, feed: Feed, clock: Clock, incident: int | None, *, db: Database, viewer: Viewer
) -> EventSourceResponse:
    """The stream as a response; it ends with the client, the server, or the change `stop`."""
    events = stream(board, feed, clock, incident, db=db, viewer=viewer)
    return EventSourceResponse(events, ping=PING_S, sep="\n")


async def stream(
    board: Board,
    feed: Feed,
    clock: Clock,
    incident: int | None = None,
    *,
    db: Database,
    viewer: Viewer,
) -> AsyncIterator[ServerSentEvent]:
    """Events `tick` (at most one a second), `incident` (of this one only, if given; of restricted
    ones those that the viewer sees at that moment), `reload`.

    It begins with a `tick`: whoever connects, or connects again, looks at everything once.
    """
    queue = feed.listen()
    try:
        ticked_at = clock.now()
        yield _event(board, Change("tick"))
        while (change := await queue.get()).kind != STOP:
            if change.kind == "tick":
                if abs(clock.now() - ticked_at) < TICK_EVERY_S:
                    continue
                ticked_at = clock.now()
            elif not await _is_told(change, incident, db, viewer):
                continue
            yield _event(board, change)
    finally:
        feed.leave(queue)


async def _is_told(change: Change, only: int | None, db: Database, viewer: Viewer) -> bool:
    number = change.number
    if number is None or change.kind != "incident":
        return True
    if only not in (None, number):
        return False
    if viewer.everything:
        return True
    try:
        return await db.aread(lambda c: sees(c, viewer, number))
    except StoreError:  # what cannot be looked up is not told; the next tick is
        return False


def _event(board: Board, change: Change) -> ServerSentEvent:
    """The id says where the server stood: its start, and its ticks since."""
    live = board.now
    tick = live.status.tick if live.status is not None else 0
    return ServerSentEvent(
        data=orjson.dumps(_data(board, change)).decode(),
        event=change.kind,
        id=f"{round(live.started_at * 1000)}-{tick}",
    )


def _data(board: Board, change: Change) -> Object:
    live = board.now
    if change.kind == "incident":
        return {"number": change.number, "url": f"/incidents/{change.number}"}
    if change.kind == "reload":
        return {"generation": live.config.generation, "error": live.reload_error}
    status = live.status
    return {
        "tick": status.tick if status is not None else 0,
        "at": when(status.at) if status is not None else None,
    }
