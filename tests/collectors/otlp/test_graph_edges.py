"""The service graph as series: their names, their sums, and how an SLI over an edge counts them."""

from collections import Counter
from collections.abc import Iterable
from itertools import count
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from collectors.otlp.receiver import Otlp
from slo.spec import Matcher, MatchOp, Selector
from spans import T0, Sli, Span, send

REQUEST = "traces_service_graph_request"
SERVER, CLIENT = 2, 3
MS = 10**6


def call(
    number: int, ms: int = 20, code: int = 0, state: str = "", client: str = "shop"
) -> list[Span]:
    """Both sides of a request from a client to `cart`."""
    common: dict[str, Any] = {"trace": number + 1, "code": code, "state": state}
    common["duration_ns"] = ms * MS
    return [
        Span(2 * number, service=client, kind=CLIENT, parent=10**6, **common),
        Span(2 * number + 1, service="cart", kind=SERVER, parent=2 * number, **common),
    ]


def series(otlp: Otlp, target: str, now: float = T0 + 1) -> dict[tuple[str, ...], float]:
    """The newest page of a target: values by name, client and `le`."""
    page = otlp.pages(now, {target: T0})[-1]
    assert page.target_id == target
    return {
        (sample.name, sample.labels.get("client", ""), sample.labels.get("le", "")): sample.value
        for family in text_string_to_metric_families(page.body.decode())
        for sample in family.samples
    }


def test_the_series_bear_the_names_of_the_connector() -> None:
    otlp = Otlp(T0)
    for number in range(7):
        send(otlp, *call(number, ms=30, code=2 * (number == 1)))
    send(otlp, Span(99, service="cart"))
    found = series(otlp, "cart/graph")
    assert found[f"{REQUEST}_total", "shop", ""] == 7
    assert found[f"{REQUEST}_failed_total", "shop", ""] == 1
    assert found[f"{REQUEST}_server_seconds_count", "shop", ""] == 7
    assert found[f"{REQUEST}_server_seconds_sum", "shop", ""] == pytest.approx(0.21)
    assert found[f"{REQUEST}_client_seconds_bucket", "shop", "0.01"] == 0
    assert found[f"{REQUEST}_client_seconds_bucket", "shop", "0.05"] == 7
    assert found[f"{REQUEST}_total", "user", ""] == 1
    assert found[f"{REQUEST}_created", "user", ""] == T0


def test_an_edge_is_on_the_page_of_its_server() -> None:
    otlp = Otlp(T0)
    send(otlp, *call(1), Span(10))
    assert {target.id for target in otlp.targets()} == {
        "shop/spans", "shop/graph", "cart/spans", "cart/graph",
    }  # fmt: skip
    assert {client for _, client, _ in series(otlp, "cart/graph")} == {"shop", ""}
    assert {client for _, client, _ in series(otlp, "shop/graph")} == {"user", ""}


STATES = {"": 1.0, "ot=th:8": 2.0, "ot=th:4": 4 / 3, "ot=p:2": 4.0}


