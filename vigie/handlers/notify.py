"""The `notify` job: one message to one channel, until it is accepted or no longer needed."""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
from sqlalchemy import Connection

from incidents.model import EventKind, IncidentState
from runbooks.match import matching
from runbooks.model import Runbook
from vigie import faults
from vigie.clock import Clock
from vigie.config import Channel, Config
from vigie.jobs.worker import Done, GiveUp, RetryLater
from vigie.live import Board
from vigie.notify import updates
from vigie.notify.deliver import deliver
from vigie.notify.errors import DeliveryFailed
from vigie.notify.message import Message, about_incident
from vigie.notify.outbox import PAGE, alarms
from vigie.store import deliveries, incidents, jobs
from vigie.store.db import Database
from vigie.store.jobs import Job

# A receiver in trouble gets the worker's backoff; one that refuses needs a person first.
REFUSED_RETRY_S = 60.0
# From this failed attempt on, or at the first refusal, the other channels hear of it.
ALARM_ATTEMPT = 5
# Notices that are moot once somebody did what they ask for.
_ASKING = frozenset({EventKind.PAGE_FAILED, EventKind.RESPONSE_DUE, EventKind.RESOLUTION_DUE})
_WITHDRAWN = frozenset({IncidentState.CANCELLED, IncidentState.MERGED})

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Order:
    """The payload of a `notify` job, as vigie.notify.outbox writes it."""

    channel: str
    kind: str
    event: EventKind
    at: float
    text: str

    @classmethod
    def of(cls, job: Job) -> "_Order":
        p = job.payload
        return cls(p["channel"], p["kind"], EventKind(p["event"]), p["at"], p["text"])


class Notify:
    """Sends, and writes down what came of it. At least once: a worker that dies between the
    acceptance and its record sends again, under the same dedup key.
    """

    def __init__(
        self,
        *,
        db: Database,
        board: Board,
        clock: Clock,
        session: aiohttp.ClientSession,
        base_url: str,
    ) -> None:
        self._db = db
        self._board = board
        self._clock = clock
        self._session = session
        self._base_url = base_url.rstrip("/")

    async def __call__(self, job: Job) -> Done:
        order, number = _Order.of(job), job.incident or 0
        incident = await self._db.aread(lambda c: incidents.get(c, number))
        if incident is None:
            raise GiveUp(f"there is no incident #{number}")
        reason = not_needed(order.kind, order.event, order.at, incident)
        if reason := reason or updates.withheld(job.payload, incident):
            return self._skipped(job, order, reason)
        config = self._board.now.config
        channel = config.channels.get(order.channel)
        if channel is None:
            raise GiveUp(f"channel `{order.channel}` is no longer in the configuration")
        answer = await self._send(job, order, channel, self._message(job, order, incident, config))
        return self._delivered(job, order, answer)

    def _message(
        self, job: Job, order: _Order, incident: Mapping[str, Any], config: Config
    ) -> Message:
        if updates.is_for_others(job.payload):
            return updates.message(job, incident, self._base_url)
        return about_incident(
            incident,
            dedup=job.dedup,
            kind=order.kind,
            event=order.event,
            happened=order.text,
            url=f"{self._base_url}/incidents/{incident['number']}",
            runbooks=fitting(config, incident),
        )

    async def _send(self, job: Job, order: _Order, channel: Channel, message: Message) -> str:
        faults.reach("page.before_send")
        try:
            answer = await deliver(self._session, channel, message, now=self._clock.now())
        except DeliveryFailed as error:
            await self._failed(job, order, error)
            after_s = error.after_s if error.retry else REFUSED_RETRY_S
            raise RetryLater(error.reason, after_s) from error
        faults.reach("page.after_2xx")
        return answer

    def _delivered(self, job: Job, order: _Order, answer: str) -> Done:
        number, now = job.incident or 0, self._clock.now()

        def write(c: Connection) -> None:
            _record(c, job, order, now, outcome="delivered", detail=answer)
            if order.kind == PAGE:
                data = {"channel": order.channel, "dedup": job.dedup, "attempt": job.attempts}
                text = f"Paged {order.channel}: {answer}"
                incidents.append(c, number, now, EventKind.PAGED, "vigie", text, data)

        return Done(write)

    def _skipped(self, job: Job, order: _Order, reason: str) -> Done:
        number, now = job.incident or 0, self._clock.now()

        def write(c: Connection) -> None:
            _record(c, job, order, now, outcome="skipped", detail=reason)
            if order.kind == PAGE:
                text = f"{order.channel} was not paged: {reason}"
                data = {"channel": order.channel, "dedup": job.dedup}
                incidents.append(c, number, now, EventKind.PAGE_SKIPPED, "vigie", text, data)

        return Done(write)

    async def _failed(self, job: Job, order: _Order, error: DeliveryFailed) -> None:
        now = self._clock.now()
        channels = self._board.now.config.channels.values()

        def write(c: Connection) -> None:
            _record(c, job, order, now, outcome="failed", detail=error.reason)
            if order.kind == PAGE:
                _page_failed(c, job, channels, now, error)

        await self._db.awrite(write)


