"""What stakeholders are told of an incident: a draft for each audience, and when the next is due.

Pure: rows, times and rules are arguments. Times in Unix seconds.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from incidents.cost import lasted, percent
from incidents.model import OPEN_STATES, IncidentState, IncidentType
from incidents.templates import DEFAULTS, filled
from incidents.types import TypeRules

Row = Mapping[str, Any]

# Where the type of an incident says nothing.
CADENCE: Final[Mapping[int, float]] = MappingProxyType({1: 1_800.0, 2: 3_600.0})
MAX_VALUE: Final = 300  # characters of one value in a draft
_MANY, _MOST = 0.1, 0.5  # of the requests


class Audience(StrEnum):
    """Who is told."""

    INTERNAL = "internal"
    EXECUTIVE = "executive"
    CUSTOMER = "customer"


class Status(StrEnum):
    """Where an incident stands, as people outside read it."""

    INVESTIGATING = "investigating"
    IDENTIFIED = "identified"
    MONITORING = "monitoring"
    RESOLVED = "resolved"


_STATUS: Final[Mapping[IncidentState, Status]] = {
    IncidentState.TRIAGE: Status.INVESTIGATING,
    IncidentState.INVESTIGATING: Status.INVESTIGATING,
    IncidentState.IDENTIFIED: Status.IDENTIFIED,
    IncidentState.MITIGATED: Status.MONITORING,
}


def status_of(row: Row) -> Status:
    """Where it stands; what is measured to be over is watched until a person says that it is."""
    state = IncidentState(row["state"])
    if state in OPEN_STATES and row["recovered_at"] is not None:
        return Status.MONITORING
    return _STATUS.get(state, Status.RESOLVED)


# -- when ---------------------------------------------------------------------------------------


class Told(NamedTuple):
    """One update that was posted; `next_at` is when the next was promised for."""

    audience: str
    sent_at: float
    next_at: float | None = None


class Due(NamedTuple):
    """`passed` is the last moment at which an update was due and none was posted since; `coming`
    the next one; `look_at` when to look again. None: there is none. `audience` is whom the passed
    one was promised to.
    """

    passed: float | None = None
    coming: float | None = None
    look_at: float | None = None
    audience: str | None = None


def cadence(rules: TypeRules, severity: int) -> float | None:
    """How often stakeholders are told, in seconds; None: no rule asks for it."""
    return (rules.updates or CADENCE).get(severity)


def due(row: Row, rules: TypeRules, told: Iterable[Told], *, began_at: float, now: float) -> Due:
    """When updates of an incident are due. `began_at` is when it was opened, the last time: what
    was said and promised before that counts no more. Nothing is due of what is over.

    What was promised to an audience is due until that audience is told again. Beside that the
    cadence of the severity counts from the last update to anybody, or from the time promised in
    it; it rests while the incident is mitigated or measured to be over.
    """
    if row["state"] not in OPEN_STATES:
        return Due()
    since = [one for one in told if one.sent_at >= began_at]
    latest = {one.audience: one for one in since}
    promised = [(one.next_at, name) for name, one in latest.items() if one.next_at is not None]
    moments: list[tuple[float, str | None]] = [*promised]
    slots = _slots(cadence(rules, row["severity"]), since, began_at, now)
    if status_of(row) is not Status.MONITORING:
        moments += [(at, None) for at in slots]
    before = [one for one in moments if one[0] <= now]
    at, audience = max(before, key=lambda one: one[0], default=(None, None))
    after = [one for one, _ in moments if one > now]
    look_at = min((one for one in (*after, *slots) if one > now), default=None)
    return Due(at, min(after, default=None), look_at, audience)


def _slots(every: float | None, since: Sequence[Told], began_at: float, now: float) -> list[float]:
    """The moments of a cadence about now: the one that passed, and those that come."""
    if every is None:
        return []
    last = since[-1] if since else Told("", began_at)
    first = last.next_at if last.next_at is not None else last.sent_at + every
    passed = max(0, int((now - first) // every))
    # One more than two: a division of such numbers may be one too low.
    return [first + n * every for n in range(passed, passed + 3)]


# -- what ---------------------------------------------------------------------------------------


def draft(  # noqa: PLR0917 - the incident, for whom, and what of the files belongs to it
    row: Row,
    audience: Audience,
    rules: TypeRules,
    public_name: str,
    next_at: float | None,
    now: float,
) -> str:
    """An update of an incident for an audience, in Markdown, from the template of its type, else
    ours. `public_name` is the title of its service; empty: it has none that customers know.
    """
    template = rules.templates.get(audience) or DEFAULTS[audience]
    values = _public(row, public_name, next_at, now)
    if audience is not Audience.CUSTOMER:
        values |= _inside(row, public_name)
    return filled(template, {name: _plain(value) for name, value in values.items()}).strip()


def _public(row: Row, public_name: str, next_at: float | None, now: float) -> dict[str, str]:
    status = status_of(row)
    over = status in {Status.MONITORING, Status.RESOLVED}
    ended_at = next((row[n] for n in ("recovered_at", "resolved_at", "closed_at") if row[n]), now)
    length_s = max(60.0, (ended_at if over else now) - row["started_at"])
    return {
        "service": public_name or "Our service",
        "status": status.value.capitalize(),
        "symptoms": _symptoms(row, over=over),
        "progress": _PROGRESS[status],
        "started": clock(row["started_at"]),
        "duration": lasted(length_s // 60 * 60),
        "next_update": _next(status, next_at),
    }


def _next(status: Status, next_at: float | None) -> str:
    if status is Status.RESOLVED:
        return "none, it is over"
    return "when there is news" if next_at is None else clock(next_at)


_PROGRESS: Final[Mapping[Status, str]] = {
    Status.INVESTIGATING: "We are looking for the cause.",
    Status.IDENTIFIED: "We know the cause and are working on a fix.",
    Status.MONITORING: "The effects have ended, and we are watching that it stays so.",
    Status.RESOLVED: "It is over.",
}


def _symptoms(row: Row, *, over: bool) -> str:
    """What a user notices, as far as it was measured; no figure."""
    if row["downtime_s"]:
        return "It was not available." if over else "It is, or at times was, not available."
    share = row["traffic_share"]
    if row["type"] == IncidentType.SLO_BURN or share:
        part = share or 0.0
        what = "Most" if part >= _MOST else "Many" if part >= _MANY else "Some"
        return f"{what} requests {'failed or took' if over else 'fail or take'} too long."
    if row["type"] in set(IncidentType):
        return "No effect is known."
    return "There was a problem." if over else "There is a problem."


def _inside(row: Row, public_name: str) -> dict[str, str]:
    users = row["users_affected"]
    down_s, planned_s = row["downtime_s"], row["planned_downtime_s"]
    planned = f", planned {lasted(planned_s)}" if planned_s else ""
    window = row["impact"].get("window", "")
    return {
        "service": public_name or row["service"] or "service not known",
        "number": str(row["number"]),
        "title": row["title"],
        "severity": f"SEV{row['severity']}",
        "priority": f"P{row['priority']}",
        "state": row["sub_status"] or row["state"],
        "budget": _share(row["budget_burned"], f"of the {window} budget".replace("  ", " ")),
        "failed": _share(row["traffic_share"], "of requests failed"),
        "downtime": "not known" if down_s is None else f"{lasted(down_s)}{planned}",
        "users": "users not known" if users is None else f"{users:,} users affected",
        "doing": _doing(row),
    }


def _share(ratio: float | None, of: str) -> str:
    return "not known" if ratio is None else f"{percent(ratio)} {of}"


def _doing(row: Row) -> str:
    status = status_of(row)
    cause, resolution = row["cause"] or "", row["resolution"] or ""
    if status is Status.RESOLVED:
        return f"It is over: {resolution}" if resolution else "It is over."
    if status is Status.MONITORING:
        return "The effects have ended; it is being watched."
    if status is Status.IDENTIFIED:
        return f"The cause is known{f' ({cause})' if cause else ''} and is being fixed."
    if row["acknowledged_at"] is None:
        return "Nobody has answered yet."
    return f"{row['acknowledged_by']} and others are looking for the cause."


def clock(at: float) -> str:
    """A time to the minute, as it is read in a message."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC")


_MARKUP: Final = re.compile(r"([\\`*\[\]<>~|])")
_MENTION: Final = re.compile(r"@(?=\w)")


def _plain(value: str) -> str:
    """A value that is no markup, calls nobody together and stands on one line."""
    flat = " ".join("".join(ch if ch.isprintable() else " " for ch in value).split())
    short = flat if len(flat) <= MAX_VALUE else f"{flat[: MAX_VALUE - 3]}..."
    return _MENTION.sub("@\u200b", _MARKUP.sub(r"\\\1", short))
