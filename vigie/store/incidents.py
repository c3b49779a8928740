"""Incidents and their timeline: the one place that turns an event into changed rows.

A guard in each UPDATE makes a decision that has become stale (somebody else resolved it meanwhile)
change nothing. One incident per key is open at a time: the database's constraint, not a look-up.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Integer,
    Select,
    and_,
    bindparam,
    case,
    func,
    or_,
    select,
    true,
    update,
)

from incidents.matrix import NO_FILES, Priorities
from incidents.model import (
    Event,
    EventKind,
    IncidentState,
    OpenIncident,
    Severity,
    Signal,
    Urgency,
)
from slo.recovery import OnRecovery
from vigie.store import ranking
from vigie.store import timeline as entries
from vigie.store.order import Order, following, ordered
from vigie.store.rows import Reading, mappings
from vigie.store.sql import insert, plain, to_json
from vigie.store.tables import incident as t
from vigie.store.visibility import Viewer, visible

SELF = "vigie"

append = entries.append  # for those who have an incident at hand
timeline = entries.read


def open_incident(
    c: Connection, signal: Signal, at: float, priorities: Priorities = NO_FILES
) -> int | None:
    """Open an incident and say so on its timeline; its number, or None if one with this key is
    open. `priorities` are the rules that rank it.
    """
    ranked = ranking.first(priorities, signal, at)
    number = add_open(c, {**_first_values(signal, at), **ranked.values})
    if number is None:
        return None
    append(
        c, number, at, EventKind.OPENED, SELF, f"Opened by {SELF}: {signal.title}", _said(signal)
    )
    ranking.watch(c, number, ranked, at)
    return number


def add_open(c: Connection, values: Mapping[str, Any]) -> int | None:
    """Insert the row of an open incident; its number, or None if one with its key is open."""
    key = values["open_key"]
    if c.execute(select(t.c.number).where(t.c.open_key == key)).first() is not None:
        return None  # the constraint below would say so too, but uses up a number
    added = insert(c, t).values(dict(values)).on_conflict_do_nothing(index_elements=["open_key"])
    number = c.execute(added.returning(t.c.number)).scalar()
    return None if number is None else int(number)


def apply(c: Connection, event: Event, priorities: Priorities = NO_FILES) -> int | None:
    """Carry out an event and add it to the timeline; the incident's number.

    None when it no longer applies: the incident is resolved, acknowledged, or open already.
    """
    if event.kind is EventKind.OPENED:
        return open_incident(c, _signal_of(event), event.at, priorities)
    number = _number_of(c, event)
    if number is None or not _carry_out(c, event, number, priorities):
        return None
    if event.kind not in _SILENT:
        data = _said(event.signal) if event.signal is not None else {}
        append(c, number, event.at, event.kind, event.actor, _text(event), data)
    return number


def refresh(  # noqa: PLR0917 - the incident, what is new about it, and what ranks it
    c: Connection,
    number: int,
    severity: Severity,
    detail: Mapping[str, Any],
    at: float,
    priorities: Priorities = NO_FILES,
) -> None:
    """The newest figures of an open incident. Its severity is the worst that was measured, so a
    lower one is not taken over; one that a person set stays.
    """
    row = ranking.held(c, number)
    if row is None or row["open_key"] is None:
        return
    values = _measured(c, row, severity, Urgency(row["urgency"]), at, priorities)
    changed = update(t).where(t.c.number == number)
    c.execute(changed.values(detail=to_json(plain(detail)), **values))


def open_incidents(c: Connection) -> dict[str, OpenIncident]:
    """The open incidents by key, with what `decide` needs of them; by the keys of those that were
    merged into an open one too, as long as nothing is open under such a key itself.
    """
    found = c.execute(select(t).where(_OPEN).order_by(t.c.number))
    opened = {
        row.key: OpenIncident(
            number=row.number,
            key=row.key,
            state=IncidentState(row.state),
            urgency=Urgency(row.urgency),
            severity=Severity(row.measured_severity or row.severity),
            severity_set=row.severity_set_at is not None,
            # Who opened it again says that it is not over, so a person is asked.
            acknowledged=row.acknowledged_at is not None or row.reopened > 0,
            clear_since=row.clear_since,
            recovered_at=row.recovered_at,
        )
        for row in found
    }
    by_number = {one.number: one for one in opened.values()}
    return {key: by_number[into] for key, into in _held(c) if into in by_number} | opened


def get(c: Connection, number: int) -> Mapping[str, Any] | None:
    """One incident's row, its JSON columns read; None if there is none."""
    return next(iter(_ONE.rows(c, number=number)), None)


