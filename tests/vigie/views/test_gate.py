"""The deploy gate as the API and the command line show it."""

from dataclasses import replace
from typing import Any

from fleet import BROKEN, CALM, CONFIG, T0, Fleet, live
from slo.spec import Service
from vigie.store import gate as store
from vigie.views import gate as views


def shown(fleet: Fleet, service: str, now: float = T0) -> Any:
    return views.gate(fleet.board.now, fleet.db, service, now)


def overridden(fleet: Fleet, at: float = T0, lasts_s: float = 3600.0) -> None:
    fleet.db.write(
        lambda c: store.add(
            c, "checkout", author="ann", reason="the fix", now=at, expires_at=at + lasts_s
        )
    )


def test_a_service_with_budget_is_open(fleet: Fleet) -> None:
    assert shown(fleet, "checkout") == {
        "service": "checkout",
        "gate": "open",
        "state": "open",
        "reasons": [
            {
                "state": "open",
                "passes": True,
                "slo": "checkout/availability",
                "action": "budget-spent",
                "text": "88 % of the error budget is left",
            }
        ],
        "override": None,
        "at": "2026-09-21T14:13:20.000Z",
    }


def test_a_spent_budget_closes_and_an_override_opens_and_is_shown(fleet: Fleet) -> None:
    fleet.board.now = live(BROKEN)
    closed = shown(fleet, "checkout")
    assert (closed["gate"], closed["state"], closed["override"]) == ("closed", "closed", None)
    assert closed["reasons"][0]["text"] == "the error budget is overspent by 80 %"
    overridden(fleet)
    opened = shown(fleet, "checkout", T0 + 60)
    assert (opened["gate"], opened["state"], opened["reasons"]) == (
        "open",
        "closed",
        closed["reasons"],
    )
    assert opened["override"] == {
        "id": 1,
        "author": "ann",
        "reason": "the fix",
        "created_at": "2026-09-21T14:13:20.000Z",
        "expires_at": "2026-09-21T15:13:20.000Z",
        "withdrawn_at": None,
        "withdrawn_by": None,
    }
    assert shown(fleet, "checkout", T0 + 3600)["gate"] == "closed"


def test_what_nobody_measured_is_unknown_and_passes_with_a_warning(fleet: Fleet) -> None:
    for service, status in (("payments", CALM), ("checkout", None)):
        fleet.board.now = live(status)
        unknown = shown(fleet, service)
        assert (unknown["gate"], unknown["state"]) == ("open", "unknown")
        assert unknown["reasons"][0]["passes"]


def test_an_slo_that_a_reload_just_brought_is_unknown(fleet: Fleet) -> None:
    slos = {name: one for name, one in CALM.slos.items() if not name.startswith("checkout")}
    fleet.board.now = live(replace(CALM, slos=slos))
    assert shown(fleet, "checkout")["state"] == "unknown"


def test_a_service_without_slos_is_open_and_an_unknown_one_has_no_gate(fleet: Fleet) -> None:
    config = replace(CONFIG, services={**CONFIG.services, "mail": Service("mail")})
    fleet.board.now = replace(fleet.board.now, config=config)
    assert shown(fleet, "mail")["gate"] == "open"
    assert shown(fleet, "mial") is None
    assert views.overrides(fleet.board.now, fleet.db, "mial", None, 10) is None


def test_a_cursor_leads_through_every_override_once(fleet: Fleet) -> None:
    for number in range(5):
        overridden(fleet, T0 + number)
    seen, cursor, pages = [], None, 0
    while pages == 0 or cursor:
        before = int(cursor) if cursor else None
        page = views.overrides(fleet.board.now, fleet.db, "checkout", before, 2)
        assert page is not None
        seen += [one["id"] for one in page["items"]]
        cursor, pages = page["next"], pages + 1
    assert (seen, pages) == ([5, 4, 3, 2, 1], 3)
