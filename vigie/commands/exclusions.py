"""What people take out of the figures after the fact, and put back; each is one transaction."""

import logging
from collections.abc import Sequence

from sqlalchemy import Connection

from slo.exclusions import MINUTE_S, minutes
from slo.spec import Excluded
from vigie.commands.errors import Conflict, Invalid, NotFound
from vigie.commands.words import MAX_ACTOR, MAX_REASON, line_of, text_of
from vigie.config import Config, Watch
from vigie.reports.read import figures_of
from vigie.store import exclusions
from vigie.store.db import Database
from vigie.store.exclusions import Stored

MAX_LENGTH_S = 35 * 86_400.0

log = logging.getLogger(__name__)


def correct(
    db: Database,
    config: Config,
    service: str,
    slo: str,
    *,
    start: float,
    end: float,
    actor: str,
    reason: str,
    slice_s: int,
    now: float,
    key: str | None = None,
) -> Stored:
    """Take [start, end), edges rounded to the nearest minute, out of the figures of an SLO; where
    `slo` is empty, of every SLO of the service, and of its downtime.

    What it takes out is recorded with it, exactly. Sent again under the same `key` it is written
    once. NotFound, Invalid.
    """
    watches = _watches(config, service, slo)
    who, why = line_of("name", actor, MAX_ACTOR), text_of("reason", reason, MAX_REASON)
    first, last = minutes(start, end)
    if first >= last:
        raise Invalid("the correction holds no whole minute: `to` must lie after `from`")
    if end - start > MAX_LENGTH_S:
        raise Invalid(f"the correction is longer than {MAX_LENGTH_S / 86_400:g} days: split it")
    if last * MINUTE_S > now:
        raise Invalid("a correction is of the past; plan what is to come as a MaintenanceWindow")
    edges = (float(first * MINUTE_S), float(last * MINUTE_S))
    excluded = Excluded(service, slo, *edges, why, who, planned=False)

    # Read beside the writer: a month of slices would keep ticks waiting. They are closed by now.
    figures = db.read(lambda c: figures_of(c, watches, first, last, slice_s=slice_s))

    def work(c: Connection) -> Stored:
        return _get(c, exclusions.add(c, excluded, figures, now, key=key))

    stored = db.write(work)
    log.warning("%s corrected by %s: %s", slo or service, who, why)
    return stored


def put_back(db: Database, number: int, *, actor: str, reason: str, now: float) -> Stored:
    """Let the time of a correction count again. NotFound; Conflict when it does already."""
    who, why = line_of("name", actor, MAX_ACTOR), text_of("reason", reason, MAX_REASON)

    def work(c: Connection) -> Stored:
        before = _get(c, number)
        if not exclusions.remove(c, number, who, why, now):
            raise Conflict(f"correction {number} was removed already by {before.removed_by}")
        return _get(c, number)

    stored = db.write(work)
    log.warning("correction %d removed by %s: %s", number, who, why)
    return stored


def _watches(config: Config, service: str, slo: str) -> Sequence[Watch]:
    if service not in config.services:
        raise NotFound(f"There is no service `{service}`; /api/v1/services lists them.")
    mine = [watch for watch in config.watches.values() if watch.slo.service == service]
    if slo and slo not in {watch.slo.name for watch in mine}:
        raise NotFound(f"There is no SLO `{service}/{slo}`; /api/v1/slos lists them.")
    return [watch for watch in mine if slo in ("", watch.slo.name)]


def _get(c: Connection, number: int) -> Stored:
    found = exclusions.get(c, number)
    if found is None:
        raise NotFound(f"There is no correction {number}; /api/v1/maintenance lists them.")
    return found
