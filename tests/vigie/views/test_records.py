"""Incidents as every reader sees them."""

from dataclasses import replace

from fleet import CONFIG, RUNBOOK, T0, Fleet, burn_signal, live, no_data_signal
from incidents.model import EventKind, Severity
from vigie.store import incidents as store
from vigie.store.visibility import EVERYTHING
from vigie.views import incident, incidents, timeline


def test_an_incident_shows_every_time_of_its_life(fleet: Fleet) -> None:
    shown = incident(fleet.db, live(), fleet.open(), fleet.collected)
    assert shown is not None
    assert (shown["severity"], shown["priority"], shown["urgency"]) == ("SEV2", "P2", "high")
    assert (shown["type"], shown["state"]) == ("slo-burn", "triage")
    assert shown["started_at"] == "2026-09-21T14:05:10.000Z"
    for name in ("detected_at", "reported_at", "opened_at"):
        assert shown[name] == "2026-09-21T14:05:20.000Z"
    for name in ("acknowledged", "mitigated", "recovered", "resolved", "closed"):
        assert shown[f"{name}_at"] is None
    assert shown["url"] == "/incidents/1"


def test_an_incident_shows_its_figures_with_their_times(fleet: Fleet) -> None:
    shown = incident(fleet.db, live(), fleet.open(), fleet.collected)
    assert shown is not None
    long = shown["detail"]["arms"][0]["long"]
    assert (long["bad"], long["total"]) == (1800, 10_000)
    assert long["to"] == "2026-09-21T14:13:20.000Z"


def test_a_runbook_that_ran_is_shown_as_it_was_then(fleet: Fleet) -> None:
    number = fleet.open()
    fleet.tell(number)
    changed = replace(RUNBOOK, title="Changed since", steps=())
    state = replace(live(), config=replace(CONFIG, runbooks=(changed,)))
    shown = incident(fleet.db, state, number, fleet.collected)
    assert shown is not None
    (runbook,) = shown["runbooks"]
    assert (runbook["title"], runbook["state"]) == (RUNBOOK.title, "done")
    assert runbook["reason"] == "matches type slo-burn, service checkout"
    errors, roll_back = runbook["steps"]
    assert (errors["state"], errors["output"].splitlines()[0]) == ("done", "payments 503: 412")
    assert (roll_back["state"], roll_back["kind"]) == ("manual", "manual")


def test_a_runbook_that_fits_and_did_not_run_is_suggested(fleet: Fleet) -> None:
    shown = incident(fleet.db, live(), fleet.open(), fleet.collected)
    assert shown is not None
    (runbook,) = shown["runbooks"]
    assert (runbook["name"], runbook["state"]) == ("checkout-errors", None)
    assert [step["state"] for step in runbook["steps"]] == [None, None]


def test_a_runbook_for_another_service_is_not_shown(fleet: Fleet) -> None:
    shown = incident(fleet.db, live(), fleet.open(no_data_signal()), fleet.collected)
    assert shown is not None
    assert shown["runbooks"] == []


def test_every_attempt_to_reach_somebody_is_shown(fleet: Fleet) -> None:
    number = fleet.open()
    fleet.tell(number)
    shown = incident(fleet.db, live(), number, fleet.collected)
    assert shown is not None
    assert [(d["attempt"], d["outcome"]) for d in shown["deliveries"]] == [
        (1, "failed"),
        (2, "delivered"),
    ]


def test_incidents_come_newest_first_a_page_at_a_time(fleet: Fleet) -> None:
    for service in "abcde":
        fleet.open(burn_signal(service))
    first = incidents(fleet.db, limit=2, viewer=EVERYTHING)
    assert ([i["number"] for i in first["items"]], first["next"]) == ([5, 4], "4")
    second = incidents(fleet.db, limit=2, cursor=int(first["next"]), viewer=EVERYTHING)
    assert ([i["number"] for i in second["items"]], second["next"]) == ([3, 2], "2")
    last = incidents(fleet.db, limit=2, cursor=int(second["next"]), viewer=EVERYTHING)
    assert ([i["number"] for i in last["items"]], last["next"]) == ([1], None)


def test_incidents_are_found_by_state_and_service(fleet: Fleet) -> None:
    fleet.open(burn_signal("a"))
    fleet.open(burn_signal("b", Severity.SEV1))
    of_a = incidents(fleet.db, "open", "a", viewer=EVERYTHING)["items"]
    assert [i["service"] for i in of_a] == ["a"]
    assert incidents(fleet.db, "resolved", viewer=EVERYTHING)["items"] == []


def test_the_timeline_can_be_followed(fleet: Fleet) -> None:
    number = fleet.open()
    first = timeline(fleet.db, number)
    assert first is not None
    assert [entry["kind"] for entry in first["items"]] == ["opened"]
    said = EventKind.COMMENTED
    fleet.db.write(lambda c: store.append(c, number, T0, said, "ada", "looking", {}))
    after = timeline(fleet.db, number, first["items"][-1]["id"])
    assert after is not None
    assert [(e["actor"], e["text"]) for e in after["items"]] == [("ada", "looking")]


def test_an_incident_that_is_not_there_is_none(fleet: Fleet) -> None:
    assert incident(fleet.db, live(), 7, fleet.collected) is None
    assert timeline(fleet.db, 7) is None