@settings(max_examples=settings().max_examples // 2)
@given(
    st.lists(
        st.tuples(st.sampled_from(list(STATES)), st.integers(0, 30), st.booleans()), max_size=40
    )
)
def test_sampled_requests_add_up_and_no_part_is_more_than_the_whole(
    requests: list[tuple[str, int, bool]],
) -> None:
    otlp = Otlp(T0)
    exact: Counter[str] = Counter()
    send(otlp, Span(10**5, service="cart"))
    for number, (state, ms, failed) in enumerate(requests):
        send(otlp, *call(number, ms=ms, code=2 * failed, state=state))
        exact["total"] += STATES[state]  # type: ignore[assignment]  # parts of requests
        exact["failed"] += STATES[state] * failed
        exact["fast"] += STATES[state] * (ms <= 10)
    found = series(otlp, "cart/graph") if requests else Counter()
    total = found[f"{REQUEST}_total", "shop", ""]
    for side in ("server", "client"):
        buckets = [
            value
            for (name, client, _), value in found.items()
            if name == f"{REQUEST}_{side}_seconds_bucket" and client == "shop"
        ]
        assert buckets == sorted(buckets)
        assert found[f"{REQUEST}_{side}_seconds_count", "shop", ""] == total
        fast = found[f"{REQUEST}_{side}_seconds_bucket", "shop", "0.01"]
        assert exact["fast"] - 1 - 1e-9 < fast <= exact["fast"] + 1e-9
    failed_total = found[f"{REQUEST}_failed_total", "shop", ""]
    assert exact["total"] - 1 - 1e-9 < total <= exact["total"] + 1e-9
    assert exact["failed"] - 1 - 1e-9 < failed_total <= exact["failed"] + 1e-9
    assert failed_total <= total


# -- as an SLI counts them -------------------------------------------------------------------

FROM_SHOP = Matcher("client", MatchOp.EQUAL, "shop")
EVERY = Selector(f"{REQUEST}_total", (FROM_SHOP,))


def fast(le: str) -> Selector:
    metric = f"{REQUEST}_server_seconds_bucket"
    return Selector(metric, (FROM_SHOP, Matcher("le", MatchOp.EQUAL, le)))


def edge(added_at: float | None, *selectors: Selector) -> Sli:
    return Sli(added_at, *selectors, target="cart/graph")


def test_the_first_request_on_an_edge_counts() -> None:
    otlp = Otlp(T0)
    send(otlp, *call(1), now=T0 + 5)
    sli = edge(T0 + 12, EVERY)
    sli.round(otlp, T0 + 13)
    assert sli[EVERY] == 1
    every = Selector(f"{REQUEST}_total", ())
    sli.read(EVERY, every)
    send(otlp, *call(2, client="app"), *call(3), now=T0 + 14)
    sli.round(otlp, T0 + 23)
    assert (sli[EVERY], sli[every]) == (2, 2)


def test_a_restart_of_vigie_loses_and_doubles_nothing() -> None:
    otlp, again = Otlp(T0), Otlp(T0 + 60)
    sli = edge(T0, EVERY)
    numbers = count()
    for receiver, now, requests in ((otlp, T0, 5), (again, T0 + 61, 15)):
        for number, _ in zip(numbers, range(requests), strict=False):
            send(receiver, *call(number), now=now)
        sli.round(receiver, now + 9)
    assert sli[EVERY] == 20


def test_a_forgotten_edge_that_comes_back_counts_from_zero_and_others_go_on() -> None:
    otlp = Otlp(T0)
    sli = edge(T0, EVERY, Selector(f"{REQUEST}_total", ()))
    send(otlp, *call(1))
    for minute in range(70):
        now = T0 + 60 * minute
        send(otlp, *call(100 + minute, client="app"), now=now)
        sli.round(otlp, now + 10)
    assert {client for _, client, _ in series(otlp, "cart/graph", now + 20)} == {"app", ""}
    send(otlp, *call(2), now=now + 30)  # as high as it was when it was forgotten
    sli.round(otlp, now + 40)
    assert sli[EVERY] == 2
    assert sli[Selector(f"{REQUEST}_total", ())] == 72


def test_a_silent_server_has_no_page_and_a_quiet_edge_is_a_zero() -> None:
    otlp = Otlp(T0)
    send(otlp, *call(1))
    send(otlp, Span(50, service="cart", kind=1), now=T0 + 400)
    names = [page.target_id for page in otlp.pages(T0 + 401, {"cart/graph": T0, "shop/graph": T0})]
    assert names == ["cart/graph"]
    assert otlp.pages(T0 + 5000, {"cart/graph": T0}) == []
    assert otlp.targets() == []


@settings(max_examples=settings().max_examples // 2)
@given(st.lists(st.integers(1, 4), min_size=2, max_size=6), st.data())
def test_a_new_edge_is_no_jump_and_loses_nothing(rounds: list[int], data: st.DataObject) -> None:
    """Good events of a new threshold and all events are counted from the same moment."""
    otlp = Otlp(T0)
    sli = edge(T0, EVERY, fast("0.1"))
    now, numbers, requests, good = T0, count(), 0, 0
    change = data.draw(st.integers(0, len(rounds) - 1))
    since: int | None = None
    for turn, some in enumerate(rounds):
        for _ in range(some):
            took = data.draw(st.sampled_from([50, 250, 350]))
            send(otlp, *call(next(numbers), ms=took), now=now)
            requests += 1
            good += since is not None and took <= 300
        if turn == change:  # a reload in the middle of a round
            now += 3
            sli.take(_of_graph(otlp.watch([300.0], (), now, {"cart/graph": sli.memory.page_at})))
            sli.read(EVERY, fast("0.1"), fast("0.3"))
            since = sli[EVERY]
            assert since == requests
        now += 10
        sli.round(otlp, now)
    assert sli[EVERY] == requests
    assert sli[fast("0.3")] == good
    assert {e.requests for e in otlp.graph(now).edges if e.client == "shop"} == {requests}


def _of_graph(pages: Iterable[Any]) -> list[Any]:
    return [page for page in pages if page.target_id == "cart/graph"]


def test_what_a_tail_sampler_chose_is_counted_and_said() -> None:
    otlp = Otlp(T0)
    send(otlp, *call(1), Span(7, service="mail", policy="keep-errors"))
    assert (otlp.counts().spans, otlp.counts().tail_sampled) == (3, 1)
    assert otlp.tail_sampled(T0) == ["mail"]
    sampled = {node.name: node.tail_sampled for node in otlp.graph(T0).nodes}
    assert sampled == {"shop": False, "cart": False, "mail": True, "user": False}
    assert otlp.tail_sampled(T0 + 3601) == []


def test_what_is_on_no_edge_is_counted() -> None:
    otlp = Otlp(T0)
    send(otlp, Span(1, kind=CLIENT, parent=5))
    otlp.pages(T0 + 11, {})
    assert (otlp.counts().unpaired, otlp.counts().edge_dropped) == (1, 0)
