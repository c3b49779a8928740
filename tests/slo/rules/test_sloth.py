"""Style `sloth`: what Sloth's own examples don't show."""

from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from slo.calendar import Calendar, Unit
from slo.load.yaml import Mark, Problems
from slo.promql import compile_pair, compile_ratio, compile_threshold
from slo.rules import sloth
from slo.rules.model import Group, Rule
from slo.spec import (
    Alerting,
    AlertText,
    ArmKind,
    BasicSli,
    Budgeting,
    Component,
    CompositeSli,
    ForeignSli,
    Format,
    Method,
    Op,
    RatioKind,
    ServerSli,
    Slo,
)

DAY_S = 86400.0
START = datetime.fromisoformat("2026-01-01")
BAD = "sum(rate(r{code='500'}[{{.window}}]))"
ALL = "sum(rate(r[{{.window}}]))"
SLI = compile_pair(BAD, ALL, RatioKind.BAD)
GOOD_SLI = compile_pair(BAD, ALL, RatioKind.GOOD)
SLO = Slo("shop", "checkout", 0.999, 30 * DAY_S, SLI, format=Format.SLOTH)
NAME = Alerting(name="Burns")


def groups(slo: Slo, **options: Any) -> tuple[Group, ...]:
    problems = Problems()
    (made,) = sloth.rules([slo], sloth.Options(**options), problems)
    assert problems.items == []
    return made.groups


def recorded(slo: Slo, record: str) -> Rule:
    (rule,) = [rule for group in groups(slo) for rule in group.rules if rule.record == record]
    return rule


def alerts(slo: Slo) -> list[Rule]:
    return [rule for group in groups(slo) for rule in group.rules if rule.alert]


def refusals(slo: Slo) -> list[str]:
    problems = Problems()
    assert sloth.rules([slo, SLO], sloth.Options(), problems) == []
    return [str(problem) for problem in problems.items]


def test_28_days_have_windows_and_burn_rates_of_their_own() -> None:
    slo = replace(SLO, window_s=28 * DAY_S)
    assert recorded(slo, "slo:sli_error:ratio_rate4w").labels["sloth_window"] == "4w"
    assert recorded(slo, "slo:time_period:days").expr == "vector(28)"
    page, ticket = alerts(slo)
    assert "> (13.44 * 0.0009999999999999432)" in page.expr
    assert "> (5.6000000000000005 * " in page.expr
    assert "> (0.9333333333333333 * " in ticket.expr


@pytest.mark.parametrize(
    ("sli", "expr"),
    [
        (SLI, "(sum(rate(r{code='500'}[5m])))\n/\n(sum(rate(r[5m])))\n"),
        (GOOD_SLI, "(1 - ((sum(rate(r{code='500'}[5m])))\n/\n(sum(rate(r[5m])))\n))"),
        (
            compile_pair("r{code='500'}", "r", RatioKind.BAD, counter=True),
            '(sum(rate(r{code="500"}[5m])))\n/\n(sum(rate(r{}[5m])))\n',
        ),
        (
            compile_pair("sum(up)", "count(up)", RatioKind.GOOD),
            "(1 - ((sum_over_time((sum(up))[5m:1m]))\n/\n(sum_over_time((count(up))[5m:1m]))\n))",
        ),
        (compile_ratio("avg(loss)", RatioKind.BAD), "(avg_over_time((avg(loss))[5m:1m]))"),
        (
            compile_threshold("max(lag_seconds)", Op.LTE, 2.5),
            "(1 - (avg_over_time(((max(lag_seconds)) <= bool 2.5)[5m:1m])))",
        ),
        (
            ServerSli(RatioKind.BAD, "topk(1, loss)", "", "north"),
            "(avg_over_time((topk(1, loss))[5m:1m]))",
        ),
        (
            ServerSli(RatioKind.BAD, "a[{{.window}}]", "b[{{.window}}]", "north"),
            "(a[5m])\n/\n(b[5m])\n",
        ),
    ],
)
def test_every_kind_of_sli_is_an_error_ratio_over_a_window(sli: BasicSli, expr: str) -> None:
    assert recorded(replace(SLO, sli=sli), "slo:sli_error:ratio_rate5m").expr == expr


def test_objectives_of_openslo_v1alpha_are_numbered_and_have_no_alerts() -> None:
    first = replace(
        SLO, name="a-fast", document="a", format=Format.OPENSLO_ALPHA, labels={"team": "x"}
    )
    second = replace(first, name="a-slow")
    problems = Problems()
    made = sloth.rules([first, second], sloth.Options(), problems)
    names = [group.name for one in made for group in one.groups]
    assert names == [
        "sloth-slo-sli-recordings-shop-a-0",
        "sloth-slo-meta-recordings-shop-a-0",
        "sloth-slo-sli-recordings-shop-a-1",
        "sloth-slo-meta-recordings-shop-a-1",
    ]
    info = made[1].groups[1].rules[-1].labels
    assert (info["sloth_slo"], info["sloth_mode"]) == ("a-1", "cli-gen-openslo")
    assert "team" not in info


def test_labels_of_the_command_line_win_over_those_of_the_spec() -> None:
    slo = replace(SLO, labels={"team": "x", "tier": "1"})
    (*_, info) = groups(slo, extra_labels={"tier": "2"}, version="v1")[1].rules
    assert info.labels == {
        "sloth_id": "shop-checkout",
        "sloth_service": "shop",
        "sloth_slo": "checkout",
        "team": "x",
        "tier": "2",
        "sloth_version": "v1",
        "sloth_mode": "cli-gen-prom",
        "sloth_spec": "prometheus/v1",
        "sloth_objective": "99.9",
    }


def test_a_kind_of_alert_that_is_switched_off_is_not_there() -> None:
    alerting = replace(
        NAME,
        without=frozenset([ArmKind.PAGE]),
        both=AlertText({"category": "x"}, {"summary": "own"}),
        ticket=AlertText({"severity": "chat"}),
    )
    (ticket,) = alerts(replace(SLO, alerting=alerting))
    assert ticket.alert == "Burns"
    assert ticket.labels == {"sloth_severity": "ticket", "category": "x", "severity": "chat"}
    assert ticket.annotations["summary"] == "own"
    assert ticket.annotations["title"].startswith("(ticket) {{$labels.sloth_service}}")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"sli": CompositeSli((Component("a", SLI, 0.9, 1.0),))}, "composite"),
        ({"sli": ForeignSli("nobody can ask Datadog")}, "nobody can ask Datadog"),
        ({"budgeting": Budgeting(Method.TIMESLICES, 0.9, 60)}, "counts in Timeslices"),
        ({"calendar": Calendar(1, Unit.MONTH, START, "UTC")}, "calendar-aligned"),
        ({"group_by": ("handler",)}, "one SLO per group"),
        ({"window_s": 7 * DAY_S}, "no alert windows for 7d, only for 28d, 30d"),
    ],
)
def test_what_sloth_has_no_form_for_is_refused_by_name(change: dict[str, Any], reason: str) -> None:
    slo = replace(SLO, name="odd", mark=Mark("a.yaml", 3, 1), **change)
    (refusal,) = refusals(slo)
    assert refusal.startswith("a.yaml:3:1: error[V112] SLO `shop/odd` has no form in Sloth's rules")
    assert reason in refusal
