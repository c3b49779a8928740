"""How long `vigie slo check` takes for ten files, start included, beside `python -c pass`.

    python benchmarks/check.py

One JSON object: `ours` and `peer` are milliseconds (medians of runs that take turns), `ratio` is
ours / peer. As in an installed Vigie, modules are compiled beforehand: a first run does it, which
is not counted, wherever the environment forbids it to be kept.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

TARGET = 15.0
RUNS = 41

SLO = """\
apiVersion: openslo/v1
kind: SLO
metadata: {{name: {name}, labels: {{tier: gold}}}}
spec:
  service: {service}
  indicator:
    spec:
      ratioMetric:
        counter: true
        {part}:
          metricSource:
            type: Prometheus
            spec:
              query: {query}
        total:
          metricSource:
            type: Prometheus
            spec:
              query: {total}
  timeWindow: [{{duration: 30d, isRolling: true}}]
  budgetingMethod: Occurrences
  objectives: [{{target: 0.999}}]
---
"""
SLOTH = """\
version: prometheus/v1
service: carts
labels: {owner: shop}
slos:
  - name: requests-availability
    objective: 99.9
    description: Requests are answered
    sli:
      events:
        error_query: sum(rate(http_requests_total{job="carts",code=~"(5..|429)"}[{{.window}}]))
        total_query: sum(rate(http_requests_total{job="carts"}[{{.window}}]))
    alerting:
      name: CartsErrors
      page_alert: {labels: {severity: critical}}
      ticket_alert: {disable: true}
"""
PYRRA = """\
apiVersion: pyrra.dev/v1alpha1
kind: ServiceLevelObjective
metadata: {name: search-latency, labels: {pyrra.dev/team: shop}}
spec:
  target: "99"
  window: 28d
  indicator:
    latency:
      success: {metric: 'http_request_duration_seconds_bucket{job="search",le="0.25"}'}
      total: {metric: 'http_request_duration_seconds_count{job="search"}'}
"""
TARGETS = """\
apiVersion: vigie.dev/v1
kind: Targets
metadata: {name: shop}
spec:
  service: checkout
  interval: 15s
  targets: [{address: '10.0.0.1:8080', labels: {zone: a}}, {address: '10.0.0.2:8080'}]
"""
POLICY = """\
apiVersion: vigie.dev/v1
kind: Policy
metadata: {name: strict}
spec:
  select: {services: [checkout], labels: {tier: gold}}
  arms:
    - {kind: page, burn_rate: 14.4, long: 1h, short: 5m}
    - {kind: ticket, burn_rate: 1, long: 3d, short: 6h}
  min_bad: 5
"""
CHANNEL = """\
apiVersion: vigie.dev/v1
kind: Channel
metadata: {name: oncall}
spec: {type: webhook, receives: [page, notice], url: 'https://hooks.example.org/vigie'}
"""
RUNBOOK = """\
apiVersion: vigie.dev/v1
kind: Runbook
metadata: {name: errors}
spec:
  title: Too many errors
  match: {services: [checkout]}
  steps:
    - {id: look, kind: http, title: Look, url: 'http://${service}.example.org/errors'}
    - {id: roll-back, kind: manual, title: Roll back, text: 'Say so on incident ${number}'}
"""


def main() -> int:
    with tempfile.TemporaryDirectory() as top:
        folder = Path(top) / "files"
        folder.mkdir()
        write(folder)
        environment = {**os.environ, "PYTHONPYCACHEPREFIX": f"{top}/compiled"}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        program = "from vigie.cli import main; main()"  # as the installed `vigie` does
        command = [sys.executable, "-c", program, "slo", "check", str(folder)]
        row = measured(command, environment)
    print(json.dumps(row))
    return 0 if row["holds"] else 1


def write(folder: Path) -> None:
    """Ten files of every format, with some twenty documents, that give no error."""
    for service in ("checkout", "payments", "orders"):
        errors, latency = f"{service}_requests_total", f"{service}_seconds"
        text = SLO.format(
            name="availability",
            service=service,
            part="bad",
            query=f'sum(increase({errors}{{code=~"5.."}}[{{{{.window}}}}]))',
            total=f"sum(increase({errors}[{{{{.window}}}}]))",
        )
        text += SLO.format(
            name="latency",
            service=service,
            part="good",
            query=f'sum({latency}_bucket{{le="0.3"}})',
            total=f"sum({latency}_count)",
        )
        (folder / f"{service}.yaml").write_text(text)
    kinds = "apiVersion: openslo/v1\nkind: Service\nmetadata: {{name: {}}}\n---\n"
    services = "".join(kinds.format(name) for name in ("checkout", "payments", "orders"))
    others = (SLOTH, PYRRA, TARGETS, POLICY, CHANNEL, RUNBOOK, services)
    for number, text in enumerate(others):
        (folder / f"{number}.yaml").write_text(text)


def measured(command: Sequence[str], environment: Mapping[str, str]) -> dict[str, object]:
    """Both programs, one after the other, many times."""
    first = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert first.returncode == 0, first.stdout + first.stderr
    assert "ok: 8 SLOs" in first.stderr, first.stderr
    ours, peer = [], []
    for _ in range(RUNS):
        peer.append(elapsed([sys.executable, "-c", "pass"], environment))
        ours.append(elapsed(command, environment))
    ratio = statistics.median(ours) / statistics.median(peer)
    return {
        "name": "slo check of ten files, start included",
        "ours": round(statistics.median(ours), 2),
        "peer": round(statistics.median(peer), 2),
        "ratio": round(ratio, 2),
        "target": TARGET,
        "holds": ratio <= TARGET,
    }


def elapsed(command: Sequence[str], environment: Mapping[str, str]) -> float:
    """Milliseconds from start to end."""
    begun = time.perf_counter()
    subprocess.run(command, capture_output=True, check=False, env=environment)
    return (time.perf_counter() - begun) * 1000


if __name__ == "__main__":
    sys.exit(main())
