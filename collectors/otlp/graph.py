"""The service map: who calls whom, from pairs of spans, under the names of the servicegraph
connector.

A CLIENT span and the SERVER span whose parent it is are one request; so are PRODUCER and CONSUMER.
What has no other side within the time is a request to a virtual node, where the span says to whom,
or unpaired. All spans of a trace must come to the same Vigie.
"""

from bisect import bisect_left
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from collectors.otlp.attributes import text_of, written
from collectors.otlp.edges import Edges, cumulated, edges_of
from collectors.otlp.service_map import MapEdge, ServiceMap, mapped

PREFIX: Final = "traces_service_graph"
USER: Final = "user"  # the client of a request whose trace begins at the server
DATABASE: Final = "database"
MESSAGING: Final = "messaging_system"
VIRTUAL: Final = "virtual_node"
# In this order; those of the connector, and what newer conventions call them.
PEER: Final = (
    "peer.service", "service.peer.name", "db.name", "db.namespace", "db.system", "db.system.name",
    "messaging.destination.name", "server.address", "net.peer.name",
)  # fmt: skip
_DATABASES: Final = frozenset({"db.name", "db.namespace", "db.system", "db.system.name"})
_RANKS: Final = {name: rank for rank, name in enumerate(PEER)}
SERVER, CLIENT, PRODUCER, CONSUMER = 2, 3, 4, 5
_NO_PARENT: Final = (b"", bytes(8))
_ASKED: Final = (SERVER, CONSUMER)
_ASKING: Final = (CLIENT, PRODUCER)
# A batching exporter holds spans back for 5 s: the two sides come up to that apart.
TTL_S: Final = 10.0
MAX_WAITING: Final = 50_000
MAX_EDGES: Final = 2_000
TURN_S: Final = 60.0
TURNS: Final = 5  # the map shows the last TURNS to TURNS + 1 of them
FORGET_S: Final = 3_600.0
_NS: Final = 1e9


# One side of a request that waits for the other, a plain tuple for there are so many: until when,
# whether it is the client, its service, whether it is messaging, whether it failed, its duration,
# whom it asks.
_Half: TypeAlias = tuple[float, bool, str, bool, bool, int, str]
_Pair: TypeAlias = tuple[str, str, str]  # client, server, type


@dataclass(slots=True)
class _Side:
    """Durations as one side saw them: counts by bucket, and their sum."""

    counts: list[int]
    sum_ns: int = 0


@dataclass(slots=True)
class _Edge:
    """What is counted of a pair, and what was at the last turns."""

    server: _Side
    client: _Side
    last_at: float
    total: int = 0
    failed: int = 0
    turns: deque[tuple[float, int, int, list[int], int]] = field(
        default_factory=lambda: deque(maxlen=TURNS + 1)
    )


