"""Where an incident can go from where it stands: the next step, and what speaks against closing."""

from collections.abc import Collection, Mapping
from typing import Any, Final

from sqlalchemy import Connection

from incidents.closing import is_reported, refusals, reporter_of
from incidents.lifecycle import TRANSITIONS, is_open
from incidents.model import IncidentState
from vigie.config import Config
from vigie.store import incidents, reviews
from vigie.store.db import Database
from vigie.views.shape import Object

_S = IncidentState
ENDED: Final = (_S.RESOLVED, _S.REVIEW, _S.CLOSED)
# Set by a person without more ado; the other states have commands of their own.
_SET: Final = (_S.INVESTIGATING, _S.IDENTIFIED, _S.MITIGATED, _S.REVIEW)
_NEXT: Final[Mapping[_S, tuple[str, ...]]] = {  # the most sensible first
    _S.TRIAGE: ("identified", "mitigated", "resolve"),
    _S.INVESTIGATING: ("identified", "mitigated", "resolve"),
    _S.IDENTIFIED: ("mitigated", "resolve"),
    _S.MITIGATED: ("resolve",),
    _S.RESOLVED: ("close",),
    _S.REVIEW: ("close",),
}


def life(
    db: Database, config: Config, number: int, roles: Collection[str] | None, now: float
) -> Object | None:
    """What can be done next with an incident, by whoever has these roles on it (None: nobody is
    told apart); None if there is none.
    """

    def read(c: Connection) -> Object | None:
        row = incidents.get(c, number)
        return None if row is None else _life(c, config, row, roles, now)

    return db.read(read)


def _life(
    c: Connection,
    config: Config,
    row: Mapping[str, Any],
    roles: Collection[str] | None,
    now: float,
) -> Object:
    state, rules = _S(row["state"]), config.types.of(row["type"])
    ended_at = row["closed_at"] if row["closed_at"] is not None else row["resolved_at"]
    points = refusals(
        rules,
        row,
        roles=roles,
        review_state=reviews.state_of(c, row["number"]),
        confirmed=row["confirmed_at"] is not None,
    )
    reach = [to for to in _SET if to in TRANSITIONS[state] and (is_open(state) or not is_open(to))]
    return {
        "next": _next(row, state),
        "open": is_open(state),
        "closable": state in ENDED and state is not _S.CLOSED,
        "points": list(points),
        "ended": state in ENDED,
        "can_reopen": state in ENDED and now - ended_at <= rules.reopen_within_s,
        "asked": reporter_of(row) if is_reported(row) and row["confirmed_at"] is None else None,
        "states": [_choice(to, rules.statuses) for to in (state, *reach)],
        "tier": row["tier"],
    }


def _next(row: Mapping[str, Any], state: _S) -> list[str]:
    if is_open(state) and row["acknowledged_at"] is None:
        return ["acknowledge", "resolve"]
    return list(_NEXT.get(state, ()))


def _choice(state: _S, statuses: Collection[Any]) -> Object:
    own = [{"name": one.name, "title": one.title} for one in statuses if one.state == state]
    return {"state": state.value, "sub_statuses": own}
