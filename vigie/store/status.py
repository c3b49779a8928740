"""What status pages show of incidents: which are published, and what customers were told of each.

Nothing of a restricted incident leaves this module, whatever else is said of it.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, RowMapping, select

from incidents.model import IncidentState
from incidents.status_page import Publish, StatusPage
from vigie.store.sql import from_json
from vigie.store.tables import incident as i
from vigie.store.tables_updates import stakeholder_update as u
from vigie.store.visibility import Viewer, visible

MOST: Final = 200  # incidents on one page, the newest
MOST_UPDATES: Final = 1_000
CUSTOMER: Final = "customer"
_ANYBODY: Final = Viewer()  # sees what is not restricted
_GONE: Final = (IncidentState.CANCELLED, IncidentState.MERGED)


@dataclass(frozen=True, slots=True)
class Told:
    """One update as customers got it; the text is Markdown."""

    id: int
    status: str
    text: str
    at: float


@dataclass(frozen=True, slots=True)
class Published:
    """An incident on a page, with no word of its own but what customers were told, oldest first."""

    number: int
    services: frozenset[str]
    severity: int
    type: str
    state: str
    opened_at: float
    recovered_at: float | None
    resolved_at: float | None
    told: tuple[Told, ...]


def published(c: Connection, page: StatusPage, since: float) -> list[Published]:
    """The incidents that a page shows: those that are open, and those of the time from `since` on;
    newest first.
    """
    numbers = _told_of(c, since)
    if page.publish is Publish.AUTO:
        numbers |= _automatic(c, page, since)
    if not numbers:
        return []
    newest = sorted(numbers, reverse=True)
    asked = (i.c.number.in_(newest), visible(_ANYBODY), i.c.state.not_in(_GONE))
    rows = c.execute(select(*_COLUMNS).where(*asked).order_by(i.c.number.desc())).mappings().all()
    fitting = [row for row in rows if _services(row) & page.services][:MOST]
    told = customer(c, [row["number"] for row in fitting])
    shown = [_published(row, told.get(row["number"], ())) for row in fitting]
    return [one for one in shown if one.told or page.publishes(one.severity, one.type)]


def customer(c: Connection, numbers: Iterable[int]) -> Mapping[int, tuple[Told, ...]]:
    """What customers were told of some incidents, oldest first, by number."""
    mine = select(u.c.incident, u.c.id, u.c.status, u.c.text, u.c.sent_at).where(
        u.c.incident.in_(list(numbers)), u.c.audience == CUSTOMER
    )
    newest = c.execute(mine.order_by(u.c.id.desc()).limit(MOST_UPDATES)).all()
    found: dict[int, list[Told]] = defaultdict(list)
    for row in reversed(newest):
        found[row.incident].append(Told(row.id, row.status, row.text, row.sent_at))
    return {number: tuple(told) for number, told in found.items()}


def update_of(c: Connection, update: int) -> tuple[Published, Told] | None:
    """A customer update with its incident; None: there is none, or it is restricted by now."""
    found = select(*_COLUMNS, u.c.id, u.c.status, u.c.text, u.c.sent_at).join(
        u, u.c.incident == i.c.number
    )
    asked = (u.c.id == update, u.c.audience == CUSTOMER, visible(_ANYBODY))
    row = c.execute(found.where(*asked, i.c.state.not_in(_GONE))).mappings().first()
    if row is None:
        return None
    told = Told(row["id"], row["status"], row["text"], row["sent_at"])
    return _published(row, (told,)), told


def _told_of(c: Connection, since: float) -> set[int]:
    """Of which customers were told, and that are open or were told of since."""
    recent = select(u.c.incident).where(u.c.audience == CUSTOMER, u.c.sent_at >= since)
    newest = recent.order_by(u.c.sent_at.desc()).limit(MOST_UPDATES)
    still = (
        select(i.c.number)
        .join(u, u.c.incident == i.c.number)
        .where(i.c.open_key.is_not(None), u.c.audience == CUSTOMER)
        .order_by(i.c.number.desc())
        .limit(MOST_UPDATES)
    )
    return {*c.execute(newest).scalars(), *c.execute(still).scalars()}


def _automatic(c: Connection, page: StatusPage, since: float) -> set[int]:
    fits = [i.c.severity.in_(page.severities), i.c.restricted == 0]
    if page.types:
        fits.append(i.c.type.in_(page.types))
    chosen = select(i.c.number).where(*fits).order_by(i.c.number.desc()).limit(MOST_UPDATES)
    still = chosen.where(i.c.open_key.is_not(None))
    recent = chosen.where(i.c.opened_at >= since)
    return {*c.execute(still).scalars(), *c.execute(recent).scalars()}


_NAMES: Final = (
    *("number", "service", "affected", "severity", "type", "state"),
    *("opened_at", "recovered_at", "resolved_at"),
)
_COLUMNS: Final = [i.c[name] for name in _NAMES]


def _services(row: RowMapping) -> frozenset[str]:
    return frozenset([row["service"], *_names(from_json(row["affected"]))])


def _names(affected: Any) -> list[str]:
    return [str(one) for one in affected] if isinstance(affected, list) else []


def _published(row: RowMapping, told: tuple[Told, ...]) -> Published:
    facts = {name: row[name] for name in ("number", "severity", "type", "state", "opened_at")}
    times = {name: row[name] for name in ("recovered_at", "resolved_at")}
    return Published(services=_services(row), told=told, **facts, **times)
