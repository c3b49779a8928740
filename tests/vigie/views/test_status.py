"""Status pages: what they show of services and incidents, and what they never show."""

from dataclasses import replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import pytest

from fleet import CALM, DAY_S, T0, Fleet, live
from pages_of_status import INSIDE, PAGE, SECRET, auto, opened, put, tell
from slo.calendar import wall_clock
from slo.exclusions import MaintenanceWindow
from slo.outages import Outage
from slo.spec import ServiceState
from slo.uptime import History
from vigie.store import outages as stored_outages
from vigie.store import states as stored_states
from vigie.store.states import Became
from vigie.views import status as views
from vigie.views import uptime as services

PAST = History(
    known_from=T0 - 40 * DAY_S,
    outages=(
        Outage("checkout", T0 - 10 * DAY_S, T0 - 10 * DAY_S + 1234.5),
        Outage("checkout", T0 - 5 * DAY_S, T0 - 5 * DAY_S + 600.25, planned=True),
        Outage("checkout", T0 - 2 * DAY_S - 3600, T0 - DAY_S + 17),
    ),
    unknown=((T0 - 20 * DAY_S, T0 - 18 * DAY_S),),
)

STATES = [
    Became("checkout", T0 - 40 * DAY_S, ServiceState.UP, ""),
    Became("checkout", T0 - 20 * DAY_S, ServiceState.UNKNOWN, ""),
    Became("checkout", T0 - 18 * DAY_S, ServiceState.UP, ""),
]


def whole(fleet: Fleet, page: Any = PAGE, now: float = T0) -> Any:
    return views.status(fleet.board.now, fleet.db, page, now)


def component(found: Any, group: int = 0) -> Any:
    return found["groups"][group]["components"][0]


def watched(fleet: Fleet, history: History = PAST, **figures: Any) -> None:
    one = replace(CALM.services["checkout"], history=history, **figures)
    now = fleet.board.now
    status = replace(CALM, services={**CALM.services, "checkout": one})
    fleet.board.now = replace(now, status=status)


def test_figures_agree_with_those_of_the_service_to_the_second(fleet: Fleet) -> None:
    put(fleet, PAGE)
    watched(fleet)
    shown = component(whole(fleet))
    (ninety,) = [
        one for one in services.availability(fleet.board.now, "checkout") if one["window"] == "90d"
    ]
    for name in ("availability", "downtime_seconds", "downtime_planned_seconds", "known_seconds"):
        assert shown[name] == ninety[name], name


def test_the_days_of_a_month_add_up_to_the_month_in_its_time_zone(fleet: Fleet) -> None:
    page = replace(PAGE, zone="Europe/Paris")
    put(fleet, page)
    watched(fleet)
    zone = ZoneInfo("Europe/Paris")
    which = datetime.fromtimestamp(T0 - 10 * DAY_S, zone).strftime("%Y-%m")
    days = [one for one in component(whole(fleet, page))["days"] if one["day"].startswith(which)]
    starts = {datetime.fromisoformat(one["from"]).astimezone(zone).hour for one in days}
    assert starts == {0}
    fleet.db.write(lambda c: stored_states.write(c, STATES))
    fleet.db.write(lambda c: stored_outages.write(c, PAST.outages))
    over = services.month(fleet.board.now, fleet.db, "checkout", which, zone)
    assert over["downtime_seconds"] > 0.0
    for name in ("downtime_seconds", "downtime_planned_seconds", "known_seconds"):
        added = sum(one[name] or 0.0 for one in days)
        assert added == pytest.approx(over[name], abs=1e-3), name


def test_a_day_that_nobody_measured_has_no_figure(fleet: Fleet) -> None:
    put(fleet, PAGE)
    watched(fleet)
    days = component(whole(fleet))["days"]
    assert len(days) == 90
    assert days[0]["availability"] is None  # before it was known
    unknown = [one for one in days if one["coverage"] == 0.0]
    assert all(one["availability"] is None for one in unknown)
    partly = [one for one in days if 0.0 < one["coverage"] < 0.99]
    assert partly  # the edges of what was not measured
    assert days[-1]["availability"] is not None


def test_without_incidents_the_state_is_that_of_the_services(fleet: Fleet) -> None:
    put(fleet, PAGE)
    found = whole(fleet)
    assert (found["state"], found["stale"]) == ("operational", False)
    watched(fleet, state=ServiceState.DOWN)
    found = whole(fleet)
    assert [one["state"] for one in found["groups"]] == ["major_outage", "operational"]
    assert found["state"] == "major_outage"


@pytest.mark.parametrize(("after", "stale"), [(15.0, False), (15.1, True)])
def test_after_three_intervals_without_a_measurement_nothing_is_operational(
    fleet: Fleet, after: float, stale: bool
) -> None:
    put(fleet, PAGE)
    found = whole(fleet, now=T0 + after)
    assert found["stale"] is stale
    states = {one["state"] for group in found["groups"] for one in group["components"]}
    assert ("operational" in states) is not stale
    assert (component(found)["measured_until"] is not None) is stale


