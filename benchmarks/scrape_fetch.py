"""Fetching beside Prometheus: 500 targets of 1,000 samples, every 5 s, from the same exporters.

    python benchmarks/scrape_fetch.py

CPU is that of the whole process over the measured time, divided by the scrapes; memory is what is
resident at the end. Ours is a process that scrapes and reads two counters of every page, as an SLO
asks; Prometheus stores every sample of it.
"""

import asyncio
import gc
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import uvloop
from measuring import Reading, free_port, line, load_average, reading, say

from collectors.scrape import Scrape, Scraper
from collectors.targets import Target
from slo.spec import Matcher, MatchOp, Selector
from vigie.clock import SystemClock

TARGETS, INTERVAL_S = 500, 5.0
PER_EXPORTER = 250  # addresses 127.1.0.1 ..
SETTLE_S, MEASURED_S = 5.0, float(os.environ.get("MEASURED_S", "40"))
CPU_TARGET, MEMORY_MB = 0.2, 120.0
HERE = Path(__file__).parent
SELECTORS = frozenset(
    {
        Selector("http_requests_total"),
        Selector("http_requests_total", (Matcher("code", MatchOp.MATCH, "5.."),)),
    }
)


def addresses(ports: list[int]) -> list[str]:
    return [f"127.1.0.{number}:{port}" for port in ports for number in range(1, PER_EXPORTER + 1)]


async def scrape(ports: list[int]) -> None:
    """Scrape until SIGTERM; then say how many pages came and how many did not.

    `warm` is said when every target was read twice: its first page is read strictly, by
    prometheus_client, once in its life.
    """
    counts = {"good": 0, "failed": 0}
    pages: Counter[str] = Counter()
    ended, warm = asyncio.Event(), asyncio.Event()

    def deliver(one: Scrape) -> None:
        counts["failed" if one.error else "good"] += 1
        pages[one.target_id] += not one.error
        if not warm.is_set() and len(pages) == TARGETS and min(pages.values()) > 1:
            warm.set()

    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    scraper = Scraper(SystemClock(), deliver)
    targets = [
        Target(
            "bench",
            a,
            f"http://{a}/metrics",
            "bench",
            {"job": "bench", "instance": a},
            interval_s=INTERVAL_S,
            timeout_s=INTERVAL_S,
        )
        for a in addresses(ports)
    ]
    by_id = {target.id: target for target in targets}
    scraper.watch(by_id, dict.fromkeys(by_id, SELECTORS))
    await scraper.start()
    gc.collect()
    gc.freeze()  # as the server does
    await warm.wait()
    print("warm", flush=True)
    await ended.wait()
    await scraper.stop()
    print(json.dumps(counts), flush=True)


def write_prometheus(folder: Path, ports: list[int]) -> Path:
    path = folder / "prometheus.json"  # YAML reads JSON
    jobs = [{"job_name": "bench", "static_configs": [{"targets": addresses(ports)}]}]
    seconds = f"{INTERVAL_S:g}s"
    config = {"global": {"scrape_interval": seconds, "scrape_timeout": seconds}}
    path.write_text(json.dumps({**config, "scrape_configs": jobs}), encoding="utf-8")
    return path


def start(*command: str | Path, ready: bool = False) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        [str(part) for part in command], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    if ready:
        assert process.stdout is not None
        process.stdout.readline()
    return process


def main() -> int:
    prometheus = shutil.which("prometheus")
    if prometheus is None:
        print("prometheus is not installed; it comes from Debian's prometheus", file=sys.stderr)
        return 2
    ports = [free_port() for _ in range(TARGETS // PER_EXPORTER)]
    running: list[subprocess.Popen[bytes]] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        try:
            for port in ports:
                exporter = HERE / "exporter.py"
                running.append(
                    start(sys.executable, exporter, str(PER_EXPORTER), str(port), ready=True)
                )
            ours = start(sys.executable, __file__, *map(str, ports))
            peer = start(
                prometheus,
                f"--config.file={write_prometheus(folder, ports)}",
                f"--storage.tsdb.path={folder / 'tsdb'}",
                f"--web.listen-address=127.0.0.1:{free_port()}",
            )
            running += [ours, peer]
            assert ours.stdout is not None
            ours.stdout.readline()  # warm
            time.sleep(SETTLE_S)
            before = reading(ours.pid), reading(peer.pid)
            time.sleep(MEASURED_S)
            return 0 if report(ours, before, (reading(ours.pid), reading(peer.pid))) else 1
        finally:
            for process in reversed(running):
                process.send_signal(signal.SIGTERM)
                process.wait(30)


def report(
    ours: subprocess.Popen[bytes],
    before: tuple[Reading, Reading],
    after: tuple[Reading, Reading],
) -> bool:
    ours.send_signal(signal.SIGTERM)
    counts = json.loads(ours.communicate(timeout=30)[0])
    say("scrapes", **counts, load=load_average())
    scrapes = TARGETS * MEASURED_S / INTERVAL_S
    used = [(b.cpu_s - a.cpu_s) / scrapes * 1e6 for a, b in zip(before, after, strict=True)]
    holds = [
        line("scrape_fetch.cpu_us_per_scrape", used[0], used[1], CPU_TARGET),
        line(
            "scrape_fetch.memory_mb",
            after[0].memory_mb,
            MEMORY_MB,
            1.0,
            "peer is the limit",
            prometheus_mb=round(after[1].memory_mb),
        ),
    ]
    return all(holds) and counts["failed"] == 0


if __name__ == "__main__":
    if len(sys.argv) > 1:
        uvloop.run(scrape([int(text) for text in sys.argv[1:]]))
    else:
        sys.exit(main())
