"""Merging an incident into another, taking it out again, and splitting one in two.

A merged incident is over, but what it was about goes on in the other: `incidents.open_incidents`
gives that one under both keys, so its signal opens nothing new while the other is open.
"""

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import Connection, select

from incidents import lifecycle
from incidents.fields import MAX_AFFECTED
from incidents.links import LinkKind
from incidents.model import EventKind, IncidentState
from incidents.targets import Promise, timers
from vigie.commands.errors import Conflict, Invalid
from vigie.commands.links import join
from vigie.commands.record import Incident, change, find, hold, say, was_done
from vigie.commands.words import MAX_ACTOR, MAX_REASON, line_of, text_of
from vigie.config import Config
from vigie.notify.message import rfc3339 as when
from vigie.store import links, ranking, timeline
from vigie.store.db import Database
from vigie.store.ranking import Ranked
from vigie.store.sql import to_json
from vigie.store.tables import incident as t
from vigie.store.visibility import Viewer

_TIMES: Final = ("started_at", "detected_at", "reported_at")


def merge(
    db: Database,
    config: Config,
    number: int,
    into: int,
    *,
    viewer: Viewer,
    reason: str,
    actor: str,
    now: float,
    key: str | None = None,
    duplicate: bool = False,
) -> Incident:
    """End an incident because another one is about the same; the merged incident as it is then. The
    other gets its services and the earliest of its times; a `duplicate` is linked as one too.

    NotFound, Invalid. Conflict: one of the two is over, or restricted while the other is not.
    """
    who, why = line_of("name", actor, MAX_ACTOR), text_of("reason", reason, MAX_REASON)
    if number == into:
        raise Invalid(f"incident #{number} cannot be merged into itself")

    def work(c: Connection) -> Incident:
        find(c, number)
        find(c, into, viewer)
        for one in sorted((number, into)):  # in one order, or two who merge crosswise would wait
            hold(c, one)
        row, target = find(c, number), find(c, into)
        if was_done(c, number, key):
            return row
        _require_mergeable(row, target)
        moved = _take_in(c, row, target)
        links.rehang(c, number, into)
        if duplicate:
            join(c, number, into, LinkKind.DUPLICATE_OF, who, now)
        told = {"merged": number, "times": moved}
        said = "".join(f"; {name} {one['from']} -> {one['to']}" for name, one in moved.items())
        text = f"Took in #{number}{said}: {why}"
        timeline.append(c, into, now, EventKind.MERGED, who, text, told)
        over = {"merged_into": into, "open_key": None, "clear_since": None, "sub_status": None}
        change(c, number, state=IncidentState.MERGED.value, **over)
        data = {"into": into, "state": row["state"], "sub_status": row["sub_status"]}
        text = f"Merged into #{into}: {why}"
        return say(c, config, number, now, EventKind.MERGED, who, text, data, key=key)

    return db.write(work)


def unmerge(
    db: Database,
    config: Config,
    number: int,
    *,
    reason: str,
    actor: str,
    now: float,
    key: str | None = None,
) -> Incident:
    """Give a merged incident its own life back, in the state in which it was merged. What the other
    one got of it stays there.

    NotFound, Invalid. Conflict: it is not merged, or something is open with its key.
    """
    who, why = line_of("name", actor, MAX_ACTOR), text_of("reason", reason, MAX_REASON)

    def work(c: Connection) -> Incident:
        into = find(c, number)["merged_into"]
        for one in sorted({number, into or number}):
            hold(c, one)
        row = find(c, number)
        if was_done(c, number, key):
            return row
        if row["state"] != IncidentState.MERGED or row["merged_into"] != into:
            raise Conflict(f"incident #{number} is {row['state']}, and not merged into another")
        _require_free(c, row)
        before = _before(c, number)
        change(c, number, merged_into=None, open_key=row["key"], **before)
        after = find(c, number)
        _watch(c, config, after, now)
        text = f"#{number} goes on by itself again: {why}"
        timeline.append(c, into, now, EventKind.SPLIT, who, text, {"unmerged": number})
        text = f"Goes on by itself, no longer merged into #{into}: {why}"
        data = {"from": into, "state": before["state"]}
        return say(c, config, number, now, EventKind.SPLIT, who, text, data, key=key)

    return db.write(work)


def _require_mergeable(row: Incident, target: Incident) -> None:
    for one in (row, target):
        if lifecycle.is_open(IncidentState(one["state"])):
            continue
        where = f" into #{one['merged_into']}: merge with that one" if one["merged_into"] else ""
        raise Conflict(f"incident #{one['number']} is {one['state']} already{where}")
    if row["restricted"] != target["restricted"]:
        raise Conflict(
            f"one of #{row['number']} and #{target['number']} is restricted and the other is not: "
            "who may see it would change; make them the same first"
        )


def _take_in(c: Connection, row: Incident, target: Incident) -> dict[str, dict[str, str | None]]:
    """Give the target what it takes over; which of its times moved, from when to when."""
    earlier = {name: row[name] for name in _TIMES if row[name] < target[name]}
    named = (*target["affected"], row["service"], *row["affected"])
    wanted = dict.fromkeys(one for one in named if one and one != target["service"])
    affected = list(wanted)[: max(MAX_AFFECTED, len(target["affected"]))]
    change(c, target["number"], affected=to_json(affected), **earlier)
    return {name: {"from": when(target[name]), "to": when(at)} for name, at in earlier.items()}


def _require_free(c: Connection, row: Incident) -> None:
    other = c.execute(select(t.c.number).where(t.c.open_key == row["key"])).scalar()
    if other is not None:
        raise Conflict(
            f"incident #{other} is open for the same cause: resolve it, or merge it, before "
            f"#{row['number']} goes on"
        )


def _before(c: Connection, number: int) -> Mapping[str, Any]:
    """State and sub-status in which an incident was merged; its timeline says so."""
    entries = reversed(timeline.read(c, number))
    said = next(
        one["data"] for one in entries if one["kind"] == EventKind.MERGED and "into" in one["data"]
    )
    return {name: said[name] for name in ("state", "sub_status")}


def _watch(c: Connection, config: Config, row: Incident, now: float) -> None:
    """Timers anew for what is still due: those that were there may have looked in between."""
    matrix = config.priorities.of(row["service"])
    due = [
        timer
        for promise in Promise
        if promise is Promise.RESOLUTION or row["acknowledged_at"] is None
        for timer in timers(promise, promise.of(matrix).get(row["priority"]), row[promise.due], now)
    ]
    ranking.watch(c, row["number"], Ranked({}, tuple(due)), now)
