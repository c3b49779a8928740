"""The fleet of the SLO benchmarks: services whose counters are known at any time, past and present.

Every route of a service is an SLO of 99.9 % over 30 days with the four usual arms, and two series:
answers with code 200 and with code 500. Counters are functions of time, so that the exporter, the
ledger that is filled and the blocks that Prometheus is given all tell the same story.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

EPOCH = 1_700_000_000  # when the counters began
BAD = 0.0003  # the share of answers that fail: a budget of 0.001 lasts
BURNING = 0.05  # that of the routes that burn
JOB = "bench"
CODES = ("200", "500")


@dataclass(frozen=True)
class Fleet:
    """So many SLOs, spread over so many services with one target each; the first few burn since
    `burns_since` (Unix seconds).
    """

    slos: int
    services: int = 1
    burning: int = 0
    burns_since: float = 0.0

    @property
    def names(self) -> list[str]:
        return [f"s{number:04}" for number in range(self.services)]

    def routes(self, service: int) -> range:
        """The numbers of the routes of a service, which are those of its SLOs."""
        first, last = (self.slos * n // self.services for n in (service, service + 1))
        return range(first, last)

    def counts(self, at: float) -> Floats:
        """[code, route]: the counters at a time."""
        rate = 2.0 + (np.arange(self.slos) % 97) * 0.173
        bad = rate * BAD * (at - EPOCH)
        bad[: self.burning] += rate[: self.burning] * BURNING * max(0.0, at - self.burns_since)
        total = np.floor(rate * (at - EPOCH))
        return np.stack([total - np.floor(bad), np.floor(bad)])

    def page(self, service: int, at: float) -> bytes:
        """What the target of a service answers."""
        good, bad = self.counts(at).astype(np.int64)[:, self.routes(service)].tolist()
        lines = ["# HELP http_requests_total Requests.", "# TYPE http_requests_total counter"]
        for route, *values in zip(self.routes(service), good, bad, strict=True):
            lines += [
                f'http_requests_total{{route="r{route:05}",code="{code}"}} {value}'
                for code, value in zip(CODES, values, strict=True)
            ]
        return "\n".join([*lines, ""]).encode()


def address(service: int, port: int) -> str:
    """Where the exporter answers for a service."""
    return f"127.1.{service // 250}.{service % 250 + 1}:{port}"


def write_specs(folder: Path, fleet: Fleet) -> None:
    """The SLOs as Sloth has them, a file for each service: Sloth's rules and Vigie read the same
    files.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for number, name in enumerate(fleet.names):
        slos = "".join(_slo(name, route) for route in fleet.routes(number))
        text = f"version: prometheus/v1\nservice: {name}\nslos:\n{slos}"
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")


def write_targets(folder: Path, fleet: Fleet, port: int, interval_s: int) -> None:
    """The targets of Vigie."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, name in enumerate(fleet.names):
        (folder / f"{name}.yaml").write_text(
            f"""apiVersion: vigie.dev/v1
kind: Targets
metadata: {{name: {name}}}
spec:
  service: {name}
  job: {JOB}
  interval: {interval_s}s
  targets: [{{address: "{address(number, port)}"}}]
""",
            encoding="utf-8",
        )


def _slo(service: str, route: int) -> str:
    of = f'service="{service}",route="r{route:05}"'
    return f"""\
- name: r{route:05}
  objective: 99.9
  sli:
    events:
      error_query: sum(rate(http_requests_total{{{of},code=~"5.."}}[{{{{.window}}}}]))
      total_query: sum(rate(http_requests_total{{{of}}}[{{{{.window}}}}]))
  alerting:
    name: R{route:05}Errors
    page_alert: {{labels: {{severity: page}}}}
    ticket_alert: {{labels: {{severity: ticket}}}}
"""


def slices(fleet: Fleet, starts: range, width_s: int) -> Iterator[tuple[int, Floats]]:
    """By start of a slice: what it counts, as [good | total | measured microseconds, route]."""
    for start in starts:
        good, bad = fleet.counts(start + width_s) - fleet.counts(start)
        yield start, np.stack([good, good + bad, np.full(fleet.slos, width_s * 1e6)])
