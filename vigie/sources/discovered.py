"""What service discovery finds, for the pipeline: targets of scrape jobs as they come and go."""

import logging
from collections.abc import Mapping

from collectors.discovery.discoverer import Discoverer
from collectors.discovery.model import DiscoveryStatus
from collectors.jobs import ScrapeJob, targets_of
from collectors.proxies import Proxies
from collectors.scrape import Clock
from vigie.pipeline.plan import Plan
from vigie.pipeline.tick import Pipeline

log = logging.getLogger(__name__)


class Discovered:
    """Follows the jobs of a configuration that discover targets. All its methods belong to one
    event loop.
    """

    def __init__(self, clock: Clock, pipeline: Pipeline, proxies: Proxies) -> None:
        self._pipeline = pipeline
        self._discoverer = Discoverer(clock, self._changed, proxies=proxies)
        self._jobs: Mapping[str, ScrapeJob] = {}

    def status(self, job: str) -> tuple[DiscoveryStatus, ...]:
        """How each discovery of a job does."""
        return self._discoverer.status(job)

    def watch(self, plan: Plan) -> None:
        """Discover for the jobs of this plan; a discovery that is the same goes on."""
        jobs = {name: job for name, job in plan.config.jobs.items() if job.discoveries}
        if jobs == self._jobs:
            return
        for name in self._jobs.keys() - jobs.keys():
            self._pipeline.present(f"job {name}", frozenset())
        self._jobs = jobs
        self._discoverer.watch(jobs)
        for name in jobs:
            self._changed(name)

    async def start(self) -> None:
        await self._discoverer.start()

    async def stop(self) -> None:
        await self._discoverer.stop()

    def _changed(self, name: str) -> None:
        """Meet the targets of a job. Those of before are gone only once every discovery of it has
        answered.
        """
        found = targets_of(self._jobs[name], self._discoverer.groups(name))
        if found.over_limit:  # what was found before goes on: a limit must not blind anybody
            limit = self._jobs[name].target_limit
            log.error(
                "job %s: more targets than its target_limit of %d: none is taken", name, limit
            )
            return
        for target in found.targets:
            self._pipeline.meet(target)
        if self._discoverer.complete(name):
            self._pipeline.present(f"job {name}", frozenset(t.id for t in found.targets))
