"""How many spans one core takes, from the bytes of a request to the SLI series of their services.

    python benchmarks/otlp.py

Batches of a real exporter's size and shape (five services, calls of each other, 50 routes, five
attributes a span; 512 spans a request, each with ids of its own) go through the whole path: body,
RED series, service graph, exemplars, duplicates; every second's worth of spans the pages of all
services are made and read by a Reader for the selectors of an availability and a latency SLO.
`peer` is the limit that was set, 150,000 spans a second; `ours` is microseconds a span. Beside it:
what protobuf alone takes to parse the same bytes, which nothing in Python can be below.
"""

import random
import resource
import sys
import time
from collections.abc import Callable

from measuring import line, load_average, say
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from collectors.exposition import Reader
from collectors.otlp.receiver import Otlp, Receiving
from slo.spec import CountingSli, Events, Matcher, MatchOp, RatioKind, Selector, Slo

LIMIT_PER_S = 150_000
SPANS = 512  # of a request: the default of OpenTelemetry's batch processor
REQUESTS = 1_500
SECOND = 150_000  # spans between two rounds of pages
SERVICES = ("shop", "cart", "checkout", "payments", "mail")
ROUTES = 50
T0 = 1_790_000_000.0
CALLS, DURATION = "traces_span_metrics_calls_total", "traces_span_metrics_duration_milliseconds"


def main() -> int:
    rng = random.Random(1)
    bodies = [body(rng) for _ in range(REQUESTS)]
    spans = REQUESTS * SPANS
    say("input", spans=spans, bytes_a_span=round(sum(map(len, bodies)) / spans, 1))
    say("load average", value=load_average())
    parse_us = best(lambda: parsed(bodies)) / spans
    whole_us = best(lambda: whole(bodies, {})) / spans
    note = f"limit {LIMIT_PER_S} spans/s; parsing alone {parse_us:.3g} us"
    rate = round(1e6 / whole_us)
    limit_us = 1e6 / LIMIT_PER_S
    holds = line("spans, us each", whole_us, limit_us, 1.0, note, spans_per_second=rate)
    more_us = best(lambda: whole(bodies, {"http.route": ""})) / spans
    say("with a dimension, us each", value=round(more_us, 2), spans_per_second=round(1e6 / more_us))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    say("resident memory with all bodies, MB", value=round(peak))
    return 0 if holds else 1


def parsed(bodies: list[bytes]) -> None:
    for one in bodies:
        ExportTraceServiceRequest.FromString(one)


def body(rng: random.Random) -> bytes:
    """A request, as bytes: spans of one service that call another, and those of the other."""
    request = ExportTraceServiceRequest()
    both = []
    for service in rng.sample(SERVICES, 2):
        of = request.resource_spans.add()
        _set(of.resource.attributes, "service.name", service)
        both.append(of.scope_spans.add().spans)
    for _ in range(SPANS // 2):
        route = f"/api/v1/r/{rng.randrange(ROUTES)}"
        trace, client, server = rng.randbytes(16), rng.randbytes(8), rng.randbytes(8)
        failed = 2 if rng.random() < 0.01 else 0
        sides = ((3, client, rng.randbytes(8)), (2, server, client))
        for spans, (kind, own, parent) in zip(both, sides, strict=True):
            span = spans.add(
                trace_id=trace, span_id=own, parent_span_id=parent, kind=kind, name=f"GET {route}"
            )
            start = int((T0 - 1) * 1e9) + rng.randrange(10**9)
            span.start_time_unix_nano = start
            span.end_time_unix_nano = start + int(rng.expovariate(1 / 50) * 1e6)
            span.status.code = failed
            _set(span.attributes, "http.request.method", "GET")
            _set(span.attributes, "http.route", route)
            _set(span.attributes, "server.address", "10.0.0.7")
            _set(span.attributes, "network.protocol.version", "1.1")
            span.attributes.add(key="http.response.status_code").value.int_value = 200
    return request.SerializeToString()


def whole(bodies: list[bytes], dimensions: dict[str, str]) -> int:
    """The whole path; the events counted. All must be there."""
    otlp = Otlp(T0, Receiving(dimensions=dimensions), edges_ms=[300.0], slos=slos())
    readers: dict[str, Reader] = {}
    read_to: dict[str, float | None] = {}
    wanted = frozenset(s for slo in slos() for s in slo.sli.selectors)
    now, since, counted = T0, 0, {}
    for number, one in enumerate(bodies, 1):
        reply = otlp.traces(one, "application/x-protobuf", "", now)
        assert reply.status == 200
        since += SPANS
        if since < SECOND and number < len(bodies):
            continue
        now, since = now + 1.0, 0
        for target in otlp.targets():
            read_to.setdefault(target.id, None)
            if target.id not in readers:
                readers[target.id] = Reader(target.labels, wanted)
        for made in otlp.pages(now, read_to):
            page, _ = readers[made.target_id].read(made.body, made.content_type, made.at)
            read_to[made.target_id] = made.at
            every = sum(
                value
                for key, value in zip(page.layout.keys, page.values, strict=True)
                if key.startswith(CALLS.encode()) and b"SPAN_KIND_SERVER" in key
            )
            counted[made.target_id] = int(every)
    total = sum(counted.values())
    assert total == len(bodies) * SPANS // 2, "a span was lost"
    return total


def slos() -> list[Slo]:
    """Availability and latency of each service."""
    found = []
    for service in SERVICES:
        server = (
            Matcher("service_name", MatchOp.EQUAL, service),
            Matcher("span_kind", MatchOp.EQUAL, "SPAN_KIND_SERVER"),
        )
        every = Events("", (Selector(CALLS, server),))
        error = Matcher("status_code", MatchOp.EQUAL, "STATUS_CODE_ERROR")
        failed = Events("", (Selector(CALLS, (*server, error)),))
        found.append(_slo(service, "availability", CountingSli(RatioKind.BAD, failed, every)))
        fast = (Matcher("le", MatchOp.EQUAL, "300"), *server)
        quick = Events("", (Selector(f"{DURATION}_bucket", fast),))
        counted = Events("", (Selector(f"{DURATION}_count", server),))
        found.append(_slo(service, "latency", CountingSli(RatioKind.GOOD, quick, counted)))
    return found


def _slo(service: str, name: str, sli: CountingSli) -> Slo:
    return Slo(service, name, 0.99, 30 * 86400.0, sli)


def _set(attributes: object, key: str, text: str) -> None:
    attributes.add(key=key).value.string_value = text  # type: ignore[attr-defined]  # no stubs


def best(work: Callable[[], object], runs: int = 3) -> float:
    """The shortest of several times of CPU, in microseconds."""
    shortest = float("inf")
    for _ in range(runs):
        begun = time.process_time()
        work()
        shortest = min(shortest, time.process_time() - begun)
    return shortest * 1e6


if __name__ == "__main__":
    sys.exit(main())
