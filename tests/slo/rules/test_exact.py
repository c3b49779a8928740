"""Style `exact`: which rules there are. What they compute is in test_promtool.py."""

from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from slo.calendar import Calendar, Unit
from slo.load.yaml import Problems
from slo.policies import DEFAULT, arms_for
from slo.promql import compile_pair, compile_threshold
from slo.rules import exact
from slo.rules.model import Group, Rule, Watched
from slo.spec import (
    Alerting,
    AlertText,
    ArmKind,
    Budgeting,
    Component,
    CompositeSli,
    ForeignSli,
    Method,
    Op,
    Policy,
    RatioKind,
    Slo,
)

DAY_S = 86400.0
START = datetime.fromisoformat("2026-01-01")
SLI = compile_pair(
    "sum(rate(r{code='500'}[{{.window}}]))", "sum(rate(r[{{.window}}]))", RatioKind.BAD
)
SLO = Slo("shop", "checkout", 0.999, 30 * DAY_S, SLI)


def watched(slo: Slo, policy: Policy = DEFAULT) -> Watched:
    return Watched(slo, policy, arms_for(slo, policy, 15.0, Problems()))


def groups(slo: Slo, policy: Policy = DEFAULT, **labels: str) -> tuple[Group, ...]:
    problems = Problems()
    (made,) = exact.rules([watched(slo, policy)], labels, problems)
    assert problems.errors == []
    return made.groups


def rules(slo: Slo, policy: Policy = DEFAULT, **labels: str) -> list[Rule]:
    return [rule for group in groups(slo, policy, **labels) for rule in group.rules]


def alert(slo: Slo, arm: str, policy: Policy = DEFAULT) -> Rule:
    (found,) = [rule for rule in rules(slo, policy) if rule.labels.get("arm") == arm]
    return found


def test_figures_are_made_as_often_as_their_windows_need() -> None:
    assert [(group.name, group.interval_s) for group in groups(SLO)] == [
        ("vigie-slo-pages-shop-checkout", 15.0),
        ("vigie-slo-tickets-shop-checkout", 60.0),
        ("vigie-slo-budget-shop-checkout", 120.0),
    ]


def test_every_window_is_recorded_once() -> None:
    burns = [r.labels["window"] for r in rules(SLO) if r.record == "vigie:burn_rate:ratio"]
    assert burns == ["5m", "30m", "1h", "6h", "2h", "1d", "3d", "30d"]


def test_there_is_one_alert_for_each_arm() -> None:
    page = alert(SLO, "page-1h-5m")
    assert page.alert == "ErrorBudgetBurn"
    assert page.labels == {"arm": "page-1h-5m", "severity": "page", "inhibits": "ticket"}
    assert 'window="1h"} >= 14.4' in page.expr
    assert 'window="5m"} >= 14.4' in page.expr
    ticket = alert(SLO, "ticket-3d-6h")
    assert ticket.labels == {"arm": "ticket-3d-6h", "severity": "ticket"}
    assert "last 50 h" in page.annotations["description"]
    assert page.annotations["summary"].startswith("shop/checkout burns its error budget {{ $value")


def test_gates_of_the_policy_are_in_the_condition() -> None:
    policy = replace(DEFAULT, min_bad=5, min_total=20)
    expr = alert(SLO, "page-1h-5m", policy).expr
    assert 'vigie:sli_bad:sum{service="shop", slo="checkout", window="1h"} >= 5' in expr
    assert 'vigie:sli_total:sum{service="shop", slo="checkout", window="1h"} >= 20' in expr
    assert "vigie:sli_total:sum" not in alert(SLO, "page-1h-5m").expr.split("\nor\n")[0]


def test_an_arm_that_waits_has_a_for() -> None:
    arm = replace(arms_for(SLO, DEFAULT, 15.0, Problems())[0], after_s=120.0)
    policy = replace(DEFAULT, arms=(arm,))
    assert alert(SLO, arm.name, policy).after_s == 120.0


