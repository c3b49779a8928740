"""A diagnosis on a real database against a real address."""

from typing import Any

import pytest

from incidents.model import IncidentType
from runbooks.model import Match, Mode, Runbook, Step, StepKind


def look(step_id: str, url: str, **fields: Any) -> Step:
    return Step(step_id, StepKind.HTTP, f"Look at {step_id}", url=url, read_only=True, **fields)


def runbook(*steps: Step, mode: Mode = Mode.DIAGNOSE, match: Match | None = None) -> Runbook:
    return Runbook("errors", "Checkout errors", match or Match(), mode, steps)


def states(run: Any) -> dict[str, str]:
    return {step["step"]: step["state"] for step in run["steps"]}


ACT = Step("act", StepKind.HTTP, "Restart", url="http://127.0.0.1:1/restart")
SAY = Step("say", StepKind.MANUAL, "Roll back")


async def test_a_diagnosis_runs_its_looking_steps_in_order(world: Any, receiver: Any) -> None:
    receiver.text = "pool: 0 of 10 free\nqueue: 812"
    book = runbook(
        look("pool", receiver.url), ACT, SAY, look("queue", receiver.url + "?n=${number}")
    )
    world.configure(runbooks=(book,))
    number = world.open()
    await world.run_due()
    run = world.run_of(number)
    assert run["state"] == "done"
    assert states(run) == {"pool": "done", "act": "waiting", "say": "manual", "queue": "done"}
    assert [step["output"] for step in run["steps"]] == [receiver.text, "", "", receiver.text]
    assert world.said(number) == [
        ("run_started", "Runbook Checkout errors: diagnosis begins"),
        ("step_finished", "Look at pool: answered"),
        ("step_finished", "Look at queue: answered"),
        ("run_finished", "Runbook Checkout errors: 2 of 2 steps answered"),
    ]
    assert world.timeline(number)[1]["data"] == {
        "run": run["id"],
        "runbook": "errors",
        "step": "pool",
        "state": "done",
        "duration_seconds": 0.0,
        "output": receiver.text,
        "error": None,
    }
    assert len(receiver.got) == 2


async def test_a_failing_step_does_not_stop_a_diagnosis(world: Any, receiver: Any) -> None:
    book = runbook(look("gone", "http://127.0.0.1:1/"), look("here", receiver.url))
    world.configure(runbooks=(book,))
    number = world.open()
    await world.run_due()
    run = world.run_of(number)
    assert states(run) == {"gone": "failed", "here": "done"}
    assert run["state"] == "done"
    assert run["steps"][0]["error"].startswith("Cannot connect")
    assert world.said(number)[-1][1] == "Runbook Checkout errors: 1 of 2 steps answered"


async def test_a_diagnosis_without_any_answer_has_failed(world: Any, receiver: Any) -> None:
    receiver.status, receiver.text = 500, "no"
    world.configure(runbooks=(runbook(look("a", receiver.url)),))
    number = world.open()
    await world.run_due()
    run = world.run_of(number)
    assert (run["state"], run["steps"][0]["output"]) == ("failed", "no")


async def test_a_placeholder_without_a_value_fails_its_step_with_the_reason(
    world: Any, receiver: Any
) -> None:
    world.configure(runbooks=(runbook(look("a", receiver.url + "/${slo}")),))
    number = world.open(slo="", type=IncidentType.NO_DATA)
    await world.run_due()
    assert world.run_of(number)["steps"][0]["error"] == "`${slo}`: this incident has none"
    assert receiver.got == []


@pytest.mark.parametrize(
    "book",
    [
        runbook(look("a", "http://127.0.0.1:1/"), mode=Mode.SUGGEST),
        runbook(ACT, SAY),
        runbook(look("a", "http://127.0.0.1:1/"), match=Match(services=("payments",))),
    ],
)
async def test_what_is_only_suggested_or_does_not_fit_is_not_run(world: Any, book: Runbook) -> None:
    world.configure(runbooks=(book,))
    number = world.open()
    assert await world.run_due() == 0
    assert world.said(number) == []


async def test_a_step_runs_as_it_was_when_the_incident_opened(world: Any, receiver: Any) -> None:
    world.configure(runbooks=(runbook(look("a", receiver.url)),))
    number = world.open()
    world.configure(runbooks=())
    await world.run_due()
    assert states(world.run_of(number)) == {"a": "done"}


async def test_a_long_output_is_whole_on_the_run_and_short_on_the_timeline(
    world: Any, receiver: Any
) -> None:
    receiver.text = "\n".join("x" * 300 for _ in range(25))
    world.configure(runbooks=(runbook(look("a", receiver.url)),))
    number = world.open()
    await world.run_due()
    assert world.run_of(number)["steps"][0]["output"] == receiver.text
    shown = world.timeline(number)[1]["data"]["output"].split("\n")
    assert len(shown) == 21
    assert shown[0] == "x" * 200
    assert shown[-1] == "[5 more lines]"


async def test_a_step_that_kills_its_worker_is_given_up_and_the_next_one_runs(
    world: Any, receiver: Any
) -> None:
    world.configure(runbooks=(runbook(look("bad", receiver.url), look("good", receiver.url)),))
    number = world.open()
    for _ in range(3):  # workers that are never heard of again
        assert len(world.claim()) == 1
        world.clock.set(world.clock.now() + 30.0)
    await world.run_due()  # buries it
    await world.run_due()
    run = world.run_of(number)
    assert states(run) == {"bad": "failed", "good": "done"}
    assert "gave up after 3 attempts" in run["steps"][0]["error"]
    assert run["state"] == "done"
