"""SLOs as every reader sees them: the window, what is left of the budget, the arms."""

from typing import Final
from urllib.parse import quote

from slo import windows
from slo.spec import AlertState, Method, Slo, SloId
from slo.stated import queries, window_name
from slo.status import ArmFigures, PeriodFigures, SloFigures, WindowFigures
from vigie.config import Watch
from vigie.live import Live
from vigie.views.scraping import backfilled
from vigie.views.shape import Object, listing, when

# The worst state speaks for an SLO: an arm that fires outranks one that cannot tell.
_WORST: Final = (AlertState.FIRING, AlertState.FROZEN, AlertState.OK)


def slos(live: Live, *, service: str | None = None) -> Object:
    """Every SLO of the configuration in force, by id; those of one service if asked."""
    watches = [w for w in live.config.watches.values() if service in (None, w.slo.service)]
    return listing([_slo(live, watch) for watch in sorted(watches, key=lambda w: w.slo.id)])


def slo(live: Live, slo_id: str) -> Object | None:
    """One SLO; None if there is none with this id."""
    watch = live.config.watches.get(SloId(slo_id))
    return _slo(live, watch) if watch is not None else None


def _slo(live: Live, watch: Watch) -> Object:
    figures = live.status.slos.get(watch.slo.id) if live.status is not None else None
    shown = _named(watch.slo) | {"backfill": backfilled(live.backfills.get(watch.slo.id))}
    return shown | (_measured(figures) if figures is not None else _unmeasured(watch))


def _named(slo: Slo) -> Object:
    return {
        "id": slo.id,
        "service": slo.service,
        "slo": slo.name,
        "display_name": _display_name(slo),
        "description": slo.description,
        "labels": dict(slo.labels),
        "objective": slo.objective,
        "window": window_name(slo),
        "window_seconds": slo.window_s,
        "calendar": _calendar(slo),
        "budgeting": _budgeting(slo),
        "parent": slo.parent,
        "group": dict(slo.group),
        "url": f"/slos/{quote(slo.id)}",
    }


def _measured(figures: SloFigures) -> Object:
    window = figures.window
    worst = next(s for s in _WORST if s is AlertState.OK or _any_arm(figures, s))
    return {
        "from": when(window.start),
        "to": when(window.end),
        "good": window.good,
        "total": window.total,
        "sli": window.sli,
        "coverage": window.coverage,
        "budget_remaining": figures.budget_remaining,
        "whole": _window(figures.whole) if figures.whole is not None else None,
        "period": _period(figures.period),
        "exhaustion": {
            "full_seconds": figures.exhaustion.full_s,
            "left_seconds": figures.exhaustion.left_s,
        },
        "contributors": [
            {"labels": dict(c.labels), "bad": c.bad, "share": c.share} for c in figures.contributors
        ],
        "estimated": figures.estimated,
        "burn_rates": {windows.show(s): w.burn_rate for s, w in sorted(figures.burns.items())},
        "arms": [_arm(arm) for arm in figures.arms],
        "no_data": figures.no_data,
        "alert": _word(worst),
        "query": _query(figures.slo),
    }


def _unmeasured(watch: Watch) -> Object:
    """Nothing was committed yet for this SLO: every figure is unknown."""
    names = ("from", "to", "good", "total", "sli", "coverage", "budget_remaining")
    return {
        **dict.fromkeys((*names, "whole", "period")),
        "exhaustion": {"full_seconds": None, "left_seconds": None},
        "contributors": [],
        "estimated": "",
        "burn_rates": {},
        "arms": [],
        "no_data": None,
        "alert": None,
        "query": _query(watch.slo),
    }


def _display_name(slo: Slo) -> str:
    """A group goes by what it is a group of, and its labels."""
    if not slo.display_name or not slo.group:
        return slo.display_name or slo.name
    return f"{slo.display_name}: {', '.join(f'{label}={value}' for label, value in slo.group)}"


def _calendar(slo: Slo) -> Object | None:
    if slo.calendar is None:
        return None
    start = slo.calendar.start.isoformat(sep=" ")
    return {"start_time": start, "time_zone": slo.calendar.zone}


def _budgeting(slo: Slo) -> Object:
    how = slo.budgeting
    sliced = how.method is not Method.OCCURRENCES
    return {
        "method": how.method.value,
        "slice": windows.show(how.slice_s) if sliced else None,
        "slice_target": how.slice_target if how.method is Method.TIMESLICES else None,
    }


def _period(figures: PeriodFigures | None) -> Object | None:
    """A calendar period as a whole; its budget is against the traffic that it is expected to have,
    while `budget_remaining` of the SLO is against the traffic so far.
    """
    if figures is None:
        return None
    return {
        "from": when(figures.start),
        "to": when(figures.end),
        "expected_total": figures.expected_total,
        "basis": figures.basis,
        "budget_remaining": figures.budget_remaining,
    }


def _any_arm(figures: SloFigures, state: AlertState) -> bool:
    return any(arm.state is state for arm in figures.arms)


def _arm(figures: ArmFigures) -> Object:
    return {
        "name": figures.arm.name,
        "kind": figures.arm.kind.value,
        "state": _word(figures.state),
        "since": when(figures.since),
        "burn_threshold": figures.arm.burn_rate,
        "long": _window(figures.long),
        "short": _window(figures.short),
    }


def _window(figures: WindowFigures) -> Object:
    return {
        "window": windows.show(figures.window_s),
        "window_seconds": figures.window_s,
        "burn_rate": figures.burn_rate,
        "good": figures.good,
        "total": figures.total,
        "bad": figures.total - figures.good,
        "coverage": figures.coverage,
        "sli": figures.sli,
        "from": when(figures.start),
        "to": when(figures.end),
    }


def _query(slo: Slo) -> Object:
    """What is counted, as it was written."""
    return {**queries(slo.sli)}


def _word(state: AlertState) -> str:
    return state.name.lower()
