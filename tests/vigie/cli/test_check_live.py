"""`vigie slo check --live`: what only shows when targets and DataSources are asked."""

import json
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from components import eventually, free_port, need
from conftest import StartProcess
from serving import listening

Vigie = Callable[..., Any]

PAGE = b"""\
# TYPE seconds histogram
seconds_bucket{le="0.1"} 3
seconds_bucket{le="0.25"} 5
seconds_bucket{le="+Inf"} 7
seconds_sum 3
seconds_count 7
# TYPE hits_total counter
hits_total{code="200"} 3
hits_total{code="500"} 9
# TYPE few counter
few_total{zone="a"} 3
# TYPE depth gauge
depth -4
"""
SLO = """\
apiVersion: openslo/v1
kind: SLO
metadata: {name: NAME}
spec:
  service: shop
  indicator: {spec: SLI}
  timeWindow: [{duration: 30d, isRolling: true}]
  budgetingMethod: Occurrences
  objectives: [{target: 0.99}]
---
"""
SOURCE = "{metricSource: {type: Prometheus, spec: {query: 'QUERY'}}}"
TARGETS = """\
apiVersion: vigie.dev/v1
kind: Targets
metadata: {name: shop}
spec: {service: shop, targets: [{address: 'ADDRESS'}]}
"""


def _ratio(name: str, kind: str, part: str, total: str) -> str:
    sides = f"{kind}: {SOURCE.replace('QUERY', part)}, total: {SOURCE.replace('QUERY', total)}"
    sli = f"{{ratioMetric: {{counter: true, {sides}}}}}"
    return SLO.replace("NAME", name).replace("SLI", sli)


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with listening(lambda path, body: (200, PAGE)) as port:
        yield f"127.0.0.1:{port}"


CASES = [
    # kind, part, total, where and what is found in "shop/a"
    ("good", 'sum(seconds_bucket{le="0.1"})', "sum(seconds_count)", "", ""),
    (
        "good",
        'sum(seconds_bucket{le="0.3"})',
        "sum(seconds_count)",
        "seconds_bucket",
        "error[V305] SLO `shop/a`: the histogram has no bucket `le=0.3`; its edges are 0.1, 0.25, "
        "+Inf",
    ),
    (
        "bad",
        'sum(hits_total{code="500"})',
        "sum(few_total)",
        "sum",
        "error[V407] SLO `shop/a`: bad is 9 and total 3 in the page of shop/ADDRESS: total must "
        "hold every event that bad does",
    ),
    (
        "bad",
        'sum(hist_total{code="500"})',
        "sum(hits_total)",
        "hist_total",
        "warning[V501] SLO `shop/a`: no page shows `hist_total`: is its name right?",
    ),
    (
        "bad",
        'sum(hits_total{code="500"})',
        'sum(few_total{zone="b"})',
        "few_total",
        'warning[V501] SLO `shop/a`: no page shows `few_total{zone="b"}`, only others of this '
        "metric",
    ),
    ("bad", 'sum(hits_total{code="503"})', "sum(hits_total)", "", ""),  # it never happened yet
]


@pytest.mark.parametrize(("kind", "part", "total", "word", "expected"), CASES)
def test_a_page_shows_what_no_file_says(
    vigie: Vigie,
    address: str,
    tmp_path: Path,
    kind: str,
    part: str,
    total: str,
    word: str,
    expected: str,
) -> None:
    path = tmp_path / "slo.yaml"
    text = _ratio("a", kind, part, total) + TARGETS.replace("ADDRESS", address)
    path.write_text(text)
    lines = _problems(vigie("slo", "check", path, "--live"))
    if not expected:
        assert lines == []
        return
    (line,) = lines
    assert line.endswith(f": {expected.replace('ADDRESS', address)}")
    row = 1 + text.splitlines().index(next(t for t in text.splitlines() if "ratioMetric" in t))
    assert line.startswith(f"{path}:{row}:")
    if word:
        column = text.splitlines()[row - 1].index(word) + 1
        assert line.startswith(f"{path}:{row}:{column}:")


