"""Runs of runbooks as durable jobs: a step is a job, and the next is written with its result."""

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Connection

from incidents.model import EventKind, Signal
from runbooks.match import matching
from runbooks.model import Mode, Runbook, Step, StepKind
from runbooks.run import StepState, first_state, next_step, runs_alone
from vigie.store import incidents, jobs, runs
from vigie.store.jobs import NewJob

# A worker that dies in a step leaves it to the next; a step that kills its worker is left alone.
_MAX_ATTEMPTS = 3


def start_runs(
    c: Connection, number: int, signal: Signal, runbooks: Iterable[Runbook], now: float
) -> list[NewJob]:
    """Begin the diagnosis of every runbook that fits a new incident; the first job of each run.

    A runbook with nothing to do alone is shown on the incident and not run.
    """
    fitting = matching(runbooks, signal.type.value, signal.service, signal.slo, signal.labels)
    begun = [start_run(c, number, runbook, reason, now) for runbook, reason in fitting]
    return [job for job in begun if job is not None]


def start_run(
    c: Connection, number: int, runbook: Runbook, reason: str, now: float
) -> NewJob | None:
    """Begin one runbook for an incident, whether it fits or not; its first job. None when nothing
    of it runs alone, or it ran for this incident already.
    """
    states = {step.id: first_state(step).value for step in runbook.steps}
    first = next_step(runbook.mode, runbook.steps, states)
    if first is None:
        return None
    run = runs.start(c, number, runbook, now)
    if run is None:
        return None  # it ran for this incident already
    text = f"Runbook {runbook.title}: diagnosis begins"
    data = {"run": run, "runbook": runbook.name, "reason": reason}
    incidents.append(c, number, now, EventKind.RUN_STARTED, "vigie", text, data)
    return _job(run, number, first, now)


def advance(c: Connection, run: Mapping[str, Any], now: float) -> None:
    """Write the job of a run's next step, or end the run. `run` as the store gives it, read in this
    transaction, after the result of its last step was written.
    """
    steps = [defined(step) for step in run["steps"]]
    states = {step["step"]: step["state"] for step in run["steps"]}
    following = next_step(Mode(run["mode"]), steps, states)
    if following is not None:
        jobs.enqueue(c, _job(run["id"], run["incident"], following, now), now)
    elif StepState.RUNNING not in states.values():
        _finish(c, run, now)


def defined(step: Mapping[str, Any]) -> Step:
    """A step of a run as it was when the run began."""
    definition = step["definition"]
    return Step(**{**definition, "kind": StepKind(definition["kind"])})


def _finish(c: Connection, run: Mapping[str, Any], now: float) -> None:
    """A diagnosis in which no step got an answer has failed."""
    ran = [step["state"] for step in run["steps"] if runs_alone(defined(step))]
    answered = ran.count(StepState.DONE)
    state = "done" if answered else "failed"
    if not runs.finish(c, run["id"], state, now):
        return
    text = f"Runbook {run['snapshot']['title']}: {answered} of {len(ran)} steps answered"
    data = {"run": run["id"], "runbook": run["runbook"], "state": state}
    incidents.append(c, run["incident"], now, EventKind.RUN_FINISHED, "vigie", text, data)


def _job(run: int, number: int, step: Step, now: float) -> NewJob:
    return NewJob(
        kind="step",
        dedup=f"run:{run}:{step.id}",
        payload={"run": run, "step": step.id},
        run_at=now,
        incident=number,
        max_attempts=_MAX_ATTEMPTS,
        idempotent=step.read_only,
    )
