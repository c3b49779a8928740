"""Comments: words in Markdown on the timeline, and who is told because they are named in them."""

from typing import Any, Final

from sqlalchemy import Connection

from incidents.model import EventKind
from incidents.people import Part
from vigie.commands.mentions import mentions
from vigie.commands.record import Incident, hold, was_done
from vigie.commands.words import MAX_ACTOR, line_of, text_of
from vigie.config import Config
from vigie.notify import outbox
from vigie.store import jobs, people, timeline, users
from vigie.store.db import Database

MAX_COMMENT: Final = 10_000
_QUOTED: Final = 500  # characters of a comment in the notice to whom it names


def comment(
    db: Database,
    config: Config,
    number: int,
    text: str,
    *,
    actor: str,
    now: float,
    key: str | None = None,
) -> Incident:
    """Add words to the timeline, also of an incident that is over: reviews come later.

    Users that it names with `@name` are told, and watch it from then on; on a restricted incident
    only who is on it already can be named. The entry says who was. Words that come again under the
    same `key` (a client that was not sure) are written once.
    """
    who, said = line_of("name", actor, MAX_ACTOR), text_of("comment", text, MAX_COMMENT)

    def work(c: Connection) -> Incident:
        found = hold(c, number)
        if was_done(c, number, key):
            return found
        data = _named(c, found, mentions(said))
        kept = data if key is None else {**data, "idempotency_key": key}
        position = timeline.append(c, number, now, EventKind.COMMENTED, who, said, kept)
        if data.get("mentions"):
            _tell(c, config, found, data["mentions"], who=who, said=said, at=(position, now))
        return found

    return db.write(work)


def _named(c: Connection, incident: Incident, names: tuple[str, ...]) -> dict[str, Any]:
    """What the entry says of the names in it: `mentions` are told, `not_users` are nobody here,
    `not_on_it` may not see this incident.
    """
    inside = {one["name"] for one in people.holders(c, incident["number"])}
    told, nobody, outside = [], [], []
    for name in names:
        user = users.get(c, name)
        if user is None or user.disabled_at is not None:
            nobody.append(name)
        elif incident["restricted"] and name not in inside:
            outside.append(name)
        else:
            told.append(name)
    found = {"mentions": told, "not_users": nobody, "not_on_it": outside}
    return {name: those for name, those in found.items() if those}


def _tell(
    c: Connection,
    config: Config,
    incident: Incident,
    names: list[str],
    *,
    who: str,
    said: str,
    at: tuple[int, float],
) -> None:
    number, (position, now) = incident["number"], at
    inside = {one["name"] for one in people.holders(c, number)}
    for name in names:
        if name not in inside:
            people.begin(c, number, name, Part.WATCHER.value, who, now)
    quoted = said if len(said) <= _QUOTED else f"{said[:_QUOTED]}..."
    text = f"For {', '.join(names)}, from {who}: {quoted}"
    channels = config.channels.values()
    kind = EventKind.COMMENTED
    for job in outbox.notices(str(position), kind, number, channels, now, text):
        jobs.enqueue(c, job, now)
