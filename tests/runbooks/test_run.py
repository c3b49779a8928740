"""Which step of a run comes next, and what a placeholder may and may not do."""

import pytest

from runbooks.load import PLACEHOLDERS
from runbooks.model import Mode, Step, StepKind
from runbooks.run import (
    NAMES,
    PlaceholderError,
    StepState,
    first_state,
    next_step,
    render_text,
    render_url,
    values_of,
)

LOOK = Step("look", StepKind.HTTP, "Look", url="http://a/x", read_only=True)
MORE = Step("more", StepKind.HTTP, "Look again", url="http://a/y", read_only=True)
ACT = Step("act", StepKind.HTTP, "Act", url="http://a/restart")
SAY = Step("say", StepKind.MANUAL, "Tell support", text="call them")
STEPS = (ACT, LOOK, SAY, MORE)


def states(**changed: StepState) -> dict[str, str]:
    return {step.id: changed.get(step.id, first_state(step)) for step in STEPS}


@pytest.mark.parametrize(
    ("now", "then"),
    [
        (states(), LOOK),
        (states(look=StepState.RUNNING), MORE),
        (states(look=StepState.DONE), MORE),
        (states(look=StepState.FAILED), MORE),
        (states(look=StepState.DONE, more=StepState.DONE), None),
        ({}, None),
    ],
)
def test_a_diagnosis_takes_the_looking_steps_in_order_and_goes_on_after_a_failure(
    now: dict[str, str], then: Step | None
) -> None:
    assert next_step(Mode.DIAGNOSE, STEPS, now) == then


def test_a_suggested_runbook_runs_nothing_by_itself() -> None:
    assert next_step(Mode.SUGGEST, STEPS, states()) is None


def test_a_step_that_changes_something_waits_for_a_person() -> None:
    assert first_state(ACT) is StepState.WAITING
    assert first_state(SAY) is StepState.MANUAL
    assert next_step(Mode.DIAGNOSE, (ACT, SAY), states()) is None


VALUES = values_of(number=12, service="checkout", slo="a b/../?x=1#y")
DOTS = {**VALUES, "slo": ".."}
WHOLE_SERVICE = {**VALUES, "slo": ""}


@pytest.mark.parametrize(
    ("url", "rendered"),
    [
        ("http://h/plain?$x={y}", "http://h/plain?$x={y}"),
        ("http://h/${service}?n=${number}", "http://h/checkout?n=12"),
        ("http://h/${slo}/x", "http://h/a%20b%2F..%2F%3Fx%3D1%23y/x"),
        ("http://${service}.example:80/x", "http://checkout.example:80/x"),
    ],
)
def test_placeholders_are_filled_and_quoted(url: str, rendered: str) -> None:
    assert render_url(url, VALUES) == rendered


@pytest.mark.parametrize(
    ("url", "values", "reason"),
    [
        ("http://h/${nothing}", VALUES, "`${nothing}` stands for nothing; there are ${service}"),
        ("http://h/${service.upper()}", VALUES, "stands for nothing"),
        ("http://h/${}", VALUES, "stands for nothing"),
        ("http://h/${service", {}, "stands for nothing"),
        ("http://${slo}/x", VALUES, "which is no name of a host"),
        ("http://h.${slo}", DOTS, "which is no name of a host"),
        ("http://h/${slo}/secret", DOTS, "`${slo}` is `..`, which no address can hold"),
        ("http://h/${slo}", WHOLE_SERVICE, "`${slo}`: this incident has none"),
    ],
)
def test_a_placeholder_that_cannot_be_filled_safely_is_refused(
    url: str, values: dict[str, str], reason: str
) -> None:
    with pytest.raises(PlaceholderError) as refused:
        render_url(url, values)
    assert reason in str(refused.value)


def test_a_text_for_a_person_is_filled_as_far_as_it_goes() -> None:
    text = "roll back ${service}, see #${number}; ${slo}"
    assert render_text(text, WHOLE_SERVICE) == "roll back checkout, see #12; ${slo}"


def test_the_placeholders_that_a_file_may_use_are_those_that_get_filled() -> None:
    assert set(NAMES) == set(PLACEHOLDERS) == set(VALUES)
