"""Where the state machine of incidents lives: users of every role, types with rules, a database of
its own for each example, and all that it holds as one value.
"""

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import orjson
from sqlalchemy import Connection

from fleet import BROKEN, CONFIG, T0, Fleet, fleet_at, live
from incidents.types import Closing, Field, SubStatus, TypeRules, Types
from vigie.access import Role, Scope, proofs
from vigie.access.gate import COOKIE
from vigie.live import Board
from vigie.store import tokens, users
from vigie.store.db import open_database
from vigie.store.tables_access import user_session

DAY_S = 86_400.0
FOREVER = T0 + 10_000 * DAY_S
USERS = {
    "vera": Role.VIEWER,
    "rita": Role.REQUESTER,
    "remy": Role.RESPONDER,
    "rosa": Role.RESPONDER,
    "mona": Role.MANAGER,
    "dora": Role.DESK,
    "alan": Role.ADMIN,
}
REPORT = TypeRules(
    "report",
    statuses=(SubStatus("vendor", "Vendor", "identified"), SubStatus("told", "Told", "resolved")),
    fields=(Field("ticket", "Ticket", required_at="resolved"),),
    closing=Closing(roles=("desk", "admin"), required=("cause",), review=(1,), confirmed=True),
    reopen_within_s=2 * DAY_S,
)
SECRET = TypeRules("secret", restricted=True, closing=Closing(review=()))
TYPES = {"report": REPORT, "secret": SECRET}
RULED = replace(CONFIG, types=Types(TYPES))
# When something was last used is no fact of an incident.
_USED = frozenset({"last_used_at", "first_used_at", "opened", "seen_at"})

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Actor:
    """Somebody who asks: as a browser that is signed in, by a token, or by a guest's link."""

    name: str  # under which it is written
    person: str  # the user for whom it counts; empty: for none
    role: Role
    headers: Mapping[str, str] = field(repr=False)
    guest_of: int | None = None
    guest: int | None = None  # its id
    until: float = FOREVER


def _session(name: str) -> str:
    return f"session-of-{name}"


def _bearer(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}


def _person(name: str, role: Role) -> Actor:
    secret = _session(name)
    shown = {"Cookie": f"{COOKIE}={secret}", "X-CSRF-Token": proofs.csrf_of(secret)}
    return Actor(name, name, role, shown)


OF_REMY, OF_NOBODY = f"{proofs.TOKEN_PREFIX}remys", f"{proofs.TOKEN_PREFIX}nobodys"
ACTORS = {name: _person(name, role) for name, role in USERS.items()} | {
    "remy/cli": Actor("remy/cli", "remy", Role.RESPONDER, _bearer(OF_REMY)),
    "token/ci": Actor("token/ci", "", Role.RESPONDER, _bearer(OF_NOBODY)),
}


def guest(name: str, role: str, secret: str, *, of: int, id_: int, until: float) -> Actor:
    return Actor(f"{name} (guest)", "", Role(role), _bearer(secret), of, id_, until)


@dataclass(frozen=True)
class Held:
    """Everything in a database: `all_` is equal where nothing was changed."""

    all_: Mapping[str, tuple[tuple[Any, ...], ...]]
    incidents: Mapping[int, Row]
    timelines: Mapping[int, tuple[Row, ...]]
    parts: Mapping[int, frozenset[tuple[str, str]]]
    tasks: frozenset[tuple[int, int, str]]  # incident, number within it, state
    links: frozenset[tuple[int, int, int | None]]  # id, and the two ends


class World:
    """A fleet over a new database with the users, and a look at all that it holds."""

    def __init__(self) -> None:
        self._folder = TemporaryDirectory()
        path = Path(self._folder.name) / "vigie.db"
        path.write_bytes(_peopled())
        self.fleet: Fleet = fleet_at(Path(self._folder.name))
        self.fleet.board = Board(replace(live(BROKEN), config=RULED))
        self._look = sqlite3.connect(path)
        self._look.row_factory = sqlite3.Row
        named = self._look.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        self._tables = {name: self._columns(name) for (name,) in named.fetchall()}

    def now(self) -> float:
        return self.fleet.clock.now()

    def held(self) -> Held:
        rows = {table: self._look.execute(sql).fetchall() for table, sql in self._tables.items()}
        incidents = {row["number"]: dict(row) for row in rows["incident"]}
        timelines: dict[int, list[Row]] = {number: [] for number in incidents}
        for row in sorted(rows["timeline"], key=lambda row: (row["incident"], row["position"])):
            timelines.setdefault(row["incident"], []).append(dict(row))
        parts: dict[int, set[tuple[str, str]]] = {}
        for row in rows["participant"]:
            if row["until"] is None:
                parts.setdefault(row["incident"], set()).add((row["role"], row["name"]))
        return Held(
            {table: tuple(map(tuple, found)) for table, found in rows.items()},
            incidents,
            {number: tuple(entries) for number, entries in timelines.items()},
            {number: frozenset(held) for number, held in parts.items()},
            frozenset((row["incident"], row["number"], row["state"]) for row in rows["task"]),
            frozenset((row["id"], row["incident"], row["target"]) for row in rows["incident_link"]),
        )

    def close(self) -> None:
        self._look.close()
        self.fleet.db.close()
        self._folder.cleanup()

    def _columns(self, table: str) -> str:
        columns = [row[1] for row in self._look.execute(f'PRAGMA table_info("{table}")')]
        shown = ", ".join(f'"{name}"' for name in columns if name not in _USED)
        return f'SELECT {shown} FROM "{table}"'


def keys_of(held: Held, number: int) -> frozenset[str]:
    """The idempotency keys on a timeline."""
    entries = held.timelines.get(number, ())
    given = (orjson.loads(entry["data"]).get("idempotency_key") for entry in entries)
    return frozenset(key for key in given if key is not None)


@cache
def _peopled() -> bytes:
    """A database with the users and nothing else. Nobody signs in there: sessions are written as
    they would be, and last, for clocks that jump by days would end them.
    """

    def fill(c: Connection) -> None:
        for name, role in USERS.items():
            assert users.add(c, name, role, "no password", None, by="vigie", now=T0)
            found = users.get(c, name)
            assert found is not None
            row = {"digest": proofs.digest(_session(name)), "user": found.id, "created_at": T0}
            c.execute(user_session.insert().values(**row, seen_at=FOREVER, expires_at=FOREVER))
        remy = users.get(c, "remy")
        assert remy is not None
        for secret, of, name in ((OF_REMY, remy.id, "cli"), (OF_NOBODY, None, "ci")):
            facts: dict[str, Any] = {"name": name, "user": of, "role": Role.RESPONDER}
            facts |= {"scope": Scope.ALL, "by": "alan", "now": T0, "expires_at": FOREVER}
            tokens.add(c, proofs.digest(secret), **facts)

    with TemporaryDirectory() as folder:
        path = Path(folder) / "vigie.db"
        db = open_database(f"sqlite:///{path}")
        db.write(fill)
        db.close()
        return path.read_bytes()
