"""What people do to a deploy gate: open it for a while on their own word, and take that back."""

import logging

from slo import windows
from slo.gate import MAX_OVERRIDE_S
from vigie.commands.errors import Invalid, NotFound
from vigie.commands.words import MAX_ACTOR, MAX_REASON, line_of, text_of
from vigie.config import Config
from vigie.store import gate
from vigie.store.db import Database

log = logging.getLogger(__name__)


def override(
    db: Database,
    config: Config,
    service: str,
    *,
    actor: str,
    reason: str,
    lasts_s: float,
    now: float,
    key: str | None = None,
) -> None:
    """Let the deploys of a service pass for so many seconds, whatever its budget says.

    Sent again under the same `key` (a client that was not sure) it is written once, also when it
    was withdrawn in between. NotFound, Invalid.
    """
    _known(config, service)
    who, why = line_of("name", actor, MAX_ACTOR), text_of("reason", reason, MAX_REASON)
    if not 0.0 < lasts_s <= MAX_OVERRIDE_S:
        most = windows.show(MAX_OVERRIDE_S)
        raise Invalid(f"an override lasts longer than 0s and at most {most}")
    until = now + lasts_s
    written = db.write(
        lambda c: gate.add(c, service, author=who, reason=why, now=now, expires_at=until, key=key)
    )
    if written is not None:
        lasts = windows.show(lasts_s)
        log.warning("deploy gate of %s opened for %s by %s: %s", service, lasts, who, why)


def withdraw(db: Database, config: Config, service: str, *, actor: str, now: float) -> None:
    """Take back every override of a service that is in force; where there is none, nothing
    changes. NotFound, Invalid.
    """
    _known(config, service)
    who = line_of("name", actor, MAX_ACTOR)
    ended = db.write(lambda c: gate.withdraw(c, service, who, now))
    for number in ended:
        log.warning("override %d of the deploy gate of %s withdrawn by %s", number, service, who)


def _known(config: Config, service: str) -> None:
    if service not in config.services:
        raise NotFound(f"There is no service `{service}`; /api/v1/services lists them.")
