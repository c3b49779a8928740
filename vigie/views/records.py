"""Incidents as every reader sees them: the record, its figures, runbooks, deliveries, timeline."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection

from incidents.model import TIMES, EventKind
from incidents.targets import Promise, met
from runbooks.match import matching
from runbooks.model import Runbook, Step
from vigie.live import Collected, Live
from vigie.store import deliveries, runs
from vigie.store import incidents as store
from vigie.store import timeline as entries
from vigie.store.db import Database
from vigie.store.order import Order
from vigie.views import changes
from vigie.views.exemplars import since_onset
from vigie.views.shape import Object, listing, times_shown, when

Row = Mapping[str, Any]

_AS_STORED: Final = (
    "number",
    "title",
    "type",
    "service",
    "slo",
    "state",
    "urgency",
    "key",
    "reporter",
    "acknowledged_by",
    "resolved_by",
)


def incidents(
    db: Database,
    state: str | None = None,
    service: str | None = None,
    cursor: int | None = None,
    limit: int = 50,
    *,
    order: Order | None = None,
) -> Object:
    """One page of incidents. `state` is `open` or one of the states; `cursor` is the `next` of the
    page before. Without an `order` what is open comes by priority, all else newest first.
    """
    by = order or (Order.PRIORITY if state == "open" else Order.NEWEST)

    def read(c: Connection) -> Sequence[Row]:
        more = limit + 1
        return store.page(c, state=state, service=service, before=cursor, limit=more, order=by)

    rows = db.read(read)
    shown, more = rows[:limit], len(rows) > limit
    return listing([record(row) for row in shown], str(shown[-1]["number"]) if more else None)


def incident(db: Database, live: Live, number: int, collected: Collected) -> Object | None:
    """One incident with everything that a responder needs; None if there is none."""
    found = db.read(lambda c: _find(c, number))
    if found is None:
        return None
    return record(found.row) | {
        "detail": times_shown(found.row["detail"]),
        "labels": dict(found.row["labels"]),
        "runbooks": _runbooks(live, found),
        "changes": changes.before(db, found.row["service"], found.row["started_at"]),
        "exemplars": _exemplars(found.row, collected),
        "deliveries": [_delivery(row) for row in found.deliveries],
        "timeline": _entries(found.timeline),
        "timeline_head": found.row["timeline_head"],
    }


def recorded(db: Database, number: int) -> Object | None:
    """What is kept of one incident, whatever the files say today; None if there is none. Entries
    of the timeline carry the line that was hashed, `canonical`.
    """
    found = db.read(lambda c: _find(c, number))
    if found is None:
        return None
    shown = zip(_entries(found.timeline), found.timeline, strict=True)
    return {
        "incident": record(found.row),
        "labels": dict(found.row["labels"]),
        "detail": times_shown(found.row["detail"]),
        "timeline": [entry | {"canonical": entries.hashed(row)} for entry, row in shown],
        "timeline_head": found.row["timeline_head"],
        "deliveries": [_delivery(row) for row in found.deliveries],
        "runs": [_without(_run(run, ""), "reason") for run in found.runs],
        "changes": changes.before(db, found.row["service"], found.row["started_at"]),
    }


def timeline(db: Database, number: int, after: int = 0) -> Object | None:
    """What happened to one incident, oldest first, after an entry's id; None if there is none."""

    def read(c: Connection) -> Sequence[Row] | None:
        return entries.read(c, number, after) if store.get(c, number) is not None else None

    rows = db.read(read)
    return listing(_entries(rows)) if rows is not None else None


def record(row: Row) -> Object:
    """The record of an incident, as lists show it too."""
    return {
        **{name: row[name] for name in _AS_STORED},
        "severity": f"SEV{row['severity']}",
        "priority": f"P{row['priority']}",
        "priority_reasons": list(row["priority_reasons"]),
        "severity_measured": _severity(row["measured_severity"]),
        "severity_set_at": when(row["severity_set_at"]),
        "severity_set_by": row["severity_set_by"],
        "severity_set_for": row["severity_set_for"],
        **_promises(row),
        **{name: when(row[name]) for name in TIMES},
        "url": f"/incidents/{row['number']}",
    }


def _severity(measured: int | None) -> str | None:
    return None if measured is None else f"SEV{measured}"


def _promises(row: Row) -> Object:
    """Until when it is to be answered and resolved, and whether it was; None: not yet, or never."""
    times: dict[str, float | None] = {name: row[name] for name in TIMES}
    times |= {promise.due: row[promise.due] for promise in Promise}
    due = {promise.due: when(row[promise.due]) for promise in Promise}
    return due | {f"{promise.value}_met": met(promise, times) for promise in Promise}


