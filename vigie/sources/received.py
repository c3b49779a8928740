"""What OpenTelemetry's exporters send, for the pipeline: pages of spans and pushed metrics."""

import asyncio
import logging
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Final

from collectors.made import Made
from collectors.otlp.graph_edges import CLIENT_BUCKETS, SERVER_BUCKETS
from collectors.otlp.receiver import MadePage, Otlp
from collectors.otlp.red import DURATION
from collectors.scrape import Clock
from collectors.targets import FOUND_BY_PUSH, FOUND_BY_SPANS
from slo.spec import CompositeSli, CountingSli, MatchOp, SampledSli, Selector, Slo
from vigie.config import Config
from vigie.pipeline.plan import Plan
from vigie.pipeline.tick import Pipeline

log = logging.getLogger(__name__)

EVERY_S: Final = 10.0
FORGET_S: Final = 3600.0  # a target that is silent for so long is no longer expected
# The milliseconds of one unit of `le`, by the metric that has it.
_UNITS_MS: Final = {f"{DURATION}_bucket": 1, SERVER_BUCKETS: 1000, CLIENT_BUCKETS: 1000}
_FINDERS: Final = (FOUND_BY_SPANS, FOUND_BY_PUSH)


class Received:
    """Hands over what a receiver has counted. All its methods belong to one event loop."""

    def __init__(self, otlp: Otlp, clock: Clock, pipeline: Pipeline) -> None:
        self._otlp, self._clock, self._pipeline = otlp, clock, pipeline
        self._made = Made()
        self._warned: set[str] = set()
        self._task: asyncio.Task[None] | None = None

    async def prepare(self, config: Config) -> None:
        """Count for the SLOs of a configuration from now on, before it is swapped in. What was
        counted for the last one is told first, so that it counts for that.
        """
        slos = [watch.slo for watch in config.watches.values()]
        edges, now = edges_of(slos), self._clock.now()
        last = await asyncio.to_thread(self._otlp.watch, edges, slos, now, self._read_to())
        if last:
            self._deliver(last)
            await self._pipeline.tick()

    def watch(self, plan: Plan) -> None:
        """Read pages for what this plan wants of them."""
        targets = plan.config.targets.values()
        told = {target.id: target for target in targets if target.found_by in _FINDERS}
        self._made.watch(told, plan.selectors, plan.gauges)

    async def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="received")

    async def stop(self) -> None:
        """Stop, once what was counted is handed over."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            await self.tell()
        self._task = None

    async def tell(self) -> None:
        """Meet who is heard of, and deliver the pages of those that are known."""
        now = self._clock.now()
        self._warn_of_sampling(await asyncio.to_thread(self._otlp.tail_sampled, now))
        heard = await asyncio.to_thread(self._otlp.targets)
        read_to = self._read_to()
        for finder in _FINDERS:
            mine = [target for target in heard if target.found_by == finder]
            for target in mine:
                self._pipeline.meet(target)
            kept = {name for name, at in read_to.items() if at and now - at < FORGET_S}
            self._pipeline.present(finder, frozenset(kept | {target.id for target in mine}))
        self._deliver(await asyncio.to_thread(self._otlp.pages, now, read_to))

    async def _run(self) -> None:
        while True:
            await self._clock.sleep_until((self._clock.now() // EVERY_S + 1) * EVERY_S)
            try:
                await self.tell()
            except Exception:  # a defect here must not end the counting of everything else
                log.exception("what was received could not be handed over; it is tried again")

    def _warn_of_sampling(self, services: Iterable[str]) -> None:
        for name in services:
            if name not in self._warned:
                self._warned.add(name)
                log.warning(
                    "spans of %s were chosen by a tail sampler: ratios over them are wrong; send "
                    "spans to Vigie ahead of the sampler",
                    name,
                )

    def _read_to(self) -> Mapping[str, float | None]:
        state = self._pipeline.state
        targets = state.plan.config.targets.values()
        mine = [target.id for target in targets if target.found_by in _FINDERS]
        return {name: state.memories[name].page_at for name in mine}

    def _deliver(self, pages: Iterable[MadePage]) -> None:
        for page in pages:
            scrape = self._made.scrape(
                page.target_id, page.at, page.body, content_type=page.content_type
            )
            if scrape is not None:
                self._pipeline.deliver(scrape)


def edges_of(slos: Iterable[Slo]) -> set[float]:
    """The latencies, in milliseconds, at which SLOs tell good spans from bad ones."""
    found = set()
    for selector in _selectors(slos):
        unit_ms = _UNITS_MS.get(selector.metric)
        for matcher in selector.matchers:
            if unit_ms and (matcher.label, matcher.op) == ("le", MatchOp.EQUAL):
                edge = _number(matcher.value, unit_ms)
                if edge is not None:
                    found.add(edge)
    return found


def _number(text: str, unit_ms: int) -> float | None:
    try:
        edge = float(text)
    except ValueError:
        return None
    # By decimals: 0.0123 * 1000 in binary is no edge that anybody wrote.
    return float(Decimal(repr(edge)) * unit_ms) if 0.0 < edge < float("inf") else None


def _selectors(slos: Iterable[Slo]) -> Iterable[Selector]:
    for slo in slos:
        sli = slo.sli
        for part in [c.sli for c in sli.components] if isinstance(sli, CompositeSli) else [sli]:
            if isinstance(part, CountingSli | SampledSli):
                yield from part.selectors
