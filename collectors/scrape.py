"""Scraping: one loop a target, on its own phase, handing over what each scrape said."""

import asyncio
import hashlib
import logging
import math
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from importlib import metadata
from typing import Protocol

import aiohttp
from yarl import URL

from collectors import fetch
from collectors.errors import CollectError, FetchError, OpenMetricsRefused
from collectors.exposition import Reader
from collectors.targets import Target
from slo.series import Page
from slo.spec import Selector

log = logging.getLogger(__name__)

# In this order, as Prometheus prefers them.
ACCEPT = "application/openmetrics-text;version=1.0.0;q=0.8,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
ACCEPT_TEXT = "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
# aiohttp drops an idle connection after 15 s by default, sooner than the next scrape comes.
KEEPALIVE_S = 900.0
# Pages up to here are read in the event loop, 0.3 ms at most; larger ones by a thread.
INLINE_BYTES = 256_000
INLINE_STRICT_BYTES = 16_000
READERS = 2
NO_GAUGES: Mapping[str, frozenset[Selector]] = {}
GRID_S, GRID_STEPS = 1.0, 5  # phases: every second, or 5 in a short interval


@dataclass(frozen=True, eq=False, slots=True)
class Scrape:
    """What one scrape of one target said. `page` is None when it failed; `error` names why.

    `at` is when it began, Unix seconds; `samples` counts the sample lines of the page.
    """

    target_id: str
    at: float
    duration_s: float
    page: Page | None
    samples: int | None = None
    body_bytes: int | None = None
    error: str | None = None


class Clock(Protocol):
    """Time as Unix seconds, and waiting for it."""

    def now(self) -> float: ...

    async def sleep_until(self, at: float) -> None: ...


class Scraper:
    """Scrapes every target that it watches. All its methods belong to one event loop.

    `deliver` is called in the loop, once a turn, and must neither block nor raise.
    """

    def __init__(
        self, clock: Clock, deliver: Callable[[Scrape], None], *, compressed: bool = True
    ) -> None:
        self._clock = clock
        self._deliver = deliver
        self._compressed = compressed
        self._watched: dict[str, _Watched] = {}
        self._session: aiohttp.ClientSession | None = None
        self._pool: ThreadPoolExecutor | None = None
        self._ending: set[asyncio.Task[None]] = set()

    def watch(
        self,
        targets: Mapping[str, Target],
        selectors: Mapping[str, frozenset[Selector]],
        gauges: Mapping[str, frozenset[Selector]] = NO_GAUGES,
    ) -> None:
        """Scrape just these targets, each for its selectors and gauges, from now on.

        A target that is the same goes on undisturbed, with a new Reader if its selectors changed.
        One that is gone delivers nothing more.
        """
        kept = {
            target_id: watched
            for target_id, watched in self._watched.items()
            if target_id in targets and watched.is_for(targets[target_id])
        }
        readers: dict[str, Reader] = {}
        for target_id, target in targets.items():
            wanted = selectors.get(target_id, frozenset()), gauges.get(target_id, frozenset())
            if target_id not in kept or kept[target_id].reads_for != wanted:
                readers[target_id] = Reader(target.labels, *wanted)
        # Nothing has changed so far: a pattern that RE2 refuses leaves everything running.
        for target_id, watched in self._watched.items():
            if target_id not in kept:
                self._end(watched)
        self._watched = {}
        for target_id, target in targets.items():
            watched = kept.get(target_id) or _Watched(target, readers[target_id])
            watched.reader = readers.get(target_id, watched.reader)
            self._watched[target_id] = watched
        self._run_all()

    async def start(self) -> None:
        """Begin to scrape what is watched; the first turn of a target is at its own phase."""
        headers = {
            "Accept": ACCEPT,
            "Accept-Encoding": "gzip" if self._compressed else "identity",
            "User-Agent": _user_agent(),
        }
        self._pool = ThreadPoolExecutor(READERS, thread_name_prefix="read-page")
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEPALIVE_S),
            headers=headers,
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
        )
        self._run_all()

    async def stop(self) -> None:
        """Stop every loop and close every connection; nothing is delivered any more."""
        for watched in self._watched.values():
            self._end(watched)
        self._watched = {}
        await asyncio.gather(*self._ending, return_exceptions=True)
        if self._session is not None:
            await self._session.close()
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
        self._session = self._pool = None

    def _run_all(self) -> None:
        if self._session is None:
            return
        for watched in self._watched.values():
            if watched.task is None:
                watched.task = asyncio.create_task(self._run(watched))

    def _end(self, watched: "_Watched") -> None:
        if watched.task is not None:
            watched.task.cancel()
            self._ending.add(watched.task)
            watched.task.add_done_callback(self._ending.discard)

    async def _run(self, watched: "_Watched") -> None:
        """The loop of one target. A turn that comes while a scrape still runs is left out."""
        target = watched.target
        while True:
            turn = next_turn(target.id, target.interval_s, self._clock.now())
            await self._clock.sleep_until(turn)
            at = self._clock.now()
            try:
                scrape = await self._scrape(watched, at)
            except Exception as error:
                log.exception("the scrape of %s failed by a fault of our own", target.id)
                reason = f"internal error: {type(error).__name__}: {error}"
                scrape = Scrape(target.id, at, 0.0, None, error=reason)
            self._deliver(scrape)

    async def _scrape(self, watched: "_Watched", at: float) -> Scrape:
        assert self._session is not None
        target = watched.target
        elapsed = _stopwatch()
        try:
            answer = await fetch.get(
                self._session,
                watched.url,
                headers=watched.headers,
                timeout=watched.timeout,
                limit=target.body_limit,
            )
            page, samples, size = await self._read(watched, answer, at)
        except CollectError as error:
            if isinstance(error, OpenMetricsRefused):
                watched.prefer_text()
            return Scrape(target.id, at, elapsed(), None, error=error.reason)
        return Scrape(target.id, at, elapsed(), page, samples, size)

    async def _read(
        self, watched: "_Watched", answer: fetch.Answer, at: float
    ) -> tuple[Page, int, int]:
        """The page read, its count of samples and its size; a large one in a thread, so that
        the other targets needn't wait for it.
        """
        reader, limit = watched.reader, watched.target.body_limit
        strictly = reader.reads_strictly(answer.content_type)
        inline = min(limit, INLINE_STRICT_BYTES if strictly else INLINE_BYTES)
        body = fetch.unpacked(answer, inline)
        if body is not None:
            return *reader.read(body, answer.content_type, at), len(body)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, _read_large, reader, answer, limit, at)


