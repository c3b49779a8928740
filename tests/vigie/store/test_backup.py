"""Backup, verify, restore: figures equal to the unit, from and to either database."""

import sqlite3
import threading
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.pool import NullPool

from collectors import changes as collected
from collectors.heartbeat import Heartbeat, Said
from incidents.budget import Acting, Standing
from incidents.model import Event, EventKind, IncidentType, Severity, Signal, Urgency
from incidents.problems import ProblemEvent
from runbooks.model import Match, Mode, Runbook, Step, StepKind
from slo.ledger import Row
from slo.outages import Outage
from slo.redundancy import RedundancyState
from slo.redundancy import Standing as Redundant
from slo.series import Layout, Memory
from slo.spans import Spans
from slo.spec import Excluded, ServiceState, SloId
from vigie.store import (
    alerts,
    attachments,
    automations,
    backfill,
    budget,
    changes,
    deliveries,
    exclusions,
    found,
    gate,
    guests,
    heartbeats,
    incidents,
    jobs,
    ledger,
    links,
    memories,
    meta,
    outages,
    people,
    problems,
    redundancy,
    reviews,
    runs,
    schema,
    sessions,
    states,
    subscribers,
    tokens,
    users,
)
from vigie.store.backup import backup, restore, verify
from vigie.store.db import Database, connect, open_database, parsed
from vigie.store.errors import Corrupt, Locked, Newer, Refused, Unavailable
from vigie.store.jobs import NewJob
from vigie.store.tables import metadata
from vigie.store.tables_tasks import task
from vigie.store.tables_updates import stakeholder_update

AT = 1_790_000_000.25
SIGNAL = Signal(
    key="k",
    type=IncidentType.NO_DATA,
    service="s",
    slo="",
    title="été 😀",
    urgency=Urgency.LOW,
    severity=Severity.SEV2,
    started_at=1 / 3,
    firing=True,
    clear=False,
    recover_after_s=1.0,
)

DEPLOY = collected.Change(
    "gh", "1", "été", collected.Kind.DEPLOY, collected.Status.SUCCEEDED, 1 / 3, 2.0, 2.0,
    services=("s",),
)  # fmt: skip


class Change:
    slo, arm, state, since = "s/o", "page", 1, 0.1