def page(
    c: Connection,
    *,
    state: str | None = None,
    service: str | None = None,
    severity: int | None = None,
    before: int | None = None,
    limit: int,
    order: Order = Order.NEWEST,
    viewer: Viewer,
    only: Sequence[str] = (),
) -> list[Mapping[str, Any]]:
    """Incidents in one state (`open` is all that are open), of one service and severity, in an
    order; those that come after the one of number `before` in it, as far as the viewer sees them.
    None: no such condition. `only` these columns are read, without it all.
    """
    given: dict[str, Any] = {"limit": limit}
    given |= {} if service is None else {"service": service}
    given |= {} if severity is None else {"severity": severity}
    asked = _Asked(state, frozenset(given), order, viewer, tuple(only))
    if before is None and not viewer.numbers:
        return list(_first(asked).rows(c, **given))
    found = _page(asked)
    if before is not None:
        found = found.where(following(order, before, viewer))
    return list(mappings(c, found.params(**given), *asked.json))


def counts(c: Connection) -> list[Mapping[str, Any]]:
    """How many incidents there are of each `type`, `severity`, `priority` and `open` (a bool), as
    `count`: what is open now, and totals, are sums over these.
    """
    by = (t.c.type, t.c.severity, t.c.priority)
    counted = select(*by, func.count()).group_by(*by)
    # Both are answered from an index: the few that are open, and all in the order of the groups.
    opened = Counter(tuple(row) for row in c.execute(select(*by).where(_OPEN)))
    rows: list[Mapping[str, Any]] = []
    for kind, severity, priority, count in c.execute(counted.order_by(*by)):
        of = {"type": kind, "severity": severity, "priority": priority}
        still = opened[kind, severity, priority]
        split = ((False, count - still), (True, still))
        rows += [{**of, "open": is_open, "count": n} for is_open, n in split if n]
    return rows


def _held(c: Connection) -> list[tuple[str, int]]:
    """The keys of merged incidents, and the open ones that stand for them."""
    into = t.alias("into")
    found = (
        select(t.c.key, into.c.number)
        .join(into, t.c.merged_into == into.c.number)
        .where(t.c.merged_into.is_not(None), into.c.open_key.is_not(None))
        .order_by(t.c.number)
    )
    return [(row.key, row.number) for row in c.execute(found)]


