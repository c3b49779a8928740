"""Spans of a request, one after another: to the series of their service, to the graph, and, when
they are bad for an SLO, to its exemplars.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from collectors.otlp.attributes import some
from collectors.otlp.counts import Counts
from collectors.otlp.exemplars import Exemplar, Exemplars
from collectors.otlp.graph import Graph
from collectors.otlp.recent import Recent
from collectors.otlp.red import CODES, Key, Red, Service
from collectors.otlp.sampling import ONE, is_tail_sampled, weight

SERVICE_NAME: Final = "service.name"
MAX_NAME: Final = 256  # characters of a span's name; what is longer is cut
_MAX_STATE: Final = 512  # characters of a tracestate: W3C's own limit
_IDS: Final = 24  # bytes: trace and span id
_ERROR: Final = 2
_INTERNAL: Final = 1  # kinds above it are sides of requests
_NS: Final = 1_000_000_000
_NO_TRACE: Final = bytes(16)
_NO_SPAN: Final = bytes(8)


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How far the end of a span may be from now before it is said to be late or ahead, seconds."""

    late_s: float = 300.0
    ahead_s: float = 60.0


class Intake:
    """Where spans come in. Not for two threads at once."""

    def __init__(
        self,
        *,
        red: Red,
        graph: Graph,
        exemplars: Exemplars,
        recent: Recent,
        counts: Counts,
        tolerance: Tolerance,
    ) -> None:
        self._red = red
        self._graph = graph
        self._exemplars = exemplars
        self._recent = recent
        self._counts = counts
        self._tolerance = tolerance
        self._keys = frozenset({SERVICE_NAME, *red.dimensions})

    def take(self, request: Any, now: float) -> Counter[str]:
        """Count the spans of a request; why some could not be, and how many."""
        rejected: Counter[str] = Counter()
        self._graph.expire(now)
        for resource in request.resource_spans:
            told = some(resource.resource.attributes, self._keys)
            name = told.get(SERVICE_NAME, "")
            service = self._red.service(name, now) if name else None
            for scope in resource.scope_spans:
                if service is None:
                    rejected[self._refusal(name, len(scope.spans))] += len(scope.spans)
                else:
                    if is_tail_sampled(scope.scope):
                        self._counts.tail_sampled += len(scope.spans)
                        service.tail_sampled_at = now
                    self._recent.turn(now)
                    self._spans(service, scope.spans, told, now)
        self._counts.duplicate_window_shortened = self._recent.shortened
        return +rejected

    def _refusal(self, name: str, spans: int) -> str:
        if not name:
            self._counts.without_service += spans
            return "the resource has no service.name"
        self._counts.too_many_services += spans
        return "too many services"

    def _spans(
        self, service: Service, spans: Iterable[Any], resource: dict[str, str], now: float
    ) -> None:
        """The one loop over every span there is: as few calls and objects as it takes."""
        newer, older = self._recent.newer, self._recent.older
        rows, edges, plain = service.rows, self._red.edges.ns, not self._red.dimensions
        counts, graph, tolerance = self._counts, self._graph, self._tolerance
        late, ahead = (int((now + by) * _NS) for by in (-tolerance.late_s, tolerance.ahead_s))
        taken = 0
        for span in spans:
            trace, own = span.trace_id, span.span_id
            ids = trace + own
            if len(ids) != _IDS or own == _NO_SPAN or trace == _NO_TRACE:
                counts.without_id += 1
                ids = b""
            elif ids in newer or ids in older:
                counts.duplicates += 1
                continue
            else:
                newer.add(ids)
            kind, code, end = span.kind, span.status.code, span.end_time_unix_nano
            duration = end - span.start_time_unix_nano
            if duration < 0:
                counts.backwards += 1
                duration = 0
            if end < late:
                counts.late += 1
            elif end > ahead:
                counts.ahead += 1
            key: Key = (
                (span.name, kind, code)
                if plain
                else (span.name, kind, code, self._values(span, resource))
            )
            row = rows.get(key)
            if row is None:
                row, over = self._red.row(service, _shortened(key))
                counts.overflowed += over
            bucket = bisect_left(edges, duration)
            state = span.trace_state
            weighs = self._weight(state) if state else ONE
            if weighs != ONE:
                row.add_weighed(bucket, weighs, duration)
            else:
                row.counts[bucket] += 1
                row.sum_ns += duration
            row.changed = True
            taken += 1
            if row.bad and row.bad[bucket] and ids:
                self._offer(row.bad[bucket], service, span, duration, now)
            if kind > _INTERNAL and ids:
                failed = code == _ERROR
                graph.take(
                    span, ids, service.name,
                    duration_ns=duration, failed=failed, now=now, weight=weighs,
                )  # fmt: skip
        counts.spans += taken
        service.last_at = now

    def _values(self, span: Any, resource: dict[str, str]) -> tuple[str, ...]:
        """The dimensions of a span: its own, its resource's, or the default."""
        own = some(span.attributes, self._keys)
        dimensions = self._red.dimensions
        return tuple(
            own.get(name) or resource.get(name) or default for name, default in dimensions.items()
        )

    def _weight(self, tracestate: str) -> int:
        found = weight(tracestate) if len(tracestate) <= _MAX_STATE else None
        if found is None:
            self._counts.tracestate += 1
            return ONE
        return found

    def _offer(
        self, slos: tuple[str, ...], service: Service, span: Any, duration: int, now: float
    ) -> None:
        exemplar = Exemplar(
            trace_id=span.trace_id.hex(),
            span_id=span.span_id.hex(),
            at=now,
            service=service.name,
            span_name=span.name[:MAX_NAME],
            duration_ms=duration / 1e6,
            status=CODES[span.status.code] if 0 <= span.status.code < len(CODES) else CODES[0],
        )
        self._exemplars.offer(slos, exemplar)


def _shortened(key: Key) -> Key:
    """A key whose name can be a label."""
    if len(key[0]) <= MAX_NAME:
        return key
    return (key[0][:MAX_NAME], *key[1:])