def not_needed(kind: str, event: EventKind, at: float, incident: Mapping[str, Any]) -> str | None:
    """Why a message that demands an answer needs none any more; other notices are always sent.

    `at` is when its cause happened: who acknowledged before a relapse has not answered for it.
    """
    if kind != PAGE and event not in _ASKING:
        return None
    if incident["state"] in _WITHDRAWN:
        return f"{incident['state']} before it was sent"
    if incident["resolved_at"] is not None:
        return f"resolved by {incident['resolved_by']} before it was sent"
    acknowledged_at = incident["acknowledged_at"]
    if event is EventKind.RESOLUTION_DUE:
        return None  # it is no answer to that
    if acknowledged_at is not None and acknowledged_at >= at:
        return f"acknowledged by {incident['acknowledged_by']} before it was sent"
    return None


def fitting(config: Config, incident: Mapping[str, Any]) -> list[tuple[Runbook, str]]:
    """The runbooks that fit an incident today, best first."""
    return matching(
        config.runbooks,
        incident["type"],
        incident["service"],
        incident["slo"],
        incident["labels"],
    )


def page_dead(c: Connection, job: Job, channels: Iterable[Channel], now: float, error: str) -> None:
    """A page was given up: say so on the timeline and to everybody else."""
    order = _Order.of(job)
    text = f"{order.channel} could not be paged: {error}"
    data = {"channel": order.channel, "dedup": job.dedup, "attempt": job.attempts, "dead": True}
    incidents.append(c, job.incident or 0, now, EventKind.PAGE_FAILED, "vigie", text, data)
    told = [jobs.enqueue(c, alarm, now) for alarm in alarms("dead", job, channels, now, text)]
    if not any(told):
        log.error("incident #%s: %s; there is no other channel to tell", job.incident, text)


def _page_failed(
    c: Connection, job: Job, channels: Iterable[Channel], now: float, error: DeliveryFailed
) -> None:
    """One attempt failed: the first goes on the timeline, lasting trouble goes to the others."""
    order = _Order.of(job)
    text = f"{order.channel} could not be paged, trying again: {error.reason}"
    if job.attempts == 1:
        data = {"channel": order.channel, "dedup": job.dedup, "attempt": job.attempts}
        incidents.append(c, job.incident or 0, now, EventKind.PAGE_FAILED, "vigie", text, data)
    if job.attempts >= ALARM_ATTEMPT or not error.retry:
        for alarm in alarms("failing", job, channels, now, text):
            jobs.enqueue(c, alarm, now)


def _record(
    c: Connection, job: Job, order: _Order, now: float, *, outcome: str, detail: str
) -> None:
    deliveries.record(
        c, job.dedup, job.incident, order.channel, order.kind, job.attempts, now, outcome, detail
    )
