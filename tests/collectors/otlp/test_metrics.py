"""OTLP metrics as pages, and as they are counted."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors import strict
from collectors.exposition import Reader
from collectors.lines import Format
from collectors.otlp.metrics import PushLimits
from collectors.otlp.receiver import Otlp, Receiving
from collectors.otlp.wire import JSON
from slo.series import Memory, count, unseen
from slo.spec import Births, Selector

T0 = 1_790_000_000.0
ID = "shop/i1"
DELTA, CUMULATIVE = 1, 2


def ns(at: float) -> str:
    return str(round(at * 1e9))


def point(at: float, *, start: float | None = None, **more: Any) -> dict[str, Any]:
    value = {"attributes": [], "timeUnixNano": ns(at), **more}
    return value if start is None else {**value, "startTimeUnixNano": ns(start)}


def counter(*points: Any, temporality: int = CUMULATIVE, name: str = "requests") -> dict[str, Any]:
    of = {"dataPoints": points, "aggregationTemporality": temporality, "isMonotonic": True}
    return {"name": name, "unit": "{request}", "sum": of}


def histogram(*points: Any, temporality: int = CUMULATIVE) -> dict[str, Any]:
    of = {"dataPoints": points, "aggregationTemporality": temporality}
    return {"name": "took", "unit": "s", "histogram": of}


def buckets(at: float, counts: list[int], **more: Any) -> dict[str, Any]:
    bounds = more.pop("bounds", [0.1, 1])
    total = {"count": str(sum(counts)), "sum": 1.5}
    counted = [str(one) for one in counts]
    return point(at, bucketCounts=counted, explicitBounds=bounds, **{**total, **more})


def send(
    otlp: Otlp, *metrics: Any, now: float, resource: dict[str, str] | None = None, scope: str = "s"
) -> dict[str, Any]:
    told = {"service.name": "shop", "service.instance.id": "i1"} if resource is None else resource
    attributes = [{"key": key, "value": {"stringValue": value}} for key, value in told.items()]
    of = {"scope": {"name": scope}, "metrics": list(metrics)}
    body = {"resourceMetrics": [{"resource": {"attributes": attributes}, "scopeMetrics": [of]}]}
    reply = otlp.metrics(orjson.dumps(body), JSON, "", now)
    assert reply.status == 200, reply.body
    return dict(orjson.loads(reply.body))


def rejected(answer: dict[str, Any]) -> tuple[int, str]:
    told = answer.get("partialSuccess", {})
    return int(told.get("rejectedDataPoints", 0)), told.get("errorMessage", "")


def samples(otlp: Otlp, now: float, target: str = ID) -> dict[str, float]:
    """The samples of the newest page, which prometheus_client finds well-formed."""
    (page,) = otlp.pages(now, {target: T0})
    every = _Every()
    read = strict.read(page.body, Format.OPENMETRICS, every)
    found = {
        one.metric + "".join(f" {k}={v}" for k, v in sorted(one.labels.items())): one.value
        for one in read
    }
    assert len(found) == len(read)
    found.pop("process_start_time_seconds")
    return found


class _Every(frozenset[str]):
    def __contains__(self, _: object) -> bool:
        return True


def test_each_kind_of_metric_becomes_the_series_prometheus_would_have() -> None:
    otlp = Otlp(T0)
    attributes = [{"key": "http.route", "value": {"stringValue": '/"a"'}}]
    answer = send(
        otlp,
        counter(point(T0 + 5, start=T0, asInt="7", attributes=attributes)),
        histogram(buckets(T0 + 5, [1, 2, 3], start=T0)),
        {"name": "temp", "unit": "Cel", "gauge": {"dataPoints": [point(T0 + 5, asDouble=-1.5)]}},
        {
            "name": "open",
            "sum": {"dataPoints": [point(T0 + 5, asInt=-4)], "aggregationTemporality": 2},
        },
        now=T0 + 6,
    )
    assert answer == {}
    assert samples(otlp, T0 + 7) == {
        'requests_total http_route=/"a"': 7,
        'requests_created http_route=/"a"': T0,
        "took_seconds_bucket le=0.1": 1,
        "took_seconds_bucket le=1.0": 3,
        "took_seconds_bucket le=+Inf": 6,
        "took_seconds_sum": 1.5,
        "took_seconds_count": 6,
        "took_seconds_created": T0,
        "temp_celsius": -1.5,
        "open": -4,
    }


def test_the_target_is_the_process_that_sends() -> None:
    otlp = Otlp(T0)
    told = {"service.name": "shop", "service.namespace": "eu", "service.instance.id": "i1"}
    send(otlp, counter(point(T0, asInt=1)), now=T0, resource=told)
    send(otlp, counter(point(T0, asInt=1)), now=T0, resource={"service.name": "cart"})
    first, second = otlp.targets()
    assert (first.id, first.job, first.instance, first.service) == (
        "eu/shop/i1",
        "eu/shop",
        "i1",
        "shop",
    )
    assert (second.id, second.by, second.found_by) == ("cart/otlp", "push", "otlp")


LONG = [{"key": f"k{n}", "value": {"stringValue": "x" * 2000}} for n in range(5)]
NO_SUMMARY = {"name": "s", "summary": {"dataPoints": [point(T0), point(T0)]}}
EXPONENTIAL = {"name": "e", "exponentialHistogram": {"dataPoints": [point(T0)]}}


@pytest.mark.parametrize(
    ("metric", "points", "reason"),
    [
        (NO_SUMMARY, 2, "summaries"),
        (EXPONENTIAL, 1, "exponential"),
        (counter(point(T0, asInt=1), temporality=0), 1, "neither"),
        (counter(point(T0, asInt=-1)), 1, "negative"),
        (counter(point(T0, asDouble="NaN")), 1, "negative"),
        (counter(point(T0)), 1, "without a value"),
        (counter(point(T0, asInt=1), name="é"), 1, "no name"),
        (counter(point(T0, asInt=1), name="x" * 256), 1, "255 characters"),
        (counter(point(T0, asInt=1, attributes=[{"key": "a"}] * 65)), 1, "64 attributes"),
        (counter(point(T0, asInt=1, attributes=LONG)), 1, "4096 characters"),
        (histogram(buckets(T0, [1] * 202, bounds=list(range(201)))), 1, "200 bounds"),
        (histogram(buckets(T0, [1, 2])), 1, "do not fit"),
        (histogram(buckets(T0, [1, 2, 3], count="5")), 1, "do not fit"),
        (histogram(buckets(T0, [1, 2, 3], bounds=[1, 1])), 1, "do not rise"),
        (histogram(buckets(T0, [1, 2, 3], bounds=["NaN", 1])), 1, "do not rise"),
        (histogram(buckets(T0, [1, 2, 3], bounds=[1, "Infinity"])), 1, "infinite"),
        (histogram(buckets(T0, [1, 2, 3], bounds=["-Infinity", 1])), 1, "no number"),
    ],
)
def test_what_cannot_be_counted_is_rejected_with_its_reason(
    metric: Any, points: int, reason: str
) -> None:
    otlp = Otlp(T0)
    good = counter(point(T0, asInt=3), name="good")
    number, said = rejected(send(otlp, metric, good, now=T0 + 1))
    assert number == points == otlp.counts().points_rejected
    assert reason in said
    assert samples(otlp, T0 + 1) == {"good_total": 3}


def test_who_cannot_be_told_apart_is_rejected() -> None:
    otlp = Otlp(T0)
    one = counter(point(T0, asInt=1))
    assert "service.name" in rejected(send(otlp, one, now=T0, resource={}))[1]
    for taken in ("spans", "graph"):
        resource = {"service.name": "a", "service.instance.id": taken}
        assert "taken" in rejected(send(otlp, one, now=T0, resource=resource))[1]
    assert otlp.targets() == []
    send(otlp, one, now=T0)
    assert "two scopes" in rejected(send(otlp, one, now=T0, scope="other"))[1]
    clash = {"name": "requests.total", "gauge": {"dataPoints": [point(T0, asInt=1)]}}
    assert "already" in rejected(send(otlp, clash, now=T0))[1]
    newer = counter(point(T0 + 2, asInt=5, start=T0 + 1))
    older = counter(point(T0 + 3, asInt=9, start=T0 - 9))
    assert rejected(send(otlp, newer, now=T0 + 2))[0] == 0
    assert "start times go back" in rejected(send(otlp, older, now=T0 + 3))[1]


def test_series_and_processes_without_end_are_rejected() -> None:
    otlp = Otlp(T0, Receiving(push_limits=PushLimits(processes=1, series=2)))
    many = [counter(point(T0, asInt=1), name=f"m{n}") for n in range(5)]
    assert rejected(send(otlp, *many, now=T0)) == (3, "too many series (3)")
    other = {"service.name": "b"}
    assert rejected(send(otlp, *many, now=T0, resource=other)) == (5, "too many processes (5)")
    assert len(samples(otlp, T0 + 1)) == 2


def test_what_is_sent_no_more_leaves_the_page() -> None:
    otlp = Otlp(T0)
    a, b = (counter(point(T0, asInt=1), name=name) for name in "ab")
    send(otlp, a, b, now=T0)
    send(otlp, counter(point(T0 + 200, asInt=2), name="a"), now=T0 + 301)
    assert samples(otlp, T0 + 301) == {"a_total": 2}
    stale = point(T0 + 400, flags=1)
    send(otlp, counter(point(T0 + 350, asInt=2), name="b"), counter(stale, name="a"), now=T0 + 400)
    assert samples(otlp, T0 + 400) == {"b_total": 2}
    assert otlp.pages(T0 + 401, {ID: T0}) == []  # nothing new
    otlp.pages(T0 + 4001, {ID: T0})
    assert otlp.targets() == []


# -- as an SLI counts them -------------------------------------------------------------------

REQUESTS, TOOK = Selector("requests_total"), Selector("took_seconds_bucket")


class Sli:
    """The increments over the pages of the target, as the pipeline counts them."""

    def __init__(self, added_at: float | None = T0) -> None:
        self.memory: Memory = unseen(added_at)
        self.counted: Counter[str] = Counter()
        self.restart()

    def restart(self) -> None:
        self.reader = Reader({"job": "shop", "instance": "i1"}, frozenset({REQUESTS, TOOK}))

    def take(self, pages: Iterable[Any]) -> None:
        for made in pages:
            page, _ = self.reader.read(made.body, made.content_type, made.at)
            self.memory, grown = count(self.memory, page, Births.ZERO)
            for row, n in zip(grown.rows, grown.counts, strict=True):
                self.counted[grown.layout.keys[row].decode()] += int(n)

    def push(self, otlp: Otlp, *metrics: Any, now: float) -> None:
        assert send(otlp, *metrics, now=now) == {}
        self.take(otlp.pages(now, {ID: self.memory.page_at}))

    @property
    def requests(self) -> int:
        return self.counted["requests_total"]


@pytest.mark.parametrize(
    ("start", "counted"), [(T0 + 1, 100), (T0 - 100, 0), (None, 0)], ids=["young", "old", "unsaid"]
)
def test_a_process_counts_from_zero_when_it_began_under_watch(
    start: float | None, counted: int
) -> None:
    otlp, sli = Otlp(T0), Sli()
    sli.push(otlp, counter(point(T0 + 60, start=start, asInt=100)), now=T0 + 61)
    assert sli.requests == counted
    sli.push(otlp, counter(point(T0 + 120, start=start, asInt=130)), now=T0 + 121)
    assert sli.requests == counted + 30


def test_a_new_start_is_a_reset_even_above_the_last_value() -> None:
    otlp, sli = Otlp(T0), Sli()
    sli.push(otlp, counter(point(T0 + 60, start=T0 + 1, asInt=100)), now=T0 + 61)
    sli.push(otlp, counter(point(T0 + 120, start=T0 + 70, asInt=150)), now=T0 + 121)
    assert sli.requests == 250


def test_a_series_that_appears_later_counts_from_zero() -> None:
    otlp, sli = Otlp(T0), Sli()
    sli.push(otlp, counter(point(T0 + 60, asInt=1), name="other"), now=T0 + 61)
    sli.push(otlp, counter(point(T0 + 120, asInt=7)), now=T0 + 121)
    assert sli.requests == 7


@given(st.lists(st.tuples(st.integers(0, 50), st.booleans(), st.booleans()), max_size=12))
def test_deltas_add_up_whatever_is_sent_twice_and_over_restarts(
    steps: list[tuple[int, bool, bool]],
) -> None:
    otlp, sli = Otlp(T0), Sli()
    now, total = T0, 0
    for grown, again, restart in steps:
        now += 60
        if restart:
            otlp = Otlp(now - 30)
            sli.restart()
        metric = counter(point(now, start=now - 60, asInt=grown), temporality=DELTA)
        for _ in range(1 + again):
            sli.push(otlp, metric, now=now + 1)
        total += grown
    assert sli.requests == total


def test_a_restart_of_vigie_loses_nothing_of_a_cumulative_sum() -> None:
    otlp, sli = Otlp(T0), Sli()
    sli.push(otlp, counter(point(T0 + 60, start=T0 + 1, asInt=100)), now=T0 + 61)
    otlp = Otlp(T0 + 100)
    sli.restart()
    sli.push(otlp, counter(point(T0 + 120, start=T0 + 1, asInt=130)), now=T0 + 121)
    assert sli.requests == 130


def test_bounds_that_change_make_no_jump() -> None:
    otlp, sli = Otlp(T0), Sli()
    sli.push(otlp, histogram(buckets(T0 + 60, [1, 2, 3], start=T0 + 1)), now=T0 + 61)
    other = buckets(T0 + 120, [4, 5, 6], start=T0 + 1, bounds=[0.2, 1])
    assert "bounds" in rejected(send(otlp, histogram(other), now=T0 + 121))[1]
    newer = buckets(T0 + 180, [1, 1, 1], start=T0 + 130, bounds=[0.2, 1])
    sli.push(otlp, histogram(newer), now=T0 + 181)
    assert sli.counted == {
        'took_seconds_bucket{le="0.1"}': 1,
        'took_seconds_bucket{le="0.2"}': 1,
        'took_seconds_bucket{le="1.0"}': 3 + 2,
        'took_seconds_bucket{le="+Inf"}': 6 + 3,
    }


def test_delta_histograms_add_up() -> None:
    otlp, sli = Otlp(T0), Sli()
    for turn, counts in enumerate(([1, 0, 2], [0, 3, 1]), 1):
        at = T0 + 60 * turn
        sli.push(otlp, histogram(buckets(at, counts, start=at - 60), temporality=DELTA), now=at)
    assert sli.counted == {
        'took_seconds_bucket{le="0.1"}': 1,
        'took_seconds_bucket{le="1.0"}': 4,
        'took_seconds_bucket{le="+Inf"}': 7,
    }
