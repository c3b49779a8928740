"""How long the server takes over 100,000 incidents with a year of timeline: list, filter, one
incident, and analytics of the year; p95 beside raw SQL that fetches the same rows.

    python benchmarks/incidents.py [--incidents 100000] [--entries 20] [--calls 200]

Two lines a case: one against its limit in ms, one against the least that any server would do: the
same questions to the bare driver, the same columns of the same rows as dicts, one `dumps` (of
analytics, whose answer is not its rows, the rows as they come). One more case is what /metrics
counts of all incidents, against its limit alone. The database is a SQLite file that is gone
afterwards; its chains are real.
"""

import argparse
import json
import random
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

# Python looks first where this file is, and would take it for the package of the same name.
sys.path.append(sys.path.pop(0))

import orjson
from measuring import line, load_average, say

from incidents.chain import GENESIS, Entry, canonical_data, link
from vigie.api.metrics import of_store
from vigie.api.metrics_incidents import IncidentTimes
from vigie.clock import SetClock
from vigie.config import Config
from vigie.live import Collected, Live
from vigie.store import incident_stats
from vigie.store.db import Database, open_database
from vigie.store.search import Filters
from vigie.store.visibility import EVERYTHING
from vigie.views import incident, incidents, records, search, stats

NOW: Final = 1_790_000_000.0
YEAR_S: Final = 365 * 86_400.0
SERVICES: Final = 40
WORDS: Final = 5_000  # that people use
OPEN: Final = 200  # the newest of them
BATCH: Final = 5_000  # incidents at once
LIST_MS, ANALYTICS_MS = 50.0, 1000.0
RATIO: Final = 3.0
DATA: Final = canonical_data({"channel": "oncall", "attempt": 1, "detail": "204 No Content"})
DETAIL: Final = json.dumps(
    {"arms": [{"name": "page-1h-5m", "burn_threshold": 14.4, "burn_rate": 21.5}] * 4}
)


@dataclass(frozen=True)
class Case:
    """What the server does, and the SQL whose rows it needs for that."""

    name: str
    limit_ms: float
    ours: Callable[["World", int], object]
    peer: Callable[["World", int], Sequence[tuple[str, tuple[Any, ...]]]] | None
    share: float = 1.0  # of --calls
    told: bool = True  # the rows are the answer, and the peer has to write them as JSON too


@dataclass(frozen=True)
class World:
    db: Database
    count: int
    live: Live
    collected: Collected

    def service(self, call: int) -> str:
        return f"service-{call % SERVICES}"

    def number(self, call: int) -> int:
        return 1 + call * 7919 % self.count


def _list(world: World, _call: int) -> object:
    return incidents(world.db, "open", viewer=EVERYTHING, limit=50)


def _filter(world: World, call: int) -> object:
    which: dict[str, Any] = {"severity": 1 + call % 4, "viewer": EVERYTHING, "limit": 50}
    return incidents(world.db, "closed", world.service(call), **which)


def _one(world: World, call: int) -> object:
    return incident(world.db, world.live, world.number(call), world.collected)


def _year(world: World, call: int) -> object:
    return stats.stats(world.db, _asked(call), NOW, viewer=EVERYTHING, services={})


def _asked(call: int) -> stats.Asked:
    by = tuple(stats.By)
    return stats.asked(NOW, NOW - YEAR_S, NOW, by=by[call % len(by)])


def _metrics(world: World, _call: int) -> object:
    """What a scrape reads of incidents: the counts at each, the times once a minute."""
    times = IncidentTimes(world.db, SetClock(NOW)).families()
    return [family.name for family in (*of_store(world.db), *times)]


def _search(world: World, call: int) -> object:
    return search.found(world.db, _typed(call), Filters(), viewer=EVERYTHING)


def _narrowed(world: World, call: int) -> object:
    only = Filters(service=world.service(call), severity=1 + call % 4)
    return search.found(world.db, "burns", only, viewer=EVERYTHING)


