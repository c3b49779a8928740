"""A state without a past, and how a new plan goes on from the state before it: values only.

A server adds what its database remembers; a backtest has none, and starts from this as it is.
"""

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import replace

import numpy as np

from collectors.targets import Target, TargetStatus
from slo.alerts import Alerts
from slo.availability import Availability
from slo.ledger import Ledger
from slo.series import Floats, Layout, Memory, Page
from slo.spec import Excluded, ServiceState
from vigie.pipeline.periods import boundaries, exclusions_of, periods_of
from vigie.pipeline.plan import Plan
from vigie.pipeline.settle import begun
from vigie.pipeline.state import State, no_alerts
from vigie.pipeline.take import NO_LAYOUT, expectation

Gauges = Mapping[str, tuple[Page, ...]]  # by target, oldest first


def fresh(
    plan: Plan,
    kept: Mapping[str, Memory],
    now: float,
    *,
    seen: Mapping[str, TargetStatus] | None = None,
    gauges: Gauges | None = None,
    corrections: tuple[Excluded, ...] = (),
) -> State:
    """A state that knows targets, and neither slices nor alerts nor outages. `kept` is what is
    remembered of every target, `gauges` are the pages that what is sampled may look back to.
    """
    targets = plan.config.targets
    statuses, pages = seen or {}, _of_targets(gauges or {}, plan)
    yields = {
        name: plan.yields(targets[name], memory.layout, _gauge_layout(pages, name))
        - plan.owes[name]
        for name, memory in kept.items()
    }
    yields = {name: cols for name, cols in yields.items() if cols}
    return State(
        plan=plan,
        since=now,
        tick=0,
        ledger=plan.empty_ledger(now),
        memories=kept,
        targets={t.id: _status(t, kept[t.id], statuses.get(t.id)) for t in targets.values()},
        yields=yields,
        expected=expectation(plan, yields),
        alerts=no_alerts(len(plan.slo_of_arms), now),
        last_rate=np.zeros(plan.columns),
        below_since=np.full(len(plan.watches), np.nan),
        availability={name: unmeasured(0.0) for name in plan.services},
        acting={},
        figures=None,
        gauges=pages,
        sampled_upto=dict.fromkeys(("", *plan.asked), int(now // plan.slice_s) * plan.slice_s),
        periods=periods_of(plan.calendars, {}, now),
        exclusions=exclusions_of(plan, corrections, now),
        corrections=corrections,
    )


def going_on(after: State, before: State) -> State:
    """A fresh state with what the one before it knew of the same things; its ledger apart."""
    plan, old = after.plan, before.plan
    below = _by_name([w.slo.id for w in old.watches], before.below_since)
    rate = _by_name(old.ids, before.last_rate)
    known = [name for name in plan.services if name in before.availability]
    return replace(
        after,
        since=before.since,
        tick=before.tick,
        availability={**after.availability, **{n: before.availability[n] for n in known}},
        below_since=_floats(below.get(w.slo.id, np.nan) for w in plan.watches),
        last_rate=_floats(rate.get(fingerprint, 0.0) for fingerprint in plan.ids),
        alerts=_alerts_going_on(after, before),
        acting={**after.acting, **before.acting},
        sampled_upto={**after.sampled_upto, **before.sampled_upto},
        estimated_upto=before.estimated_upto,
        polled={**after.polled, **before.polled},
        snapshots=before.snapshots,
        probed={n: one for n, one in before.probed.items() if n in plan.probed},
        certificates=before.certificates,
        histories=before.histories,
        readings={n: one for n, one in before.readings.items() if n in plan.replica_of},
        observed={n: one for n, one in before.observed.items() if n in plan.replicas},
        redundancy={
            **after.redundancy,
            **{n: one for n, one in before.redundancy.items() if n in plan.replicas},
        },
    )


def moved(before: State, after: State) -> Ledger:
    """The ledger of a state with the columns of the plan of another one: columns that both have
    keep their past, others have none.
    """
    place = {fingerprint: col for col, fingerprint in enumerate(before.plan.ids)}
    source = np.array([place.get(one, -1) for one in after.plan.ids], dtype=np.int64)
    wanted = boundaries(after.periods, after.exclusions)
    wanted |= begun(after.plan, before.ledger.open_from)
    return before.ledger.recolumned(source).wanting(dict.fromkeys(wanted))


def unmeasured(downtime_s: float) -> Availability:
    """A service before anything is measured, with the length of its outages before."""
    return Availability(ServiceState.UNKNOWN, "nothing was measured yet", downtime_s)


def _alerts_going_on(after: State, before: State) -> Alerts:
    place = {arm: number for number, arm in enumerate(_arm_names(before.plan))}
    alerts, was = after.alerts, before.alerts
    state, since = alerts.state.copy(), alerts.since.copy()
    burning_since = alerts.burning_since.copy()
    for number, arm in enumerate(_arm_names(after.plan)):
        if arm in place:
            old = place[arm]
            state[number], since[number] = was.state[old], was.since[old]
            burning_since[number] = was.burning_since[old]
    return Alerts(state, since, burning_since)


def _arm_names(plan: Plan) -> list[tuple[str, str]]:
    return [(watch.slo.id, arm.name) for watch in plan.watches for arm in watch.arms]


def _by_name(names: Iterable[Hashable], values: Floats) -> dict[Hashable, float]:
    return dict(zip(names, values.tolist(), strict=True))


def _floats(values: Iterable[float]) -> Floats:
    return np.array(list(values), dtype=np.float64)


def _of_targets(gauges: Gauges, plan: Plan) -> dict[str, tuple[Page, ...]]:
    if not plan.sampled:
        return {}
    return {name: pages for name, pages in gauges.items() if name in plan.config.targets}


def _gauge_layout(gauges: Gauges, name: str) -> Layout:
    pages = gauges.get(name, ())
    return pages[-1].gauge_layout if pages else NO_LAYOUT


def _status(target: Target, memory: Memory, seen: TargetStatus | None) -> TargetStatus:
    if seen is not None:
        return replace(seen, target=target)
    return TargetStatus(target, "unknown", last_good_at=memory.page_at)
