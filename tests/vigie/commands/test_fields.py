"""Edits of a record, on real databases: all or none, and nobody's words lost to another's."""

import threading
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import update

from incidents.fields import shown_time
from incidents.matrix import Priorities, PriorityMatrix, TimeTarget
from incidents.model import Event, EventKind, IncidentType, Severity, Signal, Urgency
from incidents.types import Field, Taxonomy, TypeRules, Types
from slo.spec import Service
from vigie.commands import comment, resolve, set_severity
from vigie.commands.errors import Conflict, Invalid, NotFound
from vigie.commands.fields import Overtaken, edit
from vigie.config import Channel, Config
from vigie.store import incidents, jobs, timeline
from vigie.store.db import Database
from vigie.store.tables import incident as t

NOW = 1_790_000_000.0
TEAM = Channel("team", "webhook", frozenset({"page", "notice"}), url="http://h/")
FIELDS = (
    Field("ticket", "Ticket"),
    Field("vip", "VIP", "boolean"),
    Field("cost", "Cost", "number"),
)
RULES = TypeRules("slo-burn", fields=FIELDS, users={1: 1000, 2: 100})
WORDS = Taxonomy(categories={"network": ("dns", "vpn"), "power": ()}, causes=("deploy",))
CONFIG = replace(
    Config({name: Service(name) for name in ("checkout", "mail")}, {}, {}, {"team": TEAM}, ()),
    types=Types({"slo-burn": RULES}, WORDS),
    priorities=Priorities((PriorityMatrix("m", response={1: TimeTarget(300.0, 60.0)}),)),
)
SIGNAL = Signal(
    key="slo-burn:checkout/availability",
    type=IncidentType.SLO_BURN,
    service="checkout",
    slo="availability",
    title="checkout burns",
    urgency=Urgency.LOW,
    severity=Severity.SEV3,
    started_at=NOW - 600,
    firing=True,
    clear=False,
    recover_after_s=120.0,
)


@pytest.fixture
def number(db: Database) -> int:
    number = db.write(lambda c: incidents.open_incident(c, SIGNAL, NOW - 300, CONFIG.priorities))
    assert number is not None
    return number


def put(db: Database, number: int, changes: dict[str, Any], **more: Any) -> Any:
    return edit(db, CONFIG, number, changes, **{"actor": "ann", "now": NOW, **more})


def said(db: Database, number: int) -> list[tuple[str, str, str]]:
    entries = db.read(lambda c: incidents.timeline(c, number))
    return [(entry["kind"], entry["actor"], entry["text"]) for entry in entries[1:]]


def test_what_was_and_what_is_stand_on_the_timeline(db: Database, number: int) -> None:
    changes: dict[str, Any] = {
        "title": "Checkout <b>fails",
        "category": "network",
        "subcategory": "dns",
    }
    changes |= {"affected": ["mail"], "users_affected": 7, "field.ticket": "T-1", "field.vip": True}
    after = put(db, number, changes, reason="asked the desk", seen=1)
    assert (after["title"], after["category"], after["subcategory"]) == (
        "Checkout <b>fails", "network", "dns",
    )  # fmt: skip
    assert (after["affected"], after["users_affected"]) == (["mail"], 7)
    assert after["fields"] == {"ticket": "T-1", "vip": True}
    text = (
        "title: `checkout burns` -> `Checkout <b>fails`\ncategory: nothing -> `network`\n"
        "subcategory: nothing -> `dns`\naffected: nothing -> `mail`\n"
        "users_affected: nothing -> `7`\nfield.ticket: nothing -> `T-1`\n"
        "field.vip: nothing -> true\nReason: asked the desk"
    )
    assert said(db, number) == [("field_set", "ann", text)]
    (entry,) = db.read(lambda c: timeline.read(c, number))[1:]
    assert entry["data"]["changes"][0] == {
        "field": "title", "old": "checkout burns", "new": "Checkout <b>fails",
    }  # fmt: skip
    after = put(db, number, {"field.ticket": None, "category": None, "subcategory": ""})
    assert (after["fields"], after["category"]) == ({"vip": True}, None)
    assert db.read(timeline.verify).good


def test_a_long_text_is_shown_by_the_lines_that_differ(db: Database, number: int) -> None:
    lines = [f"line {i}" for i in range(60)]
    put(db, number, {"description": "\n".join(lines)})
    put(db, number, {"description": "\r\n".join([*lines[:5], "other", *lines[6:]])})
    first, second = (text for _, _, text in said(db, number))
    assert first.startswith("description:\n- \n+ line 0\n+ line 1\n")
    assert first.endswith("\n+ ... and 40 more lines")
    assert second == "description:\n- line 5\n+ other"