def test_the_users_labels_route_alerts_and_are_on_no_figure() -> None:
    text = AlertText({"severity": "crew", "service": "x"}, {"runbook": "https://books/1"})
    slo = replace(SLO, labels={"team.io/name": "a"}, alerting=Alerting(name="Burns", page=text))
    page = alert(slo, "page-1h-5m")
    assert page.alert == "Burns"
    assert page.labels["severity"] == "crew"
    assert page.labels["team_io_name"] == "a"
    assert "service" not in page.labels  # that is the SLO's own
    assert page.annotations["runbook"] == "https://books/1"
    figures = [r for r in rules(slo, cluster="north") if r.record]
    facts = ("vigie:slo_objective:ratio", "vigie:slo_window:seconds")
    for rule in figures:
        assert rule.labels["cluster"] == "north"
        assert ("team_io_name" in rule.labels) == (rule.record in facts), rule.record


def test_runbooks_that_fit_are_named() -> None:
    (made,) = exact.rules([replace(watched(SLO), runbooks=("a", "b"))], {}, Problems())
    pages = [rule for rule in made.groups[0].rules if "arm" in rule.labels]
    assert {rule.annotations["runbook"] for rule in pages} == {"a, b"}


@pytest.mark.parametrize(
    ("own", "policy", "told"),
    [(None, True, 1), (False, True, 0), (None, False, 0), (True, False, 1)],
)
def test_silence_is_told_where_somebody_wants_to_know(
    own: bool | None, policy: bool, told: int
) -> None:
    slo = replace(SLO, alerting=Alerting(no_data=own))
    found = [
        r for r in rules(slo, replace(DEFAULT, alert_no_data=policy)) if r.alert == "SLONoData"
    ]
    assert [rule.after_s for rule in found] == [300.0] * told


def test_a_slice_is_an_event_of_timeslices() -> None:
    slo = replace(SLO, budgeting=Budgeting(Method.TIMESLICES, 0.95, 60.0))
    first = groups(slo)[0]
    assert (first.name, first.interval_s) == ("vigie-slo-slices-shop-checkout", 60.0)
    assert [rule.record for rule in first.rules] == [
        "vigie:slice_total:increase1m",
        "vigie:slice_good:increase1m",
        "vigie:sli_total:increase1m",
        "vigie:sli_good:increase1m",
    ]
    assert ">= bool 0.95" in first.rules[3].expr


def test_groups_keep_their_labels() -> None:
    total = groups(replace(SLO, group_by=("handler",)))[0].rules[0]
    assert total.expr.startswith("sum by (handler) (")


def test_a_calendar_window_has_alerts_and_no_budget() -> None:
    slo = replace(SLO, calendar=Calendar(1, Unit.MONTH, START, "UTC"))
    problems = Problems()
    (made,) = exact.rules([watched(slo)], {}, problems)
    (warning,) = problems.warnings
    assert "calendar-aligned" in warning.message
    names = {rule.record for group in made.groups for rule in group.rules}
    assert "vigie:error_budget_remaining:ratio" not in names
    assert "vigie:burn_rate:ratio" in names


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"sli": ForeignSli("nobody can ask Datadog")}, "nobody can ask Datadog"),
        ({"sli": CompositeSli((Component("a", SLI, 0.9, 1.0),))}, "composite"),
        (
            {"sli": compile_threshold("max(lag)", Op.LT, 1.0), "group_by": ("shop",)},
            "write part and total as sums",
        ),
    ],
)
def test_what_promql_has_no_form_for_is_refused_by_name(
    change: dict[str, Any], reason: str
) -> None:
    slo = replace(SLO, name="odd", **change)
    problems = Problems()
    assert exact.rules([Watched(slo, DEFAULT, ()), watched(SLO)], {}, problems) == []
    (problem,) = problems.errors
    assert "SLO `shop/odd` has no form in PromQL" in problem.message
    assert reason in problem.message


def test_the_kinds_of_arms_are_in_groups_of_their_own() -> None:
    tickets = replace(SLO, alerting=Alerting(without=frozenset([ArmKind.PAGE])))
    pages, relaxed, _ = groups(tickets)
    assert not any("arm" in rule.labels for rule in pages.rules)
    assert [r.labels["arm"] for r in relaxed.rules if r.alert] == ["ticket-1d-2h", "ticket-3d-6h"]
