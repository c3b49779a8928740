"""Heartbeats in the tick: where they stand now, and the signals that they give."""

from collections.abc import Mapping

from collectors.heartbeat import Beats, Standing, standings
from incidents.model import HeardBeat, IncidentType, Signal, Urgency
from incidents.signals import heartbeat_signal
from vigie.config import Config
from vigie.pipeline.state import Batch, Open, State


def standings_of(state: State, batch: Batch, now: float) -> dict[str, Standing]:
    """Where every heartbeat stands; only those that said something, or whose time to change has
    come, are looked at again.
    """
    told = state.beats if batch.beats is None else batch.beats
    changed = {name for name, beats in told.items() if beats != state.beats.get(name)}
    return standings(state.plan.config.heartbeats, told, state.standings, frozenset(changed), now)


def beat_signals(
    config: Config, found: Mapping[str, Standing], beats: Mapping[str, Beats], open_: Open
) -> list[Signal]:
    """What the heartbeats say that are wrong or have an open incident."""
    signals = []
    for name, standing in found.items():
        one, last = config.heartbeats[name], beats.get(name)
        said = HeardBeat(
            name=name,
            service=one.service,
            state=standing.state.value,
            since=standing.since,
            reason=standing.reason,
            urgency=Urgency(one.urgency),
            expected_at=standing.expected_at,
            deadline=standing.deadline,
            last_at=last.last_at if last is not None else None,
            last_state=last.last_state.value if last is not None and last.last_state else None,
            started_at=last.started_at if last is not None else None,
            labels=one.labels,
        )
        signals.append(heartbeat_signal(said, open_.get(f"{IncidentType.MISSED_HEARTBEAT}:{name}")))
    return [signal for signal in signals if signal is not None]
