"""What stakeholders are told, word for word, and when they are to be told again."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incidents.model import IncidentState
from incidents.types import TypeRules
from incidents.updates import CADENCE, Audience, Due, Status, Told, draft, due, status_of

T0 = 1_790_000_000.0  # 2026-09-21 14:13:20 UTC
RULES = TypeRules("slo-burn")
ROW: dict[str, Any] = {
    "number": 12,
    "title": "checkout/availability burns",
    "type": "slo-burn",
    "service": "checkout-svc",
    "severity": 1,
    "priority": 1,
    "state": "identified",
    "sub_status": None,
    "started_at": T0 - 5_400.0,
    "recovered_at": None,
    "resolved_at": None,
    "closed_at": None,
    "acknowledged_at": T0 - 5_000.0,
    "acknowledged_by": "ann",
    "users_affected": 12_000,
    "budget_burned": 0.125,
    "traffic_share": 0.031,
    "downtime_s": 0.0,
    "planned_downtime_s": 0.0,
    "impact": {"window": "30d", "reasons": []},
    "cause": "bad deploy",
    "resolution": None,
}


def said(audience: Audience, **changed: Any) -> str:
    return draft(ROW | changed, audience, RULES, "Checkout", T0 + 1_800.0, T0)


def test_who_works_on_it_is_told_every_figure() -> None:
    assert said(Audience.INTERNAL) == (
        "**Identified**, #12: checkout/availability burns\n\n"
        "- Checkout, SEV1, P1, identified, since 2026-09-21 12:43 UTC (1h30m)\n"
        "- Failed: 3.1 % of requests failed\n"
        "- Budget: 12.5 % of the 30d budget\n"
        "- Down: 0s\n"
        "- Users: 12,000 users affected\n\n"
        "The cause is known (bad deploy) and is being fixed.\n\n"
        "Next update: 2026-09-21 14:43 UTC"
    )


def test_executives_are_told_the_impact_and_what_is_done() -> None:
    assert said(Audience.EXECUTIVE) == (
        "**Identified**: checkout/availability burns (SEV1)\n\n"
        "Impact on Checkout since 2026-09-21 12:43 UTC, for 1h30m: 12,000 users affected; "
        "3.1 % of requests failed; down: 0s.\n\n"
        "What is done: The cause is known (bad deploy) and is being fixed.\n\n"
        "Next update: 2026-09-21 14:43 UTC"
    )


def test_customers_are_told_what_they_notice() -> None:
    assert said(Audience.CUSTOMER) == (
        "**Identified**: Checkout\n\n"
        "Some requests fail or take too long. We know the cause and are working on a fix. "
        "Since: 2026-09-21 12:43 UTC.\n\n"
        "Next update: 2026-09-21 14:43 UTC"
    )


def test_customers_are_told_that_it_is_over() -> None:
    over = {"state": "resolved", "resolved_at": T0, "downtime_s": 60.0}
    assert said(Audience.CUSTOMER, **over) == (
        "**Resolved**: Checkout\n\n"
        "It was not available. It is over. Since: 2026-09-21 12:43 UTC.\n\n"
        "Next update: none, it is over"
    )


@pytest.mark.parametrize("state", IncidentState)
@pytest.mark.parametrize("title", ["Checkout", ""])
def test_customers_read_nothing_of_ours(state: IncidentState, title: str) -> None:
    secret = {"title": "PLANTED", "cause": "PLANTED", "resolution": "PLANTED", "service": "PLANTED"}
    secret |= {"acknowledged_by": "PLANTED", "sub_status": "PLANTED"}
    text = draft(ROW | secret | {"state": state}, Audience.CUSTOMER, RULES, title, None, T0)
    assert "PLANTED" not in text
    assert not re.search(r"\b12\b|12,000|12\.5|3\.1|SEV", text.replace("2026-09-21 12:43", ""))


@pytest.mark.parametrize("name", ["users_affected", "budget_burned", "traffic_share", "downtime_s"])
def test_what_is_not_known_is_said_to_be_so(name: str) -> None:
    assert "not known" in said(Audience.INTERNAL, **{name: None})


def test_a_template_of_the_type_comes_first() -> None:
    rules = TypeRules("x", templates={"customer": "$service: $$5 off"})
    assert draft(ROW, Audience.CUSTOMER, rules, "Shop $title", None, T0) == "Shop $title: $5 off"


NASTY = st.text("$\\{}%#<>@[]()`*_|~!\n\r\u2028 abtitle:/", max_size=60)


@given(NASTY, st.sampled_from([Audience.INTERNAL, Audience.EXECUTIVE]))
def test_words_of_people_are_words(title: str, audience: Audience) -> None:
    """They stand where the title stands, on one line, and make neither mention nor markup."""
    plain, nasty = said(audience, title="T"), said(audience, title=title)
    head, tail = plain.split("T", 1)
    assert nasty.startswith(head.rstrip())
    assert nasty.count("\n") <= plain.count("\n")
    shown = nasty[len(head) : len(nasty) - len(tail)]
    assert not re.search(r"@\w|(?<!\\)(?:\\\\)*[<\[`*]", shown)


@pytest.mark.parametrize(
    ("state", "recovered_at", "status"),
    [
        ("triage", None, Status.INVESTIGATING),
        ("investigating", None, Status.INVESTIGATING),
        ("investigating", T0, Status.MONITORING),
        ("identified", None, Status.IDENTIFIED),
        ("mitigated", None, Status.MONITORING),
        ("resolved", T0, Status.RESOLVED),
        ("review", None, Status.RESOLVED),
        ("closed", None, Status.RESOLVED),
        ("cancelled", None, Status.RESOLVED),
        ("merged", None, Status.RESOLVED),
    ],
)
def test_the_status_follows_from_the_state(
    state: str, recovered_at: float | None, status: Status
) -> None:
    assert status_of({"state": state, "recovered_at": recovered_at}) is status


# -- when ---------------------------------------------------------------------------------------

INTERNAL_AT_10 = Told("internal", 600.0)
PROMISED = Told("customer", 600.0, 3_000.0)


@pytest.mark.parametrize(
    ("changed", "told", "now", "expected"),
    [
        ({}, [], 0.0, (None, 1_800.0)),
        ({}, [], 1_800.0, (1_800.0, 3_600.0)),
        ({}, [], 9_001.0, (9_000.0, 10_800.0)),
        ({"severity": 2}, [], 1_800.0, (None, 3_600.0)),
        ({"severity": 3}, [], 1e6, (None, None)),
        ({}, [INTERNAL_AT_10], 1_800.0, (None, 2_400.0)),
        # The promise stands instead of the cadence, then the cadence goes on from it.
        ({}, [PROMISED], 2_400.0, (None, 3_000.0)),
        ({}, [PROMISED], 4_900.0, (4_800.0, 6_600.0)),
        # An update to others keeps no promise to customers.
        ({}, [PROMISED, Told("internal", 1_500.0)], 3_000.0, (3_000.0, 3_300.0)),
        ({"severity": 4}, [PROMISED], 3_000.0, (3_000.0, None)),
        ({"severity": 4}, [PROMISED, Told("customer", 700.0)], 3_000.0, (None, None)),
        # It rests; a promise does not.
        ({"state": "mitigated"}, [], 9_001.0, (None, None)),
        ({"recovered_at": 5.0}, [], 9_001.0, (None, None)),
        ({"state": "mitigated"}, [PROMISED], 3_000.0, (3_000.0, None)),
        ({"state": "resolved"}, [PROMISED], 3_000.0, (None, None)),
        # What was said before it was opened again.
        ({}, [Told("customer", -5.0, 100.0)], 200.0, (None, 1_800.0)),
    ],
)
def test_when_the_next_is_due(
    changed: dict[str, Any], told: list[Told], now: float, expected: tuple[Any, Any]
) -> None:
    found = due(ROW | {"state": "triage"} | changed, RULES, told, began_at=0.0, now=now)
    assert (found.passed, found.coming) == expected


def test_whoever_was_promised_is_named() -> None:
    row = ROW | {"severity": 4}
    assert due(row, RULES, [PROMISED], began_at=0.0, now=3_000.0).audience == "customer"


def test_while_it_rests_somebody_looks_again() -> None:
    found = due(ROW | {"state": "mitigated"}, RULES, [], began_at=0.0, now=10.0)
    assert found == Due(look_at=1_800.0)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(Audience), st.floats(0, 1e5), st.none() | st.floats(60.0, 1e5)
        ).map(lambda one: Told(one[0], one[1], None if one[2] is None else one[1] + one[2])),
        max_size=5,
    ),
    st.sampled_from([1, 2, 3]),
    st.floats(0, 1e6),
)
def test_what_passed_has_passed_and_what_comes_comes(
    told: list[Told], severity: int, after_s: float
) -> None:
    told.sort(key=lambda one: one.sent_at)
    now = (told[-1].sent_at if told else T0) + after_s
    began_at = 0.0 if told else T0
    found = due(ROW | {"severity": severity}, RULES, told, began_at=began_at, now=now)
    assert found.passed is None or found.passed <= now
    assert found.coming is None or now < found.coming
    if severity in CADENCE:
        assert found.look_at is not None
        assert found.look_at - now <= max(CADENCE[severity], 1e5) + 1.0
