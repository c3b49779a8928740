"""Probes as every reader sees them: of each target the verdict, and what every location says."""

from collections.abc import Iterable

from collectors.probe.model import Probe
from collectors.probe.verdict import State, Verdict
from vigie.live import Live
from vigie.views.shape import Object, listing, when


def probes(live: Live, verdicts: Iterable[Verdict], *, service: str | None = None) -> Object:
    """Every target of every probe in force, by name of the probe and address; those of one service
    if asked.
    """
    known = {(one.probe, one.target): one for one in verdicts}
    chosen = [p for p in live.config.probes if service in (None, p.service)]
    return listing(
        [
            _probed(probe, address, known.get((probe.name, address)))
            for probe in sorted(chosen, key=lambda probe: probe.name)
            for address in sorted(target.address for target in probe.targets)
        ]
    )


def _probed(probe: Probe, address: str, verdict: Verdict | None) -> Object:
    said = verdict.by_location if verdict is not None else {}
    states = {one.name: said.get(one.name, State.UNKNOWN).value for one in probe.locations}
    return {
        "probe": probe.name,
        "service": probe.service,
        "target": address,
        "state": verdict.state.value if verdict is not None else State.UNKNOWN.value,
        "since": when(verdict.since) if verdict is not None else None,
        "reason": verdict.reason if verdict is not None else "not probed yet",
        "by_location": states,
        "quorum": probe.quorum,
        "expires_at": when(verdict.expires_at) if verdict is not None else None,
    }
