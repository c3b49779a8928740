"""Connecting an incident with others, and with what is outside; each is one transaction."""

from typing import Any, Final

from sqlalchemy import Connection

from incidents.links import BETWEEN, MAX_TITLE, MOST, WORDS, LinkKind, Unfit, trace_id, web_address
from incidents.model import EventKind
from vigie.commands.errors import Conflict, Invalid, NotFound
from vigie.commands.record import Incident, find, hold, say, was_done
from vigie.commands.words import MAX_ACTOR, line_of
from vigie.config import Config
from vigie.store import changes, links, problems, runs, timeline
from vigie.store.db import Database
from vigie.store.visibility import Viewer

_LARGEST: Final = 2**53 - 1


def link(
    db: Database,
    config: Config,
    number: int,
    kind: LinkKind,
    *,
    to: str,
    title: str = "",
    viewer: Viewer,
    actor: str,
    now: float,
    key: str | None = None,
) -> Incident:
    """Connect an incident with what `to` names: the number of an incident, a change or a run, a
    trace id, or the URL of a ticket, which needs a `title`. What stands already changes nothing.

    NotFound: there is no such thing that the viewer may see. Invalid. Conflict: too many links.
    """
    who = line_of("name", actor, MAX_ACTOR)
    named = line_of("title", title, MAX_TITLE) if title.strip() else ""

    def work(c: Connection) -> Incident:
        if kind in BETWEEN:
            _hold_both(c, number, _number(to), viewer)
        found = hold(c, number)
        if was_done(c, number, key):
            return found
        row = _row(c, found, kind, to, named, viewer)
        if kind in BETWEEN and links.joined(c, number, row["target"], kind):
            return found
        if links.count(c, row["incident"]) >= MOST:
            raise Conflict(f"incident #{row['incident']} has {MOST} links: it takes no more")
        id_ = links.add(c, row | {"added_at": float(now), "added_by": who})
        if id_ is None:
            return found
        _tell_other(c, number, row | {"id": id_}, EventKind.LINKED, who, now)
        text, data = _said(number, row | {"id": id_}, EventKind.LINKED)
        return say(c, config, number, now, EventKind.LINKED, who, text, data, key=key)

    return db.write(work)


def unlink(
    db: Database,
    config: Config,
    number: int,
    id_: int,
    *,
    actor: str,
    now: float,
    key: str | None = None,
) -> Incident:
    """Take a link away, from either of its ends. Again, nothing changes. NotFound."""
    who = line_of("name", actor, MAX_ACTOR)

    def work(c: Connection) -> Incident:
        row = links.get(c, number, id_)
        if row is None:
            find(c, number)
            raise NotFound(f"incident #{number} has no link {id_}")
        for one in sorted({number, row["incident"], row["target"] if _between(row) else number}):
            hold(c, one)
        row = links.get(c, number, id_)
        assert row is not None, "links are never deleted"
        if was_done(c, number, key) or row["removed_at"] is not None:
            return find(c, number)
        links.end(c, id_, who, now)
        _tell_other(c, number, row, EventKind.UNLINKED, who, now)
        text, data = _said(number, row, EventKind.UNLINKED)
        return say(c, config, number, now, EventKind.UNLINKED, who, text, data, key=key)

    return db.write(work)


def join(  # noqa: PLR0917 - the two ends, and who says so
    c: Connection, number: int, other: int, kind: LinkKind, who: str, now: float
) -> None:
    """Connect two incidents that are held, beside what is said of it: of a merge or a split. What
    stands already stays.
    """
    if links.joined(c, number, other, kind) is None:
        row = _other(number, other, kind)
        links.add(c, row | {"title": "", "added_at": float(now), "added_by": who})


def _hold_both(c: Connection, number: int, other: int, viewer: Viewer) -> None:
    if number == other:
        raise Invalid(f"incident #{number} cannot be linked with itself")
    find(c, number)
    find(c, other, viewer)
    for one in sorted((number, other)):  # in one order, or two who link crosswise would both wait
        hold(c, one)


