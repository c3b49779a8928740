"""Stored timelines: every append is chained, and what was changed with SQL is found."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, text

from blank import blank_database
from incidents.chain import GENESIS, canonical, link
from incidents.model import Event, EventKind, IncidentType, Severity, Signal, Urgency
from vigie.store import incidents, timeline
from vigie.store.backup import backup, restore, verify
from vigie.store.db import Database, open_database

SIGNAL = Signal(
    key="a",
    type=IncidentType.NO_DATA,
    service="s",
    slo="",
    title="no data",
    urgency=Urgency.LOW,
    severity=Severity.SEV2,
    started_at=1.0,
    firing=True,
    clear=False,
    recover_after_s=1.0,
)
SAID = EventKind.COMMENTED


def opened(c: Connection, count: int = 1) -> list[int]:
    numbers = []
    for n in range(count):
        number = incidents.open_incident(c, replace(SIGNAL, key=f"k{n}"), 10.0)
        assert number is not None
        numbers.append(number)
    return numbers


def say(db: Database, number: int, words: str, at: float = 20.0, **data: Any) -> int:
    return db.write(lambda c: timeline.append(c, number, at, SAID, "ada", words, data))


def test_every_entry_follows_the_one_before_and_the_incident_names_the_last(db: Database) -> None:
    number = db.write(opened)[0]
    assert say(db, number, "eins\x00 \ud800", x=[0.1, None, {"b": 1, "a": 1e16}]) == 2
    assert db.write(lambda c: incidents.apply(c, Event(EventKind.RESOLVED, "k0", 30.0, number)))
    rows, head = db.read(lambda c: (timeline.read(c, number), incidents.get(c, number)))
    last = GENESIS
    for position, row in enumerate(rows, start=1):
        last = link(last, timeline.entry_of(row))
        assert (row["position"], row["hash"]) == (position, last)
        assert canonical(timeline.entry_of(row)) == timeline.hashed(row)
    assert head is not None
    assert (head["timeline_length"], head["timeline_head"]) == (3, last)
    found = db.read(timeline.verify)
    assert (found.good, found.incidents, found.entries) == (True, 1, 3)


def test_what_is_told_late_has_two_times(db: Database) -> None:
    number = db.write(opened)[0]
    db.write(lambda c: timeline.append(c, number, 5.0, SAID, "ada", "x", {}, recorded_at=25.0))
    entry = db.read(lambda c: timeline.entry(c, number, 2))
    assert entry is not None
    assert (entry["occurred_at"], entry["recorded_at"]) == (5.0, 25.0)
    assert db.read(lambda c: timeline.entry(c, number, 3)) is None


def test_nothing_is_written_on_an_incident_that_is_not_there(db: Database) -> None:
    with pytest.raises(LookupError, match="incident 9"):
        say(db, 9, "x")


def test_of_many_who_append_at_once_none_is_lost_and_the_chain_holds(db: Database) -> None:
    one, other = db.write(partial(opened, count=2))
    together = threading.Barrier(8)

    def write(n: int) -> None:
        together.wait()
        for m in range(5):
            say(db, one if n % 4 else other, f"{n} {m}")

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(write, range(8)))
    found = db.read(timeline.verify)
    assert (found.problems, found.entries) == ([], 42)
    texts = db.read(lambda c: [row["text"] for row in timeline.read(c, one)[1:]])
    assert sorted(texts) == sorted(f"{n} {m}" for n in range(8) if n % 4 for m in range(5))


def test_the_same_key_at_once_is_seen_by_all_but_the_first(db: Database) -> None:
    number = db.write(opened)[0]

    def once(c: Connection) -> bool:
        if timeline.was_written(c, number, "k"):
            return False
        timeline.append(c, number, 20.0, SAID, "ada", "x", {"idempotency_key": "k"})
        return True

    with ThreadPoolExecutor(6) as threads:
        wrote = [one.result() for one in [threads.submit(db.write, once) for _ in range(6)]]
    assert sum(wrote) == 1
    assert not db.write(lambda c: timeline.was_written(c, number, "j"))


PLANTED = {
    "UPDATE timeline SET actor = 'bob' WHERE incident = 2 AND position = 2": "entry 2: its fields",
    "UPDATE timeline SET text = 'x' WHERE incident = 2 AND position = 1": "entry 1: its fields",
    "UPDATE timeline SET kind = 'paged' WHERE incident = 2 AND position = 3": "entry 3: its field",
    "UPDATE timeline SET occurred_at = occurred_at + 1 WHERE id = 6": "incident 2, entry 3",
    "UPDATE timeline SET recorded_at = 0 WHERE id = 6": "incident 2, entry 3: its fields",
    "UPDATE timeline SET data = '{}' WHERE id = 6": "incident 2, entry 3: its fields",
    "UPDATE timeline SET data = '{\"n\":1 }' WHERE id = 6": "incident 2, entry 3: its fields",
    "UPDATE timeline SET hash = 'f' WHERE id = 6": "incident 2, entry 3: its fields",
    "UPDATE timeline SET id = 99 WHERE id = 5": "incident 2, entry 3: its id 6",
    "UPDATE timeline SET position = 9 WHERE id = 5": "incident 2, entry 2: is missing; entry 3",
    "UPDATE timeline SET incident = 1, position = 4 WHERE id = 7": "incident 1, entry 4: its fie",
    "DELETE FROM timeline WHERE id = 5": "incident 2, entry 2: is missing; entry 3 comes next",
    "DELETE FROM timeline WHERE id = 7": "incident 2, entry 4: is missing; the incident says",
    "DELETE FROM timeline WHERE incident = 2": "incident 2, entry 1: is missing",
    "UPDATE incident SET timeline_length = 3 WHERE number = 2": "incident 2, entry 4: was added",
    "UPDATE incident SET timeline_head = 'f' WHERE number = 2": "incident 2, entry 4: is not",
    "INSERT INTO timeline (incident, position, occurred_at, recorded_at, kind, actor, text, data, "
    "hash) VALUES (2, 5, 1, 1, 'commented', 'm', 't', '{}', 'f')": "incident 2, entry 5: its fie",
}


@pytest.mark.parametrize(("planted", "said"), PLANTED.items())
def test_a_planted_edit_is_found_and_named(db: Database, planted: str, said: str) -> None:
    """Entries 1 to 3 are of incident 1, 4 to 7 of incident 2."""
    one, other = db.write(partial(_filled))
    assert db.read(timeline.verify).good
    db.write(lambda c: c.exec_driver_sql(planted))
    found = db.read(timeline.verify)
    assert not found.good
    assert any(said in problem for problem in found.problems), found.problems
    assert (one, other) == (1, 2)


def _filled(c: Connection) -> list[int]:
    first = incidents.open_incident(c, replace(SIGNAL, key="a"), 10.0)
    assert first == 1
    for n in range(2):
        timeline.append(c, 1, 20.0, SAID, "ada", "same", {"n": n})
    second = incidents.open_incident(c, replace(SIGNAL, key="b"), 10.0)
    assert second == 2
    for n in range(3):
        timeline.append(c, 2, 20.0, SAID, "ada", "same", {"n": n})
    return [1, 2]


def test_of_very_many_broken_timelines_some_are_named_and_all_are_counted(db: Database) -> None:
    db.write(partial(opened, count=25))
    before = db.read(timeline.verify)
    db.write(lambda c: c.execute(text("UPDATE timeline SET actor = 'm'")))
    found = db.read(timeline.verify)
    assert (found.broken, found.entries, len(found.problems)) == (25, 25, 21)
    assert found.problems[-1] == "5 more timelines are broken"
    assert found.sha256 == before.sha256  # the heads are what they were
    db.write(lambda c: timeline.append(c, 3, 20.0, SAID, "ada", "x", {}))
    assert db.read(timeline.verify).sha256 != before.sha256


def test_a_backup_and_what_is_restored_from_it_hold_the_same_chains(
    db: Database, tmp_path: Path
) -> None:
    db.write(_filled)
    facts = backup(db, tmp_path / "b", 50.0)
    assert facts.timelines == db.read(timeline.verify)
    restore(tmp_path / "b", f"sqlite:///{tmp_path}/again.db")
    with closing(open_database(f"sqlite:///{tmp_path}/again.db")) as again:
        assert again.write(lambda c: timeline.append(c, 2, 60.0, SAID, "ada", "on", {})) == 5
        assert again.read(timeline.verify).good
        again.write(lambda c: c.execute(text("UPDATE timeline SET text = 'm' WHERE position = 5")))
        backup(again, tmp_path / "c", 70.0)
    assert "timeline of incident 2, entry 5: its fields" in verify(tmp_path / "c").problems[0]


# -- whatever is written, and whatever one change is made -----------------------------------------


@pytest.fixture(scope="module")
def sqlite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    url = blank_database(tmp_path_factory.mktemp("chained"))
    with closing(open_database(url)) as one:
        yield one


words = st.text(st.characters(exclude_categories=()), max_size=8)
seconds = st.floats(allow_nan=False, allow_infinity=False)
data = st.dictionaries(words.filter(str.isprintable), st.none() | st.integers(0, 9) | seconds)
said = st.tuples(st.integers(0, 1), seconds, seconds, words, words, data)


def _written(c: Connection, appends: list[tuple[Any, ...]]) -> tuple[int, int]:
    for table in ("timeline", "incident"):
        c.execute(text(f"DELETE FROM {table}"))
    one, other = opened(c, 2)
    for which, at, recorded_at, actor, said, more in appends:
        number = (one, other)[which]
        timeline.append(c, number, at, SAID, actor, said, more, recorded_at=recorded_at)
    return one, other


class Undone(Exception):  # noqa: N818 - read as what it says
    """Takes back what was planted."""


@given(appends=st.lists(said, max_size=6), drawn=st.data())
@settings(max_examples=60)
def test_any_appends_verify_and_any_one_change_of_them_is_found(
    sqlite: Database, appends: list[tuple[Any, ...]], drawn: st.DataObject
) -> None:
    sqlite.write(lambda c: _written(c, appends))
    assert sqlite.read(timeline.verify).problems == []
    ids = sqlite.read(lambda c: c.execute(text("SELECT id FROM timeline ORDER BY id")).scalars())
    entries = st.sampled_from(list(ids))
    one, other, edit = drawn.draw(entries), drawn.draw(entries), drawn.draw(EDITS)

    def plant(c: Connection) -> None:
        before = _rows(c)
        edit(c, one, other)
        if _rows(c) != before:
            assert not timeline.verify(c).good
        raise Undone

    with pytest.raises(Undone):
        sqlite.write(plant)


def _rows(c: Connection) -> list[Any]:
    return list(c.execute(text("SELECT * FROM timeline ORDER BY id")))


def _field(name: str, value: Any) -> Any:
    sql = text(f"UPDATE timeline SET {name} = :v WHERE id = :id")
    return lambda c, one, _: c.execute(sql, {"v": value, "id": one})


def _delete(c: Connection, one: int, _: int) -> None:
    c.execute(text("DELETE FROM timeline WHERE id = :id"), {"id": one})


def _repeat(c: Connection, one: int, other: int) -> None:
    """The contents of one entry once more, at the end of the incident of another."""
    repeat = (
        "INSERT INTO timeline (incident, position, occurred_at, recorded_at, kind, actor, text, "
        "data, hash) SELECT b.incident, (SELECT max(position) + 1 FROM timeline u WHERE "
        "u.incident = b.incident), a.occurred_at, a.recorded_at, a.kind, a.actor, a.text, a.data, "
        "a.hash FROM timeline a, timeline b WHERE a.id = :one AND b.id = :other"
    )
    c.execute(text(repeat), {"one": one, "other": other})


def _swap(c: Connection, one: int, other: int) -> None:
    """Two entries change places."""
    where = text("SELECT incident, position FROM timeline WHERE id = :id")
    here, there = (c.execute(where, {"id": id_}).one() for id_ in (one, other))
    move = text("UPDATE timeline SET incident = :i, position = :p WHERE id = :id")
    for id_, (incident, position) in ((one, (here[0], -1)), (other, here), (one, there)):
        c.execute(move, {"i": incident, "p": position, "id": id_})


valid = words.map(lambda w: w.encode("utf-8", "replace").decode())
EDITS = st.one_of(
    *(st.builds(_field, st.just(n), valid) for n in ("kind", "actor", "text", "data", "hash")),
    *(st.builds(_field, st.just(n), seconds) for n in ("occurred_at", "recorded_at")),
    st.builds(_field, st.just("position"), st.integers(8, 99)),
    st.sampled_from([_delete, _repeat, _swap]),
)