class Graph:
    """Pairs of spans, edges between services. Not for two threads at once."""

    def __init__(
        self,
        now: float,
        *,
        ttl_s: float = TTL_S,
        max_waiting: int = MAX_WAITING,
        max_edges: int = MAX_EDGES,
    ) -> None:
        self.began = now
        self.unpaired = 0
        self.dropped = 0
        self._ttl_s = ttl_s
        self._max_waiting = max_waiting
        self._max_edges = max_edges
        self._buckets = edges_of(())
        self._waiting: dict[bytes, _Half] = {}
        self._edges: dict[_Pair, _Edge] = {}
        self._turned_at = now

    def take(
        self,
        span: Any,
        ids: bytes,
        service: str,
        *,
        duration_ns: int,
        failed: bool,
        now: float,
    ) -> None:
        """Take a span of one of the four kinds that make requests; `ids` are trace and span."""
        kind, waiting = span.kind, self._waiting
        if kind in _ASKED:
            parent = span.parent_span_id
            if kind == SERVER and parent in _NO_PARENT:
                self._count((USER, service, VIRTUAL), failed, duration_ns, duration_ns, now)
                return
            key, is_client, peer = ids[:16] + parent, False, ""
            other = waiting.get(key)
        elif kind in _ASKING:
            key, is_client, peer = ids, True, ""
            other = waiting.get(key)
            if other is None:  # else a server has told of it already
                peer, database = _peer(span)
                if database and kind == CLIENT:
                    pair = service, peer, DATABASE
                    self._count(pair, failed, duration_ns, duration_ns, now)
                    return
        else:
            return
        messaging = kind > CLIENT
        if other is not None:
            half = (0.0, is_client, service, messaging, failed, duration_ns, peer)
            self._pair(key, half, other, now)
        elif len(waiting) < self._max_waiting:
            until = now + self._ttl_s
            waiting[key] = (until, is_client, service, messaging, failed, duration_ns, peer)
        else:
            self.dropped += 1

    def expire(self, now: float) -> None:
        """Settle what has waited too long; call it from time to time."""
        for key in list(self._overdue(now)):
            _, is_client, service, _, failed, duration_ns, peer = self._waiting.pop(key)
            if is_client and peer:
                self._count((service, peer, VIRTUAL), failed, duration_ns, duration_ns, now)
            else:
                self.unpaired += 1
        if now - self._turned_at >= TURN_S:
            self._turn(now)

    def map(self, now: float) -> ServiceMap:
        """Who calls whom, over the last minutes."""
        self.expire(now)
        edges = [
            one
            for pair, edge in self._edges.items()
            if (one := _recent(pair, edge, self._buckets, now)) is not None
        ]
        return mapped(edges, now)

    def page(self) -> bytes:
        """Everything as text of Prometheus."""
        lines = [f"process_start_time_seconds {self.began!r}\n"]
        marked = [
            (written({"client": client, "server": server, "connection_type": kind}), edge)
            for (client, server, kind), edge in self._edges.items()
        ]
        lines += [f"{PREFIX}_request_total{{{of}}} {edge.total}\n" for of, edge in marked]
        lines += [f"{PREFIX}_request_failed_total{{{of}}} {edge.failed}\n" for of, edge in marked]
        for side in ("server", "client"):
            for of, edge in marked:
                lines += _histogram(f"{PREFIX}_request_{side}_seconds", of, edge, side, self._le)
        lines.append(f"{PREFIX}_unpaired_spans_total {self.unpaired}\n")
        lines.append(f"{PREFIX}_dropped_spans_total {self.dropped}\n")
        return "".join(lines).encode()

    @property
    def waiting(self) -> int:
        """Spans that wait for their other side."""
        return len(self._waiting)

    @property
    def _le(self) -> list[str]:
        return [*(repr(edge / 1000) for edge in self._buckets.ms), "+Inf"]

    def _pair(self, key: bytes, half: _Half, other: _Half, now: float) -> None:
        if other[1] is half[1]:
            self.unpaired += 1  # a second server for one client, as of a retry: one of them counts
            return
        del self._waiting[key]
        client, server = (half, other) if half[1] else (other, half)
        pair = client[2], server[2], MESSAGING if client[3] or server[3] else ""
        self._count(pair, client[4] or server[4], server[5], client[5], now)

    def _count(self, pair: _Pair, failed: bool, server_ns: int, client_ns: int, now: float) -> None:
        edge = self._edges.get(pair)
        if edge is None:
            if len(self._edges) >= self._max_edges:
                self.dropped += 1
                return
            size = self._buckets.buckets
            edge = self._edges[pair] = _Edge(_Side([0] * size), _Side([0] * size), now)
            edge.turns.append((now, 0, 0, [0] * size, 0))
        edge.last_at = now
        edge.total += 1
        edge.failed += failed
        ns = self._buckets.ns
        server, client = edge.server, edge.client
        server.counts[bisect_left(ns, server_ns)] += 1
        server.sum_ns += server_ns
        client.counts[bisect_left(ns, client_ns)] += 1
        client.sum_ns += client_ns

    def _overdue(self, now: float) -> Iterator[bytes]:
        """The first ones: all wait equally long, and a dict keeps the order of arrival."""
        for key, half in self._waiting.items():
            if half[0] > now:
                return
            yield key

    def _turn(self, now: float) -> None:
        self._turned_at = now
        self._edges = {p: e for p, e in self._edges.items() if e.last_at >= now - FORGET_S}
        for edge in self._edges.values():
            side = edge.server
            edge.turns.append((now, edge.total, edge.failed, list(side.counts), side.sum_ns))


def _peer(span: Any) -> tuple[str, bool]:
    """Whom a client says that it asks (empty: it doesn't), and whether that is a database."""
    best, told, database = len(PEER), None, False
    for one in span.attributes:
        rank = _RANKS.get(one.key)
        if rank is not None:
            database = database or PEER[rank] in _DATABASES
            if rank < best:
                best, told = rank, one.value
    return ("", False) if told is None else (text_of(told), database)


def _recent(pair: _Pair, edge: _Edge, buckets: Edges, now: float) -> MapEdge | None:
    """An edge over the last minutes; None: nothing happened on it."""
    since, total, failed, counts, sum_ns = edge.turns[0]
    requests = edge.total - total
    if not requests:
        return None
    grown = [a - b for a, b in zip(edge.server.counts, counts, strict=True)]
    spent_s = max(now - since, 1.0)
    return MapEdge(
        client=pair[0],
        server=pair[1],
        type=pair[2],
        requests=requests,
        failed=edge.failed - failed,
        over_s=spent_s,
        mean_s=(edge.server.sum_ns - sum_ns) / requests / _NS,
        p50_s=_quantile(0.5, grown, buckets),
        p95_s=_quantile(0.95, grown, buckets),
    )


def _quantile(q: float, counts: Iterable[int], buckets: Edges) -> float:
    """As histogram_quantile() of Prometheus: linear within the bucket, the last edge beyond it."""
    upto = cumulated(counts)
    rank = q * upto[-1]
    at = next(i for i, count in enumerate(upto) if count >= rank and count > 0)
    if at == len(buckets.ms):
        return buckets.ms[-1] / 1000
    low = buckets.ms[at - 1] / 1000 if at else 0.0
    below = upto[at - 1] if at else 0
    return low + (buckets.ms[at] / 1000 - low) * (rank - below) / (upto[at] - below)


def _histogram(name: str, of: str, edge: _Edge, which: str, le: Iterable[str]) -> list[str]:
    side = edge.server if which == "server" else edge.client
    upto = cumulated(side.counts)
    return [
        *(f'{name}_bucket{{{of},le="{e}"}} {n}\n' for e, n in zip(le, upto, strict=True)),
        f"{name}_sum{{{of}}} {side.sum_ns / _NS!r}\n",
        f"{name}_count{{{of}}} {upto[-1]}\n",
    ]
