"""The service graph: who calls whom, from pairs of spans.

A CLIENT span and the SERVER span whose parent it is are one request; so are PRODUCER and CONSUMER.
What has no other side within the time is a request to a virtual node, where the span says to whom,
or unpaired. All spans of a trace must come to the same Vigie.
"""

from bisect import bisect_left
from collections.abc import Collection, Iterator
from typing import Any, Final, TypeAlias

from collectors.otlp.attributes import text_of
from collectors.otlp.edges import Edges, edges_of
from collectors.otlp.graph_edges import Edge, Pair
from collectors.otlp.sampling import ONE
from collectors.otlp.service_map import ServiceMap, mapped

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
FORGET_S: Final = 3_600.0

# One side of a request that waits for the other, a plain tuple for there are so many: until when,
# whether it is the client, its service, whether it is messaging, whether it failed, its duration,
# whom it asks, how many it stands for.
_Half: TypeAlias = tuple[float, bool, str, bool, bool, int, str, int]
# Whether it failed, how long its server and its client saw it, how many it stands for.
_Request: TypeAlias = tuple[bool, int, int, int]


class Graph:
    """Pairs of spans, edges between services. Not for two threads at once."""

    def __init__(
        self,
        now: float,
        edges: Edges | None = None,
        *,
        ttl_s: float = TTL_S,
        max_waiting: int = MAX_WAITING,
        max_edges: int = MAX_EDGES,
    ) -> None:
        self.unpaired = 0
        self.dropped = 0
        self.buckets = edges or edges_of(())
        self._ttl_s = ttl_s
        self._max_waiting = max_waiting
        self._max_edges = max_edges
        self._waiting: dict[bytes, _Half] = {}
        self._edges: dict[Pair, Edge] = {}
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
        weight: int = ONE,
    ) -> None:
        """Take a span of one of the four kinds that make requests; `ids` are trace and span,
        `weight` is how many spans it stands for, in units of 1/ONE.
        """
        kind, waiting = span.kind, self._waiting
        told = failed, duration_ns, duration_ns, weight
        if kind in _ASKED:
            parent = span.parent_span_id
            if kind == SERVER and parent in _NO_PARENT:
                self._count((USER, service, VIRTUAL), service, told, now)
                return
            key, is_client, peer = ids[:16] + parent, False, ""
            other = waiting.get(key)
        elif kind in _ASKING:
            key, is_client, peer = ids, True, ""
            other = waiting.get(key)
            if other is None:  # else a server has told of it already
                peer, database = _peer(span)
                if database and kind == CLIENT:
                    self._count((service, peer, DATABASE), service, told, now)
                    return
        else:
            return
        messaging = kind > CLIENT
        half = (now + self._ttl_s, is_client, service, messaging, failed, duration_ns, peer, weight)
        if other is not None:
            self._pair(key, half, other, now)
        elif len(waiting) < self._max_waiting:
            waiting[key] = half
        else:
            self.dropped += 1

    def expire(self, now: float) -> None:
        """Settle what has waited too long; call it from time to time."""
        for key in list(self._overdue(now)):
            _, is_client, service, _, failed, took_ns, peer, weight = self._waiting.pop(key)
            if is_client and peer:
                told = failed, took_ns, took_ns, weight
                self._count((service, peer, VIRTUAL), service, told, now)
            else:
                self.unpaired += 1
        if now - self._turned_at >= TURN_S:
            self._turn(now)

    def map(self, now: float, tail_sampled: Collection[str] = ()) -> ServiceMap:
        """Who calls whom, over the last minutes; and of whom a tail sampler chose spans."""
        self.expire(now)
        every = (edge.recent(self.buckets, now) for edge in self._edges.values())
        return mapped([one for one in every if one is not None], now, tail_sampled)

    def owned(self) -> dict[str, list[Edge]]:
        """The edges by the service whose page tells of them: the server, or the client of a server
        that sends no spans.
        """
        found: dict[str, list[Edge]] = {}
        for edge in self._edges.values():
            found.setdefault(edge.owner, []).append(edge)
        return found

    def keep(self, owners: Collection[str]) -> None:
        """Forget the edges of all other services."""
        self._edges = {pair: edge for pair, edge in self._edges.items() if edge.owner in owners}

    def restart(self, edges: Edges, now: float) -> None:
        """Count every edge from zero in other buckets."""
        before, self.buckets = self.buckets, edges
        for edge in self._edges.values():
            edge.restart(before, edges, now)

    @property
    def waiting(self) -> int:
        """Spans that wait for their other side."""
        return len(self._waiting)

    def _pair(self, key: bytes, half: _Half, other: _Half, now: float) -> None:
        if other[1] is half[1]:
            self.unpaired += 1  # a second server for one client, as of a retry: one of them counts
            return
        del self._waiting[key]
        client, server = (half, other) if half[1] else (other, half)
        pair = client[2], server[2], MESSAGING if client[3] or server[3] else ""
        # Both were kept where the rarer of them was: samplers that agree keep the same traces.
        told = client[4] or server[4], server[5], client[5], max(client[7], server[7])
        self._count(pair, server[2], told, now)

    def _count(self, pair: Pair, owner: str, told: _Request, now: float) -> None:
        edge = self._edges.get(pair)
        if edge is None:
            if len(self._edges) >= self._max_edges:
                self.dropped += 1
                return
            edge = self._edges[pair] = Edge.new(pair, owner, self.buckets.buckets, now)
        failed, server_ns, client_ns, weight = told
        edge.last_at = now
        edge.text = None
        edge.total += weight
        if failed:
            edge.failed += weight
        ns = self.buckets.ns
        edge.server.add(bisect_left(ns, server_ns), weight, server_ns)
        edge.client.add(bisect_left(ns, client_ns), weight, client_ns)

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
            edge.turn(now)


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
