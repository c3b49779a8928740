"""Who is told what, and never twice for one thing."""

from typing import Any

import pytest

from incidents.model import EventKind
from vigie.config import Channel
from vigie.notify.outbox import alarms, jobs_for
from vigie.store.jobs import Job, NewJob

NOW = 1_790_000_000.0


def channel(name: str, *receives: str) -> Channel:
    return Channel(name, "webhook", frozenset(receives), url="http://h/")


ONCALL = channel("oncall", "page", "notice")
PAGER = channel("pager", "page")
TEAM = channel("team", "notice")
LAST = channel("fallback", "fallback")
ALL = (ONCALL, PAGER, TEAM, LAST)


def told(jobs: list[NewJob]) -> dict[str, str]:
    return {job.payload["channel"]: job.payload["kind"] for job in jobs}


def keys(jobs: list[NewJob]) -> list[str]:
    return [job.dedup for job in jobs]


def test_a_page_goes_to_those_who_get_pages_and_the_others_are_informed(
    incident: dict[str, Any],
) -> None:
    jobs = jobs_for(EventKind.OPENED, incident, ALL, NOW, "It burns")
    assert told(jobs) == {"oncall": "page", "pager": "page", "team": "notice"}
    assert keys(jobs) == ["notify:12:page:oncall", "notify:12:page:pager", "notify:12:opened:team"]
    assert jobs[0] == NewJob(
        kind="notify",
        dedup="notify:12:page:oncall",
        payload={
            "channel": "oncall",
            "kind": "page",
            "event": "opened",
            "at": NOW,
            "text": "It burns",
        },
        run_at=NOW,
        incident=12,
    )


def test_a_ticket_wakes_nobody(incident: dict[str, Any]) -> None:
    incident["urgency"] = "low"
    for kind in (EventKind.OPENED, EventKind.UPGRADED, EventKind.RELAPSED):
        assert told(jobs_for(kind, incident, ALL, NOW)) == {"oncall": "notice", "team": "notice"}


def test_nobody_is_paged_twice_for_one_burning(incident: dict[str, Any]) -> None:
    opened = jobs_for(EventKind.OPENED, incident, [ONCALL], NOW)
    upgraded = jobs_for(EventKind.UPGRADED, incident, [ONCALL], NOW + 60)
    assert keys(opened) == keys(upgraded)


def test_a_ticket_that_becomes_a_page_pages_those_who_had_the_ticket(
    incident: dict[str, Any],
) -> None:
    ticket = jobs_for(EventKind.OPENED, {**incident, "urgency": "low"}, [ONCALL], NOW)
    page = jobs_for(EventKind.UPGRADED, incident, [ONCALL], NOW + 60)
    assert keys(ticket) == ["notify:12:opened:oncall"]
    assert keys(page) == ["notify:12:page:oncall"]


def test_each_relapse_pages_again(incident: dict[str, Any]) -> None:
    first = jobs_for(EventKind.RELAPSED, incident, [ONCALL], NOW)
    again = jobs_for(EventKind.RELAPSED, incident, [ONCALL], NOW + 600)
    assert told(first) == told(again) == {"oncall": "page"}
    assert keys(first) != keys(again)
    assert keys(first) == ["notify:12:page:1790000000000:oncall"]


@pytest.mark.parametrize(
    ("kind", "acknowledged", "informed"),
    [
        (EventKind.ACKNOWLEDGED, True, True),
        (EventKind.RESOLVED, False, True),
        (EventKind.RECOVERED, True, True),
        (EventKind.RECOVERED, False, False),  # it resolves in the same breath
        (EventKind.CLEARING, False, False),
        (EventKind.UNSETTLED, False, False),
        (EventKind.COMMENTED, True, False),
        (EventKind.PAGED, False, False),
        (EventKind.STEP_FINISHED, False, False),
    ],
)
def test_what_is_no_new_burning_is_a_notice_or_nothing(
    incident: dict[str, Any], kind: EventKind, acknowledged: bool, informed: bool
) -> None:
    incident["acknowledged_at"] = NOW if acknowledged else None
    expected = {"oncall": "notice", "team": "notice"} if informed else {}
    assert told(jobs_for(kind, incident, ALL, NOW)) == expected


@pytest.mark.parametrize(
    ("kind", "text", "words"),
    [
        (EventKind.OPENED, "", "checkout/availability burns 210x its error budget (1h/5m)"),
        (EventKind.UPGRADED, "SEV3 -> SEV1: x", "SEV3 -> SEV1: x"),
        (EventKind.ACKNOWLEDGED, "", "Acknowledged by ann"),
        (EventKind.RESOLVED, "rolled back", "Resolved by bob: rolled back"),
        (EventKind.RESOLVED, "", "Resolved by bob"),
    ],
)
def test_every_message_says_what_happened(
    incident: dict[str, Any], kind: EventKind, text: str, words: str
) -> None:
    incident.update(acknowledged_by="ann", resolved_by="bob")
    (job,) = jobs_for(kind, incident, [ONCALL], NOW, text)
    assert job.payload["text"] == words


def test_a_page_that_nobody_receives_goes_where_notices_go(incident: dict[str, Any]) -> None:
    assert told(jobs_for(EventKind.OPENED, incident, [TEAM, LAST], NOW)) == {"team": "page"}


def test_without_channels_there_are_no_jobs(incident: dict[str, Any]) -> None:
    assert jobs_for(EventKind.OPENED, incident, [], NOW) == []
    assert jobs_for(EventKind.OPENED, incident, [LAST], NOW) == []


def test_a_page_that_does_not_get_through_is_told_to_every_other_channel() -> None:
    payload = {"channel": "oncall", "kind": "page", "event": "opened", "at": NOW, "text": ""}
    page = Job(1, "notify", "notify:12:page:oncall", payload, 12, 30, 30, 1, NOW)
    jobs = alarms("dead", page, ALL, NOW + 9, "oncall does not answer")
    assert keys(jobs) == [
        "dead:notify:12:page:oncall:pager",
        "dead:notify:12:page:oncall:team",
        "dead:notify:12:page:oncall:fallback",
    ]
    assert {job.payload["event"] for job in jobs} == {"page_failed"}
    assert {job.incident for job in jobs} == {12}
