"""What others write to us by Prometheus' remote write, for the pipeline."""

import asyncio
import logging
import statistics
from collections import deque
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from collectors.scrape import Clock, Scrape
from collectors.targets import FOUND_BY_WRITE, By, Target
from collectors.written import FORGET_S, HOLD_S, Inbox
from slo.spec import Births
from vigie.pipeline.plan import Plan
from vigie.pipeline.tick import Pipeline
from vigie.sources.past import CHANGED, FIRST_INTERVAL_S, SEEN

log = logging.getLogger(__name__)

EVERY_S: Final = 1.0
# How late a scrape may come while all is well: a request is filled for 5 s, and what was cut in two
# waits for its rest. For so long slices stay open.
SPARE_S: Final = 2.0  # from handing over to the tick
LATEST_S: Final = 5.0 + HOLD_S + EVERY_S + SPARE_S
STEP_S: Final = 0.001


class Written:
    """Hands over what an inbox holds. All its methods belong to one event loop."""

    def __init__(self, inbox: Inbox, clock: Clock, pipeline: Pipeline) -> None:
        self._inbox, self._clock, self._pipeline = inbox, clock, pipeline
        self._times: dict[str, deque[float]] = {}
        self._met: dict[str, Target] = {}
        self._moved: dict[str, float] = {}  # by target: the last time that was given instead
        self._task: asyncio.Task[None] | None = None

    def watch(self, plan: Plan) -> None:
        """Read for the SLOs of this plan that ask no DataSource."""
        told = {name: at for name, at in self._read_to().items() if at is not None}
        self._inbox.watch(
            frozenset(selector for source, selector in plan.counted if not source),
            frozenset(selector for source, selector in plan.sampled_from if not source),
            told,
        )

    async def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="written")

    async def stop(self) -> None:
        """Stop, once what is held is handed over."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self.tell(last=True)
        self._task = None

    def tell(self, last: bool = False) -> None:
        """Meet who is heard of, and deliver the scrapes that are whole; at the `last` all."""
        now = self._clock.now()
        targets = self._pipeline.state.plan.config.targets
        for scrape in self._inbox.scrapes(now, last):
            known = targets.get(scrape.target_id)
            if known is not None and known.found_by != FOUND_BY_WRITE:
                # Somebody else tells of it: two that tell of one counter would count it twice.
                self._inbox.left_out(scrape.samples or 0)
                continue
            self._meet(scrape, known)
            self._deliver(scrape, now)
        self._met = {name: one for name, one in self._met.items() if name in self._inbox.heard}
        self._moved = {name: at for name, at in self._moved.items() if name in self._met}
        self._times = {name: at for name, at in self._times.items() if name in self._met}
        kept = {name for name, at in self._read_to().items() if at and now - at < FORGET_S}
        self._pipeline.present(FOUND_BY_WRITE, frozenset(kept | self._met.keys()))

    async def _run(self) -> None:
        while True:
            await self._clock.sleep_until((self._clock.now() // EVERY_S + 1) * EVERY_S)
            try:
                self.tell()
            except Exception:  # a defect here must not end the counting of everything else
                log.exception("what was written could not be handed over; it is tried again")

    def _deliver(self, scrape: Scrape, now: float) -> None:
        """Hand a scrape over, as one of the first time that is still open if its own is closed:
        after an outage what was sent again is old, and its events count all the same.
        """
        state, name = self._pipeline.state, scrape.target_id
        opens = max(state.ledger.open_from, now - state.plan.open_for_s) + SPARE_S
        moved = self._moved.get(name, 0.0)
        if scrape.at < opens or scrape.at <= moved:
            at = self._moved[name] = max(opens if scrape.at < opens else scrape.at, moved + STEP_S)
            page = replace(scrape.page, at=at) if scrape.page is not None else None
            scrape = replace(scrape, at=at, page=page)
        self._pipeline.deliver(scrape)

    def _read_to(self) -> dict[str, float | None]:
        """By target that was written before: up to when it was counted."""
        state = self._pipeline.state
        targets = state.plan.config.targets.values()
        mine = [target.id for target in targets if target.found_by == FOUND_BY_WRITE]
        return {name: state.memories[name].page_at for name in mine}

    def _meet(self, scrape: Scrape, known: Target | None) -> None:
        """Tell of the target of a scrape, with the interval that its times show."""
        name = scrape.target_id
        times = self._times.setdefault(name, deque(maxlen=SEEN))
        if not times or scrape.at > times[-1]:
            times.append(scrape.at)
        before = self._met.get(name) or known
        interval_s = before.interval_s if before else FIRST_INTERVAL_S
        if len(times) == SEEN:
            gaps = [later - earlier for earlier, later in zip(times, list(times)[1:], strict=False)]
            seen_s = statistics.median(gaps)
            if abs(seen_s - interval_s) > CHANGED * interval_s:
                interval_s = seen_s
        if name not in self._met or self._met[name].interval_s != interval_s:
            one = _target(self._inbox.labels[name])
            self._met[name] = replace(one, interval_s=interval_s)
            self._pipeline.meet(self._met[name])


def _target(labels: Mapping[str, str]) -> Target:
    """A target of ours: no DataSource stands between it and the SLOs. A series that is new says
    nothing of where it began: a relay may have been down, or a scrape have come in part.
    """
    return Target(
        job=labels.get("job", ""),
        instance=labels.get("instance", ""),
        url="",
        service="",
        labels=labels,
        timeout_s=LATEST_S,
        births=Births.BASELINE,
        by=By.PUSH,
        found_by=FOUND_BY_WRITE,
    )
