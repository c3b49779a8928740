"""A real Prometheus or VictoriaMetrics that holds a recording, and scrapes what it is told to."""

import json
import subprocess
import time
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

from components import Process, eventually, free_port, need
from conftest import StartProcess
from plugins.recorded import Recording


class Server:
    """A server of either kind that holds a recording, and scrapes what it is told to."""

    def __init__(
        self,
        kind: str,
        folder: Path,
        start_process: StartProcess,
        recording: Recording,
        scraped: dict[str, Any] | None = None,
    ) -> None:
        self.kind, self.folder, self.port = kind, folder, free_port()
        self.start_process = start_process
        self.process: Process | None = None
        folder.mkdir()
        (folder / "scrape.yml").write_text(json.dumps(scraped or {}))
        if kind == "prometheus" and recording.series:
            recorded = folder / "recorded.om"
            recorded.write_text(recording.openmetrics())
            command = [need("promtool"), "tsdb", "create-blocks-from", "openmetrics"]
            subprocess.run([*command, recorded, folder / "data"], check=True, capture_output=True)
        self.start()
        if kind == "victoria-metrics" and recording.series:
            self.post("/api/v1/import/prometheus", recording.imported())
            self.post("/internal/force_flush", "")
            samples = sum(len(series) for series in recording.series.values())
            count = 'sum(count_over_time({__name__=~"requests_total|up"}[12h]))'
            eventually(lambda: int(self.asked(count)[0]["value"][1]) >= samples, 30)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        if self.kind == "prometheus":
            argv = [
                need("prometheus"),
                f"--config.file={self.folder / 'scrape.yml'}",
                f"--storage.tsdb.path={self.folder / 'data'}",
                f"--web.listen-address=127.0.0.1:{self.port}",
            ]
        else:
            argv = [
                need("victoria-metrics"),
                f"-storageDataPath={self.folder / 'data'}",
                f"-httpListenAddr=127.0.0.1:{self.port}",
                f"-promscrape.config={self.folder / 'scrape.yml'}",
                "-retentionPeriod=40d",
            ]
        self.process = self.start_process(argv)
        eventually(lambda: self.asked("vector(1)"), 30)

    def stop(self) -> None:
        assert self.process is not None
        self.process.stop()

    def asked(self, expr: str, at: float | None = None) -> list[dict[str, Any]]:
        query = urllib.parse.urlencode({"query": expr, "time": at or time.time(), "nocache": 1})
        with urllib.request.urlopen(f"{self.url}/api/v1/query?{query}", timeout=5) as answer:
            found: list[dict[str, Any]] = json.load(answer)["data"]["result"]
        return found

    def post(self, path: str, body: str) -> None:
        request = urllib.request.Request(self.url + path, body.encode(), method="POST")
        urllib.request.urlopen(request, timeout=20).close()
