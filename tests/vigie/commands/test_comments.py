"""Comments and whom they name, on a real database."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incidents.model import IncidentType, Severity, Signal, Urgency
from vigie.commands import comment
from vigie.commands.mentions import MOST, mentions
from vigie.commands.record import change
from vigie.config import Channel, Config
from vigie.store import incidents, jobs, people, timeline, users
from vigie.store.db import Database

NOW = 1_790_000_000.0
TEAM = Channel("team", "webhook", frozenset({"notice"}), url="http://h/")
CONFIG = Config({}, {}, {}, {"team": TEAM}, ())
SIGNAL = Signal(
    key="k",
    type=IncidentType.NO_DATA,
    service="checkout",
    slo="",
    title="silent",
    urgency=Urgency.LOW,
    severity=Severity.SEV3,
    started_at=NOW - 60,
    firing=True,
    clear=False,
    recover_after_s=60.0,
)


@pytest.fixture
def db(db: Database) -> Database:
    for name in ("ann", "bob"):
        db.write(lambda c, name=name: users.add(c, name, "responder", "x", None, by="v", now=NOW))
    assert db.write(lambda c: incidents.open_incident(c, SIGNAL, NOW)) == 1
    return db


def say(db: Database, text: str, **more: Any) -> Any:
    comment(db, CONFIG, 1, text, **{"actor": "eve", "now": NOW + 1, **more})
    return db.read(lambda c: timeline.read(c, 1))[-1]


def watchers(db: Database) -> list[tuple[str, str]]:
    held = db.read(lambda c: people.holders(c, 1))
    return [(one["name"], one["role"]) for one in held]


def notices(db: Database) -> list[tuple[str, str]]:
    claimed = db.write(
        lambda c: jobs.claim(c, "test", ["notify"], now=NOW + 9, lease_s=30.0, limit=10)
    )
    return [(job.payload["event"], job.payload["text"]) for job in claimed]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("@bob look", ("bob",)),
        ("(@bob), @ann. @bob!", ("bob", "ann")),
        ("**@bob** and _@ann_", ("bob", "ann")),
        ("@Bob", ("bob",)),
        ("@a.b-c_d.", ("a.b-c_d",)),
        ("`@bob` and\n\n    @ann\n", ()),
        ("```\n@bob\n```", ()),
        ("mail ann@bob.example or <mailto:x@ann.example>", ()),
        ("@bob@elsewhere.example", ()),
        ("https://e.org/@bob and <https://e.org/@ann>", ()),
        ("[text](https://e.org/@bob)", ()),
        ("@bobé @é", ()),
        ("`code`@bob", ("bob",)),
    ],
)
def test_whom_a_text_names(text: str, names: tuple[str, ...]) -> None:
    assert mentions(text) == names


@given(st.text(max_size=60))
def test_every_name_stands_in_the_text(text: str) -> None:
    assert all(f"@{name}" in text.lower() for name in mentions(text))


def test_no_comment_names_more_than_so_many() -> None:
    assert len(mentions(" ".join(f"@u{n}" for n in range(MOST + 9)))) == MOST


def test_who_is_named_watches_it_and_is_told(db: Database) -> None:
    entry = say(db, "@bob @nobody see `@ann`")
    assert entry["data"] == {"mentions": ["bob"], "not_users": ["nobody"]}
    assert watchers(db) == [("bob", "watcher")]
    assert notices(db) == [("commented", "For bob, from eve: @bob @nobody see `@ann`")]


def test_a_comment_that_names_nobody_tells_nobody(db: Database) -> None:
    assert say(db, "rolled back")["data"] == {}
    assert (watchers(db), notices(db)) == ([], [])


def test_named_twice_one_watches_once_and_a_key_is_written_once(db: Database) -> None:
    say(db, "@bob", key="a")
    again = say(db, "@bob once more", key="a")
    assert again["text"] == "@bob"
    say(db, "@bob", now=NOW + 1)
    assert watchers(db) == [("bob", "watcher")]
    assert len(notices(db)) == 2


def test_of_a_restricted_incident_a_mention_lets_nobody_in(db: Database) -> None:
    db.write(lambda c: change(c, 1, restricted=1))
    db.write(lambda c: people.begin(c, 1, "ann", "observer", "eve", NOW))
    entry = say(db, "@ann @bob")
    assert entry["data"] == {"mentions": ["ann"], "not_on_it": ["bob"]}
    assert watchers(db) == [("ann", "observer")]


def test_who_was_disabled_is_no_user(db: Database) -> None:
    db.write(lambda c: users.set_disabled(c, 2, NOW))
    assert say(db, "@bob")["data"] == {"not_users": ["bob"]}
