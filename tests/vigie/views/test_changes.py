"""Changes as they are shown, and those that came before an incident."""

from dataclasses import replace
from typing import Any

import pytest

from collectors.changes import Change, Kind, Status
from vigie.store import changes as store
from vigie.store.db import Database
from vigie.views import changes as views

ONSET = 1_790_856_000.0
DEPLOY = Change(
    "api", None, "Ship", Kind.DEPLOY, Status.SUCCEEDED, ONSET, ONSET, services=("checkout",)
)


def tell(db: Database, title: str, start: float, finish: float | None, **more: Any) -> None:
    told = replace(DEPLOY, title=title, started_at=start, finished_at=finish, **more)
    db.write(lambda c: store.record(c, told, ONSET))


def test_what_changed_before_an_onset_is_what_began_or_ran_then(db: Database) -> None:
    tell(db, "long before", ONSET - 9000, ONSET - 8000)
    tell(db, "ended within", ONSET - 9000, ONSET - 7000)
    tell(db, "just before", ONSET - 120, ONSET - 60)
    tell(db, "runs", ONSET - 10_000, None, status=Status.RUNNING)
    tell(db, "an onset is an estimate", ONSET + 30, ONSET + 40)
    tell(db, "after", ONSET + 90, ONSET + 95)
    tell(db, "of another", ONSET - 120, ONSET, services=("search",))
    found = views.before(db, "checkout", ONSET, 7200.0)
    assert [(one["title"], one["before_seconds"]) for one in found] == [
        ("an onset is an estimate", -30.0),
        ("just before", 120.0),
        ("ended within", 9000.0),
        ("runs", 10_000.0),
    ]


def test_a_page_ends_with_the_place_where_the_next_begins(db: Database) -> None:
    for n in range(5):
        tell(db, str(n), ONSET + n / 3, ONSET + 5)
    titles, cursor = [], None
    while True:
        page = views.changes(db, cursor=cursor, limit=2)
        titles += [one["title"] for one in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert titles == ["4", "3", "2", "1", "0"]


def test_what_is_not_known_is_null(db: Database) -> None:
    tell(db, "Ship", ONSET, None, status=Status.PENDING)
    (one,) = views.changes(db)["items"]
    assert [one[name] for name in ("id", "version", "actor", "url", "environment")] == [None] * 5
    assert (one["started_at"], one["finished_at"]) == ("2026-10-01T12:00:00.000Z", None)
    assert views.change(db, one["number"]) == one
    assert views.change(db, 999) is None


@pytest.mark.parametrize("cursor", ["", "x", "1", "1_x"])
def test_a_cursor_that_is_none_is_an_error(db: Database, cursor: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        views.changes(db, cursor=cursor)
