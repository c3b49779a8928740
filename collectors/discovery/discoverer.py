"""Service discovery of all scrape jobs: which targets there are now, and word when they change."""

import asyncio
import logging
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import dns.asyncresolver

from collectors import fetch
from collectors.discovery.dns import Dns, Resolver
from collectors.discovery.feed import MAX_TARGETS, Feed, Source
from collectors.discovery.files import Files
from collectors.discovery.http import Http, shown
from collectors.discovery.kubernetes import Kubernetes
from collectors.discovery.kubernetes_server import Finder, ServiceAccount
from collectors.discovery.model import Discovery, DiscoveryStatus, DnsSd, FileSd, HttpSd
from collectors.entry import Entry
from collectors.jobs import Group, ScrapeJob
from collectors.lines import shortened
from collectors.proxies import NO_PROXIES, Proxies
from collectors.scrape import Clock

log = logging.getLogger(__name__)

GAP_S = 5.0  # between two words about one job, as Prometheus has it: a rollout is many changes
RESTART_S = 60.0  # after a fault of our own
IN_CLUSTER = ServiceAccount()
_OVER = f"left out: with it the job has over {MAX_TARGETS} targets"


class Discoverer:
    """Runs the discoveries of all jobs. All its methods belong to one event loop.

    `changed` is called in the loop with the name of a job whose `groups` may be others, or have
    become complete: at once, and then at most every GAP_S. It must neither block nor raise.

    Discoveries that say the same, of one job or of several, are one: one watch of a cluster
    serves them all.
    """

    def __init__(
        self,
        clock: Clock,
        changed: Callable[[str], None],
        *,
        proxies: Proxies = NO_PROXIES,
        account: ServiceAccount = IN_CLUSTER,
        resolver: Resolver = dns.asyncresolver.Resolver,
    ) -> None:
        self._clock = clock
        self._changed = changed
        self._proxies = proxies
        self._account = account
        self._resolver = resolver
        self._jobs: dict[str, _Job] = {}
        self._running: list[_Running] = []
        self._client: fetch.Client | None = None
        self._told_at: dict[str, float] = {}
        self._telling: dict[str, asyncio.Task[None]] = {}
        self._ending: set[asyncio.Task[None]] = set()

    def watch(self, jobs: Mapping[str, ScrapeJob]) -> None:
        """Discover for just these jobs from now on; ask for their groups afterwards.

        A discovery that is the same goes on undisturbed, with what it has found.
        """
        before, self._running = self._running, []
        self._jobs = {}
        for name, job in jobs.items():
            mine: list[_Running] = []
            for discovery in job.discoveries:
                running = _of(self._running, discovery)
                if running is None:
                    running = _of(before, discovery) or self._new(discovery)
                    self._running.append(running)
                if running not in mine:
                    mine.append(running)
            self._jobs[name] = _Job(job.static, mine)
        for running in before:
            if running not in self._running:
                self._end(running.task)
        for running in self._running:
            running.jobs = [name for name, job in self._jobs.items() if running in job.running]
        for name in self._telling.keys() - self._jobs.keys():
            self._end(self._telling.pop(name))
        self._told_at = {n: at for n, at in self._told_at.items() if n in self._jobs}
        self._run_all()

    async def start(self) -> None:
        """Begin to discover for what is watched."""
        self._client = fetch.Client()
        self._run_all()

    async def stop(self) -> None:
        """End every discovery and close every connection; nothing is told any more."""
        tasks = [running.task for running in self._running] + list(self._telling.values())
        for task in tasks:
            self._end(task)
        self._running, self._jobs, self._telling = [], {}, {}
        await asyncio.gather(*self._ending, return_exceptions=True)
        if self._client is not None:
            await self._client.close()
        self._client = None

    def groups(self, job: str) -> tuple[Group, ...]:
        """The groups of a job: static ones first, then discovery by discovery, in stable order.

        At most MAX_TARGETS targets: a discovery with which there would be more is left out, and
        its status says so.
        """
        known = self._jobs.get(job)
        if known is None:
            return ()
        groups = list(known.static)
        count = _count(groups)
        over = []
        for running in known.running:
            found = running.feed.groups()
            more = _count(found)
            if count + more > MAX_TARGETS:
                over.append(running)
                continue
            groups += found
            count += more
        for running in over:
            if running not in known.over:
                log.error("job %s: %s: %s", job, running.feed.place, _OVER)
        known.over = over
        return tuple(groups)

    def complete(self, job: str) -> bool:
        """Whether every discovery of a job has answered: what `groups` doesn't hold is gone.

        Until then targets that were known before, to an earlier process, may still be there.
        """
        known = self._jobs.get(job)
        return known is not None and all(running.feed.answered for running in known.running)

    def status(self, job: str) -> tuple[DiscoveryStatus, ...]:
        """How the discoveries of a job go, in the order of its file."""
        self.groups(job)
        known = self._jobs.get(job)
        if known is None:
            return ()
        return tuple(
            replace(running.feed.status(), health="down", error=_OVER)
            if running in known.over
            else running.feed.status()
            for running in known.running
        )

    def _new(self, discovery: Discovery) -> "_Running":
        kind, place = _words(discovery)

        def changed() -> None:
            for job in running.jobs:
                self._tell(job)

        running = _Running(discovery, Feed(self._clock, kind, shortened(place, 200), changed))
        return running

    def _run_all(self) -> None:
        if self._client is None:
            return
        for running in self._running:
            if running.task is None:
                source = self._source(running, self._client)
                running.task = asyncio.create_task(self._run(source))

    def _source(self, running: "_Running", client: fetch.Client) -> Source:
        clock, feed, discovery = self._clock, running.feed, running.discovery
        match discovery:
            case FileSd():
                return Files(discovery, clock, feed)
            case HttpSd():
                entry = Entry(discovery.access, clock.now, self._proxies)
                return Http(discovery, clock, feed, client, entry)
            case DnsSd():
                return Dns(discovery, clock, feed, self._resolver)
            case _:
                finder = Finder(discovery, self._account, self._proxies, clock.now)
                return Kubernetes(discovery, clock, feed, client, finder.server)

    async def _run(self, source: Source) -> None:
        while True:
            try:
                await source.run()
            except Exception as error:  # a defect in one discovery must not end it for good
                log.exception("discovery %s failed by a fault of our own", source.feed.place)
                source.feed.failed("internal error", type(error).__name__)
            await self._clock.sleep_until(self._clock.now() + RESTART_S)
            source.feed.forget("internal error")

    def _tell(self, job: str) -> None:
        if job in self._telling:
            return
        due = self._told_at.get(job, -math.inf) + GAP_S
        if self._clock.now() >= due:
            self._say(job)
        else:
            self._telling[job] = asyncio.create_task(self._tell_at(job, due))

    async def _tell_at(self, job: str, due: float) -> None:
        await self._clock.sleep_until(due)
        self._telling.pop(job, None)
        self._say(job)

    def _say(self, job: str) -> None:
        self._told_at[job] = self._clock.now()
        self._changed(job)

    def _end(self, task: asyncio.Task[None] | None) -> None:
        if task is not None:
            task.cancel()
            self._ending.add(task)
            task.add_done_callback(self._ending.discard)


@dataclass(eq=False, slots=True)
class _Running:
    """A discovery under way, for one job or several."""

    discovery: Discovery
    feed: Feed
    task: asyncio.Task[None] | None = None
    jobs: list[str] = field(default_factory=list)


@dataclass(eq=False, slots=True)
class _Job:
    static: tuple[Group, ...]
    running: list[_Running]
    over: list[_Running] = field(default_factory=list)


def _of(running: Sequence[_Running], discovery: Discovery) -> _Running | None:
    return next((one for one in running if one.discovery == discovery), None)


def _count(groups: Sequence[Group]) -> int:
    return sum(len(group.targets) for group in groups)


def _words(discovery: Discovery) -> tuple[str, str]:
    """The kind of a discovery and where it looks, for people."""
    match discovery:
        case FileSd():
            return "file", ", ".join(discovery.files)
        case HttpSd():
            return "http", shown(discovery.url)
        case DnsSd():
            return "dns", f"{discovery.type} {', '.join(discovery.names)}"
        case _:
            own = ("its own",) if discovery.own_namespace else ()
            where = ", ".join((*discovery.namespaces, *own)) or "all namespaces"
            return "kubernetes", f"{discovery.role} in {where}"
