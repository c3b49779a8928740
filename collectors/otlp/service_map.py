"""What people see of the service graph: nodes and edges over the last minutes."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MapEdge:
    """Requests of a client to a server over the last `over_s` seconds; latencies as the server saw
    them, in seconds. `type` is empty, `database`, `messaging_system` or `virtual_node`.
    """

    client: str
    server: str
    type: str
    requests: int
    failed: int
    over_s: float
    mean_s: float
    p50_s: float
    p95_s: float

    @property
    def rate(self) -> float:
        """Requests a second."""
        return self.requests / self.over_s

    @property
    def error_ratio(self) -> float:
        return self.failed / self.requests


@dataclass(frozen=True, slots=True)
class MapNode:
    """A service, or what spans of others tell of something that sends none (`virtual`). Rate and
    errors are those of requests to it; None where none are known of. `tail_sampled` where spans
    show that a tail sampler chose them: rates and ratios are of what it kept.
    """

    name: str
    virtual: bool
    type: str  # service | database | virtual_node
    rate: float | None
    error_ratio: float | None
    tail_sampled: bool = False


@dataclass(frozen=True, slots=True)
class ServiceMap:
    """Nodes by name, edges by client and server. `at` is Unix seconds."""

    at: float
    nodes: tuple[MapNode, ...] = ()
    edges: tuple[MapEdge, ...] = ()


def mapped(edges: Iterable[MapEdge], at: float, tail_sampled: Collection[str] = ()) -> ServiceMap:
    """The map that edges make. A node is virtual when no span of its own was seen."""
    ordered = sorted(edges, key=lambda e: (e.client, e.server, e.type))
    names = sorted({name for e in ordered for name in (e.client, e.server)})
    nodes = (_node(name, ordered, name in tail_sampled) for name in names)
    return ServiceMap(at, tuple(nodes), tuple(ordered))


def _node(name: str, edges: Iterable[MapEdge], tail_sampled: bool) -> MapNode:
    to = [edge for edge in edges if edge.server == name]
    requests = sum(edge.requests for edge in to)
    kind = _type(name, edges)
    return MapNode(
        name=name,
        virtual=kind != "service",
        type=kind,
        rate=sum(edge.rate for edge in to) if to else None,
        error_ratio=sum(edge.failed for edge in to) / requests if requests else None,
        tail_sampled=tail_sampled,
    )


def _type(name: str, edges: Iterable[MapEdge]) -> str:
    """`service` when any edge has it on a side whose spans were seen."""
    types = set()
    for edge in edges:
        if edge.client == name:
            told_by_server = edge.type == "virtual_node" and name == "user"
            types.add("virtual_node" if told_by_server else "service")
        if edge.server == name:
            told_by_client = edge.type in {"database", "virtual_node"} and edge.client != "user"
            types.add(edge.type if told_by_client else "service")
    return next(kind for kind in ("service", "database", "virtual_node") if kind in types)
