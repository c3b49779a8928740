"""The overview: what is broken now, then every objective, then what Vigie itself complains of."""

from collections.abc import Mapping
from typing import Final

from sqlalchemy import Connection

from vigie.live import Live
from vigie.store import incidents as store
from vigie.store import jobs
from vigie.store.db import Database
from vigie.store.errors import StoreError
from vigie.store.order import Order
from vigie.store.visibility import Viewer
from vigie.views.objectives import slos
from vigie.views.records import record
from vigie.views.reliability import MOST_OPEN, by_service, linked, with_open_incidents
from vigie.views.shape import Object, when

OPEN_SHOWN: Final = 50
_WORST_ALERT: Final = {"firing": 0, "frozen": 1, "ok": 2, None: 3}


def overview(live: Live, db: Database, *, viewer: Viewer) -> Object:
    """Everything on one page. What the database cannot say is None, and a warning says so."""
    try:
        stored, unreadable = db.read(lambda c: _stored(c, live, viewer)), []
    except StoreError as error:
        title = "The database cannot be read: open incidents are not shown"
        stored = {"open": None, "open_total": None, "by_service": None, "jobs": {}}
        stored["linked"] = frozenset()
        unreadable = [_warning("database", title, str(error))]
    shown_slos = sorted(slos(live)["items"], key=_worst_first)
    shown_services = with_open_incidents(live, stored["by_service"], linked=stored["linked"])
    broken = {
        "incidents": stored["open"],
        "incidents_total": stored["open_total"],
        "slos": [s for s in shown_slos if s["alert"] == "firing" or s["no_data"]],
        "services": [s for s in shown_services if s["up"] is False],
    }
    return {
        "at": when(live.status.at) if live.status is not None else None,
        "verdict": _verdict(live, broken),
        "broken": broken,
        "slos": shown_slos,
        "services": shown_services,
        "warnings": unreadable + warnings(live, stored["jobs"]),
    }


def warnings(live: Live, job_counts: Mapping[str, int]) -> list[Object]:
    """What an operator of Vigie has to look at, the worst first."""
    found = []
    if live.ticks_failed:
        text = live.tick_error or "no reason was given"
        title = f"Figures are not recorded: {live.ticks_failed} ticks in a row failed"
        found.append(_warning("tick", title, text))
    if live.reload_error is not None:
        title = "The last reload was refused; the configuration before it stays in force"
        found.append(_warning("reload", title, live.reload_error))
    found += _lost_jobs(job_counts)
    if not any("page" in channel.receives for channel in live.config.channels.values()):
        title = "No channel receives pages: nobody is told when an incident opens"
        text = "Add a Channel with `receives: [page]` to the configuration."
        found.append(_warning("channels", title, text))
    return found + [
        _warning("configuration", problem.message, str(problem.mark))
        for problem in live.config.warnings
    ]


def _stored(c: Connection, live: Live, viewer: Viewer) -> Object:
    rows = store.page(c, state="open", limit=MOST_OPEN, order=Order.PRIORITY, viewer=viewer)
    return {
        "open": [record(row) for row in rows[:OPEN_SHOWN]],
        "open_total": len(rows),
        "by_service": by_service(rows),
        "linked": linked(c, live, viewer),
        "jobs": jobs.counts(c),
    }


def _verdict(live: Live, broken: Object) -> str:
    """In one word: `broken`, `unknown` (Vigie cannot tell) or `ok`."""
    if broken["incidents"] or broken["slos"] or broken["services"]:
        return "broken"
    if live.status is None or broken["incidents"] is None or live.ticks_failed:
        return "unknown"
    return "ok"


def _worst_first(slo: Object) -> tuple[int, float, str]:
    left = slo["budget_remaining"]
    return _WORST_ALERT[slo["alert"]], left if left is not None else 2.0, slo["id"]


def _lost_jobs(job_counts: Mapping[str, int]) -> list[Object]:
    found = []
    if dead := job_counts.get("dead", 0):
        title = f"Jobs that failed for good: {dead}"
        text = "A page, notice or step was given up after all its attempts."
        found.append(_warning("jobs", title, text))
    if waiting := job_counts.get("needs_attention", 0):
        title = f"Jobs that wait for a person: {waiting}"
        text = "They were interrupted half-way and are not safe to repeat."
        found.append(_warning("jobs", title, text))
    return found


def _warning(kind: str, title: str, text: str) -> Object:
    return {"kind": kind, "title": title, "text": text}