def fill(c: Connection) -> None:
    """Something in every table."""
    ids = ledger.sli_ids(c, ["a", "b"])
    sums = np.array([7, 2**61], dtype=np.int64)
    ledger.write_slices(c, [Row(10, 100 * n, 1, sums, sums + n, sums) for n in range(7)], ids)
    cols, times = np.array([1, 0]), np.array([0.1, 0.2])
    ledger.write_spans(c, Spans(cols, times, times + 1, sums, sums), ids)
    layout = Layout((b"m{} \xff",), (("m",),))
    one = np.array([np.nan])
    memories.write(c, {"t": Memory(layout, layout.keys, one, one, one, added_at=0.3)}, {})
    alerts.write(c, [Change()])
    budget.write(c, [Acting(SloId("s/o"), "tell", Standing.ON, 0.4)])
    gate.add(c, "s", author="ann", reason="fix", now=1 / 3, expires_at=9.0, key="k")
    exclusions.add(c, Excluded("s", "", 1.0, 2.0, "r", "a", planned=False), {}, 3.0)
    backfill.write(c, [backfill.Progress("a", "prom", 60, 600, 120)])
    found.write(c, "group", {"s/o": [[["code", "500"]]]})
    outages.write(c, [Outage("s", 0.7, None)])
    states.write(c, [states.Became("s", 0.7, ServiceState.DOWN, "all fail")])
    redundancy.write(c, {"s": Redundant(RedundancyState.DOWN, "none is ready", 0.7)})
    heartbeats.beat(c, Heartbeat("h", "s", every_s=60.0), Said.OK, 1 / 3)
    changes.record(c, DEPLOY, 3.0)
    incidents.open_incident(c, SIGNAL, 5.0)
    incidents.apply(c, Event(EventKind.RESOLVED, "k", 6.0, 1))
    incidents.open_incident(c, SIGNAL, 7.0)
    jobs.enqueue(c, NewJob("notify", "d", {"x": [1, None]}, 1.5, incident=1), 1.0)
    deliveries.record(c, "d", 1, "ch", "page", 1, 2.0, "failed", "no")
    steps = (Step("a", StepKind.MANUAL, "A"),)
    runs.start(c, 1, Runbook("r", "R", Match(), Mode.SUGGEST, steps), 3.0)
    told = attachments.NewAttachment("é.har", "application/har+json", b"\x00{}" * 40_000, 9)
    attachments.add(c, 1, told, "ann", 4.0, "k")
    work = {"incident": 1, "number": 1, "source": "review", "kind": "prevent", "title": "t\u00e9"}
    times = {"due_at": 9.0, "due_set_at": 1 / 3, "created_at": 1 / 3}
    automations.wait_for(c, {"opened"})
    automations.begin(c, 1, 1, "a", ["a"], automations.RunState.RUNNING, "w", [], 0.6)
    c.execute(task.insert().values(**work, **times, state="open", created_by="ann"))
    related = {"incident": 1, "kind": "related", "target": 2, "ref": "2", "url": "", "title": "é"}
    links.add(c, related | {"added_at": 1 / 3, "added_by": "ada"})
    reviews.add(c, 1, "ann\u00e9", 8.0)
    users.add(c, "ada", "admin", "hash", None, by="vigie", now=1 / 3)
    users.grant(c, 1, users.Grant("incident", "1", "responder"), by="ada", now=1.0)
    sessions.begin(c, "digest", 1, now=1.0, expires_at=1e10)
    token = {"name": "ci", "user": 1, "role": "responder", "scope": "send", "by": "ada"}
    tokens.add(c, "digest", **token, now=1.0, expires_at=2.0)
    guest = {"incident": 1, "name": "Ann", "role": "viewer", "by": "ada"}
    guests.add(c, "digest", **guest, now=1.0, expires_at=2.0)
    assert subscribers.ask(c, "shop", "é@example.com", 1 / 3)
    people.begin(c, 1, "ann", "l1", "ada", 1 / 3, "été")
    said = {"audience": "customer", "status": "resolved", "text": "é", "next_at": 2 / 3}
    c.execute(stakeholder_update.insert().values(**said, incident=1, sent_at=1 / 3, sent_by="a"))
    problems.add(c, {"title": "\u00e9", "created_by": "ann"}, 1 / 3)
    problems.say(c, 1, 1 / 3, ProblemEvent.OPENED, "ann", "\u00e9")
    meta.set_(c, "note", "kept")


@pytest.fixture
def filled(db: Database) -> Database:
    db.write(fill)
    return db


def digests(path: Path) -> dict[str, str]:
    return {name: one.sha256 for name, one in verify(path).tables.items()}


def test_a_backup_holds_every_table_and_says_so(filled: Database, tmp_path: Path) -> None:
    facts = backup(filled, tmp_path / "b.vigie", AT)
    assert facts.good
    assert (facts.revision, facts.taken_at, facts.source) == (schema.HEAD, AT, filled.dialect)
    assert facts.tables.keys() == {*metadata.tables, "alembic_version"}
    assert all(one.rows for one in facts.tables.values())
    assert [p.name for p in tmp_path.iterdir() if "b.vigie" in p.name] == ["b.vigie"]


