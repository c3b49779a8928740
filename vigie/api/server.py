"""The HTTP application: every route of the API on one FastAPI app, behind the gate."""

from collections.abc import Callable
from typing import Any, Final

from fastapi import APIRouter, FastAPI
from starlette.requests import Request
from starlette.responses import Response

from collectors.otlp.receiver import Otlp
from collectors.written import Inbox
from vigie.access import Access, Gate, Guarded, Permission, needs
from vigie.api import (
    attachments,
    changes,
    collectors,
    exposition,
    graph,
    health,
    heartbeats,
    hooks,
    maintenance,
    me,
    metrics,
    problems,
    reads,
    remote_write,
    schemas,
    tokens,
    users,
    writes,
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
) -> FastAPI:
    """The app. `wake` tells pipeline and worker that a person changed something, `heard` that a
    heartbeat and `told` that a change was; after `reload` the board says what came of it.
    """
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
    app.add_middleware(Access, gate=gate)
    problems.add_handlers(app)
    app.router.route_class = Guarded
    router = APIRouter(prefix=PREFIX, responses=_ERRORS, route_class=Guarded)
    reads.add(router, board=board, db=db, clock=clock, feed=feed, collected=collected)
    collectors.add(router, board, collected)
    writes.add(router, board=board, db=db, clock=clock, feed=feed, collected=collected, wake=wake)
    attachments.add(router, db=db, clock=clock, feed=feed)
    deploys.add(router, board=board, db=db, clock=clock)
    maintenance.add(router, board=board, db=db, clock=clock, slice_s=slice_s, wake=wake)
    graph.add(router, otlp.graph, clock)
    # After the route of the graph, which is no service.
    reliability.add(router, board=board, db=db, clock=clock)
    remote_write.add(router, inbox, clock)
    heartbeats.add(
        router, heartbeats=lambda: board.now.config.heartbeats, db=db, clock=clock, wake=heard
    )
    _add_changes(router, board, db, clock, told)
    me.add(router, gate=gate, db=db, clock=clock)
    users.add(router, gate=gate, db=db, clock=clock)
    tokens.add(router, db=db, clock=clock)
    app.include_router(router)
    spans.add(app, otlp, clock)
    health.add(app, board, clock, reload)
    _add_metrics(app, board, db, meters, otlp, inbox)
    return app


def _add_changes(
    router: APIRouter, board: Board, db: Database, clock: Clock, told: Callable[[], None]
) -> None:
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
    app: FastAPI, board: Board, db: Database, meters: Meters, otlp: Otlp, inbox: Inbox
) -> None:
    @app.get("/metrics", tags=["server"], summary="Vigie's own metrics, for Prometheus")
    @needs(Permission.READ)
    def page(request: Request) -> Response:
        families = [
            metrics.build_info(app.version),
            *metrics.of_live(board.now),
            *metrics.of_store(db),
            *metrics.of_otlp(otlp.counts()),
            *metrics.of_written(inbox.counted()),
        ]
        accept = request.headers.get("accept", "")
        body, content_type = exposition.page(families, meters.registry, accept)
        return Response(body, headers={"Content-Type": content_type})
