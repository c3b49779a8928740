"""Samples that others write to us, held until the scrapes that they come from are whole."""

import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final

import numpy as np

from collectors import remote_write
from collectors.exposition import PROCESS_START, created_metric
from collectors.promapi import Samples
from collectors.remote_write import Refused
from collectors.scrape import Scrape
from collectors.source_pages import UP, Catalogue
from slo.spec import Selector

# Prometheus fills a request for 5 s at most (batch_send_deadline) before it sends it; the rest of a
# scrape that was cut in two is in the next one.
HOLD_S: Final = 6.0
MAX_HELD: Final = 1_000_000  # samples; then senders wait
MAX_TARGETS: Final = 5_000
MAX_AHEAD_S: Final = 60.0  # a time of the future would make everything before it late
MAX_AGE_S: Final = 86_400.0  # Prometheus keeps two hours of what it could not send
MAX_AT_ONCE: Final = 4  # requests that are read
RETRY_AFTER_S: Final = 5
FORGET_S: Final = 3600.0
OUTCOMES: Final = (
    "counted", "late", "ahead", "old", "stale", "unwanted", "exemplars", "histograms",
    "too_many_targets", "taken_by_others",
)  # fmt: skip
_SPARE_SERIES: Final = 1000


@dataclass(slots=True)
class Counts:
    """What became of requests (`taken`, `refused`, `full`) and samples since the start.

    Samples: `counted`; `late` (of a time already told, or sent twice), `ahead`, `old`,
    `too_many_targets`, `taken_by_others` (their target is one that somebody else tells of), and
    what `collectors.remote_write.Request` passes over.
    """

    requests: Counter[str] = field(default_factory=Counter)
    samples: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class _Part:
    """What is there of one scrape."""

    since: float
    values: dict[int, float] = field(default_factory=dict)  # by row


