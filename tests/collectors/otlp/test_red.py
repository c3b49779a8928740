"""Spans to RED series: against brute force over the same spans, and as an SLI counts them."""

import random
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from prometheus_client.parser import text_string_to_metric_families

from collectors.otlp.edges import DEFAULT_MS, edges_of
from collectors.otlp.receiver import Otlp, Receiving
from collectors.otlp.red import CALLS, CODES, DURATION, KINDS, Limits
from collectors.otlp.wire import PROTOBUF
from slo.spec import Matcher, MatchOp, Selector
from spans import T0, Sli, Span, body, send

Values = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def shown(otlp: Otlp, now: float = T0 + 1) -> Values:
    """Every sample of the newest pages."""
    found: Values = {}
    read_to = {target.id: T0 for target in otlp.targets() if target.instance == "spans"}
    for page in otlp.pages(now, read_to):
        for family in text_string_to_metric_families(page.body.decode()):
            for sample in family.samples:
                if sample.name != "process_start_time_seconds":
                    key = sample.name, tuple(sorted(sample.labels.items()))
                    assert key not in found
                    found[key] = sample.value
    return found


def expected(spans: Iterable[Span], edges_ms: Iterable[float] = DEFAULT_MS) -> Values:
    """The same by brute force: each span compared with each edge."""
    found: Counter[Any] = Counter()
    edges = sorted(edges_ms)
    for one in spans:
        labels = {
            "service_name": one.service,
            "span_name": one.name,
            "span_kind": KINDS[one.kind],
            "status_code": CODES[one.code],
        }
        took = max(0, one.duration_ns)
        for le in edges:
            key = tuple(sorted({**labels, "le": f"{le:g}"}.items()))
            found[f"{DURATION}_bucket", key] += took <= le * 1e6
        found[f"{DURATION}_bucket", tuple(sorted({**labels, "le": "+Inf"}.items()))] += 1
        plain = tuple(sorted(labels.items()))
        found[CALLS, plain] += 1
        found[f"{DURATION}_count", plain] += 1
        found[f"{DURATION}_sum", plain] += took
    return {k: v / 1e6 if k[0].endswith("_sum") else float(v) for k, v in found.items()}


SPANS = st.lists(
    st.builds(
        Span,
        number=st.integers(0, 10**6),
        service=st.sampled_from(["shop", "cart"]),
        name=st.sampled_from(["GET /", 'odd "name"\\\n', ""]),
        kind=st.integers(0, 5),
        code=st.integers(0, 2),
        duration_ns=st.one_of(
            st.integers(-(10**9), 20 * 10**9),
            st.sampled_from([round(edge * 1e6) + off for edge in DEFAULT_MS for off in (0, 1)]),
        ),
    ),
    unique_by=lambda span: span.number,
    max_size=30,
)


def same(found: Values, wanted: Values) -> None:
    """An empty label is absent to nobody but Prometheus: the page spells it."""
    assert found == {key: pytest.approx(value) for key, value in wanted.items()}


