"""The fleet overview: every SLO and service at one look, over Vigie's own /metrics."""

from typing import Final

from dashboards.panels import (
    GRID_WIDTH,
    Column,
    Frame,
    Json,
    Panel,
    Query,
    Step,
    dashboard,
    datasource_variable,
    label_variable,
    stat,
    state_timeline,
    table,
    timeseries,
)
from slo import names
from slo.spec import AlertState, ServiceState

UID: Final = "vigie-fleet"

_OF_SLO = f'{names.SERVICE}=~"$service",{names.SLO}=~"$slo"'
_OF_SERVICE = f'{names.SERVICE}=~"$service"'
_BY_SLO = f"by ({names.SERVICE}, {names.SLO})"
_BY_WINDOW = f"by ({names.SERVICE}, {names.SLO}, {names.WINDOW})"
_BY_ARM = f"by ({names.SERVICE}, {names.SLO}, {names.ARM})"
_BY_SERVICE = f"by ({names.SERVICE})"
_OPEN = f"max by ({names.SEVERITY}, {names.PRIORITY}) ({names.INCIDENTS_OPEN})"
_OR_ZERO = " or vector(0)"
_LEGEND = "{{service}}/{{slo}}"

_GOOD, _WARN, _BAD, _GREY, _BLUE = "green", "orange", "red", "#808080", "blue"
_ANY_IS_BAD = (Step(_GOOD), Step(_BAD, 1))
_ANY_IS_ODD = (Step(_GOOD), Step(_WARN, 1))
_BUDGET = (Step(_BAD), Step(_WARN, 0), Step(_GOOD, 0.25))
_COVERAGE = (Step(_BAD), Step(_WARN, 0.9), Step(_GOOD, 0.99))
# The burn rates of the default arms: SRE Workbook, "Alerting on SLOs".
_BURN = (Step("transparent"), Step(_BLUE, 1), Step(_WARN, 6), Step(_BAD, 14.4))

_STATES = {
    int(ServiceState.DOWN): ("down", _BAD),
    int(ServiceState.UP): ("up", _GOOD),
    int(ServiceState.DEGRADED): ("degraded", _WARN),
    int(ServiceState.MAINTENANCE): ("maintenance", _BLUE),
    int(ServiceState.UNKNOWN): ("unknown", _GREY),
}
_ALERTS = {
    int(AlertState.OK): ("ok", _GOOD),
    int(AlertState.FIRING): ("firing", _BAD),
    int(AlertState.FROZEN): ("frozen", _GREY),
}


def fleet() -> Json:
    """The dashboard with uid `vigie-fleet`."""
    return dashboard(
        UID,
        "Vigie / Fleet",
        "Objectives, SLIs, error budgets, burn, incidents and downtime of every service.",
        rows=[_numbers(), [_slos()], [_budgets(), _burns()], [_slis(), _events()], _services()],
        variables=[
            datasource_variable(),
            label_variable(names.SERVICE, "Service", names.SLO_OBJECTIVE_RATIO),
            label_variable(names.SLO, "SLO", f"{names.SLO_OBJECTIVE_RATIO}{{{_OF_SERVICE}}}"),
        ],
    )


def _numbers() -> list[Panel]:
    """What is wrong now, as counts; zero is drawn as zero, so that nothing wrong is no gap."""
    spent = f"{names.ERROR_BUDGET_REMAINING_RATIO}{{{_OF_SLO}}} < 0"
    firing = f"{names.ALERT_STATE}{{{_OF_SLO}}} == {int(AlertState.FIRING)}"
    down, unknown = (
        f"{names.SERVICE_STATE}{{{_OF_SERVICE}}} == {int(state)}"
        for state in (ServiceState.DOWN, ServiceState.UNKNOWN)
    )
    return [
        stat(
            _number(1, "SLOs", "Objectives that Vigie watches.", "none: is Vigie scraped?"),
            _how_many(f"{names.SLO_OBJECTIVE_RATIO}{{{_OF_SLO}}}", _BY_SLO),
        ),
        stat(
            _number(2, "Out of budget", "SLOs that have spent more than their error budget."),
            _how_many(spent, _BY_SLO) + _OR_ZERO,
            _ANY_IS_BAD,
        ),
        stat(
            _number(3, "Arms firing", "Burn alerts that fire now, pages and tickets."),
            _how_many(firing, _BY_ARM) + _OR_ZERO,
            _ANY_IS_BAD,
        ),
        stat(
            _number(4, "Open incidents", "Incidents of every service that are not resolved yet."),
            f"sum({_OPEN})" + _OR_ZERO,
            _ANY_IS_BAD,
        ),
        stat(
            _number(5, "Services down", "Services that answer too few of their events."),
            _how_many(down, _BY_SERVICE) + _OR_ZERO,
            _ANY_IS_BAD,
        ),
        stat(
            _number(6, "Services unknown", "Too little of them is measured to say up or down."),
            _how_many(unknown, _BY_SERVICE) + _OR_ZERO,
            _ANY_IS_ODD,
        ),
    ]


def _how_many(series: str, by: str) -> str:
    """The number of `series`; each counts once, however many Vigies or scrape jobs show it."""
    return f"count(count {by} ({series}))"


