"""Traces of bad events, for each SLO."""

import random

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from collectors.otlp.exemplars import NEWEST, SAMPLED, SLICE_S, SLICES, Exemplar, Exemplars
from collectors.otlp.receiver import Otlp
from collectors.otlp.red import CALLS, DURATION
from collectors.otlp.wire import PROTOBUF
from slo.spec import CountingSli, Events, Matcher, MatchOp, RatioKind, Selector, Slo

T0 = 1_790_000_040.0
SHOP = Matcher("service_name", MatchOp.EQUAL, "shop")
SERVER = Matcher("span_kind", MatchOp.MATCH, "SPAN_KIND_(SERVER|CONSUMER)")
ERROR = Matcher("status_code", MatchOp.EQUAL, "STATUS_CODE_ERROR")
FINE = Matcher("status_code", MatchOp.NOT_EQUAL, "STATUS_CODE_ERROR")
QUICK = Matcher("le", MatchOp.EQUAL, "300")


def events(metric: str, *matchers: Matcher, minus: tuple[Selector, ...] = ()) -> Events:
    return Events("", (Selector(metric, (SHOP, SERVER, *matchers)),), minus)


def slo(name: str, kind: RatioKind, part: Events, total: Events) -> Slo:
    return Slo("shop", name, 0.99, 86400.0, CountingSli(kind, part, total))


ALL, COUNT = events(CALLS), events(f"{DURATION}_count")
BUCKET = events(f"{DURATION}_bucket", QUICK)
SLOS = [
    slo("errors", RatioKind.BAD, events(CALLS, ERROR), ALL),
    slo("fine", RatioKind.GOOD, events(CALLS, FINE), ALL),
    slo("latency", RatioKind.GOOD, BUCKET, COUNT),
    slo("slow", RatioKind.BAD, events(f"{DURATION}_count", minus=BUCKET.selectors), COUNT),
    slo("foreign", RatioKind.BAD, events("http_requests_total", ERROR), ALL),
]


def sent(
    *, ms: float, code: int = 0, kind: int = 2, service: str = "shop", trace: bytes = b"\xab" * 16
) -> set[str]:
    """The SLOs that keep a span as an exemplar."""
    otlp = Otlp(T0, edges_ms=[300.0], slos=SLOS)
    request = ExportTraceServiceRequest()
    of = request.resource_spans.add()
    of.resource.attributes.add(key="service.name").value.string_value = service
    span = of.scope_spans.add().spans.add(name="GET /", kind=kind)
    span.trace_id, span.span_id = trace, b"\xcd" * 8
    span.end_time_unix_nano = int(T0 * 1e9)
    span.start_time_unix_nano = span.end_time_unix_nano - round(ms * 1e6)
    span.status.code = code
    otlp.traces(request.SerializeToString(), PROTOBUF, "", T0)
    found = {one.name: otlp.exemplars(one.id, T0, T0) for one in SLOS}
    for kept in found.values():
        for exemplar in kept:
            assert (exemplar.trace_id, exemplar.span_id) == ("ab" * 16, "cd" * 8)
            assert exemplar.reason == ("error" if code == 2 else "slow")
    return {name for name, kept in found.items() if kept}


@pytest.mark.parametrize(
    ("ms", "code", "kind", "service", "slos"),
    [
        (10, 0, 2, "shop", set()),
        (10, 2, 2, "shop", {"errors", "fine"}),
        (10, 2, 5, "shop", {"errors", "fine"}),
        (10, 2, 3, "shop", set()),
        (10, 2, 2, "cart", set()),
        (300, 1, 2, "shop", set()),
        (300.000001, 1, 2, "shop", {"latency", "slow"}),
        (60_000, 2, 2, "shop", {"errors", "fine", "latency", "slow"}),
    ],
)
def test_a_span_is_kept_for_the_slos_it_is_bad_for(
    ms: float, code: int, kind: int, service: str, slos: set[str]
) -> None:
    assert sent(ms=ms, code=code, kind=kind, service=service) == slos


@pytest.mark.parametrize("trace", [b"", b"\0" * 16, b"\xab" * 15, b"\xab" * 9999])
def test_a_span_whose_trace_nobody_can_look_up_is_not_kept(trace: bytes) -> None:
    assert sent(ms=60_000, code=2, trace=trace) == set()


def bad(number: int, at: float) -> Exemplar:
    return Exemplar(f"{number:032x}", f"{number:016x}", at, "shop", "GET /", 1.0, "")


def test_the_newest_and_a_fair_sample_of_each_slice_are_kept() -> None:
    chosen = dict.fromkeys(range(40), 0)
    for seed in range(300):
        kept = Exemplars(SLOS, seed)
        for number in range(40):
            kept.offer(("shop/errors",), bad(number, T0 + number / 2))
        found = [int(one.trace_id, 16) for one in kept.between("shop/errors", T0, T0 + 60)]
        assert found == sorted(found, reverse=True)
        assert found[:NEWEST] == [39, 38, 37, 36]
        assert NEWEST <= len(found) <= NEWEST + SAMPLED
        for number in found:
            chosen[number] += 1
    older = [times for number, times in chosen.items() if number < 36]
    # Each has a chance of 4 in 40: 30 of 300, give or take five standard deviations of 5.2.
    assert all(30 - 26 <= times <= 30 + 26 for times in older)


def test_what_is_kept_is_bounded_and_asked_by_time() -> None:
    kept = Exemplars(SLOS)
    for number in range(SLICES * 2):
        kept.offer(("shop/errors", "gone"), bad(number, T0 + number * SLICE_S))
    every = kept.between("shop/errors", 0, 1e12)
    assert len(every) == SLICES
    last = T0 + (2 * SLICES - 1) * SLICE_S
    assert [e.at for e in kept.between("shop/errors", last - SLICE_S, last)] == [
        last,
        last - SLICE_S,
    ]
    assert kept.between("gone", 0, 1e12) == []


def test_a_reload_keeps_what_it_can_and_judges_anew() -> None:
    otlp = Otlp(T0, edges_ms=[300.0])
    request = ExportTraceServiceRequest()
    of = request.resource_spans.add()
    of.resource.attributes.add(key="service.name").value.string_value = "shop"
    spans = of.scope_spans.add().spans
    rng = random.Random(1)
    for kind in (2, 2):
        span = spans.add(
            kind=kind,
            trace_id=rng.randbytes(16),
            span_id=rng.randbytes(8),
        )
        span.status.code = 2
    one, two = (request.SerializeToString(), request)
    two.resource_spans[0].scope_spans[0].spans[0].span_id = b"z" * 8
    otlp.traces(one, PROTOBUF, "", T0)
    assert otlp.exemplars("shop/errors", T0, T0 + 9) == []
    otlp.watch([300.0], SLOS, T0 + 1, {})
    otlp.traces(two.SerializeToString(), PROTOBUF, "", T0 + 2)
    assert len(otlp.exemplars("shop/errors", T0, T0 + 9)) == 1
    otlp.watch([300.0], SLOS[:1], T0 + 3, {})
    assert len(otlp.exemplars("shop/errors", T0, T0 + 9)) == 1
    assert otlp.exemplars("shop/fine", T0, T0 + 9) == []