def next_turn(target_id: str, interval_s: float, now: float) -> float:
    """The first turn of a target after `now`.

    Its phase is a hash of its id over clock time: targets spread over the interval, and a restart
    changes nobody's rhythm. Phases lie on a grid, so that a few targets are read together: a scrape
    that finds the processor's caches cold costs three times as much, and each batch costs a tick.
    """
    digest = hashlib.blake2b(target_id.encode(), digest_size=8).digest()
    step = min(GRID_S, interval_s / GRID_STEPS)
    phase = int.from_bytes(digest, "big") / 2**64 * interval_s // step * step
    turns = math.floor((now - phase) / interval_s) + 1
    turn = phase + turns * interval_s
    return turn if turn > now else turn + interval_s  # a float may round down onto `now`


class _Watched:
    """A target that is watched, and all that lasts from one of its scrapes to the next."""

    def __init__(self, target: Target, reader: Reader) -> None:
        self.target = target
        self.reader = reader
        self.task: asyncio.Task[None] | None = None
        self.url = URL(target.url)  # parsed once
        self.headers = {"X-Prometheus-Scrape-Timeout-Seconds": str(target.timeout_s)}
        # aiohttp rounds timeouts over 5 s up to whole seconds of its clock unless told not to.
        self.timeout = aiohttp.ClientTimeout(total=target.timeout_s, ceil_threshold=math.inf)

    def prefer_text(self) -> None:
        """Ask for the text format from now on.

        prometheus_client refuses OpenMetrics pages of some sound exporters, whom the negative sum
        of one histogram gives away; in the text format it judges the syntax only.
        """
        self.headers["Accept"] = ACCEPT_TEXT

    @property
    def reads_for(self) -> tuple[frozenset[Selector], frozenset[Selector]]:
        """The selectors and the gauges that its pages are read for."""
        return self.reader.selectors, self.reader.gauges

    def is_for(self, target: Target) -> bool:
        """Whether the target is the same one, wherever in its file it now stands."""
        return replace(self.target, mark=None) == replace(target, mark=None)


def _read_large(
    reader: Reader, answer: fetch.Answer, limit: int, at: float
) -> tuple[Page, int, int]:
    body = fetch.unpacked(answer, limit)
    if body is None:
        raise FetchError(fetch.OVER_LIMIT)
    return *reader.read(body, answer.content_type, at), len(body)


def _stopwatch() -> Callable[[], float]:
    begun = time.monotonic()
    return lambda: time.monotonic() - begun


def _user_agent() -> str:
    try:
        return f"vigie/{metadata.version('vigie')}"
    except metadata.PackageNotFoundError:  # run from a checkout that was never installed
        return "vigie"
