"""What people report, on both databases."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from incidents.matrix import Modifier, Priorities, PriorityMatrix, TimeTarget
from incidents.model import Severity, Urgency
from incidents.types import Field, Taxonomy, TypeRules, Types
from slo.spec import Service
from vigie.commands import resolve
from vigie.commands.errors import Invalid, TooMany
from vigie.commands.reporting import Report, person_of, report
from vigie.config import Channel, Config
from vigie.store import incidents, jobs, reported
from vigie.store.db import Database, open_database
from vigie.store.visibility import EVERYTHING, Viewer

NOW = 1_790_000_000.0
TEAM = Channel("team", "webhook", frozenset({"notice", "page"}), url="http://h/")
MATRIX = PriorityMatrix(
    "m", modifiers=(Modifier("VIP", {"vip": "yes"}, moves=1),), response={2: TimeTarget(600, 60)}
)
TYPES = Types(
    {
        "access": TypeRules(
            "access",
            severity=4,
            urgency="low",
            fields=(Field("ticket", "Ticket", "number"),),
            users={1: 1000, 2: 100},
        ),
        "security": TypeRules("security", restricted=True),
    },
    Taxonomy(categories={"network": ("dns", "lan")}),
)
CONFIG = replace(
    Config({"checkout": Service("checkout"), "cart": Service("cart")}, {}, {}, {"team": TEAM}, ()),
    priorities=Priorities((MATRIX,)),
    types=TYPES,
)


@pytest.fixture
def db(database_url: str) -> Iterator[Database]:
    db = open_database(database_url)
    yield db
    db.close()


def put(db: Database, title: str = "Checkout is slow", **more: Any) -> Any:
    asked = {
        name: more.pop(name) for name in ("actor", "now", "key", "most_per_hour") if name in more
    }
    return report(db, CONFIG, Report(title, **more), **{"actor": "ada", "now": NOW, **asked})


def told(db: Database) -> list[tuple[str, str]]:
    claimed = db.write(
        lambda c: jobs.claim(c, "test", ["notify"], now=NOW + 9, lease_s=30.0, limit=10)
    )
    return [(job.payload["event"], job.payload["kind"]) for job in claimed]


def test_it_opens_like_one_of_the_machine_and_says_who_reported_it(db: Database) -> None:
    found = put(db, service="checkout", description=" since lunch\n", severity=Severity.SEV2)
    assert (found["state"], found["type"], found["detected_by"]) == ("triage", "report", "person")
    assert (found["severity"], found["measured_severity"], found["severity_set_at"]) == (
        2,
        None,
        None,
    )
    assert (found["priority"], found["reporter"]) == (2, "ada")
    assert found["description"] == "since lunch"
    assert found["response_due_at"] == NOW + 600
    assert {found[f"{n}_at"] for n in ("started", "detected", "reported", "opened")} == {NOW}
    (entry,) = db.read(lambda c: incidents.timeline(c, found["number"]))
    assert (entry["kind"], entry["actor"]) == ("opened", "ada")
    assert entry["text"] == "Reported by ada: Checkout is slow"
    assert told(db) == [("opened", "page")]


def test_what_is_not_urgent_informs(db: Database) -> None:
    put(db, type="access")
    assert told(db) == [("opened", "notice")]


@pytest.mark.parametrize(
    ("said", "severity", "urgency", "priority"),
    [
        ({}, 3, "high", 3),
        ({"type": "access"}, 4, "low", 5),
        ({"type": "access", "users_affected": 100}, 2, "low", 3),
        ({"type": "access", "users_affected": 5000, "severity": Severity.SEV3}, 3, "low", 4),
        ({"type": "access", "users_affected": 5}, 4, "low", 5),
        ({"urgency": Urgency.LOW}, 3, "low", 4),
        ({"labels": {"vip": "yes"}}, 3, "high", 2),
    ],
)
def test_severity_and_priority_follow_from_what_is_said(
    db: Database, said: dict[str, Any], severity: int, urgency: str, priority: int
) -> None:
    found = put(db, **said)
    ranked = (found["severity"], found["urgency"], found["priority"])
    assert ranked == (severity, urgency, priority)


def test_everything_that_is_said_is_kept(db: Database) -> None:
    found = put(
        db,
        service="checkout",
        affected=("cart", "checkout"),
        type="access",
        category="network",
        subcategory="dns",
        started_at="2026-09-21T12:00:00Z",
        reported_at=NOW - 60,
        requester="bob",
        fields={"ticket": "7"},
        labels={"site": "b"},
    )
    assert (found["affected"], found["category"], found["subcategory"]) == (
        ["cart"],
        "network",
        "dns",
    )
    assert (found["fields"], found["labels"]) == ({"ticket": 7}, {"site": "b"})
    assert found["started_at"] == 1_789_992_000.0
    assert (found["reported_at"], found["detected_at"], found["opened_at"]) == (
        NOW - 60,
        NOW - 60,
        NOW,
    )
    number = found["number"]
    for name in ("ada", "bob"):
        assert db.read(lambda c, who=name: reported.takes_part(c, number, who))  # type: ignore[misc]  # a default binds the name


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        ({"title": " "}, "title must not be empty"),
        ({"title": "x" * 1_000_000}, "title has 1000000 characters"),
        ({"title": "a\x00b"}, "title holds characters that cannot be shown"),
        ({"title": "a\nb"}, "title holds characters that cannot be shown"),
        ({"title": "a\u202eb"}, "turn words around"),
        ({"description": "\x00"}, "description holds characters"),
        ({"service": "chekout"}, "service `chekout` is none of the files; did you mean `checkout`"),
        ({"service": "z" * 900}, "..."),
        ({"affected": ("car",)}, "no service; did you mean `cart`"),
        ({"type": "acces"}, "no IncidentType of the files; did you mean `access`"),
        ({"type": "slo-burn"}, "opens by itself"),
        ({"category": "netwrk"}, "did you mean `network`"),
        ({"category": "network", "subcategory": "wan"}, "none of category"),
        ({"started_at": NOW + 60}, "started_at is in the future"),
        ({"reported_at": NOW + 60}, "reported_at is in the future"),
        ({"started_at": "yesterday"}, "started_at is no time"),
        ({"started_at": float("nan")}, "started_at is no time"),
        ({"started_at": "2020-01-01T00:00:00Z"}, "over a year ago"),
        ({"started_at": NOW - 5, "reported_at": NOW - 60}, "after detected_at"),
        ({"users_affected": -1}, "whole number"),
        ({"fields": {"ticket": "x"}, "type": "access"}, "field.ticket must be a number"),
        ({"fields": {"tickt": "1"}, "type": "access"}, "did you mean `ticket`"),
        ({"labels": {str(n): "x" for n in range(33)}}, "at most 32"),
        ({"labels": {"a": "\x00"}}, "label `a` holds"),
        ({"requester": "x\ny"}, "requester holds"),
    ],
)
def test_what_cannot_be_kept_is_refused_by_name_and_nothing_is_written(
    db: Database, said: dict[str, Any], problem: str
) -> None:
    with pytest.raises(Invalid) as refused:
        put(db, **said)
    assert problem in str(refused.value)
    assert len(str(refused.value)) < 300
    assert db.read(lambda c: incidents.get(c, 1)) is None


def test_a_clock_a_little_ahead_is_now(db: Database) -> None:
    assert put(db, started_at=NOW + 2)["started_at"] == NOW


def test_markup_and_mentions_stay_the_words_that_they_are(db: Database) -> None:
    words = "<script>alert(1)</script> @everyone {{ 7*7 }}"
    found = put(db, words, description=words)
    assert (found["title"], found["description"]) == (words, words)


def test_said_again_under_the_same_key_it_is_opened_once_also_when_it_is_over(
    db: Database,
) -> None:
    first = put(db, key="k")
    assert put(db, "other words", key="k", now=NOW + 5)["number"] == first["number"]
    resolve(db, CONFIG, first["number"], "ada", "done", NOW + 6)
    again = put(db, key="k", now=NOW + 9)
    assert (again["number"], again["state"]) == (first["number"], "resolved")
    assert put(db, key="k", actor="bob")["number"] != first["number"]
    assert put(db, key="k", actor="ada/laptop")["number"] == first["number"]
    assert put(db, key=None)["number"] != put(db, key=None)["number"]


def test_of_two_at_once_one_opens_it(db: Database) -> None:
    with ThreadPoolExecutor(4) as pool:
        numbers = set(pool.map(lambda _: put(db, key="k")["number"], range(8)))
    assert len(numbers) == 1
    assert len(db.read(lambda c: incidents.timeline(c, numbers.pop()))) == 1


@pytest.mark.parametrize("said", [{"type": "security"}, {"restricted": True}])
def test_a_restricted_one_is_seen_by_who_reported_it_and_for_whom(
    db: Database, said: dict[str, Any]
) -> None:
    found = put(db, service="checkout", requester="bob", **said)
    assert found["restricted"] == 1

    def seen(name: str) -> int:
        return len(db.read(lambda c: reported.open_of(c, "checkout", viewer=Viewer(name))))

    assert [seen(name) for name in ("ada", "bob", "eve", "")] == [1, 1, 0, 0]


def test_what_is_open_on_the_same_service_is_known(db: Database) -> None:
    one, two = put(db, service="checkout")["number"], put(db, service="checkout")["number"]
    put(db, service="cart")
    resolve(db, CONFIG, put(db, service="checkout")["number"], "ada", "done", NOW)
    others = db.read(lambda c: reported.open_of(c, "checkout", viewer=EVERYTHING, besides=two))
    assert [other["number"] for other in others] == [one]


def test_more_than_so_many_an_hour_are_refused(db: Database) -> None:
    for n in range(2):
        put(db, key=str(n), most_per_hour=2)
    with pytest.raises(TooMany, match="ada reported 2 incidents in the last hour"):
        put(db, most_per_hour=2)
    put(db, key="1", most_per_hour=2)  # again is no more
    put(db, actor="bob", most_per_hour=2)
    put(db, most_per_hour=2, now=NOW + 3601)


@pytest.mark.parametrize(
    ("actor", "person"),
    [
        ("ada", "ada"),
        ("ada/laptop", "ada"),
        ("ada (by ci)", "ada"),
        ("token/ci", "token/ci"),
        ("a/b@example.com (by helpdesk)", "a/b@example.com"),
    ],
)
def test_whose_name_an_actor_acts_under(actor: str, person: str) -> None:
    assert person_of(actor) == person