def _row(  # noqa: PLR0917 - from where, what it leads to, and who looks
    c: Connection, incident: Incident, kind: LinkKind, to: str, title: str, viewer: Viewer
) -> dict[str, Any]:
    number = incident["number"]
    if kind in BETWEEN:
        return {**_other(number, _number(to), kind), "title": title}
    row = {"incident": number, "kind": kind.value, "target": None, "url": "", "title": title}
    match kind:
        case LinkKind.CHANGE:
            change = changes.get(c, _number(to))
            if change is None:
                raise NotFound(f"there is no change {_number(to)}")
            row |= {"ref": str(change.number), "title": title or change.change.title[:MAX_TITLE]}
        case LinkKind.RUN:
            run = runs.get(c, _number(to))
            if run is None or not links.seen(c, {run["incident"]}, viewer):
                raise NotFound(f"there is no run {_number(to)}")
            row |= {"ref": str(run["id"]), "title": title or run["runbook"]}
        case LinkKind.PROBLEM:
            behind = problems.get(c, _number(to))
            if behind is None:
                raise NotFound(f"there is no problem {_number(to)}")
            row |= {"ref": str(behind["number"]), "title": title or behind["title"]}
        case LinkKind.TRACE:
            row["ref"] = _fit("the trace", trace_id, to)
        case _:
            url = _fit("the URL", web_address, to)
            if not title:
                raise Invalid("a ticket needs a title: write what it is called there")
            row |= {"ref": url, "url": url}
    return row


def _other(number: int, other: int, kind: LinkKind) -> dict[str, Any]:
    ends = (number, other)
    if kind is LinkKind.RELATED:  # it has no direction: written one way, it stands once
        ends = (min(ends), max(ends))
    return {
        "incident": ends[0],
        "kind": kind.value,
        "target": ends[1],
        "ref": str(ends[1]),
        "url": "",
    }


def _number(given: str) -> int:
    digits = given.strip().removeprefix("#")
    if not (digits.isascii() and digits.isdecimal() and len(digits) <= 16):
        raise Invalid("what it leads to is no number")
    if not 1 <= int(digits) <= _LARGEST:
        raise Invalid(f"{digits} is no number that is given")
    return int(digits)


def _fit(what: str, read: Any, given: str) -> str:
    try:
        fit: str = read(given)
    except Unfit as unfit:
        raise Invalid(f"{what} {unfit}") from None
    return fit


def _between(row: Any) -> bool:
    return LinkKind(row["kind"]) in BETWEEN


def _tell_other(  # noqa: PLR0917 - the fields of an entry
    c: Connection, number: int, row: Any, kind: EventKind, who: str, now: float
) -> None:
    """The entry on the timeline of the incident at the other end, if one is there."""
    if _between(row):
        other = row["incident"] if row["target"] == number else row["target"]
        text, data = _said(other, row, kind)
        timeline.append(c, other, now, kind, who, text, data)


def _said(number: int, row: Any, kind: EventKind) -> tuple[str, dict[str, Any]]:
    """In words, as seen from one end. Of another incident only its number: who reads along here may
    not be let in there.
    """
    link_kind = LinkKind(row["kind"])
    there, back = WORDS[link_kind]
    data: dict[str, Any] = {"link": row["id"], "kind": link_kind.value}
    if link_kind in BETWEEN:
        other = row["incident"] if row["target"] == number else row["target"]
        what = f"{back if row['target'] == number else there} #{other}"
        data["incident"] = other
    else:
        name = f": {row['title']}" if row["title"] else ""
        what = f"{there} {row['ref']}{name}"
        data |= {"ref": row["ref"], "title": row["title"]}
    verb = "Linked" if kind is EventKind.LINKED else "No longer linked"
    return f"{verb}: {what}", data
