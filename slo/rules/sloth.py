"""Prometheus rules as Sloth writes them, rule for rule, so that its dashboards go on working.

What Sloth computes is kept, with what is wrong in it: docs/reference/rules.md has the list.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

from slo.load.codes import Code
from slo.load.yaml import Mark, Problems
from slo.rules import query
from slo.rules.model import Group, Made, Rule
from slo.rules.periods import CATALOG, Catalog, Pair, Period
from slo.spec import (
    AlertText,
    ArmKind,
    CompositeSli,
    CountingSli,
    ForeignSli,
    Format,
    Method,
    RatioKind,
    SampledSli,
    ServerSli,
    Sli,
    Slo,
)
from slo.stated import SIGNS
from slo.windows import show

ALERT: Final = "ErrorBudgetBurn"  # where the format has no name for it
_SLI: Final = "slo:sli_error:ratio_rate"
_BUDGET: Final = "slo:error_budget:ratio"
_PERIOD_BURN: Final = "slo:period_burn_rate:ratio"
_WINDOW: Final = "sloth_window"
_SAMPLED_EVERY: Final = "1m"  # how often current values are sampled where Sloth needs a window
# sloth_mode and sloth_spec of `sloth_slo_info`.
_ORIGIN: Final = {
    Format.SLOTH: ("cli-gen-prom", "prometheus/v1"),
    Format.SLOTH_KUBERNETES: ("cli-gen-k8s", "sloth.slok.dev/v1"),
    Format.OPENSLO_ALPHA: ("cli-gen-openslo", "openslo/v1alpha"),
    Format.OPENSLO: ("cli-gen-openslo", "openslo/v1"),
    Format.PYRRA: ("cli-gen-prom", "pyrra.dev/v1alpha1"),
}
LABELS: Final = {
    "app.kubernetes.io/component": "SLO",
    "app.kubernetes.io/managed-by": "sloth",
}


@dataclass(frozen=True, slots=True)
class Options:
    """What Sloth's own command line would be told."""

    extra_labels: Mapping[str, str] = field(default_factory=dict)
    version: str = "dev"  # the label `sloth_version`
    catalog: Catalog = field(default_factory=lambda: CATALOG)


@dataclass(frozen=True, slots=True)
class _Names:
    """How Sloth calls an SLO."""

    id: str
    slo: str
    service: str

    @property
    def labels(self) -> dict[str, str]:
        return {"sloth_id": self.id, "sloth_service": self.service, "sloth_slo": self.slo}

    @property
    def filter(self) -> str:
        return query.matchers(self.labels)


def rules(slos: Sequence[Slo], options: Options, problems: Problems) -> list[Made]:
    """The rules of these SLOs in their order: error ratios, facts and, unless they are switched
    off, alerts. Each SLO that Sloth could not express is an error at its mark.
    """
    for slo in slos:
        if reason := _refused(slo, options.catalog):
            message = f"SLO `{slo.id}` has no form in Sloth's rules: {reason}"
            problems.error(slo.mark or Mark("?", 1, 1), message, Code.NOT_SERVED)
    if problems.errors:
        return []
    return [_made(slo, names, options) for slo, names in zip(slos, _names(slos), strict=True)]


def _refused(slo: Slo, catalog: Catalog) -> str:
    """Why an SLO can't be expressed; empty when it can."""
    known = ", ".join(show(period_s) for period_s in sorted(catalog))
    reasons = (
        (isinstance(slo.sli, ForeignSli), _foreign(slo.sli)),
        (isinstance(slo.sli, CompositeSli), "it is a composite of several SLIs"),
        (
            slo.budgeting.method is not Method.OCCURRENCES,
            f"it counts in {slo.budgeting.method}, not in events",
        ),
        (slo.calendar is not None, "its window is calendar-aligned, and Sloth's windows roll"),
        (
            bool(slo.group_by or slo.group),
            "it is one SLO per group (`by`), and Sloth's records have no room for groups",
        ),
        (
            slo.window_s not in catalog,
            f"there are no alert windows for {show(slo.window_s)}, only for {known}: "
            "give them with --slo-period-windows-path",
        ),
    )
    return next((reason for refused, reason in reasons if refused), "")


