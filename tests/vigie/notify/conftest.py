"""The incident that the tests of this folder tell people about."""

from typing import Any

import pytest

from incidents.model import EventKind
from vigie.notify.message import Message, about_incident

NOW = 1_790_000_000.0


@pytest.fixture
def incident() -> dict[str, Any]:
    """An incident as `vigie.store.incidents.get` gives it."""
    window = {
        "window": "5m",
        "window_seconds": 300.0,
        "burn_rate": 210.0,
        "good": 790,
        "total": 1000,
        "bad": 210,
        "coverage": 0.98,
        "from": NOW - 300,
        "to": NOW,
    }
    return {
        "number": 12,
        "key": "slo-burn:checkout/availability",
        "title": "checkout/availability burns 210x its error budget (1h/5m)",
        "type": "slo-burn",
        "service": "checkout",
        "slo": "availability",
        "state": "triage",
        "severity": 2,
        "urgency": "high",
        "priority": 1,
        "reporter": "vigie",
        "labels": {"tier": "1"},
        "detail": {
            "objective": 0.999,
            "sli": 0.9995,
            "budget_remaining": 0.5,
            "arms": [
                {
                    "name": "page-1h-5m",
                    "kind": "page",
                    "state": "firing",
                    "burn_threshold": 14.4,
                    "long": {**window, "window": "1h"},
                    "short": window,
                }
            ],
        },
        "started_at": NOW - 5.0,
        "detected_at": NOW,
        "reported_at": NOW,
        "opened_at": NOW,
        "acknowledged_at": None,
        "acknowledged_by": None,
        "mitigated_at": None,
        "clear_since": None,
        "recovered_at": None,
        "resolved_at": None,
        "resolved_by": None,
        "closed_at": None,
    }


@pytest.fixture
def message(incident: dict[str, Any]) -> Message:
    return about_incident(
        incident,
        dedup="notify:12:page:oncall",
        kind="page",
        event=EventKind.OPENED,
        happened=incident["title"],
        url="http://vigie.example/incidents/12",
        runbooks=(),
    )
