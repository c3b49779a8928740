"""Prometheus rules of Vigie's own: windows are sums of events, and nothing measured is no figure.

They agree with Vigie's figures where PromQL can: docs/reference/rules.md says where it can't.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from slo import names
from slo.load.codes import Code
from slo.load.yaml import Mark, Problems
from slo.rules import increments, query
from slo.rules import names as recorded
from slo.rules.increments import Series
from slo.rules.model import Group, Made, Rule, Watched
from slo.spec import Arm, ArmKind, CompositeSli, CountingSli, ForeignSli, SampledSli, Slo
from slo.windows import UNITS_S, show

ALERT: Final = "ErrorBudgetBurn"  # where the format has no name for it
NO_DATA: Final = "SLONoData"
_FAST_S: Final = 15.0  # pages
_SLOW_S: Final = 60.0  # tickets: their windows are hours
_BUDGET_S: Final = 120.0  # under Prometheus's patience, or the series would come and go
# An alert of which nothing is measured any more goes on for at most as long.
_HOLD: Final = "3d"
LABELS: Final = {
    "app.kubernetes.io/component": "SLO",
    "app.kubernetes.io/managed-by": "vigie",
}


def rules(
    watched: Sequence[Watched], extra_labels: Mapping[str, str], problems: Problems
) -> list[Made]:
    """The rules of these SLOs in their order: increments, figures per window, alerts, budget.
    Each SLO that PromQL can't compute is an error at its mark.
    """
    for one in watched:
        mark = one.slo.mark or Mark("?", 1, 1)
        if reason := _refused(one.slo):
            message = f"SLO `{one.slo.id}` has no form in PromQL: {reason}"
            problems.error(mark, message, Code.NOT_SERVED)
        elif one.slo.calendar is not None:
            message = (
                f"SLO `{one.slo.id}` has a calendar-aligned window, which PromQL has not: its "
                "rules alert, and have no figures of the budget"
            )
            problems.warn(mark, message, Code.NOT_SERVED)
    return [] if problems.errors else [_made(one, extra_labels) for one in watched]


def _refused(slo: Slo) -> str:
    """Why an SLO can't be expressed; empty when it can."""
    if isinstance(slo.sli, ForeignSli):
        return slo.sli.reason
    if isinstance(slo.sli, CompositeSli):
        return "it is a composite, whose components have events of their own"
    if slo.group_by and not _has_groups(slo):
        return "its queries can't be told apart by group (`by`): write part and total as sums"
    return ""


def _has_groups(slo: Slo) -> bool:
    sli, by = slo.sli, ", ".join(slo.group_by)
    if isinstance(sli, SampledSli) and sli.total is not None:
        return all(query.grouped(side.query, by) for side in (sli.part, sli.total))
    return isinstance(sli, CountingSli)


def _made(watched: Watched, extra_labels: Mapping[str, str]) -> Made:
    slo = watched.slo
    series = increments.series_of(slo, extra_labels)
    pages = [arm for arm in watched.arms if arm.kind is ArmKind.PAGE]
    tickets = [arm for arm in watched.arms if arm.kind is ArmKind.TICKET]
    fast, slow = _lengths(pages), _lengths(tickets)
    events = increments.rules(series)
    urgent = [
        *_figures(series, fast),
        *(_alert(arm, watched, series) for arm in pages),
        *_no_data(watched, series),
    ]
    relaxed = [
        *_figures(series, [length for length in slow if length not in fast]),
        *(_alert(arm, watched, series) for arm in tickets),
    ]
    known = {*fast, *slow}
    budget = _budget(series, slo.window_s in known) if slo.calendar is None else []
    name = f"{slo.service}-{slo.name}"
    groups = [
        # One group where both are as fast, so that a page sees the newest events.
        *_events_and_pages(name, series, events, urgent),
        Group(f"vigie-slo-tickets-{name}", tuple(relaxed), _SLOW_S),
        Group(f"vigie-slo-budget-{name}", (*_facts(series, extra_labels), *budget), _BUDGET_S),
    ]
    return Made(slo, tuple(group for group in groups if group.rules))


def _events_and_pages(
    name: str, series: Series, events: Sequence[Rule], urgent: Sequence[Rule]
) -> list[Group]:
    if series.step_s == _FAST_S:
        return [Group(f"vigie-slo-pages-{name}", (*events, *urgent), _FAST_S)]
    return [
        Group(f"vigie-slo-slices-{name}", tuple(events), series.step_s),
        Group(f"vigie-slo-pages-{name}", tuple(urgent), _FAST_S),
    ]


def _lengths(arms: Iterable[Arm]) -> list[float]:
    return sorted({length for arm in arms for length in (arm.short_s, arm.long_s)})


def _figures(series: Series, lengths_s: Iterable[float]) -> list[Rule]:
    """Of each window: total and bad events, their ratio where there were any, the burn rate."""
    return [rule for length_s in lengths_s for rule in _window(series, length_s)]


def _window(series: Series, length_s: float) -> Iterable[Rule]:
    window, by = query.duration(length_s), series.by
    # Half a step less than the window: as many samples whether or not a server counts the sample
    # at its very beginning, which Prometheus 2 does and 3 does not.
    reach = query.duration(length_s - series.step_s / 2)
    total, bad, ratio = (
        series.named(name, window=window)
        for name in (recorded.TOTAL_SUM, recorded.BAD_SUM, recorded.ERROR_RATIO)
    )
    all_events, good = (
        series.sum(f"sum_over_time({series.named(name + series.step)}[{reach}])")
        for name in (recorded.TOTAL, recorded.GOOD)
    )
    budget = round(series.slo.budget, 12)
    yield series.record(recorded.TOTAL_SUM, all_events, window=window)
    yield series.record(recorded.BAD_SUM, f"{total}\n- on ({by})\n{good}", window=window)
    yield series.record(recorded.ERROR_RATIO, f"{bad} / ({total} > 0)", window=window)
    yield series.record(recorded.BURN_RATE, f"{ratio} / {budget!r}", window=window)