def _foreign(sli: Sli) -> str:
    return sli.reason if isinstance(sli, ForeignSli) else ""


def _names(slos: Iterable[Slo]) -> list[_Names]:
    """Of OpenSLO v1alpha Sloth numbers the objectives of a document; all else keeps its name."""
    seen: Counter[tuple[str, str]] = Counter()
    names = []
    for slo in slos:
        name = slo.name
        if slo.format is Format.OPENSLO_ALPHA:
            document = slo.document or slo.name
            name = f"{document}-{seen[slo.service, document]}"
            seen[slo.service, document] += 1
        names.append(_Names(f"{slo.service}-{name}", name, slo.service))
    return names


def _made(slo: Slo, names: _Names, options: Options) -> Made:
    period = options.catalog[slo.window_s]
    labels = {**_own_labels(slo), **options.extra_labels}
    groups = [
        Group(f"sloth-slo-sli-recordings-{names.id}", tuple(_ratios(slo, names, period, labels))),
        Group(
            f"sloth-slo-meta-recordings-{names.id}",
            tuple(_facts(slo, names, period, labels, options.version)),
        ),
        Group(f"sloth-slo-alerts-{names.id}", tuple(_alerts(slo, names, period))),
    ]
    return Made(slo, tuple(group for group in groups if group.rules))


def _own_labels(slo: Slo) -> dict[str, str]:
    """Those that the spec gives to its series; OpenSLO v1alpha has none that Sloth reads."""
    return {} if slo.format is Format.OPENSLO_ALPHA else query.label_names(slo.labels)


def _ratios(slo: Slo, names: _Names, period: Period, labels: Mapping[str, str]) -> Iterable[Rule]:
    for window_s in [*period.windows_s, slo.window_s]:
        window = query.duration(window_s)
        if window_s == slo.window_s:
            series = f"{_SLI}{query.duration(period.page_quick.short_s)}{names.filter}"
            expr = (
                f"sum_over_time({series}[{window}])\n"
                f"/ ignoring ({_WINDOW})\n"
                f"count_over_time({series}[{window}])\n"
            )
        else:
            expr = _error_ratio(slo.sli, window)
        yield Rule(expr, f"{_SLI}{window}", labels={**names.labels, _WINDOW: window, **labels})


def _error_ratio(sli: Sli, window: str) -> str:
    """The share of bad events over a window. Good events are turned round as Sloth does it."""
    if isinstance(sli, CountingSli | SampledSli) and query.has_window(sli.error_ratio):
        return query.bracketed(query.over(sli.error_ratio, window))  # as it was written
    share = _share(sli, window)
    if isinstance(sli, CountingSli | SampledSli | ServerSli) and sli.kind is RatioKind.GOOD:
        return f"(1 - {query.bracketed(share)})"
    return share if _has_total(sli) else query.bracketed(share)


def _share(sli: Sli, window: str) -> str:
    """The share that an SLI states, of good or of bad events."""
    if isinstance(sli, CountingSli):
        return _quotient(query.rate(sli.part, window), query.rate(sli.total, window))
    if isinstance(sli, SampledSli):
        part, total = sli.part.query, sli.total.query if sli.total else ""
    elif isinstance(sli, ServerSli):
        part, total = sli.part, sli.total
    else:  # refused before
        raise TypeError(f"no ratio of {type(sli).__name__}")
    if sli.op is not None:
        value = query.bracketed(query.over(part, _SAMPLED_EVERY))
        return _sampled("avg", f"{value} {SIGNS[sli.op]} bool {sli.value!r}", window)
    if not total:
        return query.over(part, window) if query.has_window(part) else _sampled("avg", part, window)
    if query.has_window(part) or query.has_window(total):
        return _quotient(query.over(part, window), query.over(total, window))
    return _quotient(_sampled("sum", part, window), _sampled("sum", total, window))


def _has_total(sli: Sli) -> bool:
    return isinstance(sli, CountingSli) or bool(
        isinstance(sli, SampledSli | ServerSli) and sli.total
    )


def _sampled(how: str, expression: str, window: str) -> str:
    """Current values over a window: what Sloth asks a query to do for itself."""
    return f"{how}_over_time({query.bracketed(expression)}[{window}:{_SAMPLED_EVERY}])"


