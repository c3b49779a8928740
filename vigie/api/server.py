"""The HTTP application: every route of the API on one FastAPI app, behind the gate."""

from collections.abc import Callable
from typing import Any, Final

from fastapi import APIRouter, FastAPI
from starlette.requests import Request
from starlette.responses import Response

from collectors.otlp.receiver import Otlp
from collectors.written import Inbox
from vigie.access import Access, Gate, Guarded, Permission, needs
from vigie.access.public import public_pages
from vigie.api import (
    automations,
    changes,
    collectors,
    exposition,
    graph,
    health,
    heartbeats,
    hooks,
    incidents,
    maintenance,
    me,
    metrics,
    metrics_incidents,
    problems,
    reads,
    remote_write,
    schemas,
    status,
    tokens,
    users,
)
from vigie.api import gate as deploys
from vigie.api import otlp as spans
from vigie.api import services as reliability
from vigie.clock import Clock
from vigie.live import Board, Collected, Feed
from vigie.store.db import Database
from vigie.telemetry import Meters

PREFIX: Final = "/api/v1"
_ERRORS: Final[dict[int | str, dict[str, Any]]] = {
    "default": {
        "model": schemas.Problem,
        "content": {"application/problem+json": {}},
        "description": "What went wrong, and what to do next",
    }
}


def build(
    *,
    board: Board,
    db: Database,
    clock: Clock,
    feed: Feed,
    collected: Collected,
    meters: Meters,
    gate: Gate,
    wake: Callable[[], None],
    heard: Callable[[str], None],
    reload: health.Reload,
    otlp: Otlp,
    inbox: Inbox,
    slice_s: int,
    version: str,
    told: Callable[[], None] = lambda: None,
    hourly: float | None = None,
) -> FastAPI:
    """The app. `wake` tells pipeline and worker that a person changed something, `heard` that a
    heartbeat and `told` that a change was; after `reload` the board says what came of it.
    """
    app = _guarded(version, gate, board)
    router = APIRouter(prefix=PREFIX, responses=_ERRORS, route_class=Guarded)
    incidents.add(
        router,
        board=board,
        db=db,
        clock=clock,
        feed=feed,
        collected=collected,
        wake=wake,
        hourly=hourly,
    )
    reads.add(router, board=board, db=db, clock=clock, feed=feed, collected=collected)
    collectors.add(router, board, collected)
    deploys.add(router, board=board, db=db, clock=clock)
    automations.add(router, board=board, db=db, clock=clock)
    status.add(router, board=board, db=db, clock=clock)
    maintenance.add(router, board=board, db=db, clock=clock, slice_s=slice_s, wake=wake)
    graph.add(router, otlp.graph, clock)
    # After the route of the graph, which is no service.
    reliability.add(router, board=board, db=db, clock=clock)
    remote_write.add(router, inbox, clock)
    _add_told(router, board=board, db=db, clock=clock, heard=heard, told=told)
    _add_access(router, gate, db, clock)
    app.include_router(router)
    spans.add(app, otlp, clock)
    health.add(app, board, clock, reload)
    _add_metrics(app, board, db, meters, otlp, inbox, clock)
    return app


def _guarded(version: str, gate: Gate, board: Board) -> FastAPI:
    """An app without routes, behind the gate."""
    app = FastAPI(
        title="Vigie",
        version=version,
        openapi_url=f"{PREFIX}/openapi.json",
        docs_url=None,  # FastAPI's pages load their scripts from elsewhere
        redoc_url=None,
        # Spans are vigie.telemetry's; FastAPI's own would follow any global provider.
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    app.add_middleware(problems.BodyLimit, max_body_size=problems.MAX_BODY_BYTES)
    app.add_middleware(Access, gate=gate, public=lambda: public_pages(board.now.config))
    problems.add_handlers(app)
    app.router.route_class = Guarded
    return app


def _add_access(router: APIRouter, gate: Gate, db: Database, clock: Clock) -> None:
    me.add(router, gate=gate, db=db, clock=clock)
    users.add(router, gate=gate, db=db, clock=clock)
    tokens.add(router, db=db, clock=clock)


def _add_told(
    router: APIRouter,
    *,
    board: Board,
    db: Database,
    clock: Clock,
    heard: Callable[[str], None],
    told: Callable[[], None],
) -> None:
    """What others tell: heartbeats, changes."""
    beats = lambda: board.now.config.heartbeats  # noqa: E731 - asked anew at every request
    heartbeats.add(router, heartbeats=beats, db=db, clock=clock, wake=heard)
    services = lambda: board.now.config.services  # noqa: E731 - asked anew at every request
    changes.add(router, services=services, db=db, clock=clock, told=told)
    hooks.add(
        router,
        integrations=lambda: board.now.config.integrations,
        services=services,
        db=db,
        clock=clock,
        told=told,
    )


def _add_metrics(  # noqa: PLR0917 - what each family is read from
    app: FastAPI,
    board: Board,
    db: Database,
    meters: Meters,
    otlp: Otlp,
    inbox: Inbox,
    clock: Clock,
) -> None:
    times = metrics_incidents.IncidentTimes(db, clock)

    @app.get("/metrics", tags=["server"], summary="Vigie's own metrics, for Prometheus")
    @needs(Permission.READ)
    def page(request: Request) -> Response:
        families = [
            metrics.build_info(app.version),
            *metrics.of_live(board.now),
            *metrics.of_store(db),
            *metrics.of_tasks(db, clock.now()),
            *times.families(),
            *metrics.of_otlp(otlp.counts()),
            *metrics.of_written(inbox.counted()),
        ]
        accept = request.headers.get("accept", "")
        body, content_type = exposition.page(families, meters.registry, accept)
        return Response(body, headers={"Content-Type": content_type})
