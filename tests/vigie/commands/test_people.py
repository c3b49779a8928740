"""Who does what on an incident, on a real database."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Connection, select

from blank import blank_database
from fleet import burn_signal
from incidents.people import Part
from vigie.channels import Channel
from vigie.commands import acknowledge, people, restrict
from vigie.commands.errors import Conflict, Invalid, NotFound
from vigie.config import Config
from vigie.store import incidents, users
from vigie.store import people as store
from vigie.store.db import Database, open_database
from vigie.store.sql import from_json
from vigie.store.tables import incident as t
from vigie.store.tables import job

NOW = 1_790_000_000.0
TEAM = Channel("team", "webhook", frozenset({"notice"}), url="http://h/")
CONFIG = Config({}, {}, {}, {"team": TEAM}, ())


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    db = open_database(blank_database(tmp_path))
    yield db
    db.close()


@pytest.fixture
def number(db: Database) -> int:
    signal = replace(burn_signal(), started_at=NOW - 60)
    number = db.write(lambda c: incidents.open_incident(c, signal, NOW - 30))
    assert number is not None
    return number


def holders(db: Database, number: int) -> list[tuple[str, str]]:
    rows = db.read(lambda c: store.holders(c, number))
    return [(row["role"], row["name"]) for row in rows]


def said(db: Database, number: int) -> list[str]:
    return [one["text"] for one in db.read(lambda c: incidents.timeline(c, number))][1:]


def make_users(db: Database, *names: str) -> None:
    def work(c: Connection) -> None:
        for name in names:
            assert users.add(c, name, "responder", "x", None, by="v", now=NOW)

    db.write(work)


def test_a_single_part_goes_over_with_the_time_and_any_other_is_shared(
    db: Database, number: int
) -> None:
    people.take(db, CONFIG, number, Part.L2, actor="ann", now=NOW)
    people.take(db, CONFIG, number, Part.L2, actor="bob", now=NOW + 60)
    for name in ("ann", "bob"):
        people.assign(db, CONFIG, number, name, Part.OBSERVER, actor="cy", now=NOW + 61)
    assert holders(db, number) == [("l2", "bob"), ("observer", "ann"), ("observer", "bob")]
    first, second, *_ = db.read(lambda c: store.of_incident(c, number))
    assert (first["name"], first["since"], first["until"]) == ("ann", NOW, NOW + 60)
    assert (second["name"], second["since"], second["until"]) == ("bob", NOW + 60, None)
    assert said(db, number)[:2] == ["ann is L2", "bob is L2, after ann"]


def test_taking_what_one_holds_changes_nothing(db: Database, number: int) -> None:
    for _ in range(2):
        people.take(db, CONFIG, number, Part.SCRIBE, actor="ann", now=NOW)
    assert holders(db, number) == [("scribe", "ann")]
    assert said(db, number) == ["ann is scribe"]


@pytest.mark.parametrize("part", [Part.INCIDENT_MANAGER, Part.PROCESS_OWNER])
def test_one_hands_over_only_what_one_holds(db: Database, number: int, part: Part) -> None:
    people.take(db, CONFIG, number, part, actor="ann", now=NOW)
    with pytest.raises(Conflict, match="bob is not"):
        people.hand_over(db, CONFIG, number, part, "cy", "x", actor="bob", now=NOW)
    people.hand_over(db, CONFIG, number, part, "bob", "half done", actor="ann", now=NOW)
    assert holders(db, number) == [(part.value, "bob")]
    assert said(db, number)[-1].endswith(", after ann: half done")
    (row,) = db.read(lambda c: store.holders(c, number))
    assert row["note"] == "half done"
    with pytest.raises(Conflict, match="now it is bob"):
        people.leave(db, CONFIG, number, part, actor="ann", now=NOW)
    people.leave(db, CONFIG, number, part, actor="bob", now=NOW)
    assert holders(db, number) == []


def test_a_key_is_done_once(db: Database, number: int) -> None:
    for _ in range(2):
        people.assign(db, CONFIG, number, "ann", Part.L1, actor="x", now=NOW, key="k")
        people.assign(db, CONFIG, number, "bob", Part.L1, actor="x", now=NOW, key="k2")
    assert holders(db, number) == [("l1", "bob")]
    assert len(said(db, number)) == 2


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ("robret", "there is no user `robret`; did you mean `robert`?"),
        ("eve", "user `eve` is disabled"),
    ],
)
def test_where_there_are_users_a_person_is_one(
    db: Database, number: int, given: str, problem: str
) -> None:
    make_users(db, "robert", "eve")
    db.write(lambda c: users.set_disabled(c, 2, NOW))
    with pytest.raises(Invalid, match=problem.replace("?", r"\?")):
        people.assign(db, CONFIG, number, given, Part.L1, actor="ann", now=NOW)
    people.assign(db, CONFIG, number, "ROBERT", Part.L1, actor="ann", now=NOW)
    assert holders(db, number) == [("l1", "robert")]


@pytest.mark.parametrize("name", ["", "a\nb", "x" * 101, "\u202eeve"])
def test_a_name_can_be_shown(db: Database, number: int, name: str) -> None:
    with pytest.raises(Invalid):
        people.assign(db, CONFIG, number, name, Part.L1, actor="ann", now=NOW)


@pytest.mark.parametrize("tier", [1, 2, 3])
def test_who_acknowledges_answers_for_the_tier(db: Database, number: int, tier: int) -> None:
    db.write(lambda c: c.execute(t.update().values(tier=tier)))
    acknowledge(db, CONFIG, number, "ann", NOW)
    assert holders(db, number) == [(f"l{tier}", "ann")]


@pytest.mark.parametrize(
    ("actor", "holder"),
    [
        ("bob", "bob"),
        ("bob/ci", "bob"),
        ("bob (by ada/ci)", "bob"),
        ("zed", None),
        ("token/ci", None),
        ("api", None),
        ("vigie", None),
    ],
)
def test_a_program_that_acknowledges_gets_no_part(
    db: Database, number: int, actor: str, holder: str | None
) -> None:
    make_users(db, "ada", "bob")
    acknowledge(db, CONFIG, number, actor, NOW)
    assert holders(db, number) == ([("l1", holder)] if holder else [])


def test_a_part_that_is_held_stays_when_somebody_else_acknowledges(
    db: Database, number: int
) -> None:
    people.take(db, CONFIG, number, Part.L1, actor="ann", now=NOW)
    acknowledge(db, CONFIG, number, "bob", NOW)
    assert holders(db, number) == [("l1", "ann")]


def test_a_team_is_called_in_and_everybody_is_told(db: Database, number: int) -> None:
    people.call_team(db, CONFIG, number, "network", "zone b", actor="ann", now=NOW)
    assert said(db, number) == ["Team network called in by ann: zone b"]
    told = select(job.c.payload).where(job.c.kind == "notify")
    (payload,) = db.read(lambda c: c.execute(told).scalars().all())
    assert from_json(payload)["event"] == "team_called"


def test_watching_is_twice_the_same_and_ends(db: Database, number: int) -> None:
    for _ in range(2):
        people.watch(db, number, name="ann", actor="ann", now=NOW)
    assert holders(db, number) == [("watcher", "ann")]
    people.unwatch(db, number, name="ann", now=NOW)
    people.unwatch(db, number, name="ann", now=NOW)
    assert holders(db, number) == []
    assert said(db, number) == []


def test_restricting_keeps_who_has_a_part_and_lets_watchers_go(db: Database, number: int) -> None:
    people.take(db, CONFIG, number, Part.L1, actor="ann", now=NOW)
    people.watch(db, number, name="wat", actor="wat", now=NOW)
    for _ in range(2):
        found = restrict.restrict(db, CONFIG, number, "breach", actor="mia", now=NOW)
    assert found["restricted"] == 1
    assert holders(db, number) == [("l1", "ann"), ("observer", "mia")]
    assert said(db, number)[1:] == ["Restricted to its participants by mia: breach"]
    people.leave(db, CONFIG, number, Part.L1, actor="ann", now=NOW)
    with pytest.raises(Conflict, match="nobody would see"):
        people.leave(db, CONFIG, number, Part.OBSERVER, actor="mia", now=NOW)
    assert holders(db, number) == [("observer", "mia")]
    found = restrict.unrestrict(db, CONFIG, number, "over", actor="mia", now=NOW)
    assert (found["restricted"], said(db, number)[-1]) == (0, "Open to all again, by mia: over")


def test_what_nobody_would_see_is_not_restricted(db: Database, number: int) -> None:
    make_users(db, "bob")
    with pytest.raises(Conflict, match="nobody would see it"):
        restrict.restrict(db, CONFIG, number, "x", actor="token/ci", now=NOW)
    assert said(db, number) == []
    people.assign(db, CONFIG, number, "bob", Part.L1, actor="x", now=NOW)
    assert restrict.restrict(db, CONFIG, number, "x", actor="token/ci", now=NOW)["restricted"]


def test_an_incident_that_is_none_is_not_found(db: Database) -> None:
    with pytest.raises(NotFound):
        people.take(db, CONFIG, 9, Part.L1, actor="ann", now=NOW)
    with pytest.raises(NotFound):
        restrict.let_in(db, CONFIG, 9, "ann", "x", actor="ada", now=NOW)


def test_a_clock_that_was_set_back_ends_nothing_before_it_began(db: Database, number: int) -> None:
    people.take(db, CONFIG, number, Part.L1, actor="ann", now=NOW)
    people.take(db, CONFIG, number, Part.L1, actor="bob", now=NOW - 50)
    first = db.read(lambda c: store.of_incident(c, number))[0]
    assert first["until"] == first["since"] == NOW
