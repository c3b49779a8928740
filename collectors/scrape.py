"""Scraping: one loop a target, on its own phase, handing over what each scrape said."""

import asyncio
import hashlib
import logging
import math
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cache
from importlib import metadata
from typing import Protocol

from yarl import URL

from collectors import fetch
from collectors.entry import Entry
from collectors.errors import CollectError, FetchError, OpenMetricsRefused
from collectors.exposition import Reader
from collectors.families import Families, families_of
from collectors.lines import LENIENT, is_protobuf
from collectors.proxies import NO_PROXIES, Proxies
from collectors.scraping import Scraping
from collectors.synthetic import Synthetic
from collectors.targets import Target
from slo.series import Page
from slo.spec import Selector

log = logging.getLogger(__name__)

# Names are asked for as they were before UTF-8 ones: PromQL of SLOs is written with those.
_ESCAPING = "escaping=underscores"
MEDIA_TYPES: Mapping[str, str] = {
    "PrometheusProto": (
        "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"
    ),
    "OpenMetricsText1.0.0": f"application/openmetrics-text;version=1.0.0;{_ESCAPING}",
    "OpenMetricsText0.0.1": "application/openmetrics-text;version=0.0.1",
    "PrometheusText1.0.0": f"text/plain;version=1.0.0;{_ESCAPING}",
    "PrometheusText0.0.4": "text/plain;version=0.0.4",
}
TEXT_PROTOCOLS = ("PrometheusText1.0.0", "PrometheusText0.0.4")
# Pages up to here are read in the event loop, 0.3 ms at most; larger ones by a thread.
INLINE_BYTES = 256_000
INLINE_STRICT_BYTES = 16_000
READERS = 2
# Last pages are kept as they came for people to look at: 9 kB of 1,000 samples, compressed.
KEPT_BYTES = 32_000_000  # of all targets
KEPT_OF_ONE_BYTES = 1_000_000
NO_GAUGES: Mapping[str, frozenset[Selector]] = {}
GRID_S, GRID_STEPS = 1.0, 5  # phases: every second, or 5 in a short interval


@dataclass(frozen=True, eq=False, slots=True)
class Scrape:
    """What one scrape of one target said. `error` names why it failed, None: it did not. `page`
    is then None, or `up 0` where somebody measures that, read for the selectors of `up` only.

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
        self,
        clock: Clock,
        deliver: Callable[[Scrape], None],
        *,
        proxies: Proxies = NO_PROXIES,
    ) -> None:
        self._clock = clock
        self._deliver = deliver
        self._proxies = proxies
        self._watched: dict[str, _Watched] = {}
        self._client: fetch.Client | None = None
        self._room = fetch.Room()
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
                readers[target_id] = Reader(target.labels, *wanted, read_as(target))
        # Nothing has changed so far: a pattern that RE2 refuses leaves everything running.
        for target_id, watched in self._watched.items():
            if target_id not in kept:
                self._end(watched)
        # Targets of one job have one access, and so share its TLS context and its token.
        entries = {id(one.target.scraping.access): one.entry for one in kept.values()}
        self._watched = {}
        for target_id, target in targets.items():
            access = target.scraping.access
            if id(access) not in entries:
                entries[id(access)] = Entry(access, self._clock.now, self._proxies)
            entry = entries[id(access)]
            watched = kept.get(target_id) or _Watched(target, readers[target_id], entry)
            if target_id in readers:
                watched.read_by(readers[target_id])
            self._watched[target_id] = watched
        self._run_all()

    async def start(self) -> None:
        """Begin to scrape what is watched; the first turn of a target is at its own phase."""
        self._pool = ThreadPoolExecutor(READERS, thread_name_prefix="read-page")
        self._client = fetch.Client()
        self._run_all()

    async def stop(self) -> None:
        """Stop every loop and close every connection; nothing is delivered any more."""
        for watched in self._watched.values():
            self._end(watched)
        self._watched = {}
        await asyncio.gather(*self._ending, return_exceptions=True)
        if self._client is not None:
            await self._client.close()
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
        self._client = self._pool = None

    async def families(self, target_id: str) -> Families | None:
        """What the last page of a target held, whether it could be read or not; None: none came,
        or it was too large to keep.
        """
        watched = self._watched.get(target_id)
        if watched is None or watched.last is None:
            return None
        loop = asyncio.get_running_loop()
        limit = watched.target.body_limit
        return await loop.run_in_executor(self._pool, _families, watched.last, limit)

    def _run_all(self) -> None:
        if self._client is None:
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
            except Exception as error:  # a defect at one target must not end its loop
                log.exception("the scrape of %s failed by a fault of our own", target.id)
                reason = f"internal error: {type(error).__name__}: {error}"[:200]
                scrape = Scrape(target.id, at, 0.0, watched.synthetic.down(at), error=reason)
            self._deliver(scrape)

    async def _scrape(self, watched: "_Watched", at: float) -> Scrape:
        assert self._client is not None
        target = watched.target
        elapsed = _stopwatch()
        try:
            with self._room.lease() as lease:
                answer = await self._client.get(
                    watched.url,
                    watched.entry,
                    headers=watched.headers,
                    timeout_s=target.timeout_s,
                    limit=target.body_limit,
                    lease=lease,
                )
                watched.keep(answer, KEPT_BYTES // max(1, len(self._watched)))
                reader, synthetic = watched.reader, watched.synthetic
                page, samples, size = await self._read(watched, answer, at)
        except CollectError as error:
            if isinstance(error, OpenMetricsRefused):
                watched.prefer_text()
            down = watched.synthetic.down(at)
            return Scrape(target.id, at, elapsed(), down, error=error.reason)
        took_s = elapsed()
        page = synthetic.over(page, took_s, reader.counts)
        return Scrape(target.id, at, took_s, page, samples, size)

    async def _read(
        self, watched: "_Watched", answer: fetch.Answer, at: float
    ) -> tuple[Page, int, int]:
        """The page read, its count of samples and its size; a large one in a thread, so that
        the other targets needn't wait for it.
        """
        reader, limit = watched.reader, watched.target.body_limit
        slowly = reader.reads_strictly(answer.content_type) or is_protobuf(answer.content_type)
        inline = min(limit, INLINE_STRICT_BYTES if slowly else INLINE_BYTES)
        body = fetch.unpacked(answer, inline)
        if body is not None:
            return *reader.read(body, answer.content_type, at), len(body)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, _read_large, reader, answer, limit, at)


def accept(protocols: Sequence[str]) -> str:
    """The Accept header for protocols in order of preference, with Prometheus' weights."""
    weights = range(len(MEDIA_TYPES) + 1, 0, -1)
    asked = [*(MEDIA_TYPES[protocol] for protocol in protocols), "*/*"]
    return ",".join(f"{kind};q=0.{weight}" for kind, weight in zip(asked, weights, strict=False))


