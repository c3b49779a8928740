"""Composition: `build` wires every part, `start` and `stop` run them, `reload` swaps the files.

The only place that knows all parts. Tests, the demo and the command line call the same `build`.
"""

import asyncio
import contextlib
import gc
import logging
import signal
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from importlib.metadata import version
from typing import Protocol

import aiohttp
import uvicorn
from fastapi import FastAPI
from sqlalchemy import Connection

from collectors import changes as collected
from collectors.discovery.model import DiscoveryStatus
from collectors.otlp.receiver import Otlp, Receiving
from collectors.scrape import Scrape, Scraper
from collectors.targets import By
from collectors.written import Inbox
from slo.load.yaml import LoadError
from vigie import api, handlers, web
from vigie import config as files
from vigie.access import Accounts, Gate
from vigie.access import users as accounts
from vigie.api import otlp_grpc
from vigie.api.events import STOP
from vigie.clock import Clock, SystemClock
from vigie.commands import changes
from vigie.config import Config
from vigie.jobs.worker import Worker
from vigie.live import Board, Change, Collected, Feed, Live
from vigie.notify.fallback import Fallback
from vigie.pipeline.plan import Plan
from vigie.pipeline.restore import Restored, restore
from vigie.pipeline.tick import Pipeline
from vigie.settings import Settings, proxies
from vigie.sources import Sources
from vigie.sources.discovered import Discovered
from vigie.sources.probed import Probes
from vigie.sources.received import Received, edges_of
from vigie.sources.workloads import Workloads
from vigie.sources.written import Written
from vigie.store import automations, jobs
from vigie.store.db import Database, open_database
from vigie.store.errors import StoreError
from vigie.store.jobs import Job
from vigie.store.keep import Retention
from vigie.telemetry import Meters, Telemetry

log = logging.getLogger(__name__)

VERSION = version("vigie")


class Follower(Protocol):
    """Whatever brings samples and facts in, for the plan that it was shown last."""

    def watch(self, plan: Plan) -> None: ...

    async def start(self) -> None: ...

    async def stop(self) -> None: ...


