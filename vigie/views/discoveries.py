"""Discovery as every reader sees it: where targets, replicas and rollouts are looked for."""

from collections.abc import Callable, Sequence
from typing import Final

from collectors.changes import KUBERNETES
from collectors.discovery.model import DiscoveryStatus
from vigie.live import Live
from vigie.views.shape import Object, listing, when

# What following a workload, or the rollouts that an Integration tells of, is called among the jobs.
WORKLOAD: Final = "redundancy of "
ROLLOUTS: Final = "integration "


def discoveries(live: Live, of_job: Callable[[str], Sequence[DiscoveryStatus]]) -> Object:
    """Every discovery of the scrape jobs in force, by name of the job; then what is followed of
    clusters for redundancy and changes.
    """
    config = live.config
    jobs = [name for name, job in sorted(config.jobs.items()) if job.discoveries]
    jobs += [f"{WORKLOAD}{name}" for name, one in sorted(config.redundancy.items()) if one.workload]
    jobs += [
        f"{ROLLOUTS}{name}"
        for name, one in sorted(config.integrations.items())
        if one.type == KUBERNETES
    ]
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