def test_a_gauge_below_zero_is_no_counter_that_is_broken(
    vigie: Vigie, address: str, tmp_path: Path
) -> None:
    sli = f"{{thresholdMetric: {SOURCE.replace('QUERY', 'depth')}}}"
    text = SLO.replace("NAME", "a").replace("SLI", sli).replace("0.99", "0.99, op: lt, value: 5")
    path = tmp_path / "slo.yaml"
    path.write_text(text + TARGETS.replace("ADDRESS", address))
    assert _problems(vigie("slo", "check", path, "--live")) == []
    path.write_text(text.replace("depth", "dept") + TARGETS.replace("ADDRESS", address))
    (line,) = _problems(vigie("slo", "check", path, "--live"))
    assert "warning[V501] SLO `shop/a`: no page shows `dept`" in line


def test_a_target_that_does_not_answer_is_a_warning_and_so_is_a_source(
    vigie: Vigie, tmp_path: Path
) -> None:
    port = free_port()
    path = tmp_path / "slo.yaml"
    text = _ratio("a", "bad", "sum(x)", "sum(y)") + _ratio("b", "bad", "sum(x)", "sum(y)")
    text = text.replace("type: Prometheus", "metricSourceRef: p", 2)  # those of `a`
    path.write_text(text + TARGETS.replace("ADDRESS", f"127.0.0.1:{port}") + _source(port))
    ran = vigie("slo", "check", path, "--live", "--format", "json")
    assert ran.status == 0
    found = json.loads(ran.out)["problems"]
    messages = [p["message"] for p in found if p["code"] == "V501"]
    assert [message.partition(" could")[0] for message in messages] == [
        f"target `shop/127.0.0.1:{port}`",
        "DataSource `p`",
    ]


@pytest.mark.system
def test_a_data_source_is_asked_for_series_edges_and_how_far_back_it_remembers(
    vigie: Vigie, address: str, tmp_path: Path, start_process: StartProcess
) -> None:
    port = free_port()
    config = tmp_path / "prometheus.yml"
    jobs = [{"job_name": "shop", "static_configs": [{"targets": [address]}]}]
    config.write_text(json.dumps({"global": {"scrape_interval": "1s"}, "scrape_configs": jobs}))
    start_process(
        [
            need("prometheus"),
            f"--config.file={config}",
            f"--storage.tsdb.path={tmp_path / 'tsdb'}",
            "--storage.tsdb.retention.time=7d",
            f"--web.listen-address=127.0.0.1:{port}",
        ]
    )
    eventually(lambda: b'"7"' in _get(port, "/api/v1/query?query=seconds_count"))
    slos = (
        _ratio("edge", "good", 'sum(seconds_bucket{le="0.3"})', "sum(seconds_count)")
        + _ratio("more", "bad", 'sum(hits_total{code="500"})', "sum(few_total)")
        + _ratio("name", "bad", 'sum(hits_total{code="503"})', "sum(hit_total)")
        + _ratio("fine", "good", 'sum(seconds_bucket{le="0.1"})', "sum(seconds_count)")
        + _ratio("only", "bad", "sum(rate(hits_total[5m] offset 1m))", "sum(hits_total)")
    ).replace("type: Prometheus", "metricSourceRef: p")
    path = tmp_path / "slo.yaml"
    path.write_text(slos + _source(port))
    found = [line.partition(": ")[2] for line in _problems(vigie("slo", "check", path, "--live"))]
    by_slo = {name: [x for x in found if f"`shop/{name}`" in x] for name in ("edge", "more")}
    assert any("[V305]" in x and "0.1, 0.25, +Inf" in x for x in by_slo["edge"]), found
    assert any("[V407]" in x and "bad is 9 and total 3" in x for x in by_slo["more"]), found
    assert (
        "warning[V501] SLO `shop/name`: no answer of DataSource `p` shows `hit_total`"
        in "".join(found)
    )
    kept = "looks back 30d, and DataSource `p` keeps 7d: what lies before is unknown"
    assert [x for x in found if "`shop/fine`" in x] == [f"warning[V406] SLO `shop/fine` {kept}"]


def _source(port: int) -> str:
    return (
        "---\napiVersion: openslo/v1\nkind: DataSource\nmetadata: {name: p}\n"
        f"spec: {{type: Prometheus, connectionDetails: {{url: 'http://127.0.0.1:{port}'}}}}\n"
    )


def _get(port: int, path: str) -> bytes:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
        return bytes(answer.read())


def _problems(ran: Any) -> list[str]:
    """Those that are about what was asked."""
    about_files = ("V502", "V503", "V504")
    return [x for x in ran.out.splitlines() if not any(f"[{c}]" in x for c in about_files)]
