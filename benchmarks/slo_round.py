"""1,000 SLOs beside Prometheus with Sloth's rules, on the same exporter in the same minutes.

    .venv/bin/python benchmarks/slo_round.py [--slos 1000] [--services 1] [--burning 0]
                                             [--interval 60] [--rounds 2]

Both are given the same Sloth files: Prometheus as the rules that `vigie slo rules --style sloth`
makes of them (17 an SLO, as Sloth does), Vigie as they are. Both begin with 30 days of history:
Prometheus with the raw counters of 3 days and the 5-minute ratios of 30 days, a sample a minute,
Vigie with the rows of its ledger. Then the whole `vigie serve`, and beside it the same code from
scrape to committed decision without the HTTP server (benchmarks/collect.py), against the whole of
Prometheus: CPU is that of the process over the measured rounds, memory is resident at their end.

Scraping and evaluating go at one interval in all of them. It is a minute, the default of Prometheus
for both and so what Sloth's rules get. At 15 s these rules would take four times their 30 to 40 CPU
seconds a minute, which is more than two cores have, and Prometheus would skip evaluations.
"""

import argparse
import json
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from measuring import Reading, free_port, line, load_average, reading, say
from slo_fleet import JOB, Fleet, address, write_specs, write_targets
from slo_history import RATIO_S, fill_ledger, fill_prometheus

from slo.ledger import HOUR_S
from vigie import config as files

HERE = Path(__file__).resolve().parent
CPU_TARGET, MEMORY_TARGET, ALONE_TARGET = 1 / 50, 1 / 3, 1 / 500
START_S = 120
MISSED = "prometheus_rule_group_iterations_missed_total"
MINUTES_S = 32 * HOUR_S  # further back, a server that starts reads no minutes
PYTHON = sys.executable


@dataclass(frozen=True)
class Ports:
    exporter: int
    vigie: int
    alone: int
    prometheus: int


def main() -> int:
    options = _options()
    for program in ("prometheus", "promtool"):
        if shutil.which(program) is None:
            print(f"{program} is not installed; it comes with Debian's prometheus", file=sys.stderr)
            return 2
    ports = Ports(*(free_port() for _ in range(4)))
    fleet = Fleet(options.slos, options.services, options.burning, time.time() + 60)
    with tempfile.TemporaryDirectory(prefix="vigie-round-") as name, ExitStack() as stack:
        folder = Path(name)
        stack.callback(_show, folder, options.show_logs)
        _prepare(folder, fleet, ports, options.interval)
        return 0 if _run(stack, folder, fleet, ports, options) else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--slos", type=int, default=1000)
    parser.add_argument("--services", type=int, default=1, help="each with a target of its own")
    parser.add_argument("--burning", type=int, default=0, help="so many SLOs burn from the start")
    parser.add_argument("--interval", type=int, default=60, help="seconds")
    parser.add_argument("--rounds", type=int, default=2, help="measured intervals")
    parser.add_argument("--show-logs", action="store_true")
    return parser.parse_args()


# -- before ---------------------------------------------------------------------------------------


def _prepare(folder: Path, fleet: Fleet, ports: Ports, interval_s: int) -> None:
    """The files of all programs, and their past."""
    began = time.monotonic()
    write_specs(folder / "slos", fleet)
    write_targets(folder / "targets", fleet, ports.exporter, interval_s)
    config = files.load([folder / "slos", folder / "targets"])
    for name, port in (("serve", ports.vigie), ("alone", ports.alone)):
        paths = [str(folder / "slos"), str(folder / "targets")]
        settings = {"listen": f"127.0.0.1:{port}", "logs": "text", "data": name, "files": paths}
        (folder / f"{name}.yaml").write_text(json.dumps(settings), encoding="utf-8")
        (folder / name).mkdir()
    rules = [PYTHON, "-m", "vigie.cli", "slo", "rules", str(folder / "slos"), "--style", "sloth"]
    subprocess.run([*rules, "--out", str(folder / "rules.yaml")], check=True, capture_output=True)
    _write_prometheus(folder, fleet, ports.exporter, interval_s)
    for name in ("tsdb", "scratch"):
        (folder / name).mkdir()
    now = time.time()
    samples = fill_prometheus(folder / "tsdb", fleet, ports.exporter, now, folder / "scratch")
    rows = fill_ledger(
        folder / "serve" / "vigie.db", config, fleet, time.time(), RATIO_S // 86_400, MINUTES_S
    )
    shutil.copy(folder / "serve" / "vigie.db", folder / "alone" / "vigie.db")
    say(
        "history of 30 days",
        prometheus_samples=samples,
        vigie_rows=rows,
        took_s=round(time.monotonic() - began),
    )


def _write_prometheus(folder: Path, fleet: Fleet, port: int, interval_s: int) -> None:
    every = f"{interval_s}s"
    static = [
        {"targets": [address(number, port)], "labels": {"service": service}}
        for number, service in enumerate(fleet.names)
    ]
    config = {
        "global": {"scrape_interval": every, "evaluation_interval": every},
        "rule_files": [str(folder / "rules.yaml")],
        "scrape_configs": [{"job_name": JOB, "static_configs": static}],
    }
    (folder / "prometheus.json").write_text(json.dumps(config), encoding="utf-8")


