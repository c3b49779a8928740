"""A report as JSON-ready facts: what every format shows, and the digest over all of it."""

import hashlib
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import orjson

from slo import windows
from slo.calendar import zone_of
from slo.report_model import (
    ExclusionFigures,
    Figures,
    OutageStatement,
    Report,
    ServiceStatement,
    SloStatement,
    WindowStatement,
)

Object = dict[str, Any]


def facts(report: Report, period: str, zone: str) -> Object:
    """Everything that a report says, its times in a zone. `sha256` is of the rest, as compact JSON
    with sorted keys: whoever recomputes the report from the same ledger gets the same.
    """
    shown = _Shown(zone_of(zone))
    said: Object = {
        "period": {
            "name": period,
            "from": shown.time(report.start),
            "to": shown.time(report.end),
            "until": shown.time(report.until),
            "complete": report.until >= report.end,
            "time_zone": zone,
        },
        "services": [shown.service(one) for one in report.services],
    }
    text = orjson.dumps(said, option=orjson.OPT_SORT_KEYS)
    return {**said, "sha256": hashlib.sha256(text).hexdigest()}


class _Shown:
    """The parts of a report as objects."""

    def __init__(self, zone: ZoneInfo) -> None:
        self._zone = zone

    def time(self, at: float) -> str:
        return datetime.fromtimestamp(at, self._zone).isoformat(timespec="seconds")

    def service(self, one: ServiceStatement) -> Object:
        return {
            "service": one.name,
            "availability": one.availability,
            "availability_without_exclusions": one.raw_availability,
            "coverage": one.coverage,
            "downtime_seconds": one.downtime_s,
            "downtime_planned_seconds": one.planned_s,
            "downtime_corrected_seconds": one.corrected_s,
            "downtime_counted_seconds": one.counted_s,
            "mtbf_seconds": one.mtbf_s,
            "mttr_seconds": one.mttr_s,
            "outages": [self._outage(outage) for outage in one.outages],
            "slos": [self._slo(slo) for slo in one.slos],
        }

    def _outage(self, one: OutageStatement) -> Object:
        return {
            "from": self.time(one.start),
            "to": self.time(one.end),
            "ongoing": one.ongoing,
            "seconds": one.end - one.start,
            "planned_seconds": one.planned_s,
            "corrected_seconds": one.corrected_s,
            "counted_seconds": one.counted_s,
        }

    def _slo(self, one: SloStatement) -> Object:
        return {
            "slo": one.slo.name,
            "display_name": one.slo.display_name or one.slo.name,
            "objective": one.slo.objective,
            "budgeting_method": one.slo.budgeting.method.value,
            "window": windows.show(one.slo.window_s),
            **self._figures(one.figures),
            "covered": one.covered,
            "estimated": one.estimated,
            "without_exclusions": self._figures(one.raw),
            "low_seconds": one.low_s,
            "low_spells": one.low_spells,
            "exclusions": [self._exclusion(x, one.figures.unit) for x in one.exclusions],
            "calendar_window": None if one.window is None else self._window(one.window),
        }

    def _figures(self, one: Figures) -> Object:
        bad = None if one.good is None or one.total is None else one.total - one.good
        consumed_s = None if one.consumed is None else one.consumed * one.budget_s
        return {
            "from": self.time(one.start),
            "to": self.time(one.end),
            "good": _events(one.good, one.unit),
            "bad": _events(bad, one.unit),
            "total": _events(one.total, one.unit),
            "sli": one.sli,
            "coverage": one.coverage,
            "budget_events": _rounded(one.budget_events),
            "budget_seconds": _rounded(one.budget_s),
            "budget_consumed": one.consumed,
            "budget_consumed_seconds": _rounded(consumed_s),
            "budget_remaining": one.remaining,
        }

    def _exclusion(self, one: ExclusionFigures, unit: int) -> Object:
        return {
            "from": self.time(one.start),
            "to": self.time(one.end),
            "kind": "maintenance" if one.exclusion.planned else "correction",
            "by": one.exclusion.author,
            "reason": one.exclusion.reason,
            "good": _events(one.good, unit),
            "total": _events(one.total, unit),
        }

    def _window(self, one: WindowStatement) -> Object:
        return {
            "from": self.time(one.start),
            "to": self.time(one.end),
            "to_date": self._figures(one.to_date),
            "budget_remaining_of_traffic_to_date": one.remaining_of_traffic_to_date,
            "budget_remaining_of_expected_traffic": one.remaining_of_expected_traffic,
            "expected_total": _rounded(one.expected_total),
            "expected_from": one.expected_from,
        }


def _events(counts: int | None, unit: int) -> int | float | None:
    """Whole numbers stay whole: events are exact, whatever their number."""
    if counts is None:
        return None
    whole, rest = divmod(counts, unit)
    return whole if not rest else counts / unit


def _rounded(value: float | None) -> float | None:
    """Without the noise of 1 - 0.999 in floats: to a millionth."""
    return None if value is None else round(value, 6)
