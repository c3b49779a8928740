"""Periods and exclusions: the times from which sums have to stay exact."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from slo import calendar, exclusions
from slo.calendar import Calendar
from slo.exclusions import MINUTE_S, Interval
from slo.ledger import HOUR_S
from slo.spec import Excluded
from vigie.pipeline.plan import Plan


@dataclass(frozen=True, slots=True)
class Period:
    """The period of a calendar that goes on now, and where the one before it began."""

    previous: int
    start: int
    end: int


@dataclass(frozen=True, eq=False, slots=True)
class Exclusions:
    """By number of the SLO: the time that does not count, whole minutes, in order, apart. It is
    worked out up to `until`. By service: planned windows of the whole of it, as they are written.
    """

    by_slo: Mapping[int, tuple[Interval, ...]]
    until: float
    of_service: Mapping[str, tuple[Excluded, ...]] = field(default_factory=dict)


NO_EXCLUSIONS = Exclusions({}, 0.0)


def periods_of(
    calendars: Iterable[Calendar], before: Mapping[Calendar, Period], now: float
) -> Mapping[Calendar, Period]:
    """The period of each calendar at `now`; those that go on are taken from `before`."""
    found = {}
    for one in calendars:
        known = before.get(one)
        found[one] = known if known and known.start <= now < known.end else _period(one, now)
    return found


def exclusions_of(plan: Plan, corrections: Iterable[Excluded], now: float) -> Exclusions:
    """What is excluded of every SLO, as far back as its budget window may reach."""
    until = (now // HOUR_S + 2) * HOUR_S
    given = tuple(corrections)
    if not plan.config.maintenance and not given:
        return Exclusions({}, until)
    by_slo = {}
    for index, watch in enumerate(plan.watches):
        slo = watch.slo
        oldest = now - plan.looks_back_s
        if slo.calendar is not None:
            oldest = _period(slo.calendar, now).previous
        labels = plan.config.services[slo.service].labels
        planned = exclusions.planned(plan.config.maintenance, slo, labels, oldest, until)
        all_of_it = (*planned, *exclusions.corrected(given, slo))
        edges = (exclusions.minutes(one.start, one.end) for one in all_of_it)
        whole = exclusions.merged((a * MINUTE_S, b * MINUTE_S) for a, b in edges)
        if kept := tuple(one for one in whole if one[1] > oldest):
            by_slo[index] = kept
    of_service = {}
    for name, service in plan.config.services.items():
        found = exclusions.planned_of_service(
            plan.config.maintenance, name, service.labels, now - plan.looks_back_s, until
        )
        if found:
            of_service[name] = tuple(found)
    return Exclusions(by_slo, until, of_service)


def boundaries(periods: Mapping[Calendar, Period], excluded: Exclusions) -> frozenset[int]:
    """Every time from which sums have to stay exact."""
    edges = {int(at) for spans in excluded.by_slo.values() for span in spans for at in span}
    starts = {at for one in periods.values() for at in (one.previous, one.start, one.end)}
    return frozenset(edges | starts)


def earliest(plan: Plan, periods: Mapping[Calendar, Period], now: float) -> float:
    """The earliest time at which a window may begin: a rolling one, or the period that goes on."""
    return min([now - plan.looks_back_s, *(one.start for one in periods.values())])


def _period(one: Calendar, now: float) -> Period:
    start, end = calendar.period(one, now)
    return Period(int(calendar.previous(one, start)[0]), int(start), int(end))
