"""Debian's Prometheus scrapes Vigie, and every expression of the dashboards returns data there."""

import json
import subprocess
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from components import eventually, free_port, need
from conftest import StartProcess
from dashboards.build import build
from dashboards.panels import expressions
from serving import Watched, watched

pytestmark = [pytest.mark.system, pytest.mark.timeout(120)]

VARIABLES = {"__range": "30s", "__rate_interval": "5s", "__interval": "5s"}


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Watched]:
    """A Vigie that watches a shop in which all is well."""
    with watched(tmp_path) as served:
        served.start()
        eventually(lambda: served.metric("vigie_sli_total") > 0)
        yield served


@pytest.fixture
def prometheus(served: Watched, tmp_path: Path, start_process: StartProcess) -> int:
    """A Prometheus that scrapes it; the port."""
    port = free_port()
    config = {
        "global": {"scrape_interval": "1s"},
        "scrape_configs": [
            {
                "job_name": "vigie",
                "static_configs": [{"targets": [f"127.0.0.1:{served.port}"]}],
            }
        ],
    }
    path = tmp_path / "prometheus.yml"
    path.write_text(json.dumps(config))  # YAML reads JSON
    start_process(
        [
            need("prometheus"),
            f"--config.file={path}",
            f"--storage.tsdb.path={tmp_path / 'tsdb'}",
            f"--web.listen-address=127.0.0.1:{port}",
        ]
    )
    return port


def asked(port: int, expression: str) -> list[object]:
    """What Prometheus answers now."""
    query = urllib.parse.urlencode({"query": expression})
    url = f"http://127.0.0.1:{port}/api/v1/query?{query}"
    with urllib.request.urlopen(url, timeout=5) as answer:
        found: list[object] = json.load(answer)["data"]["result"]
    return found


def test_every_expression_of_the_dashboards_returns_data(
    prometheus: int, served: Watched, tmp_path: Path
) -> None:
    eventually(lambda: len(asked(prometheus, "count_over_time(vigie_tick_total[30s]) > 5")) > 0)
    assert asked(prometheus, 'up{job="vigie"} == 1')
    for path in build(tmp_path / "dashboards"):
        for expression in expressions(json.loads(path.read_text()), VARIABLES):
            assert eventually(lambda e=expression: asked(prometheus, e), 20), expression


def test_promtool_has_no_complaint_about_the_metrics(served: Watched) -> None:
    url = f"http://127.0.0.1:{served.port}/metrics"
    with urllib.request.urlopen(url, timeout=5) as answer:
        page = answer.read()
    checked = subprocess.run(
        [need("promtool"), "check", "metrics"], input=page, capture_output=True, check=False
    )
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")