class Inbox:
    """Takes requests and gives scrapes of the targets whose `job` and `instance` they bear.

    A scrape that shows every series of the last one is whole; another one waits HOLD_S for its
    rest. What comes later still is `late`: its counter counts on with its next sample. `take` may
    be called by any thread; times are Unix seconds.
    """

    def __init__(self) -> None:
        self.counts = Counts()
        self.heard: dict[str, float] = {}  # by target: when it was last heard of
        self.labels: dict[str, Mapping[str, str]] = {}  # job and instance of these
        self._lock = threading.Lock()
        self._slots = threading.BoundedSemaphore(MAX_AT_ONCE)
        self._told: dict[str, float] = {}
        self._last: dict[str, frozenset[int]] = {}  # the rows of the last scrape
        self._parts: dict[str, dict[float, _Part]] = {}
        self._held = 0
        self._ready: list[Scrape] = []
        self._active: set[int] = set()
        self._about: frozenset[str] = frozenset()
        self._wanted: frozenset[str] = frozenset()
        self._asked: tuple[frozenset[Selector], frozenset[Selector]] = frozenset(), frozenset()
        self._catalogue = Catalogue("", *self._asked)

    def watch(
        self,
        selectors: frozenset[Selector],
        gauges: frozenset[Selector],
        told: Mapping[str, float],
    ) -> None:
        """Read for these selectors from now on. `told` are the targets whose samples were counted
        before, up to when.
        """
        with self._lock:
            for target, at in told.items():
                self._told[target] = max(at, self._told.get(target, at))
            if self._asked != (selectors, gauges):
                self._asked = selectors, gauges
                metrics = {selector.metric for selector in selectors | gauges}
                self._about = frozenset({UP, PROCESS_START, *map(created_metric, metrics)})
                self._wanted = self._about | metrics
                self._begin_anew()

    def enter(self) -> bool:
        """Take a place for one request before its body is read; False: all are taken, answer
        `full`. Whoever has one gives it back by `leave`.
        """
        return self._slots.acquire(blocking=False)

    def leave(self) -> None:
        self._slots.release()

    def full(self) -> Refused:
        """The refusal of what can't be taken now. Not 429, which Prometheus drops as it comes."""
        with self._lock:
            self.counts.requests["full"] += 1
        return Refused(HTTPStatus.SERVICE_UNAVAILABLE, "too much is under way: send it again")

    def counted(self) -> Counts:
        """The counts as they are now."""
        with self._lock:
            return Counts(self.counts.requests.copy(), self.counts.samples.copy())

    def left_out(self, samples: int) -> None:
        """Count samples that were given, and belong to a target of somebody else."""
        with self._lock:
            self.counts.samples["taken_by_others"] += samples

    def refused(self) -> None:
        """Count a request that was refused."""
        with self._lock:
            self.counts.requests["refused"] += 1

    def take(self, body: bytes, now: float) -> int:
        """Hold what a body tells of; how many samples these are. Refused."""
        if self._held >= MAX_HELD:
            raise self.full()
        request = remote_write.read(body, wanted=self._wanted)
        with self._lock:
            self.counts.requests["taken"] += 1
            self.counts.samples.update(request.passed_over)
            return sum(self._put(series, now) for series in request.series)

    def scrapes(self, now: float, last: bool = False) -> list[Scrape]:
        """The scrapes that are whole, or waited long enough, each once and in time order; at the
        `last` all that are held.
        """
        with self._lock:
            self._release(now, last)
            ready, self._ready = self._ready, []
            self._forget(now)
            if self._catalogue.spellings > 2 * len(self._active) + _SPARE_SERIES:
                self._begin_anew()  # series come and go: those that are gone are forgotten at last
            self._active.clear()
            return ready

    def _put(self, series: Samples, now: float) -> int:
        row = self._catalogue.row(series.labels)
        if row is None:
            self.counts.samples["unwanted"] += len(series.at)
            return 0
        index = self._catalogue.target(row)
        target = self._catalogue.target_ids[index]
        if target not in self.heard and len(self.heard) >= MAX_TARGETS:
            self.counts.samples["too_many_targets"] += len(series.at)
            return 0
        self.heard[target], self.labels[target] = now, self._catalogue.labels[index]
        self._active.add(row)
        told, parts = self._told.get(target, -np.inf), self._parts.setdefault(target, {})
        held = 0
        for at, value in zip(series.at.tolist(), series.values.tolist(), strict=True):
            if at <= told:
                self.counts.samples["late"] += 1
            elif at > now + MAX_AHEAD_S:
                self.counts.samples["ahead"] += 1
            elif at < now - MAX_AGE_S:
                self.counts.samples["old"] += 1
            else:
                part = parts.get(at) or parts.setdefault(at, _Part(now))
                held += row not in part.values
                part.values.setdefault(row, value)
        self._held += held
        return held

    def _release(self, now: float, last: bool) -> None:
        rows: list[int] = []
        times: list[float] = []
        values: list[float] = []
        for target, parts in self._parts.items():
            for at in sorted(parts):
                part = parts[at]
                whole = self._last.get(target)
                there = frozenset(part.values)
                waited = last or now - part.since >= HOLD_S
                if not waited and (whole is None or not whole <= there):
                    break  # what came later waits too: in time order
                del parts[at]
                self._told[target], self._last[target] = at, there
                rows += part.values.keys()
                values += part.values.values()
                times += [at] * len(there)
        self._parts = {target: parts for target, parts in self._parts.items() if parts}
        self._held -= len(rows)
        self.counts.samples["counted"] += len(rows)
        made = self._catalogue.scrapes(
            np.array(rows, dtype=np.int64), np.array(times), np.array(values)
        )
        self._ready += made

    def _forget(self, now: float) -> None:
        for target in [name for name, at in self.heard.items() if now - at >= FORGET_S]:
            for known in (self.heard, self.labels, self._told, self._last):
                known.pop(target, None)

    def _begin_anew(self) -> None:
        self._release(0.0, last=True)  # for the selectors and rows that were
        self._catalogue = Catalogue("", *self._asked, about=self._about)
        self._last = {}
