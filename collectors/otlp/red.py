"""RED series of spans (rate, errors, duration), under the names of the spanmetrics connector.

Each service has a page of its own. Its counters begin at zero when the service is first heard of,
which the page tells as the start of a process: a restart of Vigie is a reset to whoever counts the
page, and the first span counts. New bucket edges begin the counting of every service anew in the
same way, so that every bucket of a histogram has counted since the same moment.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from collectors.otlp.attributes import label_name, written
from collectors.otlp.edges import Edges, cumulated
from collectors.otlp.sampling import ONE
from slo import names

CALLS: Final = "traces_span_metrics_calls_total"
DURATION: Final = "traces_span_metrics_duration_milliseconds"
OVERFLOW: Final = "otel_metric_overflow"
KINDS: Final = (
    "SPAN_KIND_UNSPECIFIED",
    "SPAN_KIND_INTERNAL",
    "SPAN_KIND_SERVER",
    "SPAN_KIND_CLIENT",
    "SPAN_KIND_PRODUCER",
    "SPAN_KIND_CONSUMER",
)
CODES: Final = ("STATUS_CODE_UNSET", "STATUS_CODE_OK", "STATUS_CODE_ERROR")
OWN_LABELS: Final = frozenset({"service_name", "span_name", "span_kind", "status_code", OVERFLOW})
_OF_TARGETS: Final = frozenset({names.JOB, names.INSTANCE, names.SERVICE, "le"})
MAX_DIMENSIONS: Final = 16
# A newer start is told from the last only when it is over 1.5 s later: slo.series.START_JITTER_S.
RESTART_APART_S: Final = 2.0

# Span name, kind, status code, values of the dimensions.
Key: TypeAlias = tuple[str, int, int, tuple[str, ...]] | tuple[str, int, int]
# By bucket: the SLOs for which a span of this series that falls into it is bad.
Bad: TypeAlias = tuple[tuple[str, ...], ...]
Judge: TypeAlias = Callable[[Mapping[str, str], Edges], Bad]


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is kept, of services and of label sets; beyond it, overflow series count."""

    services: int = 500
    names: int = 200  # span names of a service
    sets: int = 1_000  # label sets of a service
    all_sets: int = 10_000


def dimension_labels(attributes: Iterable[str]) -> dict[str, str]:
    """The label that each attribute becomes; ValueError where one can't be a label of its own."""
    found: dict[str, str] = {}
    by_label: dict[str, str] = {}
    for attribute in attributes:
        name = label_name(attribute)
        if not attribute:
            raise ValueError("a dimension is the name of an attribute, e.g. `http.route`")
        if name in OWN_LABELS | _OF_TARGETS:
            raise ValueError(f"the dimension `{attribute}` is a label of span metrics already")
        if name in by_label:
            other = by_label[name]
            raise ValueError(f"the dimensions `{other}` and `{attribute}` are both label `{name}`")
        found[attribute], by_label[name] = name, attribute
    if len(found) > MAX_DIMENSIONS:
        raise ValueError(f"{len(found)} dimensions; at most {MAX_DIMENSIONS}")
    return found


class Row:
    """One label set: its counts, not yet cumulated, in the order of the edges."""

    __slots__ = ("bad", "carry", "changed", "counts", "labels", "sum_ns", "text")

    def __init__(self, labels: Mapping[str, str], buckets: int, bad: Bad) -> None:
        self.labels = labels
        self.counts = [0] * buckets
        self.carry: dict[int, int] | None = None  # parts of a span, by bucket
        self.sum_ns = 0
        self.bad = bad
        self.changed = True
        self.text = ("", "")

    def add_weighed(self, bucket: int, weight: int, duration_ns: int) -> None:
        """Count a span that stands for `weight` / ONE of them; what is no whole one yet waits."""
        if self.carry is None:
            self.carry = {}
        have = self.carry.get(bucket, 0) + weight
        whole, self.carry[bucket] = divmod(have, ONE)
        self.counts[bucket] += whole
        self.sum_ns += duration_ns * weight // ONE

    def restart(self, before: Edges, edges: Edges) -> None:
        """Begin at zero with other edges; parts of a span go on."""
        carry, self.carry = self.carry, None
        self.counts = [0] * edges.buckets
        self.sum_ns = 0
        self.changed = True
        for bucket, part in (carry or {}).items():
            last = bucket == len(before.ns)
            self.add_weighed(
                len(edges.ns) if last else bisect_left(edges.ns, before.ns[bucket]), part, 0
            )

    def written(self, edges: Edges) -> tuple[str, str]:
        """Its line of the calls, and its lines of the histogram."""
        if self.changed:
            self.changed = False
            self.text = _lines(written(self.labels), self.counts, self.sum_ns, edges)
        return self.text


