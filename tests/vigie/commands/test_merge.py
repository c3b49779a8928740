"""Merging incidents, taking them out again and splitting them, on a real database."""

from dataclasses import replace
from typing import Any

import pytest

from incidents.matrix import Priorities, PriorityMatrix, TimeTarget
from incidents.model import EventKind, IncidentState, IncidentType, Severity, Signal, Urgency
from vigie.commands import resolve
from vigie.commands.errors import Conflict, Invalid, NotFound
from vigie.commands.merge import merge, unmerge
from vigie.commands.record import change, find
from vigie.commands.splitting import Part, split
from vigie.config import Channel, Config
from vigie.handlers.notify import not_needed
from vigie.store import incidents, jobs, links, people, timeline
from vigie.store.db import Database
from vigie.store.visibility import EVERYTHING, Viewer

NOW = 1_790_000_000.0
TEAM = Channel("team", "webhook", frozenset({"page", "notice"}), url="http://h/")
TARGETS = {n: TimeTarget(600.0, 0.0) for n in range(1, 6)}
RULES = Priorities((PriorityMatrix("m", response=TARGETS, resolution={}),))
CONFIG = replace(Config({}, {}, {}, {"team": TEAM}, ()), priorities=RULES)
SIGNAL = Signal(
    key="slo-burn:a/o",
    type=IncidentType.SLO_BURN,
    service="a",
    slo="o",
    title="a burns",
    urgency=Urgency.HIGH,
    severity=Severity.SEV2,
    started_at=NOW - 60,
    firing=True,
    clear=False,
    recover_after_s=120.0,
)
ABOUT: dict[str, Any] = {"viewer": EVERYTHING, "reason": "the same", "actor": "ann", "now": NOW}
BY: dict[str, Any] = {"reason": "not the same", "actor": "ann", "now": NOW + 9}


@pytest.fixture
def db(db: Database) -> Database:
    """Incidents 1 of service a, 2 of b that began before it, and 3 of c."""
    for n, service in enumerate("abc"):
        signal = replace(
            SIGNAL,
            key=f"slo-burn:{service}/o",
            service=service,
            title=f"{service} burns",
            started_at=NOW - 60 - 100 * (n == 1),
        )
        at = NOW - 30 - (n == 1)
        assert db.write(lambda c, s=signal, at=at: incidents.open_incident(c, s, at, RULES))
    return db


def got(db: Database, number: int) -> Any:
    return db.read(lambda c: find(c, number))


def said(db: Database, number: int) -> list[tuple[str, str]]:
    return [(e["kind"], e["text"]) for e in db.read(lambda c: timeline.read(c, number))][1:]


def timers(db: Database) -> list[int | None]:
    claimed = db.write(
        lambda c: jobs.claim(c, "t", ["target"], now=NOW + 9_999, lease_s=30.0, limit=50)
    )
    return [job.incident for job in claimed]


def test_a_merged_incident_is_over_and_the_other_has_what_was_of_it(db: Database) -> None:
    merged = merge(db, CONFIG, 2, 1, **ABOUT)
    assert (merged["state"], merged["merged_into"], merged["open_key"]) == ("merged", 1, None)
    target = got(db, 1)
    assert target["affected"] == ["b"]
    assert (target["started_at"], target["detected_at"]) == (NOW - 160, NOW - 31)
    assert target["opened_at"] == NOW - 30
    assert said(db, 2) == [("merged", "Merged into #1: the same")]
    kind, text = said(db, 1)[0]
    assert kind == "merged"
    assert text.startswith("Took in #2; started_at 2026-09-21T14:12:20.000Z -> 2026-09-21T14:10:40")
    assert text.endswith(": the same")


def test_its_page_is_no_longer_needed(db: Database) -> None:
    merged = merge(db, CONFIG, 2, 1, **ABOUT)
    reason = not_needed("page", EventKind.OPENED, NOW - 31, merged)
    assert reason == "merged before it was sent"


def test_its_key_stands_for_the_other_while_that_one_is_open(db: Database) -> None:
    merge(db, CONFIG, 2, 1, **ABOUT)
    opened = db.read(incidents.open_incidents)
    assert {key: one.number for key, one in opened.items()} == {
        "slo-burn:a/o": 1,
        "slo-burn:b/o": 1,
        "slo-burn:c/o": 3,
    }
    resolve(db, CONFIG, 1, "ann", "done", NOW + 1)
    assert list(db.read(incidents.open_incidents)) == ["slo-burn:c/o"]


def test_what_was_merged_goes_along_into_the_next(db: Database) -> None:
    merge(db, CONFIG, 2, 1, **ABOUT)
    merge(db, CONFIG, 1, 3, **ABOUT)
    assert [got(db, n)["merged_into"] for n in (1, 2)] == [3, 3]
    assert got(db, 3)["affected"] == ["a", "b"]
    assert db.read(lambda c: links.merged(c, 3)) == [1, 2]
    assert {one.number for one in db.read(incidents.open_incidents).values()} == {3}


def test_the_worse_signal_of_a_merged_one_raises_the_other_and_keeps_its_title(
    db: Database,
) -> None:
    merge(db, CONFIG, 2, 1, **ABOUT)
    worse = replace(SIGNAL, key="slo-burn:b/o", title="b burns", severity=Severity.SEV1)
    event = incidents.Event(EventKind.UPGRADED, SIGNAL.key, NOW, 1, worse, "worse")
    assert db.write(lambda c: incidents.apply(c, event, RULES)) == 1
    assert (got(db, 1)["severity"], got(db, 1)["title"]) == (1, "a burns")


