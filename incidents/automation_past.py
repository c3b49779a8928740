"""What automations would have done: the same matching over timelines as they were recorded. Pure.

What an incident was at an entry is found by its timeline; what no entry tells (its labels, who
reported it) is as it is today.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from incidents import lifecycle
from incidents.automation import (
    HOUR_S,
    Automation,
    Planned,
    Record,
    acted_by,
    planned,
    reasons,
    refusal,
)
from incidents.fields import PREFIX
from incidents.model import EventKind, IncidentState

Rank = Callable[[int, str], int]  # the priority of a severity and an urgency, by today's rules


class Found(NamedTuple):
    """An automation that an entry would have started, and what it would have done. `refused` is
    why it would not have run all the same; `at` is when (Unix seconds), after waiting.
    """

    automation: str
    entry: Record
    at: float
    why: tuple[str, ...]
    actions: tuple[Planned, ...]
    refused: str | None = None


def replay(  # noqa: PLR0917 - one incident, the rules, and what is around them
    automations: Sequence[Automation],
    incident: Record,
    entries: Sequence[Record],
    labels: Mapping[str, str],
    rank: Rank,
    since: float,
    now: float,
) -> Iterator[Found]:
    """What automations would have done on an incident because of its entries since a time, in the
    order in which they would have run. `incident` is its record today, `entries` its timeline.

    Who waits beyond `now` is left out: nobody knows what would be so then. What follows from what
    an automation did in truth is not started by that automation again.
    """
    was = list(_as_it_was(incident, entries, rank))
    found = [
        one
        for automation in automations
        for one in _of_one(automation, entries, was, labels, since, now)
    ]
    ran: list[float] = []
    for one in sorted(found, key=lambda one: (one.at, one.entry["position"])):
        by = acted_by(one.entry["actor"])
        lately = sum(at > one.at - HOUR_S for at in ran)
        no = refusal(one.automation, [by] if by is not None else [], lately)
        if no is None:
            ran.append(one.at)
        yield one._replace(refused=no)


def _of_one(  # noqa: PLR0917 - as `replay`, of one rule
    automation: Automation,
    entries: Sequence[Record],
    was: Sequence[Record],
    labels: Mapping[str, str],
    since: float,
    now: float,
) -> Iterator[Found]:
    for index, (entry, record) in enumerate(zip(entries, was, strict=True)):
        begun = float(entry["recorded_at"])
        if begun < since or entry["kind"] not in automation.events:
            continue
        why, at = reasons(automation, record, entry, labels, begun), begun + automation.for_s
        if why is None or at > now:
            continue
        if automation.for_s:
            later = index
            while later + 1 < len(entries) and float(entries[later + 1]["recorded_at"]) <= at:
                later += 1
            record = was[later]  # noqa: PLW2901 - what it was after the time
            why = reasons(automation, record, entry, labels, at)
        if why is not None:
            actions = tuple(planned(automation, record, entry))
            yield Found(automation.name, entry, at, tuple(why), actions)


def _as_it_was(incident: Record, entries: Sequence[Record], rank: Rank) -> Iterator[Record]:
    """The record of an incident after each entry."""
    record = _first(incident, entries, rank)
    for entry in entries:
        moved = _moved(record, entry)
        if {"severity", "urgency"} & moved.keys():
            merged = {**record, **moved}
            moved["priority"] = rank(int(merged["severity"]), str(merged["urgency"]))
        if "priority" in entry["data"]:
            moved["priority"] = _level(entry["data"]["priority"], record["priority"])
        record = {**record, **moved}
        yield record


def _first(incident: Record, entries: Sequence[Record], rank: Rank) -> dict[str, Any]:
    """What it was before its first entry: what was changed later is what the change says it was."""
    record = {**incident, "state": _S.TRIAGE.value, "sub_status": None, "tier": 1}
    record |= {"acknowledged_by": None}
    fields = dict(incident["fields"])
    seen: set[str] = set()
    for entry in entries:
        for change in entry["data"].get("changes", ()):
            name = str(change["field"])
            if name not in seen:
                seen.add(name)
                _put(record, fields, name, change["old"])
    told = [e["data"]["restricted"] for e in entries if "restricted" in e["data"]]
    if told:
        record["restricted"] = not told[0]
    record["fields"] = fields
    opened: Record = next((e["data"] for e in entries if e["kind"] == EventKind.OPENED), {})
    record["severity"] = _level(opened.get("severity"), incident["severity"])
    record["urgency"] = opened.get("urgency", record["urgency"])
    record["priority"] = rank(int(record["severity"]), str(record["urgency"]))
    return record


def _moved(record: Record, entry: Record) -> dict[str, Any]:
    """What an entry changed."""
    data, kind = entry["data"], EventKind(entry["kind"])
    state = IncidentState(record["state"])
    moved: dict[str, Any] = {"state": _ENDS.get(kind, lifecycle.after(kind, state)).value}
    if kind is EventKind.STATUS_SET:
        moved = {"state": data.get("to", state.value), "sub_status": data.get("sub_status")}
    if kind is EventKind.MERGED and "into" not in data:
        moved = {}  # it took another one in
    if kind is EventKind.ACKNOWLEDGED:
        moved["acknowledged_by"] = entry["actor"]
    if kind is EventKind.ESCALATED:
        moved["tier"] = _level(data.get("to"), record["tier"])
    if "severity" in data:
        moved["severity"] = _level(data["severity"], record["severity"])
    moved |= {name: data[name] for name in ("urgency", "restricted") if name in data}
    fields = dict(record["fields"])
    for change in data.get("changes", ()):
        _put(moved, fields, str(change["field"]), change["new"])
    return {**moved, "fields": fields}


def _put(record: dict[str, Any], fields: dict[str, Any], name: str, value: Any) -> None:
    if name.startswith(PREFIX):
        fields[name.removeprefix(PREFIX)] = value
    else:
        record[name] = value


def _level(word: Any, otherwise: Any) -> int:
    """The number of SEV2, P3 or L1."""
    digits = str(word).lstrip("SEVPL")
    return int(digits) if digits.isascii() and digits.isdecimal() else int(otherwise)


_S: Final = IncidentState
_ENDS: Final = {
    EventKind.CLOSED: _S.CLOSED,
    EventKind.CANCELLED: _S.CANCELLED,
    EventKind.MERGED: _S.MERGED,
    EventKind.REOPENED: _S.INVESTIGATING,
}
