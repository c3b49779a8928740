"""What stands on /metrics: the figures of the last tick and the counts of the store."""

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any, Final

from sqlalchemy import Connection

from collectors import written
from collectors.otlp.counts import Counts
from incidents.model import IncidentType, Severity
from runbooks.run import StepState
from slo import names, windows
from slo.spec import Slo
from slo.stated import window_name
from slo.status import SloFigures
from vigie.api.exposition import Family, labels
from vigie.api.metrics_services import Services
from vigie.live import Live
from vigie.store import deliveries, incidents, jobs, keep, runs, tasks
from vigie.store.db import Database
from vigie.store.errors import StoreError

log = logging.getLogger(__name__)

PRIORITIES: Final = range(1, 6)


def build_info(version: str) -> Family:
    family = Family(names.BUILD_INFO, "gauge", "The running version; always 1.")
    family.add(labels(version=version), 1)
    return family


def of_otlp(counts: Counts) -> list[Family]:
    """What the receiver of spans and metrics did, by outcome."""
    spans = Family(names.OTLP_SPANS, "counter", "Spans received, by what became of them.")
    points = Family(
        names.OTLP_POINTS, "counter", "Points of metrics received, by what became of them."
    )
    requests = Family(names.OTLP_REQUESTS, "counter", "Requests with spans or metrics.")
    for outcome in ("duplicates", "without_service", "too_many_services", "late", "ahead",
                    "backwards", "without_id", "overflowed", "unread", "tracestate",
                    "tail_sampled", "unpaired", "edge_dropped"):  # fmt: skip
        spans.add(labels(outcome=outcome), getattr(counts, outcome))
    spans.add(labels(outcome="counted"), counts.spans)
    points.add(labels(outcome="counted"), counts.points)
    points.add(labels(outcome="rejected"), counts.points_rejected)
    points.add(labels(outcome="old"), counts.points_old)
    answered = counts.requests - counts.refused
    for outcome, count in (("taken", answered), ("refused", counts.refused), ("full", counts.full)):
        requests.add(labels(outcome=outcome), count)
    return [spans, points, requests]


def of_written(counts: written.Counts) -> list[Family]:
    """What the receiver of remote write did, by outcome."""
    samples = Family(names.WRITE_SAMPLES, "counter", "Samples written, by what became of them.")
    requests = Family(names.WRITE_REQUESTS, "counter", "Requests of remote write, by outcome.")
    for outcome in written.OUTCOMES:
        samples.add(labels(outcome=outcome), counts.samples[outcome])
    for outcome in ("taken", "refused", "full"):
        requests.add(labels(outcome=outcome), counts.requests[outcome])
    return [samples, requests]


def of_live(live: Live) -> list[Family]:
    """Figures of SLOs, services and targets of the configuration in force."""
    slos, services = _Slos(), Services()
    for slo_id, watch in live.config.watches.items():
        slos.add(watch.slo, live.status.slos.get(slo_id) if live.status is not None else None)
    for name in live.config.services:
        if live.status is not None and (figures := live.status.services.get(name)) is not None:
            services.add(figures, live.status.at)
    return [*slos.families(), *services.families(), _scrapes(live)]


def of_store(db: Database) -> list[Family]:
    """Counts of incidents, pages, runs and jobs, and what the database takes of the disk; none of
    them while it cannot be read.
    """
    try:
        return [*db.read(_counts), *_disk(keep.usage(db))]
    except StoreError as error:
        log.warning("the database cannot be counted for /metrics: %s", error)
        return []


def of_tasks(db: Database, now: float) -> list[Family]:
    """How many tasks of incidents are left to be done; nothing while that cannot be read."""
    family = Family(names.TASKS_OPEN, "gauge", "Tasks of incidents that are left to be done.")
    try:
        counted = db.read(lambda c: tasks.open_counts(c, now))
    except StoreError as error:
        log.warning("the tasks cannot be counted for /metrics: %s", error)
        return []
    for overdue, count in counted.items():
        family.add(labels(overdue=str(overdue).lower()), count)
    return [family]


def _counts(c: Connection) -> list[Family]:
    rows = incidents.counts(c)
    return [
        _incidents_open(rows),
        _by(
            Family(names.INCIDENTS_TOTAL, "counter", "Incidents opened, by type."),
            names.TYPE,
            _totals(rows),
        ),
        _by(
            Family(names.PAGES_TOTAL, "counter", "Attempts to deliver a page or notice."),
            names.OUTCOME,
            deliveries.counts(c),
        ),
        _by(
            Family(names.RUNBOOK_RUNS_TOTAL, "counter", "Runbook runs that ended, by result."),
            names.RESULT,
            _ended(runs.counts(c)),
        ),
        _by(Family(names.JOBS, "gauge", "Jobs in each state."), names.STATE, jobs.counts(c)),
    ]


