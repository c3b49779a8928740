"""Automations over recorded timelines: what the incident was at each entry, and after a time."""

from typing import Any

import pytest

from incidents.automation import Action, Automation, Conditions
from incidents.automation_past import Found, replay

NOW = 10_000.0
TODAY: dict[str, Any] = {
    "number": 1,
    "title": "t",
    "service": "shop",
    "slo": "a",
    "type": "slo-burn",
    "severity": 1,
    "priority": 1,
    "urgency": "high",
    "category": "network",
    "subcategory": None,
    "cause": None,
    "tier": 3,
    "restricted": 1,
    "detected_by": "machine",
    "state": "closed",
    "sub_status": None,
    "reporter": "vigie",
    "acknowledged_by": "ada",
    "users_affected": None,
    "labels": {},
    "fields": {"x": "new"},
}
CHANGES = [
    {"field": "category", "old": None, "new": "network"},
    {"field": "field.x", "old": "old", "new": "new"},
]


def entries(*told: tuple[float, str, str, dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {
            "position": position,
            "recorded_at": at,
            "kind": kind,
            "actor": actor,
            "text": kind,
            "data": data,
        }
        for position, (at, kind, actor, data) in enumerate(told, start=1)
    ]


LIFE = entries(
    (100.0, "opened", "vigie", {"severity": "SEV3", "urgency": "low"}),
    (200.0, "commented", "eve", {}),
    (300.0, "acknowledged", "ada", {}),
    (310.0, "commented", "eve", {}),
    (400.0, "upgraded", "vigie", {"severity": "SEV2", "urgency": "high"}),
    (410.0, "commented", "eve", {}),
    (500.0, "severity_set", "ada", {"severity": "SEV1", "priority": "P2"}),
    (510.0, "commented", "eve", {}),
    (600.0, "field_set", "ada", {"changes": CHANGES}),
    (610.0, "commented", "eve", {}),
    (700.0, "escalated", "ada", {"from": "L1", "to": "L2"}),
    (710.0, "commented", "eve", {}),
    (800.0, "status_set", "ada", {"from": "investigating", "to": "identified"}),
    (810.0, "commented", "eve", {}),
    (900.0, "resolved", "ada", {}),
    (910.0, "commented", "eve", {}),
    (920.0, "restricted", "ada", {"restricted": True}),
    (930.0, "commented", "eve", {}),
    (940.0, "closed", "desk", {}),
    (950.0, "commented", "eve", {}),
)


def found(
    rules: list[Automation], told: list[dict[str, Any]] = LIFE, since: float = 0.0
) -> list[Found]:
    rank = lambda severity, urgency: severity + (urgency == "low")  # noqa: E731 - the usual matrix
    return list(replay(rules, TODAY, told, {}, rank, since, NOW))


def comments(conditions: Conditions, **more: Any) -> Automation:
    return Automation("a", ("commented",), (Action("page", {"text": ""}),), conditions, **more)


@pytest.mark.parametrize(
    ("conditions", "at"),
    [
        (Conditions(states=("triage",)), [200]),
        (Conditions(states=("investigating",)), [310, 410, 510, 610, 710]),
        (Conditions(states=("identified",)), [810]),
        (Conditions(states=("resolved",)), [910, 930]),
        (Conditions(states=("closed",)), [950]),
        (Conditions(severity=2), [410, 510, 610, 710, 810, 910, 930, 950]),
        (Conditions(severity=1), [510, 610, 710, 810, 910, 930, 950]),
        (Conditions(urgency="low"), [200, 310]),
        (Conditions(priority=1), []),
        (Conditions(priority=2), [410, 510, 610, 710, 810, 910, 930, 950]),
        (Conditions(categories=("network",)), [610, 710, 810, 910, 930, 950]),
        (Conditions(tiers=(1,)), [200, 310, 410, 510, 610]),
        (Conditions(tiers=(2,)), [710, 810, 910, 930, 950]),
        (Conditions(restricted=True), [930, 950]),
        (Conditions(actor="machine"), []),
    ],
)
def test_an_incident_is_what_it_was_at_each_entry(conditions: Conditions, at: list[int]) -> None:
    assert [one.at for one in found([comments(conditions)])] == at


def test_only_what_was_recorded_since_is_asked_about() -> None:
    assert [one.at for one in found([comments(Conditions())], since=900.0)] == [910, 930, 950]


@pytest.mark.parametrize(
    ("for_s", "at"),
    [(50.0, [250.0]), (99.0, [299.0]), (100.0, []), (20_000.0, [])],
)
def test_still_so_after_a_time(for_s: float, at: list[float]) -> None:
    asks = Conditions(states=("triage",))
    assert [one.at for one in found([comments(asks, for_s=for_s)])] == at


def test_words_are_those_of_that_moment() -> None:
    one = Automation("a", ("opened",), (Action("comment", {"text": "${severity} ${priority}"}),))
    (told,) = found([one])
    assert told.actions[0].given["text"] == "SEV3 P4"


def test_what_an_automation_did_does_not_start_it_again() -> None:
    told = entries((1.0, "opened", "vigie", {}), (2.0, "commented", "automation/a", {}))
    (one,) = found([comments(Conditions())], told)
    assert one.refused == "it follows from what it did itself (a -> a)"
    (other,) = found([comments(Conditions())._replace(name="b")], told)
    assert other.refused is None


def test_too_many_in_an_hour_are_said_to_be_refused() -> None:
    told = entries(*((float(n), "commented", "eve", {}) for n in range(1, 25)))
    refused = [one.refused is not None for one in found([comments(Conditions())], told)]
    assert refused == [False] * 20 + [True] * 4
