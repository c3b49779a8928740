"""Problems as they are stored, what became of them, and which an incident shows not to be fixed."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, and_, false, func, or_, select, update

from incidents.links import LinkKind
from incidents.problems import ProblemEvent, ProblemState
from vigie.store import search
from vigie.store.tables import incident
from vigie.store.tables_links import incident_link
from vigie.store.tables_problems import problem as t
from vigie.store.tables_problems import problem_event
from vigie.store.visibility import Viewer, visible

Row = Mapping[str, Any]


def add(c: Connection, values: Row, now: float) -> int:
    """A new problem, open; its number."""
    times = {"created_at": float(now), "changed_at": float(now)}
    row = {**values, **times, "state": ProblemState.OPEN}
    number = int(c.execute(t.insert().values(row).returning(t.c.number)).scalar_one())
    search.index_problem(c, number)
    return number


def get(c: Connection, number: int) -> Row | None:
    row = c.execute(select(t).where(t.c.number == number)).mappings().first()
    return None if row is None else dict(row)


def hold(c: Connection, number: int) -> Row | None:
    """As `get`; nobody else changes it until the transaction ends."""
    row = c.execute(select(t).where(t.c.number == number).with_for_update()).mappings().first()
    return None if row is None else dict(row)


def change(c: Connection, row: Row, now: float, **values: Any) -> Row:
    """Change a problem that is held; as it is then, with its next version."""
    later = max(float(now), row["changed_at"])
    changed = update(t).where(t.c.number == row["number"])
    c.execute(changed.values(version=t.c.version + 1, changed_at=later, **values))
    search.index_problem(c, row["number"])
    after = get(c, row["number"])
    assert after is not None, "its row is held"
    return after


def page(
    c: Connection,
    *,
    states: tuple[str, ...] = (),
    service: str | None = None,
    before: int | None = None,
    limit: int,
) -> list[Row]:
    """Problems, the newest first; in any of the states, in every one where none is given."""
    found = select(t).order_by(t.c.number.desc()).limit(limit)
    if states:
        found = found.where(t.c.state.in_(states))
    if service is not None:
        found = found.where(t.c.service == service)
    if before is not None:
        found = found.where(t.c.number < before)
    return [dict(row) for row in c.execute(found).mappings()]


def some(c: Connection, numbers: list[int]) -> dict[int, Row]:
    """Those problems, by number."""
    found = select(t).where(t.c.number.in_(numbers))
    return {row["number"]: dict(row) for row in c.execute(found).mappings()}


def say(  # noqa: PLR0917 - the columns of a row
    c: Connection,
    number: int,
    now: float,
    kind: ProblemEvent,
    actor: str,
    text: str,
    key: str | None = None,
) -> None:
    """Write what happened to a problem."""
    row = {"problem": number, "at": float(now), "kind": kind, "actor": actor, "text": text}
    c.execute(problem_event.insert().values(**row, key=key))


def events(c: Connection, number: int) -> list[Row]:
    """What happened to a problem, in the order in which it was written."""
    found = select(problem_event).where(problem_event.c.problem == number)
    return [dict(row) for row in c.execute(found.order_by(problem_event.c.id)).mappings()]


def written(c: Connection, actor: str, key: str | None) -> int | None:
    """The problem on which somebody carried out a command with this idempotency key before."""
    if key is None:
        return None
    same = and_(problem_event.c.key == key, problem_event.c.actor == actor)
    number = c.execute(select(problem_event.c.problem).where(same)).scalar()
    return None if number is None else int(number)


def linked(c: Connection, number: int, viewer: Viewer) -> list[Row]:
    """The incidents behind which a problem is, as far as a viewer sees them, the newest first."""
    columns = ("number", "title", "state", "severity", "service", "opened_at", "resolved_at")
    found = (
        select(*(incident.c[name] for name in columns), incident_link.c.id.label("link"))
        .join(incident_link, incident_link.c.incident == incident.c.number)
        .where(_linked(number), visible(viewer))
        .order_by(incident.c.number.desc())
    )
    return [dict(row) for row in c.execute(found).mappings()]


def counts(c: Connection, numbers: list[int], viewer: Viewer) -> dict[int, int]:
    """How many incidents that a viewer sees are linked with each of the problems."""
    refs = {str(number): number for number in numbers}
    link = incident_link.c
    found = (
        select(link.ref, func.count().label("many"))
        .join(incident, incident.c.number == link.incident)
        .where(_is_problem(), link.ref.in_(refs), visible(viewer))
        .group_by(link.ref)
    )
    return {refs[row.ref]: row.many for row in c.execute(found)}


def of_incident(c: Connection, number: int) -> list[int]:
    """The numbers of the problems that an incident is linked with."""
    found = select(incident_link.c.ref).where(incident_link.c.incident == number, _is_problem())
    return sorted(int(row.ref) for row in c.execute(found))


def known_errors(c: Connection, of: Row, limit: int) -> list[Row]:
    """The known errors of an incident's service, or of its cause, those of both first."""
    about = {"service": of["service"], "cause": of["cause"]}
    fits = or_(false(), *(t.c[name] == value for name, value in about.items() if value))
    found = select(t).where(t.c.state == ProblemState.KNOWN_ERROR, fits)
    newest = found.order_by(t.c.number.desc())
    rows: list[Row] = [dict(row) for row in c.execute(newest).mappings()]
    rows.sort(key=lambda row: -_fit(row, of))
    return rows[:limit]


def recurring(c: Connection, of: Row) -> list[Row]:
    """The fixed problems that an incident shows not to be fixed: it began after the fix and has
    their cause and service; or, while it has no cause, the dedup key of an incident of theirs.
    """
    fixed = t.c.state.in_((ProblemState.FIXED, ProblemState.CLOSED))
    after = and_(t.c.fixed_at.is_not(None), t.c.fixed_at < of["started_at"])
    found = select(t).where(fixed, after).order_by(t.c.number)
    if of["cause"]:
        here = or_(t.c.service == "", t.c.service == of["service"])
        found = found.where(t.c.cause == of["cause"], here)
    else:
        known = (
            select(incident_link.c.ref)
            .join(incident, incident.c.number == incident_link.c.incident)
            .where(_is_problem(), incident.c.key == of["key"], incident.c.number < of["number"])
        )
        refs = [int(row.ref) for row in c.execute(known)]
        found = found.where(t.c.number.in_(refs))
    return [dict(row) for row in c.execute(found).mappings()]


def _fit(row: Row, of: Row) -> int:
    same_cause = bool(of["cause"]) and row["cause"] == of["cause"]
    return 2 * same_cause + int(row["service"] == of["service"])


def _is_problem() -> Any:
    return and_(
        incident_link.c.kind == LinkKind.PROBLEM,
        incident_link.c.target.is_(None),
        incident_link.c.removed_at.is_(None),
    )


def _linked(number: int) -> Any:
    return and_(_is_problem(), incident_link.c.ref == str(number))
