"""Earlier incidents that may be like one: few, by index, of those that a viewer may see."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from sqlalchemy import Connection, Select, select

from incidents.model import IncidentState
from incidents.search import words_of
from incidents.similar import Facts
from vigie.store import changes, search
from vigie.store.tables import incident as t
from vigie.store.tables import run
from vigie.store.visibility import Viewer, visible

_OF_SERVICE: Final = 200  # the newest
_OF_CAUSE: Final = 100
_BY_WORDS: Final = 50
_MOST_WORDS: Final = 24
_COMMON: Final = 2_000  # documents: a word that more of them hold tells none apart
_LONG: Final = 3  # characters of a word that tells something
_ENDED: Final = (IncidentState.CANCELLED, IncidentState.MERGED)
_BEFORE_S, _AFTER_S = 2 * 3600.0, 60.0  # as vigie.views.changes: what may have caused it
_COLUMNS: Final = (
    "number", "key", "title", "description", "type", "service", "slo", "state", "severity",
    "cause", "category", "resolution", "resolved_by", "opened_at", "started_at", "resolved_at",
)  # fmt: skip

Row = Mapping[str, Any]


def words(c: Connection, row: Row) -> frozenset[str]:
    """The words of an incident that few others hold."""
    given = dict.fromkeys(words_of(f"{row['title']} {row['description']}"))
    long = [w for w in given if len(w) >= _LONG and not w.isdecimal()][:_MOST_WORDS]
    return frozenset(word for word in long if not search.is_common(c, word, _COMMON))


def candidates(c: Connection, of: Row, rare: frozenset[str], viewer: Viewer) -> list[Row]:
    """Rows of earlier incidents: of its service, its key and its cause, and with its words."""
    earlier = select(*(t.c[name] for name in _COLUMNS)).where(
        t.c.number < of["number"], t.c.state.not_in(_ENDED), visible(viewer)
    )
    newest = earlier.order_by(t.c.number.desc())
    asked: list[Select[Any]] = [newest.where(t.c.key == of["key"]).limit(_OF_CAUSE)]
    if of["service"]:
        here = earlier.where(t.c.service == of["service"]).order_by(t.c.opened_at.desc())
        asked.append(here.limit(_OF_SERVICE))
    if of["cause"]:
        asked.append(newest.where(t.c.cause == of["cause"]).limit(_OF_CAUSE))
    hits = search.any_of(c, sorted(rare), viewer, limit=_BY_WORDS)
    if hits:
        asked.append(earlier.where(t.c.number.in_([hit.number for hit in hits])))
    found = {row["number"]: dict(row) for one in asked for row in c.execute(one).mappings()}
    return list(found.values())


def facts(c: Connection, row: Row, rare: frozenset[str], *, changed: bool = False) -> Facts:
    """What is compared of a row; with `changed` also what changed before it began."""
    return Facts(
        number=row["number"],
        key=row["key"],
        type=row["type"],
        service=row["service"],
        slo=row["slo"],
        opened_at=row["opened_at"],
        cause=row["cause"],
        category=row["category"],
        words=frozenset(words_of(f"{row['title']} {row['description']}")) & rare,
        changes=_changes(c, row) if changed else frozenset(),
    )


def runbooks(c: Connection, numbers: Iterable[int]) -> dict[int, str]:
    """The runbook that ran last on each of some incidents."""
    found = select(run.c.incident, run.c.runbook).where(run.c.incident.in_(list(numbers)))
    return {row.incident: row.runbook for row in c.execute(found.order_by(run.c.id))}


def _changes(c: Connection, row: Row) -> frozenset[tuple[str, str]]:
    if not row["service"]:
        return frozenset()
    onset = row["started_at"]
    found = changes.page(c, onset - _BEFORE_S, onset + _AFTER_S, service=row["service"], limit=20)
    return frozenset((one.change.kind.value, one.change.source) for one in found)