@dataclass(frozen=True, slots=True)
class _Found:
    row: Row
    timeline: Sequence[Row]
    runs: Sequence[Row]
    deliveries: Sequence[Row]


def _find(c: Connection, number: int) -> _Found | None:
    row = store.get(c, number)
    if row is None:
        return None
    return _Found(
        row=row,
        timeline=entries.read(c, number),
        runs=runs.of_incident(c, number),
        deliveries=deliveries.of_incident(c, number),
    )


def _exemplars(row: Row, collected: Collected) -> list[Object]:
    """Traces of bad events of its SLO while it lasted; none where it is about no SLO."""
    if not row["slo"]:
        return []
    end = row["recovered_at"] if row["recovered_at"] is not None else row["resolved_at"]
    slo = f"{row['service']}/{row['slo']}"
    return since_onset(collected, slo, row["started_at"], end)


def _entries(rows: Sequence[Row]) -> list[Object]:
    """Each with what corrected it later, oldest first."""
    said: dict[int, list[Object]] = {}
    for row in rows:
        if row["kind"] == EventKind.CORRECTED:
            said.setdefault(row["data"]["corrects"], []).append(_correction(row))
    return [{**_entry(row), "corrections": said.get(row["position"], [])} for row in rows]


def _entry(row: Row) -> Object:
    occurred_at = when(row["occurred_at"])
    return {
        "id": row["id"],
        "position": row["position"],
        "at": occurred_at,  # its name before there were two times
        "occurred_at": occurred_at,
        "recorded_at": when(row["recorded_at"]),
        "kind": row["kind"],
        "actor": row["actor"],
        "text": row["text"],
        "data": times_shown(row["data"]),
        "hash": row["hash"],
    }


def _correction(row: Row) -> Object:
    return {
        "position": row["position"],
        "recorded_at": when(row["recorded_at"]),
        "actor": row["actor"],
        "text": row["text"],
        "reason": row["data"]["reason"],
    }


def _delivery(row: Row) -> Object:
    return {
        "at": when(row["at"]),
        "channel": row["channel"],
        "kind": row["kind"],
        "attempt": row["attempt"],
        "outcome": row["outcome"],
        "detail": row["detail"],
        "dedup": row["dedup"],
    }


def _runbooks(live: Live, found: _Found) -> list[Object]:
    """The runbooks that ran, as they were then; after them those that match now."""
    row = found.row
    matches = matching(live.config.runbooks, row["type"], row["service"], row["slo"], row["labels"])
    reasons = {runbook.name: reason for runbook, reason in matches}
    ran = {run["runbook"] for run in found.runs}
    shown = [_run(run, reasons.get(run["runbook"], "")) for run in found.runs]
    return shown + [_runbook(book, why) for book, why in matches if book.name not in ran]


def _runbook(runbook: Runbook, reason: str) -> Object:
    """A runbook that nobody ran on this incident."""
    return {
        "name": runbook.name,
        "title": runbook.title,
        "description": runbook.description,
        "mode": runbook.mode.value,
        "reason": reason,
        "state": None,
        "started_at": None,
        "finished_at": None,
        "steps": [_step(_stated(step), {}) for step in runbook.steps],
    }


def _run(run: Row, reason: str) -> Object:
    snapshot = run["snapshot"]
    return {
        "name": run["runbook"],
        "title": snapshot["title"],
        "description": snapshot["description"],
        "mode": run["mode"],
        "reason": reason,
        "state": run["state"],
        "started_at": when(run["started_at"]),
        "finished_at": when(run["finished_at"]),
        "steps": [_step(step["definition"], step) for step in run["steps"]],
    }


def _without(shown: Object, name: str) -> Object:
    """Without what depends on the files of today."""
    return {key: value for key, value in shown.items() if key != name}


def _stated(step: Step) -> Row:
    return {
        "id": step.id,
        "kind": step.kind.value,
        "title": step.title,
        "text": step.text,
        "url": step.url,
        "read_only": step.read_only,
    }


def _step(step: Row, done: Row) -> Object:
    return {
        **{name: step[name] for name in ("id", "kind", "title", "text", "url", "read_only")},
        "state": done.get("state"),
        "output": done.get("output") or "",
        "error": done.get("error"),
        "started_at": when(done.get("started_at")),
        "finished_at": when(done.get("finished_at")),
    }
