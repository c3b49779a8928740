"""What one attempt found out, as metrics of blackbox_exporter's names, and the page of them."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

SUCCESS: Final = "probe_success"
DURATION: Final = "probe_duration_seconds"
EXPIRY: Final = "probe_ssl_earliest_cert_expiry"
FAILED_BY_REGEX: Final = "probe_failed_due_to_regex"
# Ours: blackbox_exporter counts nothing, and no metric of it has one of these names.
ATTEMPTS: Final = "probe_attempts_total"
FAILURES: Final = "probe_failures_total"
_COUNTERS: Final = (ATTEMPTS, FAILURES)
_STARTED: Final = "process_start_time_seconds"


class Readings:
    """Values by name and labels, written as an attempt goes on: one that fails keeps what it had
    found until then.
    """

    def __init__(self) -> None:
        self._values: dict[str, dict[tuple[tuple[str, str], ...], float]] = {}

    def set(self, name: str, value: float, **labels: str) -> None:
        self._values.setdefault(name, {})[tuple(labels.items())] = float(value)

    def add(self, name: str, value: float, **labels: str) -> None:
        series = self._values.setdefault(name, {})
        series[tuple(labels.items())] = series.get(tuple(labels.items()), 0.0) + value

    def get(self, name: str, **labels: str) -> float | None:
        return self._values.get(name, {}).get(tuple(labels.items()))

    def drop(self, *names: str) -> None:
        for name in names:
            self._values.pop(name, None)

    def phases(self, name: str, *phases: str) -> None:
        """Begin the duration of every phase at zero."""
        for phase in phases:
            self.set(name, 0.0, phase=phase)

    @contextmanager
    def timing(self, name: str, phase: str) -> Iterator[None]:
        """Add what a block takes to a phase, also when it fails."""
        begun = time.monotonic()
        try:
            yield
        finally:
            self.add(name, time.monotonic() - begun, phase=phase)

    @property
    def expires_at(self) -> float | None:
        """When the first certificate ends, Unix seconds; None where none was shown."""
        return self.get(EXPIRY)

    def page(self) -> bytes:
        """The text exposition of everything, one family after another."""
        lines: list[str] = []
        for name, series in self._values.items():
            lines.append(f"# TYPE {name} {'counter' if name in _COUNTERS else 'gauge'}")
            lines += [f"{name}{_spelt(dict(labels))} {value!r}" for labels, value in series.items()]
        return "".join(f"{line}\n" for line in lines).encode()


@dataclass(frozen=True, slots=True)
class Counters:
    """How often a target was tried since `since`, Unix seconds, and how often that failed.

    They live in memory. `since` stands on the page as the start of a process, so that a restart is
    a reset and loses no attempt.
    """

    since: float
    attempts: int = 0
    failures: int = 0

    def after(self, *, success: bool) -> "Counters":
        return Counters(self.since, self.attempts + 1, self.failures + (not success))

    def page(self) -> bytes:
        readings = Readings()
        readings.set(ATTEMPTS, self.attempts)
        readings.set(FAILURES, self.failures)
        readings.set(_STARTED, self.since)
        return readings.page()


@dataclass(frozen=True, slots=True)
class Result:
    """One attempt. `success` is None when nothing was learnt about the target; `page` is then
    empty. `expires_at` is when the first certificate of the chain ends, Unix seconds.
    """

    success: bool | None
    reason: str = ""  # why it is no success
    duration_s: float = 0.0
    page: bytes = b""
    expires_at: float | None = None


def _spelt(labels: Mapping[str, str]) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items()) + "}"


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