def _incidents_open(rows: Sequence[Mapping[str, Any]]) -> Family:
    """Every severity and priority is there, so that a sum over none is zero and not absent."""
    counted: Counter[tuple[int, int]] = Counter()
    for row in rows:
        counted[row["severity"], row["priority"]] += row["count"] if row["open"] else 0
    family = Family(names.INCIDENTS_OPEN, "gauge", "Incidents open now.")
    for severity, priority in product(Severity, PRIORITIES):
        named = {names.SEVERITY: f"SEV{severity}", names.PRIORITY: f"P{priority}"}
        family.add(labels(**named), counted[severity, priority])
    return family


def _totals(rows: Sequence[Mapping[str, Any]]) -> Mapping[str, int]:
    counted = Counter({kind.value: 0 for kind in IncidentType})
    for row in rows:
        counted[row["type"]] += row["count"]
    return counted


def _ended(by_state: Mapping[str, int]) -> Mapping[str, int]:
    return {state: by_state.get(state, 0) for state in (StepState.DONE, StepState.FAILED)}


def _by(family: Family, label: str, counted: Mapping[str, int]) -> Family:
    for value, count in counted.items():
        family.add(labels(**{label: str(value)}), count)
    return family


def _disk(usage: keep.Usage) -> list[Family]:
    size = Family(names.DATABASE_BYTES, "gauge", "Size of the database.")
    free = Family(names.DISK_FREE_BYTES, "gauge", "Free space on the database's disk.")
    days = Family(names.DISK_DAYS_TO_FULL, "gauge", "Days until the disk is full, at this growth.")
    size.add("", usage.database_bytes)
    free.add("", usage.free_bytes)
    days.add("", usage.days_to_full)
    return [size, free, days]


class _Slos:
    """Filled one SLO at a time, for its figures are made when they are looked at."""

    def __init__(self) -> None:
        self.objective = Family(names.SLO_OBJECTIVE_RATIO, "gauge", "The objective, 0..1.")
        self.window = Family(names.SLO_WINDOW_SECONDS, "gauge", "The length of the SLO's window.")
        self.sli = Family(names.SLI_RATIO, "gauge", "Good events per event over the window.")
        self.good = Family(names.SLI_GOOD_TOTAL, "counter", "Good events counted.")
        self.total = Family(names.SLI_TOTAL, "counter", "Events counted, good and bad.")
        self.coverage = Family(
            names.SLO_COVERAGE_RATIO, "gauge", "Measured time per expected time of the window."
        )
        self.budget = Family(
            names.ERROR_BUDGET_REMAINING_RATIO,
            "gauge",
            "Error budget left; negative: overspent.",
        )
        self.burn = Family(
            names.BURN_RATE, "gauge", "Error ratio over the window per budget; 1 spends it exactly."
        )
        self.exhaustion = Family(
            names.SLO_EXHAUSTION_SECONDS,
            "gauge",
            "Time until a full budget, or what is left of it, is gone at the last hour's pace.",
        )
        self.alert = Family(
            names.ALERT_STATE, "gauge", "State of an arm: 0 ok, 1 firing, 2 frozen (cannot tell)."
        )

    def add(self, slo: Slo, figures: SloFigures | None) -> None:
        named = labels(**{names.SERVICE: slo.service, names.SLO: slo.name})
        self.objective.add(named, slo.objective)
        self.window.add(named, slo.window_s)
        if figures is None:
            return
        in_window = f"{named},{labels(**{names.WINDOW: window_name(slo)})}"
        self.sli.add(in_window, figures.window.sli)
        self.coverage.add(in_window, figures.window.coverage)
        self.good.add(named, figures.good_total)
        self.total.add(named, figures.total_total)
        self.budget.add(named, figures.budget_remaining)
        for length, window in figures.burns.items():
            self.burn.add(f"{named},{_window(length)}", window.burn_rate)
        lasts = figures.exhaustion
        for kind, seconds in (("full", lasts.full_s), ("left", lasts.left_s)):
            self.exhaustion.add(f"{named},{labels(**{names.KIND: kind})}", seconds)
        for arm in figures.arms:
            of_arm = labels(**{names.ARM: arm.arm.name, names.KIND: arm.arm.kind.value})
            self.alert.add(f"{named},{of_arm}", int(arm.state))

    def families(self) -> list[Family]:
        return list(vars(self).values())


def _scrapes(live: Live) -> Family:
    up = Family(names.SCRAPE_UP, "gauge", "Whether the last scrape of a target succeeded.")
    for target_id, status in live.targets.items():
        if status.health != "unknown":
            of = {names.SERVICE: status.target.service, names.TARGET: target_id}
            up.add(labels(**of), int(status.health == "up"))
    return up


def _window(length_s: float) -> str:
    return labels(**{names.WINDOW: windows.show(length_s)})
