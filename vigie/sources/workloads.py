"""What clusters say of workloads: replicas for the pipeline, rollouts as changes."""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final, Protocol

from collectors.changes import KUBERNETES, Change
from collectors.discovery.model import DiscoveryStatus
from collectors.proxies import Proxies
from collectors.scrape import Clock
from collectors.workloads.follower import Follower
from collectors.workloads.health import WorkloadStatus
from slo.redundancy import Observed
from vigie.pipeline.plan import Plan
from vigie.views.discoveries import ROLLOUTS, WORKLOAD

log = logging.getLogger(__name__)

MAX_WAITING: Final = 1_000  # changes, while nothing can be written; the oldest go first
TRIES: Final = 5
BACKOFF_S: Final = 1.0  # after the first try that failed, and twice as long after each


class Pipeline(Protocol):
    """Takes what is seen of services."""

    def observed(self, service: str, found: Observed, /) -> None: ...


class Workloads:
    """Follows the workloads of a configuration. All its methods belong to one event loop.

    `record` writes a change; one is written after the other, in the order in which they were seen.
    """

    def __init__(
        self,
        clock: Clock,
        pipeline: Pipeline,
        record: Callable[[Change], Awaitable[None]],
        proxies: Proxies,
    ) -> None:
        self._clock = clock
        self._record = record
        self._follower = Follower(clock, pipeline.observed, self._changed, proxies=proxies)
        self._waiting: deque[Change] = deque()
        self._came = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.dropped = 0

    def status(self, service: str) -> WorkloadStatus | None:
        """How following the workload of a service goes; None where it has none."""
        return self._follower.status(service)

    def integration(self, name: str) -> WorkloadStatus | None:
        """How following the rollouts of an integration goes; None where it watches no cluster."""
        return self._follower.integration(name)

    def called(self, name: str) -> tuple[DiscoveryStatus, ...]:
        """Either of them by the name that it has among the jobs that discover."""
        found = None
        if name.startswith(WORKLOAD):
            found = self.status(name.removeprefix(WORKLOAD))
        elif name.startswith(ROLLOUTS):
            found = self.integration(name.removeprefix(ROLLOUTS))
        if found is None:
            return ()
        said = found.place, found.health, found.error, found.last_ok_at
        return (DiscoveryStatus(KUBERNETES, *said),)

    def watch(self, plan: Plan) -> None:
        """Follow what this plan names; what is the same goes on undisturbed."""
        config = plan.config
        self._follower.watch(config.redundancy, config.integrations, config.services.keys())

    async def start(self) -> None:
        await self._follower.start()
        self._task = asyncio.create_task(self._write())

    async def stop(self) -> None:
        """End, after one more try for each change that waits: nobody else has seen it."""
        await self._follower.stop()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self._task = None
        while self._waiting:
            await self._try(self._waiting.popleft())

    def _changed(self, change: Change) -> None:
        if len(self._waiting) >= MAX_WAITING:
            lost = self._waiting.popleft()
            self.dropped += 1
            log.error("%s is lost: %d changes wait to be written", lost.title, MAX_WAITING)
        self._waiting.append(change)
        self._came.set()

    async def _write(self) -> None:
        while True:
            self._came.clear()
            while self._waiting:
                await self._write_one(self._waiting[0])
            await self._came.wait()

    async def _write_one(self, change: Change) -> None:
        """Write it, or give it up. Only then it waits no more, so that a stop forgets none."""
        for tried in range(TRIES):
            if await self._try(change):
                break
            await self._clock.sleep_until(self._clock.now() + BACKOFF_S * 2**tried)
        else:
            self.dropped += 1
            log.error("%s is lost: it could not be written in %d tries", change.title, TRIES)
        if self._waiting and self._waiting[0] is change:  # else it has given way to newer ones
            self._waiting.popleft()

    async def _try(self, change: Change) -> bool:
        try:
            await self._record(change)
        except Exception:  # whatever the storage raises; what others see goes on
            log.exception("%s could not be written", change.title)
            return False
        return True
