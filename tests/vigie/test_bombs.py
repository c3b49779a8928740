"""Everything harmful at once, at a real server: its memory stays within what its documented limits
add up to, each harm has its name, and healthy targets are scraped all the same.

    pytest -rP -m system tests/vigie/test_bombs.py      shows the figures
"""

import gzip
import json
import select
import socket
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import cramjam
import pytest

from collectors.scrape import next_turn
from components import ROOT, eventually, free_port
from conftest import StartProcess
from harmful_targets import flood_of, flood_of_json, packed_gigabyte
from peers import LOCAL, Reading, counting, ready

pytestmark = [pytest.mark.system, pytest.mark.timeout(180)]

SENDERS = 4
HEALTHY, EACH = 20, 3  # targets that are well, and of every harmful kind
INTERVAL_S, HARM_INTERVAL_S = 2, 5
CALM_S, HARM_S, FIRE_S = 8, 12, 10
FLOODED = ("body over limit", "too many large pages at once")
# By path: the reasons that docs/reference/scraping.md gives for it.
HARMFUL = {
    "bomb": FLOODED,
    "liar": FLOODED,
    "nested": ("unreadable line",),  # a bomb in a bomb is a page that makes no sense
    "line": FLOODED,
    "sized": FLOODED,
    "chunks": FLOODED,
    "loris": ("timeout",),
    "loop": ("too many redirects",),
    "metadata": ("redirect to 169.254.169.254 refused: a metadata address",),
}
MB, MIB = 1_000_000, 1024 * 1024
# docs/reference/scraping.md: large pages wait for their turn in 128 MB together, and no page is
# unpacked over 50 MB; two are read at once. What is being unpacked or joined is there twice.
SCRAPED_BYTES = 128 * MB + 2 * 2 * 50 * MB
# docs/reference/traces.md and remote-write.md: 20 MiB a body, of 8 and of 4 requests at once, which
# is there as it came, in pieces or joined, and unpacked. What they tell of takes more: 350 MB of
# one request by OTLP, and 100 MB of each of the 4.
SENT_BYTES = (8 + 4) * 3 * 20 * MIB + 350 * MB + 4 * 100 * MB
MOST_BYTES = SCRAPED_BYTES + SENT_BYTES


def scrape_configs(good: int, bad: int, *, harmful: bool) -> dict[str, Any]:
    jobs = [job("good", [f"127.0.1.{n}:{good}" for n in range(1, HEALTHY + 1)], INTERVAL_S, 1.8)]
    for path in HARMFUL if harmful else ():
        addresses = [f"127.0.1.{n}:{bad}" for n in range(1, EACH + 1)]
        jobs.append(job(path, addresses, HARM_INTERVAL_S, 4.5))
    return {"scrape_configs": jobs}


def job(path: str, addresses: list[str], interval_s: int, timeout_s: float) -> dict[str, Any]:
    return {
        "job_name": path,
        "metrics_path": f"/{path}",
        "scrape_interval": f"{interval_s}s",
        "scrape_timeout": f"{round(timeout_s * 1000)}ms",
        "static_configs": [{"targets": addresses}],
    }


class Healthy:
    """The pages that healthy targets served, by address."""

    def __init__(self, log: Path, port: int) -> None:
        self.log, self.port = log, port

    def lags(self, start: float, end: float) -> tuple[int, list[float]]:
        """How many turns had no page, and how late the others were."""
        served: dict[str, set[float]] = defaultdict(set)
        lags, missed = [], 0
        for text in self.log.read_text().splitlines():
            host, at = text.split()
            served[host].add(float(at))
        for host, times in served.items():
            turn = next_turn(f"good/{host}:{self.port}", INTERVAL_S, start)
            while turn < end - INTERVAL_S:
                late = [at - turn for at in times if turn <= at < turn + INTERVAL_S]
                missed += not late
                lags += late[:1]
                turn += INTERVAL_S
        assert len(served) == HEALTHY
        return missed, sorted(lags)