def _quotient(part: str, total: str) -> str:
    return f"{query.bracketed(part)}\n/\n{query.bracketed(total)}\n"


def _facts(
    slo: Slo, names: _Names, period: Period, labels: Mapping[str, str], version: str
) -> Iterable[Rule]:
    percent = _percent(slo)
    ratio = percent / 100
    shown = {**names.labels, **labels}
    shortest = query.duration(period.page_quick.short_s)
    mode, spec = _ORIGIN[slo.format]
    info = {
        "sloth_version": version,
        "sloth_mode": mode,
        "sloth_spec": spec,
        "sloth_objective": _plain(percent),
    }
    yield Rule(f"vector({_number(ratio)})", "slo:objective:ratio", labels=shown)
    yield Rule(f"vector(1-{_number(ratio)})", _BUDGET, labels=shown)
    days = slo.window_s / 86400
    yield Rule(f"vector({_number(days)})", "slo:time_period:days", labels=shown)
    now = _burn(f"{_SLI}{shortest}", names)
    yield Rule(now, "slo:current_burn_rate:ratio", labels=shown)
    whole = _burn(f"{_SLI}{query.duration(slo.window_s)}", names)
    yield Rule(whole, _PERIOD_BURN, labels=shown)
    left = f"1 - {_PERIOD_BURN}{names.filter}"
    yield Rule(left, "slo:period_error_budget_remaining:ratio", labels=shown)
    yield Rule("vector(1)", "sloth_slo_info", labels={**shown, **info})


def _burn(ratio: str, names: _Names) -> str:
    return (
        f"{ratio}{names.filter}\n"
        "/ on(sloth_id, sloth_slo, sloth_service) group_left\n"
        f"{_BUDGET}{names.filter}\n"
    )


def _alerts(slo: Slo, names: _Names, period: Period) -> Iterable[Rule]:
    if slo.format is Format.OPENSLO_ALPHA:
        return  # it has no alerts that Sloth reads
    kinds = (
        (ArmKind.PAGE, period.page_quick, period.page_slow, slo.alerting.page),
        (ArmKind.TICKET, period.ticket_quick, period.ticket_slow, slo.alerting.ticket),
    )
    budget = (100 - _percent(slo)) / 100
    for kind, quick, slow, text in kinds:
        if kind in slo.alerting.without:
            continue
        arms = (_arm(pair, pair.burn_rate(slo.window_s), budget, names) for pair in (quick, slow))
        yield Rule(
            "or\n".join(arms),
            alert=slo.alerting.name or ALERT,
            labels={"sloth_severity": kind, **_merged(slo.alerting.both, text).labels},
            annotations=_annotations(kind) | dict(_merged(slo.alerting.both, text).annotations),
        )


def _arm(pair: Pair, burn_rate: float, budget: float, names: _Names) -> str:
    threshold = f"({_number(burn_rate)} * {_number(budget)})"
    short, long = (
        f"    max({_SLI}{query.duration(length)}{names.filter} > {threshold}) without ({_WINDOW})\n"
        for length in (pair.short_s, pair.long_s)
    )
    return f"(\n{short}    and\n{long})\n"


def _annotations(kind: ArmKind) -> dict[str, str]:
    who = "{{$labels.sloth_service}} {{$labels.sloth_slo}}"
    return {
        "title": f"({kind}) {who} SLO error budget burn rate is too fast.",
        "summary": f"{who} SLO error budget burn rate is over expected.",
    }


def _merged(both: AlertText, one: AlertText) -> AlertText:
    return AlertText({**both.labels, **one.labels}, {**both.annotations, **one.annotations})


def _percent(slo: Slo) -> float:
    """The objective in percent as Sloth holds it: of its own formats the number that was written;
    of OpenSLO what a float product makes of the share, which its label shows to the last digit.
    """
    percent = slo.objective * 100
    return percent if slo.format is Format.OPENSLO_ALPHA else round(percent, 10)


def _number(value: float) -> str:
    """The shortest spelling that is this float."""
    return repr(value).removesuffix(".0")


def _plain(value: float) -> str:
    """The same without an exponent."""
    return f"{Decimal(_number(value)):f}"