def _typed(call: int) -> str:
    return f"word{call * 31 % WORDS} service"


_FOUND: Final = (
    "SELECT i.*, d.title, d.body, d.said FROM (SELECT rowid, bm25(search_index, 8.0, 4.0, 1.0) r "
    "FROM search_index WHERE search_index MATCH ? ORDER BY r LIMIT 21) f "
    "JOIN search_document d ON d.id = f.rowid JOIN incident i ON i.number = f.rowid"
)
_NARROWED: Final = (
    "SELECT i.*, d.title, d.body, d.said FROM search_index f JOIN incident i ON i.number = f.rowid "
    "JOIN search_document d ON d.id = f.rowid WHERE search_index MATCH 'burns' AND i.service = ? "
    "AND i.severity = ? ORDER BY bm25(search_index, 8.0, 4.0, 1.0) LIMIT 21"
)
_OF_PEOPLE: Final = (
    "SELECT p.incident, p.name, p.since, p.until FROM participant p JOIN incident i "
    "ON i.number = p.incident WHERE i.opened_at >= ? AND i.opened_at < ? AND p.role IN "
    "('incident_manager', 'l1', 'l2', 'l3', 'communications', 'scribe')"
)
_OF_TASKS: Final = (
    "SELECT i.number, count(*), sum(t.due_at <= ?) FROM incident i JOIN task t "
    "ON t.incident = i.number WHERE t.state IN ('open', 'doing') "
    "AND i.opened_at >= ? AND i.opened_at < ? GROUP BY i.number"
)
_LISTED: Final = ", ".join(records.LISTED)
_OF_ONE: Final = (
    "SELECT * FROM incident WHERE number = ?",
    "SELECT * FROM timeline WHERE incident = ? ORDER BY position",
    "SELECT * FROM participant WHERE incident = ? ORDER BY id",
    "SELECT * FROM guest WHERE incident = ? ORDER BY id",
    "SELECT * FROM run WHERE incident = ? ORDER BY id",
    "SELECT * FROM delivery WHERE incident = ? ORDER BY id",
    "SELECT c.* FROM change c JOIN incident i ON i.number = ? WHERE c.number IN "
    "(SELECT change FROM change_service s WHERE s.service = i.service) "
    "AND c.started_at BETWEEN i.started_at - 7200 AND i.started_at + 60",
)


def _of_year(_world: World, call: int) -> list[tuple[str, tuple[Any, ...]]]:
    asked = _asked(call)
    names = [name for name in incident_stats.INCIDENTS if name not in asked.unasked]
    names += ["acknowledged_by", *(["labels"] if asked.of_teams else [])]
    of_incidents = f"SELECT {', '.join(names)} FROM incident WHERE opened_at >= ? AND opened_at < ?"
    return [
        (of_incidents, (asked.before, NOW)),
        (_OF_PEOPLE, (asked.start, NOW)),
        (_OF_TASKS, (NOW, asked.start, NOW)),
    ]


