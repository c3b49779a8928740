"""Where an incident stands, as people say it: its state, its team's word for it, cancelled."""

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import Connection

from incidents import lifecycle
from incidents.model import EventKind, IncidentState
from incidents.types import SubStatus, TypeRules
from slo.load.yaml import did_you_mean
from vigie.commands import incidents, record
from vigie.commands.errors import Conflict, Invalid
from vigie.commands.record import Incident
from vigie.commands.words import MAX_ACTOR, MAX_REASON, line_of, text_of
from vigie.config import Config
from vigie.store.db import Database

NO_REASON: Final = "no reason given"
_S = IncidentState
# States with commands of their own, and of which one leads out of what is over.
_OTHERWISE: Final = {_S.CLOSED: "close", _S.MERGED: "merge", _S.CANCELLED: "cancel"}


def set_status(
    db: Database,
    config: Config,
    number: int,
    *,
    state: IncidentState | None = None,
    sub_status: str | None = None,
    reason: str = "",
    actor: str,
    now: float,
    key: str | None = None,
) -> Incident:
    """Move an incident to a state, or set its team's word within one; an empty word takes it back.
    The incident as it is then.

    A move out of triage also acknowledges, for somebody is at work. NotFound; Invalid: a word of
    another state, or fields that the state needs; Conflict: no way leads there, or it stands there.
    """
    who = line_of("name", actor, MAX_ACTOR)
    why = text_of("reason", reason, MAX_REASON) if reason.strip() else ""
    if state is None and sub_status is None:
        raise Invalid("name a state, a sub-status, or both")

    def work(c: Connection) -> Incident:
        found = record.hold(c, number)
        if record.was_done(c, number, key):
            return found
        move = _Move(config, found, state or _S(found["state"]), sub_status)
        move.check()
        return move.carry_out(c, who=who, why=why, now=now, key=key)

    return db.write(work)


def moved(
    c: Connection, config: Config, incident: Incident, state: IncidentState, *, who: str, now: float
) -> Incident:
    """Move an incident that is held to a state, in a transaction that is under way."""
    move = _Move(config, incident, state, None)
    move.check()
    return move.carry_out(c, who=who, why="", now=now, key=None)


def cancel(
    db: Database,
    config: Config,
    number: int,
    *,
    actor: str,
    reason: str,
    now: float,
    key: str | None = None,
) -> Incident:
    """Say that it is no incident after all: its timers and pages end. NotFound, Invalid; Conflict
    when it is over already.
    """
    who, why = line_of("name", actor, MAX_ACTOR), text_of("reason", reason, MAX_REASON)

    def work(c: Connection) -> Incident:
        found = record.hold(c, number)
        if record.was_done(c, number, key):
            return found
        before = _S(found["state"])
        if not lifecycle.allowed(before, _S.CANCELLED) or before is _S.CANCELLED:
            raise Conflict(f"incident #{number} is {before.value} already: it stays what it was")
        at = no_earlier(now, found, "opened_at", "acknowledged_at", "mitigated_at")
        ended = {"closed_at": at, "closed_by": who, "open_key": None, "sub_status": None}
        record.change(c, number, state=_S.CANCELLED, **ended)
        text, said = f"Cancelled by {who}: {why}", {"from": before.value, "reason": why}
        return record.say(c, config, number, now, EventKind.CANCELLED, who, text, said, key=key)

    return db.write(work)


def no_earlier(at: float, incident: Mapping[str, Any], *names: str) -> float:
    """A time, or the latest of these of the incident where a clock was set back."""
    return max([at, *(float(incident[name]) for name in names if incident[name] is not None)])


