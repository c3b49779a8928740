"""What people do to a timeline once it is written: other words for an entry, beside its own."""

import logging
from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import Connection

from incidents.model import EventKind
from vigie.commands.errors import Invalid, NotFound
from vigie.commands.words import MAX_ACTOR, MAX_REASON, line_of, text_of
from vigie.store import incidents, timeline
from vigie.store.db import Database

MAX_TEXT: Final = 10_000

log = logging.getLogger(__name__)


def correct(
    db: Database,
    number: int,
    position: int,
    *,
    actor: str,
    text: str,
    reason: str,
    now: float,
    key: str | None = None,
) -> None:
    """Say what an entry should have said, by an entry of its own that names it and the reason.

    Sent again under the same `key` (a client that was not sure) it is written once. NotFound: no
    such incident or entry. Invalid: the entry is a correction; the one it corrects is meant.
    """
    who, why = line_of("name", actor, MAX_ACTOR), text_of("reason", reason, MAX_REASON)
    said = text_of("text", text, MAX_TEXT)

    def work(c: Connection) -> bool:
        if incidents.get(c, number) is None:
            raise NotFound(f"there is no incident #{number}")
        if key is not None and timeline.was_written(c, number, key):
            return False
        data: dict[str, Any] = {"corrects": _correctable(c, number, position), "reason": why}
        if key is not None:
            data["idempotency_key"] = key
        timeline.append(c, number, now, EventKind.CORRECTED, who, said, data)
        return True

    if db.write(work):
        log.warning("entry %d of incident #%d corrected by %s: %s", position, number, who, why)


def _correctable(c: Connection, number: int, position: int) -> int:
    found: Mapping[str, Any] | None = timeline.entry(c, number, position)
    if found is None:
        raise NotFound(f"incident #{number} has no entry {position} on its timeline")
    if found["kind"] == EventKind.CORRECTED:
        first = found["data"]["corrects"]
        raise Invalid(f"entry {position} is itself a correction: correct entry {first} again")
    return position