CASES: Final = (
    Case(
        "list",
        LIST_MS,
        _list,
        lambda _world, _call: [
            (
                f"SELECT {_LISTED} FROM incident WHERE open_key IS NOT NULL "
                "ORDER BY priority, opened_at, number LIMIT 51",
                (),
            )
        ],
    ),
    Case(
        "filter",
        LIST_MS,
        _filter,
        lambda world, call: [
            (
                f"SELECT {_LISTED} FROM incident WHERE state = 'closed' AND service = ? "
                "AND severity = ? ORDER BY number DESC LIMIT 51",
                (world.service(call), 1 + call % 4),
            )
        ],
    ),
    Case(
        "one",
        LIST_MS,
        _one,
        lambda world, call: [(sql, (world.number(call),)) for sql in _OF_ONE],
    ),
    Case(
        "analytics",
        ANALYTICS_MS,
        _year,
        _of_year,
        share=0.1,
        told=False,
    ),
    Case(
        "search",
        LIST_MS,
        _search,
        lambda _world, call: [(_FOUND, (_typed(call),))],
    ),
    Case(
        "search_narrowed",
        LIST_MS,
        _narrowed,
        lambda world, call: [(_NARROWED, (world.service(call), 1 + call % 4))],
        share=0.25,
    ),
    Case("metrics", LIST_MS, _metrics, None),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--incidents", type=int, default=100_000)
    parser.add_argument("--entries", type=int, default=20, help="of one incident")
    parser.add_argument("--calls", type=int, default=200)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "vigie.db"
        open_database(f"sqlite:///{path}").close()
        began = time.perf_counter()
        _fill(path, given.incidents, given.entries)
        built_s, size = time.perf_counter() - began, path.stat().st_size
        entries = given.incidents * given.entries
        say("built", incidents=given.incidents, entries=entries, seconds=round(built_s, 1),
            megabytes=round(size / 1e6), load=load_average())  # fmt: skip
        with closing(open_database(f"sqlite:///{path}")) as db:
            live = Live(Config({}, {}, {}, {}, ()), NOW)
            world = World(db, given.incidents, live, _collected())
            for case in CASES:
                _measure(case, world, path, max(2, round(given.calls * case.share)))


def _measure(case: Case, world: World, path: Path, calls: int) -> None:
    """Turn about, so that both meet the same machine. Ours is timed to the bytes of its answer."""
    ours, peer = [], []
    asked = case.peer or (lambda _world, _call: ())
    with closing(sqlite3.connect(path)) as file:
        for call in range(-2, calls):  # the first ones fill the caches
            began = time.perf_counter()
            orjson.dumps(case.ours(world, call))
            between = time.perf_counter()
            found = [file.execute(sql, values) for sql, values in asked(world, call)]
            rows = [_dicts(one) if case.told else one.fetchall() for one in found]
            if case.told:
                orjson.dumps(rows)
            ended = time.perf_counter()
            if call >= 0:
                ours.append(1000 * (between - began))
                peer.append(1000 * (ended - between))
    ours_ms, peer_ms = _p95(ours), _p95(peer)
    more: dict[str, Any] = {"incidents": world.count, "calls": calls, "load": str(load_average())}
    line(f"incidents_{case.name}_p95_ms", ours_ms, case.limit_ms, 1.0, note="a limit", **more)
    if case.peer is not None:
        line(f"incidents_{case.name}_p95_vs_sql_ms", ours_ms, peer_ms, RATIO, **more)


def _dicts(found: sqlite3.Cursor) -> list[dict[str, Any]]:
    names = [column[0] for column in found.description]
    return [dict(zip(names, row, strict=True)) for row in found]


def _p95(values: list[float]) -> float:
    return sorted(values)[max(0, round(0.95 * len(values)) - 1)]


def _collected() -> Collected:
    async def families(_target: str) -> None:
        return None

    return Collected(families, tuple, lambda _job: (), lambda _slo, _since, _until: ())


def _fill(path: Path, count: int, entries: int) -> None:
    """Straight into the file, in the order in which a server would have written it: indexes last
    would be quicker, and another file than one that grew.
    """
    with closing(sqlite3.connect(path, isolation_level=None)) as file:
        for sql in ("PRAGMA synchronous=OFF", "PRAGMA cache_size=-200000", "BEGIN"):
            file.execute(sql)
        dice = random.Random(7)
        for first in range(1, count + 1, BATCH):
            numbers = range(first, min(first + BATCH, count + 1))
            made = [_incident(number, count, dice) for number in numbers]
            chains = [list(_chain(row, entries)) for row in made]
            for row, chain in zip(made, chains, strict=True):
                row |= {"timeline_length": entries, "timeline_head": chain[-1]["hash"]}
            _insert(file, "incident", made)
            # Entries of those that are worked on at once take turns, as people do.
            _insert(file, "timeline", [chain[n] for n in range(entries) for chain in chains])
            _insert(file, "participant", [_participant(row) for row in made])
            _insert(file, "search_document", [_document(row, dice) for row in made])
        file.execute("COMMIT")


def _incident(number: int, count: int, dice: random.Random) -> dict[str, Any]:
    opened = NOW - YEAR_S + number * YEAR_S / (count + 1)
    is_open = number > count - min(OPEN, count // 10)
    service, severity = dice.randrange(SERVICES), dice.choices((1, 2, 3, 4), (1, 3, 6, 10))[0]
    lasts = dice.lognormvariate(8.0, 1.2)
    key = f"slo-burn:service-{service}/availability"
    started = opened - dice.uniform(30, 900)
    ends = {
        "acknowledged_at": opened + dice.expovariate(1 / 300),
        "mitigated_at": opened + lasts * 0.6 if number % 3 else None,
        "recovered_at": opened + lasts * 0.8,
        "resolved_at": opened + lasts,
        "closed_at": opened + lasts + 3600,
    }
    if is_open:
        ends = dict.fromkeys(ends)
    return {
        "number": number,
        "key": key,
        "open_key": f"{key}:{number}" if is_open else None,
        "title": f"service-{service}/availability burns 21x its error budget (1h/5m)",
        "type": "slo-burn" if number % 5 else "no-data",
        "service": f"service-{service}",
        "slo": "availability",
        "state": "triage" if is_open else "closed",
        "severity": severity,
        "urgency": "high" if severity < 3 else "low",
        "priority": min(5, severity + number % 2),
        "priority_reasons": '["SEV2 x high urgency: P2"]',
        "measured_severity": severity,
        "reporter": "vigie",
        "detected_by": "machine" if number % 7 else "person",
        "cause": f"cause-{dice.randrange(12)}" if number % 2 else None,
        "category": f"category-{service % 5}",
        "labels": f'{{"service":"service-{service}","team":"team-{service % 6}"}}',
        "detail": DETAIL,
        "budget_burned": dice.random() / 10,
        "bad_events": dice.randrange(100_000),
        "downtime_s": lasts * 0.1,
        "planned_downtime_s": 0.0,
        "started_at": started,
        "detected_at": dice.uniform(started, opened),
        "reported_at": opened,
        "opened_at": opened,
        "response_due_at": opened + 300,
        "resolution_due_at": opened + 14_400,
        "acknowledged_by": None if is_open else "ada",
        **ends,
    }


def _chain(row: dict[str, Any], entries: int) -> Iterator[dict[str, Any]]:
    last, number = GENESIS, row["number"]
    for position in range(1, entries + 1):
        at = row["opened_at"] + position / 3
        text = f"Paged oncall: 204 No Content, on attempt {position} of incident {number}"
        kind = "opened" if position == 1 else "paged"
        entry = Entry(number, position, kind, "vigie", at, at, text, DATA)
        last = link(last, entry)
        yield {**{name: getattr(entry, name) for name in Entry.__slots__}, "hash": last}


def _participant(row: dict[str, Any]) -> dict[str, Any]:
    since = row["acknowledged_at"] or row["opened_at"]
    named = {"name": f"person-{row['number'] % 30}", "role": "l1", "given_by": "vigie"}
    return {"incident": row["number"], **named, "since": since}


def _document(row: dict[str, Any], dice: random.Random) -> dict[str, Any]:
    """Its text for the index, with what people said in thirty words."""
    said = " ".join(f"word{dice.randrange(WORDS)}" for _ in range(30))
    return {"id": row["number"], "title": row["title"], "body": row["service"], "said": said}


def _insert(file: sqlite3.Connection, table: str, rows: list[dict[str, Any]]) -> None:
    names = list(rows[0])
    places = ", ".join("?" * len(names))
    values = (tuple(row.values()) for row in rows)
    file.executemany(f"INSERT INTO {table} ({', '.join(names)}) VALUES ({places})", values)


if __name__ == "__main__":
    main()
