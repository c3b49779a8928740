"""Services over HTTP: how each does now, how available it was, its outages and states."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from fastapi import APIRouter, Path, Query
from pydantic import AwareDatetime
from starlette.responses import Response

from vigie import views
from vigie.access import Permission, needs, viewing
from vigie.api import schemas, service_schemas
from vigie.api.reads import Limit, ready_json, shown
from vigie.clock import Clock
from vigie.commands.errors import Invalid, NotFound
from vigie.live import Board
from vigie.store.db import Database
from vigie.views import uptime as read
from vigie.views.shape import listing

_TAGS: Final[dict[str, Any]] = {"tags": ["figures"]}
_WEEK_S: Final = 7 * 86_400.0
Service = Annotated[str, Path(max_length=253)]
Month = Annotated[str | None, Query(pattern=r"^[0-9]{4}-(0[1-9]|1[0-2])$")]
Zone = Annotated[str, Query(max_length=64, pattern=r"^[A-Za-z0-9_+/-]+$")]
From = Annotated[AwareDatetime | None, Query(alias="from")]


def add(router: APIRouter, *, board: Board, db: Database, clock: Clock) -> None:
    """Routes under /services/{service}."""

    def known(service: str) -> str:
        if service not in board.now.config.services:
            raise NotFound(f"There is no service `{service}`; /api/v1/services lists them.")
        return service

    _add_now(router, board, db, known)

    @router.get(
        "/services/{service}/outages",
        **_TAGS,
        responses=shown(schemas.Listing[service_schemas.Outage]),
    )
    @needs(Permission.READ)
    def outages(
        service: Service, start: From = None, to: AwareDatetime | None = None, limit: Limit = 50
    ) -> Response:
        """The outages that lasted into [from, to), newest first."""
        within = _seconds(start), _seconds(to)
        viewer = viewing()
        found = read.outages(board.now, db, known(service), within, limit, viewer=viewer)
        return ready_json(found)

    @router.get(
        "/services/{service}/states",
        **_TAGS,
        responses=shown(schemas.Listing[service_schemas.State]),
    )
    @needs(Permission.READ)
    def states(service: Service, start: From = None, to: AwareDatetime | None = None) -> Response:
        """Every state that it was in between `from` (default: a week before) and `to`."""
        end = _seconds(to) or clock.now()
        since = _seconds(start)
        return ready_json(
            read.states(db, known(service), end - _WEEK_S if since is None else since, end)
        )


def _add_now(router: APIRouter, board: Board, db: Database, known: Callable[[str], str]) -> None:
    @router.get("/services/{service}", **_TAGS, responses=shown(service_schemas.Service))
    @needs(Permission.READ)
    def one(service: Service) -> Response:
        """One service now."""
        return ready_json(views.service(board.now, db, known(service), viewer=viewing()))

    @router.get(
        "/services/{service}/availability",
        **_TAGS,
        responses=shown(schemas.Listing[service_schemas.Availability]),
    )
    @needs(Permission.READ)
    def availability(service: Service, month: Month = None, zone: Zone = "UTC") -> Response:
        """Over 1d, 7d, 30d and 90d, or over one month of a time zone."""
        name = known(service)
        if month is None:
            return ready_json(listing(read.availability(board.now, name)))
        if not "1970" < month < "9998":
            raise Invalid(f"`month` is {month}: write one from 1970-01 to 9997-12")
        return ready_json(listing([read.month(board.now, db, name, month, _zone(zone))]))


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise Invalid(f"there is no time zone `{name}`: write e.g. Europe/Paris") from error


def _seconds(at: datetime | None) -> float | None:
    return None if at is None else at.timestamp()
