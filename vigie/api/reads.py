"""What the API tells: SLOs, services, targets, incidents, and the stream of changes."""

from collections.abc import Mapping
from enum import Enum
from http import HTTPStatus
from typing import Annotated, Final, Literal

import orjson
from fastapi import APIRouter, Path, Query
from pydantic import BaseModel
from sse_starlette import EventSourceResponse
from starlette.responses import Response

from incidents.model import IncidentState
from incidents.search import MAX_QUERY
from vigie import views
from vigie.access import Permission, needs, viewing
from vigie.api import events, schemas
from vigie.api.incident_schemas import Entry, Incident, WholeIncident
from vigie.api.service_schemas import Service
from vigie.clock import Clock
from vigie.commands.errors import NotFound
from vigie.live import Board, Collected, Feed
from vigie.store.db import Database
from vigie.store.order import Order
from vigie.store.search import Filters
from vigie.views import export as exports
from vigie.views import history, search
from vigie.views.export import ExportFormat
from vigie.views.shape import Object

# JSON numbers are exact to here, and every database's keys reach it.
MAX_NUMBER: Final = 2**53 - 1
Number = Annotated[int, Path(ge=1, le=MAX_NUMBER, description="The incident's number")]
Cursor = Annotated[int | None, Query(ge=1, le=MAX_NUMBER, description="`next` of the page before")]
Limit = Annotated[int, Query(ge=1, le=500)]
Name = Annotated[str | None, Query(max_length=200, pattern=r"^[^\x00]*$")]
Range = Literal["1h", "6h", "1d", "3d", "30d"]
State = Literal["open"] | IncidentState
_FIGURES: Final[list[str | Enum]] = ["figures"]
_INCIDENTS: Final[list[str | Enum]] = ["incidents"]
_MEDIA: Final[Mapping[ExportFormat, str]] = {
    ExportFormat.JSON: "application/json",
    ExportFormat.MARKDOWN: "text/markdown; charset=utf-8",
    ExportFormat.CSV: "text/csv; charset=utf-8",
}
_EXPORTED: Final[dict[int | str, Object]] = {
    HTTPStatus.OK: {
        "description": "The document",
        "content": {media.partition(";")[0]: {} for media in _MEDIA.values()},
    }
}


def add(
    router: APIRouter,
    *,
    board: Board,
    db: Database,
    clock: Clock,
    feed: Feed,
    collected: Collected,
) -> None:
    _add_figures(router, board, db)
    _add_incidents(router, board, db, collected)

    @router.get("/events", response_class=EventSourceResponse, tags=["events"])
    @needs(Permission.READ)
    async def changes(incident: Cursor = None) -> Response:
        """Server-Sent Events `tick`, `incident` (of one, if given), `reload`."""
        return events.respond(board, feed, clock, incident, db=db, viewer=viewing())


def _add_figures(router: APIRouter, board: Board, db: Database) -> None:
    @router.get("/slos", tags=_FIGURES, responses=shown(schemas.Listing[schemas.Slo]))
    @needs(Permission.READ)
    def slos(service: Name = None) -> Response:
        """Every SLO now: budget, burn rates, arms."""
        return ready_json(views.slos(board.now, service=service))

    @router.get("/slos/{service}/{slo}", tags=_FIGURES, responses=shown(schemas.Slo))
    @needs(Permission.READ)
    def slo(service: str, slo: str) -> Response:
        """One SLO now."""
        found = views.slo(board.now, f"{service}/{slo}")
        if found is None:
            raise no_slo(f"{service}/{slo}")
        return ready_json(found)

    @router.get("/slos/{service}/{slo}/history", tags=_FIGURES, responses=shown(schemas.SloHistory))
    @needs(Permission.READ)
    def past(service: str, slo: str, range: Range = "1d") -> Response:
        """One SLO bucket by bucket, oldest first."""
        found = history.history(board.now, f"{service}/{slo}", range)
        if found is None:
            raise no_slo(f"{service}/{slo}")
        return ready_json(found)

    @router.get("/services", tags=_FIGURES, responses=shown(schemas.Listing[Service]))
    @needs(Permission.READ)
    def services() -> Response:
        """Every service now: up or not, since when, and what is open on it."""
        return ready_json(views.services(board.now, db, viewer=viewing()))

    @router.get("/targets", tags=_FIGURES, responses=shown(schemas.Listing[schemas.Target]))
    @needs(Permission.READ)
    def targets(service: Name = None) -> Response:
        """Every target and what its last scrape said."""
        return ready_json(views.targets(board.now, service=service))

    @router.get("/sources", tags=_FIGURES, responses=shown(schemas.Listing[schemas.Source]))
    @needs(Permission.READ)
    def sources() -> Response:
        """Every DataSource, how its last poll went, and how far the past was read from it."""
        return ready_json(views.sources(board.now))


