"""What a report says: of each service its outages, of each SLO its budget. Plain values.

Times are Unix seconds, ratios 0..1; None where nothing was measured or nothing happened.
"""

from dataclasses import dataclass

from slo.spec import Excluded, Slo


@dataclass(frozen=True, slots=True)
class Figures:
    """One SLO over [start, end), which are whole minutes (whole slices, where slices are judged).

    `good` and `total` are counts, `unit` of which are one event; of a composite there are none.
    The budget is what may fail of what happened, in events, and of the time that passed, in
    seconds; `consumed` is the share that did, `remaining` the rest, signed and unclamped.
    """

    start: float
    end: float
    good: int | None
    total: int | None
    unit: int
    sli: float | None
    coverage: float
    budget_events: float | None
    budget_s: float
    consumed: float | None
    remaining: float | None


@dataclass(frozen=True, slots=True)
class ExclusionFigures:
    """One exclusion, and the events (or slices) that it takes out: exactly those of its minutes.
    Where two overlap, each shows all of its own.
    """

    exclusion: Excluded
    start: float
    end: float
    good: int | None
    total: int | None


@dataclass(frozen=True, slots=True)
class WindowStatement:
    """The SLO's own calendar window that holds the end of the report.

    Its budget has two sizes: that of the traffic to date, and that of the traffic expected in the
    whole window. `expected_from` says where that comes from: `actual` (the window is over),
    `previous` (the window before, where it was measured), `pro_rata`.
    """

    start: float
    end: float
    to_date: Figures
    remaining_of_traffic_to_date: float | None
    remaining_of_expected_traffic: float | None
    expected_total: float | None
    expected_from: str


@dataclass(frozen=True, slots=True)
class SloStatement:
    """One SLO: `raw` counts everything, `figures` leaves out what is excluded.

    `low_s` is how long its good share was under the policy's `down_below`, in `low_spells` spells.
    `estimated` is why its figures are not exact; empty when they are.
    """

    slo: Slo
    figures: Figures
    raw: Figures
    exclusions: tuple[ExclusionFigures, ...]
    window: WindowStatement | None
    low_s: int | None
    low_spells: int | None
    estimated: str
    covered: bool  # up to the policy's floor


@dataclass(frozen=True, slots=True)
class OutageStatement:
    """An outage as far as it lies in the report; of its seconds, those in maintenance, and those
    that a correction took back. `ongoing`: it lasts past the end of the report.
    """

    start: float
    end: float
    planned_s: float
    corrected_s: float
    counted_s: float
    ongoing: bool


@dataclass(frozen=True, slots=True)
class ServiceStatement:
    """One service. `availability` leaves out maintenance and corrected time, `raw_availability`
    does not; time that nobody measured counts as up in both, and `coverage`, that of the SLO which
    was measured best, says how little of it there is. Mean times are over the outages that count;
    None when there was none.
    """

    name: str
    outages: tuple[OutageStatement, ...]
    downtime_s: float
    planned_s: float
    corrected_s: float
    counted_s: float
    availability: float | None
    raw_availability: float | None
    coverage: float
    mtbf_s: float | None
    mttr_s: float | None
    slos: tuple[SloStatement, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """`[start, end)` is the period, `until` the end of what is known of it."""

    start: float
    end: float
    until: float
    services: tuple[ServiceStatement, ...]
