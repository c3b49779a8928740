"""Full text of incidents and problems: their documents, and what a query finds in them.

A document is written in the transaction of what it says: `timeline.append` does that for incidents.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    Integer,
    Select,
    and_,
    bindparam,
    column,
    func,
    literal_column,
    select,
    table,
    text,
    true,
)

from incidents.model import EventKind
from incidents.search import Clause, Query
from vigie.store import reviews
from vigie.store.sql import from_json, put
from vigie.store.tables import incident, timeline
from vigie.store.tables_problems import problem
from vigie.store.tables_search import INDEX, WORDS
from vigie.store.tables_search import search_document as t
from vigie.store.visibility import Viewer, visible

LONGEST: Final = 20_000  # characters of each part of a document
RANKED: Final = 2_000  # of more that fit, only the newest are ranked
_SAID: Final = frozenset({EventKind.COMMENTED, EventKind.UPDATE_SENT})
# After which entries of a timeline the document of its incident says something else.
TELLING: Final = _SAID | {
    EventKind.OPENED,
    EventKind.UPGRADED,
    EventKind.RESOLVED,
    EventKind.FIELD_SET,
    EventKind.STATUS_SET,
    EventKind.CORRECTED,
    EventKind.CLOSED,
    EventKind.REVIEWED,
}
_WRITTEN: Final = (
    "description", "resolution", "cause", "category", "subcategory", "service", "slo",
)  # fmt: skip
_OF_PROBLEM: Final = ("description", "workaround", "root_cause", "fix", "service", "cause")
_WEIGHTS: Final = (8.0, 4.0, 1.0)  # of title, body and what was said

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Filters:
    """None: no such condition. `state` is one of the states, or `open`; times bound `opened_at` (of
    a problem `created_at`): from `start` on, before `end`.
    """

    service: str | None = None
    category: str | None = None
    cause: str | None = None
    severity: int | None = None
    state: str | None = None
    start: float | None = None
    end: float | None = None


@dataclass(frozen=True, slots=True)
class Hit:
    """What was found, and how well it fits; the more the better, within one search."""

    number: int
    score: float


def index(c: Connection, number: int) -> None:
    """Write the document of an incident as it stands in this transaction."""
    row = c.execute(select(incident).where(incident.c.number == number)).mappings().first()
    if row is None:
        return
    body = "\n".join([*(row[name] for name in _WRITTEN if row[name]), *_review(c, number)])
    _write(c, number, row["title"], body, "\n".join(_said(c, number)))


def index_problem(c: Connection, number: int) -> None:
    """The same of a problem."""
    row = c.execute(select(problem).where(problem.c.number == number)).mappings().one()
    _write(c, -number, row["title"], "\n".join(row[n] for n in _OF_PROBLEM if row[n]), "")


def incidents(
    c: Connection, query: Query, filters: Filters, viewer: Viewer, *, limit: int, offset: int = 0
) -> list[Hit]:
    """Incidents that a viewer may see, the best first, of equal ones the newest."""
    if not query.wanted:
        return []
    only: tuple[ColumnElement[bool], ...] = (visible(viewer),)
    asked = _matching(c, query)
    if filters != Filters():
        # Asked first, by an index of the table: a word that stands everywhere leads to all of it.
        fitting = select(incident.c.number).where(*_conditions(filters))
        only = (asked.among.in_(fitting), *only)
    number = incident.c.number
    return _found(c, asked, incident, number, only, limit=limit, offset=offset)


def problems(
    c: Connection, query: Query, filters: Filters, *, limit: int, offset: int = 0
) -> list[Hit]:
    """Problems, the best first. They have no category and severity: asked for one, none fits."""
    if not query.wanted or filters.category is not None or filters.severity is not None:
        return []
    only, asked = _conditions_of_problem(filters), _matching(c, query)
    return _found(c, asked, problem, -problem.c.number, only, limit=limit, offset=offset)


def texts(c: Connection, ids: list[int]) -> dict[int, Row]:
    """Documents by id: the number of an incident, or of a problem, negative."""
    found = select(t).where(t.c.id.in_(ids))
    return {row["id"]: dict(row) for row in c.execute(found).mappings()}


def is_common(c: Connection, word: str, most: int) -> bool:
    """Whether more than so many documents hold a word."""
    asked = _matching(c, Query((Clause((word,)),)))
    some: Select[Any] = (
        select(literal_column("1")).select_from(asked.source).where(asked.fits).limit(most + 1)
    )
    count = select(func.count()).select_from(some.subquery())
    return int(c.execute(count, asked.given).scalar_one()) > most


def any_of(c: Connection, words: list[str], viewer: Viewer, *, limit: int) -> list[Hit]:
    """Incidents in which some of the words stand, those with the most and the rarest first."""
    query = Query(tuple(Clause((word,)) for word in words))
    if not words:
        return []
    return _found(
        c,
        _matching(c, query, every=False),
        incident,
        incident.c.number,
        (visible(viewer),),
        limit=limit,
        offset=0,
        every=False,
    )


# -- documents ---------------------------------------------------------------------------------


def _write(c: Connection, id_: int, title: str, body: str, said: str) -> None:
    row = {"id": id_, "title": title, "body": body[:LONGEST], "said": said[-LONGEST:]}
    put(c, t, [row], ("id",))


def _said(c: Connection, number: int) -> list[str]:
    """Comments and updates as they are meant: what was corrected is not found any more."""
    kinds = sorted({*_SAID, EventKind.CORRECTED})
    found = (
        select(timeline.c.position, timeline.c.kind, timeline.c.text, timeline.c.data)
        .where(timeline.c.incident == number, timeline.c.kind.in_(kinds))
        .order_by(timeline.c.position)
    )
    said: dict[int, str] = {}
    for row in c.execute(found):
        if row.kind != EventKind.CORRECTED:
            said[row.position] = row.text
        elif (of := from_json(row.data).get("corrects")) in said:
            said[of] = row.text
    return list(said.values())


def _review(c: Connection, number: int) -> list[str]:
    """The words of a review once it is final."""
    found = reviews.get(c, number)
    if found is None or found["final_at"] is None:
        return []
    sections = [text for text in found["sections"].values() if isinstance(text, str)]
    whys = [text for text in found["whys"] if isinstance(text, str)]
    return [found["root_cause"] or "", *sections, *whys]


# -- finding -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Asked:
    """A query for one database: from where, which rows fit, how well, and its parameters. `among`
    is the id where it narrows what fits and does not lead to it.
    """

    source: Any
    id: ColumnElement[int]
    among: ColumnElement[int]
    fits: ColumnElement[bool]
    score: ColumnElement[float]
    given: Mapping[str, Any]


def _found(
    c: Connection,
    asked: _Asked,
    of: Any,
    id_: ColumnElement[int],
    only: tuple[ColumnElement[bool], ...],
    *,
    limit: int,
    offset: int,
    every: bool = True,
) -> list[Hit]:
    if offset >= RANKED:
        return []
    newest: Select[Any] = (
        select(of.c.number, asked.score.label("score"))
        .select_from(asked.source.join(of, id_ == asked.id))
        .where(asked.fits, *only)
    )
    if every:  # else they are few, and each may be the one
        newest = newest.order_by(asked.id.desc()).limit(RANKED)
    some = newest.subquery()
    best = select(some.c.number, some.c.score).order_by(some.c.score.desc(), some.c.number.desc())
    rows = c.execute(best.limit(limit).offset(offset), asked.given)
    return [Hit(row.number, float(row.score)) for row in rows]


def _matching(c: Connection, query: Query, *, every: bool = True) -> _Asked:
    return (_fts5 if c.dialect.name == "sqlite" else _tsvector)(query, every=every)


def _fts5(query: Query, *, every: bool) -> _Asked:
    """Words are quoted, so that nothing in them is syntax (https://sqlite.org/fts5.html, 3)."""
    match = (" AND " if every else " OR ").join(map(_quoted, query.wanted))
    if query.unwanted:
        match = f"({match}) NOT ({' OR '.join(map(_quoted, query.unwanted))})"
    source = table(INDEX, column("rowid", Integer))
    weights = ", ".join(map(str, _WEIGHTS))
    return _Asked(
        source=source,
        id=source.c.rowid,
        among=literal_column(f"+{INDEX}.rowid"),
        fits=text(f"{INDEX} MATCH :match").bindparams(bindparam("match")),  # type: ignore[arg-type]  # a condition
        score=literal_column(f"-bm25({INDEX}, {weights})"),
        given={"match": match},
    )


def _quoted(clause: Clause) -> str:
    return f'"{" ".join(clause.words)}"{" *" if clause.prefix else ""}'


def _tsvector(query: Query, *, every: bool) -> _Asked:
    """Words are letters and digits only, so that nothing in them is an operator of a tsquery."""
    joined = _joined("&&" if every else "||", map(_one, query.wanted))
    for clause in query.unwanted:
        joined = joined.op("&&")(func.tsquery_not(_one(clause)))
    words: ColumnElement[Any] = literal_column(f"search_document.{WORDS}")
    weights: ColumnElement[Any] = literal_column("'{0.1, 0.1, 0.5, 1.0}'::float4[]")
    return _Asked(
        source=t,
        id=t.c.id,
        among=t.c.id,
        fits=words.op("@@")(joined),
        score=func.ts_rank(weights, words, joined),
        given={},
    )


def _one(clause: Clause) -> ColumnElement[Any]:
    """A clause as it stands or stemmed; one that only begins so as it stands."""
    simple: ColumnElement[Any] = literal_column("'simple'::regconfig")
    english: ColumnElement[Any] = literal_column("'english'::regconfig")
    words = " ".join(clause.words)
    if not clause.prefix:
        as_it_stands = func.phraseto_tsquery(simple, words)
        return as_it_stands.op("||")(func.phraseto_tsquery(english, words)).self_group()
    quoted = " <-> ".join(f"'{word}'" for word in clause.words)
    return func.to_tsquery(simple, f"{quoted}:*")


def _joined(operator: str, clauses: Iterable[ColumnElement[Any]]) -> ColumnElement[Any]:
    return reduce(lambda one, other: one.op(operator)(other).self_group(), clauses)


def _conditions(filters: Filters) -> tuple[ColumnElement[bool], ...]:
    columns = incident.c
    state = filters.state
    in_state = (
        true()
        if state is None
        else columns.open_key.is_not(None)
        if state == "open"
        else columns.state == state
    )
    equal = and_(
        *(
            columns[name] == value
            for name in ("service", "category", "cause", "severity")
            if (value := getattr(filters, name)) is not None
        ),
        in_state,
    )
    return (equal, *_between(columns.opened_at, filters))


def _conditions_of_problem(filters: Filters) -> tuple[ColumnElement[bool], ...]:
    columns = problem.c
    equal = [
        columns[name] == value
        for name in ("service", "cause")
        if (value := getattr(filters, name)) is not None
    ]
    if filters.state == "open":
        equal.append(columns.state.in_(("open", "known_error")))
    elif filters.state is not None:
        equal.append(columns.state == filters.state)
    return (*equal, *_between(columns.created_at, filters))


def _between(at: Any, filters: Filters) -> tuple[ColumnElement[bool], ...]:
    bounds = []
    if filters.start is not None:
        bounds.append(at >= filters.start)
    if filters.end is not None:
        bounds.append(at < filters.end)
    return tuple(bounds)