def floods() -> Iterator[tuple[str, str, bytes]]:
    """Bodies of OTLP with as many tiny messages as go into 20 MiB, packed."""
    protobuf, as_json = "application/x-protobuf", "application/json"
    yield "resources of nothing", protobuf, gzip.compress(flood_of(b"\x0a"), 1)
    yield "spans of nothing", protobuf, gzip.compress(flood_of(b"\x0a\x12\x12"), 1)
    yield "events of nothing", protobuf, gzip.compress(flood_of(b"\x0a\x12\x12\x5a"), 1)
    yield "objects of nothing", as_json, gzip.compress(flood_of_json(), 1)


def written_floods() -> Iterator[tuple[str, bytes]]:
    """As above, of remote write."""
    for name, tags in (("series", b"\x0a"), ("exemplars", b"\x0a\x1a"), ("unknown", b"\x7a")):
        yield f"{name} of nothing", bytes(cramjam.snappy.compress_raw(flood_of(tags)))


class Sender:
    """Sends bombs by OTLP and remote write, from many threads, and counts the answers."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.answers: Counter[tuple[str, int]] = Counter()
        self._ended = threading.Event()
        self._requests = list(self._made())

    def _made(self) -> Iterator[tuple[str, str, bytes, dict[str, str]]]:
        bomb = packed_gigabyte(admits=True)
        protobuf = {"Content-Type": "application/x-protobuf"}
        for path in ("/v1/traces", "/v1/metrics"):
            yield "gzip bomb", path, bomb, {**protobuf, "Content-Encoding": "gzip"}
            as_json = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
            yield "gzip bomb of JSON", path, bomb, as_json
            yield "21 MiB", path, bytes(21 * MIB), protobuf
            for name, media, packed in floods():
                flood = {"Content-Type": media, "Content-Encoding": "gzip"}
                yield name, path, packed, flood
        snappy = {**protobuf, "Content-Encoding": "snappy"}
        for name, packed in written_floods():
            yield name, "/api/v1/write", packed, snappy
        packed = bytes(cramjam.snappy.compress_raw(bytes(300 * MB)))
        yield "snappy bomb", "/api/v1/write", packed, snappy
        yield "21 MiB", "/api/v1/write", bytes(21 * MIB), snappy
        claims = b"\xff\xff\xff\xff\x0f" + bytes(100)
        yield "snappy that claims 4 GiB", "/api/v1/write", claims, snappy

    def run(self) -> None:
        while not self._ended.is_set():
            for name, path, body, headers in self._requests:
                self.answers[f"{name} to {path}", self._status(path, body, headers)] += 1

    def end(self) -> None:
        self._ended.set()

    def _status(self, path: str, body: bytes, headers: dict[str, str]) -> int:
        """The status, which may come before everything was sent."""
        lines = {"Host": LOCAL, "Content-Length": str(len(body)), "Connection": "close", **headers}
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        left = memoryview(f"POST {path} HTTP/1.1\r\n{head}\r\n".encode() + body)
        with socket.create_connection((LOCAL, self.port), timeout=30) as connection:
            with suppress(ConnectionError):  # it hung up once it had answered
                while left and not select.select([connection], [], [], 0)[0]:
                    left = left[connection.send(left[:65536]) :]
            return int(connection.recv(4096).split()[1])


def peak_bytes(pid: int) -> int:
    """The most memory that a process has ever had, as the kernel counts it."""
    status = Path(f"/proc/{pid}/status").read_text()
    (text,) = (line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(text.split()[1]) * 1024


@pytest.fixture
def ports(tmp_path: Path, start_process: StartProcess) -> tuple[int, int]:
    """Of healthy and of harmful targets: two servers, so that a flood keeps none from answering."""
    good, bad = free_port(), free_port()
    for port, log in ((good, "good"), (bad, "bad")):
        program = ROOT / "tests" / "harmful_targets.py"
        start_process([sys.executable, str(program), str(port), str(tmp_path / log)])
        ready(f"{LOCAL}:{port}", "/good")
    (tmp_path / "good").write_text("")
    return good, bad


def test_harm_is_named_and_costs_no_more_than_the_limits_say(
    ports: tuple[int, int], tmp_path: Path
) -> None:
    (tmp_path / "vigie").mkdir()
    total = 'sum(requests_total{job="good"})'
    slo = counting("good", "good", good=total, total=total)
    vigie = Reading(tmp_path / "vigie", scrape_configs(*ports, harmful=False), slo)
    healthy = Healthy(tmp_path / "good", ports[0])
    reasons: dict[str, set[str]] = defaultdict(set)
    try:
        pid = vigie.start().pid
        eventually(lambda: all(t["health"] == "up" for t in vigie.targets().values()))
        calm, base = measured(healthy, CALM_S), peak_bytes(pid)
        vigie.scrape(scrape_configs(*ports, harmful=True))
        vigie.reload()
        harmed, scraped = measured(healthy, HARM_S, lambda: note(vigie, reasons)), peak_bytes(pid)
        answers, fired = under_fire(vigie, healthy, reasons)
        sent = peak_bytes(pid)
    finally:
        vigie.stop()
    say(peak_mb={"calm": base // MB, "harmful targets": scraped // MB, "bombs too": sent // MB})
    say(most_more_mb={"harmful targets": SCRAPED_BYTES // MB, "bombs too": MOST_BYTES // MB})
    say(lag_s={"calm": calm[1], "harmful targets": harmed[1], "bombs too": fired[1]})
    say(**{f"{name}: {status}": count for (name, status), count in answers.items()})
    say(**{path: sorted(found) for path, found in reasons.items()})
    assert scraped - base < SCRAPED_BYTES
    assert sent - base < MOST_BYTES
    assert (calm[0], harmed[0], fired[0]) == (0, 0, 0), "turns at which healthy ones weren't asked"
    assert_named(reasons)
    assert_refused(answers)


def under_fire(
    vigie: Reading, healthy: Healthy, reasons: dict[str, set[str]]
) -> tuple[Counter[tuple[str, int]], tuple[int, dict[str, float]]]:
    """What senders of bombs were answered, and what healthy targets felt of it."""
    sender = Sender(vigie.port)
    with ThreadPoolExecutor(SENDERS) as pool:
        sending = [pool.submit(sender.run) for _ in range(SENDERS)]
        try:
            fired = measured(healthy, FIRE_S, lambda: note(vigie, reasons))
        finally:
            sender.end()
    for one in sending:
        one.result()
    return sender.answers, fired


def say(**figures: object) -> None:
    print(json.dumps(figures))


def note(vigie: Reading, reasons: dict[str, set[str]]) -> None:
    """Note why targets fail now. Healthy ones don't."""
    for target in vigie.targets().values():
        if target["job"] == "good":
            assert target["health"] == "up", target
        elif target["error"] is not None:
            reasons[target["job"]].add(target["error"])


def measured(
    healthy: Healthy, seconds: float, meanwhile: Any = lambda: None
) -> tuple[int, dict[str, float]]:
    """How many turns were missed over a time, and the lags of the others, in seconds."""
    began = time.time()
    while time.time() < began + seconds:
        threading.Event().wait(0.5)
        meanwhile()
    missed, lags = healthy.lags(began, time.time())
    shares = {"median": 0.5, "p99": 0.99}
    shown = {name: round(lags[int(share * len(lags))], 4) for name, share in shares.items()}
    return missed, {**shown, "most": round(lags[-1], 4)}


def assert_named(reasons: dict[str, set[str]]) -> None:
    """Each harm has the name that it should have, or took too long."""
    for path, allowed in HARMFUL.items():
        assert any(reason.startswith(allowed) for reason in reasons[path]), path
        others = {reason for reason in reasons[path] if not reason.startswith(allowed)}
        assert others <= {"timeout"}, path


def assert_refused(answers: Counter[tuple[str, int]]) -> None:
    """Each bomb was refused for its size, or for a while because others were being read."""
    refused = {name for name, status in answers if status == 413}
    assert refused == {name for name, _ in answers}
    assert {status for _, status in answers} <= {413, 429, 503}
