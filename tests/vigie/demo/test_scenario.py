"""vigie.demo.scenario: what counts as healthy, and what counts as a diagnosis."""

from typing import Any

import pytest

from vigie.demo.scenario import diagnosis, is_healthy

SIDE = {"total": 40, "coverage": 1.0}


def slo(state: str = "ok", **changed: float) -> dict[str, Any]:
    return {"arms": [{"state": state, "long": {**SIDE, **changed}, "short": SIDE}]}


@pytest.mark.parametrize(
    ("item", "healthy"),
    [
        (slo(), True),
        (slo(coverage=0.9), True),
        (slo(coverage=0.89), False),
        (slo(total=0), False),
        (slo("firing"), False),
        (slo("frozen"), False),
        ({"arms": []}, False),
    ],
)
def test_an_slo_is_healthy_once_its_windows_are_measured_and_quiet(
    item: dict[str, Any], healthy: bool
) -> None:
    assert is_healthy(item) is healthy


def test_a_diagnosis_is_what_the_steps_put_on_the_timeline() -> None:
    incident = {
        "timeline": [
            {"kind": "opened", "text": "burns", "data": {}},
            {"kind": "step_finished", "text": "Ask a", "data": {"output": "answered 3\n\nfaults"}},
            {"kind": "step_finished", "text": "Ask b: failed: timeout", "data": {"output": ""}},
        ]
    }
    assert diagnosis(incident) == ["answered 3", "faults", "Ask b: failed: timeout"]
