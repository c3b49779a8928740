"""The `measure` job: once a minute, what the incidents that are not over yet have cost by now.

One chain of jobs for all of them, off the tick. An incident is measured from its opening to its
end, once more after the last of its minutes was closed, and then no more unless it goes on. Each
job carries which ones are followed, so that nothing is forgotten and no history is searched.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection

from incidents.cost import said
from incidents.model import EventKind
from vigie.clock import Clock
from vigie.config import Config
from vigie.jobs.worker import Done
from vigie.live import Board, Collected
from vigie.reports.impact import Affected, Impact, measure
from vigie.store import changes, history, impact, incidents, jobs
from vigie.store import timeline as entries
from vigie.store.db import Database
from vigie.store.impact import Followed
from vigie.store.jobs import Job, NewJob
from vigie.views.changes import AFTER_S, BEFORE_S, MOST_BEFORE
from vigie.views.exemplars import since_onset

EVERY_S: Final = 60
MOST: Final = 50  # incidents that are measured at once; the others have the next minutes
# Who measures late measures the same. A ledger that ended with its server never closes its minutes.
WAITS_S: Final = 3600.0
ATTEMPTS: Final = 5
MOST_TRACES: Final = 10
PREPARES_EVERY: Final = 5  # minutes

Row = Mapping[str, Any]
Values = Mapping[str, Any]


class Measure:
    """Measures what is unfinished, then writes its next job."""

    def __init__(
        self,
        *,
        db: Database,
        board: Board,
        clock: Clock,
        collected: Collected,
        slice_s: int,
        folder: Path | None,
    ) -> None:
        self._db = db
        self._board = board
        self._clock = clock
        self._collected = collected
        self._slice_s = slice_s
        self._folder = folder  # of closed days, which are read many times faster; None: the ledger

    async def __call__(self, job: Job) -> Done:
        now, followed = self._clock.now(), _followed(job)
        config = self._board.now.config
        rows, found = await self._db.aread(lambda c: self._measured(c, config, followed, now))
        then = max(now, job.run_at)  # leases go by another clock: the next job has another name
        return Done(lambda c: _write(c, followed, rows, found, now, then))

    def _measured(
        self, c: Connection, config: Config, followed: Followed, now: float
    ) -> tuple[Sequence[Row], Mapping[int, Values]]:
        """What is unfinished, and what was measured of those whose turn it is."""
        place = {number: at for at, number in enumerate(followed.numbers)}
        rows = impact.unfinished(c, followed)
        if not rows and self._folder is not None:
            _prepare(c, config, self._folder, now)
        rows.sort(key=lambda row: place.get(row["number"], -1))  # new ones first
        turn = rows[:MOST]
        affected = {row["number"]: _affected(row) for row in turn}
        costs = measure(
            c, config, list(affected.values()), now, slice_s=self._slice_s, folder=self._folder
        )
        return rows, {
            row["number"]: _values(
                row, costs[row["number"]], now, _before(c, row), self._traces(row)
            )
            for row in turn
        }

    def _traces(self, row: Row) -> list[str]:
        """The first traces with bad events, which are in memory only for a while."""
        known: list[str] = list(row["impact"].get("traces", ()))
        if not row["slo"]:
            return known
        slo, end = f"{row['service']}/{row['slo']}", _ended(row)
        seen = since_onset(self._collected, slo, row["started_at"], end)
        return list(dict.fromkeys([*known, *(one["trace_id"] for one in seen)]))[:MOST_TRACES]


def _prepare(c: Connection, config: Config, folder: Path, now: float) -> None:
    """In quiet minutes, a closed day that the windows of SLOs reach back to, so that the first look
    at an incident need not unpack a month.
    """
    longest_s = max((one.slo.window_s for one in config.watches.values()), default=0.0)
    if longest_s and now // EVERY_S % PREPARES_EVERY == 0:
        first, last = (now - longest_s) // 60, now // 60
        history.warm(c, folder, int(first), int(last), 1)


def begin(c: Connection, now: float) -> None:
    """Start the chain, for a server that starts; harmless where it runs."""
    if not impact.waits(c):
        jobs.enqueue(c, _next(impact.from_here(c, now), now), now)


def go_on(c: Connection, job: Job, now: float) -> None:
    """What follows a job that was given up."""
    jobs.enqueue(c, _next(_followed(job), max(now, job.run_at)), now)


def _next(followed: Followed, after: float) -> NewJob:
    run_at = (after // EVERY_S + 1) * EVERY_S
    payload = {"after": followed.after, "numbers": list(followed.numbers)}
    dedup = f"{impact.KIND}:{int(run_at)}"
    return NewJob(impact.KIND, dedup, payload, run_at, max_attempts=ATTEMPTS)


def _followed(job: Job) -> Followed:
    return Followed(int(job.payload["after"]), tuple(job.payload["numbers"]))


def _affected(row: Row) -> Affected:
    return Affected(row["number"], row["service"], row["slo"], row["started_at"], _ended(row))


def _ended(row: Row) -> float | None:
    """When its harm ended: measured, else as a person said. One that is open again goes on."""
    at: float | None = row["recovered_at"]
    return row["resolved_at"] if at is None and row["open_key"] is None else at


def _before(c: Connection, row: Row) -> list[int]:
    """The changes of its service before its onset, the newest first: some are told late."""
    onset = row["started_at"]
    found = changes.page(
        c, onset - BEFORE_S, onset + AFTER_S, service=row["service"], limit=MOST_BEFORE
    )
    return [one.number for one in found]


def _values(
    row: Row, cost: Impact, now: float, before: Sequence[int], traces: Sequence[str]
) -> Values:
    ended = _ended(row)
    waited = ended is not None and now >= ended + WAITS_S
    over = row["open_key"] is None and (cost.whole or waited)
    stood = {"redundancy": row["impact"].get("redundancy")}
    more = {"changes": list(before), "traces": list(traces), impact.FINAL: over}
    return {
        "budget_burned": cost.budget_burned,
        "bad_events": cost.bad_events,
        "downtime_s": cost.downtime_s,
        "planned_downtime_s": cost.planned_downtime_s,
        "traffic_share": cost.traffic_share,
        "impact": {**cost.found, **stood, **more},
    }


def _write(  # noqa: PLR0917 - what was read, what was found, and when
    c: Connection,
    followed: Followed,
    rows: Sequence[Row],
    found: Mapping[int, Values],
    now: float,
    then: float,
) -> None:
    """Store what is new, say on the timeline what is final, and write the job after `then`."""
    waiting, again = [], []
    for row in rows:
        values = found.get(row["number"])
        if values is None:
            waiting.append(row["number"])
            continue
        stored = impact.columns(row) == impact.columns(values) or impact.write(c, row, values)
        if stored and values["impact"][impact.FINAL]:
            _say(c, row, values, now)
        else:
            again.append(row["number"])
    after = max([followed.after, *(row["number"] for row in rows)])
    jobs.enqueue(c, _next(Followed(after, (*waiting, *again)), then), now)


def _say(c: Connection, row: Row, values: Values, now: float) -> None:
    facts = {name: values[name] for name in impact.COLUMNS if name != "impact"}
    text = f"It cost: {said(values)}"
    entries.append(c, row["number"], now, EventKind.MEASURED, incidents.SELF, text, facts)
