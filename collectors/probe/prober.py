"""Probing: one loop for each target and location, on its own phase, telling what it found."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, TypeAlias

import aiohttp

from collectors.access import HttpAccess
from collectors.entry import Entry as FileEntry
from collectors.made import Made
from collectors.probe.attempt import attempt, attempt_from
from collectors.probe.model import Location, Probe, access_of, targets_of
from collectors.probe.network import Entry
from collectors.probe.readings import Counters, Result
from collectors.probe.verdict import History, Verdict, judge, taken
from collectors.scrape import NO_GAUGES, Clock, Scrape, next_turn
from collectors.targets import Target
from slo.spec import Selector

log = logging.getLogger(__name__)

# Attempts under way at one time. Each may hold a socket for its whole timeout.
CONCURRENCY: Final = 200
Enter: TypeAlias = Callable[[HttpAccess], Entry]
_Key: TypeAlias = tuple[str, str]  # a probe's name and an address


class Prober:
    """Tries every target that it watches from every location. All its methods belong to one loop.

    `deliver` gets the page of each attempt, and a failed scrape where nothing was learnt; `told`
    gets a verdict when it differs from the last one on its target. Both are called in the loop and
    must neither block nor raise. What is remembered of a target outlives a reload, not a restart.
    """

    def __init__(
        self,
        clock: Clock,
        deliver: Callable[[Scrape], None],
        told: Callable[[Verdict], None],
        *,
        enter: Enter | None = None,
        concurrency: int = CONCURRENCY,
    ) -> None:
        self._clock, self._deliver, self._told = clock, deliver, told
        self._enter = enter or (lambda access: FileEntry(access, clock.now))
        self._free = asyncio.Semaphore(concurrency)
        self._made = Made()
        self._watched: dict[str, _Watched] = {}
        self._histories: dict[_Key, dict[str, History]] = {}
        self._verdicts: dict[_Key, Verdict] = {}
        self._session: aiohttp.ClientSession | None = None
        self._ending: set[asyncio.Task[None]] = set()

    def watch(
        self,
        probes: Iterable[Probe],
        selectors: Mapping[str, frozenset[Selector]],
        gauges: Mapping[str, frozenset[Selector]] = NO_GAUGES,
    ) -> None:
        """Run just these probes from now on; selectors and gauges by the ids of `targets_of`.

        A probe that is the same goes on undisturbed. One that changed begins a new turn and keeps
        its counters and its history; one that is gone delivers and tells nothing more.
        """
        wanted = {one.target.id: one for probe in probes for one in self._all_of(probe)}
        self._made.watch({name: one.target for name, one in wanted.items()}, selectors, gauges)
        for name, last in self._watched.items():
            new = wanted.get(name)
            if new is not None and new.is_like(last):
                wanted[name] = last
                continue
            self._end(last)
            if new is not None:
                new.counters = last.counters
        self._watched = wanted
        keys = {one.key for one in wanted.values()}
        self._histories = {key: self._histories.get(key, {}) for key in keys}
        self._verdicts = {key: one for key, one in self._verdicts.items() if key in keys}
        self._run_all()

    async def start(self) -> None:
        """Begin to probe what is watched; the first turn of a target is at its own phase."""
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0), cookie_jar=aiohttp.DummyCookieJar()
        )
        self._run_all()

    async def stop(self) -> None:
        """Stop every loop and close every connection; nothing is delivered or told any more."""
        for watched in self._watched.values():
            self._end(watched)
        self._watched = {}
        await asyncio.gather(*self._ending, return_exceptions=True)
        if self._session is not None:
            await self._session.close()
        self._session = None

    def _all_of(self, probe: Probe) -> "Iterator[_Watched]":
        """What is watched for a probe, in the order of `targets_of`; all of it is let in alike."""
        entry, counters = self._enter(access_of(probe.options)), Counters(self._clock.now())
        locations = [location for _ in probe.targets for location in probe.locations]
        for target, location in zip(targets_of(probe), locations, strict=True):
            yield _Watched(probe, location, target, counters, entry)

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
        """The loop of one target at one location. A turn that comes while an attempt still runs is
        left out.
        """
        target = watched.target
        while True:
            turn = next_turn(target.id, target.interval_s, self._clock.now())
            await self._clock.sleep_until(turn)
            async with self._free:
                at = self._clock.now()
                result = await self._tried(watched)
            self._take(watched, at, result)

    async def _tried(self, watched: "_Watched") -> Result:
        assert self._session is not None
        probe, location = watched.probe, watched.location
        address = watched.target.url
        try:
            if location.blackbox_url:
                return await attempt_from(probe, address, location, self._session)
            return await attempt(probe, address, watched.entry)
        except Exception as error:  # a defect at one target must not end its loop
            log.exception("the probe of %s failed by a fault of our own", watched.target.id)
            return Result(None, f"internal error: {type(error).__name__}: {error}"[:200])

    def _take(self, watched: "_Watched", at: float, result: Result) -> None:
        """Deliver what an attempt found, and tell the verdict if it has changed."""
        scrape = self._scrape(watched, at, result)
        if scrape is not None:
            self._deliver(scrape)
        probe, key = watched.probe, watched.key
        histories = self._histories[key]
        history = histories.get(watched.location.name, History())
        histories[watched.location.name] = taken(history, at, result, probe)
        before = self._verdicts.get(key)
        verdict = judge(histories, probe, watched.target.url, at, before)
        if verdict != before:
            self._verdicts[key] = verdict
            self._told(verdict)

    def _scrape(self, watched: "_Watched", at: float, result: Result) -> Scrape | None:
        name = watched.target.id
        if result.success is None:
            return Scrape(name, at, result.duration_s, None, error=result.reason)
        watched.counters = watched.counters.after(success=result.success)
        page = result.page + watched.counters.page()
        return self._made.scrape(name, at, page, result.duration_s)


@dataclass(eq=False, slots=True)
class _Watched:
    """A target at a location that is watched, and what lasts from one attempt to the next."""

    probe: Probe
    location: Location
    target: Target
    counters: Counters
    entry: Entry
    task: "asyncio.Task[None] | None" = field(default=None)

    @property
    def key(self) -> _Key:
        return self.probe.name, self.target.url

    def is_like(self, other: "_Watched") -> bool:
        """Whether it is probed in the same way, wherever in its file it now stands."""
        return (
            replace(self.probe, mark=None) == replace(other.probe, mark=None)
            and self.location == other.location
            and replace(self.target, mark=None) == replace(other.target, mark=None)
        )
