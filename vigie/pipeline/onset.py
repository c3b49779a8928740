"""How things stood when an incident was opened, as far as the tick knows and nobody does later."""

from collections.abc import Iterable, Mapping

from incidents.model import Event, EventKind, Json
from slo.redundancy import Standing


def onset_of(
    standings: Mapping[str, Standing], events: Iterable[Event], now: float
) -> dict[str, Mapping[str, Json]]:
    """By dedup key of what opens: the redundancy of its service, where it is known."""
    opened = [one.signal for one in events if one.kind is EventKind.OPENED and one.signal]
    return {
        signal.key: {"redundancy": _redundancy(standings[signal.service], now)}
        for signal in opened
        if signal.service in standings
    }


def _redundancy(one: Standing, now: float) -> dict[str, Json]:
    return {
        "at": now,
        "state": one.state.name.lower(),
        "since": one.since,
        "reason": one.reason,
        "ready": one.ready,
        "expected": one.expected,
        "minimum": one.minimum,
        "zones": one.zones,
    }