class _Move:
    """One change of where an incident stands: judged, then written."""

    def __init__(
        self, config: Config, incident: Incident, state: IncidentState, word: str | None
    ) -> None:
        self.config = config
        self.incident = incident
        self.number: int = incident["number"]
        self.before = _S(incident["state"])
        self.after = state
        self.moves = state is not self.before
        kept = None if self.moves else incident["sub_status"]
        self.word: str | None = kept if word is None else word.strip() or None

    def check(self) -> None:
        """Conflict or Invalid, by name."""
        if self.moves:
            self._check_way()
        elif self.word == self.incident["sub_status"]:
            word = f" ({self.word})" if self.word else ""
            raise Conflict(f"incident #{self.number} is {self.before.value}{word} already")
        if self.before in {_S.CLOSED, _S.CANCELLED, _S.MERGED}:
            raise Conflict(f"incident #{self.number} is {self.before.value}: its status stays")
        self._check_word()
        if self.moves:
            incidents.require_filled(self.config, self.incident, self.after)

    def carry_out(
        self, c: Connection, *, who: str, why: str, now: float, key: str | None
    ) -> Incident:
        if self.after is _S.RESOLVED and self.moves:
            incidents.resolved(c, self.config, self.incident, who, why or NO_REASON, now)
            if self.word is None and key is None:
                return record.find(c, self.number)
        elif self.moves and self.before is _S.TRIAGE and not self.incident["acknowledged_at"]:
            incidents.acknowledged(c, self.config, self.incident, who, now)
        record.change(c, self.number, state=self.after, sub_status=self.word, **self._times(now))
        said = {"from": self.before.value, "to": self.after.value}
        said |= {"sub_status": self.word} if self.word else {}
        said |= {"reason": why} if why else {}
        text = f"{self._words()} by {who}{f': {why}' if why else ''}"
        kind = EventKind.STATUS_SET
        return record.say(c, self.config, self.number, now, kind, who, text, said, key=key)

    def _check_way(self) -> None:
        number, before, after = self.number, self.before, self.after
        if after in _OTHERWISE:
            verb = _OTHERWISE[after]
            raise Conflict(f"incident #{number} is not set {after.value} here: `{verb}` does it")
        if not lifecycle.is_open(before) and lifecycle.is_open(after):
            raise Conflict(f"incident #{number} is {before.value}: `reopen` opens it again")
        if not lifecycle.allowed(before, after):
            ways = ", ".join(s.value for s in _S if s in lifecycle.TRANSITIONS[before])
            raise Conflict(
                f"no way leads from {before.value} to {after.value}; "
                f"incident #{number} can become {ways or 'nothing else'}"
            )

    def _check_word(self) -> None:
        if self.word is None:
            return
        rules = self.config.types.of(self.incident["type"])
        status = _status_of(rules, self.word)
        if status.state != self.after:
            raise Invalid(
                f"sub-status `{status.name}` is one of {status.state}, not of {self.after.value}"
            )

    def _times(self, now: float) -> dict[str, float | None]:
        """The first time that it was mitigated stands until it goes back."""
        if self.after is _S.MITIGATED and self.incident["mitigated_at"] is None:
            at = no_earlier(now, self.incident, "started_at", "opened_at", "acknowledged_at")
            return {"mitigated_at": at}
        if self.before is _S.MITIGATED and self.after in {_S.INVESTIGATING, _S.IDENTIFIED}:
            return {"mitigated_at": None}
        return {}

    def _words(self) -> str:
        title = ""
        if self.word is not None:
            rules = self.config.types.of(self.incident["type"])
            title = f" ({_status_of(rules, self.word).title})"
        if self.moves:
            return f"{self.before.value.capitalize()} -> {self.after.value}{title}, set"
        return f"{self.after.value.capitalize()}{title}, set"


def _status_of(rules: TypeRules, word: str) -> SubStatus:
    """Invalid: the type has no such sub-status."""
    status = rules.status(word)
    if status is None:
        names = [one.name for one in rules.statuses]
        known = did_you_mean(word, names) or (
            f"; it has {', '.join(names)}" if names else "; it has none"
        )
        raise Invalid(f"`{word[:80]}` is no sub-status of type `{rules.name}`{known}")
    return status
