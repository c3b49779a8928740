"""Targets and DataSources as every reader sees them: what the last scrape or poll said."""

from collectors.source_poller import SourceStatus
from collectors.targets import Target, TargetStatus
from slo.spec import CompositeSli, DataSource, ForeignSli, Sli
from vigie.live import Backfilled, Live
from vigie.views.shape import Object, listing, when


def targets(live: Live, *, service: str | None = None) -> Object:
    """Every target of the configuration in force, by id; those of one service if asked."""
    chosen = [t for t in live.config.targets.values() if service in (None, t.service)]
    chosen.sort(key=lambda target: target.id)
    return listing([_target(target, _status(live, target)) for target in chosen])


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
        "instance": target.instance,
        "service": target.service,
        "url": target.url,
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
