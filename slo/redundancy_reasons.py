"""Why a service is as redundant as it is, in one line for whoever is woken by it."""

from collections.abc import Iterator, Sequence
from typing import Final

from slo.redundancy_look import Look
from slo.redundancy_model import Observed, RedundancyState, Rollout

MAX_REASON: Final = 400  # characters
_MAX_NAME: Final = 60
_SHOWN: Final = 3  # names; the others are counted


def unseen(observed: Observed) -> str:
    """Why nothing can be said of the replicas; empty where something can.

    Without any replica that is so only where no workload says how many it wants: of one that does,
    all are missing.
    """
    if observed.error:
        return _cut(f"its replicas can't be seen: {_line(observed.error)}", MAX_REASON)
    if not observed.replicas:
        return "none of its replicas is seen" if observed.wanted is None else ""
    if all(one.ready is None for one in observed.replicas):
        count = len(observed.replicas)
        which = f"any of {count} replicas is" if count > 1 else "its one replica is"
        return f"nobody can tell whether {which} ready"
    return ""


def reason_for(state: RedundancyState, hopeful: Look, rollout: Rollout | None = None) -> str:
    """The counts, what is certainly wrong about them, and which replicas they are about."""
    found = _untold(hopeful) if state is RedundancyState.UNKNOWN else _wrong(hopeful)
    wrong = "; ".join(found)
    head = f"{_counts(hopeful)}: {wrong}" if wrong else _counts(hopeful)
    return _cut("; ".join((head, *_about(hopeful, rollout))), MAX_REASON)


def _counts(found: Look) -> str:
    ready, expected = len(found.ready), found.expected
    if not ready and not expected:
        return "no replica is wanted, so none is ready"
    if ready > expected:
        return f"{ready} replicas ready, {expected} expected"
    return f"{ready} of {expected} replicas ready"


def _wrong(found: Look) -> Iterator[str]:
    minimum = found.minimum
    if 0 < found.able < minimum:
        yield f"less than the minimum of {minimum}"
    elif 0 < found.able <= minimum:
        more = "one more" if found.short else "one"
        yield f"{more} failure leaves less than the minimum of {minimum}"
    elif found.able and found.zone_risk:
        lost = f"the loss of zone {_name(found.largest_zone)}"
        yield f"{lost} leaves {found.left}, less than the minimum of {minimum}"
    if found.able and found.leader_wrong and found.leaders is not None:
        leaders = found.leaders
        yield f"{len(leaders)} lead at once ({_names(leaders)})" if leaders else "none leads"
    if found.able and found.zones_short:
        known = f" ({_names(found.known_zones)})" if found.known_zones else ""
        yield f"in {len(found.zones)} of {found.zones_wanted} wanted zones{known}"
    if found.skewed and found.skew is not None:
        yield f"{_name(found.busiest)} takes {found.skew:.1f} times the mean load"


def _untold(found: Look) -> Iterator[str]:
    if found.zones_wanted > max(len(found.known_zones), 1):
        known = _names(found.known_zones) or "none"
        yield f"{found.zones_wanted} zones are wanted, {known} is known"
    if found.leaders is None and found.leader_wanted:
        yield "nobody can tell which one leads"


def _about(found: Look, rollout: Rollout | None) -> Iterator[str]:
    if found.missing:
        yield f"not ready: {_names(found.missing)}"
    if found.untold:
        yield f"not known: {_names(found.untold)}"
    if rollout is not None:
        yield "a rollout is stuck" if rollout.stuck else "a rollout is under way"


def _names(names: Sequence[str]) -> str:
    shown = ", ".join(_name(name) for name in names[:_SHOWN])
    return f"{shown} and {len(names) - _SHOWN} more" if len(names) > _SHOWN else shown


def _name(name: str) -> str:
    return _cut(_line(name), _MAX_NAME)


def _line(text: str) -> str:
    return " ".join(text.split())


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 3]}..."