_JSON = ("labels", "detail", "priority_reasons", "affected", "fields", "impact")
_ONE = Reading(select(t).where(t.c.number == bindparam("number")), *_JSON)
_OPEN = t.c.open_key.is_not(None)


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a page is asked for, but for the values of the conditions."""

    state: str | None
    given: frozenset[str]  # the conditions that have one
    order: Order
    viewer: Viewer
    only: tuple[str, ...]

    @property
    def json(self) -> tuple[str, ...]:
        return tuple(name for name in _JSON if not self.only or name in self.only)


@lru_cache(maxsize=128)
def _first(asked: _Asked) -> Reading:
    """The first page, which is what is looked at most; of viewers whose names are few."""
    return Reading(_page(asked), *asked.json)


def _page(asked: _Asked) -> Select[Any]:
    named = [column for column in t.c if not asked.only or column.name in asked.only]
    found = select(*named).where(_in_state(asked.state), visible(asked.viewer))
    for column in (t.c.service, t.c.severity):
        if column.name in asked.given:
            found = found.where(column == bindparam(column.name, type_=column.type))
    limit = bindparam("limit", type_=Integer)
    return found.order_by(*ordered(asked.order)).limit(limit)


_SILENT = frozenset({EventKind.CLEARING, EventKind.UNSETTLED})


def _first_values(signal: Signal, at: float) -> dict[str, Any]:
    return {
        "key": signal.key,
        "open_key": signal.key,
        "title": signal.title,
        "type": signal.type,
        "service": signal.service,
        "slo": signal.slo,
        "state": IncidentState.TRIAGE,
        "measured_severity": int(signal.severity),
        "reporter": SELF,
        "labels": to_json(plain(signal.labels)),
        "detail": to_json(plain(signal.detail)),
        "started_at": min(float(signal.started_at), float(at)),
        "detected_at": float(at),
        "reported_at": float(at),
        "opened_at": float(at),
    }


def _said(signal: Signal) -> dict[str, Any]:
    """What a timeline entry keeps of a signal: the figures as they were at that moment."""
    return {
        "severity": f"SEV{int(signal.severity)}",
        "urgency": signal.urgency.value,
        "detail": dict(signal.detail),
    }


def _number_of(c: Connection, event: Event) -> int | None:
    if event.number is not None:
        return event.number
    return c.execute(select(t.c.number).where(t.c.open_key == event.key)).scalar()


def _carry_out(c: Connection, event: Event, number: int, priorities: Priorities) -> bool:
    """Change the incident's row; False when the event does not apply to it as it stands."""
    if event.kind is EventKind.UPGRADED:
        return _upgrade(c, _signal_of(event), number, event.at, priorities)
    if event.kind in _MOVES:
        move = _MOVES[event.kind](event)
        return _change(c, number, move.guard, **move.values)
    return ranking.held(c, number) is not None  # said about an incident, whatever its state


@dataclass(frozen=True, slots=True)
class _Move:
    """What an event sets on an open incident for which the guard holds."""

    guard: ColumnElement[bool]
    values: dict[str, Any]


def _clearing(event: Event) -> _Move:
    return _Move(t.c.clear_since.is_(None), {"clear_since": event.at})


def _unsettled(_event: Event) -> _Move:
    guard = and_(t.c.clear_since.is_not(None), t.c.recovered_at.is_(None))
    return _Move(guard, {"clear_since": None})


def _relapsed(_event: Event) -> _Move:
    guard = or_(t.c.clear_since.is_not(None), t.c.recovered_at.is_not(None))
    # The states are those of incidents.lifecycle.after, as SQL: one UPDATE both guards and moves.
    state = _moved(IncidentState.MITIGATED, IncidentState.INVESTIGATING)
    # A sub-status and the time belong to the state that it leaves.
    left = {name: _unless(IncidentState.MITIGATED, name) for name in ("sub_status", "mitigated_at")}
    return _Move(guard, {"clear_since": None, "recovered_at": None, "state": state, **left})


def _recovered(event: Event) -> _Move:
    at = _no_earlier(t.c.started_at, event.at)
    return _Move(t.c.recovered_at.is_(None), {"recovered_at": at})


def _acknowledged(event: Event) -> _Move:
    state = _moved(IncidentState.TRIAGE, IncidentState.INVESTIGATING)
    at = _no_earlier(t.c.opened_at, event.at)
    values = {"acknowledged_at": at, "acknowledged_by": event.actor, "state": state}
    values["sub_status"] = _unless(IncidentState.TRIAGE, "sub_status")
    return _Move(t.c.acknowledged_at.is_(None), values)


def _resolved(event: Event) -> _Move:
    at: Any = event.at
    for earlier in (t.c.opened_at, t.c.acknowledged_at, t.c.mitigated_at):
        at = _no_earlier(earlier, at)
    values = {"resolved_at": at, "resolved_by": event.actor, "open_key": None, "sub_status": None}
    # Who acknowledged in the same moment is at work: the machine resolves nothing under them but
    # where a policy says so.
    by_policy = event.signal is not None and event.signal.on_recovery is OnRecovery.RESOLVE
    alone = event.actor == SELF and not by_policy
    unanswered = and_(t.c.acknowledged_at.is_(None), t.c.reopened == 0)
    guard = unanswered if alone else true()
    return _Move(guard, {"state": IncidentState.RESOLVED, **values})