class App:
    """A server, built and not yet running."""

    def __init__(self, settings: Settings, parts: "_Parts") -> None:
        self.settings = settings
        self._parts = parts
        self._running = AsyncExitStack()
        self._pipeline: Pipeline | None = None
        self._scraper = Scraper(parts.clock, self._deliver, proxies=proxies())
        self._sources: Sources | None = None
        self._probes: Probes | None = None
        slos = [watch.slo for watch in parts.board.now.config.watches.values()]
        receiving = Receiving(dimensions=settings.span_dimensions)
        self._otlp = Otlp(parts.clock.now(), receiving, edges_ms=edges_of(slos), slos=slos)
        self._received: Received | None = None
        self._inbox = Inbox()
        self._discovered: Discovered | None = None
        self._workloads: Workloads | None = None
        self._followers: tuple[Follower, ...] = ()
        self._worker: Worker | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._reloading = asyncio.Lock()
        known = Accounts(parts.db, parts.clock)
        self._gate = Gate(parts.clock, settings.token, settings.allowed_hosts, known)
        self.http = self._http()

    @property
    def live(self) -> Live:
        """What is known now."""
        return self._parts.board.now

    def close(self) -> None:
        """Let go of the database of a server that was never started."""
        self._parts.db.close()

    async def start(self) -> None:
        """Run everything but the HTTP server; undone when any of it fails."""
        async with AsyncExitStack() as stack:
            await self._start(stack)
            self._running = stack.pop_all()

    async def stop(self) -> None:
        """Stop in the order of the flow, so that what was scraped is committed."""
        await self._running.aclose()

    def hang_up(self) -> None:
        """End the streams of changes, which would hold up the end of the HTTP server."""
        self._parts.feed.publish(Change(STOP))

    async def reload(self) -> None:
        """Read the files again and swap the configuration between two ticks.

        A bad reload leaves the old configuration in force and says so on the overview; LoadError,
        and StoreError where the database can't say what it remembers of the new one.
        """
        async with self._reloading:
            await self._reload()

    async def _start(self, stack: AsyncExitStack) -> None:
        parts, settings = self._parts, self.settings
        self._loop = asyncio.get_running_loop()
        stack.callback(parts.telemetry.stop)
        stack.callback(parts.db.close)
        session = await stack.enter_async_context(
            aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar())
        )
        fallback = Fallback(session, parts.clock, settings.url)

        async def outcry(text: str, firing: Sequence[str]) -> None:
            await fallback.tell(self._config.channels.values(), text, firing)

        if settings.users:
            await asyncio.to_thread(self._make_first_user)
        restored = await parts.db.awrite(self._restored)
        self._worker = self._worker_for(session)
        await self._worker.start()
        stack.push_async_callback(self._worker.stop)
        self._pipeline = Pipeline(
            db=parts.db,
            clock=parts.clock,
            board=parts.board,
            feed=parts.feed,
            meters=parts.meters,
            telemetry=parts.telemetry,
            restored=restored,
            wake_worker=self._worker.wake,
            outcry=outcry,
            replanned=self._watch,
        )
        await self._pipeline.start()
        stack.push_async_callback(self._pipeline.stop)
        self._sources = Sources(session, parts.clock, self._pipeline, parts.db, parts.board)
        stack.push_async_callback(self._sources.stop)
        self._discovered = Discovered(parts.clock, self._pipeline, proxies())
        self._probes = Probes(parts.clock, self._pipeline)
        self._received = Received(self._otlp, parts.clock, self._pipeline)
        self._workloads = Workloads(parts.clock, self._pipeline, self._record, proxies())
        written = Written(self._inbox, parts.clock, self._pipeline)
        self._followers = (self._discovered, self._probes, self._received, written, self._workloads)
        self._watch(restored.state.plan)
        await self._sources.watch(restored.state.plan)
        await self._scraper.start()
        stack.push_async_callback(self._scraper.stop)
        for follower in self._followers:
            await follower.start()
            stack.push_async_callback(follower.stop)
        if settings.otlp_grpc:
            stop = await otlp_grpc.start(settings.otlp_grpc, self._otlp, self._gate, parts.clock)
            stack.push_async_callback(stop)

    def _watch(self, plan: Plan) -> None:
        """Scrape and probe what this plan names."""
        targets = plan.config.targets.values()
        scraped = {t.id: t for t in targets if t.by is By.SCRAPE and not t.source}
        self._scraper.watch(scraped, plan.selectors, plan.gauges)
        for follower in self._followers:
            follower.watch(plan)

    def _make_first_user(self) -> None:
        password = accounts.first(self._parts.db, self._parts.clock.now())
        if password is not None:
            # Told this once, to whoever reads the log of the first start; it opens nothing but the
            # page where another one is chosen.
            log.warning("sign in as %s with the one-time password %s", accounts.FIRST, password)

    def _restored(self, c: Connection) -> Restored:
        now = self._parts.clock.now()
        jobs.enqueue(c, handlers.first_keep(now), now)
        handlers.begin_measuring(c, now)
        handlers.begin_closing(c, now)
        handlers.wait_for_events(c, self._config)
        return restore(c, self._config, self.settings.slice_s, now)

    def _worker_for(self, session: aiohttp.ClientSession) -> Worker:
        parts, kept = self._parts, self.settings.retention
        retention = Retention(
            slices_s=kept.slices.total_seconds(),
            deliveries_s=kept.deliveries.total_seconds(),
            runs_s=kept.runs.total_seconds(),
        )
        return Worker(
            parts.db,
            parts.clock,
            handlers.build(
                db=parts.db,
                board=parts.board,
                clock=parts.clock,
                session=session,
                telemetry=parts.telemetry,
                base_url=self.settings.url,
                retention=retention,
                collected=self._collected(),
                slice_s=self.settings.slice_s,
                history=self.settings.data / "history",
            ),
            worker=f"vigie-{VERSION}",
            on_dead=handlers.on_dead(parts.board, parts.clock),
            settled=self._settled,
            telemetry=parts.telemetry,
        )

    async def _reload(self) -> None:
        parts, pipeline, sources = self._parts, self._pipeline, self._sources
        assert pipeline is not None, "reload follows start"
        assert sources is not None, "reload follows start"
        try:
            config = await asyncio.to_thread(files.load, self.settings.files)
            config = replace(config, generation=self._config.generation + 1)
            if self._received is not None:
                await self._received.prepare(config)
            # Those of the old files too, which stay in force if anything fails from here on.
            both = (self._config, config)
            await parts.db.awrite(lambda c: handlers.wait_for_events(c, *both))
            plan = await pipeline.swap(config)
        except (LoadError, StoreError) as error:
            log.error("reload refused, the old files stay in force: %s", error)
            parts.board.now = replace(parts.board.now, reload_error=str(error))
            parts.feed.publish(Change("reload"))
            raise
        self._watch(plan)
        await sources.watch(plan)
        parts.board.now = replace(parts.board.now, config=plan.config, reload_error=None)
        parts.feed.publish(Change("reload"))
        log.info("reloaded: generation %d", config.generation)

    @property
    def _config(self) -> Config:
        return self._parts.board.now.config

    def _deliver(self, scrape: Scrape) -> None:
        assert self._pipeline is not None, "scraping begins after the pipeline"
        self._pipeline.deliver(scrape)

    def _wake(self) -> None:
        """A person changed something; called from any thread."""
        if self._loop is not None and self._pipeline is not None and self._worker is not None:
            self._loop.call_soon_threadsafe(self._pipeline.changed_by_people)
            self._worker.wake()

    def _settled(self, job: Job) -> None:
        """An attempt at a job was recorded."""
        self._parts.feed.publish(Change("incident", job.incident))
        if job.kind == automations.JOB:
            self._wake()  # it does what people do

    def _heard(self, _: str) -> None:
        """A heartbeat said something; called from any thread."""
        if self._loop is not None and self._pipeline is not None:
            self._loop.call_soon_threadsafe(self._pipeline.heard)

    def _discoveries(self, job: str) -> Sequence[DiscoveryStatus]:
        if self._discovered is None or self._workloads is None:
            return ()
        return self._discovered.status(job) or self._workloads.called(job)

    async def _record(self, change: collected.Change) -> None:
        """Write a rollout that a cluster told of."""
        db, services, now = self._parts.db, self._config.services, self._parts.clock.now()
        await asyncio.to_thread(changes.report, db, services, change, now)
        self._told_of_change()

    def _told_of_change(self) -> None:
        """A change was recorded; called from any thread."""
        if self._loop is not None and self._pipeline is not None:
            self._loop.call_soon_threadsafe(self._pipeline.told_of_change)

    def _collected(self) -> Collected:
        return Collected(
            families=self._scraper.families,
            verdicts=lambda: self._probes.verdicts if self._probes is not None else (),
            discoveries=self._discoveries,
            exemplars=self._otlp.exemplars,
            traces_url=self.settings.traces_url,
        )

    def _http(self) -> FastAPI:
        parts, gate = self._parts, self._gate
        collected = self._collected()
        http = api.build(
            board=parts.board,
            db=parts.db,
            clock=parts.clock,
            feed=parts.feed,
            collected=collected,
            meters=parts.meters,
            gate=gate,
            wake=self._wake,
            heard=self._heard,
            told=self._told_of_change,
            reload=self.reload,
            otlp=self._otlp,
            inbox=self._inbox,
            slice_s=self.settings.slice_s,
            version=VERSION,
            hourly=self.settings.response_cost_per_hour,
        )
        web.add_pages(
            http,
            board=parts.board,
            db=parts.db,
            clock=parts.clock,
            feed=parts.feed,
            collected=collected,
            gate=gate,
            wake=self._wake,
            hourly=self.settings.response_cost_per_hour,
        )
        return http