def _add_incidents(router: APIRouter, board: Board, db: Database, collected: Collected) -> None:
    @router.get("/incidents", tags=_INCIDENTS, responses=shown(schemas.Listing[Incident]))
    @needs(Permission.READ)
    def page(  # noqa: PLR0917 - the query, in the order of the documentation
        state: State | None = None,
        service: Name = None,
        cursor: Cursor = None,
        limit: Limit = 50,
        order: Order | None = None,
        severity: Literal["SEV1", "SEV2", "SEV3", "SEV4"] | None = None,
        q: Annotated[str, Query(max_length=MAX_QUERY)] = "",
    ) -> Response:
        """Incidents. Without `order` what is open comes by priority, all else newest first. With
        `q` those that fit it best first; `cursor` is the `next` of the page before then too.
        """
        level = None if severity is None else int(severity.removeprefix("SEV"))
        if q.strip():
            only = Filters(state=state, service=service, severity=level)
            return ready_json(_fitting(db, q, only, cursor, limit))
        asked: Object = {"order": order, "severity": level, "viewer": viewing()}
        found = views.incidents(db, state, service, cursor, limit, **asked)
        return ready_json(found)

    @router.get("/incidents/{number}", tags=_INCIDENTS, responses=shown(WholeIncident))
    @needs(Permission.READ)
    def one(number: Number) -> Response:
        """One incident: record, figures, runbooks, changes, traces, deliveries, timeline."""
        return ready_json(whole_incident(board, db, number, collected))

    @router.get(
        "/incidents/{number}/timeline",
        tags=_INCIDENTS,
        responses=shown(schemas.Listing[Entry]),
    )
    @needs(Permission.READ)
    def timeline(number: Number, after: Annotated[int, Query(ge=0, le=MAX_NUMBER)] = 0) -> Response:
        """What happened, oldest first; `after` is the id of the last entry already known."""
        found = views.timeline(db, number, after)
        if found is None:
            raise no_incident(number)
        return ready_json(found)

    @router.get("/incidents/{number}/export", tags=_INCIDENTS, responses=_EXPORTED)
    @needs(Permission.READ)
    def export(number: Number, format: ExportFormat = ExportFormat.JSON) -> Response:
        """The whole record of one incident as a document to keep."""
        text = exports.export(db, number, format)
        if text is None:
            raise no_incident(number)
        name = f"incident-{number}.{exports.SUFFIXES[format]}"
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        return Response(text, headers=headers, media_type=_MEDIA[format])


def _fitting(db: Database, typed: str, only: Filters, cursor: int | None, limit: int) -> Object:
    asked: Object = {"offset": cursor or 0, "limit": limit, "viewer": viewing()}
    return search.incidents(db, typed, only, **asked)


def whole_incident(board: Board, db: Database, number: int, collected: Collected) -> Object:
    """NotFound when there is none."""
    found = views.incident(db, board.now, number, collected)
    if found is None:
        raise no_incident(number)
    return found


def no_slo(slo: str) -> NotFound:
    return NotFound(f"There is no SLO `{slo}`; /api/v1/slos lists them.")


def no_incident(number: int) -> NotFound:
    return NotFound(f"There is no incident {number}; /api/v1/incidents lists them.")


def ready_json(facts: Object, status: int = HTTPStatus.OK) -> Response:
    return Response(orjson.dumps(facts), status, media_type="application/json")


def shown(shape: type[BaseModel], status: int = HTTPStatus.OK) -> dict[int | str, Object]:
    """The documentation of a ready answer."""
    return {status: {"model": shape}}