@pytest.mark.parametrize("to", ["sqlite", pytest.param("postgresql", marks=pytest.mark.system)])
def test_a_restored_database_equals_the_one_saved_to_the_unit(
    filled: Database, to: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    backup(filled, first, AT)
    sums = filled.read(lambda c: ledger.read_slices(c, 10, 0, 10**9, np.array([1, 2])))
    filled.close()
    url = _target(to, tmp_path, request)
    restore(first, url)
    with closing(open_database(url)) as restored:
        again = restored.read(lambda c: ledger.read_slices(c, 10, 0, 10**9, np.array([1, 2])))
        assert all(np.array_equal(a, b) for a, b in zip(sums, again, strict=True))
        backup(restored, second, AT + 1)
        assert digests(second) == digests(first)
        # Numbers go on after the highest that was restored.
        other = replace(DEPLOY, id="2")
        assert restored.write(lambda c: changes.record(c, other, 9.0)) == (2, True)
        assert restored.write(lambda c: incidents.apply(c, Event(EventKind.RESOLVED, "k", 9.0, 2)))
        assert restored.write(lambda c: incidents.open_incident(c, SIGNAL, 10.0)) == 3
        assert restored.write(lambda c: ledger.sli_ids(c, ["new"])).tolist() == [3]


def _target(to: str, tmp_path: Path, request: pytest.FixtureRequest) -> str:
    if to == "sqlite":
        return f"sqlite:///{tmp_path}/restored.db"
    url = str(request.getfixturevalue("postgres_url"))
    with create_engine(url, poolclass=NullPool).begin() as c:
        c.execute(text("DROP SCHEMA public CASCADE"))
        c.execute(text("CREATE SCHEMA public"))
    return url


def test_a_backup_taken_while_a_writer_hammers_is_of_one_moment(
    db: Database, tmp_path: Path
) -> None:
    """Two rows of two tables that every commit sets to the same number stay equal in it."""
    going = threading.Event()
    going.set()
    begun = threading.Event()

    def hammer() -> None:
        n = 0
        while going.is_set():
            n += 1
            db.write(partial(_both, n=n))
            begun.set()

    writer = threading.Thread(target=hammer)
    writer.start()
    try:
        begun.wait()
        for take in range(3):
            path = tmp_path / f"b{take}"
            assert backup(db, path, AT).good
            with closing(sqlite3.connect(path)) as file:
                (one,) = file.execute("SELECT value FROM meta WHERE key = 'n'").fetchone()
                (other,) = file.execute("SELECT state FROM alert").fetchone()
            assert int(one) == other > 0
    finally:
        going.clear()
        writer.join()


def _both(c: Connection, n: int) -> None:
    meta.set_(c, "n", str(n))
    change = Change()
    change.state = n
    alerts.write(c, [change])


def test_a_backup_by_url_needs_no_lock(filled: Database, tmp_path: Path) -> None:
    if filled.dialect == "sqlite":
        assert backup(filled.url, tmp_path / "b", AT).good


def test_a_backup_never_overwrites_a_file(filled: Database, tmp_path: Path) -> None:
    (tmp_path / "b").write_text("precious")
    with pytest.raises(Refused, match="exists already"):
        backup(filled, tmp_path / "b", AT)
    assert (tmp_path / "b").read_text() == "precious"


def test_a_backup_that_cannot_be_written_leaves_nothing(filled: Database, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Unavailable, match="cannot be written"):
        backup(filled, tmp_path / "file" / "b", AT)
    assert {p.name for p in tmp_path.iterdir()} <= {"file", "vigie.db", *_BESIDE}


_BESIDE = {"vigie.db-wal", "vigie.db-shm", "vigie.db.lock"}


@pytest.fixture
def saved(sqlite_template: Path, tmp_path: Path) -> Path:
    """A good backup."""
    path = tmp_path / "own.db"
    path.write_bytes(sqlite_template.read_bytes())
    with closing(open_database(f"sqlite:///{path}")) as db:
        db.write(fill)
        backup(db, tmp_path / "saved", AT)
    return tmp_path / "saved"


def _change(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path)) as file:
        for statement in statements:
            file.execute(statement)
        file.commit()


