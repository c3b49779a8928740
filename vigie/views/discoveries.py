"""Service discovery as every reader sees it: where each scrape job looks, and what came of it."""

from collections.abc import Callable, Sequence

from collectors.discovery.model import DiscoveryStatus
from vigie.live import Live
from vigie.views.shape import Object, listing, when


def discoveries(live: Live, of_job: Callable[[str], Sequence[DiscoveryStatus]]) -> Object:
    """Every discovery of the scrape jobs in force, by name of the job."""
    jobs = [name for name, job in sorted(live.config.jobs.items()) if job.discoveries]
    return listing([_discovery(name, status) for name in jobs for status in of_job(name)])


def _discovery(job: str, status: DiscoveryStatus) -> Object:
    return {
        "job": job,
        "kind": status.kind,
        "place": status.place,
        "health": status.health,
        "error": status.error or None,
        "last_ok_at": when(status.last_ok_at),
        "targets": status.targets,
    }
