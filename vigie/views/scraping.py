"""Targets as every reader sees them: what the last scrape of each said."""

from collectors.targets import Target, TargetStatus
from vigie.live import Live
from vigie.views.shape import Object, listing, when


def targets(live: Live, *, service: str | None = None) -> Object:
    """Every target of the configuration in force, by id; those of one service if asked."""
    chosen = [t for t in live.config.targets.values() if service in (None, t.service)]
    chosen.sort(key=lambda target: target.id)
    return listing([_target(target, _status(live, target)) for target in chosen])


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
