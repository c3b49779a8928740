"""The life of an incident on a real database: states, tiers, closing, opening again."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from blank import blank_database
from incidents.matrix import Priorities, PriorityMatrix, TimeTarget
from incidents.model import EventKind, IncidentState, IncidentType, Severity, Signal, Urgency
from incidents.types import Closing, Field, SubStatus, TypeRules, Types
from vigie.commands import acknowledge, resolve
from vigie.commands.closing import close, ripe
from vigie.commands.errors import Conflict, Invalid, NotFound, Unready
from vigie.commands.reopening import confirm, reopen, requesters
from vigie.commands.status import cancel, set_status
from vigie.commands.tiers import escalate
from vigie.config import Channel, Config
from vigie.handlers.notify import not_needed
from vigie.notify.outbox import jobs_for
from vigie.store import incidents, jobs
from vigie.store.db import Database, open_database
from vigie.store.tables import incident as table

S = IncidentState
NOW = 1_790_000_000.0
DAY = 86_400.0
RULES = TypeRules(
    "slo-burn",
    statuses=(SubStatus("vendor", "Waits for the vendor", "identified"),),
    fields=(Field("ticket", "Ticket", required_at="mitigated"),),
    closing=Closing(review=(1,), after_s=3 * DAY),
)
MATRIX = PriorityMatrix("m", resolution={2: TimeTarget(3600.0, 60.0)})
CHANNELS = {
    "team": Channel("team", "webhook", frozenset({"notice"}), url="http://h/"),
    "oncall": Channel("oncall", "webhook", frozenset({"page"}), url="http://h/"),
}
CONFIG = replace(
    Config({}, {}, {}, CHANNELS, ()),
    priorities=Priorities((MATRIX,)),
    types=Types({"slo-burn": RULES}),
)
SIGNAL = Signal(
    key="slo-burn:checkout/availability",
    type=IncidentType.SLO_BURN,
    service="checkout",
    slo="availability",
    title="checkout/availability burns",
    urgency=Urgency.HIGH,
    severity=Severity.SEV2,
    started_at=NOW - 60,
    firing=True,
    clear=False,
    recover_after_s=120.0,
)
BY: dict[str, Any] = {"actor": "ann", "now": NOW}
WHY: dict[str, Any] = {**BY, "reason": "seen"}
CLOSE: dict[str, Any] = {**WHY, "roles": None}


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    db = open_database(blank_database(tmp_path))
    yield db
    db.close()


@pytest.fixture
def number(db: Database) -> int:
    return opened(db)


def opened(db: Database) -> int:
    number = db.write(lambda c: incidents.open_incident(c, SIGNAL, NOW - 30, CONFIG.priorities))
    assert number is not None
    fill(db, number, fields='{"ticket":"T-1"}')
    return number


def fill(db: Database, number: int, **values: Any) -> None:
    db.write(lambda c: c.execute(update(table).where(table.c.number == number).values(**values)))


def move(db: Database, number: int, to: str | None, **more: Any) -> Any:
    state = None if to is None else S(to)
    return set_status(db, CONFIG, number, state=state, **{**BY, **more})


def entries(db: Database, number: int) -> list[Any]:
    return db.read(lambda c: incidents.timeline(c, number))


def said(db: Database, number: int) -> list[tuple[str, str]]:
    return [(entry["kind"], entry["text"]) for entry in entries(db, number)[1:]]


def test_a_move_out_of_triage_acknowledges_too(db: Database, number: int) -> None:
    incident = move(db, number, "identified", sub_status="vendor", reason="a disk")
    assert (incident["state"], incident["acknowledged_by"]) == ("identified", "ann")
    assert incident["sub_status"] == "vendor"
    assert said(db, number) == [
        ("acknowledged", "Acknowledged by ann"),
        ("status_set", "Triage -> identified (Waits for the vendor), set by ann: a disk"),
    ]


def test_the_first_time_that_it_was_mitigated_stands_until_it_goes_back(
    db: Database, number: int
) -> None:
    assert move(db, number, "mitigated", now=NOW - 99)["mitigated_at"] == NOW - 30
    again = move(db, number, "identified", now=NOW + 1)
    assert (again["mitigated_at"], again["state"]) == (None, "identified")
    move(db, number, "mitigated", now=NOW + 2)
    resolved = move(db, number, "resolved", now=NOW + 1)
    assert (resolved["mitigated_at"], resolved["resolved_at"]) == (NOW + 2, NOW + 2)


def test_a_word_of_the_team_goes_with_its_state(db: Database, number: int) -> None:
    with pytest.raises(Invalid, match="one of identified, not of triage"):
        move(db, number, None, sub_status="vendor")
    with pytest.raises(Invalid, match="did you mean `vendor`"):
        move(db, number, "identified", sub_status="vender")
    move(db, number, "identified", sub_status="vendor")
    with pytest.raises(Conflict, match=r"identified \(vendor\) already"):
        move(db, number, "identified")
    assert move(db, number, None, sub_status="")["sub_status"] is None
    move(db, number, None, sub_status="vendor")
    assert move(db, number, "mitigated")["sub_status"] is None


def test_what_a_state_needs_is_named(db: Database, number: int) -> None:
    fill(db, number, fields="{}")
    move(db, number, "identified")
    for to in ("mitigated", "resolved"):
        with pytest.raises(Invalid, match="fill in ticket"):
            move(db, number, to)
    with pytest.raises(Invalid, match="fill in ticket"):
        resolve(db, CONFIG, number, "ann", "done", NOW)
    assert len(said(db, number)) == 2


@pytest.mark.parametrize(
    ("to", "words"),
    [
        ("closed", "`close` does it"),
        ("merged", "`merge` does it"),
        ("cancelled", "`cancel` does it"),
        ("review", "can become investigating, identified"),
        ("triage", "triage already"),
    ],
)
def test_what_leads_nowhere_is_refused_by_name(
    db: Database, number: int, to: str, words: str
) -> None:
    with pytest.raises(Conflict, match=words):
        move(db, number, to)
    assert said(db, number) == []


def test_what_was_cancelled_is_over_for_good(db: Database, number: int) -> None:
    incident = cancel(db, CONFIG, number, **WHY)
    assert (incident["state"], incident["open_key"]) == ("cancelled", None)
    assert (incident["closed_by"], incident["resolved_at"]) == ("ann", None)
    told = not_needed("page", EventKind.OPENED, NOW, incident)
    assert told == "cancelled before it was sent"
    for wrong in (
        lambda: cancel(db, CONFIG, number, **WHY),
        lambda: move(db, number, "investigating"),
        lambda: reopen(db, CONFIG, number, **WHY),
        lambda: escalate(db, CONFIG, number, 2, **WHY),
        lambda: close(db, CONFIG, number, **CLOSE),
    ):
        with pytest.raises(Conflict, match="cancelled"):
            wrong()
    assert said(db, number) == [("cancelled", "Cancelled by ann: seen")]
    assert opened(db) == number + 1


def test_closing_needs_everything_and_says_so_at_once(db: Database, number: int) -> None:
    fill(db, number, severity=1, tier=2)
    with pytest.raises(Unready) as refused:
        close(db, CONFIG, number, **CLOSE)
    assert len(refused.value.reasons) == 3
    resolve(db, CONFIG, number, "ann", "done", NOW)
    escalate(db, CONFIG, number, 1, **WHY)
    with pytest.raises(Unready, match="final review: it has none"):
        close(db, CONFIG, number, **CLOSE)
    incident = close(db, CONFIG, number, **CLOSE, review_of=lambda *_: "final")
    assert (incident["state"], incident["closed_by"], incident["closed_at"]) == (
        "closed",
        "ann",
        NOW,
    )
    assert said(db, number)[-1] == ("closed", "Closed by ann: seen")


def test_the_machine_closes_what_waited_long_enough_and_is_not_severe(
    db: Database, number: int
) -> None:
    resolve(db, CONFIG, number, "ann", "done", NOW)
    later = NOW + 3 * DAY
    assert db.read(lambda c: ripe(c, CONFIG, later)) == ([], None)  # SEV2
    fill(db, number, severity=3)
    assert db.read(lambda c: ripe(c, CONFIG, later - 1)) == ([], None)
    assert db.read(lambda c: ripe(c, CONFIG, later)) == ([number], None)
    fill(db, number, tier=2)
    assert db.read(lambda c: ripe(c, CONFIG, later)) == ([], None)
    fill(db, number, severity=2, tier=1)
    with pytest.raises(Unready, match="a person closes it"):
        close(db, CONFIG, number, **{**CLOSE, "actor": "vigie"})


def test_opened_again_it_is_due_anew_and_keeps_what_it_was(db: Database, number: int) -> None:
    acknowledge(db, CONFIG, number, "ann", NOW)
    resolve(db, CONFIG, number, "ann", "done", NOW)
    fill(db, number, confirmed_at=NOW, satisfaction=4)
    incident = reopen(db, CONFIG, number, **{**WHY, "now": NOW + DAY})
    assert (incident["state"], incident["reopened"]) == ("investigating", 1)
    assert incident["open_key"] == incident["key"]
    gone = ("resolved_at", "resolved_by", "closed_at", "recovered_at", "confirmed_at")
    assert [incident[name] for name in (*gone, "satisfaction")] == [None] * 6
    assert incident["acknowledged_at"] == NOW
    assert incident["resolution_due_at"] == NOW + DAY + 3600
    was = entries(db, number)[-1]["data"]["withdrawn"]
    assert (was["resolved_at"], was["satisfaction"]) == (NOW, 4)
    # Resolved again it is told again.
    again = {job.dedup for job in told(incident, "resolved")}
    assert again == {f"notify:{number}:resolved:1:team"}


def told(incident: Any, kind: str) -> list[Any]:
    return jobs_for(EventKind(kind), incident, CHANNELS.values(), NOW)


def test_opened_again_unanswered_it_pages_and_the_machine_asks(db: Database, number: int) -> None:
    resolve(db, CONFIG, number, "ann", "done", NOW)
    incident = reopen(db, CONFIG, number, **WHY)
    assert [job.payload["kind"] for job in told(incident, "reopened")] == ["page", "notice"]
    answered = told({**incident, "acknowledged_at": NOW}, "reopened")
    assert [job.payload["kind"] for job in answered] == ["notice"]
    (known,) = db.read(incidents.open_incidents).values()
    assert known.acknowledged


def test_only_what_ended_lately_and_is_not_open_elsewhere_is_opened_again(
    db: Database, number: int
) -> None:
    with pytest.raises(Conflict, match="is triage: it has not ended"):
        reopen(db, CONFIG, number, **WHY)
    resolve(db, CONFIG, number, "ann", "done", NOW)
    with pytest.raises(Conflict, match="ended 7d1s ago and can be opened again for 7d"):
        reopen(db, CONFIG, number, **{**WHY, "now": NOW + 7 * DAY + 1})
    other = opened(db)
    with pytest.raises(Conflict, match=f"#{other} is open for the same cause"):
        reopen(db, CONFIG, number, **WHY)
    cancel(db, CONFIG, other, **WHY)
    assert reopen(db, CONFIG, number, **{**WHY, "now": NOW + 7 * DAY})["state"] == "investigating"


def test_the_requester_says_whether_it_is_over(db: Database, number: int) -> None:
    fill(db, number, detected_by="person", reporter="rita (by ann)")
    assert db.read(lambda c: requesters(c, incidents.get(c, number) or {})) == ["rita"]
    with pytest.raises(Conflict, match="has not ended"):
        confirm(db, CONFIG, number, over=True, **BY)
    after = resolve(db, CONFIG, number, "ann", "done", NOW)
    assert "rita, is it over?" in told(after, "resolved")[0].payload["text"]
    again = confirm(db, CONFIG, number, over=False, words="still slow", **{**BY, "actor": "rita"})
    assert (again["state"], again["reopened"]) == ("investigating", 1)
    resolve(db, CONFIG, number, "ann", "done", NOW)
    for wrong in (
        {"over": False},
        {"over": True, "satisfaction": 6},
        {"over": False, "words": " "},
    ):
        with pytest.raises(Invalid):
            confirm(db, CONFIG, number, **{**BY, **wrong})
    yes = {**BY, "actor": "rita", "now": NOW - 9}
    incident = confirm(db, CONFIG, number, over=True, satisfaction=5, words="thanks", **yes)
    assert (incident["confirmed_at"], incident["satisfaction"]) == (NOW, 5)
    text = "rita confirms that it is over, satisfaction 5 of 5: thanks"
    assert said(db, number)[-1] == ("confirmed", text)
    with pytest.raises(Conflict, match="confirmed already"):
        confirm(db, CONFIG, number, over=True, **BY)


def test_it_goes_to_the_next_tier_and_back(db: Database, number: int) -> None:
    up = escalate(db, CONFIG, number, 3, **WHY, tried="restarted it")
    assert (up["tier"], up["state"]) == (3, "triage")
    assert said(db, number) == [("escalated", "L1 -> L3, by ann: seen\nTried so far: restarted it")]
    with pytest.raises(Conflict, match="is with L3"):
        escalate(db, CONFIG, number, 3, **WHY)
    with pytest.raises(Invalid, match="no tier 4"):
        escalate(db, CONFIG, number, 4, **WHY)
    resolve(db, CONFIG, number, "ann", "done", NOW)
    with pytest.raises(Conflict, match="only back to the desk"):
        escalate(db, CONFIG, number, 2, **WHY)
    assert escalate(db, CONFIG, number, 1, **WHY)["tier"] == 1
    data = entries(db, number)[-1]["data"]
    assert (data["from"], data["to"]) == ("L3", "L1")


def test_the_same_key_is_done_once_and_no_incident_is_not_found(db: Database, number: int) -> None:
    for _ in range(2):
        move(db, number, "identified", key="a")
        escalate(db, CONFIG, number, 2, **WHY, key="b")
        move(db, number, "resolved", key="c")
        escalate(db, CONFIG, number, 1, **WHY, key="d")
        close(db, CONFIG, number, **CLOSE, key="e")
        reopen(db, CONFIG, number, **WHY, key="f")
        cancel(db, CONFIG, number, **WHY, key="g")
    kinds = [kind for kind, _ in said(db, number)]
    once = ["acknowledged", "status_set", "escalated", "resolved", "status_set", "escalated"]
    assert kinds == [*once, "closed", "reopened", "cancelled"]
    with pytest.raises(NotFound):
        move(db, 99, "identified")


def test_jobs_are_written_beside_what_happened(db: Database, number: int) -> None:
    resolve(db, CONFIG, number, "ann", "done", NOW)
    reopen(db, CONFIG, number, **WHY)
    due = db.write(
        lambda c: jobs.claim(c, "t", ["notify", "target"], now=NOW + DAY, lease_s=9.0, limit=99)
    )
    assert {job.payload.get("event") for job in due} >= {"resolved", "reopened"}
    assert any(job.payload.get("promise") == "resolution" for job in due)
