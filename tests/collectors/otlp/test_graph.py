"""The service map from pairs of spans."""

import random
from collections.abc import Mapping
from typing import Any

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from collectors.otlp.graph import Graph
from collectors.otlp.sampling import ONE
from collectors.otlp.service_map import MapEdge, ServiceMap

T0 = 1_790_000_000.0
MS = 10**6
SERVER, CLIENT, PRODUCER, CONSUMER, INTERNAL = 2, 3, 4, 5, 1


def give(
    graph: Graph,
    service: str,
    kind: int,
    own: int,
    parent: int = 0,
    *,
    now: float = T0,
    failed: bool = False,
    ms: int = 100,
    spans: float = 1,
    **attributes: str,
) -> None:
    span = Span(kind=kind)  # type: ignore[arg-type]  # an int
    trace, ids = b"t" * 16, own.to_bytes(8, "big")
    span.parent_span_id = parent.to_bytes(8, "big") if parent else b""
    for key, value in attributes.items():
        span.attributes.add(key=key.replace("_", ".")).value.string_value = value
    weight = int(spans * ONE)
    graph.take(
        span, trace + ids, service, duration_ns=ms * MS, failed=failed, now=now, weight=weight
    )


def edges(found: ServiceMap) -> dict[tuple[str, str, str], tuple[int, int]]:
    return {(e.client, e.server, e.type): (e.requests, e.failed) for e in found.edges}


@pytest.mark.parametrize("first", ["client", "server"])
@pytest.mark.parametrize(
    ("kinds", "type_"), [((CLIENT, SERVER), ""), ((PRODUCER, CONSUMER), "messaging_system")]
)
def test_two_sides_are_one_request_whichever_comes_first(
    first: str, kinds: tuple[int, int], type_: str
) -> None:
    graph = Graph(T0)
    sides: list[tuple[Any, ...]] = [("shop", kinds[0], 1), ("cart", kinds[1], 2, 1)]
    for side in sides if first == "client" else reversed(sides):
        give(graph, *side, peer_service="elsewhere")
    found = graph.map(T0 + 60)
    assert edges(found) == {("shop", "cart", type_): (1, 0)}
    assert graph.waiting == graph.unpaired == 0
    assert {(node.name, node.virtual) for node in found.nodes} == {("shop", False), ("cart", False)}


@pytest.mark.parametrize("side", [0, 1])
def test_a_request_failed_when_either_side_says_so(side: int) -> None:
    graph = Graph(T0)
    give(graph, "shop", CLIENT, 1, failed=side == 0)
    give(graph, "cart", SERVER, 2, 1, failed=side == 1)
    assert edges(graph.map(T0)) == {("shop", "cart", ""): (1, 1)}


def test_a_root_server_was_asked_by_a_user() -> None:
    graph = Graph(T0)
    give(graph, "shop", SERVER, 1)
    found = graph.map(T0)
    assert edges(found) == {("user", "shop", "virtual_node"): (1, 0)}
    assert [(n.name, n.virtual, n.type) for n in found.nodes] == [
        ("shop", False, "service"),
        ("user", True, "virtual_node"),
    ]


@pytest.mark.parametrize(
    ("attributes", "edge"),
    [
        ({"db_name": "orders"}, ("shop", "orders", "database")),
        ({"db_system": "redis"}, ("shop", "redis", "database")),
        ({"peer_service": "pg", "db_name": "orders"}, ("shop", "pg", "database")),
        ({"server_address": "10.0.0.7"}, ("shop", "10.0.0.7", "virtual_node")),
        ({"server_address": "x", "peer_service": "mail"}, ("shop", "mail", "virtual_node")),
    ],
)
def test_who_sends_no_spans_is_a_virtual_node(
    attributes: Mapping[str, str], edge: tuple[str, str, str]
) -> None:
    graph = Graph(T0)
    give(graph, "shop", CLIENT, 1, **attributes)  # type: ignore[arg-type]  # texts
    found = graph.map(T0 + 10)
    assert edges(found) == {edge: (1, 0)}
    assert {node.name for node in found.nodes if node.virtual} == {edge[1]}
    assert graph.unpaired == 0


