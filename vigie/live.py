"""What the running server knows now, in one place that everybody reads and only its writer sets."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from collectors.discovery.model import DiscoveryStatus
from collectors.families import Families
from collectors.otlp.exemplars import Exemplar
from collectors.probe.verdict import Verdict
from collectors.source_poller import SourceStatus
from collectors.targets import TargetStatus
from slo.spec import SloId
from slo.status import Status
from vigie.config import Config


@dataclass(frozen=True, slots=True)
class Backfilled:
    """How many seconds of the past were read from a DataSource, and of how many."""

    done_s: float
    total_s: float
    error: str | None = None  # why it does not go on


@dataclass(frozen=True, slots=True)
class Live:
    """One moment of the server, immutable.

    `status` is None until the first tick is committed. `reload_error` is why the last reload was
    refused (the old files stay in force); `tick_error` why the last ticks could not be recorded,
    and `ticks_failed` how many in a row. `sources` says how each DataSource does that an SLO uses;
    `backfills` and `source_backfills` have those SLOs and sources whose past is still being read.
    """

    config: Config
    started_at: float
    status: Status | None = None
    targets: Mapping[str, TargetStatus] = field(default_factory=dict)
    sources: Mapping[str, SourceStatus] = field(default_factory=dict)
    backfills: Mapping[SloId, Backfilled] = field(default_factory=dict)
    source_backfills: Mapping[str, Backfilled] = field(default_factory=dict)
    reload_error: str | None = None
    tick_error: str | None = None
    ticks_failed: int = 0


@dataclass(frozen=True, slots=True)
class Collected:
    """What the collectors say when asked, on their event loop: the families on the last page of a
    target, the verdicts on what is probed, how the discoveries of a scrape job do.

    `exemplars` may be asked by any thread: the traces of bad events of an SLO (`service/slo`) that
    arrived between two times. `traces_url` is where people see a trace, by `{trace_id}`; None:
    nobody said.
    """

    families: Callable[[str], Awaitable[Families | None]]
    verdicts: Callable[[], Sequence[Verdict]]
    discoveries: Callable[[str], Sequence[DiscoveryStatus]]
    exemplars: Callable[[str, float, float], Sequence[Exemplar]]
    traces_url: str | None = None


class Board:
    """Holds the newest `Live`: the pipeline and the reload set it, everybody else reads it."""

    def __init__(self, live: Live) -> None:
        self.now = live


@dataclass(frozen=True, slots=True)
class Change:
    """Something that readers may want to look at again: `tick`, `incident` (with its number) or
    `reload`.
    """

    kind: str
    number: int | None = None


class Feed:
    """Broadcasts changes to whoever listens. `publish` may be called from any thread."""

    def __init__(self) -> None:
        self._listeners: dict[asyncio.Queue[Change], asyncio.AbstractEventLoop] = {}

    def publish(self, change: Change) -> None:
        for queue, loop in list(self._listeners.items()):
            loop.call_soon_threadsafe(_offer, queue, change)

    def listen(self) -> asyncio.Queue[Change]:
        """A queue of the changes from now on; `leave` takes it back. Call it on the event loop."""
        queue: asyncio.Queue[Change] = asyncio.Queue(maxsize=256)
        self._listeners[queue] = asyncio.get_running_loop()
        return queue

    def leave(self, queue: asyncio.Queue[Change]) -> None:
        self._listeners.pop(queue, None)


def _offer(queue: asyncio.Queue[Change], change: Change) -> None:
    if queue.full():  # a listener this slow looks at everything again anyway
        queue.get_nowait()
    queue.put_nowait(change)
