"""Full text on both databases: what is found, by whom, and that nothing typed breaks it."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from incidents.model import EventKind, IncidentType, Severity, Signal, Urgency
from incidents.search import parse
from vigie.store import incidents, people, problems, search, timeline
from vigie.store.db import Database
from vigie.store.search import Filters
from vigie.store.tables import incident
from vigie.store.visibility import EVERYTHING, Viewer

NOW = 1_790_000_000.0
SIGNAL = Signal(
    key="a",
    type=IncidentType.NO_DATA,
    service="checkout",
    slo="availability",
    title="Réplicas of the ledger are silent",
    urgency=Urgency.LOW,
    severity=Severity.SEV3,
    started_at=NOW - 60,
    firing=True,
    clear=False,
    recover_after_s=60.0,
)


@pytest.fixture
def db(db: Database) -> Database:
    other = replace(SIGNAL, key="b", service="payments", slo="", title="Cards are declined")
    assert db.write(lambda c: incidents.open_incident(c, SIGNAL, NOW))
    assert db.write(lambda c: incidents.open_incident(c, other, NOW))
    return db


def say(db: Database, number: int, kind: EventKind, text: str, **data: Any) -> None:
    db.write(lambda c: timeline.append(c, number, NOW, kind, "ann", text, data))


def put(db: Database, number: int, **values: Any) -> None:
    """Columns as a command sets them, with the entry that says so."""

    def work(c: Any) -> None:
        c.execute(incident.update().where(incident.c.number == number).values(**values))
        timeline.append(c, number, NOW, EventKind.FIELD_SET, "ann", "set", {})

    db.write(work)


def find(db: Database, typed: str, viewer: Viewer = EVERYTHING, **only: Any) -> list[int]:
    filters = Filters(**only)
    hits = db.read(lambda c: search.incidents(c, parse(typed), filters, viewer, limit=50))
    return [hit.number for hit in hits]


def test_words_are_found_in_what_is_written_and_said(db: Database) -> None:
    put(db, 1, resolution="Rolled back to v1.2.3", description="<b>pods</b> evicted")
    say(db, 2, EventKind.COMMENTED, "the acquirer's gateway timed out")
    say(db, 2, EventKind.UPDATE_SENT, "Customer update: we are reverting")
    for typed, expected in {
        "replicas": [1],
        "RÉPLICAS ledger": [1],
        "ledger cards": [],
        "rolling": [1],
        '"rolled back"': [1],
        '"back rolled"': [],
        "v1.2.3": [1],
        "checkout/availability": [1],
        "evict*": [1],
        "gatew*": [2],
        "acquirer": [2],
        "reverting": [2],
        "are": [2, 1],
        "are -ledger": [2],
        'are -"cards are declined"': [1],
        "-ledger": [],
        "": [],
        "!!! --": [],
    }.items():
        assert sorted(find(db, typed)) == sorted(expected), typed


def test_a_title_counts_for_more_than_a_comment(db: Database) -> None:
    say(db, 2, EventKind.COMMENTED, "not the ledger")
    assert find(db, "ledger") == [1, 2]


def test_what_was_corrected_is_not_found_any_more(db: Database) -> None:
    say(db, 1, EventKind.COMMENTED, "hunter2 is the password")
    assert find(db, "hunter2") == [1]
    say(db, 1, EventKind.CORRECTED, "removed a secret", corrects=2, reason="secret")
    assert find(db, "hunter2") == []
    assert find(db, "secret") == [1]


def test_filters_narrow_what_is_found(db: Database) -> None:
    put(db, 2, cause="bad-deploy", category="software")
    for only, expected in (
        ({"service": "payments"}, [2]),
        ({"cause": "bad-deploy"}, [2]),
        ({"category": "software"}, [2]),
        ({"severity": 3}, [2, 1]),
        ({"severity": 1}, []),
        ({"state": "open"}, [2, 1]),
        ({"state": "resolved"}, []),
        ({"start": NOW}, [2, 1]),
        ({"end": NOW}, []),
    ):
        assert sorted(find(db, "are", **only)) == sorted(expected), only


def test_a_restricted_incident_is_found_by_its_participants_only(db: Database) -> None:
    put(db, 1, description="the planted zanzibar string", restricted=1)
    db.write(lambda c: people.begin(c, 1, "ann", "l1", "ann", NOW))
    assert find(db, "zanzibar") == [1]
    assert find(db, "zanzibar", Viewer("ann")) == [1]
    assert find(db, "zanzibar", Viewer("bob")) == []
    assert find(db, "zanzibar", Viewer(others=False)) == []
    hits = db.read(lambda c: search.any_of(c, ["zanzibar"], Viewer("bob"), limit=5))
    assert hits == []


def test_problems_are_found_apart_from_incidents_of_the_same_number(db: Database) -> None:
    values = {"title": "Ledger locks up", "created_by": "ann", "service": "checkout"}
    number = db.write(lambda c: problems.add(c, values, NOW))
    row = db.read(lambda c: problems.get(c, number))
    assert row is not None
    db.write(lambda c: problems.change(c, row, NOW, workaround="restart the zebra"))
    for typed, only, expected in (
        ("zebra", {}, [1]),
        ("zebra", {"service": "payments"}, []),
        ("locks", {"state": "open"}, [1]),
        ("locks", {"severity": 1}, []),
        ("silent", {}, []),
    ):
        filters = Filters(**only)
        hits = db.read(lambda c: search.problems(c, parse(typed), filters, limit=9))  # noqa: B023 - read within the turn
        assert [hit.number for hit in hits] == expected, typed
    assert find(db, "zebra") == []


TYPED = st.text(max_size=60) | st.text(alphabet="ab\"*-():^NEAR|&!'\\\0 +{}<é", max_size=60)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(typed=TYPED)
@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
def test_nothing_that_is_typed_is_an_error(db: Database, typed: str) -> None:
    assert set(find(db, typed)) <= {1, 2}


@pytest.mark.parametrize(
    "typed",
    ["'", "a:*b", "!a & b | c", "a<->b", '"', "\\", "%s :q0 {x}", "-", "a*b", "ﬁ ²", "日本 語*"],
)
def test_no_sign_means_anything_to_a_database(db: Database, typed: str) -> None:
    assert set(find(db, typed)) <= {1, 2}
