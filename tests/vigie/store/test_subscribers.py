"""Who is mailed: asked for, confirmed, left; how often a mailbox is asked; what links hold."""

import pytest

from vigie.store import subscribers
from vigie.store.db import Database
from vigie.store.subscribers import A_DAY_S, BETWEEN_S, Purpose, Subscriber, mailbox_of

NOW = 1_790_000_000.0


def ask(
    db: Database, address: str = "ann@example.com", now: float = NOW, page: str = "shop"
) -> int:
    return db.write(lambda c: subscribers.ask(c, page, address, now)) or 0


def get(db: Database, number: int) -> Subscriber:
    found = db.read(lambda c: subscribers.get(c, number))
    assert found is not None
    return found


def test_who_confirms_is_mailed_until_they_leave(db: Database) -> None:
    number = ask(db)
    assert db.read(lambda c: subscribers.confirmed(c, "shop", 0, 10)) == []
    db.write(lambda c: subscribers.confirm(c, number, NOW))
    assert db.read(lambda c: subscribers.confirmed(c, "shop", 0, 10)) == [number]
    assert db.read(lambda c: subscribers.confirmed(c, "shop", number, 10)) == []
    assert db.read(subscribers.counts) == {"shop": (1, 0)}
    assert ask(db, now=NOW + 2 * A_DAY_S) == 0  # is subscribed: no mail
    db.write(lambda c: subscribers.leave(c, number))
    assert db.read(lambda c: subscribers.get(c, number)) is None


def test_a_mailbox_is_asked_once_in_ten_minutes_and_five_times_a_day(db: Database) -> None:
    assert ask(db)
    assert not ask(db, now=NOW + BETWEEN_S - 1)
    assert not ask(db, "ann+tag@example.com", NOW + 1)
    assert not ask(db, "ANN@example.com", NOW + 1, page="other")
    asked = [ask(db, f"ann+{n}@example.com", NOW + n * BETWEEN_S) > 0 for n in range(1, 8)]
    assert asked == [True] * 4 + [False] * 3
    assert ask(db, now=NOW + A_DAY_S + 4 * BETWEEN_S)
    assert ask(db, "bob@example.com", NOW + 1)


def test_the_table_is_bounded(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subscribers, "MOST_UNCONFIRMED", 2)
    assert [ask(db, f"{n}@example.com") > 0 for n in range(3)] == [True, True, False]


def test_who_never_confirms_is_forgotten(db: Database) -> None:
    number = ask(db)
    kept = ask(db, "bob@example.com")
    db.write(lambda c: subscribers.confirm(c, kept, NOW))
    assert db.write(lambda c: subscribers.prune(c, NOW, 10)) == 0
    assert db.write(lambda c: subscribers.prune(c, NOW + 1, 10)) == 1
    assert db.read(lambda c: subscribers.get(c, number)) is None
    assert get(db, kept).confirmed_at == NOW


def test_a_link_opens_what_it_is_for_and_nothing_else(db: Database) -> None:
    one, other = get(db, ask(db)), get(db, ask(db, "bob@example.com"))
    link = db.write(lambda c: subscribers.code(c, one, Purpose.CONFIRM))
    assert db.write(lambda c: subscribers.code(c, one, Purpose.CONFIRM)) == link
    cases = [
        ("shop", link, Purpose.CONFIRM, one),
        ("other", link, Purpose.CONFIRM, None),
        ("shop", link, Purpose.LEAVE, None),
        ("shop", link.replace(f"{one.id}.", f"{other.id}."), Purpose.CONFIRM, None),
        ("shop", link[:-1], Purpose.CONFIRM, None),
        ("shop", "", Purpose.CONFIRM, None),
        ("shop", "9" * 90, Purpose.CONFIRM, None),
        ("shop", "\u0661.a", Purpose.CONFIRM, None),
    ]
    for page, given, purpose, found in cases:
        assert db.read(lambda c: subscribers.opened(c, page, given, purpose)) == found  # noqa: B023 - read within the turn


@pytest.mark.parametrize(
    ("address", "mailbox"),
    [
        ("Ann+shop@Example.com", "ann@example.com"),
        ("ann@example.com", "ann@example.com"),
        ("+ann@example.com", "+ann@example.com"),
    ],
)
def test_a_mailbox_is_that_of_all_its_tags(address: str, mailbox: str) -> None:
    assert mailbox_of(address) == mailbox
