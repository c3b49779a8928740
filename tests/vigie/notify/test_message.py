"""What people and programs read in a message."""

from typing import Any

import orjson
import pytest

from incidents.model import EventKind
from runbooks.model import Match, Mode, Runbook, Step, StepKind
from vigie.notify.message import Message, about_incident, about_vigie, rfc3339

RUNBOOK = Runbook(
    "checkout-errors",
    "Checkout returns errors",
    Match(),
    Mode.DIAGNOSE,
    (
        Step("errors", StepKind.HTTP, "Which errors", url="http://h/x", read_only=True),
        Step("roll-back", StepKind.MANUAL, "Roll back", text="helm rollback"),
    ),
)


def told(incident: dict[str, Any], event: EventKind = EventKind.OPENED) -> Message:
    return about_incident(
        incident,
        dedup="k",
        kind="page",
        event=event,
        happened="It burns",
        url="http://v/incidents/12",
        runbooks=[(RUNBOOK, "service checkout")],
    )


def test_the_mail_says_all_that_is_needed_at_night(incident: dict[str, Any]) -> None:
    message = told(incident)
    assert message.subject == (
        "[SEV2] #12 checkout/availability burns 210x its error budget (1h/5m)"
    )
    assert message.text == (
        "It burns\n"
        "http://v/incidents/12\n"
        "\n"
        "Incident  #12, SEV2, P1\n"
        "Service   checkout\n"
        "Since     2026-09-21 14:13:15 UTC\n"
        "State     triage, nobody has acknowledged\n"
        "Budget    50.0% left, objective 99.9 %\n"
        "\n"
        "page-1h-5m firing, fires at 14.4x\n"
        "    1h     210.0x  210 of 1,000 failed  coverage 98%\n"
        "    5m     210.0x  210 of 1,000 failed  coverage 98%\n"
        "\n"
        "Runbook: Checkout returns errors (service checkout)\n"
        "  1. Which errors\n"
        "  2. Roll back\n"
    )


def test_the_webhook_body_has_the_whole_incident_and_its_runbooks(
    incident: dict[str, Any],
) -> None:
    body = told(incident).body
    assert (body["version"], body["event"], body["kind"]) == (1, "opened", "page")
    fields = body["incident"]
    assert isinstance(fields, dict)
    assert fields["severity"] == "SEV2"
    assert fields["priority"] == "P1"
    assert fields["opened_at"] == "2026-09-21T14:13:20.000Z"
    assert fields["acknowledged_at"] is None
    assert fields["url"] == "http://v/incidents/12"
    assert fields["detail"] == incident["detail"]
    assert body["runbooks"] == [
        {
            "name": "checkout-errors",
            "title": "Checkout returns errors",
            "mode": "diagnose",
            "reason": "service checkout",
            "steps": [
                {"id": "errors", "kind": "http", "title": "Which errors"},
                {"id": "roll-back", "kind": "manual", "title": "Roll back"},
            ],
        }
    ]


def test_a_silent_service_is_told_with_its_targets(incident: dict[str, Any]) -> None:
    incident["type"] = "no-data"
    incident["detail"] = {
        "targets": [
            {"id": "checkout/a:1", "health": "down", "error": "timeout", "last_good_at": 0.0},
            {"id": "checkout/b:1", "health": "unknown", "error": None, "last_good_at": None},
        ],
        "slos": ["availability", "latency"],
        "since": 0.0,
    }
    text = told(incident).text
    assert "  checkout/a:1  down, timeout, last heard 1970-01-01 00:00:00 UTC\n" in text
    assert "  checkout/b:1  unknown, never heard\n" in text
    assert "SLOs without data: availability, latency\n" in text


def test_a_missed_heartbeat_is_told_with_what_it_promised(incident: dict[str, Any]) -> None:
    incident |= {"type": "missed-heartbeat", "started_at": 60.0}
    incident["detail"] = {
        "heartbeat": "nightly", "state": "missed", "since": 60.0, "reason": "no beat in time",
        "expected_at": 30.0, "deadline": 60.0, "last_at": 0.0, "last_state": "ok",
        "started_at": 20.0,
    }  # fmt: skip
    assert (
        "Since     1970-01-01 00:01:00 UTC\n"
        "State     triage, nobody has acknowledged\n"
        "Heartbeat nightly missed: no beat in time\n"
        "Expected  1970-01-01 00:00:30 UTC\n"
        "Deadline  1970-01-01 00:01:00 UTC\n"
        "Running   since 1970-01-01 00:00:20 UTC\n"
        "Last said ok, 1970-01-01 00:00:00 UTC\n"
        "\n"
    ) in told(incident).text
    unknown = dict.fromkeys(("expected_at", "deadline", "last_at", "last_state", "started_at"))
    incident["detail"] |= unknown | {"state": "failed"}
    lines = told(incident).text.splitlines()
    assert lines[7:9] == ["Heartbeat nightly failed: no beat in time", "Last said nothing yet"]