def _alert(arm: Arm, watched: Watched, series: Series) -> Rule:
    slo, policy = watched.slo, watched.policy
    long, short = query.duration(arm.long_s), query.duration(arm.short_s)
    name = slo.alerting.name or ALERT
    burn = series.named(recorded.BURN_RATE, window=long)
    conditions = [
        f"{burn} >= {arm.burn_rate!r}",
        f"{series.named(recorded.BURN_RATE, window=short)} >= {arm.burn_rate!r}",
        f"{series.named(recorded.BAD_SUM, window=long)} >= {policy.min_bad}",
    ]
    if policy.min_total > 1:
        total = series.named(recorded.TOTAL_SUM, window=long)
        conditions.append(f"{total} >= {policy.min_total}")
    fires = f"\n  and ignoring ({names.WINDOW})\n".join(f"  {text}" for text in conditions)
    expr = f"(\n{fires}\n)\nor\n(\n{_held(name, arm, series, burn, short)}\n)\n"
    return Rule(
        expr,
        alert=name,
        labels=_alert_labels(arm, slo),
        annotations=_annotations(arm, watched),
        after_s=arm.after_s,
    )


def _held(name: str, arm: Arm, series: Series, burn: str, short: str) -> str:
    """A firing alert goes on while nothing is measured: silence is no recovery."""
    identity = {names.SERVICE: series.slo.service, names.SLO: series.slo.name}
    firing = query.matchers(
        {"alertname": name, "alertstate": "firing", names.ARM: arm.name, **identity}
    )
    on = f"on ({', '.join((names.SERVICE, names.SLO, *series.slo.group_by))})"
    measured = series.named(recorded.TOTAL_SUM, window=short)
    return f"  last_over_time({burn}[{_HOLD}])\n  and {on} ALERTS{firing}\n  unless {on} {measured}"


def _alert_labels(arm: Arm, slo: Slo) -> dict[str, str]:
    """The user's labels route as they always did; only what identifies the alert is fixed."""
    text = slo.alerting.page if arm.kind is ArmKind.PAGE else slo.alerting.ticket
    users = query.label_names({**slo.labels, **slo.alerting.both.labels, **text.labels})
    labels = {names.SEVERITY: arm.kind.value, **users, names.ARM: arm.name}
    if arm.kind is ArmKind.PAGE:
        labels[recorded.INHIBITS] = ArmKind.TICKET.value
    fixed = (names.SERVICE, names.SLO, names.WINDOW)
    return {name: value for name, value in labels.items() if name not in fixed}


def _annotations(arm: Arm, watched: Watched) -> dict[str, str]:
    slo = watched.slo
    text = slo.alerting.page if arm.kind is ArmKind.PAGE else slo.alerting.ticket
    long, short = show(arm.long_s), show(arm.short_s)
    summary = (
        f'{slo.id} burns its error budget {{{{ $value | printf "%.1f" }}}} times as fast as '
        f"it may, over {long}"
    )
    description = (
        f"{arm.kind.value.capitalize()} from {arm.burn_rate:g} times on over both {long} and "
        f"{short}; at that rate {show(slo.window_s)} of budget last "
        f"{_shown_hours(slo.window_s / arm.burn_rate)}."
    )
    runbook = {"runbook": ", ".join(watched.runbooks)} if watched.runbooks else {}
    users = {**slo.alerting.both.annotations, **text.annotations}
    return {"summary": summary, "description": description, **runbook, **users}


def _shown_hours(seconds: float) -> str:
    return f"{seconds / UNITS_S['h']:.3g} h"


def _no_data(watched: Watched, series: Series) -> list[Rule]:
    """Says that an SLO is not measured, if its policy wants that said."""
    slo, policy = watched.slo, watched.policy
    told = policy.alert_no_data if slo.alerting.no_data is None else slo.alerting.no_data
    if not told:
        return []
    after_s = max(policy.no_data_after_s, series.step_s)
    return [
        Rule(
            f"absent_over_time({series.named(recorded.TOTAL + series.step)}[{series.step}])",
            alert=NO_DATA,
            labels={**series.labels, names.SEVERITY: ArmKind.TICKET.value},
            annotations={
                "summary": f"{slo.id} is not measured",
                "description": (
                    f"The queries of {slo.id} gave nothing for {show(after_s)}: its targets are "
                    "gone, or their metrics have other names now. Until then it is unknown, and "
                    "its alerts can't clear."
                ),
            },
            after_s=after_s,
        )
    ]


def _facts(series: Series, extra_labels: Mapping[str, str]) -> list[Rule]:
    """The SLO itself; the only series that carry the user's labels, for they may change."""
    labels = {**query.label_names(series.slo.labels), **extra_labels, **series.labels}
    facts = (
        (recorded.OBJECTIVE, series.slo.objective),
        (recorded.WINDOW_SECONDS, series.slo.window_s),
    )
    return [Rule(f"vector({value!r})", name, labels=labels) for name, value in facts]


def _budget(series: Series, known: bool) -> list[Rule]:
    """The figures of the SLO's own window, and what is left: signed, for a debt is a fact."""
    window_s = series.slo.window_s
    burn = series.named(recorded.BURN_RATE, window=query.duration(window_s))
    figures = [] if known else _figures(series, [window_s])
    return [*figures, series.record(recorded.REMAINING, f"1 - {burn}")]
