"""The `step` job: one read-only step of a runbook, its output kept with the incident."""

from collections.abc import Mapping
from typing import Any

import aiohttp
from sqlalchemy import Connection

from incidents.model import EventKind
from runbooks.model import Step
from runbooks.run import PlaceholderError, StepState, render_url, values_of
from runbooks.steps import http
from runbooks.steps.http import Outcome
from vigie.clock import Clock
from vigie.jobs.runs import advance, defined
from vigie.jobs.worker import Done, GiveUp
from vigie.store import incidents, runs
from vigie.store.db import Database
from vigie.store.jobs import Job
from vigie.telemetry import Telemetry

# What the timeline shows of an output; the whole of it is one click away.
SHOWN_LINES, SHOWN_CHARS = 20, 200


class RunStep:
    """Runs a step and writes its result together with the job of the next one."""

    def __init__(
        self,
        *,
        db: Database,
        clock: Clock,
        session: aiohttp.ClientSession,
        telemetry: Telemetry,
    ) -> None:
        self._db = db
        self._clock = clock
        self._session = session
        self._telemetry = telemetry

    async def __call__(self, job: Job) -> Done:
        run_id, step_id = job.payload["run"], job.payload["step"]
        began_at = self._clock.now()
        begun = await self._db.awrite(lambda c: _begin(c, run_id, step_id, began_at))
        if begun is None:
            raise GiveUp(f"there is no run {run_id}")
        run, incident = begun
        step = _step(run, step_id)
        with self._telemetry.span("step", runbook=run["runbook"], step=step_id):
            outcome = await self._run(step, incident)
        now = self._clock.now()

        def write(c: Connection) -> None:
            finish_step(c, run_id, step, outcome, now=now, duration_s=now - began_at)

        return Done(write)

    async def _run(self, step: Step, incident: Mapping[str, Any]) -> Outcome:
        values = values_of(
            number=incident["number"], service=incident["service"], slo=incident["slo"]
        )
        try:
            url = render_url(step.url, values)
        except PlaceholderError as error:
            return Outcome("", str(error))
        return await http.run(self._session, url, step.timeout_s)


def step_dead(c: Connection, job: Job, now: float, error: str) -> None:
    """A step was given up: it has failed, and the diagnosis goes on."""
    run = runs.get(c, job.payload["run"])
    if run is not None:
        step = _step(run, job.payload["step"])
        finish_step(c, run["id"], step, Outcome("", error), now=now, duration_s=0.0)


def finish_step(
    c: Connection, run_id: int, step: Step, outcome: Outcome, *, now: float, duration_s: float
) -> None:
    """Write the result of a step, its timeline entry and what comes next; once."""
    state = StepState.FAILED if outcome.error else StepState.DONE
    if not runs.step_finished(c, run_id, step.id, state, now, outcome.output, outcome.error):
        return
    run = runs.get(c, run_id)
    assert run is not None, "its step was just written"
    ended = f"failed: {outcome.error}" if outcome.error else "answered"
    data = {
        "run": run_id,
        "runbook": run["runbook"],
        "step": step.id,
        "state": state,
        "duration_seconds": round(duration_s, 3),
        "output": _shown(outcome.output),
        "error": outcome.error,
    }
    text = f"{step.title}: {ended}"
    incidents.append(c, run["incident"], now, EventKind.STEP_FINISHED, "vigie", text, data)
    advance(c, run, now)


def _begin(
    c: Connection, run_id: int, step_id: str, now: float
) -> tuple[Mapping[str, Any], Mapping[str, Any]] | None:
    """The run and its incident, the step marked as running; None if there is no such run."""
    run = runs.get(c, run_id)
    incident = incidents.get(c, run["incident"]) if run is not None else None
    if run is None or incident is None:
        return None
    runs.step_started(c, run_id, step_id, now)
    return run, incident


def _step(run: Mapping[str, Any], step_id: str) -> Step:
    # A run keeps all its steps, so a job that names another one is a mistake and may crash here.
    return next(defined(step) for step in run["steps"] if step["step"] == step_id)


def _shown(output: str) -> str:
    lines = output.strip().splitlines()
    shown = [line[:SHOWN_CHARS] for line in lines[:SHOWN_LINES]]
    if len(lines) > SHOWN_LINES:
        shown.append(f"[{len(lines) - SHOWN_LINES} more lines]")
    return "\n".join(shown)