def test_a_window_without_events_is_told_as_such(incident: dict[str, Any]) -> None:
    incident["detail"]["budget_remaining"] = None
    incident["detail"]["arms"][0]["long"]["burn_rate"] = None
    text = told(incident).text
    assert "not known (no events)" in text
    assert "  no events  " in text


@pytest.mark.parametrize(
    ("event", "word"),
    [
        (EventKind.RESOLVED, "[SEV2] #12 resolved: checkout/"),
        (EventKind.ACKNOWLEDGED, "[SEV2] #12 acknowledged: checkout/"),
        (EventKind.RELAPSED, "[SEV2] #12 again: checkout/"),
        (EventKind.PAGE_FAILED, "[SEV2] #12 PAGE NOT DELIVERED: checkout/"),
    ],
)
def test_the_subject_says_what_happened(
    incident: dict[str, Any], event: EventKind, word: str
) -> None:
    assert told(incident, event).subject.startswith(word)


def test_who_has_it_is_said(incident: dict[str, Any]) -> None:
    incident.update(acknowledged_at=1.0, acknowledged_by="ann")
    assert "State     triage, acknowledged by ann\n" in told(incident).text
    incident.update(state="resolved", resolved_at=2.0, resolved_by="vigie")
    assert "resolved by vigie at 1970-01-01 00:00:02 UTC" in told(incident).text


@pytest.mark.parametrize("event", EventKind)
def test_of_a_restricted_incident_no_word_goes_out(
    incident: dict[str, Any], event: EventKind
) -> None:
    planted = "zanzibar"
    incident.update(restricted=1, title=planted, service=planted, slo=planted, key=planted)
    incident.update(labels={"a": planted}, detail={"targets": planted}, type="no-data")
    incident.update(acknowledged_at=1.0, acknowledged_by=planted, description=planted)
    incident.update(resolved_at=2.0, resolved_by=planted, reporter=planted)
    message = about_incident(
        incident,
        dedup="k",
        kind="page",
        event=event,
        happened=f"{planted} leaks",
        url="http://v/incidents/12",
        runbooks=[(RUNBOOK, planted)],
    )
    assert planted not in str(message)
    assert RUNBOOK.title not in str(message)
    assert message.subject.startswith("[SEV2] #12 ")
    assert message.subject.endswith("restricted incident")
    assert "resolved at 1970-01-01 00:00:02 UTC" in message.text


def test_vigie_that_cannot_record_says_what_fires() -> None:
    message = about_vigie("fallback:1", "The disk is full", ["a/x burns"], "http://v/")
    assert message.subject.startswith("[Vigie] cannot record")
    assert "The disk is full\nhttp://v/\n" in message.text
    assert "  a/x burns\n" in message.text
    assert message.body["event"] == "cannot_record"
    assert message.body["incident"] is None
    assert message.body["firing"] == ["a/x burns"]


def test_times_are_utc_with_milliseconds() -> None:
    assert rfc3339(0.25) == "1970-01-01T00:00:00.250Z"
    assert rfc3339(None) is None


@pytest.mark.parametrize(
    "call",
    [
        "@everyone", "@HERE", "@channel", "@all", "<!channel>", "<!here|x>", "<@U024BE7LH>",
        "<@&123>", "<#C024BE7LR>", "<!subteam^S1>", "<at>team</at>",
    ],
)  # fmt: skip
def test_no_words_of_anybody_call_a_channel_together(incident: dict[str, Any], call: str) -> None:
    incident |= {"title": f"{call} burns", "acknowledged_by": call}
    incident["labels"] = {call: call}
    incident["detail"] = {"targets": [{"error": call}]}
    message = told(incident)
    said = f"{message.subject}\n{message.text}\n{orjson.dumps(message.body).decode()}"
    assert call not in said
    assert call in said.replace("\u200b", "")


def test_a_name_and_an_address_stay_as_they_are(incident: dict[str, Any]) -> None:
    for words in ("@bob <bob@example.org>", "a < b", "@everybody", "@hereafter"):
        assert f"{words}" in told({**incident, "title": words}).subject
