"""Closing an incident for good, when nothing speaks against it."""

from collections.abc import Callable, Collection
from typing import Any, Final, TypeAlias

from sqlalchemy import Connection, select

from incidents.closing import MACHINE_FROM, refusals
from incidents.model import EventKind, IncidentState
from vigie.commands import record
from vigie.commands.errors import Unready
from vigie.commands.record import Incident
from vigie.commands.status import no_earlier
from vigie.commands.words import MAX_ACTOR, MAX_REASON, line_of, text_of
from vigie.config import Config
from vigie.store import incidents, reviews
from vigie.store.db import Database
from vigie.store.tables import incident as t

ReviewOf: TypeAlias = Callable[[Connection, int], str | None]
MOST: Final = 200  # that are looked at in one go


def close(
    db: Database,
    config: Config,
    number: int,
    *,
    actor: str,
    reason: str,
    roles: Collection[str] | None,
    now: float,
    key: str | None = None,
    review_of: ReviewOf = reviews.state_of,
) -> Incident:
    """Close an incident. `roles` are those that the actor has on it, None where nobody is told
    apart. NotFound, Invalid; Unready with everything that is missing.
    """
    given: dict[str, Any] = {"actor": actor, "reason": reason, "roles": roles, "now": now}
    return db.write(lambda c: closed(c, config, number, **given, key=key, review_of=review_of))


def closed(
    c: Connection,
    config: Config,
    number: int,
    *,
    actor: str,
    reason: str,
    roles: Collection[str] | None,
    now: float,
    key: str | None = None,
    review_of: ReviewOf = reviews.state_of,
) -> Incident:
    """The same in a transaction that is under way."""
    who, why = line_of("name", actor, MAX_ACTOR), text_of("reason", reason, MAX_REASON)
    found = record.hold(c, number)
    if record.was_done(c, number, key):
        return found
    if reasons := open_points(c, config, found, roles, review_of=review_of, by=who):
        raise Unready(number, reasons)
    at = no_earlier(now, found, "opened_at", "resolved_at", "confirmed_at")
    ended = {"closed_at": at, "closed_by": who, "sub_status": None}
    record.change(c, number, state=IncidentState.CLOSED, **ended)
    text, said = f"Closed by {who}: {why}", {"from": found["state"], "reason": why}
    return record.say(c, config, number, now, EventKind.CLOSED, who, text, said, key=key)


def open_points(
    c: Connection,
    config: Config,
    incident: Incident,
    roles: Collection[str] | None,
    *,
    review_of: ReviewOf = reviews.state_of,
    by: str = "",
) -> tuple[str, ...]:
    """Why an incident cannot be closed now; `by` whom it would be."""
    return refusals(
        config.types.of(incident["type"]),
        incident,
        roles=roles,
        review_state=review_of(c, incident["number"]),
        confirmed=incident["confirmed_at"] is not None,
        by_machine=by == incidents.SELF,
    )


def ripe(c: Connection, config: Config, now: float, after: int = 0) -> tuple[list[int], int | None]:
    """The incidents that the machine closes now by the rules of their type: resolved for long
    enough, not severe, nothing speaks against it. Looks at MOST of those whose number is greater
    than `after`; the last that it looked at, None when there are no more.
    """
    times = [rules.closing.after_s for rules in config.types.rules.values()]
    soonest = min((time for time in times if time is not None), default=None)
    if soonest is None:
        return [], None
    resolved = select(t.c.number).where(
        t.c.state.in_((IncidentState.RESOLVED, IncidentState.REVIEW)),
        t.c.severity >= int(MACHINE_FROM),
        t.c.resolved_at <= now - soonest,
        t.c.number > after,
    )
    numbers = c.execute(resolved.order_by(t.c.number).limit(MOST)).scalars().all()
    found = [number for number in numbers if _is_ripe(c, config, number, now)]
    return found, numbers[-1] if len(numbers) == MOST else None


def _is_ripe(c: Connection, config: Config, number: int, now: float) -> bool:
    incident = record.find(c, number)
    waited = config.types.of(incident["type"]).closing.after_s
    if waited is None or now < incident["resolved_at"] + waited:
        return False
    return not open_points(c, config, incident, None, by=incidents.SELF)
