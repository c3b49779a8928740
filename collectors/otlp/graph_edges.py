"""What is counted of each edge of the service graph, as series under the names of the servicegraph
connector.

A page is OpenMetrics, whose `_created` lines say when each edge began at zero: the first request
on it counts, and one that is forgotten and comes back counts from zero again. Requests are kept in
parts of 1/ONE, as sampling has them; a page shows whole ones, rounded down where they add up, so
that no bucket holds more than the count and no failed request is beyond the total.
"""

from bisect import bisect_left
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from collectors.otlp.attributes import written
from collectors.otlp.edges import Edges, cumulated
from collectors.otlp.metrics import PROCESS_START
from collectors.otlp.sampling import ONE
from collectors.otlp.service_map import MapEdge

PREFIX: Final = "traces_service_graph_request"
TURNS: Final = 5  # the map shows the last TURNS to TURNS + 1 of them
_AFTER_S: Final = 0.001  # a new beginning lies after the last page, which it is compared with
_NS: Final = 10**9

Pair: TypeAlias = tuple[str, str, str]  # client, server, type


@dataclass(slots=True)
class Side:
    """Durations as one side saw them: weights by bucket, and their sum in weighed nanoseconds."""

    counts: list[int]
    sum_ns: int = 0

    def add(self, bucket: int, weight: int, duration_ns: int) -> None:
        self.counts[bucket] += weight
        self.sum_ns += weight * duration_ns


@dataclass(frozen=True, slots=True)
class _Turn:
    """What an edge had counted at a time, as the map needs it."""

    at: float
    total: int
    failed: int
    counts: list[int]
    sum_ns: int


@dataclass(slots=True)
class Edge:
    """What is counted of a pair since `created`; `owner` is the service whose page tells of it."""

    pair: Pair
    owner: str
    created: float
    last_at: float
    server: Side
    client: Side
    total: int = 0
    failed: int = 0
    text: tuple[str, ...] | None = None  # its lines; None: they have changed
    turns: deque[_Turn] = field(default_factory=lambda: deque(maxlen=TURNS + 1))

    @classmethod
    def new(cls, pair: Pair, owner: str, buckets: int, now: float) -> "Edge":
        edge = cls(pair, owner, now, now, Side([0] * buckets), Side([0] * buckets))
        edge.turn(now)
        return edge

    def turn(self, now: float) -> None:
        """Remember what there is, for the map to subtract later."""
        side = self.server
        self.turns.append(_Turn(now, self.total, self.failed, list(side.counts), side.sum_ns))

    def restart(self, before: Edges, edges: Edges, now: float) -> None:
        """Count from zero in other buckets; the map goes on."""
        server, total, failed = self.server, self.total, self.failed
        turns = [
            _Turn(
                one.at,
                one.total - total,
                one.failed - failed,
                _moved([a - b for a, b in zip(one.counts, server.counts, strict=True)],
                       before, edges),
                one.sum_ns - server.sum_ns,
            )
            for one in self.turns
        ]  # fmt: skip
        self.turns = deque(turns, maxlen=TURNS + 1)
        self.created = max(now, self.created) + _AFTER_S
        self.server, self.client = Side([0] * edges.buckets), Side([0] * edges.buckets)
        self.total = self.failed = 0
        self.text = None

    def lines(self, edges: Edges) -> tuple[str, ...]:
        """Its lines of each family, in the order of `FAMILIES`."""
        if self.text is None:
            client, server, kind = self.pair
            of = written({"client": client, "server": server, "connection_type": kind})
            self.text = (
                self._counter(PREFIX, of, self.total),
                self._counter(f"{PREFIX}_failed", of, self.failed),
                self._histogram(f"{PREFIX}_server_seconds", of, self.server, edges),
                self._histogram(f"{PREFIX}_client_seconds", of, self.client, edges),
            )
        return self.text

    def recent(self, edges: Edges, now: float) -> MapEdge | None:
        """What happened over the last minutes; None: nothing."""
        since = self.turns[0]
        weight = self.total - since.total
        if weight < ONE:
            return None
        grown = [a - b for a, b in zip(self.server.counts, since.counts, strict=True)]
        return MapEdge(
            *self.pair,
            requests=weight // ONE,
            failed=(self.failed - since.failed) // ONE,
            over_s=max(now - since.at, 1.0),
            mean_s=(self.server.sum_ns - since.sum_ns) / (weight * _NS),
            p50_s=_quantile(0.5, grown, edges),
            p95_s=_quantile(0.95, grown, edges),
        )

    def _counter(self, stem: str, of: str, weight: int) -> str:
        return f"{stem}_total{{{of}}} {weight // ONE}\n{stem}_created{{{of}}} {self.created!r}\n"

    def _histogram(self, stem: str, of: str, side: Side, edges: Edges) -> str:
        upto = [weight // ONE for weight in cumulated(side.counts)]
        return "".join(
            [
                *(
                    f'{stem}_bucket{{{of},le="{le}"}} {n}\n'
                    for le, n in zip(edges.seconds, upto, strict=True)
                ),
                f"{stem}_sum{{{of}}} {side.sum_ns / (ONE * _NS)!r}\n",
                f"{stem}_count{{{of}}} {upto[-1]}\n",
                f"{stem}_created{{{of}}} {self.created!r}\n",
            ]
        )


FAMILIES: Final = (
    (PREFIX, "counter"),
    (f"{PREFIX}_failed", "counter"),
    (f"{PREFIX}_server_seconds", "histogram"),
    (f"{PREFIX}_client_seconds", "histogram"),
)
SERVER_BUCKETS: Final = f"{PREFIX}_server_seconds_bucket"
CLIENT_BUCKETS: Final = f"{PREFIX}_client_seconds_bucket"


def page_of(found: Sequence[Edge], edges: Edges) -> bytes:
    """A page of some edges, as OpenMetrics."""
    every = [edge.lines(edges) for edge in found]
    parts = [PROCESS_START]
    for place, (name, kind) in enumerate(FAMILIES):
        parts.append(f"# TYPE {name} {kind}\n")
        parts += [lines[place] for lines in every]
    return ("".join(parts) + "# EOF\n").encode()


def _moved(counts: Iterable[int], before: Edges, edges: Edges) -> list[int]:
    """Counts in other buckets: each goes where its upper edge belongs."""
    found = [0] * edges.buckets
    for bucket, count in enumerate(counts):
        last = bucket == len(before.ns)
        found[len(edges.ns) if last else bisect_left(edges.ns, before.ns[bucket])] += count
    return found


def _quantile(q: float, counts: Iterable[int], edges: Edges) -> float:
    """As histogram_quantile() of Prometheus: linear within the bucket, the last edge beyond it."""
    upto = cumulated(counts)
    rank = q * upto[-1]
    at = next(i for i, count in enumerate(upto) if count >= rank and count > 0)
    if at == len(edges.ms):
        return edges.ms[-1] / 1000
    low = edges.ms[at - 1] / 1000 if at else 0.0
    below = upto[at - 1] if at else 0
    return low + (edges.ms[at] / 1000 - low) * (rank - below) / (upto[at] - below)