class Service:
    """What is counted of one service. `began` is when that was at zero, Unix seconds."""

    def __init__(self, name: str, now: float) -> None:
        self.name = name
        self.began = now
        self.last_at = now
        self.tail_sampled_at: float | None = None  # when a span last showed that; None: none did
        self.rows: dict[Key, Row] = {}
        self.names: set[str] = set()
        self.overflow: dict[tuple[int, int], Row] = {}

    def every_row(self) -> Iterable[Row]:
        yield from self.rows.values()
        yield from self.overflow.values()

    def calls(self) -> int:
        """The spans counted."""
        return sum(sum(row.counts) for row in self.every_row())

    def page(self, edges: Edges) -> bytes:
        """Everything as text of Prometheus."""
        parts = [row.written(edges) for row in self.every_row()]
        calls = "".join([calls for calls, _ in parts])
        durations = "".join([durations for _, durations in parts])
        return (
            f"# TYPE process_start_time_seconds gauge\nprocess_start_time_seconds {self.began!r}\n"
            f"# TYPE {CALLS} counter\n{calls}# TYPE {DURATION} histogram\n{durations}"
        ).encode()

    def opening(self) -> bytes:
        """The page from before anything was counted."""
        return f"process_start_time_seconds {self.began!r}\n".encode()


class Red:
    """The services and their rows. `dimensions` are attributes that become labels too."""

    def __init__(
        self,
        edges: Edges,
        dimensions: Mapping[str, str],
        limits: Limits,
        judge: Judge,
    ) -> None:
        self.edges = edges
        self.dimensions = dict(dimensions)
        self._labels = list(dimension_labels(dimensions).items())
        self._limits = limits
        self._judge = judge
        self._sets = 0
        self.services: dict[str, Service] = {}

    def service(self, name: str, now: float) -> Service | None:
        """What is counted of a service; None: there are too many."""
        known = self.services.get(name)
        if known is None and len(self.services) < self._limits.services:
            known = self.services[name] = Service(name, now)
        return known

    def row(self, service: Service, key: Key) -> tuple[Row, bool]:
        """The row of a label set that has none yet, and whether it is an overflow row.

        An overflow row keeps kind and status, which are few: the availability of a whole service
        stays exact however many names its spans have.
        """
        name, kind, code, values = key if len(key) == 4 else (*key, ())
        kind = kind if 0 <= kind < len(KINDS) else 0
        code = code if 0 <= code < len(CODES) else 0
        proper: Key = (name, kind, code, values) if len(key) == 4 else (name, kind, code)
        known = service.rows.get(proper)
        if known is not None:
            return known, False
        if self._has_room(service, name):
            return self._new_row(service, proper, name, values), False
        rest = service.overflow.get((kind, code))
        if rest is None:
            labels = {**self._own(service, kind, code), OVERFLOW: "true"}
            rest = service.overflow[kind, code] = self._made(labels)
        return rest, True

    def forget(self, before: float) -> list[str]:
        """Drop the services that were last heard of before; their names."""
        gone = [name for name, one in self.services.items() if one.last_at < before]
        for name in gone:
            self._sets -= len(self.services.pop(name).rows)
        return gone

    def judged_by(self, judge: Judge) -> None:
        """Judge every row anew: the SLOs have changed."""
        self._judge = judge
        for service in self.services.values():
            for row in service.every_row():
                row.bad = judge(row.labels, self.edges)

    def restart(self, edges: Edges, now: float) -> None:
        """Count everything from zero with other edges."""
        before, self.edges = self.edges, edges
        for service in self.services.values():
            service.began = max(now, service.began + RESTART_APART_S)
            for row in service.every_row():
                row.restart(before, edges)

    def _has_room(self, service: Service, name: str) -> bool:
        limits = self._limits
        return (
            len(service.rows) < limits.sets
            and self._sets < limits.all_sets
            and (name in service.names or len(service.names) < limits.names)
        )

    def _new_row(self, service: Service, key: Key, name: str, values: tuple[str, ...]) -> Row:
        labels = {**self._own(service, key[1], key[2]), "span_name": name}
        for (_, label), value in zip(self._labels, values, strict=False):
            if value:
                labels[label] = value
        row = service.rows[key] = self._made(labels)
        service.names.add(name)
        self._sets += 1
        return row

    def _own(self, service: Service, kind: int, code: int) -> dict[str, str]:
        return {
            "service_name": service.name,
            "span_kind": KINDS[kind],
            "status_code": CODES[code],
        }

    def _made(self, labels: Mapping[str, str]) -> Row:
        return Row(labels, self.edges.buckets, self._judge(labels, self.edges))


def _lines(labels: str, counts: list[int], sum_ns: int, edges: Edges) -> tuple[str, str]:
    upto = cumulated(counts)
    buckets = "".join(
        [
            f'{DURATION}_bucket{{{labels},le="{le}"}} {count}\n'
            for le, count in zip(edges.le, upto, strict=True)
        ]
    )
    return (
        f"{CALLS}{{{labels}}} {upto[-1]}\n",
        f"{buckets}{DURATION}_sum{{{labels}}} {sum_ns / 1e6!r}\n"
        f"{DURATION}_count{{{labels}}} {upto[-1]}\n",
    )
