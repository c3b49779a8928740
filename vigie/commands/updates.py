"""Telling stakeholders how an incident stands: each audience in words of its own."""

from typing import Any, Final

from sqlalchemy import Connection

from incidents.model import EventKind, IncidentState
from incidents.updates import Audience, Status, clock, due, status_of
from slo import windows
from vigie.commands.errors import Conflict, Invalid
from vigie.commands.record import Incident, hold
from vigie.commands.words import MAX_ACTOR, line_of, text_of
from vigie.config import Config
from vigie.notify.status import tell_jobs
from vigie.notify.updates import jobs_of
from vigie.store import jobs, timeline, updates
from vigie.store.db import Database
from vigie.store.updates import Row

MAX_UPDATE: Final = 10_000
LEAST_NEXT_S: Final = 60.0
MAX_NEXT_S: Final = 30 * 86_400.0
MOST: Final = 500  # updates of one incident


def post(
    db: Database,
    config: Config,
    number: int,
    audience: Audience,
    text: str,
    *,
    status: Status | None = None,
    next_in_s: float | None = None,
    actor: str,
    now: float,
    key: str | None = None,
) -> Row:
    """Tell an audience, in Markdown, how an incident stands; the update as it is stored. It goes to
    the channels of the audience, and what is for customers to status pages.

    `status` is what the state says unless a person says otherwise; `next_in_s` promises when the
    next follows. Under the same `key` it is posted once. NotFound, Invalid; Conflict: of a
    restricted incident only who works on it is told, of a merged one nobody.
    """
    who, said = line_of("name", actor, MAX_ACTOR), text_of("update", text, MAX_UPDATE)
    _require_length(next_in_s)

    def work(c: Connection) -> Row:
        found = hold(c, number)
        if key is not None and (before := updates.by_key(c, number, key)) is not None:
            return before
        rows = updates.of_incident(c, number)
        _require_sayable(found, audience, len(rows))
        shown = status or status_of(found)
        if shown is Status.RESOLVED and next_in_s is not None:
            raise Invalid("what is resolved has no next update: leave its time out")
        next_at = None if next_in_s is None else now + next_in_s
        values: dict[str, Any] = {"incident": number, "audience": audience.value}
        values |= {"status": shown.value, "text": said, "next_at": next_at}
        values |= {"sent_at": now, "sent_by": who, "idempotency_key": key}
        row = updates.add(c, values)
        _write(c, row, key)
        for job in jobs_of(row, found, config):
            jobs.enqueue(c, job, now)
        for job in tell_jobs(config, row, found):
            jobs.enqueue(c, job, now)
        look(c, config, found, now)
        return row

    return db.write(work)


def name_for_customers(config: Config, incident: Incident) -> str:
    """The title of an incident's service; empty where it has none, for its name is ours."""
    service = config.services.get(incident["service"])
    return "" if service is None else service.display_name


def look(c: Connection, config: Config, incident: Incident, now: float) -> None:
    """Write the job that looks at the next moment at which an update may be due."""
    began_at, _ = updates.since(c, incident)
    told = updates.told(updates.of_incident(c, incident["number"]))
    rules = config.types.of(incident["type"])
    found = due(incident, rules, told, began_at=began_at, now=now)
    if found.look_at is not None:
        updates.look(c, incident["number"], found.look_at, now)


def _require_length(next_in_s: float | None) -> None:
    if next_in_s is not None and not LEAST_NEXT_S <= next_in_s <= MAX_NEXT_S:
        least, most = windows.show(LEAST_NEXT_S), windows.show(MAX_NEXT_S)
        raise Invalid(f"the next update is promised for {least} to {most} from now")


def _require_sayable(incident: Incident, audience: Audience, count: int) -> None:
    number = incident["number"]
    if incident["restricted"] and audience is not Audience.INTERNAL:
        raise Conflict(
            f"incident #{number} is restricted: there are internal updates of it, and none for "
            f"{_WHOM[audience]}"
        )
    if incident["state"] == IncidentState.MERGED:
        raise Conflict(f"incident #{number} is merged into #{incident['merged_into']}: tell there")
    if count >= MOST:
        raise Conflict(f"incident #{number} has {MOST} updates, and cannot have more")


_WHOM: Final = {Audience.EXECUTIVE: "executives", Audience.CUSTOMER: "customers"}


def _write(c: Connection, row: Row, key: str | None) -> None:
    """What was said stands on the timeline in full."""
    data: dict[str, Any] = {"audience": row["audience"], "status": row["status"]}
    data |= {} if row["next_at"] is None else {"next": clock(row["next_at"])}
    data |= {} if key is None else {"idempotency_key": key}
    head = f"{row['audience'].capitalize()} update, {row['status']}"
    text, number, now = f"{head}:\n{row['text']}", row["incident"], row["sent_at"]
    timeline.append(c, number, now, EventKind.UPDATE_SENT, row["sent_by"], text, data)
