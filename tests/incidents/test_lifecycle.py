"""The states of an incident and the ways between them."""

import pytest

from incidents.lifecycle import TRANSITIONS, after, allowed, is_open
from incidents.model import OPEN_STATES, EventKind, IncidentState

S = IncidentState


def test_every_state_says_where_it_may_go() -> None:
    assert set(TRANSITIONS) == set(IncidentState)


def test_what_is_over_opens_again_only_to_be_investigated() -> None:
    for before in (S.RESOLVED, S.REVIEW, S.CLOSED):
        assert TRANSITIONS[before] & OPEN_STATES == {S.INVESTIGATING}


def test_what_was_cancelled_or_merged_goes_nowhere() -> None:
    assert not TRANSITIONS[S.CANCELLED] | TRANSITIONS[S.MERGED]


def test_every_open_state_can_be_resolved() -> None:
    assert all(allowed(state, S.RESOLVED) for state in OPEN_STATES)


@pytest.mark.parametrize(
    ("before", "then", "ok"),
    [
        (S.TRIAGE, S.INVESTIGATING, True),
        (S.MITIGATED, S.INVESTIGATING, True),
        (S.INVESTIGATING, S.TRIAGE, False),
        (S.TRIAGE, S.CLOSED, False),
        (S.RESOLVED, S.TRIAGE, False),
        (S.RESOLVED, S.REVIEW, True),
        (S.CLOSED, S.CLOSED, True),
    ],
)
def test_ways_between_states(before: S, then: S, ok: bool) -> None:
    assert allowed(before, then) is ok


@pytest.mark.parametrize(
    ("kind", "before", "then"),
    [
        (EventKind.ACKNOWLEDGED, S.TRIAGE, S.INVESTIGATING),
        (EventKind.ACKNOWLEDGED, S.IDENTIFIED, S.IDENTIFIED),
        (EventKind.RESOLVED, S.TRIAGE, S.RESOLVED),
        (EventKind.RELAPSED, S.MITIGATED, S.INVESTIGATING),
        (EventKind.RECOVERED, S.TRIAGE, S.TRIAGE),
        (EventKind.COMMENTED, S.INVESTIGATING, S.INVESTIGATING),
        (EventKind.RESOLVED, S.CLOSED, S.CLOSED),
    ],
)
def test_where_an_event_takes_an_incident(kind: EventKind, before: S, then: S) -> None:
    assert after(kind, before) is then


def test_no_event_leads_where_no_way_goes() -> None:
    for kind in EventKind:
        for state in IncidentState:
            assert allowed(state, after(kind, state))


def test_an_incident_holds_its_key_while_it_is_open() -> None:
    assert is_open(S.MITIGATED)
    assert not is_open(S.RESOLVED)
