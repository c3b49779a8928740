"""Incidents as every reader sees them: the record, its figures, runbooks, deliveries, timeline."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, Final

from sqlalchemy import Connection

from incidents.cost import notes, said
from incidents.model import TIMES, EventKind
from incidents.targets import Promise, met
from runbooks.match import matching
from runbooks.model import Runbook, Step
from vigie.live import Collected, Live
from vigie.store import deliveries, runs
from vigie.store import incidents as store
from vigie.store import links as stored_links
from vigie.store import reviews as stored_reviews
from vigie.store import tasks as stored_tasks
from vigie.store import timeline as entries
from vigie.store import updates as stored_updates
from vigie.store.db import Database
from vigie.store.order import Order
from vigie.store.visibility import Viewer
from vigie.views import changes, links, people, tasks, updates
from vigie.views.exemplars import since_onset
from vigie.views.reviews import kept as kept_review
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
    "detected_by",
    "description",
    "affected",
    "category",
    "subcategory",
    "cause",
    "resolution",
    "fields",
    "sub_status",
    "users_affected",
    "tier",
    "merged_into",
    "budget_burned",
    "bad_events",
    "traffic_share",
    "acknowledged_by",
    "resolved_by",
    "closed_by",
    "reopened",
    "satisfaction",
)
_STORED: Final = itemgetter(*_AS_STORED)
_DUE: Final = tuple((one, one.due, f"{one.value}_met") for one in Promise)
# What `record` reads: a list needs neither labels nor figures of every incident.
LISTED: Final = (
    *_AS_STORED,
    "severity",
    "priority",
    "priority_reasons",
    "measured_severity",
    "severity_set_at",
    "severity_set_by",
    "severity_set_for",
    *(due for _, due, _ in _DUE),
    *TIMES,
    "confirmed_at",
    "downtime_s",
    "planned_downtime_s",
    "restricted",
)


def incidents(
    db: Database,
    state: str | None = None,
    service: str | None = None,
    cursor: int | None = None,
    limit: int = 50,
    *,
    order: Order | None = None,
    severity: int | None = None,
    viewer: Viewer,
) -> Object:
    """One page of incidents. `state` is `open` or one of the states; `cursor` is the `next` of the
    page before. Without an `order` what is open comes by priority, all else newest first.
    """
    by = order or (Order.PRIORITY if state == "open" else Order.NEWEST)

    def read(c: Connection) -> Sequence[Row]:
        more = limit + 1
        only = {"state": state, "service": service, "severity": severity}
        asked: Row = {**only, "before": cursor}
        return store.page(c, **asked, limit=more, order=by, viewer=viewer, only=LISTED)

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
        **_cost(found.row),
        "labels": dict(found.row["labels"]),
        "people": found.people,
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
    found, kept = db.read(lambda c: (_find(c, number), _kept(c, number)))
    if found is None:
        return None
    shown = zip(_entries(found.timeline), found.timeline, strict=True)
    return {
        "incident": record(found.row),
        "labels": dict(found.row["labels"]),
        "detail": times_shown(found.row["detail"]),
        **_cost(found.row),
        "people": found.people,
        "timeline": [entry | {"canonical": entries.hashed(row)} for entry, row in shown],
        "timeline_head": found.row["timeline_head"],
        "tasks": [tasks.kept(row) for row in kept.tasks],
        "links": links.kept(kept.links, number),
        **({} if kept.review is None else {"review": kept_review(kept.review)}),
        "updates": [updates.shown(row) for row in kept.updates],
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
        **dict(zip(_AS_STORED, _STORED(row), strict=True)),
        "severity": f"SEV{row['severity']}",
        "priority": f"P{row['priority']}",
        "priority_reasons": list(row["priority_reasons"]),
        "severity_measured": _severity(row["measured_severity"]),
        "severity_set_at": when(row["severity_set_at"]),
        "severity_set_by": row["severity_set_by"],
        "severity_set_for": row["severity_set_for"],
        **_promises(row),
        **{name: when(row[name]) for name in TIMES},
        "confirmed_at": when(row["confirmed_at"]),
        "downtime_seconds": row["downtime_s"],
        "planned_downtime_seconds": row["planned_downtime_s"],
        "restricted": bool(row["restricted"]),
        "url": f"/incidents/{row['number']}",
    }


def _cost(row: Row) -> Object:
    """What it cost by now, in words, with what to know about that; and how that was found."""
    impact = times_shown(row["impact"]) | {"until": when(row["impact"].get("until"))}
    return {"cost": said(row), "cost_notes": notes(row), "impact": impact}


def _severity(measured: int | None) -> str | None:
    return None if measured is None else f"SEV{measured}"


def _promises(row: Row) -> Object:
    """Until when it is to be answered and resolved, and whether it was; None: not yet, or never."""
    due = {name: when(row[name]) for _, name, _ in _DUE}
    return due | {kept: met(promise, row) for promise, _, kept in _DUE}


@dataclass(frozen=True, slots=True)
class _Found:
    row: Row
    people: Object
    timeline: Sequence[Row]
    runs: Sequence[Row]
    deliveries: Sequence[Row]


@dataclass(frozen=True, slots=True)
class _Kept:
    """What only the kept record has."""

    tasks: Sequence[Row]
    links: Sequence[Row]
    review: Row | None
    updates: Sequence[Row]


def _find(c: Connection, number: int) -> _Found | None:
    row = store.get(c, number)
    if row is None:
        return None
    told = entries.read(c, number)
    return _Found(
        row=row,
        people=people.of_incident(c, number, told),
        timeline=told,
        runs=runs.of_incident(c, number),
        deliveries=deliveries.of_incident(c, number),
    )


def _kept(c: Connection, number: int) -> _Kept:
    return _Kept(
        tasks=stored_tasks.of_incident(c, number),
        links=stored_links.of_incident(c, number),
        review=stored_reviews.get(c, number),
        updates=stored_updates.of_incident(c, number),
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