def _number(id: int, title: str, description: str, no_value: str = "no data") -> Frame:
    return Frame(id, title, description, "none", no_value, width=4, height=4)


def _slos() -> Panel:
    frame = Frame(
        10,
        "SLOs",
        "One row an SLO. SLI, budget and coverage are over its own window; the burn is that of the"
        " arm window that burns most. What is not measured is unknown: neither good nor bad.",
        unit="none",
        no_value="not measured",
        width=GRID_WIDTH,
        height=10,
    )
    objective = f"max {_BY_SLO} ({names.SLO_OBJECTIVE_RATIO}{{{_OF_SLO}}})"
    left = f"max {_BY_SLO} ({names.ERROR_BUDGET_REMAINING_RATIO}{{{_OF_SLO}}})"
    sli = f"min {_BY_SLO} ({names.SLI_RATIO}{{{_OF_SLO}}})"
    burn = f"max {_BY_SLO} ({names.BURN_RATE}{{{_OF_SLO}}})"
    coverage = f"min {_BY_SLO} ({names.SLO_COVERAGE_RATIO}{{{_OF_SLO}}})"
    window = f"max {_BY_SLO} ({names.SLO_WINDOW_SECONDS}{{{_OF_SLO}}})"
    state = f"{names.ALERT_STATE}{{{_OF_SLO}}}"
    # Of an SLO's arms a firing one is shown before a frozen one, though its number is lower.
    worst = f"max {_BY_SLO} ({state} == {int(AlertState.FIRING)}) or max {_BY_SLO} ({state})"
    columns = [
        Column("Objective", objective, "percentunit", decimals=3),
        Column("SLI", sli, "percentunit", decimals=3),
        Column("Budget left", left, "percentunit", decimals=1, steps=_BUDGET),
        Column("Worst burn", burn, "none", decimals=1, steps=_BURN),
        Column("Coverage", coverage, "percentunit", decimals=1, steps=_COVERAGE),
        Column("Window", window, "dtdurations"),
        Column("Alert", worst, "none", texts=_ALERTS),
    ]
    return table(frame, {names.SERVICE: "Service", names.SLO: "SLO"}, columns)


def _budgets() -> Panel:
    frame = Frame(
        20,
        "Budget left",
        "Share of the error budget that is left; below zero the objective is missed.",
        unit="percentunit",
        no_value="not measured",
    )
    left = f"max {_BY_SLO} ({names.ERROR_BUDGET_REMAINING_RATIO}{{{_OF_SLO}}})"
    return timeseries(
        frame, [Query(left, _LEGEND)], steps=(Step(_BAD), Step("transparent", 0)), most=1.0
    )


def _burns() -> Panel:
    frame = Frame(
        21,
        "Burn rate",
        "Error ratio over the share that may fail, over each window of the arms; the lines are the"
        " default thresholds.",
        unit="none",
        no_value="not measured",
    )
    burn = f"max {_BY_WINDOW} ({names.BURN_RATE}{{{_OF_SLO}}})"
    return timeseries(frame, [Query(burn, _LEGEND + " over {{window}}")], steps=_BURN)


def _slis() -> Panel:
    frame = Frame(
        30,
        "SLI",
        "Good events of all events, over the window of the SLO.",
        unit="percentunit",
        no_value="not measured",
    )
    sli = f"min {_BY_WINDOW} ({names.SLI_RATIO}{{{_OF_SLO}}})"
    return timeseries(frame, [Query(sli, _LEGEND + " over {{window}}")], most=1.0)


def _events() -> Panel:
    frame = Frame(
        31,
        "Events",
        "Events that the SLIs count, and those of them that were bad.",
        unit="reqps",
        no_value="no events yet",
    )
    good, total = (
        f"max {_BY_SLO} (rate({name}{{{_OF_SLO}}}[$__rate_interval]))"
        for name in (names.SLI_GOOD_TOTAL, names.SLI_TOTAL)
    )
    return timeseries(frame, [Query(total, _LEGEND), Query(f"{total} - {good}", _LEGEND + " bad")])


def _services() -> list[Panel]:
    states = Frame(
        40,
        "Services",
        "The state of each service. Unknown is drawn as such: it is neither up nor down.",
        unit="none",
        no_value="no services",
        width=10,
    )
    downtimes = Frame(
        41,
        "Downtime",
        "How long each service was down in the time before, as long as the range that is shown.",
        unit="dtdurations",
        no_value="no services",
        width=7,
    )
    incidents = Frame(
        42,
        "Open incidents",
        "Incidents of every service that are not resolved yet, by severity.",
        unit="none",
        no_value="no data",
        width=7,
    )
    state = f"max {_BY_SERVICE} ({names.SERVICE_STATE}{{{_OF_SERVICE}}})"
    down = f"increase({names.DOWNTIME_SECONDS_TOTAL}{{{_OF_SERVICE}}}[$__range])"
    by_planned = f"max by ({names.SERVICE}, {names.PLANNED}) ({down})"
    open_now = f"sum by ({names.SEVERITY}) ({_OPEN}) or on () vector(0)"
    return [
        state_timeline(states, Query(state, "{{service}}"), _STATES),
        timeseries(downtimes, [Query(by_planned, "{{service}} (planned: {{planned}})")]),
        timeseries(incidents, [Query(open_now, "{{severity}}")], stacked=True),
    ]
