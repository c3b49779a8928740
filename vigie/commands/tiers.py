"""With which tier an incident is: the desk (L1), and those it is escalated to."""

from typing import Final

from sqlalchemy import Connection

from incidents import lifecycle
from incidents.model import EventKind, IncidentState
from vigie.commands import record
from vigie.commands.errors import Conflict, Invalid
from vigie.commands.record import Incident
from vigie.commands.words import MAX_ACTOR, MAX_REASON, line_of, text_of
from vigie.config import Config
from vigie.store.db import Database

DESK: Final = 1
LAST: Final = 3
MAX_TRIED: Final = 5_000
_OVER: Final = frozenset({IncidentState.CLOSED, IncidentState.CANCELLED, IncidentState.MERGED})


def escalate(
    db: Database,
    config: Config,
    number: int,
    tier: int,
    *,
    actor: str,
    reason: str,
    tried: str = "",
    now: float,
    key: str | None = None,
) -> Incident:
    """Hand an incident to a tier (1 the desk, to 3), with what was tried so far; all that it is
    stays. What has ended only goes back to the desk, which closes it. NotFound, Invalid, Conflict.
    """
    who, why = line_of("name", actor, MAX_ACTOR), text_of("reason", reason, MAX_REASON)
    done = text_of("text of what was tried", tried, MAX_TRIED) if tried.strip() else ""
    if not DESK <= tier <= LAST:
        raise Invalid(f"there is no tier {tier}: {DESK} is the desk, {LAST} the last")

    def work(c: Connection) -> Incident:
        found = record.hold(c, number)
        if record.was_done(c, number, key):
            return found
        _check(found, tier)
        before, after = f"L{found['tier']}", f"L{tier}"
        record.change(c, number, tier=tier)
        way = f"Back to the desk from {before}" if tier == DESK else f"{before} -> {after}"
        text = f"{way}, by {who}: {why}" + (f"\nTried so far: {done}" if done else "")
        said = {"from": before, "to": after, "reason": why, **({"tried": done} if done else {})}
        return record.say(c, config, number, now, EventKind.ESCALATED, who, text, said, key=key)

    return db.write(work)


def _check(found: Incident, tier: int) -> None:
    number, state = found["number"], IncidentState(found["state"])
    if state in _OVER:
        raise Conflict(f"incident #{number} is {state.value}: it goes to nobody")
    if found["tier"] == tier:
        raise Conflict(f"incident #{number} is with {'the desk' if tier == DESK else f'L{tier}'}")
    if not lifecycle.is_open(state) and tier != DESK:
        raise Conflict(f"incident #{number} is {state.value}: only back to the desk")
