"""What automations wait for, and what each did: a row for each automation, incident and entry."""

from collections.abc import Collection, Mapping, Sequence
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import Connection, and_, case, delete, exists, func, or_, select, update
from sqlalchemy.sql.elements import ColumnElement

from vigie.store.jobs import NewJob
from vigie.store.sql import decoded, insert, to_json
from vigie.store.tables import incident
from vigie.store.tables_automation import automation_event as events
from vigie.store.tables_automation import automation_run as t
from vigie.store.visibility import Viewer, visible

JOB: Final = "automate"
ATTEMPTS: Final = 10
Run = Mapping[str, Any]


class RunState(StrEnum):
    """Where a run stands. What was refused never ran."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"  # an action of it was not carried out
    REFUSED = "refused"


def wait_for(c: Connection, kinds: Collection[str]) -> None:
    """From now on entries of these kinds, and no others, get a job (`awaited`)."""
    c.execute(delete(events).where(events.c.kind.not_in(sorted(kinds))))
    for kind in sorted(kinds):
        c.execute(insert(c, events).values(kind=kind).on_conflict_do_nothing())


def awaited(kind: str) -> ColumnElement[bool]:
    """Whether an automation waits for entries of a kind; a part of another query."""
    return exists().where(events.c.kind == kind)


def job(number: int, position: int, run_at: float, automation: str | None = None) -> NewJob:
    """The job that looks what is to be done about an entry; of one automation, if one is named."""
    named = f":{automation}" if automation is not None else ""
    payload = {"position": position, "automation": automation}
    dedup = f"{JOB}:{number}:{position}{named}"
    return NewJob(JOB, dedup, payload, run_at, incident=number, max_attempts=ATTEMPTS)


def begin(  # noqa: PLR0917 - what is known of a run before it runs
    c: Connection,
    number: int,
    position: int,
    automation: str,
    chain: Sequence[str],
    state: RunState,
    why: str,
    plan: Sequence[Mapping[str, Any]],
    now: float,
) -> int | None:
    """Write a run with what it will do; its id, None where there is one of this entry already."""
    ends = now if state is RunState.REFUSED else None
    values = {"automation": automation, "incident": number, "position": position, "why": why}
    values |= {"state": state.value, "chain": to_json(list(chain)), "plan": to_json(list(plan))}
    values |= {"results": "[]", "failures": 0, "started_at": float(now), "finished_at": ends}
    added = (
        insert(c, t)
        .values(values)
        .on_conflict_do_nothing(index_elements=["incident", "position", "automation"])
    )
    return c.execute(added.returning(t.c.id)).scalar()


def get(c: Connection, id_: int) -> Run | None:
    row = c.execute(select(t).where(t.c.id == id_)).mappings().first()
    return None if row is None else decoded(row, *_JSON)


def of_entry(c: Connection, number: int, position: int) -> list[Run]:
    """The runs that an entry led to, in the order of their beginning."""
    found = select(t).where(t.c.incident == number, t.c.position == position).order_by(t.c.id)
    return [decoded(row, *_JSON) for row in c.execute(found).mappings()]


def of_incident(c: Connection, number: int) -> list[Run]:
    """Every run of an incident, in the order of their beginning."""
    found = select(t).where(t.c.incident == number).order_by(t.c.id)
    return [decoded(row, *_JSON) for row in c.execute(found).mappings()]


def ran_since(c: Connection, number: int, since: float) -> int:
    """How many automations ran on an incident after a time."""
    ran = and_(t.c.incident == number, t.c.started_at > since, t.c.state != RunState.REFUSED)
    return int(c.execute(select(func.count()).where(ran)).scalar_one())


def was_refused(c: Connection, number: int, why: str, since: float) -> bool:
    """Whether a run of an incident was refused for this reason after a time."""
    refused = and_(t.c.incident == number, t.c.state == RunState.REFUSED, t.c.why == why)
    found = select(t.c.id).where(refused, t.c.started_at > since).limit(1)
    return c.execute(found).first() is not None


def cause(c: Connection, number: int, automation: str, position: int, at: float) -> Run | None:
    """The run by which an automation made an entry of an incident, at its position and time: of
    those that can be it, the one that most automations led to.
    """
    could = or_(t.c.finished_at.is_(None), t.c.finished_at >= at)
    own = and_(t.c.incident == number, t.c.automation == automation, t.c.position < position)
    found = select(t).where(own, could, t.c.state != RunState.REFUSED)
    runs = [decoded(row, *_JSON) for row in c.execute(found).mappings()]
    return max(runs, key=lambda run: len(run["chain"]), default=None)


def note(c: Connection, run: Run, result: Mapping[str, Any]) -> bool:
    """Write what came of the next action of a run, given as it was before; False: another worker
    was faster, and has written it.
    """
    results = [*run["results"], dict(result)]
    failures = sum(not one["ok"] for one in results)
    before = and_(t.c.id == run["id"], t.c.results == to_json(run["results"]))
    changed = update(t).where(before).values(results=to_json(results), failures=failures)
    return c.execute(changed).rowcount == 1


def finish(c: Connection, run: Run, now: float) -> bool:
    """End a run; False: it has ended."""
    state = RunState.FAILED if run["failures"] else RunState.DONE
    running = and_(t.c.id == run["id"], t.c.state == RunState.RUNNING)
    ended = update(t).where(running).values(state=state.value, finished_at=float(now))
    return c.execute(ended).rowcount == 1


def counts(c: Connection, viewer: Viewer) -> dict[str, Mapping[str, Any]]:
    """Of each automation that ever ran, on incidents that the viewer sees: `runs`, `failures`,
    `refused`, `last_run_at` and `last_incident`.
    """
    refused = t.c.state == RunState.REFUSED
    failed = t.c.state == RunState.FAILED
    last = func.max(case((refused, None), else_=t.c.id))
    columns = (
        t.c.automation,
        func.sum(case((refused, 0), else_=1)).label("runs"),
        func.sum(case((failed, 1), else_=0)).label("failures"),
        func.sum(case((refused, 1), else_=0)).label("refused"),
        last.label("last"),
    )
    of_seen = t.join(incident, t.c.incident == incident.c.number)
    grouped = select(*columns).select_from(of_seen).where(visible(viewer)).group_by(t.c.automation)
    summed = grouped.subquery()
    more = (t.c.started_at.label("last_run_at"), t.c.incident.label("last_incident"))
    found = select(summed, *more).select_from(summed.outerjoin(t, t.c.id == summed.c.last))
    return {row["automation"]: dict(row) for row in c.execute(found).mappings()}


_JSON: Final = ("chain", "plan", "results")
