"""A real database with an open incident, and a worker that runs the handlers when it is told to."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from sqlalchemy import Connection

from blank import blank_database
from collected import collected
from incidents.model import Event, EventKind, IncidentType, Severity, Signal, Urgency
from runbooks.model import Runbook
from vigie import handlers
from vigie.clock import SetClock
from vigie.config import Channel, Config
from vigie.jobs.runs import start_runs
from vigie.jobs.worker import Worker
from vigie.live import Board, Change, Feed, Live
from vigie.notify.outbox import jobs_for
from vigie.store import deliveries, incidents, jobs, runs, updates
from vigie.store.db import Database, open_database
from vigie.store.jobs import Job, NewJob
from vigie.store.keep import Retention
from vigie.telemetry import Telemetry

NOW = 1_790_000_000.0
LEASE_S = 30.0


class World:
    """What a server has, without the server: database, clock, configuration, worker."""

    def __init__(self, db: Database, session: aiohttp.ClientSession) -> None:
        self.db = db
        self.clock = SetClock(NOW)
        self.board = Board(Live(Config({}, {}, {}, {}, ()), started_at=NOW))
        self.feed = Feed()
        self.handlers = handlers.build(
            db=db,
            board=self.board,
            clock=self.clock,
            session=session,
            telemetry=Telemetry(),
            base_url="http://vigie.example/",
            retention=Retention(),
            collected=collected(),
            slice_s=10,
            history=None,
        )
        # Every incident has one: tests of other jobs count theirs without. `watching` puts it in.
        self.watches = self.handlers.pop(updates.JOB)
        dead = handlers.on_dead(self.board, self.clock)
        self.worker = Worker(
            db,
            self.clock,
            self.handlers,
            worker="test",
            on_dead=dead,
            chance=lambda: 1.0,
            settled=lambda job: self.feed.publish(Change("incident", job.incident)),
        )

    def configure(self, *channels: Channel, runbooks: tuple[Runbook, ...] = ()) -> None:
        config = Config({}, {}, {}, {channel.name: channel for channel in channels}, runbooks)
        self.board.now = replace(self.board.now, config=config)

    def open(self, **changed: Any) -> int:
        """Open an incident as a tick does: with its pages and the first steps of its runbooks."""
        signal = replace(SIGNAL, **changed)

        def work(c: Connection) -> int:
            now = self.clock.now()
            number = incidents.open_incident(c, signal, now)
            assert number is not None
            self._tell(c, EventKind.OPENED, number, signal.title)
            for job in start_runs(c, number, signal, self.board.now.config.runbooks, now):
                jobs.enqueue(c, job, now)
            return number

        return self.db.write(work)

    def happen(self, kind: EventKind, number: int, *, actor: str = "vigie") -> None:
        """Apply an event and enqueue who is told, as a tick or a command does."""

        def work(c: Connection) -> None:
            event = Event(kind, SIGNAL.key, self.clock.now(), number, SIGNAL, actor=actor)
            assert incidents.apply(c, event) == number
            self._tell(c, kind, number, "")

        self.db.write(work)

    def watching(self) -> None:
        """Let the worker also look after stakeholder updates."""
        self.handlers[updates.JOB] = self.watches

    def enqueue(self, job: NewJob) -> bool:
        return self.db.write(lambda c: jobs.enqueue(c, job, self.clock.now()))

    def timeline(self, number: int) -> list[Mapping[str, Any]]:
        """The entries after the opening."""
        return self.db.read(lambda c: incidents.timeline(c, number))[1:]

    def said(self, number: int) -> list[tuple[str, str]]:
        return [(entry["kind"], entry["text"]) for entry in self.timeline(number)]

    def attempts(self, number: int) -> list[tuple[str, str, str, int]]:
        """Channel, kind, outcome and attempt of every delivery."""
        rows = self.db.read(lambda c: deliveries.of_incident(c, number))
        return [(row["channel"], row["kind"], row["outcome"], row["attempt"]) for row in rows]

    def run_of(self, number: int) -> Mapping[str, Any]:
        (run,) = self.db.read(lambda c: runs.of_incident(c, number))
        return run

    def waiting(self) -> Mapping[str, int]:
        return self.db.read(jobs.counts)

    def claim(self) -> list[Job]:
        """What another worker would take now; it is due again when its lease has run out."""
        now, kinds = self.clock.now(), list(self.handlers)
        return self.db.write(
            lambda c: jobs.claim(c, "other", kinds, now=now, lease_s=LEASE_S, limit=10)
        )

    async def run_due(self, after_s: float = 0.0) -> int:
        self.clock.set(self.clock.now() + after_s)
        return await self.worker.run_due()

    def _tell(self, c: Connection, kind: EventKind, number: int, text: str) -> None:
        now, channels = self.clock.now(), self.board.now.config.channels.values()
        incident = incidents.get(c, number)
        assert incident is not None
        for job in jobs_for(kind, incident, channels, now, text):
            jobs.enqueue(c, job, now)


SIGNAL = Signal(
    key="slo-burn:checkout/availability",
    type=IncidentType.SLO_BURN,
    service="checkout",
    slo="availability",
    title="checkout/availability burns 21x its error budget (1h/5m)",
    urgency=Urgency.HIGH,
    severity=Severity.SEV2,
    started_at=NOW - 60,
    firing=True,
    clear=False,
    recover_after_s=120.0,
    labels={"service": "checkout", "slo": "availability"},
)


@pytest.fixture
def world(tmp_path: Path, web_session: aiohttp.ClientSession) -> Iterator[World]:
    db = open_database(blank_database(tmp_path))
    yield World(db, web_session)
    db.close()
