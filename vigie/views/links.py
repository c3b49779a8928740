"""What an incident is connected with, as seen from its end, by somebody who may see it."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection

from incidents.links import BETWEEN, WORDS, LinkKind
from vigie.store import changes, incidents, links, runs
from vigie.store.db import Database
from vigie.store.visibility import Viewer
from vigie.views.exemplars import TRACE_ID
from vigie.views.shape import Object, listing, when


def of_incident(
    db: Database, number: int, *, viewer: Viewer, traces_url: str | None
) -> Object | None:
    """The links of an incident that stand, oldest first, and the numbers of what was `merged` into
    it; other incidents as far as the viewer may see them. None: there is no such incident.
    """

    def read(c: Connection) -> Object | None:
        if incidents.get(c, number) is None:
            return None
        rows, merged = links.of_incident(c, number), links.merged(c, number)
        others = {other for row in rows if (other := _other(row, number)) is not None}
        seen = links.seen(c, others | set(merged) | _run_incidents(c, rows), viewer)
        shown = [_link(c, row, number, seen, traces_url) for row in rows]
        return {
            **listing([one for one in shown if one is not None]),
            "merged": [one for one in merged if one in seen],
        }

    return db.read(read)


def kept(rows: Iterable[links.Row], number: int) -> list[Object]:
    """The links as an export has them: of other incidents the number alone, whoever reads it."""
    return [
        {**_shown(row, number), "ref": str(_other(row, number) or row["ref"]), "url": row["url"]}
        for row in rows
    ]


def _link(c: Connection, row: Any, number: int, seen: Any, traces_url: str | None) -> Object | None:
    shown = _shown(row, number)
    other = _other(row, number)
    if other is not None:
        if other not in seen:
            return None
        there = seen[other]
        own = {"title": row["title"] or there["title"], "state": there["state"]}
        return {**shown, **own, "ref": str(other), "url": f"/incidents/{other}"}
    url: str | None = row["url"] or None
    match LinkKind(row["kind"]):
        case LinkKind.RUN:
            run = runs.get(c, int(row["ref"]))
            if run is None or run["incident"] not in seen:
                return None
            url = f"/incidents/{run['incident']}"
        case LinkKind.CHANGE:
            change = changes.get(c, int(row["ref"]))  # None: it is no longer kept
            url = (change.change.url or None) if change is not None else None
        case LinkKind.PROBLEM:
            url = f"/problems/{row['ref']}"
        case LinkKind.TRACE if traces_url is not None:
            url = traces_url.replace(TRACE_ID, row["ref"])
    return {**shown, "ref": row["ref"], "url": url, "state": None}


def _shown(row: Any, number: int) -> Object:
    kind = LinkKind(row["kind"])
    from_other = kind in BETWEEN and row["target"] == number
    return {
        "id": row["id"],
        "kind": kind.value,
        "words": WORDS[kind][1 if from_other else 0],
        "incident": _other(row, number),
        "title": row["title"],
        "added_at": when(row["added_at"]),
        "added_by": row["added_by"],
    }


def _other(row: Any, number: int) -> int | None:
    """The incident at the other end; None where there is none."""
    if row["target"] is None:
        return None
    return int(row["incident"] if row["target"] == number else row["target"])


def _run_incidents(c: Connection, rows: Iterable[Any]) -> set[int]:
    found = (runs.get(c, int(row["ref"])) for row in rows if row["kind"] == LinkKind.RUN)
    return {run["incident"] for run in found if run is not None}
