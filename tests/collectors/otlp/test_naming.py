"""Names of OTLP metrics in Prometheus."""

import pytest

from collectors.otlp.attributes import label_name
from collectors.otlp.naming import Kind, metric_name


@pytest.mark.parametrize(
    ("name", "unit", "kind", "wanted"),
    [
        (
            "http.server.request.duration",
            "s",
            Kind.HISTOGRAM,
            "http_server_request_duration_seconds",
        ),
        ("http.requests", "{request}", Kind.COUNTER, "http_requests_total"),
        ("http.requests.total", "1", Kind.COUNTER, "http_requests_total"),
        ("total.bytes", "By", Kind.COUNTER, "bytes_total"),
        ("system.memory.usage", "By", Kind.GAUGE, "system_memory_usage_bytes"),
        ("memory.bytes.used", "By", Kind.GAUGE, "memory_bytes_used"),
        ("cpu.utilization", "1", Kind.GAUGE, "cpu_utilization_ratio"),
        ("disk.throughput", "By/s", Kind.GAUGE, "disk_throughput_bytes_per_second"),
        ("speed", "m/h", Kind.GAUGE, "speed_meters_per_hour"),
        ("queue", "{item}/{shard}", Kind.GAUGE, "queue"),
        ("temp", "Cel", Kind.GAUGE, "temp_celsius"),
        ("odd", "furlong", Kind.GAUGE, "odd_furlong"),
        ("2xx.count", "", Kind.COUNTER, "_2xx_count_total"),
        ("a..b__c-d", "", Kind.GAUGE, "a_b_c_d"),
        ("é", "", Kind.GAUGE, ""),
    ],
)
def test_names_are_those_that_prometheus_gives(
    name: str, unit: str, kind: Kind, wanted: str
) -> None:
    assert metric_name(name, unit, kind) == wanted


@pytest.mark.parametrize(
    ("key", "label"),
    [("http.route", "http_route"), ("a__b", "a_b"), ("2xx", "key_2xx"), ("", "_"), ("ä.b", "_b")],
)
def test_attributes_become_labels(key: str, label: str) -> None:
    assert label_name(key) == label
