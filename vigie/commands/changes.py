"""Changes that are told to Vigie, by people and pipelines or by the webhooks of others."""

import logging
from collections.abc import Callable, Mapping
from typing import Final

from sqlalchemy import Connection

from collectors import changes_argocd, changes_github, changes_gitlab
from collectors.changes import (
    API,
    MAX_SERVICES,
    Change,
    Delivery,
    Ignored,
    Integration,
    UnknownPayload,
    assigned,
    has_ended,
)
from vigie.commands.errors import Invalid, NotFound
from vigie.store import changes
from vigie.store.changes import Stored
from vigie.store.db import Database

AHEAD_S: Final = 3_600.0  # how far ahead of ours a clock may be that says when something began
OLDEST_S: Final = 10 * 365 * 86_400.0
_PARSERS: Final[Mapping[str, Callable[[Delivery, Integration], Change | Ignored]]] = {
    "github": changes_github.parse,
    "gitlab": changes_gitlab.parse,
    "argocd": changes_argocd.parse,
}

log = logging.getLogger(__name__)


def report(
    db: Database, services: Mapping[str, object], told: Change, now: float
) -> tuple[Stored, bool]:
    """Record a change; it as it is then, and whether it is new.

    Told again under the same id it is brought forward: its status never goes back. `services` are
    those that there are. NotFound, Invalid.
    """
    if not told.services:
        raise Invalid("a change is of at least one service: name it in `service` or `services`")
    if len(told.services) > MAX_SERVICES:
        raise Invalid(f"a change is of {MAX_SERVICES} services at most")
    for name in told.services:
        if name not in services:
            raise NotFound(f"There is no service `{name}`; /api/v1/services lists them.")
    if told.finished_at is not None and told.finished_at < told.started_at:
        raise Invalid("`finished_at` lies before `started_at`")
    if told.finished_at is not None and not has_ended(told.status):
        raise Invalid(f"a change that is {told.status} has no `finished_at` yet")
    return _record(db, told, now)


def deliver(
    db: Database,
    services: Mapping[str, object],
    integration: Integration,
    delivery: Delivery,
) -> Stored | Ignored:
    """Record what a webhook tells; or why it is nothing that is wanted. Invalid: it is nothing that
    is known, and the message names what was seen.
    """
    try:
        told = _PARSERS[integration.type](delivery, integration)
    except UnknownPayload as error:
        raise Invalid(f"Integration `{integration.name}` ({integration.type}): {error}") from error
    if isinstance(told, Ignored):
        return told
    return _record(db, assigned(told, integration, services), delivery.at)[0]


def _record(db: Database, told: Change, now: float) -> tuple[Stored, bool]:
    if told.started_at > now + AHEAD_S:
        raise Invalid("the change lies ahead: tell of it when it begins")
    if told.started_at < now - OLDEST_S:
        raise Invalid("the change lies more than ten years back")

    def work(c: Connection) -> tuple[Stored, bool]:
        number, is_new = changes.record(c, told, now)
        stored = changes.get(c, number)
        assert stored is not None, "it was just written"
        return stored, is_new

    stored, is_new = db.write(work)
    if told.source != API or is_new:
        log.info("change %d: %s is %s", stored.number, told.title, stored.change.status)
    return stored, is_new
