"""How long it takes to walk every timeline, and how much memory: seconds and MB for a million.

    python benchmarks/timeline.py [--entries 2000000] [--database URL]

The peer of the time is the minute that a million entries may take, and beside it (`reading`) what
the bare driver needs to hand over the same rows. The database is a file that is gone afterwards,
or the one at the URL, whose incidents are removed.
"""

import argparse
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any

from measuring import line
from sqlalchemy import Connection

from incidents.chain import GENESIS, Entry, canonical_data, link
from vigie.store import timeline as store
from vigie.store.db import Database, open_database
from vigie.store.tables import incident, timeline

EACH = 20  # entries of one incident
BATCH = 10_000
LIMIT_S = 60.0  # for a million
MEMORY_MB = 50.0
DATA = canonical_data(
    {
        "channel": "oncall",
        "dedup": "notify:1234:page:oncall",
        "attempt": 1,
        "arms": [{"name": "page-1h-5m", "burn_rate": 21.456789, "coverage": 0.998} for _ in "abc"],
    }
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=200_000)
    parser.add_argument("--database")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        url = given.database or f"sqlite:///{folder}/timeline.db"
        with closing(open_database(url)) as db:
            db.write(lambda c: _fill(c, given.entries))
            _measure(db, given.entries)


def _fill(c: Connection, count: int) -> None:
    """Some thousand incidents after others; the entries of those take turns, as people do."""
    c.execute(timeline.delete())
    c.execute(incident.delete())
    numbers = iter(range(1, count // EACH + 1))
    while some := list(islice(numbers, BATCH)):
        made = [list(_chain(number)) for number in some]
        _insert(c, incident, (_incident(rows[-1]) for rows in made))
        _insert(c, timeline, (rows[n] for n in range(EACH) for rows in made))


def _chain(number: int) -> Iterator[dict[str, Any]]:
    last = GENESIS
    for position in range(1, EACH + 1):
        at = 1_790_000_000.0 + number * 300 + position / 3
        text = f"Paged oncall: 204 No Content, on attempt {position} of incident {number}"
        entry = Entry(number, position, "paged", "vigie", at, at, text, DATA)
        last = link(last, entry)
        yield {**{name: getattr(entry, name) for name in Entry.__slots__}, "hash": last}


def _incident(last: dict[str, Any]) -> dict[str, Any]:
    at = last["occurred_at"] - 60
    times = dict.fromkeys(("started_at", "detected_at", "reported_at", "opened_at"), at)
    fixed = {"title": "checkout burns", "type": "slo-burn", "service": "checkout", "slo": "a"}
    ranked = {"state": "resolved", "severity": 2, "urgency": "high", "priority": 2}
    told = {"reporter": "vigie", "labels": "{}", "detail": "{}"}
    head = {"timeline_length": last["position"], "timeline_head": last["hash"]}
    return {"number": last["incident"], "key": "k", **fixed, **ranked, **told, **times, **head}


def _insert(c: Connection, table: Any, rows: Iterator[dict[str, Any]]) -> None:
    while some := list(islice(rows, BATCH)):
        c.execute(table.insert(), some)


def _measure(db: Database, count: int) -> None:
    millions = count / 1e6
    _peak_mb()  # until here it was filled
    before, began = _peak_mb(), time.perf_counter()
    found = db.read(store.verify)
    took_s, grown = time.perf_counter() - began, _peak_mb() - before
    assert found.good, found.problems
    assert found.entries == count
    more: dict[str, float | str] = {"entries": count, "database": db.dialect}
    if db.dialect == "sqlite":
        more["reading"] = round(_reading_s(Path(db.url.removeprefix("sqlite:///"))) / millions, 3)
    line("timeline_verify_s_per_million", took_s / millions, LIMIT_S, 1.0, "a limit", **more)
    line("timeline_verify_memory_mb", max(grown, 0.1), MEMORY_MB, 1.0, "a limit", **more)


def _reading_s(path: Path) -> float:
    began = time.perf_counter()
    with closing(sqlite3.connect(path)) as file:
        for _ in file.execute("SELECT * FROM timeline ORDER BY incident, position"):
            pass
    return time.perf_counter() - began


def _peak_mb() -> float:
    """The most memory that was resident since this was asked last."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    (peak,) = (row for row in status.splitlines() if row.startswith("VmHWM"))
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    return int(peak.split()[1]) / 1024


if __name__ == "__main__":
    main()
