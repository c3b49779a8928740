"""Real programs beside a real Vigie: what they serve, and a Vigie that reads a prometheus.yml."""

import json
import time
import urllib.parse
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from collectors.scrape import headers_of
from collectors.targets import Target
from components import Process, eventually, free_port, need
from conftest import StartProcess
from serving import Served

LOCAL = "127.0.0.1"


def counting(
    name: str, service: str, *, total: str, bad: str = "", good: str = "", counter: bool = True
) -> str:
    """An SLO of events, as OpenSLO: of good or of bad ones."""
    kind, part = ("bad", bad) if bad else ("good", good)
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
        counter: {json.dumps(counter)}
        {kind}: {{metricSource: {{type: Prometheus, spec: {{query: {json.dumps(part)}}}}}}}
        total: {{metricSource: {{type: Prometheus, spec: {{query: {json.dumps(total)}}}}}}}
  objectives: [{{target: 0.9}}]
"""


class Reading(Served):
    """A Vigie whose targets are those of a prometheus.yml."""

    def __init__(self, folder: Path, scrape_configs: Mapping[str, Any], slos: str) -> None:
        super().__init__(folder)
        self.write("slos/availability.yaml", slos)
        self.scrape(scrape_configs)

    def scrape(self, config: Mapping[str, Any]) -> None:
        """What its prometheus.yml says from now on, once it is reloaded."""
        self.write("slos/prometheus.yml", json.dumps(config))  # YAML reads JSON

    def reload(self) -> None:
        """Read the files again."""
        self.send("/-/reload", b"")

    def send(self, path: str, body: bytes) -> None:
        post(f"http://{LOCAL}:{self.port}{path}", body)

    def targets(self) -> dict[str, dict[str, Any]]:
        """Targets by job and instance."""
        items = self.get("/api/v1/targets")["items"]
        return {f"{target['job']} {target['instance']}": target for target in items}

    def slos(self) -> dict[str, dict[str, Any]]:
        """SLOs by name."""
        return {slo["slo"]: slo for slo in self.get("/api/v1/slos")["items"]}

    def counted(self, name: str) -> tuple[int, int]:
        """Good and total of one SLO since its beginning."""
        text = fetched(f"http://{LOCAL}:{self.port}/metrics")
        found = (f"vigie_sli_{what}_total" for what in ("good", ""))
        good, total = (summed(text, one.replace("__", "_"), f'slo="{name}"') for one in found)
        return int(good), int(total)


class Prometheus:
    """Debian's Prometheus with a configuration of its own."""

    def __init__(self, folder: Path, start: StartProcess, config: Mapping[str, Any]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        path = folder / "prometheus.yml"
        path.write_text(json.dumps(config))
        argv = [
            need("prometheus"),
            f"--config.file={path}",
            f"--storage.tsdb.path={folder / 'tsdb'}",
            f"--web.listen-address={LOCAL}:{self.port}",
        ]
        self.process: Process = start(argv)

    @property
    def address(self) -> str:
        return f"{LOCAL}:{self.port}"

    def asked(self, query: str, at: float | None = None) -> list[dict[str, Any]]:
        """What it answers to an instant query."""
        asked = urllib.parse.urlencode({"query": query, "time": at or time.time()})
        with urllib.request.urlopen(f"http://{self.address}/api/v1/query?{asked}", timeout=20) as a:
            found: list[dict[str, Any]] = json.load(a)["data"]["result"]
        return found


def ready(address: str, path: str = "/metrics") -> None:
    """Wait until a program answers."""
    eventually(lambda: fetched(f"http://{address}{path}") or True)


def fetched(url: str) -> str:
    """A page as Vigie asks for it."""
    request = urllib.request.Request(url)
    for name, value in headers_of(Target("", "", url, "", {})).items():
        if name != "Accept-Encoding":
            request.add_header(name, value)
    with urllib.request.urlopen(request, timeout=20) as answer:
        return str(answer.read().decode())


def post(url: str, body: bytes, method: str = "POST", **headers: str) -> None:
    request = urllib.request.Request(url, data=body, method=method)
    for name, value in headers.items():
        request.add_header(name.replace("_", "-"), value)
    urllib.request.urlopen(request, timeout=20).close()


def summed(page: str, metric: str, *matchers: str) -> float:
    """The sum of the series of a metric whose labels hold every matcher, such as `code="200"`."""
    return sum(
        float(value)
        for series, value in samples(page)
        if series.partition("{")[0] == metric and all(one in series for one in matchers)
    )


def samples(page: str) -> list[tuple[str, str]]:
    """The series and the value of every sample; nothing here has spaces after its labels but one
    before its value.
    """
    lines = (line for line in page.splitlines() if line and not line.startswith("#"))
    return [(series, value) for series, _, value in (line.rpartition(" ") for line in lines)]


def families(page: str) -> set[str]:
    """The families that a page names by their type."""
    return {line.split()[2] for line in page.splitlines() if line.startswith("# TYPE ")}
