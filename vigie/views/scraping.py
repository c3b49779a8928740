"""Targets and DataSources as every reader sees them: what the last scrape or poll said."""

from collectors.families import Families, Family
from collectors.source_poller import SourceStatus
from collectors.targets import Target, TargetStatus
from slo import names
from slo.spec import CompositeSli, DataSource, ForeignSli, Sli
from vigie.live import Backfilled, Live
from vigie.views.shape import Object, listing, when


def targets(live: Live, *, service: str | None = None) -> Object:
    """Every target of the configuration in force, by id; those of one service if asked."""
    chosen = [t for t in live.config.targets.values() if service in (None, t.service)]
    chosen.sort(key=lambda target: target.id)
    return listing([_target(target, _status(live, target)) for target in chosen])


def target(live: Live, target_id: str, families: Families | None) -> Object | None:
    """One target with the families of its last page, None where that was not kept: none came, it
    was too large, or Vigie makes the page itself. None if there is no such target.
    """
    found = live.config.targets.get(target_id)
    if found is None:
        return None
    return _target(found, _status(live, found)) | {
        "families": [_family(one) for one in families.items] if families is not None else None,
        "families_left_out": families.left_out if families is not None else None,
    }


def sources(live: Live) -> Object:
    """Every DataSource of the configuration in force, by name, whether an SLO asks it or not."""
    return listing(
        [_source(live, live.config.sources[name]) for name in sorted(live.config.sources)]
    )


def backfilled(one: Backfilled | None) -> Object | None:
    """How much of the past was read; None: there is nothing left to read."""
    if one is None:
        return None
    return {"done_seconds": one.done_s, "total_seconds": one.total_s}


def _source(live: Live, source: DataSource) -> Object:
    status = live.sources.get(source.name, SourceStatus(source.name))
    left = live.source_backfills.get(source.name)
    return {
        "name": source.name,
        "type": source.type,
        "url": source.url,
        "default": source.default,
        "health": status.health,
        "error": status.error,
        "last_ok_at": when(status.last_ok_at),
        "behind_seconds": status.lag_s,
        "retry_at": when(status.retry_at),
        "interval_seconds": source.interval_s,
        "lag_seconds": source.lag_s,
        "slos": sum(_asks(watch.slo.sli, source.name) for watch in live.config.watches.values()),
        "backfill": backfilled(left),
        "backfill_error": left.error if left is not None else None,
    }


def _asks(sli: Sli, name: str) -> bool:
    if isinstance(sli, CompositeSli):
        return any(_asks(part.sli, name) for part in sli.components)
    return not isinstance(sli, ForeignSli) and sli.source == name


def _status(live: Live, target: Target) -> TargetStatus:
    return live.targets.get(target.id) or TargetStatus(target, "unknown")


def _target(target: Target, status: TargetStatus) -> Object:
    return {
        "id": target.id,
        "job": target.job,
        "instance": target.labels.get(names.INSTANCE, target.instance),
        "service": target.service,
        "url": target.url,
        "by": target.by.value,
        "found_by": target.found_by or None,
        "labels": dict(target.labels),
        "health": status.health,
        "error": status.error,
        "last_scrape_at": when(status.last_scrape_at),
        "last_good_at": when(status.last_good_at),
        "duration_seconds": status.duration_s,
        "samples": status.samples,
        "body_bytes": status.body_bytes,
        "interval_seconds": target.interval_s,
        "timeout_seconds": target.timeout_s,
    }


def _family(family: Family) -> Object:
    return {
        "name": family.name,
        "type": family.type,
        "help": family.help,
        "samples": family.samples,
        "sample": family.sample,
    }