_MOVES: Mapping[EventKind, Callable[[Event], _Move]] = {
    EventKind.CLEARING: _clearing,
    EventKind.UNSETTLED: _unsettled,
    EventKind.RELAPSED: _relapsed,
    EventKind.RECOVERED: _recovered,
    EventKind.ACKNOWLEDGED: _acknowledged,
    EventKind.RESOLVED: _resolved,
}


def _unless(state: IncidentState, column: str) -> Any:
    """A column as it is; none in a state that is left."""
    return case((t.c.state == state, None), else_=t.c[column])


def _no_earlier(column: ColumnElement[float], at: Any) -> Any:
    """A time, or that of the column where a clock was set back: no answer is lost for it."""
    return case((column > at, column), else_=at)


def _moved(before: IncidentState, after: IncidentState) -> Any:
    return case((t.c.state == before, after), else_=t.c.state)


def _change(c: Connection, number: int, guard: ColumnElement[bool], **values: Any) -> bool:
    """Change an open incident for which the guard holds; whether there was one."""
    changed = update(t).where(t.c.number == number, _OPEN, guard).values(**values)
    return c.execute(changed).rowcount == 1


def _upgrade(c: Connection, signal: Signal, number: int, at: float, priorities: Priorities) -> bool:
    """Raise severity or urgency; they only go up here, down is a person's word."""
    row = ranking.held(c, number)
    if row is None or row["open_key"] is None:
        return False
    high = Urgency.HIGH in (Urgency(row["urgency"]), signal.urgency)
    urgency = Urgency.HIGH if high else Urgency.LOW
    if urgency == row["urgency"] and not _is_worse(row, signal.severity):
        return False
    values = _measured(c, row, signal.severity, urgency, at, priorities)
    if signal.key == row["key"]:  # not that of an incident that was merged into this one
        values |= {"title": signal.title, "detail": to_json(plain(signal.detail))}
    return _change(c, number, true(), **values)


def _is_worse(row: Mapping[str, Any], severity: Severity) -> bool:
    """Whether a measured severity is worse than all that were measured before."""
    return severity < int(row["measured_severity"] or row["severity"])


def _measured(  # noqa: PLR0917 - as `refresh`
    c: Connection,
    row: Mapping[str, Any],
    severity: Severity,
    urgency: Urgency,
    at: float,
    priorities: Priorities,
) -> dict[str, Any]:
    """The columns that a measured severity and an urgency change. What a person set stands: then
    the measured one is only kept beside it.
    """
    if urgency == row["urgency"] and not _is_worse(row, severity):
        return {}
    worst = Severity(min(row["measured_severity"] or row["severity"], severity))
    shown = worst if row["severity_set_at"] is None else Severity(row["severity"])
    ranked = ranking.again(priorities, row, shown, urgency, at)
    ranking.watch(c, row["number"], ranked, at)
    return {"measured_severity": int(worst), **ranked.values}


def _signal_of(event: Event) -> Signal:
    if event.signal is None:
        raise ValueError(f"an event of kind `{event.kind}` needs its signal ({event.key})")
    return event.signal


def _text(event: Event) -> str:
    match event.kind:
        case EventKind.ACKNOWLEDGED:
            return _told(f"Acknowledged by {event.actor}", event.text)
        case EventKind.RESOLVED:
            return _told(f"Resolved by {event.actor}", event.text)
        case EventKind.RECOVERED:
            return event.text or "Recovered: measured to be over"
        case EventKind.RELAPSED:
            return event.text or "Burns again"
        case _:
            return event.text


def _told(what: str, reason: str) -> str:
    return f"{what}: {reason}" if reason else what


def _in_state(state: str | None) -> ColumnElement[bool]:
    if state is None:
        return true()
    return _OPEN if state == "open" else t.c.state == state
