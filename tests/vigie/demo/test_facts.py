"""vigie.demo.facts: the one record that the demo gives out."""

from vigie.demo.facts import Facts

KEYS = {
    "slo",
    "windows",
    "fault_at",
    "opened_at",
    "detect_seconds",
    "page_delivered_at",
    "runbook",
    "diagnosis_lines",
    "resolved_at",
    "incident",
    "dashboards",
    "ok",
}


def test_what_was_seen_is_told_with_every_key() -> None:
    facts = Facts("checkout/availability", "short", fault_at=1_800_000_000.5)
    facts.opened_at = "2027-01-15T08:00:03.250Z"
    record = facts.record()
    assert record.keys() == KEYS
    assert record["ok"] is True
    assert record["fault_at"] == "2027-01-15T08:00:00.500Z"
    assert record["detect_seconds"] == 2.75


def test_what_was_not_seen_is_null_and_the_reason_is_told() -> None:
    facts = Facts("checkout/availability", "short", reason="waited in vain")
    record = facts.record()
    assert record.keys() == {*KEYS, "reason"}
    assert (record["ok"], record["reason"]) == (False, "waited in vain")
    assert record["fault_at"] is record["detect_seconds"] is record["incident"] is None
