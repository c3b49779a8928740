"""SLOs as every reader sees them."""

from dataclasses import replace

import pytest

from fleet import CALM, CHECKOUT, CONFIG, PAGE, figures, live, watch
from slo.spec import AlertState
from vigie.views import slo, slos


def test_an_slo_shows_its_window_budget_and_arms() -> None:
    shown = slo(live(CALM), "checkout/availability")
    assert shown is not None
    assert (shown["objective"], shown["window"], shown["window_seconds"]) == (0.999, "30d", 2592000)
    assert (shown["good"], shown["total"], shown["sli"]) == (999_880, 1_000_000, 0.99988)
    assert shown["budget_remaining"] == pytest.approx(0.88)
    assert shown["from"] == "2026-08-22T14:13:20.000Z"
    assert shown["to"] == "2026-09-21T14:13:20.000Z"
    assert list(shown["burn_rates"]) == ["5m", "1h", "6h", "3d"]
    page = shown["arms"][0]
    assert (page["name"], page["kind"], page["state"]) == (PAGE.name, "page", "ok")
    assert page["since"] == "2026-09-21T14:05:20.000Z"
    assert page["burn_threshold"] == 14.4
    assert page["long"] == {
        "window": "1h",
        "window_seconds": 3600.0,
        "burn_rate": pytest.approx(12.0),
        "good": 9_880,
        "total": 10_000,
        "bad": 120,
        "coverage": 1.0,
        "sli": 0.988,
        "from": "2026-09-21T13:13:20.000Z",
        "to": "2026-09-21T14:13:20.000Z",
    }


@pytest.mark.parametrize(
    ("state", "word"),
    [(AlertState.OK, "ok"), (AlertState.FIRING, "firing"), (AlertState.FROZEN, "frozen")],
)
def test_the_worst_arm_speaks_for_the_slo(state: AlertState, word: str) -> None:
    status = replace(CALM, slos={CHECKOUT.slo.id: figures(CHECKOUT, state=state)})
    shown = slo(live(status), CHECKOUT.slo.id)
    assert shown is not None
    assert shown["alert"] == word


def test_what_nobody_measured_is_unknown_and_not_zero() -> None:
    for shown in slos(live(None))["items"]:
        for name in ("sli", "good", "total", "coverage", "budget_remaining", "alert", "no_data"):
            assert shown[name] is None, name


def test_a_window_without_events_has_no_sli_and_no_burn_rate() -> None:
    shown = slo(live(CALM), "payments/availability")
    assert shown is not None
    assert (shown["total"], shown["sli"], shown["budget_remaining"]) == (0, None, None)
    assert set(shown["burn_rates"].values()) == {None}


def test_the_files_in_force_say_which_slos_there_are() -> None:
    """Between a reload and the next tick: a new one is unknown, one that was removed is gone."""
    new = watch("checkout", "latency")
    state = live(CALM)
    config = replace(CONFIG, watches={CHECKOUT.slo.id: CHECKOUT, new.slo.id: new})
    shown = slos(replace(state, config=config))["items"]
    assert [(s["id"], s["sli"] is None) for s in shown] == [
        ("checkout/availability", False),
        ("checkout/latency", True),
    ]


def test_slos_of_one_service_can_be_asked_for() -> None:
    assert [s["id"] for s in slos(live(), service="frontend")["items"]] == ["frontend/availability"]
    assert slos(live(), service="nobody") == {"items": [], "next": None}


def test_an_slo_that_is_not_there_is_none() -> None:
    assert slo(live(), "checkout/nothing") is None


def test_the_queries_are_shown_as_they_were_written() -> None:
    shown = slo(live(), "checkout/availability")
    assert shown is not None
    assert shown["query"] == {
        "bad": 'sum(http_requests_total{job="checkout",code=~"5.."})',
        "total": 'sum(http_requests_total{job="checkout"})',
    }
