"""What people do with problems; each is one transaction."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection

from incidents.links import MAX_TITLE, LinkKind, Unfit, web_address
from incidents.problems import FROM, ProblemEvent, ProblemState
from vigie.commands import links
from vigie.commands.errors import Conflict, Invalid, NotFound
from vigie.commands.record import find
from vigie.commands.words import MAX_ACTOR, MAX_REASON, line_of, text_of
from vigie.config import Config
from vigie.store import changes, problems
from vigie.store.db import Database
from vigie.store.visibility import Viewer

MAX_TEXT: Final = 10_000
_LINES: Final = {"title": MAX_TITLE, "service": 200, "cause": 200, "owner": MAX_ACTOR}
_TEXTS: Final = ("description", "workaround", "root_cause")
_CLEARED: Final = dict.fromkeys(("service", *_TEXTS), "") | dict.fromkeys(("cause", "owner"))

Problem = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Fix:
    """What solves a problem for good; `url` and `change` (its number) say where that is."""

    text: str
    url: str = ""
    change: int | None = None


def open_problem(
    db: Database,
    config: Config,
    said: Mapping[str, str],
    *,
    actor: str,
    now: float,
    key: str | None = None,
) -> Problem:
    """A new problem: `title`, and any of `description`, `service`, `cause`, `owner`, `workaround`,
    `root_cause`. Under the same key of the same person it is opened once. Invalid.
    """
    who = line_of("name", actor, MAX_ACTOR)
    values = _values(config, {"title": "", **said})

    def work(c: Connection) -> Problem:
        before = problems.written(c, who, key)
        if before is not None:
            return _get(c, before)
        number = problems.add(c, {**values, "created_by": who}, now)
        problems.say(c, number, now, ProblemEvent.OPENED, who, f"Opened by {who}", key)
        return _get(c, number)

    return db.write(work)


def edit(
    db: Database,
    config: Config,
    number: int,
    said: Mapping[str, str],
    *,
    seen: int | None = None,
    actor: str,
    now: float,
    key: str | None = None,
) -> Problem:
    """Set some of the fields. With `seen`, the version that the editor saw: Conflict when it has
    changed since. NotFound; Invalid.
    """
    values = _values(config, said)

    def change(c: Connection, row: Problem, _who: str) -> tuple[Mapping[str, Any], str] | None:
        if seen is not None and seen != row["version"]:
            last = problems.events(c, number)[-1]
            raise Conflict(
                f"problem {number} was changed since by {last['actor']}: {last['text']}; look again"
            )
        changed = {name: value for name, value in values.items() if row[name] != value}
        if row["state"] == ProblemState.KNOWN_ERROR and changed.get("workaround") == "":
            raise Invalid("a known error has a workaround: write another one")
        words = ", ".join(name.replace("_", " ") for name in changed)
        return (changed, f"Changed: {words}") if changed else None

    return _do(db, number, ProblemEvent.CHANGED, change, actor=actor, now=now, key=key)


def known_error(
    db: Database, number: int, workaround: str, *, actor: str, now: float, key: str | None = None
) -> Problem:
    """Say how to live with it; incidents of its service and cause are shown that first."""
    words = text_of("workaround", workaround, MAX_TEXT)

    def change(_c: Connection, row: Problem, _who: str) -> tuple[Mapping[str, Any], str]:
        _require(row, ProblemState.KNOWN_ERROR)
        values = {"state": ProblemState.KNOWN_ERROR, "workaround": words}
        return values, f"Workaround: {words}"

    return _do(db, number, ProblemEvent.KNOWN_ERROR, change, actor=actor, now=now, key=key)


def fix(
    db: Database, number: int, fixed: Fix, *, actor: str, now: float, key: str | None = None
) -> Problem:
    """Say that it is solved for good. It is opened again when its cause recurs after this."""
    words = text_of("fix", fixed.text, MAX_TEXT)
    url = _address(fixed.url)

    def change(c: Connection, row: Problem, who: str) -> tuple[Mapping[str, Any], str]:
        _require(row, ProblemState.FIXED)
        if fixed.change is not None and changes.get(c, fixed.change) is None:
            raise NotFound(f"there is no change {fixed.change}")
        of = {"fix": words, "fix_url": url, "fix_change": fixed.change}
        when = {"fixed_at": float(now), "fixed_by": who}
        return {"state": ProblemState.FIXED, **of, **when}, f"Fixed: {words}"

    return _do(db, number, ProblemEvent.FIXED, change, actor=actor, now=now, key=key)


def close(
    db: Database, number: int, reason: str, *, actor: str, now: float, key: str | None = None
) -> Problem:
    """End it: the fix holds, or nothing will be done about it."""
    why = text_of("reason", reason, MAX_REASON)

    def change(_c: Connection, row: Problem, who: str) -> tuple[Mapping[str, Any], str]:
        _require(row, ProblemState.CLOSED)
        ended = {"closed_at": float(now), "closed_by": who, "closed_for": why}
        return {"state": ProblemState.CLOSED, **ended}, f"Closed: {why}"

    return _do(db, number, ProblemEvent.CLOSED, change, actor=actor, now=now, key=key)


def link_incident(
    db: Database,
    config: Config,
    number: int,
    incident: int,
    *,
    viewer: Viewer,
    actor: str,
    now: float,
    key: str | None = None,
) -> None:
    """Say that it is behind an incident that the viewer may see. NotFound."""
    db.read(lambda c: find(c, incident, viewer))
    kind = LinkKind.PROBLEM
    links.link(
        db, config, incident, kind, to=str(number), viewer=viewer, actor=actor, now=now, key=key
    )


Change = Callable[[Connection, Problem, str], tuple[Mapping[str, Any], str] | None]


def _do(
    db: Database,
    number: int,
    kind: ProblemEvent,
    change: Change,
    *,
    actor: str,
    now: float,
    key: str | None,
) -> Problem:
    who = line_of("name", actor, MAX_ACTOR)

    def work(c: Connection) -> Problem:
        row = problems.hold(c, number)
        if row is None:
            raise NotFound(f"there is no problem {number}")
        if problems.written(c, who, key) is not None:
            return row
        done = change(c, row, who)
        if done is None:
            return row
        values, text = done
        after = problems.change(c, row, now, **values)
        problems.say(c, number, now, kind, who, text, key)
        return after

    return db.write(work)


def _get(c: Connection, number: int) -> Problem:
    found = problems.get(c, number)
    assert found is not None, "problems are never removed"
    return found


def _require(row: Problem, to: ProblemState) -> None:
    state = ProblemState(row["state"])
    if state not in FROM[to]:
        shown = state.value.replace("_", " ")
        raise Conflict(f"problem {row['number']} is {shown} already")


def _values(config: Config, said: Mapping[str, str]) -> dict[str, Any]:
    """Fields as they are kept. Empty takes away what was there, but never a title."""
    values: dict[str, Any] = {}
    for name, given in said.items():
        what = name.replace("_", " ")
        if name not in _LINES and name not in _TEXTS:
            raise Invalid(f"a problem has no field `{name[:60]}`")
        if name != "title" and not given.strip():
            values[name] = _CLEARED[name]
        elif name in _LINES:
            values[name] = line_of(what, given, _LINES[name])
        else:
            values[name] = text_of(what, given, MAX_TEXT)
    service, causes = values.get("service"), config.types.taxonomy.causes
    if service and service not in config.services:
        raise Invalid(f"service `{service}` is none of the files; leave it empty if it is of none")
    if causes and values.get("cause") and values["cause"] not in causes:
        raise Invalid(f"cause `{values['cause']}` is none of the taxonomy: {', '.join(causes)}")
    return values


def _address(url: str) -> str:
    if not url.strip():
        return ""
    try:
        return web_address(url)
    except Unfit as unfit:
        raise Invalid(f"the URL of the fix {unfit}") from None
