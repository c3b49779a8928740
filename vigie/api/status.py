"""Status pages over HTTP: what they show, as JSON."""

from typing import Annotated, Any, Final

import orjson
from fastapi import APIRouter, Path
from starlette.requests import Request
from starlette.responses import Response

from vigie.access import Permission, needs
from vigie.access.public import cached, readable
from vigie.api import schemas, status_schemas
from vigie.api.reads import ready_json, shown
from vigie.clock import Clock
from vigie.live import Board
from vigie.store import subscribers
from vigie.store.db import Database
from vigie.views import status as views
from vigie.views.shape import listing

_TAGS: Final[dict[str, Any]] = {"tags": ["status"]}
Name = Annotated[str, Path(max_length=253)]


def add(router: APIRouter, *, board: Board, db: Database, clock: Clock) -> None:
    @router.get("/status", **_TAGS, responses=shown(schemas.Listing[status_schemas.Short]))
    @needs(Permission.READ)
    def pages() -> Response:
        """Every status page in short, also those that are not public."""
        counted = db.read(subscribers.counts)
        return ready_json(listing(views.pages(board.now, db, clock.now(), counted)))

    @router.get("/status/{page}", **_TAGS, responses=shown(status_schemas.Page))
    @needs(None)
    def one(request: Request, page: Name) -> Response:
        """One page; open to everybody where it is public."""
        found = readable(board.now.config, page)
        facts = views.status(board.now, db, found, clock.now())
        return cached(request, found, orjson.dumps(facts), "application/json")
