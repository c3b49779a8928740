"""The pasts of services: when they were down, and when nobody could tell."""

from sqlalchemy import Connection

from slo.uptime import UNWATCHED, History
from vigie.store import outages, states


def read(c: Connection, since: float, service: str | None = None) -> dict[str, History]:
    """By service, what is remembered of the time from `since` on, and since when it is known."""
    known_from = states.known_from(c)
    found: dict[str, History] = {}
    for one in states.read(c, since, service):
        before = found.get(one.service, History(known_from.get(one.service)))
        found[one.service] = before.moved(one.state, one.at)
    for outage in outages.read(c, since, service):
        if outage.ended_at is not None:
            found[outage.service] = found.get(outage.service, UNWATCHED).ended(outage)
    return found