@pytest.mark.parametrize(
    ("statement", "problem"),
    [
        ("UPDATE job SET attempts = 9", "table `job` has other contents"),
        ("DELETE FROM timeline WHERE id = 1", "table `timeline` has 2 rows, the manifest says 3"),
        ("DROP TABLE outage", "table `outage` is missing"),
        ("CREATE TABLE more (x)", "table `more` is not in the manifest"),
        ("DELETE FROM incident WHERE number = 1", "a row of `timeline` names one of `incident`"),
        ("DELETE FROM meta WHERE key = 'backup'", "it has no manifest"),
    ],
)
def test_a_backup_that_was_changed_is_found_out(saved: Path, statement: str, problem: str) -> None:
    assert verify(saved).good
    _change(saved, statement)
    facts = verify(saved)
    assert not facts.good
    assert any(problem in one for one in facts.problems), facts.problems
    with pytest.raises(Corrupt, match="is not restored"):
        restore(saved, f"sqlite:///{saved.parent}/never.db")


def test_a_damaged_file_is_found_out(saved: Path) -> None:
    content = bytearray(saved.read_bytes())
    content[4096 * 3 : 4096 * 9] = bytes(4096 * 6)
    saved.write_bytes(content)
    try:
        good = verify(saved).good
    except Corrupt:
        good = False
    assert not good


def test_a_file_that_is_no_backup_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no database at all" * 100)
    _change(tmp_path / "other", "CREATE TABLE x (y)")
    with pytest.raises(Corrupt):
        verify(tmp_path / "text")
    with pytest.raises(Corrupt, match="no backup of Vigie's"):
        verify(tmp_path / "other")
    with pytest.raises(Unavailable, match="no file"):
        verify(tmp_path / "nothing")


def test_a_backup_of_a_later_version_is_refused(saved: Path) -> None:
    _change(saved, "UPDATE alembic_version SET version_num = '9999'")
    assert not verify(saved).good  # the revision is part of what was signed
    with pytest.raises((Newer, Corrupt)):
        restore(saved, f"sqlite:///{saved.parent}/never.db")


def test_what_a_database_holds_is_replaced_only_by_force(saved: Path) -> None:
    url = f"sqlite:///{saved.parent}/target.db"
    with closing(open_database(url)) as db:
        db.write(lambda c: jobs.enqueue(c, NewJob("k", "mine", {}, 0.0), 0.0))
    with pytest.raises(Refused, match="not empty"):
        restore(saved, url)
    restore(saved, url, force=True)
    with closing(open_database(url)) as db:
        assert db.read(lambda c: [job.dedup for job in _claimed(c)]) == ["d"]


def _claimed(c: Connection) -> list[NewJob]:
    found = c.execute(text("SELECT dedup FROM job WHERE kind = 'notify'"))
    return [NewJob("notify", row.dedup, {}, 0.0) for row in found]


def test_a_running_server_is_not_restored_over(saved: Path) -> None:
    url = f"sqlite:///{saved.parent}/target.db"
    with closing(open_database(url)), pytest.raises(Locked):
        restore(saved, url, force=True)


def test_a_restore_that_fails_changes_nothing(saved: Path) -> None:
    url = f"sqlite:///{saved.parent}/target.db"
    with closing(open_database(url)) as db:
        db.write(lambda c: meta.set_(c, "mine", "1"))
        db.write(
            lambda c: c.exec_driver_sql(
                "CREATE TRIGGER no BEFORE INSERT ON run BEGIN SELECT RAISE(ABORT, 'no'); END"
            )
        )
    with pytest.raises(Exception, match="no"):
        restore(saved, url)
    with closing(connect(parsed(url), read_only=True)) as db:
        assert db.read(lambda c: meta.get(c, "mine")) == "1"
        assert db.read(lambda c: c.execute(text("SELECT count(*) FROM incident")).scalar()) == 0
