"""What people report: an incident with as much as they know of it, in one transaction."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Final

from sqlalchemy import Connection

from incidents.fields import (
    MAX_WORD,
    PREFIX,
    Around,
    Value,
    edited,
    line,
    moment,
    severity_by_users,
    shown_time,
)
from incidents.fields import Refused as Unkept
from incidents.model import EventKind, IncidentState, Severity, Urgency
from incidents.priority import Facts
from incidents.types import SELF_OPENED, TypeRules
from slo.load.yaml import did_you_mean
from vigie.commands import record
from vigie.commands.errors import Invalid, TooMany
from vigie.commands.record import Incident
from vigie.commands.words import MAX_ACTOR, line_of
from vigie.config import Config
from vigie.notify import tasks
from vigie.store import reported, users
from vigie.store.db import Database
from vigie.store.sql import plain, to_json
from vigie.store.visibility import EVERYTHING, Viewer

TYPE: Final = "report"  # of what people open, where they say no other
MAX_LABELS: Final = 32
MAX_LABEL: Final = 200  # characters of a label's value
SKEW_S: Final = 5.0  # by which a clock elsewhere may be ahead
OLDEST_S: Final = 366 * 86_400.0  # a year that was mistyped would spoil every mean
HOUR_S: Final = 3_600.0


@dataclass(frozen=True, slots=True)
class Report:
    """What somebody says. Empty and None: not said. Times are RFC 3339 (without an offset UTC) or
    Unix seconds; `requester` is for whom it is reported, `fields` are the custom ones of its type.
    """

    title: str
    description: str = ""
    service: str = ""
    affected: tuple[str, ...] = ()
    type: str = TYPE
    category: str | None = None
    subcategory: str | None = None
    severity: Severity | None = None
    urgency: Urgency | None = None
    users_affected: int | str | None = None
    started_at: str | float | None = None
    reported_at: str | float | None = None
    requester: str = ""
    fields: Mapping[str, Any] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    restricted: bool = False


def report(
    db: Database,
    config: Config,
    said: Report,
    *,
    actor: str,
    now: float,
    key: str | None = None,
    most_per_hour: int | None = None,
    viewer: Viewer = EVERYTHING,
) -> Incident:
    """Open an incident; the incident as it is then. Said again by the same person under the same
    `key` it is opened once, also when it is over by then.

    NotFound when that one is restricted by then, and not there for the `viewer`. Invalid, with
    every problem in one line; TooMany when its requester has `most_per_hour` of the last hour
    already.
    """
    who = line_of("name", actor, MAX_ACTOR)
    checked = _checked(config, said, who, now)
    known_as = key_of(who, key or uuid.uuid4().hex)

    def work(c: Connection) -> Incident:
        before = reported.by_key(c, person_of(who), known_as)
        if before is not None:
            return record.find(c, before, viewer)
        if most_per_hour is not None:
            _bound(c, person_of(who), most_per_hour, now)
        return _open(c, config, checked, who, known_as, now)

    return db.write(work)


def person_of(actor: str) -> str:
    """Whose name it is that an actor acts under: `ada` of `ada/laptop` and of `ada (by ci)`."""
    name = actor.partition(" (by ")[0]
    return name if name.startswith("token/") or "@" in name else name.partition("/")[0]


def key_of(actor: str, key: str) -> str:
    """What an incident is known by that a person reported under an idempotency key."""
    said = f"{person_of(actor)}\0{key}".encode("utf-8", "surrogatepass")
    return f"{TYPE}:{sha256(said).hexdigest()[:32]}"


@dataclass(frozen=True, slots=True)
class _Checked:
    """A report that can be kept."""

    title: str
    values: Mapping[str, Any]
    facts: Facts
    people: tuple[str, ...]


def _checked(config: Config, said: Report, who: str, now: float) -> _Checked:
    problems: list[str] = []
    rules = _rules(config, said.type, problems)
    _require_service(config, said.service, problems)
    reported_at = _reported_at(said, now, problems)
    blank = _blank(said.service, reported_at)
    around = Around(rules, config.types.taxonomy, frozenset(config.services), now)
    kept, wrong = edited(blank, _given(said, now), around)
    requester = _requester(said.requester, problems)
    labels = _labels(said.labels, problems)
    problems += wrong
    began = kept.get("started_at")
    started_at = began if isinstance(began, float) else reported_at
    if now - started_at > OLDEST_S:
        problems.append("started_at is over a year ago: is the year right?")
    if problems:
        raise Invalid("; ".join(problems))
    severity = _severity(said, rules, kept)
    urgency = said.urgency or Urgency(rules.urgency)
    values = {
        **_values(said, kept, labels),
        "restricted": int(said.restricted or rules.restricted),
        "reporter": who,
        "started_at": started_at,
        "detected_at": reported_at,
        "reported_at": reported_at,
        "opened_at": float(now),
    }
    people = tuple(dict.fromkeys((requester or person_of(who), person_of(who))))
    return _Checked(str(kept["title"]), values, Facts(severity, urgency, said.type, labels), people)


def _values(said: Report, kept: Mapping[str, Value], labels: Mapping[str, str]) -> dict[str, Any]:
    fields = {n.removeprefix(PREFIX): v for n, v in kept.items() if n.startswith(PREFIX)}
    return {
        "title": kept["title"],
        "type": said.type,
        "service": said.service,
        "slo": "",
        "state": IncidentState.TRIAGE,
        "measured_severity": None,
        "detected_by": "person",
        "description": kept.get("description") or "",
        "affected": to_json(kept.get("affected") or []),
        "category": kept.get("category"),
        "subcategory": kept.get("subcategory"),
        "users_affected": kept.get("users_affected"),
        "fields": to_json(fields),
        "labels": to_json(plain(labels)),
        "detail": to_json({}),
    }


def _rules(config: Config, name: str, problems: list[str]) -> TypeRules:
    types = config.types
    if name in SELF_OPENED:
        problems.append(f"type `{name}` is of incidents that Vigie opens by itself")
    elif name != TYPE and name not in types.rules:
        hint = did_you_mean(name[:MAX_WORD], [TYPE, *types.rules])
        problems.append(f"type {_told(name)} is no IncidentType of the files{hint}")
    return types.of(name)


def _require_service(config: Config, name: str, problems: list[str]) -> None:
    if name and name not in config.services:
        hint = did_you_mean(name[:MAX_WORD], config.services)
        what = hint or "; leave it empty if it is not known"
        problems.append(f"service {_told(name)} is none of the files{what}")


def _reported_at(said: Report, now: float, problems: list[str]) -> float:
    if said.reported_at is None or said.reported_at == "":
        return float(now)
    try:
        at = said.reported_at
        seconds = moment(at) if isinstance(at, str) else float(at)
    except Unkept as refused:
        problems.append(f"reported_at {refused}")
        return float(now)
    if seconds > now + SKEW_S:
        problems.append("reported_at is in the future")
    elif now - seconds > OLDEST_S:
        problems.append("reported_at is over a year ago: is the year right?")
    return min(seconds, float(now))


def _blank(service: str, reported_at: float) -> dict[str, Any]:
    """The record of an incident of which nothing is known yet."""
    nothing = dict.fromkeys(
        ("category", "subcategory", "cause", "users_affected", "mitigated_at", "recovered_at")
    )
    times = {"started_at": -1.0, "detected_at": reported_at}
    words = {"title": "", "description": "", "urgency": ""}
    return {**nothing, **words, **times, "service": service, "affected": [], "fields": {}}


def _given(said: Report, now: float) -> dict[str, Any]:
    given: dict[str, Any] = {
        "title": said.title,
        "description": said.description,
        "category": said.category,
        "subcategory": said.subcategory,
        "affected": list(said.affected) or None,
        "users_affected": said.users_affected,
    }
    at = said.started_at
    if at is not None and at != "":
        given["started_at"] = _not_ahead(at, now)
    return given | {f"{PREFIX}{name}": value for name, value in said.fields.items()}


def _not_ahead(at: str | float, now: float) -> str:
    """A time as text; one that is ahead by what clocks differ is now."""
    try:
        seconds = moment(at) if isinstance(at, str) else float(at)
        return shown_time(now) if now < seconds <= now + SKEW_S else shown_time(seconds)
    except (Unkept, ValueError, OverflowError, OSError):
        return str(at)  # `edited` says what is wrong with it


def _requester(name: str, problems: list[str]) -> str:
    try:
        return line(name, MAX_ACTOR)
    except Unkept as refused:
        problems.append(f"requester {refused}")
        return ""


def _labels(given: Mapping[str, str], problems: list[str]) -> dict[str, str]:
    if len(given) > MAX_LABELS:
        problems.append(f"labels has {len(given)} entries; at most {MAX_LABELS} are kept")
        return {}
    kept = {}
    for name, value in given.items():
        try:
            kept[line(name, MAX_WORD)] = line(value, MAX_LABEL)
        except Unkept as refused:
            problems.append(f"label {_told(name)} {refused}")
    if "" in kept:
        problems.append("a label has no name")
    return kept


def _severity(said: Report, rules: TypeRules, kept: Mapping[str, Value]) -> Severity:
    """A person's word, else what the number of users means, else the type's."""
    if said.severity is not None:
        return said.severity
    users = kept.get("users_affected")
    meant = severity_by_users(rules, users if isinstance(users, int) else None)
    return Severity(meant or rules.severity)


def _bound(c: Connection, person: str, most: int, now: float) -> None:
    if reported.count_since(c, person, now - HOUR_S) >= most:
        raise TooMany(f"{person} reported {most} incidents in the last hour; try again later")


def _open(  # noqa: PLR0917 - what is checked, and who says it when
    c: Connection, config: Config, checked: _Checked, who: str, known_as: str, now: float
) -> Incident:
    values = {**checked.values, "key": known_as, "open_key": known_as}
    people = _people(c, checked)
    number = reported.add(c, values, checked.facts, now, config.priorities)
    if number is None:  # said twice at once: the other was first
        found = reported.by_key(c, person_of(who), known_as)
        assert found is not None, "it holds the key"
        return record.find(c, found)
    reported.take_part(c, number, people, who, now)
    text = f"Reported by {who}: {checked.title}"
    facts = checked.facts
    data = {
        "severity": facts.severity.name,
        "urgency": facts.urgency.value,
        "requester": people[0],
    }
    after = record.say(c, config, number, now, EventKind.OPENED, who, text, data)
    tasks.opened(c, config, after, now)
    return record.find(c, number)


def _people(c: Connection, checked: _Checked) -> tuple[str, ...]:
    """For whom it is reported and by whom, users by their own spelling. Invalid: it is restricted,
    and none of them could ever see it.
    """
    known = {name: users.get(c, name) or users.get(c, name.lower()) for name in checked.people}
    if checked.values["restricted"] and not any(known.values()) and users.any_exist(c):
        raise Invalid("nobody would see it, restricted: name a requester who is a user")
    named = (user.name if user is not None else name for name, user in known.items())
    return tuple(dict.fromkeys(named))


def _told(word: str) -> str:
    shown = "".join(letter if letter.isprintable() else "?" for letter in word[:60])
    return f"`{shown}...`" if len(word) > 60 else f"`{shown}`"
