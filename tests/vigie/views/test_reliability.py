"""Services as every reader sees them."""

from dataclasses import replace

import pytest

from fleet import BROKEN, CALM, Fleet, live
from slo.spec import ServiceState
from vigie.store.visibility import EVERYTHING
from vigie.views import services


def test_a_service_shows_its_state_outage_targets_and_open_incidents(fleet: Fleet) -> None:
    fleet.open()
    shown = {s["name"]: s for s in services(live(BROKEN), fleet.db, viewer=EVERYTHING)["items"]}
    assert list(shown) == ["checkout", "frontend", "payments"]
    checkout = shown["checkout"]
    assert (checkout["state"], checkout["up"], checkout["downtime_seconds"]) == ("down", False, 480)
    assert checkout["downtime_planned_seconds"] == 60
    assert checkout["outage"] == {
        "started_at": "2026-09-21T14:05:20.000Z",
        "ended_at": None,
        "cause": "half of the events fail",
        "planned": False,
        "seconds": 0.0,
        "incident": None,
    }
    assert (checkout["incidents_open"], checkout["slos"]) == (1, ["checkout/availability"])
    assert checkout["targets"] == {"up": 2, "expected": 2}
    assert shown["payments"]["targets"] == {"up": 0, "expected": 1}
    assert shown["frontend"]["incidents_open"] == 0


@pytest.mark.parametrize(
    ("state", "up"),
    [
        (ServiceState.UP, True),
        (ServiceState.DEGRADED, True),
        (ServiceState.DOWN, False),
        (ServiceState.UNKNOWN, None),
        (ServiceState.MAINTENANCE, None),
    ],
)
def test_only_a_measured_service_is_up_or_down(
    fleet: Fleet, state: ServiceState, up: bool | None
) -> None:
    figures = replace(CALM.services["checkout"], state=state)
    status = replace(CALM, services={"checkout": figures})
    assert services(live(status), fleet.db, viewer=EVERYTHING)["items"][0]["up"] is up


def test_before_the_first_tick_every_service_is_unknown(fleet: Fleet) -> None:
    for shown in services(live(None), fleet.db, viewer=EVERYTHING)["items"]:
        assert (shown["state"], shown["up"], shown["downtime_seconds"]) == ("unknown", None, None)