def test_what_stands_there_already_writes_nothing(db: Database, number: int) -> None:
    before = put(db, number, {"title": "checkout burns", "field.ticket": "", "affected": []})
    assert said(db, number) == []
    assert before["timeline_length"] == 1


def test_one_wrong_field_and_none_is_written(db: Database, number: int) -> None:
    changes = {"title": "x", "category": "netwrk", "field.tickt": "T", "started_at": "tomorrow"}
    with pytest.raises(Invalid) as told:
        put(db, number, changes)
    message = str(told.value)
    assert message.startswith("nothing was changed: ")
    for words in (
        "category `netwrk` is not in the taxonomy; did you mean `network`?",
        "field.tickt is no field of type `slo-burn`; did you mean `ticket`?",
        "started_at is no time",
    ):
        assert words in message
    assert said(db, number) == []
    with pytest.raises(NotFound):
        put(db, 99, {"title": "x"})
    for wrong in ({"actor": ""}, {"reason": "x" * 1001}):
        with pytest.raises(Invalid):
            put(db, number, {"title": "x"}, **wrong)
    with pytest.raises(Invalid, match="1 to 100 fields"):
        put(db, number, {})


def test_who_is_overtaken_is_told_by_whom_and_nothing_is_lost(db: Database, number: int) -> None:
    put(db, number, {"title": "hers", "category": "power"}, seen=1, now=NOW + 1)
    with pytest.raises(Overtaken) as told:
        put(db, number, {"title": "his", "cause": "deploy"}, actor="bob", seen=1, now=NOW + 2)
    assert str(told.value) == (
        f"nothing of incident #{number} was changed: since you looked, ann set title to `hers` "
        "at 2026-09-21T14:13:21.000Z (entry 2)"
    )
    assert told.value.position == 2
    assert [change.field for change in told.value.changes] == ["title"]
    assert len(said(db, number)) == 1
    # Another field goes through, and so does what one has seen, says oneself, or says alike.
    put(db, number, {"cause": "deploy"}, actor="bob", seen=1)
    put(db, number, {"title": "ours"}, actor="ann", seen=1)
    put(db, number, {"title": "ours", "cause": None}, actor="bob", seen=1)
    after = put(db, number, {"title": "his"}, actor="bob", seen=5)
    assert (after["title"], after["category"], after["cause"]) == ("his", "power", None)


def test_two_without_a_name_may_be_two_people(db: Database, number: int) -> None:
    put(db, number, {"title": "one"}, actor="api", seen=1)
    with pytest.raises(Overtaken):
        put(db, number, {"title": "two"}, actor="api", seen=1)
    assert put(db, number, {"title": "two"}, actor="api")["title"] == "two"  # nothing was seen


def test_what_is_measured_to_be_worse_overtakes_too(db: Database, number: int) -> None:
    worse = replace(SIGNAL, title="checkout burns 20x", urgency=Urgency.HIGH)
    event = Event(EventKind.UPGRADED, SIGNAL.key, NOW, number, worse, "from now on it pages")
    db.write(lambda c: incidents.apply(c, event, CONFIG.priorities))
    with pytest.raises(Overtaken, match="vigie set title to `checkout burns 20x`"):
        put(db, number, {"title": "mine"}, seen=1)
    with pytest.raises(Conflict, match="measured to be urgent"):
        put(db, number, {"urgency": "low"})


