"""A real `vigie serve`, the service it watches and the phone it pages: tests from outside."""

import json
import signal
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from components import Process, eventually, free_port, start

GZIP = b"\x1f\x8b"  # how compressed bodies begin

SLO = """apiVersion: openslo/v1
kind: SLO
metadata: {name: availability}
spec:
  service: shop
  budgetingMethod: Occurrences
  timeWindow: [{duration: 30d, isRolling: true}]
  indicator:
    metadata: {name: availability}
    spec:
      ratioMetric:
        counter: true
        bad: {metricSource: {type: Prometheus, spec: {query: 'sum(requests_total{code="500"})'}}}
        total: {metricSource: {type: Prometheus, spec: {query: 'sum(requests_total)'}}}
  objectives: [{target: 0.99}]
---
apiVersion: vigie.dev/v1
kind: Policy
metadata: {name: short}
spec:
  arms: [{kind: page, burn_rate: 10, long: 8s, short: 2s}]
  no_data_after: 2s
  recover_after: 1s
"""


@dataclass
class Shop:
    """A target whose events all happen while its page is asked for: so many of each kind a page."""

    good: int = 20
    bad: int = 0
    served: dict[str, int] = field(default_factory=lambda: {"200": 1000, "500": 1000})
    pages: int = 0
    _turn: threading.Lock = field(default_factory=threading.Lock)

    def page(self) -> bytes:
        with self._turn:
            self.pages += 1
            self.served["200"] += self.good
            self.served["500"] += self.bad
            lines = [f'requests_total{{code="{code}"}} {n}' for code, n in self.served.items()]
        return "\n".join([*lines, ""]).encode()

    def since_watched(self) -> tuple[int, int]:
        """Good and total of all pages but the first; call it when no page adds any more."""
        good, bad = self.served["200"] - 1000 - 20, self.served["500"] - 1000
        return good, good + bad


@dataclass
class Phone:
    """A receiver of messages; `on_page` is called while a page is being sent, before its answer."""

    got: list[Mapping[str, Any]] = field(default_factory=list)
    on_page: Callable[[], None] | None = None
    status: int = 204

    def take(self, body: bytes) -> int:
        message = json.loads(body)
        self.got.append(message)
        if self.on_page is not None and message["kind"] == "page":
            ring, self.on_page = self.on_page, None
            ring()
        return self.status

    def pages(self) -> list[Mapping[str, Any]]:
        return [message for message in self.got if message["kind"] == "page"]


@contextmanager
def listening(answer: Callable[[str, bytes], tuple[int, bytes]]) -> Iterator[int]:
    """Answer GETs and POSTs on a free port of loopback; the port."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._send(*answer(self.path, b""))

        def do_POST(self) -> None:
            size = int(self.headers["Content-Length"])
            self._send(*answer(self.path, self.rfile.read(size)))

        def _send(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            if body.startswith(GZIP):
                self.send_header("Content-Encoding", "gzip")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            """Tests read what arrived, not a log."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            """A server that was killed hangs up; that is what is tested."""

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()


class Served:
    """`vigie serve` as a process of its own, with a folder that survives it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.config = folder / "vigie.yaml"
        self.process: Process | None = None
        (folder / "slos").mkdir()
        self.write("slos/availability.yaml", SLO)
        self.config.write_text(f"listen: 127.0.0.1:{self.port}\nslice: 1s\nfiles: [slos]\n")

    def write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text)

    def watch(self, addresses: list[str], interval: str = "500ms") -> None:
        targets = json.dumps([{"address": address} for address in addresses])
        self.write(
            "slos/targets.yaml",
            "apiVersion: vigie.dev/v1\nkind: Targets\nmetadata: {name: shop}\n"
            f"spec: {{service: shop, interval: {interval}, targets: {targets}}}\n",
        )

    def page_to(self, port: int) -> None:
        self.write(
            "slos/channel.yaml",
            "apiVersion: vigie.dev/v1\nkind: Channel\nmetadata: {name: phone}\n"
            f'spec: {{type: webhook, url: "http://127.0.0.1:{port}/"}}\n',
        )

    def start(self, crash_at: str = "") -> Process:
        """Start it, to die at a named point (`vigie.faults`) if one is given."""
        argv = [sys.executable, "-m", "vigie.cli", "serve", "--config", str(self.config)]
        env = {"VIGIE_CRASH_AT": crash_at} if crash_at else {}
        self.process = start(argv, self.folder / "log", env=env)
        return self.process

    def stop(self) -> None:
        if self.process is not None:
            self.process.stop()

    def get(self, path: str) -> Any:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as answer:
            return json.load(answer)

    def metric(self, name: str) -> float:
        """The value of a metric of the one service or SLO there is."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=5) as answer:
            lines = answer.read().decode().splitlines()
        return float(next(line for line in lines if line.startswith(f"{name}{{")).split()[-1])

    def incidents(self) -> list[Mapping[str, Any]]:
        return list(self.get("/api/v1/incidents")["items"])

    def incident(self) -> Mapping[str, Any]:
        """The newest incident, once there is one."""
        return eventually(lambda: self.incidents()[0])


class Watched(Served):
    """A Vigie that watches a shop and pages a phone."""

    def __init__(self, folder: Path, shop: Shop, phone: Phone, shop_port: int) -> None:
        super().__init__(folder)
        self.shop, self.phone, self.shop_port = shop, phone, shop_port

    def status(self, path: str, body: bytes | None = None) -> int:
        """The status of a GET, or of a POST of JSON."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", data=body)
        request.add_header("Content-Type", "application/json")
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code

    def page(self, path: str) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=20) as answer:
            return str(answer.read().decode())

    def counted(self) -> tuple[int, int]:
        """Good and total, as Vigie has them."""
        return int(self.metric("vigie_sli_good_total")), int(self.metric("vigie_sli_total"))

    def truth(self) -> tuple[int, int]:
        """Good and total since the first page, whose events happened before anybody watched."""
        return self.shop.since_watched()

    def signal(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.popen.send_signal(number)


@contextmanager
def watched(folder: Path) -> Iterator[Watched]:
    """A shop, a phone, and a Vigie between them that is not started yet."""
    shop, phone = Shop(), Phone()
    with (
        listening(lambda _path, _body: (200, shop.page())) as shop_port,
        listening(lambda _path, body: (phone.take(body), b"")) as phone_port,
    ):
        served = Watched(folder, shop, phone, shop_port)
        served.watch([f"127.0.0.1:{shop_port}"])
        served.page_to(phone_port)
        try:
            yield served
        finally:
            served.stop()