@settings(max_examples=settings().max_examples // 2)
@given(SPANS)
def test_the_series_are_those_of_brute_force(spans: list[Span]) -> None:
    otlp = Otlp(T0)
    send(otlp, *spans)
    same(shown(otlp), expected(spans))


@settings(max_examples=settings().max_examples // 2)
@given(SPANS, st.randoms(use_true_random=False))
def test_batches_order_and_duplicates_change_nothing(spans: list[Span], rng: random.Random) -> None:
    otlp = Otlp(T0)
    sent = [*spans, *rng.sample(spans, len(spans) // 2)]
    rng.shuffle(sent)
    while sent:
        some = rng.randint(1, len(sent))
        send(otlp, *sent[:some])
        sent = sent[some:]
    same(shown(otlp), expected(spans))
    assert otlp.counts().duplicates == len(spans) // 2
    assert otlp.counts().spans == len(spans)


def test_an_edge_that_an_slo_names_is_exact() -> None:
    otlp = Otlp(T0, edges_ms=[300.5])
    spans = [Span(n, duration_ns=300_500_000 + off) for n, off in enumerate((-1, 0, 1))]
    send(otlp, *spans)
    found = shown(otlp)
    same(found, expected(spans, [*DEFAULT_MS, 300.5]))
    assert [v for (name, key), v in found.items() if ("le", "300.5") in key] == [2.0]


@pytest.mark.parametrize("edge", [0, -1, float("nan"), float("inf")])
def test_an_edge_that_is_none_is_refused(edge: float) -> None:
    with pytest.raises(ValueError, match="no duration"):
        edges_of([edge])


def test_a_span_sent_again_after_the_window_is_a_new_one() -> None:
    otlp = Otlp(T0)
    for at in (T0, T0 + 119, T0 + 500):
        send(otlp, Span(1), now=at)
    assert (otlp.counts().spans, otlp.counts().duplicates) == (2, 1)


def test_a_window_that_is_too_short_for_the_traffic_is_said() -> None:
    otlp = Otlp(T0, Receiving(duplicate_spans=10))
    for number in range(40):
        send(otlp, Span(number))
    assert otlp.counts().duplicate_window_shortened > 0


def test_odd_spans_are_counted_and_said() -> None:
    otlp = Otlp(T0)
    send(
        otlp,
        Span(1, end_s=T0 - 301),
        Span(2, end_s=T0 + 61),
        Span(3, duration_ns=-5),
        Span(-1),  # ids of zeros
        Span(-1),
        Span(4, state="ot=th:zz"),
    )
    counts = otlp.counts()
    assert (counts.late, counts.ahead, counts.backwards) == (1, 1, 1)
    assert (counts.without_id, counts.tracestate, counts.spans) == (2, 1, 6)
    assert shown(otlp)[(CALLS, tuple(sorted(LABELS.items())))] == 6.0


LABELS = {
    "service_name": "shop",
    "span_name": "GET /",
    "span_kind": KINDS[2],
    "status_code": CODES[0],
}


@settings(max_examples=settings().max_examples // 2)
@given(st.lists(st.sampled_from(["ot=th:8", "ot=th:4", "ot=th:5555", "", "ot=p:2"]), max_size=60))
def test_sampled_spans_add_up_to_whole_numbers(states: list[str]) -> None:
    weights = {"ot=th:8": 2.0, "ot=th:4": 4 / 3, "ot=th:5555": 65536 / (65536 - 0x5555)}
    otlp = Otlp(T0)
    at, last, exact = T0, 0.0, 0.0
    for number, state in enumerate(states):
        send(otlp, Span(number, state=state), now=at)
        exact += weights.get(state, 4.0 if state else 1.0)
        found = shown(otlp)[CALLS, tuple(sorted(LABELS.items()))]
        assert found >= last
        assert found == int(found)
        assert exact - 1 - 1e-9 < found <= exact + 1e-9
        last = found


def total(values: Values, **labels: str) -> float:
    return sum(
        value
        for (name, key), value in values.items()
        if name == CALLS and labels.items() <= dict(key).items()
    )


@pytest.mark.parametrize("limits", [Limits(names=3), Limits(sets=3), Limits(all_sets=3)])
def test_names_without_end_overflow_and_lose_no_span(limits: Limits) -> None:
    otlp = Otlp(T0, Receiving(limits=limits))
    for number in range(50):
        send(otlp, Span(number, name=f"GET /{number}", code=2 * (number % 2)))
    found = shown(otlp)
    assert total(found, service_name="shop") == 50
    assert total(found, status_code=CODES[2]) == 25
    assert total(found, otel_metric_overflow="true") == otlp.counts().overflowed == 47
    assert len({dict(key).get("span_name") for (name, key) in found if name == CALLS}) == 4


def test_services_without_end_are_rejected_and_said() -> None:
    otlp = Otlp(T0, Receiving(limits=Limits(services=2)))
    spans = [Span(n, service=f"s{n}") for n in range(5)]
    reply = otlp.traces(body([*spans, Span(9, service="")]), PROTOBUF, "", T0)
    assert b"too many services (3)" in reply.body
    assert b"no service.name (1)" in reply.body
    assert (otlp.counts().too_many_services, otlp.counts().without_service) == (3, 1)
    assert {target.job for target in otlp.targets()} == {"s0", "s1"}


def test_dimensions_come_from_span_then_resource_then_default() -> None:
    otlp = Otlp(T0, Receiving(dimensions={"http.route": "", "zone": "unknown"}))
    request = ExportTraceServiceRequest.FromString(body([Span(1), Span(2)]))
    first, second = (of.scope_spans[0].spans[0] for of in request.resource_spans)
    first.attributes.add(key="http.route").value.string_value = "/a"
    request.resource_spans[1].resource.attributes.add(key="zone").value.string_value = "z1"
    second.attributes.add(key="http.route").value.int_value = 7
    otlp.traces(request.SerializeToString(), PROTOBUF, "", T0)
    found = shown(otlp)
    assert total(found, http_route="/a", zone="unknown") == 1
    assert total(found, http_route="7", zone="z1") == 1


# -- as an SLI counts them -------------------------------------------------------------------

SERVER = Matcher("span_kind", MatchOp.EQUAL, "SPAN_KIND_SERVER")
EVERY = Selector(f"{DURATION}_count", (SERVER,))


def fast(le: str) -> Selector:
    return Selector(f"{DURATION}_bucket", (Matcher("le", MatchOp.EQUAL, le), SERVER))


def test_the_first_span_of_a_service_counts() -> None:
    otlp = Otlp(T0)
    send(otlp, Span(1), now=T0 + 5)
    sli = Sli(T0 + 12, EVERY)  # met only by a later tick
    sli.round(otlp, T0 + 13)
    assert sli[EVERY] == 1
    send(otlp, Span(2, name="new"), now=T0 + 14)
    sli.round(otlp, T0 + 23)
    assert sli[EVERY] == 2


def test_a_restart_of_vigie_loses_and_doubles_nothing() -> None:
    otlp = Otlp(T0)
    sli = Sli(T0, EVERY)
    send(otlp, *(Span(n) for n in range(5)))
    sli.round(otlp, T0 + 10)
    again = Otlp(T0 + 60)
    send(again, *(Span(n) for n in range(5, 15)), now=T0 + 61)
    sli.round(again, T0 + 70)
    assert sli[EVERY] == 15


@settings(max_examples=settings().max_examples // 2)
@given(st.lists(st.integers(1, 5), min_size=2, max_size=6), st.data())
def test_a_new_edge_is_no_jump_and_loses_nothing(rounds: list[int], data: st.DataObject) -> None:
    """Good events of a new threshold and all events are counted from the same moment."""
    otlp = Otlp(T0)
    sli = Sli(T0, EVERY, fast("100"))
    now, number, all_spans, good = T0, 0, 0, 0
    change = data.draw(st.integers(0, len(rounds) - 1))
    since: int | None = None
    for turn, spans in enumerate(rounds):
        for _ in range(spans):
            took = data.draw(st.sampled_from([50, 250, 350]))
            send(otlp, Span(number, duration_ns=took * 10**6), now=now)
            number, all_spans = number + 1, all_spans + 1
            good += since is not None and took <= 300
        if turn == change:  # a reload in the middle of a round
            now += 3
            sli.take(otlp.watch([300.0], (), now, {"shop/spans": sli.memory.page_at}))
            sli.read(EVERY, fast("100"), fast("300"))
            since = sli[EVERY]
            assert since == all_spans
        now += 10
        sli.round(otlp, now)
    assert sli[EVERY] == all_spans
    assert sli[fast("300")] == good


def test_an_edge_that_is_there_already_restarts_nothing() -> None:
    otlp = Otlp(T0, edges_ms=[300.0, 350.0])
    send(otlp, Span(1))
    assert otlp.watch([300.0], (), T0 + 1, {"shop/spans": T0}) == []
    assert 350.0 in otlp.edges.ms
    assert total(shown(otlp)) == 1


def test_what_a_reload_takes_before_anyone_watched_is_said() -> None:
    otlp = Otlp(T0)
    send(otlp, Span(1), Span(2, service="cart"))
    assert len(otlp.watch([300.0], (), T0 + 1, {"cart/spans": T0})) == 1
    assert otlp.counts().unread == 1


def test_a_silent_service_has_no_page_and_a_forgotten_one_begins_anew() -> None:
    otlp = Otlp(T0)
    sli = Sli(T0, EVERY)
    send(otlp, Span(1))
    sli.round(otlp, T0 + 10)
    assert otlp.pages(T0 + 301, {"shop/spans": T0}) == []
    assert [target.id for target in otlp.targets()] == ["shop/spans", "shop/graph"]
    assert otlp.pages(T0 + 3601, {"shop/spans": T0}) == []
    assert otlp.targets() == []
    send(otlp, Span(2), Span(3), now=T0 + 4000)
    sli.round(otlp, T0 + 4010)
    assert sli[EVERY] == 3


def test_a_target_that_nobody_watches_has_no_page() -> None:
    otlp = Otlp(T0)
    send(otlp, Span(1))
    assert otlp.pages(T0, {}) == []


def test_buckets_are_those_of_the_connector() -> None:
    assert edges_of(()).le == (*(f"{ms:g}" for ms in DEFAULT_MS), "+Inf")
    assert bisect_left(edges_of(()).ns, 2_000_000) == 0