def test_what_nobody_answers_for_is_unpaired() -> None:
    graph = Graph(T0)
    give(graph, "shop", CLIENT, 1)
    give(graph, "cart", SERVER, 2, 77)
    give(graph, "mail", CONSUMER, 3, 78)
    give(graph, "mail", INTERNAL, 4, 78)
    graph.expire(T0 + 9.9)
    assert (graph.waiting, graph.unpaired) == (3, 0)
    graph.expire(T0 + 10)
    assert (graph.waiting, graph.unpaired) == (0, 3)
    assert graph.map(T0 + 10).edges == ()


def test_the_store_is_bounded_and_what_it_drops_is_counted() -> None:
    graph = Graph(T0, max_waiting=3, max_edges=2)
    for own in range(1, 6):
        give(graph, "shop", CLIENT, own)
    assert (graph.waiting, graph.dropped) == (3, 2)
    for service in ("a", "b", "c"):
        give(graph, service, SERVER, 1)
    assert (len(graph.map(T0).edges), graph.dropped) == (2, 3)


def test_rates_and_latencies_are_of_the_last_minutes() -> None:
    graph = Graph(T0)
    for number in range(100):
        give(graph, "shop", SERVER, number, ms=100, failed=number < 10)
    (edge,) = graph.map(T0 + 50).edges
    assert (edge.requests, edge.rate, edge.error_ratio) == (100, 2.0, 0.1)
    assert edge.mean_s == pytest.approx(0.1)
    # All lie in the bucket from 50 to 100 ms.
    assert [edge.p50_s, edge.p95_s] == pytest.approx([0.075, 0.0975])
    for minute in range(1, 11):
        graph.expire(T0 + 60 * minute)
    assert graph.map(T0 + 601).edges == ()
    give(graph, "shop", SERVER, 1, now=T0 + 602)
    (edge,) = graph.map(T0 + 602).edges
    assert (edge.requests, edge.failed) == (1, 0)


def test_any_order_of_spans_gives_the_same_map() -> None:
    spans = [("shop", CLIENT, n, 0) for n in range(1, 50)]
    spans += [("cart", SERVER, 100 + n, n) for n in range(1, 50)]
    for seed in range(5):
        graph = Graph(T0)
        random.Random(seed).shuffle(spans)
        for span in spans:
            give(graph, *span)
        assert edges(graph.map(T0 + 60)) == {("shop", "cart", ""): (49, 0)}


@pytest.mark.parametrize(
    ("client", "server", "requests"), [(4, 4, 4), (1, 4, 4), (4, 1, 4), (2.5, 2.5, 2), (0, 0, 0)]
)
def test_a_request_stands_for_as_many_as_the_rarer_of_its_spans(
    client: float, server: float, requests: int
) -> None:
    graph = Graph(T0)
    give(graph, "shop", CLIENT, 1, spans=client, failed=True)
    give(graph, "cart", SERVER, 2, 1, spans=server)
    found = edges(graph.map(T0 + 1))
    assert found == ({("shop", "cart", ""): (requests, requests)} if requests else {})


def test_requests_to_virtual_nodes_and_of_users_are_weighed_too() -> None:
    graph = Graph(T0)
    give(graph, "shop", SERVER, 1, spans=8)
    give(graph, "shop", CLIENT, 2, 1, spans=8, db_name="orders")
    give(graph, "shop", CLIENT, 3, 1, spans=8, server_address="mail")
    assert {requests for requests, _ in edges(graph.map(T0 + 10)).values()} == {8}


def test_an_edge_belongs_to_its_server_or_to_the_client_that_alone_tells_of_it() -> None:
    graph = Graph(T0)
    give(graph, "shop", SERVER, 1)
    give(graph, "shop", CLIENT, 2, 1, db_name="orders")
    give(graph, "shop", CLIENT, 3, 1, server_address="mail")
    give(graph, "shop", CLIENT, 4, 1)
    give(graph, "cart", SERVER, 5, 4)
    graph.expire(T0 + 10)
    owned = {name: {edge.pair[1] for edge in found} for name, found in graph.owned().items()}
    assert owned == {"shop": {"shop", "orders", "mail"}, "cart": {"cart"}}
    graph.keep({"cart"})
    assert set(graph.owned()) == {"cart"}


def test_an_edge_knows_its_share() -> None:
    edge = MapEdge("a", "b", "", 10, 5, 20.0, 0.0, 0.0, 0.0)
    assert (edge.rate, edge.error_ratio) == (0.5, 0.5)
