"""The service map over HTTP: who calls whom, as spans tell it."""

from collections.abc import Callable
from typing import Literal

from fastapi import APIRouter
from pydantic import Field
from starlette.responses import Response

from collectors.otlp.service_map import MapEdge, MapNode, ServiceMap
from vigie.access import Permission, needs
from vigie.api import schemas
from vigie.api.reads import ready_json, shown
from vigie.clock import Clock
from vigie.views.shape import Object, when


class GraphNode(schemas.Shape):
    """`virtual` is what sends no spans itself: others name it. Rates are of requests to it, per
    second; null where none are known of. `tail_sampled` where spans show that a tail sampler chose
    them: what it left out is in no figure.
    """

    name: str
    type: Literal["service", "database", "virtual_node"]
    virtual: bool
    rate: float | None
    error_ratio: float | None
    tail_sampled: bool


class GraphEdge(schemas.Shape):
    """Requests over the last `over_seconds`; latencies as the server saw them."""

    client: str
    server: str
    connection_type: Literal["", "database", "messaging_system", "virtual_node"]
    requests: int
    failed: int
    over_seconds: float
    rate: float
    error_ratio: float
    mean_seconds: float
    p50_seconds: float
    p95_seconds: float


class ServiceGraph(schemas.Shape):
    """What was called in the last minutes; empty where nobody sends spans."""

    at: schemas.Time
    nodes: list[GraphNode] = Field(description="By name")
    edges: list[GraphEdge] = Field(description="By client and server")


def add(router: APIRouter, graph: Callable[[float], ServiceMap], clock: Clock) -> None:
    """`graph` is `Otlp.graph`."""

    @router.get("/services/graph", tags=["figures"], responses=shown(ServiceGraph))
    @needs(Permission.READ)
    def services_graph() -> Response:
        """Who calls whom: rates, errors and latencies over the last minutes."""
        return ready_json(shape(graph(clock.now())))


def shape(found: ServiceMap) -> Object:
    """The map as it goes out."""
    return {
        "at": when(found.at),
        "nodes": [_node(node) for node in found.nodes],
        "edges": [_edge(edge) for edge in found.edges],
    }


def _node(node: MapNode) -> Object:
    return {
        "name": node.name,
        "type": node.type,
        "virtual": node.virtual,
        "rate": node.rate,
        "error_ratio": node.error_ratio,
        "tail_sampled": node.tail_sampled,
    }


def _edge(edge: MapEdge) -> Object:
    return {
        "client": edge.client,
        "server": edge.server,
        "connection_type": edge.type,
        "requests": edge.requests,
        "failed": edge.failed,
        "over_seconds": edge.over_s,
        "rate": edge.rate,
        "error_ratio": edge.error_ratio,
        "mean_seconds": edge.mean_s,
        "p50_seconds": edge.p50_s,
        "p95_seconds": edge.p95_s,
    }
