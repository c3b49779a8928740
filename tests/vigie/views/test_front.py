"""The overview answers what is broken first, and never claims more than is known."""

from dataclasses import replace
from typing import Any

import pytest

from fleet import BROKEN, CALM, CONFIG, ONCALL, T0, Fleet, burn_signal, live, no_data_signal
from incidents.model import Severity
from slo.load.codes import Code
from slo.load.yaml import Mark, Problem
from vigie.store import jobs
from vigie.store.errors import Unavailable
from vigie.store.visibility import EVERYTHING
from vigie.views import overview


def kinds(facts: dict[str, Any]) -> list[str]:
    return [warning["kind"] for warning in facts["warnings"]]


def test_a_calm_fleet_is_ok_and_warns_of_nothing(fleet: Fleet) -> None:
    facts = overview(live(CALM), fleet.db, viewer=EVERYTHING)
    assert (facts["verdict"], facts["warnings"]) == ("ok", [])
    assert facts["broken"]["incidents"] == []


def test_what_is_broken_comes_by_kind_the_worst_first(fleet: Fleet) -> None:
    fleet.open(burn_signal())
    fleet.open(no_data_signal())
    fleet.open(burn_signal("frontend", Severity.SEV1))
    facts = overview(live(BROKEN), fleet.db, viewer=EVERYTHING)
    assert facts["verdict"] == "broken"
    severities = [i["severity"] for i in facts["broken"]["incidents"]]
    assert severities == ["SEV1", "SEV2", "SEV4"]
    assert [s["name"] for s in facts["broken"]["services"]] == ["checkout"]
    assert [s["id"] for s in facts["broken"]["slos"]] == [
        "checkout/availability",
        "frontend/availability",
    ]
    assert [s["id"] for s in facts["slos"]] == [
        "checkout/availability",
        "frontend/availability",
        "payments/availability",
    ]


def test_before_the_first_tick_nothing_is_claimed(fleet: Fleet) -> None:
    assert overview(live(None), fleet.db, viewer=EVERYTHING)["verdict"] == "unknown"


def test_a_tick_that_fails_is_said_with_its_reason(fleet: Fleet) -> None:
    state = live(CALM, ticks_failed=3, tick_error="the disk is full")
    facts = overview(state, fleet.db, viewer=EVERYTHING)
    assert facts["verdict"] == "unknown"
    assert kinds(facts) == ["tick"]
    assert facts["warnings"][0]["text"] == "the disk is full"


def test_a_refused_reload_is_said_with_its_place(fleet: Fleet) -> None:
    refused = "slos/a.yaml:3:5: error: unknown key `objectve`"
    facts = overview(live(CALM, reload_error=refused), fleet.db, viewer=EVERYTHING)
    assert kinds(facts) == ["reload"]
    assert facts["warnings"][0]["text"] == refused


@pytest.mark.parametrize("receives", [frozenset(), frozenset({"notice"})])
def test_nobody_to_page_is_said(fleet: Fleet, receives: frozenset[str]) -> None:
    channel = replace(ONCALL, receives=receives)
    state = replace(live(), config=replace(CONFIG, channels={channel.name: channel}))
    assert kinds(overview(state, fleet.db, viewer=EVERYTHING)) == ["channels"]


def test_warnings_of_the_files_are_shown_with_their_place(fleet: Fleet) -> None:
    problem = Problem(
        Mark("slos/a.yaml", 9, 3), "the factor was capped", Code.UNREACHABLE, warning=True
    )
    state = replace(live(), config=replace(CONFIG, warnings=(problem,)))
    (warning,) = overview(state, fleet.db, viewer=EVERYTHING)["warnings"]
    assert (warning["title"], warning["text"]) == ("the factor was capped", "slos/a.yaml:9:3")


def test_jobs_given_up_are_said(fleet: Fleet) -> None:
    def lose(c: Any) -> None:
        jobs.enqueue(c, jobs.NewJob("notify", "notify:1", {}, T0), T0)
        (job,) = jobs.claim(c, "worker", ["notify"], now=T0, lease_s=30.0, limit=1)
        jobs.kill(c, job, T0, "410 Gone")

    fleet.db.write(lose)
    facts = overview(live(), fleet.db, viewer=EVERYTHING)
    assert kinds(facts) == ["jobs"]
    assert "1" in facts["warnings"][0]["title"]


class Unreadable:
    """A database that answers nothing."""

    def read(self, _: Any) -> Any:
        raise Unavailable("disk I/O error")


def test_without_its_database_the_overview_still_shows_figures() -> None:
    facts = overview(live(CALM), Unreadable(), viewer=EVERYTHING)
    assert facts["verdict"] == "unknown"
    assert facts["broken"]["incidents"] is None
    assert [s["incidents_open"] for s in facts["services"]] == [None, None, None]
    assert facts["slos"][0]["sli"] is not None
    assert kinds(facts) == ["database"]