def headers_of(target: Target) -> dict[str, str]:
    """The headers of a request that say how a target's page is wanted, not who wants it."""
    scraping = target.scraping
    return {
        "Accept": accept(scraping.protocols),
        "Accept-Encoding": "gzip" if scraping.compressed else "identity",
        "User-Agent": user_agent(),
        "X-Prometheus-Scrape-Timeout-Seconds": str(target.timeout_s),
    }


def read_as(target: Target) -> Scraping:
    """How the page of a target is read. What a `Targets` file names is text where neither its
    server nor `fallback_scrape_protocol` says otherwise; a target of a scrape job is refused then,
    as Prometheus 3 does.
    """
    if target.found_by or target.scraping.fallback:
        return target.scraping
    return replace(target.scraping, fallback=LENIENT)


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

    def __init__(self, target: Target, reader: Reader, entry: Entry) -> None:
        self.target = target
        self.entry = entry
        self.read_by(reader)
        self.last: fetch.Answer | None = None
        self.task: asyncio.Task[None] | None = None
        self.url = URL(target.url)  # parsed once
        self.headers = headers_of(target)

    def read_by(self, reader: Reader) -> None:
        self.reader = reader
        self.synthetic = Synthetic(self.target.labels, reader.gauges)

    def keep(self, answer: fetch.Answer, most: int) -> None:
        """Keep what came, as it came, for people to look at; a large one is not worth it."""
        self.last = answer if len(answer.raw) <= min(most, KEPT_OF_ONE_BYTES) else None

    def prefer_text(self) -> None:
        """Ask for the text format from now on.

        prometheus_client refuses OpenMetrics pages of some sound exporters, whom the negative sum
        of one histogram gives away; in the text format it judges the syntax only.
        """
        protocols = self.target.scraping.protocols
        text = tuple(protocol for protocol in protocols if protocol in TEXT_PROTOCOLS)
        self.headers["Accept"] = accept(text or TEXT_PROTOCOLS[-1:])

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


def _families(answer: fetch.Answer, limit: int) -> Families | None:
    try:
        body = fetch.unpacked(answer, limit)
    except FetchError:  # the scrape said so, and there is nothing to show
        return None
    return families_of(body, answer.content_type) if body is not None else None


def _stopwatch() -> Callable[[], float]:
    begun = time.monotonic()
    return lambda: time.monotonic() - begun


@cache
def user_agent() -> str:
    """What Vigie calls itself when it asks for something."""
    try:
        return f"vigie/{metadata.version('vigie')}"
    except metadata.PackageNotFoundError:  # run from a checkout that was never installed
        return "vigie"
