"""What probes say of services, for the pipeline."""

from collections.abc import Mapping
from typing import Final

from collectors.probe.model import Probe
from collectors.probe.prober import Prober
from collectors.probe.verdict import State, Verdict, worst
from collectors.scrape import Clock
from incidents.model import Certificate
from slo.availability import Look
from slo.spec import ServiceState
from vigie.pipeline.plan import Plan
from vigie.pipeline.tick import Pipeline

_STATES: Final[Mapping[State, ServiceState]] = {
    State.UP: ServiceState.UP,
    State.DOWN: ServiceState.DOWN,
    State.UNKNOWN: ServiceState.UNKNOWN,
}


class Probes:
    """Runs the probes of a configuration. All its methods belong to one event loop."""

    def __init__(self, clock: Clock, pipeline: Pipeline) -> None:
        self._pipeline = pipeline
        self._prober = Prober(clock, pipeline.deliver, self._told)
        self._probes: tuple[Probe, ...] = ()
        self._verdicts: dict[tuple[str, str], Verdict] = {}

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        """The last word on every target that has one."""
        return tuple(self._verdicts.values())

    def watch(self, plan: Plan) -> None:
        """Run the probes of this plan; one that is the same goes on undisturbed."""
        self._probes = plan.config.probes
        kept = {(p.name, target.address) for p in self._probes for target in p.targets}
        self._verdicts = {key: one for key, one in self._verdicts.items() if key in kept}
        self._prober.watch(self._probes, plan.selectors, plan.gauges)
        self._show()

    async def start(self) -> None:
        await self._prober.start()

    async def stop(self) -> None:
        await self._prober.stop()

    def _told(self, verdict: Verdict) -> None:
        self._verdicts[verdict.probe, verdict.target] = verdict
        self._show()

    def _show(self) -> None:
        by_service: dict[str, list[Verdict]] = {}
        for verdict in self._verdicts.values():
            by_service.setdefault(verdict.service, []).append(verdict)
        found = {name: worst(some) for name, some in by_service.items()}
        looks = {name: _look(one) for name, one in found.items() if one is not None}
        self._pipeline.probed(looks, self._certificates())

    def _certificates(self) -> list[Certificate]:
        probes = {probe.name: probe for probe in self._probes}
        return [
            Certificate(
                one.service,
                one.probe,
                one.target,
                one.expires_at,
                probes[one.probe].certificate_notice_s,
                probes[one.probe].certificate_page_s,
                labels=probes[one.probe].labels,
            )
            for one in self._verdicts.values()
            if one.expires_at is not None and one.probe in probes
        ]


def _look(verdict: Verdict) -> Look:
    reason = f"probe {verdict.probe}: {verdict.target}: {verdict.reason or verdict.state}"
    return Look(_STATES[verdict.state], reason, verdict.since)
