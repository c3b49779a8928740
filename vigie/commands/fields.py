"""What people say an incident is: its fields, edited by several at once without losing a word."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection

from incidents import lifecycle
from incidents.fields import (
    PREFIX,
    Around,
    Value,
    current,
    edited,
    severity_by_users,
    shown_time,
)
from incidents.model import EventKind, IncidentState, Severity, Urgency
from vigie.commands import record
from vigie.commands.errors import Conflict, Invalid
from vigie.commands.record import Incident
from vigie.commands.words import MAX_ACTOR, MAX_REASON, line_of, text_of
from vigie.config import Config
from vigie.notify import problems, tasks
from vigie.store import ranking, timeline
from vigie.store.db import Database
from vigie.store.sql import to_json

UNNAMED: Final = "api"  # who acts where nobody says a name: two of them may be two people
MOST_CHANGES: Final = 100
MAX_SHOWN: Final = 120  # characters of a value on one line
MAX_LINES: Final = 20  # of a longer text, on each side of a diff
MAX_LINE: Final = 200
_TIMES: Final = frozenset({"started_at"})
_EMPTY: Final[Mapping[str, Value]] = {"description": "", "affected": []}


class Change(NamedTuple):
    """What somebody set a field to, and when (Unix seconds)."""

    field: str
    new: Value
    actor: str
    at: float
    position: int


class Overtaken(Conflict):
    """Somebody else changed the same fields since the editor looked; `changes` are what they said
    last, `position` where the timeline ends now.
    """

    def __init__(self, number: int, changes: Sequence[Change], position: int) -> None:
        told = "; ".join(
            f"{c.actor} set {c.field} to {_short(c.new)} at {shown_time(c.at)} (entry {c.position})"
            for c in changes
        )
        super().__init__(f"nothing of incident #{number} was changed: since you looked, {told}")
        self.changes = tuple(changes)
        self.position = position


def edit(
    db: Database,
    config: Config,
    number: int,
    changes: Mapping[str, Any],
    *,
    actor: str,
    now: float,
    seen: int | None = None,
    reason: str = "",
    key: str | None = None,
) -> Incident:
    """Set fields of an incident (`title`, `field.ticket`, ...; incidents.fields says which), all of
    them or none. The incident as it is then.

    `seen` is the last position of the timeline that the editor saw: Overtaken when somebody else
    set one of the same fields after it. Without it nothing is compared and the last word holds.
    Sent again under the same `key` it is done once. NotFound; Invalid names every field that cannot
    be kept; Conflict for the urgency of an incident that is over, or that is measured to be high.
    """
    who = line_of("name", actor, MAX_ACTOR)
    why = text_of("reason", reason, MAX_REASON) if reason.strip() else ""
    if not changes or len(changes) > MOST_CHANGES:
        raise Invalid(f"an edit changes 1 to {MOST_CHANGES} fields, not {len(changes)}")

    def work(c: Connection) -> Incident:
        before = record.hold(c, number)
        if record.was_done(c, number, key):
            return before
        entries = timeline.read(c, number)
        wanted = _wanted(config, before, changes, now)
        if seen is not None:
            _refuse_overtaken(before, entries, wanted, seen, who)
        if not wanted:
            return before
        _refuse_urgency(before, entries, wanted)
        return _write(c, config, before, wanted, who=who, why=why, now=now, key=key)

    return db.write(work)


def edited_within(
    c: Connection,
    config: Config,
    before: Incident,
    changes: Mapping[str, Any],
    *,
    who: str,
    now: float,
) -> Incident:
    """The same for an incident that is held, in a transaction that is under way; nothing is said
    where nothing changes.
    """
    wanted = _wanted(config, before, changes, now)
    if not wanted:
        return before
    return _write(c, config, before, wanted, who=who, why="", now=now, key=None)


def changes_since(
    incident: Incident, entries: Sequence[Mapping[str, Any]], seen: int
) -> Iterator[Change]:
    """What was set after a position of the timeline, in order. Whoever writes an entry with
    `changes` in its data (a list of `field`, `old` and `new`) takes part.
    """
    for entry in entries:
        if entry["position"] <= seen:
            continue
        by = (str(entry["actor"]), float(entry["recorded_at"]), int(entry["position"]))
        data = entry["data"]
        for change in data.get("changes", ()):
            yield Change(change["field"], change["new"], *by)
        # What is measured to be worse says so in the title, and may page from then on.
        if entry["kind"] == EventKind.UPGRADED and "detail" in data:
            yield Change("title", incident["title"], *by)
            yield Change("urgency", incident["urgency"], *by)


def _wanted(
    config: Config, before: Incident, changes: Mapping[str, Any], now: float
) -> dict[str, Value]:
    rules = config.types.of(before["type"])
    around = Around(rules, config.types.taxonomy, config.services.keys(), now)
    wanted, problems = edited(before, changes, around)
    if problems:
        raise Invalid(f"nothing was changed: {'; '.join(problems[:MOST_CHANGES])}")
    return wanted


def _refuse_overtaken(
    before: Incident,
    entries: Sequence[Mapping[str, Any]],
    wanted: Mapping[str, Value],
    seen: int,
    who: str,
) -> None:
    last: dict[str, Change] = {}
    for change in changes_since(before, entries, seen):
        if change.field in wanted and (change.actor != who or who == UNNAMED):
            last[change.field] = change
    if last:
        raise Overtaken(before["number"], list(last.values()), before["timeline_length"])


def _refuse_urgency(
    before: Incident, entries: Sequence[Mapping[str, Any]], wanted: Mapping[str, Value]
) -> None:
    number = before["number"]
    if "urgency" not in wanted:
        return
    state = IncidentState(before["state"])
    if not lifecycle.is_open(state):
        raise Conflict(f"incident #{number} is {state.value} already: its urgency stays")
    # The next measurement would only set it again.
    measured = (e["data"] for e in entries if "detail" in e["data"])
    if wanted["urgency"] == Urgency.LOW and any(d.get("urgency") == "high" for d in measured):
        raise Conflict(
            f"incident #{number} is measured to be urgent: set another severity, or resolve it"
        )


def _write(
    c: Connection,
    config: Config,
    before: Incident,
    wanted: Mapping[str, Value],
    *,
    who: str,
    why: str,
    now: float,
    key: str | None,
) -> Incident:
    number = before["number"]
    fields = {n.removeprefix(PREFIX): v for n, v in wanted.items() if n.startswith(PREFIX)}
    values: dict[str, Any] = {
        name: _EMPTY.get(name) if value is None else value
        for name, value in wanted.items()
        if not name.startswith(PREFIX)
    }
    if fields:
        kept = {**before["fields"], **fields}
        values["fields"] = to_json({name: v for name, v in kept.items() if v is not None})
    if "affected" in values:
        values["affected"] = to_json(values["affected"])
    values.update(_ranked(c, config, before, wanted, now))
    record.change(c, number, **values)
    told = [
        (name, _told(name, current(before, name)), _told(name, value))
        for name, value in wanted.items()
    ]
    text = "\n".join(_diff(*one) for one in told)
    listed = [dict(zip(("field", "old", "new"), one, strict=True)) for one in told]
    said = {"changes": listed, **({"reason": why} if why else {})}
    words = f"{text}\nReason: {why}" if why else text
    after = record.say(c, config, number, now, EventKind.FIELD_SET, who, words, said, key=key)
    if wanted.get("cause"):
        tasks.recurred(c, config, after, now)
        problems.recurred(c, after, now)
    return _say_worse(c, config, before, after, who=who, now=now)


def _ranked(
    c: Connection, config: Config, before: Incident, wanted: Mapping[str, Value], now: float
) -> Mapping[str, Any]:
    """The columns that follow from another urgency, and from so many users: they raise the severity
    as a measurement does, beside one that a person set. What is over keeps its own.
    """
    if not lifecycle.is_open(IncidentState(before["state"])):
        return {}
    rules = config.types.of(before["type"])
    users = wanted.get("users_affected")
    meant = severity_by_users(rules, users) if isinstance(users, int) else None
    worst = before["measured_severity"] or before["severity"]
    worse = meant is not None and meant < worst
    if not worse and "urgency" not in wanted:
        return {}
    measured = {"measured_severity": meant} if worse else {}
    shown = before["severity"]
    if meant is not None and worse and before["severity_set_at"] is None:
        shown = meant
    urgency = Urgency(str(wanted.get("urgency") or before["urgency"]))
    ranked = ranking.again(config.priorities, before, Severity(shown), urgency, now)
    ranking.watch(c, before["number"], ranked, now)
    return {**measured, **ranked.values}


def _say_worse(
    c: Connection, config: Config, before: Incident, after: Incident, *, who: str, now: float
) -> Incident:
    """An entry of its own, of which others are told, where it is worse than it was: it pages from
    now on, or more users are hit than its severity stood for.
    """
    reasons = []
    if before["urgency"] == Urgency.LOW and after["urgency"] == Urgency.HIGH:
        reasons.append("from now on it pages")
    worse, worst = after["measured_severity"], before["measured_severity"] or before["severity"]
    if worse is not None and worse < worst:
        moved = f"SEV{worst} -> SEV{worse}"
        stands = f"measured {moved}, set by a person" if before["severity_set_at"] else moved
        reasons.append(f"{stands}: {after['users_affected']:,} users are affected")
    if not reasons:
        return after
    text = f"{', '.join(reasons)} (P{before['priority']} -> P{after['priority']})"
    data = {"severity": f"SEV{after['severity']}", "urgency": after["urgency"]}
    return record.say(c, config, after["number"], now, EventKind.UPGRADED, who, text, data)


# -- words --------------------------------------------------------------------------------------


def _told(name: str, value: Value) -> Value:
    """A value as the timeline keeps it."""
    if name in _TIMES and isinstance(value, int | float):
        return shown_time(float(value))
    return value


def _diff(field: str, old: Value, new: Value) -> str:
    """One line, or the lines of a longer text that differ, bounded on each side."""
    if not (_is_long(old) or _is_long(new)):
        return f"{field}: {_short(old)} -> {_short(new)}"
    before, after = str(old or "").split("\n"), str(new or "").split("\n")
    while before and after and before[0] == after[0]:
        before, after = before[1:], after[1:]
    while before and after and before[-1] == after[-1]:
        before, after = before[:-1], after[:-1]
    return "\n".join((f"{field}:", *_side("-", before), *_side("+", after)))


def _side(sign: str, lines: Sequence[str]) -> Iterator[str]:
    for line in lines[:MAX_LINES]:
        yield f"{sign} {line[:MAX_LINE]}{'...' if len(line) > MAX_LINE else ''}"
    if len(lines) > MAX_LINES:
        yield f"{sign} ... and {len(lines) - MAX_LINES} more lines"


def _is_long(value: Value) -> bool:
    return isinstance(value, str) and (len(value) > MAX_SHOWN or "\n" in value)


def _short(value: Value) -> str:
    if value is None or value == []:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    said = ", ".join(value) if isinstance(value, list) else str(value)
    flat = " ".join(said.split())
    return f"`{flat[:MAX_SHOWN]}...`" if len(flat) > MAX_SHOWN else f"`{flat}`"
