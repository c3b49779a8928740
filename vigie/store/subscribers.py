"""Who is mailed about a status page: whoever asked for it, once the mailbox is known to be theirs.

The links in mails are codes made from a key of this server and of what the row holds, so that no
row and no job holds what opens.
"""

import hashlib
import hmac
import logging
import secrets
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from sqlalchemy import Connection, RowMapping, Select, delete, func, select, update

from vigie.store import meta
from vigie.store.sql import insert
from vigie.store.tables_status import subscriber as t

UNCONFIRMED_S: Final = 2 * 86_400.0  # then whoever did not confirm is forgotten
BETWEEN_S: Final = 600.0  # two mails that ask one mailbox to confirm
A_DAY_S: Final = 86_400.0
A_DAY: Final = 5
MOST: Final = 100_000  # of all pages
MOST_UNCONFIRMED: Final = 10_000
_KEY: Final = "status_links_key"
_DIGITS: Final = 16

log = logging.getLogger(__name__)


class Purpose(StrEnum):
    """What a link is for."""

    CONFIRM = "confirm"
    LEAVE = "unsubscribe"


@dataclass(frozen=True, slots=True)
class Subscriber:
    """One address on one page."""

    id: int
    page: str
    address: str
    nonce: str
    confirmed_at: float | None


def ask(c: Connection, page: str, address: str, now: float) -> int | None:
    """Note that somebody asks to mail this address; the id of whom to mail for confirmation. None:
    nobody is mailed, for it is confirmed, or was asked too often or too shortly before.
    """
    if c.execute(_of(page, address).where(t.c.confirmed_at.is_not(None))).first():
        return None
    mailbox = mailbox_of(address)
    if not _may_be_asked(c, mailbox, now):
        return None
    known = c.execute(_of(page, address)).first()
    number = known.id if known is not None else _added(c, page, address, mailbox, now)
    if number is None:
        return None
    fresh = t.c.asked_from <= now - A_DAY_S
    found = c.execute(select(fresh).where(t.c.id == number)).scalar_one()
    count = {"asked": 1, "asked_from": now} if found else {"asked": t.c.asked + 1}
    c.execute(update(t).where(t.c.id == number).values(asked_at=now, **count))
    return int(number)


def get(c: Connection, number: int) -> Subscriber | None:
    row = c.execute(select(*_COLUMNS).where(t.c.id == number)).mappings().first()
    return _subscriber(row) if row is not None else None


def confirmed(c: Connection, page: str, after: int, limit: int) -> list[int]:
    """The ids of who is mailed about a page, after an id, in order."""
    mine = (t.c.page == page, t.c.confirmed_at.is_not(None), t.c.id > after)
    return list(c.execute(select(t.c.id).where(*mine).order_by(t.c.id).limit(limit)).scalars())


def counts(c: Connection) -> dict[str, tuple[int, int]]:
    """By page: how many have confirmed, and how many are waited for."""
    both = select(t.c.page, func.count(t.c.confirmed_at).label("yes"), func.count().label("all"))
    return {row.page: (row.yes, row.all - row.yes) for row in c.execute(both.group_by(t.c.page))}


def confirm(c: Connection, number: int, now: float) -> None:
    """They have shown that the mailbox is theirs; again changes nothing."""
    c.execute(
        update(t).where(t.c.id == number, t.c.confirmed_at.is_(None)).values(confirmed_at=now)
    )


def leave(c: Connection, number: int) -> None:
    """Forget an address."""
    c.execute(delete(t).where(t.c.id == number))


def prune(c: Connection, before: float, batch: int) -> int:
    """Delete one batch of whoever asked before a time and never confirmed; how many."""
    late = select(t.c.id).where(t.c.confirmed_at.is_(None), t.c.created_at < before).limit(batch)
    return c.execute(delete(t).where(t.c.id.in_(late))).rowcount


def code(c: Connection, one: Subscriber, purpose: Purpose) -> str:
    """What a link of theirs holds. Call it in a transaction that may write."""
    return f"{one.id}.{_mac(_key(c), one, purpose)}"


def opened(c: Connection, page: str, given: str, purpose: Purpose) -> Subscriber | None:
    """Whose link this is; None where it opens nothing, or not any more."""
    number, _, mac = given.partition(".")
    key = meta.get(c, _KEY)
    if not (number.isascii() and number.isdecimal() and len(number) <= _DIGITS and key):
        return None
    one = get(c, int(number))
    if one is None or one.page != page:
        return None
    expected = _mac(key, one, purpose)
    same = hmac.compare_digest(expected.encode(), mac.encode("utf-8", "surrogatepass"))
    return one if same else None


def mailbox_of(address: str) -> str:
    """Whose mailbox an address is: `Ann+shop@Example.com` is `ann@example.com`'s, so that nobody is
    written to more often by putting tags to their address.
    """
    local, _, domain = address.lower().rpartition("@")
    return f"{local.partition('+')[0] or local}@{domain}"


def _may_be_asked(c: Connection, mailbox: str, now: float) -> bool:
    recent = (t.c.asked_from > now - A_DAY_S).label("recent")
    mine = select(t.c.asked_at, t.c.asked, recent).where(t.c.mailbox == mailbox)
    found = c.execute(mine).all()
    if any(row.asked_at > now - BETWEEN_S and row.asked for row in found):
        return False
    asked: int = sum(row.asked for row in found if row.recent)
    return asked < A_DAY


def _added(c: Connection, page: str, address: str, mailbox: str, now: float) -> int | None:
    total = func.count().label("all")
    there = c.execute(select(total, (total - func.count(t.c.confirmed_at)).label("new"))).one()
    if there.all >= MOST or there.new >= MOST_UNCONFIRMED:
        log.warning("nobody can subscribe: %d subscribers, %d unconfirmed", there.all, there.new)
        return None
    row = {"page": page, "address": address, "mailbox": mailbox}
    times = {"created_at": now, "asked_from": now, "asked_at": now}
    added = insert(c, t).values(**row, **times, nonce=secrets.token_urlsafe(16))
    added = added.on_conflict_do_nothing(index_elements=["page", "address"])
    return c.execute(added.returning(t.c.id)).scalar()


def _key(c: Connection) -> str:
    if (key := meta.get(c, _KEY)) is None:
        key = secrets.token_urlsafe(32)
        meta.set_(c, _KEY, key)
    return key


def _mac(key: str, one: Subscriber, purpose: Purpose) -> str:
    said = f"{purpose}\n{one.id}\n{one.page}\n{one.nonce}"
    return hmac.new(key.encode(), said.encode(), hashlib.sha256).hexdigest()[:40]


def _of(page: str, address: str) -> Select[tuple[int]]:
    return select(t.c.id).where(t.c.page == page, t.c.address == address)


_COLUMNS = [t.c[name] for name in Subscriber.__dataclass_fields__]


def _subscriber(row: RowMapping) -> Subscriber:
    return Subscriber(**{name: row[name] for name in Subscriber.__dataclass_fields__})