def _argv(folder: Path, ports: Ports) -> dict[str, list[str]]:
    """What is started, by name."""
    return {
        "serve": [PYTHON, "-m", "vigie.cli", "serve", "--config", str(folder / "serve.yaml")],
        "alone": [PYTHON, str(HERE / "collect.py"), str(folder / "alone.yaml")],
        "prometheus": [
            "prometheus",
            f"--config.file={folder / 'prometheus.json'}",
            f"--storage.tsdb.path={folder / 'tsdb'}",
            f"--web.listen-address=127.0.0.1:{ports.prometheus}",
            "--storage.tsdb.retention.time=40d",
            # Blocks stay as they are: to compact the filled ones is no work of a running server.
            "--storage.tsdb.min-block-duration=2h",
            "--storage.tsdb.max-block-duration=2h",
        ],
    }


# -- the run --------------------------------------------------------------------------------------


def _run(
    stack: ExitStack, folder: Path, fleet: Fleet, ports: Ports, options: argparse.Namespace
) -> bool:
    numbers = [ports.exporter, fleet.slos, fleet.services, fleet.burning, fleet.burns_since]
    exporter = [PYTHON, str(HERE / "slo_exporter.py"), *map(str, numbers)]
    stack.enter_context(_running(exporter, folder / "exporter.log"))
    running = {
        name: stack.enter_context(_running(argv, folder / f"{name}.log"))
        for name, argv in _argv(folder, ports).items()
    }
    time.sleep(options.interval + 15)  # every rule was evaluated once
    _wait_for_pages(folder, ports, fleet)
    before = {name: reading(process.pid) for name, process in running.items()}
    missed = _own(ports.prometheus, MISSED)
    began = time.monotonic()
    time.sleep(options.rounds * options.interval)
    seconds = time.monotonic() - began
    after = {name: reading(process.pid) for name, process in running.items()}
    skipped = _own(ports.prometheus, MISSED) - missed
    _check(ports, fleet)
    say(
        "conditions",
        slos=fleet.slos,
        targets=fleet.services,
        burning=fleet.burning,
        interval_s=options.interval,
        measured_s=round(seconds),
        load_average=load_average(),
        skipped_evaluations=skipped,
        firing_in_prometheus=_query(ports.prometheus, 'count(ALERTS{alertstate="firing"})'),
    )
    return _report(before, after, seconds)


def _wait_for_pages(folder: Path, ports: Ports, fleet: Fleet) -> None:
    """Until both of ours have read every target: a first page costs more than all that follow."""
    deadline = time.monotonic() + START_S
    while _targets_up(ports.vigie) < fleet.services or not _counts(folder / "alone.log"):
        if time.monotonic() > deadline:
            raise RuntimeError(f"Vigie has not read every target within {START_S} s")
        time.sleep(1)
    time.sleep(5)


def _counts(log: Path) -> bool:
    return "counting" in log.read_text(encoding="utf-8")


@contextmanager
def _running(argv: Sequence[str], log: Path) -> "Iterator[subprocess.Popen[bytes]]":
    """A program that runs for a block."""
    with log.open("wb") as sink:
        process = subprocess.Popen(argv, stdout=sink, stderr=sink)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:  # Prometheus evaluates all rules of the round first
            process.kill()
            process.wait()


def _report(before: dict[str, Reading], after: dict[str, Reading], seconds: float) -> bool:
    cpu = {
        name: (after[name].cpu_s - before[name].cpu_s) / seconds * 60_000 for name in after
    }  # milliseconds a minute
    peer = after["prometheus"]
    serve, alone = after["serve"], after["alone"]
    held = [
        line("slo_round.cpu_ms_per_minute", cpu["serve"], cpu["prometheus"], CPU_TARGET),
        line(
            "slo_round.memory_mb",
            serve.memory_mb,
            peer.memory_mb,
            MEMORY_TARGET,
            own_memory_mb=f"{serve.own_mb:.0f} of {peer.own_mb:.0f}",
        ),
        line(
            "slo_round.collect_to_alert.cpu_ms_per_minute",
            cpu["alone"],
            cpu["prometheus"],
            ALONE_TARGET,
        ),
    ]
    say("collect to alert, memory", ours_mb=round(alone.memory_mb, 1))
    return all(held)


# -- what they say of themselves ------------------------------------------------------------------


def _check(ports: Ports, fleet: Fleet) -> None:
    """Both measured what they were asked to."""
    up = _targets_up(ports.vigie)
    assert up == fleet.services, f"Vigie reads {up} of {fleet.services} targets"
    counted = _query(ports.prometheus, "count(slo:period_error_budget_remaining:ratio)")
    assert counted == fleet.slos, f"Prometheus has the budgets of {counted} SLOs"
    failed = _own(ports.prometheus, "prometheus_rule_evaluation_failures_total")
    assert not failed, f"{failed} evaluations of rules failed"


def _targets_up(port: int) -> int:
    targets = _get(f"http://127.0.0.1:{port}/api/v1/targets")["items"]
    return sum(target["health"] == "up" for target in targets)


def _own(port: int, metric: str) -> float:
    """The sum of a metric that Prometheus shows of itself."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        lines = answer.read().decode().splitlines()
    return sum(float(row.rpartition(" ")[2]) for row in lines if row.startswith(metric))


def _query(port: int, text: str) -> float:
    """The one value of a query; 0 when it has none."""
    query = urllib.parse.urlencode({"query": text})
    found = _get(f"http://127.0.0.1:{port}/api/v1/query?{query}")["data"]["result"]
    return float(found[0]["value"][1]) if found else 0.0


def _get(url: str) -> Any:
    with urllib.request.urlopen(url) as answer:
        return json.load(answer)


def _show(folder: Path, wanted: bool) -> None:
    for log in sorted(folder.glob("*.log")) if wanted else ():
        print(f"== {log.name}\n{log.read_text(errors='replace')[-3000:]}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
