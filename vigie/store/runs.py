"""Runs of runbooks and their steps; a run keeps the runbook as it was when it began."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection, Update, bindparam, func, select, update

from runbooks.model import Runbook
from runbooks.run import StepState, first_state
from vigie.store.rows import Reading, mappings
from vigie.store.sql import insert, plain, to_json
from vigie.store.tables import run as t
from vigie.store.tables import run_step as steps

RUNNING = "running"
_OF_INCIDENT = Reading(
    select(t).where(t.c.incident == bindparam("number")).order_by(t.c.id), "snapshot"
)


def start(c: Connection, incident: int, runbook: Runbook, now: float) -> int | None:
    """Begin a run with all its steps; its id, or None if this runbook ran for this incident."""
    added = insert(c, t).values(
        incident=incident,
        runbook=runbook.name,
        snapshot=to_json(_snapshot(runbook)),
        mode=runbook.mode,
        state=RUNNING,
        started_at=float(now),
    )
    added = added.on_conflict_do_nothing(index_elements=["incident", "runbook"])
    run = c.execute(added.returning(t.c.id)).scalar()
    if run is None:
        return None
    rows = [
        {"run": run, "step": step.id, "position": position, "state": first_state(step)}
        for position, step in enumerate(runbook.steps)
    ]
    if rows:
        c.execute(steps.insert(), rows)
    return int(run)


def get(c: Connection, run: int) -> Mapping[str, Any] | None:
    """One run with `steps`, in order, and `snapshot`, the runbook as it was; None if none."""
    found = _with_steps(c, mappings(c, select(t).where(t.c.id == run), "snapshot"))
    return found[0] if found else None


def of_incident(c: Connection, number: int) -> list[Mapping[str, Any]]:
    """The runs of an incident, oldest first, each as `get` gives it."""
    return _with_steps(c, _OF_INCIDENT.rows(c, number=number))


def next_waiting(c: Connection, run: int) -> Mapping[str, Any] | None:
    """The first step in order that waits, with its `definition` from the snapshot; None if none."""
    found = get(c, run)
    if found is None:
        return None
    return next((s for s in found["steps"] if s["state"] == StepState.WAITING), None)


def step_started(c: Connection, run: int, step: str, at: float) -> bool:
    """Mark a step as running; False when it has ended. A step whose worker died starts again."""
    changed = _unfinished(run, step).values(state=StepState.RUNNING, started_at=float(at))
    return c.execute(changed).rowcount == 1


def step_finished(  # noqa: PLR0917 - the fields of a result, in the order of its columns
    c: Connection, run: int, step: str, state: str, at: float, output: str, error: str | None
) -> bool:
    """Write down how a step ended; False when it had ended before."""
    changed = _unfinished(run, step).values(
        state=str(state), finished_at=float(at), output=output, error=error
    )
    return c.execute(changed).rowcount == 1


def finish(c: Connection, run: int, state: str, at: float) -> bool:
    """End a run; False when it had ended before."""
    going = update(t).where(t.c.id == run, t.c.state == RUNNING)
    return c.execute(going.values(state=str(state), finished_at=float(at))).rowcount == 1


def prune(c: Connection, before: float, limit: int) -> int:
    """Empty the output of up to `limit` steps that finished before a time; how many. That they ran,
    and how it ended, is kept with the incident.
    """
    old = (
        select(steps.c.run, steps.c.step)
        .where(steps.c.finished_at < before, steps.c.output != "")
        .limit(limit)
    )
    found = [{"the_run": row.run, "the_step": row.step} for row in c.execute(old)]
    if found:
        c.execute(_EMPTY, found)
    return len(found)


_EMPTY = (
    update(steps)
    .where(steps.c.run == bindparam("the_run"), steps.c.step == bindparam("the_step"))
    .values(output="")
)


def _unfinished(run: int, step: str) -> Update:
    live = steps.c.state.in_([StepState.WAITING, StepState.RUNNING, StepState.MANUAL])
    return update(steps).where(steps.c.run == run, steps.c.step == step, live)


def _snapshot(runbook: Runbook) -> dict[str, Any]:
    """The runbook as JSON, without its place in a file."""
    plain_steps = [plain(asdict(step)) for step in runbook.steps]
    return {
        "name": runbook.name,
        "title": runbook.title,
        "description": runbook.description,
        "mode": runbook.mode,
        "match": plain(asdict(runbook.match)),
        "steps": plain_steps,
    }


def _with_steps(c: Connection, found: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    if not found:
        return []
    numbers = [run["id"] for run in found]
    rows = select(steps).where(steps.c.run.in_(numbers)).order_by(steps.c.run, steps.c.position)
    of_run: dict[int, list[dict[str, Any]]] = {number: [] for number in numbers}
    for row in c.execute(rows).mappings():
        of_run[row["run"]].append(dict(row))
    return [{**run, "steps": _defined(of_run[run["id"]], run["snapshot"])} for run in found]


def _defined(
    rows: Sequence[dict[str, Any]], snapshot: Mapping[str, Any]
) -> list[Mapping[str, Any]]:
    definitions = {step["id"]: step for step in snapshot["steps"]}
    return [{**row, "definition": definitions[row["step"]]} for row in rows]


def counts(c: Connection) -> dict[str, int]:
    """How many runs are in each state."""
    found = c.execute(select(t.c.state, func.count().label("count")).group_by(t.c.state))
    return {row["state"]: int(row["count"]) for row in found.mappings()}
