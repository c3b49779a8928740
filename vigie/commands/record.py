"""What every command on an incident does: find it, hold it, and say what happened."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, select, update

from incidents.model import EventKind
from vigie.commands.errors import NotFound
from vigie.config import Config
from vigie.notify.outbox import jobs_for
from vigie.store import incidents, jobs, timeline
from vigie.store.tables import incident as t
from vigie.store.visibility import EVERYTHING, Viewer, visible

Incident = Mapping[str, Any]


def find(c: Connection, number: int, viewer: Viewer = EVERYTHING) -> Incident:
    """An incident as it stands, JSON columns read. NotFound: there is none that they may see.

    Routes of one incident are behind a gate that looks at this first (vigie.access): a viewer is
    given for the others that such a request names.
    """
    seen = c.execute(select(t.c.number).where(t.c.number == number, visible(viewer))).first()
    found = incidents.get(c, number) if seen is not None else None
    if found is None:
        raise NotFound(f"there is no incident #{number}")
    return found


def hold(c: Connection, number: int, viewer: Viewer = EVERYTHING) -> Incident:
    """As `find`; nobody else changes it until the transaction ends."""
    c.execute(select(t.c.number).where(t.c.number == number).with_for_update())
    return find(c, number, viewer)


def was_done(c: Connection, number: int, key: str | None) -> bool:
    """Whether a command with this idempotency key was carried out on the incident before."""
    return key is not None and timeline.was_written(c, number, key)


def change(c: Connection, number: int, **values: Any) -> None:
    """Set columns of an incident that is held."""
    c.execute(update(t).where(t.c.number == number).values(**values))


def say(  # noqa: PLR0917 - the fields of an entry, in the order of its columns
    c: Connection,
    config: Config,
    number: int,
    now: float,
    kind: EventKind,
    actor: str,
    text: str,
    data: Mapping[str, Any] | None = None,
    *,
    key: str | None = None,
) -> Incident:
    """Write what happened on the timeline and the jobs that tell others of it; the incident as it
    is then.
    """
    said = dict(data or {})
    if key is not None:
        said["idempotency_key"] = key
    timeline.append(c, number, now, kind, actor, text, said)
    after = incidents.get(c, number)
    assert after is not None, "its row is held"
    for job in jobs_for(kind, after, config.channels.values(), now, text):
        jobs.enqueue(c, job, now)
    return after