@dataclass(frozen=True, slots=True)
class _Parts:
    """What everything shares."""

    clock: Clock
    db: Database
    board: Board
    feed: Feed
    meters: Meters
    telemetry: Telemetry


def build(settings: Settings, clock: Clock | None = None) -> App:
    """The server that these settings describe. LoadError, StoreError; nothing runs yet."""
    time = clock if clock is not None else SystemClock()
    config = files.load(settings.files)
    db = open_database(settings.database, server_time=clock is None)
    try:
        board = Board(Live(config, started_at=time.now()))
        telemetry = Telemetry(settings.otlp_endpoint)
        return App(settings, _Parts(time, db, board, Feed(), Meters(), telemetry))
    except BaseException:  # whatever it was goes on: a failed build undoes itself
        db.close()
        raise


async def serve(settings: Settings) -> None:
    """Run a server until SIGTERM or SIGINT; SIGHUP reloads."""
    app = build(settings)
    server = _Server(
        uvicorn.Config(
            app.http,
            host=settings.host,
            port=settings.port,
            log_config=None,
            access_log=False,
            lifespan="off",
            timeout_graceful_shutdown=3,
            server_header=False,
        )
    )
    async with _signals(app, server):
        await app.start()
        # What was built lives as long as the process: the collector need not walk it again.
        gc.collect()
        gc.freeze()
        try:
            await server.serve()
        finally:
            await app.stop()


class _Server(uvicorn.Server):
    """A server that leaves signals to us: SIGHUP reloads."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextlib.asynccontextmanager
async def _signals(app: App, server: uvicorn.Server) -> AsyncIterator[None]:
    loop = asyncio.get_running_loop()
    reloads: set[asyncio.Task[None]] = set()

    def reload() -> None:
        task = loop.create_task(_reload_loudly(app))
        reloads.add(task)
        task.add_done_callback(reloads.discard)

    def end() -> None:
        server.should_exit = True
        app.hang_up()

    loop.add_signal_handler(signal.SIGHUP, reload)
    for one in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(one, end)
    try:
        yield
    finally:
        for one in (signal.SIGHUP, signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(one)


async def _reload_loudly(app: App) -> None:
    with contextlib.suppress(LoadError, StoreError):  # logged, and shown on the overview
        await app.reload()
