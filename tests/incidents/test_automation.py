"""Which entries an automation is for, what it says, and what ends a loop."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from incidents import load_automation, template
from incidents.automation import (
    EVENTS,
    Action,
    Automation,
    Conditions,
    Matcher,
    Window,
    described,
    matches,
    planned,
    reasons,
    refusal,
    said,
    who_is,
    within,
)
from incidents.fields import PREFIX
from incidents.links import LinkKind
from incidents.model import EventKind
from incidents.people import Part
from incidents.tasks import TaskKind

INCIDENT: dict[str, Any] = {
    "number": 7,
    "title": "Checkout\nburns",
    "service": "checkout",
    "type": "slo-burn",
    "slo": "availability",
    "severity": 2,
    "priority": 2,
    "urgency": "high",
    "category": "network",
    "subcategory": None,
    "cause": None,
    "tier": 1,
    "restricted": 0,
    "detected_by": "machine",
    "state": "triage",
    "sub_status": None,
    "reporter": "vigie",
    "acknowledged_by": None,
    "users_affected": None,
    "labels": {"team": "pay", "zone": "eu-1"},
}
ENTRY: dict[str, Any] = {"kind": "opened", "actor": "vigie", "text": "Opened", "position": 1}
MONDAY_NOON = datetime(2026, 11, 23, 12, tzinfo=ZoneInfo("UTC")).timestamp()
NIGHT = Window((4,), 22 * 3600, 6 * 3600)


@pytest.mark.parametrize(
    ("conditions", "holds"),
    [
        (Conditions(), True),
        (Conditions(services=("checkout", "blog")), True),
        (Conditions(services=("blog",)), False),
        (Conditions(types=("slo-burn",)), True),
        (Conditions(types=("no-data",)), False),
        (Conditions(severity=1), False),
        (Conditions(severity=2), True),
        (Conditions(severity=3), True),
        (Conditions(priority=1), False),
        (Conditions(priority=4), True),
        (Conditions(urgency="high"), True),
        (Conditions(urgency="low"), False),
        (Conditions(labels=(Matcher("team", "=", "pay"),)), True),
        (Conditions(labels=(Matcher("team", "!=", "pay"),)), False),
        (Conditions(labels=(Matcher("zone", "=~", "eu-.*"),)), True),
        (Conditions(labels=(Matcher("zone", "=~", "eu"),)), False),  # the whole value
        (Conditions(labels=(Matcher("zone", "!~", "us-.*"), Matcher("team", "=", "pay"))), True),
        (Conditions(labels=(Matcher("zone", "!~", "us-.*"), Matcher("team", "=", "x"))), False),
        (Conditions(labels=(Matcher("none", "=", ""),)), True),
        (Conditions(labels=(Matcher("none", "!=", ""),)), False),
        (Conditions(categories=("network",)), True),
        (Conditions(categories=("power",)), False),
        (Conditions(causes=("deploy",)), False),
        (Conditions(tiers=(1, 2)), True),
        (Conditions(tiers=(3,)), False),
        (Conditions(restricted=False), True),
        (Conditions(restricted=True), False),
        (Conditions(detected_by="machine"), True),
        (Conditions(detected_by="person"), False),
        (Conditions(states=("triage",)), True),
        (Conditions(states=("resolved",)), False),
        (Conditions(actor="machine"), True),
        (Conditions(actor="person"), False),
        (Conditions(window=Window((0,), 9 * 3600, 17 * 3600)), True),
        (Conditions(window=Window((1,), 9 * 3600, 17 * 3600)), False),
        (Conditions(window=Window((), 0, 12 * 3600)), False),
    ],
)
def test_conditions(conditions: Conditions, holds: bool) -> None:
    one = Automation("a", ("opened",), (), conditions)
    why = reasons(one, INCIDENT, ENTRY, INCIDENT["labels"], MONDAY_NOON)
    assert (why is not None) == holds
    if why is not None:
        assert why == ["opened", *described(conditions)]


def test_another_event_is_not_meant() -> None:
    one = Automation("a", ("resolved", "closed"), ())
    assert reasons(one, INCIDENT, ENTRY, {}, 0.0) is None


@pytest.mark.parametrize(
    ("zone", "at", "inside"),
    [
        ("UTC", "2026-11-27T22:00:00+00:00", True),  # Friday
        ("UTC", "2026-11-27T21:59:59+00:00", False),
        ("UTC", "2026-11-28T05:59:59+00:00", True),  # it began on Friday
        ("UTC", "2026-11-28T06:00:00+00:00", False),
        ("UTC", "2026-11-28T22:00:00+00:00", False),  # Saturday
        ("UTC", "2026-11-27T05:00:00+00:00", False),  # began on Thursday
        ("Europe/Berlin", "2026-11-27T21:00:00+00:00", True),
        ("Europe/Berlin", "2026-11-28T05:30:00+00:00", False),
    ],
)
def test_a_window_past_midnight_is_of_the_day_that_it_began(
    zone: str, at: str, inside: bool
) -> None:
    assert within(NIGHT._replace(zone=zone), datetime.fromisoformat(at).timestamp()) == inside


@pytest.mark.parametrize(
    ("actor", "who"),
    [
        ("ada", "person"),
        ("ada/laptop", "person"),
        ("api", "person"),
        ("bob (by ada/ci)", "person"),
        ("vigie", "machine"),
        ("automation/a", "machine"),
        ("token/ci", "machine"),
        ("system", "machine"),
    ],
)
def test_who_made_an_entry(actor: str, who: str) -> None:
    assert who_is(actor) == who


def test_placeholders_are_filled_in_on_one_line_each() -> None:
    given = {"text": "#${number} ${title}: ${severity} ${priority} ${tier}, $${cause} [${cause}]"}
    one = Automation("a", ("opened",), (Action("comment", given),))
    (what,) = planned(one, INCIDENT, ENTRY)
    assert what.given["text"] == "#7 Checkout burns: SEV2 P2 L1, ${cause} []"
    assert said(what) == f"comment {what.given['text']}"


def test_what_is_filled_in_is_not_read_again_and_bounded() -> None:
    incident = {**INCIDENT, "title": "${number}" + "x" * 1_000}
    given = {"field.a": ["${title}", 3, True, None]}
    one = Automation("a", ("opened",), (Action("set", given),))
    (what,) = planned(one, incident, ENTRY)
    title, *rest = what.given["field.a"]
    assert (title[:10], len(title)) == ("${number}x", template.MAX_WORD)
    assert rest == [3, True, None]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a ${number} $$ $${x}", []),
        ("a ${titel}", [(3, "titel")]),
        ("$", [(1, None)]),
        ("ab $title", [(4, None)]),
        ("${", [(1, None)]),
        ("${}", [(1, "")]),
        ("${number.__class__}", [(1, "number.__class__")]),
    ],
)
def test_what_is_wrong_with_a_text_has_its_place(text: str, told: list[Any]) -> None:
    assert [(at, name) for at, _, name in template.problems(text)] == told


@pytest.mark.parametrize(
    ("chain", "runs", "words"),
    [
        ((), 0, None),
        (("b",), 19, None),
        (("b", "c"), 0, None),
        (("a",), 0, "it follows from what it did itself (a -> a)"),
        (("a", "b"), 0, "it follows from what it did itself (a -> b -> a)"),
        (("b", "c", "d"), 0, "at most 3 automations follow from one another (b -> c -> d -> a)"),
        ((), 20, "20 automations ran on this incident within an hour, and no more may"),
    ],
)
def test_what_ends_a_loop(chain: tuple[str, ...], runs: int, words: str | None) -> None:
    assert refusal("a", chain, runs) == words


def test_a_pattern_takes_time_in_proportion_to_the_text() -> None:
    assert not matches(Matcher("a", "=~", "(a+)+b"), "a" * 5_000)


def test_words_of_others_are_those_of_others() -> None:
    never = {EventKind.CLEARING, EventKind.UNSETTLED, EventKind.AUTOMATED}
    assert set(EVENTS) == {kind.value for kind in EventKind if kind not in never}
    assert tuple(part.value for part in Part) == load_automation.PARTS
    assert tuple(kind.value for kind in TaskKind) == load_automation.TASK_KINDS
    assert set(load_automation.LINKS) == {k.value for k in LinkKind} - {LinkKind.RUN.value}
    assert load_automation.PREFIX == PREFIX
