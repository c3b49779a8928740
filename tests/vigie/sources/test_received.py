"""vigie.sources.received: which latencies SLOs ask to be counted exactly."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.otlp.edges import edges_of as buckets
from slo.spec import CountingSli, Events, Matcher, MatchOp, RatioKind, Selector, Slo
from vigie.sources.received import edges_of

SPANS = "traces_span_metrics_duration_milliseconds_bucket"
SERVER = "traces_service_graph_request_server_seconds_bucket"
CLIENT = "traces_service_graph_request_client_seconds_bucket"


def faster(metric: str, le: str, op: MatchOp = MatchOp.EQUAL) -> Slo:
    events = Events("", (Selector(metric, (Matcher("le", op, le),)),))
    return Slo("shop", "fast", 0.99, 86400.0, CountingSli(RatioKind.GOOD, events, events))


@pytest.mark.parametrize(
    ("metric", "le", "edges"),
    [
        (SPANS, "300", {300.0}),
        (SERVER, "0.3", {300.0}),
        (CLIENT, "0.0123", {12.3}),
        (SERVER, "2", {2000.0}),
        (SERVER, "+Inf", set()),
        (SERVER, "fast", set()),
        (SERVER, "-1", set()),
        ("requests_seconds_bucket", "0.3", set()),
    ],
)
def test_the_thresholds_of_spans_and_of_the_graph_become_edges(
    metric: str, le: str, edges: set[float]
) -> None:
    assert edges_of([faster(metric, le)]) == edges
    assert edges_of([faster(metric, le, MatchOp.MATCH)]) == set()


@given(st.decimals("0.0001", "1000", places=4))
def test_an_edge_in_seconds_is_spelt_as_it_was_asked_for(seconds: object) -> None:
    edges = buckets(edges_of([faster(SERVER, str(seconds))]))
    assert float(str(seconds)) in {float(le) for le in edges.seconds}