def test_what_cannot_be_merged_is_refused_by_name(db: Database) -> None:
    with pytest.raises(Invalid, match="into itself"):
        merge(db, CONFIG, 1, 1, **ABOUT)
    for number, into in ((9, 1), (1, 9)):
        with pytest.raises(NotFound, match="no incident #9"):
            merge(db, CONFIG, number, into, **ABOUT)
    merge(db, CONFIG, 2, 1, **ABOUT)
    for number, into in ((2, 3), (3, 2), (1, 2)):
        with pytest.raises(Conflict, match="#2 is merged already into #1"):
            merge(db, CONFIG, number, into, **ABOUT)
    resolve(db, CONFIG, 3, "ann", "done", NOW)
    for number, into in ((1, 3), (3, 1)):
        with pytest.raises(Conflict, match="#3 is resolved already"):
            merge(db, CONFIG, number, into, **ABOUT)


def test_a_restricted_incident_is_not_there_for_others_nor_opened_by_a_merge(db: Database) -> None:
    db.write(lambda c: change(c, 1, restricted=1))
    with pytest.raises(NotFound, match="no incident #1"):
        merge(db, CONFIG, 2, 1, **{**ABOUT, "viewer": Viewer("bob")})
    for number, into in ((1, 2), (2, 1)):
        with pytest.raises(Conflict, match="is restricted and the other is not"):
            merge(db, CONFIG, number, into, **ABOUT)
    assert said(db, 2) == []


def test_the_same_key_merges_once(db: Database) -> None:
    first = merge(db, CONFIG, 2, 1, **ABOUT, key="k", duplicate=True)
    again = merge(db, CONFIG, 2, 1, **ABOUT, key="k", duplicate=True)
    assert again == first
    assert len(said(db, 1)) == 1
    (row,) = db.read(lambda c: links.of_incident(c, 1))
    assert (row["incident"], row["kind"], row["target"]) == (2, "duplicate_of", 1)


def test_a_merge_can_be_undone(db: Database) -> None:
    db.write(lambda c: change(c, 2, state=IncidentState.IDENTIFIED.value, sub_status="waiting"))
    merge(db, CONFIG, 2, 1, **ABOUT)
    assert sorted(timers(db)) == [1, 2, 3]
    after = unmerge(db, CONFIG, 2, **BY)
    assert (after["state"], after["sub_status"], after["merged_into"]) == (
        "identified",
        "waiting",
        None,
    )
    assert db.read(incidents.open_incidents)["slo-burn:b/o"].number == 2
    assert said(db, 2)[-1] == ("split", "Goes on by itself, no longer merged into #1: not the same")
    assert said(db, 1)[-1] == ("split", "#2 goes on by itself again: not the same")
    assert timers(db) == [2]
    with pytest.raises(Conflict, match="#2 is identified, and not merged"):
        unmerge(db, CONFIG, 2, **BY)


def test_a_merge_is_not_undone_over_what_opened_since(db: Database) -> None:
    merge(db, CONFIG, 2, 1, **ABOUT)
    resolve(db, CONFIG, 1, "ann", "done", NOW + 1)
    signal = replace(SIGNAL, key="slo-burn:b/o", service="b")
    assert db.write(lambda c: incidents.open_incident(c, signal, NOW + 2, RULES)) == 4
    with pytest.raises(Conflict, match="incident #4 is open for the same cause"):
        unmerge(db, CONFIG, 2, **BY)


def test_a_split_opens_a_new_incident_that_names_the_entries(db: Database) -> None:
    resolve(db, CONFIG, 1, "ann", "done", NOW)
    part = Part("the other half", severity=Severity.SEV4, entries=(2, 1, 2))
    new = split(db, CONFIG, 1, part, **BY, key="k")
    assert (new["number"], new["title"], new["service"]) == (4, "the other half", "a")
    assert (new["state"], new["severity"], new["started_at"]) == ("triage", 4, NOW - 60)
    assert said(db, 4) == [("split", "Split off #1; see its entries 1, 2: not the same")]
    assert said(db, 1)[-1] == ("split", "Split: #4: not the same")
    (row,) = db.read(lambda c: links.of_incident(c, 4))
    assert (row["kind"], row["incident"], row["target"]) == ("related", 1, 4)
    assert split(db, CONFIG, 1, part, **BY, key="k")["number"] == 4
    assert split(db, CONFIG, 1, part, **BY)["number"] == 5


def test_a_split_that_cannot_be_is_refused(db: Database) -> None:
    for part, error, message in (
        (Part(" "), Invalid, "title is empty"),
        (Part("x", service="none"), Invalid, "service `none` is none of the files"),
        (Part("x", entries=(99,)), NotFound, "no entry 99"),
    ):
        with pytest.raises(error, match=message):
            split(db, CONFIG, 1, part, **BY)
    merge(db, CONFIG, 2, 1, **ABOUT)
    with pytest.raises(Conflict, match="#2 is merged"):
        split(db, CONFIG, 2, Part("x"), **BY)
    assert db.read(lambda c: incidents.get(c, 4)) is None


def test_who_is_on_a_restricted_incident_is_on_what_is_split_off_it(db: Database) -> None:
    db.write(lambda c: change(c, 1, restricted=1))
    db.write(lambda c: people.begin(c, 1, "bob", "observer", "ann", NOW))
    new = split(db, CONFIG, 1, Part("x"), **BY)
    assert new["restricted"] == 1
    assert db.read(lambda c: find(c, new["number"], Viewer("bob")))
