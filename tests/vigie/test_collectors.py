"""Every way in, end to end: a prometheus.yml, discovered targets, probes, and spans of a real SDK;
what they count is what happened, over a restart too.
"""

import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, StatusCode

from components import eventually
from serving import Watched, watched

pytestmark = [pytest.mark.system, pytest.mark.timeout(240)]

CALLS = "traces_span_metrics_calls_total"
SERVER = 'span_kind="SPAN_KIND_SERVER"'
BAD, TOTAL = 'sum(requests_total{code="500"})', "sum(requests_total)"


def slo(name: str, service: str, bad: str, total: str) -> str:
    return f"""---
apiVersion: openslo/v1
kind: SLO
metadata: {{name: {name}}}
spec:
  service: {service}
  budgetingMethod: Occurrences
  timeWindow: [{{duration: 30d, isRolling: true}}]
  indicator:
    metadata: {{name: {name}}}
    spec:
      ratioMetric:
        counter: true
        bad: {{metricSource: {{type: Prometheus, spec: {{query: '{bad}'}}}}}}
        total: {{metricSource: {{type: Prometheus, spec: {{query: '{total}'}}}}}}
  objectives: [{{target: 0.5}}]
"""


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Watched]:
    with watched(tmp_path) as served:
        (tmp_path / "slos/targets.yaml").unlink()
        served.write("slos/availability.yaml", slo("availability", "shop", BAD, TOTAL))
        (tmp_path / "found").mkdir()
        yield served


def of(world: Watched, slo_id: str) -> dict[str, Any]:
    return next(one for one in world.get("/api/v1/slos")["items"] if one["id"] == slo_id)


def ids(world: Watched) -> set[str]:
    return {target["id"].partition("~")[0] for target in world.get("/api/v1/targets")["items"]}


def test_an_existing_prometheus_yml_is_scraped_and_what_it_discovers_comes_and_goes(
    world: Watched,
) -> None:
    address = f"127.0.0.1:{world.shop_port}"
    found = world.folder / "found/targets.json"
    found.write_text(json.dumps([{"targets": [address], "labels": {"team": "web"}}]))
    world.write(
        "slos/prometheus.yml",
        "global: {scrape_interval: 500ms, scrape_timeout: 400ms}\n"
        "scrape_configs:\n"
        "- job_name: shop\n"
        f"  file_sd_configs: [{{files: ['{found}'], refresh_interval: 1s}}]\n"
        "  relabel_configs: [{source_labels: [team], target_label: service, replacement: shop}]\n",
    )
    world.start()
    eventually(lambda: f"shop/{address}" in ids(world))
    eventually(lambda: world.shop.pages > 4 and world.counted()[1] > 0)
    (sought,) = world.get("/api/v1/discoveries")["items"]
    assert (sought["job"], sought["health"], sought["targets"]) == ("shop", "up", 1)
    (target,) = world.get("/api/v1/targets")["items"]
    assert (target["by"], target["found_by"]) == ("scrape", "job shop")
    page = world.get(f"/api/v1/targets/{target['id']}")
    assert "requests_total" in {family["name"] for family in page["families"]}
    world.signal(signal.SIGKILL)  # the discovery of yesterday is known when it starts again
    assert world.process is not None
    world.process.popen.wait()
    world.start()
    pages = world.shop.pages
    eventually(lambda: world.shop.pages > pages + 4)
    world.shop.good = 0
    eventually(lambda: world.counted() == world.truth())
    found.write_text("[]")
    eventually(lambda: ids(world) == set(), 60)


def test_a_probe_counts_its_attempts_and_says_when_a_service_is_down(world: Watched) -> None:
    world.write(
        "slos/probe.yaml",
        "apiVersion: vigie.dev/v1\nkind: Probe\nmetadata: {name: front}\nspec:\n"
        "  {service: shop, prober: http, interval: 1s, timeout: 500ms, failures: 2,\n"
        f"   targets: [{{url: 'http://127.0.0.1:{world.shop_port}/'}}],\n"
        "   http: {fail_if_body_not_matches_regexp: ['requests_total']}}\n"
        + slo("front", "shop", "sum(probe_failures_total)", "sum(probe_attempts_total)"),
    )
    world.start()
    eventually(lambda: of(world, "shop/front")["total"] >= 3)
    assert of(world, "shop/front")["good"] == of(world, "shop/front")["total"]
    world.shop.page = lambda: b"no such page\n"  # type: ignore[method-assign]  # it breaks
    shop = eventually(
        lambda: next(s for s in world.get("/api/v1/services")["items"] if s["state"] == "down")
    )
    assert "probe front" in shop["reason"]
    assert shop["outage"]["started_at"]
    (front,) = world.get("/api/v1/probes")["items"]
    assert (front["state"], front["by_location"]) == ("down", {"local": "down"})
    assert of(world, "shop/front")["total"] - of(world, "shop/front")["good"] >= 2


def test_spans_of_a_real_sdk_are_counted_each_once_over_a_restart(world: Watched) -> None:
    world.write(
        "slos/spans.yaml",
        slo(
            "calls",
            "web",
            f'sum({CALLS}{{{SERVER},status_code="STATUS_CODE_ERROR"}})',
            f"sum({CALLS}{{{SERVER}}})",
        ),
    )
    world.config.write_text(world.config.read_text() + "traces_url: http://t/{trace_id}\n")
    world.start()
    eventually(lambda: world.get("/api/v1/slos"))
    send(world, 30, 3)
    eventually(
        lambda: (of(world, "web/calls")["good"], of(world, "web/calls")["total"]) == (27, 30)
    )
    kept = world.get("/api/v1/slos/web/calls/exemplars")["items"]
    assert [(one["reason"], one["span_name"]) for one in kept] == [("error", "GET /")] * 3
    assert {one["url"] for one in kept} == {f"http://t/{one['trace_id']}" for one in kept}
    world.stop()  # what was received and not yet handed over is handed over
    world.start()
    eventually(lambda: world.get("/api/v1/slos"))
    send(world, 20, 20)
    eventually(
        lambda: (of(world, "web/calls")["good"], of(world, "web/calls")["total"]) == (27, 50)
    )
    graph = world.get("/api/v1/services/graph")
    assert {node["name"]: node["virtual"] for node in graph["nodes"]} == {
        "user": True,
        "web": False,
    }


def send(world: Watched, spans: int, failed: int) -> None:
    provider = TracerProvider(resource=Resource.create({"service.name": "web"}))
    exporter = OTLPSpanExporter(f"http://127.0.0.1:{world.port}/v1/traces")
    provider.add_span_processor(BatchSpanProcessor(exporter))
    tracer = provider.get_tracer("test")
    for number in range(spans):
        with tracer.start_as_current_span("GET /", kind=SpanKind.SERVER) as span:
            if number < failed:
                span.set_status(StatusCode.ERROR)
    assert provider.force_flush()
    provider.shutdown()
