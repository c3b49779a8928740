"""What incidents cost, as it is kept on their rows; and which of them are still to be measured."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, func, or_, select, update

from incidents.model import IncidentState
from vigie.store.jobs import JobState
from vigie.store.sql import decoded, plain, to_json
from vigie.store.tables import incident as t
from vigie.store.tables import job

KIND: Final = "measure"  # of the job
LOOKED_BACK_S: Final = 86_400.0  # of a server that measures for the first time
FINAL: Final = "final"  # in `impact`: nothing is added to it any more
_GONE: Final = (IncidentState.CANCELLED, IncidentState.MERGED)
_MANY: Final = 500  # numbers in one statement
_READ: Final = (
    t.c.number, t.c.service, t.c.slo, t.c.type, t.c.open_key, t.c.started_at, t.c.recovered_at,
    t.c.resolved_at, t.c.impact, t.c.budget_burned, t.c.bad_events, t.c.downtime_s,
    t.c.planned_downtime_s, t.c.traffic_share,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Followed:
    """Where measuring stands: `after` is the highest number that was looked at, `numbers` those
    that are not measured finally.
    """

    after: int = 0
    numbers: tuple[int, ...] = ()


def onset(c: Connection, number: int, stood: Mapping[str, Any]) -> None:
    """Keep how things stood when an incident was opened: the first that is known of its impact."""
    c.execute(update(t).where(t.c.number == number).values(impact=to_json(plain(stood))))


def unfinished(c: Connection, followed: Followed) -> list[Mapping[str, Any]]:
    """The incidents that are open, were followed, or are new, as far as there is something left to
    measure, by number. Those that were cancelled or merged into another one are left as they are.
    """
    rows: dict[int, Mapping[str, Any]] = {}
    numbers = followed.numbers
    for first in range(0, max(len(numbers), 1), _MANY):
        asked: list[ColumnElement[bool]] = [t.c.number.in_(numbers[first : first + _MANY])]
        if first == 0:
            asked += [t.c.open_key.is_not(None), t.c.number > followed.after]
        found = select(*_READ).where(or_(*asked), t.c.state.not_in(_GONE))
        rows |= {row["number"]: decoded(row, "impact") for row in c.execute(found).mappings()}
    return [row for _, row in sorted(rows.items()) if not is_final(row)]


def is_final(row: Mapping[str, Any]) -> bool:
    """Whether an incident was measured after it had ended, and did not go on since."""
    return bool(row["impact"].get(FINAL)) and row["open_key"] is None


def write(c: Connection, row: Mapping[str, Any], values: Mapping[str, Any]) -> bool:
    """Store what was measured of an incident as it was read; False, and nothing is changed, where
    it went on or ended meanwhile: then it is measured again.
    """
    same = [
        t.c[name].is_not_distinct_from(row[name])
        for name in ("open_key", "recovered_at", "resolved_at")
    ]
    new = {**values, "impact": to_json(plain(values["impact"]))}
    changed = update(t).where(t.c.number == row["number"], *same).values(**new)
    return c.execute(changed).rowcount == 1


def waits(c: Connection) -> bool:
    """Whether a job is there that measures."""
    alive = job.c.state.in_((JobState.READY, JobState.RUNNING))
    return c.execute(select(job.c.id).where(job.c.kind == KIND, alive)).first() is not None


def from_here(c: Connection, now: float) -> Followed:
    """Where a server begins that has not measured before: with what was opened in the last day, and
    what is open.
    """
    old = select(func.max(t.c.number)).where(t.c.opened_at < now - LOOKED_BACK_S)
    return Followed(int(c.execute(old).scalar() or 0))


def columns(row: Mapping[str, Any]) -> list[Any]:
    """What is stored of an impact, to compare."""
    return [row[name] for name in COLUMNS]


COLUMNS: Final = (
    "budget_burned", "bad_events", "downtime_s", "planned_downtime_s", "traffic_share", "impact",
)  # fmt: skip
