"""Splitting an incident in two: what turns out to be another matter gets a record of its own."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection

from incidents.fields import MAX_TITLE
from incidents.links import LinkKind
from incidents.model import EventKind, IncidentState, Severity, Urgency
from incidents.priority import Facts
from slo.load.yaml import did_you_mean
from vigie.commands.errors import Conflict, Invalid, NotFound
from vigie.commands.links import join
from vigie.commands.record import Incident, find, hold, say, was_done
from vigie.commands.words import MAX_ACTOR, MAX_REASON, line_of, text_of
from vigie.config import Config
from vigie.store import people, reported, timeline
from vigie.store.db import Database
from vigie.store.sql import to_json
from vigie.store.visibility import EVERYTHING, Viewer

MOST_ENTRIES: Final = 200
_COPIED: Final = ("type", "started_at", "restricted", "category", "subcategory", "urgency")


@dataclass(frozen=True, slots=True)
class Part:
    """What becomes an incident of its own. Service and severity are those of the whole where they
    are not said (None); `entries` are the positions of what is of it on the timeline.
    """

    title: str
    service: str | None = None
    severity: Severity | None = None
    entries: tuple[int, ...] = ()


def split(
    db: Database,
    config: Config,
    number: int,
    part: Part,
    *,
    reason: str,
    actor: str,
    now: float,
    key: str | None = None,
    viewer: Viewer = EVERYTHING,
) -> Incident:
    """Open an incident out of another, also one that is over, and link the two; the new incident.
    Entries are named there, and stay where they were written.

    NotFound: no such incident or entry, or what the `key` has made is not there for the `viewer`.
    Invalid. Conflict: it was merged or cancelled.
    """
    who, why = line_of("name", actor, MAX_ACTOR), text_of("reason", reason, MAX_REASON)
    title = line_of("title", part.title, MAX_TITLE)
    _require_service(config, part.service)

    def work(c: Connection) -> Incident:
        whole = hold(c, number)
        if was_done(c, number, key):
            return find(c, _made(c, number, key), viewer)
        if whole["state"] in (IncidentState.MERGED, IncidentState.CANCELLED):
            raise Conflict(f"incident #{number} is {whole['state']}: there is nothing to split")
        entries = _entries(c, number, part.entries)
        new = _open(c, config, whole, part, title=title, who=who, now=now)
        _take_part(c, whole, new, who, now)
        join(c, number, new, LinkKind.RELATED, who, now)
        named = f"; see its entries {', '.join(map(str, entries))}" if entries else ""
        opened = {"severity": f"SEV{find(c, new)['severity']}", "urgency": whole["urgency"]}
        say(c, config, new, now, EventKind.OPENED, who, f"Opened by {who}: {title}", opened)
        data = {"from": number, "entries": entries}
        text = f"Split off #{number}{named}: {why}"
        timeline.append(c, new, now, EventKind.SPLIT, who, text, data)
        said = {"new": new, "entries": entries}
        say(c, config, number, now, EventKind.SPLIT, who, f"Split: #{new}: {why}", said, key=key)
        return find(c, new)

    return db.write(work)


def _require_service(config: Config, name: str | None) -> None:
    if name and name not in config.services:
        hint = did_you_mean(name[:MAX_TITLE], config.services)
        raise Invalid(f"service `{name[:MAX_TITLE]}` is none of the files{hint}")


def _made(c: Connection, number: int, key: str | None) -> int:
    """What an earlier request under this key has made."""
    for entry in timeline.read(c, number):
        if entry["data"].get("idempotency_key") == key and "new" in entry["data"]:
            return int(entry["data"]["new"])
    raise Conflict("the idempotency key was used for something else: choose another")


def _entries(c: Connection, number: int, positions: Sequence[int]) -> list[int]:
    wanted = sorted(set(positions))
    if len(wanted) > MOST_ENTRIES:
        raise Invalid(f"{len(wanted)} entries are named; at most {MOST_ENTRIES} are")
    for position in wanted:
        if timeline.entry(c, number, position) is None:
            raise NotFound(f"incident #{number} has no entry {position} on its timeline")
    return wanted


def _open(
    c: Connection,
    config: Config,
    whole: Incident,
    part: Part,
    *,
    title: str,
    who: str,
    now: float,
) -> int:
    # One key each: a position is given once, and the split is about to be written there.
    key = f"split:{whole['number']}:{whole['timeline_length'] + 1}"
    severity = part.severity or Severity(whole["severity"])
    facts = Facts(severity, Urgency(whole["urgency"]), whole["type"], whole["labels"])
    detected_at = min(max(whole["detected_at"], whole["started_at"]), float(now))
    values: dict[str, Any] = {
        **{name: whole[name] for name in _COPIED},
        "key": key,
        "open_key": key,
        "title": title,
        "service": whole["service"] if part.service is None else part.service,
        "slo": "",
        "state": IncidentState.TRIAGE.value,
        "measured_severity": None,
        "reporter": who,
        "detected_by": "person",
        "labels": to_json(dict(whole["labels"])),
        "detail": to_json({}),
        "started_at": min(whole["started_at"], detected_at),
        "detected_at": detected_at,
        "reported_at": float(now),
        "opened_at": float(now),
    }
    number = reported.add(c, values, facts, now, config.priorities)
    if number is None:
        raise Conflict(f"incident #{whole['number']} was split in this moment: look again")
    return number


def _take_part(c: Connection, whole: Incident, new: int, who: str, now: float) -> None:
    """Of a restricted incident: who was let in there is let in here."""
    if whole["restricted"]:
        for one in people.holders(c, whole["number"]):
            people.begin(c, new, one["name"], one["role"], who, now)
