"""Incidents for analytics, written straight into their table: each is told by what matters to a
test, all else is ordinary.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import orjson
from sqlalchemy import insert

from slo.spec import Service
from vigie.store.db import Database
from vigie.store.tables import incident
from vigie.store.tables_people import participant
from vigie.store.visibility import EVERYTHING
from vigie.views import stats as views

MIN, HOUR, DAY = 60.0, 3600.0, 86_400.0
T0 = datetime(2026, 11, 2, tzinfo=UTC).timestamp()  # a Monday
NOW = T0 + 28 * DAY


def add(db: Database, at: float, **more: Any) -> int:
    """One that was opened so many seconds after T0; times in `more` count from T0 too."""
    opened = T0 + at
    row: dict[str, Any] = {
        "key": f"k-{at}",
        "title": f"at {at:g}",
        "type": "slo-burn",
        "service": "shop",
        "slo": "availability",
        "state": "resolved" if more.get("resolved_at") is not None else "triage",
        "severity": 2,
        "urgency": "high",
        "priority": 2,
        "reporter": "vigie",
        "labels": {},
        "detail": "{}",
    }
    times = {name: value for name, value in more.items() if name.endswith("_at")}
    row |= {name: value for name, value in more.items() if name not in times}
    row |= {name: T0 + value for name, value in times.items() if value is not None}
    for name in ("started_at", "detected_at", "reported_at", "opened_at"):
        row.setdefault(name, opened)
    row["started_at"] = min(row["started_at"], row["detected_at"])
    if row.get("acknowledged_at") is not None:
        row.setdefault("acknowledged_by", "ada")
    row["labels"] = orjson.dumps(row["labels"]).decode()
    given = insert(incident).values(**row).returning(incident.c.number)
    return int(db.write(lambda c: c.execute(given).scalar_one()))


def works(
    db: Database, number: int, name: str, since: float, until: float | None, **more: Any
) -> None:
    """Somebody has a role on an incident, in seconds after T0."""
    row = {"incident": number, "name": name, "role": "l2", "given_by": "ada", "since": T0 + since}
    row |= {"until": None if until is None else T0 + until, **more}
    db.write(lambda c: c.execute(insert(participant).values(**row)))


def count(
    db: Database,
    start: float = 0.0,
    end: float = 28 * DAY,
    *,
    now: float = NOW,
    services: Mapping[str, Service] | None = None,
    viewer: Any = EVERYTHING,
    hourly: float | None = None,
    **more: Any,
) -> dict[str, Any]:
    """Figures of what was opened in [start, end), in seconds after T0."""
    asked = views.asked(now, T0 + start, T0 + end, **more)
    told = {"viewer": viewer, "services": services or {}, "hourly": hourly}
    return views.stats(db, asked, now, **told)


def figures(db: Database, **more: Any) -> dict[str, Any]:
    return dict(count(db, **more)["figures"])