@pytest.mark.parametrize("same", [True, False])
def test_two_at_once_lose_nothing_and_one_is_told(db: Database, number: int, same: bool) -> None:
    """Eight edits that all saw the same; of one field one wins, of eight all do."""
    names = ["title"] * 8 if same else ["title", "description", "category", "cause", "affected"]
    names = names if same else [*names, "field.ticket", "field.cost", "users_affected"]
    words: dict[str, Any] = {"category": "power", "cause": "deploy", "affected": ["mail"]}
    words |= {"field.cost": 3, "users_affected": 9}
    start, told = threading.Barrier(len(names)), []

    def work(place: int, name: str) -> None:
        start.wait()
        try:
            value = words.get(name, f"word {place}")
            put(db, number, {name: value}, actor=f"person {place}", seen=1)
            told.append("")
        except Overtaken as overtaken:
            told.append(str(overtaken))

    threads = [threading.Thread(target=work, args=one) for one in enumerate(names)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(told) == len(names)
    written = [entry for entry in said(db, number) if entry[0] == "field_set"]
    assert len(written) == told.count("") == (1 if same else len(names))
    after = db.read(lambda c: incidents.get(c, number))
    assert after is not None
    if same:
        assert after["title"] == f"word {written[0][1][-1]}"
        winner = f"{written[0][1]} set title to `{after['title']}`"
        assert all(winner in message for message in told if message)
    else:
        assert (after["cause"], after["affected"]) == ("deploy", ["mail"])
        assert set(after["fields"]) == {"ticket", "cost"}
    assert db.read(timeline.verify).good


def test_the_same_key_is_done_once(db: Database, number: int) -> None:
    put(db, number, {"title": "a"}, key="k")
    put(db, number, {"title": "b"}, key="other")
    assert put(db, number, {"title": "a"}, key="k", seen=1)["title"] == "b"
    assert len(said(db, number)) == 2


def _notices(db: Database) -> list[str]:
    found = db.write(lambda c: jobs.claim(c, "t", ["notify"], now=NOW + 9, lease_s=9.0, limit=9))
    return [f"{job.payload['kind']} {job.payload['event']}" for job in found]


def test_urgency_ranks_anew_and_pages(db: Database, number: int) -> None:
    after = put(db, number, {"urgency": "high"})
    assert (after["urgency"], after["priority"]) == ("high", 3)
    assert said(db, number) == [
        ("field_set", "ann", "urgency: `low` -> `high`"),
        ("upgraded", "ann", "from now on it pages (P4 -> P3)"),
    ]
    assert _notices(db) == ["page upgraded"]
    after = put(db, number, {"urgency": "low"})  # nothing measures it to be high
    assert (after["priority"], after["priority_reasons"]) == (4, ["SEV3 x low urgency: P4"])


def test_so_many_users_raise_the_severity_and_its_targets(db: Database, number: int) -> None:
    for users, severity in ((99, 3), (100, 2), (5, 2), (1000, 1)):
        assert put(db, number, {"users_affected": users})["severity"] == severity
    after = put(db, number, {"urgency": "high"})
    assert (after["measured_severity"], after["priority"]) == (1, 1)
    assert after["response_due_at"] == NOW + 300.0
    texts = [text for kind, _, text in said(db, number) if kind == "upgraded"]
    assert texts[:2] == [
        "SEV3 -> SEV2: 100 users are affected (P4 -> P3)",
        "SEV2 -> SEV1: 1,000 users are affected (P3 -> P2)",
    ]


def test_a_severity_that_a_person_set_stands(db: Database, number: int) -> None:
    said_so: dict[str, Any] = {"actor": "bob", "reason": "only a preview", "now": NOW}
    set_severity(db, CONFIG, number, Severity.SEV4, **said_so)
    after = put(db, number, {"users_affected": 1000})
    assert (after["severity"], after["measured_severity"]) == (4, 1)
    assert "measured SEV3 -> SEV1, set by a person" in said(db, number)[-1][2]


def test_what_is_over_is_edited_and_keeps_its_rank(db: Database, number: int) -> None:
    resolve(db, CONFIG, number, "ann", "done", NOW)
    after = put(db, number, {"cause": "deploy", "users_affected": 5000})
    assert (after["cause"], after["severity"], after["users_affected"]) == ("deploy", 3, 5000)
    with pytest.raises(Conflict, match="resolved already: its urgency stays"):
        put(db, number, {"urgency": "high", "cause": None})


def test_when_it_began_keeps_the_order_of_times(db: Database, number: int) -> None:
    db.write(lambda c: c.execute(update(t).values(mitigated_at=NOW - 500)))
    refused = {
        NOW + 1: "is in the future",
        NOW - 299: "is after detected_at",
        NOW - 400: "is after mitigated_at",
    }
    for at, words in refused.items():
        with pytest.raises(Invalid, match=words):
            put(db, number, {"started_at": shown_time(at)})
    assert put(db, number, {"started_at": shown_time(NOW - 5000)})["started_at"] == NOW - 5000
    text = said(db, number)[-1][2]
    assert text == f"started_at: `{shown_time(NOW - 600)}` -> `{shown_time(NOW - 5000)}`"


def test_comments_do_not_overtake(db: Database, number: int) -> None:
    comment(db, CONFIG, number, "looking", actor="bob", now=NOW)
    assert put(db, number, {"title": "mine"}, seen=1)["title"] == "mine"
