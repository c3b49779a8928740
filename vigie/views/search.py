"""What a search finds, with the piece of text that fits: in incidents, their reviews, problems."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, select

from incidents.search import Query, parse, snippet
from vigie.store import incidents as stored
from vigie.store import problems, search
from vigie.store.db import Database
from vigie.store.search import Filters, Hit
from vigie.store.tables import incident
from vigie.store.visibility import Viewer
from vigie.views.records import record
from vigie.views.shape import Object, listing, when

Row = Mapping[str, Any]


class Of(StrEnum):
    """What is searched."""

    ALL = "all"
    INCIDENT = "incident"
    PROBLEM = "problem"


def found(
    db: Database,
    typed: str,
    filters: Filters,
    *,
    of: Of = Of.ALL,
    offset: int = 0,
    limit: int = 20,
    viewer: Viewer,
) -> Object:
    """One page of what fits best; `next` is the `offset` of the page after. Each has `snippet`:
    `text`, and `marks` in it, pairs of start and end in characters. Nothing in `typed` is an error;
    without a word that is wanted nothing is found.
    """
    query = parse(typed)

    def read(c: Connection) -> Object:
        most = offset + limit + 1
        scored = _scored(c, query, filters, of, viewer, most)[offset:most]
        items = _items(c, scored[:limit], query)
        return listing(items, str(offset + limit) if len(scored) > limit else None)

    return db.read(read)


def incidents(
    db: Database, typed: str, filters: Filters, *, offset: int = 0, limit: int = 50, viewer: Viewer
) -> Object:
    """Incidents that fit a query, the best first, as the list of incidents has them."""
    query = parse(typed)

    def read(c: Connection) -> Object:
        hits = search.incidents(c, query, filters, viewer, limit=limit + 1, offset=offset)
        shown = [stored.get(c, hit.number) for hit in hits[:limit]]
        items = [record(row) for row in shown if row is not None]
        return listing(items, str(offset + limit) if len(hits) > limit else None)

    return db.read(read)


def _scored(  # noqa: PLR0917 - what is asked, by whom
    c: Connection, query: Query, filters: Filters, of: Of, viewer: Viewer, most: int
) -> list[tuple[int, float]]:
    """Ids of documents and their scores, the best first."""
    hits: list[tuple[int, float]] = []
    if of is not Of.INCIDENT:
        hits += [(-n, s) for n, s in _pairs(search.problems(c, query, filters, limit=most))]
    if of is not Of.PROBLEM:
        hits += _pairs(search.incidents(c, query, filters, viewer, limit=most))
    return sorted(hits, key=lambda hit: (-hit[1], -hit[0]))


def _pairs(hits: list[Hit]) -> list[tuple[int, float]]:
    return [(hit.number, hit.score) for hit in hits]


def _items(c: Connection, scored: list[tuple[int, float]], query: Query) -> list[Object]:
    texts = search.texts(c, [id_ for id_, _ in scored])
    known = problems.some(c, [-id_ for id_, _ in scored if id_ < 0])
    rows = _rows(c, [id_ for id_, _ in scored if id_ > 0])
    items = []
    for id_, score in scored:
        facts = _incident(rows[id_]) if id_ > 0 else _problem(known[-id_])
        items.append({**facts, "score": round(score, 3), "snippet": _snippet(texts[id_], query)})
    return items


def _rows(c: Connection, numbers: list[int]) -> dict[int, Row]:
    names = ("number", "title", "state", "severity", "service", "cause", "resolution", "opened_at")
    chosen = select(*(incident.c[name] for name in names)).where(incident.c.number.in_(numbers))
    return {row["number"]: dict(row) for row in c.execute(chosen).mappings()}


def _snippet(text: Row, query: Query) -> Object:
    piece = snippet((text["body"], text["said"], text["title"]), query)
    return {"text": piece.text, "marks": [list(mark) for mark in piece.marks]}


def _incident(row: Row) -> Object:
    return {
        "kind": Of.INCIDENT.value,
        **{name: row[name] for name in ("number", "title", "state", "service", "cause")},
        "severity": f"SEV{row['severity']}",
        "answer": row["resolution"],
        "at": when(row["opened_at"]),
        "url": f"/incidents/{row['number']}",
    }


def _problem(row: Row) -> Object:
    return {
        "kind": Of.PROBLEM.value,
        **{name: row[name] for name in ("number", "title", "state", "service", "cause")},
        "severity": None,
        "answer": row["fix"] or row["workaround"] or None,
        "at": when(row["created_at"]),
        "url": f"/problems/{row['number']}",
    }
