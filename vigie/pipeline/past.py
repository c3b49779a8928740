"""The past of services in the tick: outages that ended, times in which nobody could tell."""

from collections.abc import Iterable, Mapping

from slo.availability import Availability
from slo.outages import Outage
from slo.uptime import KEPT_S, UNWATCHED, History
from vigie.store.states import Became


def going_on(
    histories: Mapping[str, History],
    services: Mapping[str, Availability],
    moved: Iterable[str],
    outages: Iterable[Outage],
    now: float,
) -> tuple[Mapping[str, History], tuple[Became, ...]]:
    """The histories after a tick, and the changes of state to be written. `moved` are the services
    whose state is another one now, `outages` those that began or ended.
    """
    after, found = dict(histories), []
    for name in moved:
        one = services[name]
        after[name] = after.get(name, UNWATCHED).moved(one.state, now)
        found.append(Became(name, now, one.state, one.reason))
    for outage in outages:
        if outage.ended_at is not None:
            known = after.get(outage.service, UNWATCHED).since(now - KEPT_S)
            after[outage.service] = known.ended(outage)
    return (after if found or outages else histories), tuple(found)
