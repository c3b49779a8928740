"""The whole loop beside Prometheus: 1,000 SLOs over 200 targets of 1,000 samples, every 5 s.

Both scrape the same exporter in the same minutes. CPU is that of the whole process over the
measured time, divided by the rounds; memory is resident at the end. Vigie also judges 1,000 SLOs
with four arms each and keeps every slice on disk; Prometheus keeps every sample and judges none.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path

TARGETS, ROUTES, INTERVAL_S = 200, 5, 5
WARM_UP_S, MEASURED_S = 30, int(os.environ.get("MEASURED_S", "60"))
CPU_TARGET, MEMORY_TARGET = 1 / 3, 1 / 5
HERE = Path(__file__).parent


@dataclass(frozen=True)
class Reading:
    """What the kernel says of a process."""

    cpu_s: float
    memory_mb: float


def reading(pid: int) -> Reading:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    ticks = int(fields[11]) + int(fields[12])
    status = Path(f"/proc/{pid}/status").read_text()
    resident = next(line for line in status.splitlines() if line.startswith("VmRSS"))
    return Reading(ticks / os.sysconf("SC_CLK_TCK"), int(resident.split()[1]) / 1024)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def write_vigie(folder: Path, exporter: int, port: int) -> Path:
    """A configuration with one service and five SLOs a target."""
    for name in ("slos", "targets"):
        (folder / name).mkdir()
    for number in range(1, TARGETS + 1):
        address = f"127.1.0.{number}:{exporter}"
        (folder / "targets" / f"t{number}.yaml").write_text(
            f"""apiVersion: vigie.dev/v1
kind: Targets
metadata: {{name: s{number}}}
spec:
  service: s{number}
  job: bench
  interval: {INTERVAL_S}s
  targets: [{{address: "{address}"}}]
"""
        )
        (folder / "slos" / f"s{number}.yaml").write_text(
            "---\n".join(slo(number, route, address) for route in range(ROUTES))
        )
    path = folder / "vigie.yaml"
    path.write_text(f"listen: 127.0.0.1:{port}\nlogs: text\n")
    return path


def slo(number: int, route: int, address: str) -> str:
    of = f'instance="{address}",route="r{route}"'
    return f"""apiVersion: openslo/v1
kind: SLO
metadata: {{name: r{route}}}
spec:
  service: s{number}
  budgetingMethod: Occurrences
  timeWindow: [{{duration: 30d, isRolling: true}}]
  indicator:
    metadata: {{name: r{route}}}
    spec:
      ratioMetric:
        counter: true
        bad:
          metricSource:
            type: Prometheus
            spec: {{query: 'sum(http_requests_total{{{of},code=~"5.."}})'}}
        total:
          metricSource:
            type: Prometheus
            spec: {{query: 'sum(http_requests_total{{{of}}})'}}
  objectives: [{{target: 0.9}}]
"""


def write_prometheus(folder: Path, exporter: int) -> Path:
    targets = [f"127.1.0.{number}:{exporter}" for number in range(1, TARGETS + 1)]
    path = folder / "prometheus.json"  # YAML reads JSON
    path.write_text(
        json.dumps(
            {
                "global": {"scrape_interval": f"{INTERVAL_S}s"},
                "scrape_configs": [{"job_name": "bench", "static_configs": [{"targets": targets}]}],
            }
        )
    )
    return path


def main() -> int:
    prometheus = shutil.which("prometheus")
    if prometheus is None:
        print("prometheus is not installed; it comes from Debian's prometheus", file=sys.stderr)
        return 2
    exporter, port, peer_port = free_port(), free_port(), free_port()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        config = write_vigie(folder, exporter, port)
        peer_config = write_prometheus(folder, exporter)
        log = (folder / "log").open("w")
        running = []
        try:
            page = subprocess.Popen(
                [sys.executable, str(HERE / "exporter.py"), str(TARGETS), str(exporter)],
                stdout=subprocess.PIPE,
            )
            running.append(page)
            assert page.stdout is not None
            page.stdout.readline()
            ours = subprocess.Popen(
                [sys.executable, "-m", "vigie.cli", "serve", "--config", str(config)],
                stderr=log,
            )
            running.append(ours)
            peer = subprocess.Popen(
                [
                    prometheus,
                    f"--config.file={peer_config}",
                    f"--storage.tsdb.path={folder / 'tsdb'}",
                    f"--web.listen-address=127.0.0.1:{peer_port}",
                ],
                stderr=log,
            )
            running.append(peer)
            time.sleep(WARM_UP_S)
            report(ours.pid, peer.pid, port)
        finally:
            for process in reversed(running):
                process.send_signal(signal.SIGTERM)
                process.wait(30)
            if os.environ.get("SHOW_LOG"):
                print((folder / "log").read_text()[-4000:], file=sys.stderr)
    return 0


def report(ours: int, peer: int, port: int) -> None:
    before, peer_before = reading(ours), reading(peer)
    time.sleep(MEASURED_S)
    after, peer_after = reading(ours), reading(peer)
    rounds = MEASURED_S / INTERVAL_S
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/targets") as answer:
        up = sum(target["health"] == "up" for target in json.load(answer)["items"])
    assert up == TARGETS, f"only {up} of {TARGETS} targets are up"
    line(
        "cpu_ms_per_round",
        (after.cpu_s - before.cpu_s) / rounds * 1000,
        (peer_after.cpu_s - peer_before.cpu_s) / rounds * 1000,
        CPU_TARGET,
    )
    line("memory_mb", after.memory_mb, peer_after.memory_mb, MEMORY_TARGET)


def line(name: str, ours: float, peer: float, target: float) -> None:
    ratio = ours / peer
    facts = {
        "name": f"loop.{name}",
        "ours": round(ours, 1),
        "peer": round(peer, 1),
        "ratio": round(ratio, 3),
        "target": round(target, 3),
        "holds": ratio <= target,
    }
    print(json.dumps(facts), flush=True)


if __name__ == "__main__":
    sys.exit(main())