def test_before_the_first_tick_nothing_is_known(fleet: Fleet) -> None:
    fleet.board.now = live(status=None)
    put(fleet, PAGE)
    found = whole(fleet)
    assert (found["state"], found["stale"], found["measured_at"]) == ("unknown", True, None)
    assert {one["availability"] for one in component(found)["days"]} == {None}


def test_of_several_services_the_worst_is_shown_and_no_gap_is_hidden(fleet: Fleet) -> None:
    both = replace(PAGE.components[0], services=("checkout", "frontend"))
    page = replace(PAGE, groups=(replace(PAGE.groups[0], components=(both,)),))
    put(fleet, page)
    watched(fleet)  # frontend was never measured
    days = component(whole(fleet, page))["days"]
    assert {one["availability"] is None for one in days if not one["downtime_seconds"]} == {True}
    assert any(one["downtime_seconds"] for one in days)


def test_a_manual_page_shows_what_customers_were_told_of_and_no_more(fleet: Fleet) -> None:
    put(fleet, PAGE)
    silent = opened(fleet)
    assert whole(fleet)["incidents"] == []
    tell(fleet, silent, "internal", audience="internal")
    assert whole(fleet)["incidents"] == []
    tell(fleet, silent, "We look into it.")
    (one,) = whole(fleet)["incidents"]
    assert (one["title"], one["status"]) == ("Problem with Paying", "investigating")
    assert [update["text"] for update in one["updates"]] == ["We look into it."]
    assert component(whole(fleet))["state"] == "partial_outage"


def test_an_automatic_page_says_what_there_is_to_say(fleet: Fleet) -> None:
    put(fleet, auto())
    opened(fleet, severity=3)
    opened(fleet, "frontend", severity=4)
    (one,) = whole(fleet, auto())["incidents"]
    assert one["updates"][0]["text"] == "We are looking into a problem with Paying."
    assert component(whole(fleet, auto()))["state"] == "degraded_performance"


def test_what_is_over_stays_with_its_messages(fleet: Fleet) -> None:
    put(fleet, PAGE)
    number = opened(fleet, state="resolved", resolved_at=T0 - 10, resolved_by="ann", open_key=None)
    tell(fleet, number, "We look into it.")
    (one,) = whole(fleet)["incidents"]
    assert (one["status"], len(one["updates"])) == ("resolved", 2)
    assert one["resolved_at"] is not None
    assert component(whole(fleet))["state"] == "operational"


def test_an_incident_hurts_components_of_affected_services_too(fleet: Fleet) -> None:
    put(fleet, PAGE)
    number = opened(fleet, "payments", affected='["frontend"]')
    tell(fleet, number, "Slow.")
    assert [one["state"] for one in whole(fleet)["groups"]] == ["operational", "partial_outage"]


@pytest.mark.parametrize("page", [PAGE, auto()])
def test_nothing_of_a_restricted_incident_and_no_word_from_inside_shows(
    fleet: Fleet, page: Any
) -> None:
    window = MaintenanceWindow(
        f"{SECRET}-window", ("checkout",), (), {}, wall_clock("2026-09-21 14:00:00"), 7200.0, "UTC",
        "", SECRET, SECRET,
    )  # fmt: skip
    put(fleet, page, maintenance=(window,))
    hidden = opened(fleet, severity=1, restricted=1)
    tell(fleet, hidden, f"{SECRET} of a restricted one")
    shown = opened(fleet, "frontend", severity=1)
    tell(fleet, shown, "Told to customers.")
    tell(fleet, shown, f"{SECRET} for us", audience="internal")
    tell(fleet, shown, f"{SECRET} for them", audience="executive")
    found = whole(fleet, page)
    text = orjson.dumps(found).decode()
    assert len(found["maintenance"]) == 1
    assert SECRET not in text
    assert "checkout" not in text  # services are named inside only
    assert [one["title"] for one in found["incidents"]] == ["Problem with Pages"]
    assert component(found)["state"] == "operational"


def test_planned_work_shows_from_a_fortnight_before_to_its_end(fleet: Fleet) -> None:
    start = datetime.fromtimestamp(T0 + 3600, ZoneInfo("UTC")).replace(tzinfo=None, microsecond=0)
    window = MaintenanceWindow("w", ("checkout",), (), {}, start, 7200.0, "UTC", "", "o", "r")
    put(fleet, PAGE, maintenance=(window,))
    (one,) = whole(fleet)["maintenance"]
    assert (one["components"], one["now"]) == (["Paying"], False)
    assert whole(fleet, now=T0 + 7200)["maintenance"][0]["now"] is True
    assert whole(fleet, now=T0 + 4 * 3600)["maintenance"] == []
    assert whole(fleet, now=T0 - 20 * DAY_S)["maintenance"] == []


def test_the_list_counts_subscribers_where_there_can_be_some(fleet: Fleet) -> None:
    put(fleet, PAGE, INSIDE)
    inside, shop = views.pages(fleet.board.now, fleet.db, T0, {"shop": (3, 1)})
    assert (inside["public"], inside["subscribers"]) == (False, None)
    assert shop["subscribers"] == {"confirmed": 3, "unconfirmed": 1}
