"""Differences: what of two configurations is not the same, and whether history goes on."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import pytest

from slo.calendar import Unit
from slo.diff import Change, Difference, History, How, Watched, of_slos, of_things
from slo.load.yaml import Mark
from slo.promql import compile_events
from slo.spec import (
    Arm,
    ArmKind,
    Budgeting,
    Calendar,
    Component,
    CompositeSli,
    CountingSli,
    ForeignSli,
    Method,
    Policy,
    RatioKind,
    Slo,
    SloId,
)

ARM = Arm("page-1h-5m", ArmKind.PAGE, 14.4, 3600.0, 300.0)


def sli(part: str = 'sum(rate(a{code="5xx",x="1"}[{{.window}}]))', source: str = "") -> CountingSli:
    total = compile_events("sum(rate(a[{{.window}}]))")
    return CountingSli(RatioKind.BAD, compile_events(part), total, source)


SLO = Slo("shop", "availability", 0.999, 30 * 86400.0, sli(), mark=Mark("a.yaml", 1, 1))
WATCHED = Watched(SLO, Policy("default"), (ARM,))


def by_id(*all_: Watched) -> Mapping[SloId, Watched]:
    return {one.slo.id: one for one in all_}


def with_slo(**values: Any) -> Watched:
    return replace(WATCHED, slo=replace(SLO, **values))


def test_the_same_is_no_difference_wherever_it_stands() -> None:
    moved = with_slo(mark=Mark("b.yaml", 9, 1))
    assert list(of_slos(by_id(WATCHED), by_id(moved))) == []


@pytest.mark.parametrize(
    ("after", "changes", "history"),
    [
        (with_slo(objective=0.9995), [Change("objective", "0.999", "0.9995")], History.GOES_ON),
        (with_slo(window_s=28 * 86400.0), [Change("window", "30d", "28d")], History.GOES_ON),
        (
            with_slo(sli=sli('sum(rate(a{x="1", code="5xx"}[{{.window}}]))')),
            [
                Change(
                    "bad (the same by meaning)",
                    'sum(rate(a{code="5xx",x="1"}[{{.window}}]))',
                    'sum(rate(a{x="1", code="5xx"}[{{.window}}]))',
                )
            ],
            History.GOES_ON,
        ),
        (
            with_slo(sli=sli("sum(rate(b[{{.window}}]))")),
            [
                Change(
                    "bad",
                    'sum(rate(a{code="5xx",x="1"}[{{.window}}]))',
                    "sum(rate(b[{{.window}}]))",
                )
            ],
            History.ANEW,
        ),
        (
            with_slo(sli=sli(source="main")),
            [Change("source", "what Vigie scrapes", "main")],
            History.ANEW,
        ),
        (
            with_slo(budgeting=Budgeting(Method.TIMESLICES, 0.95, 60.0)),
            [Change("budgeting", "Occurrences", "Timeslices of 1m at 0.95")],
            History.ANEW,
        ),
        (
            with_slo(labels={"tier": "1"}, group_by=("code",)),
            [Change("group_by", "", "code"), Change("labels", "", "tier=1")],
            History.GOES_ON,
        ),
        (
            replace(WATCHED, arms=(replace(ARM, burn_rate=10.0), replace(ARM, name="new"))),
            [
                Change(
                    "arm page-1h-5m", "page at 14.4x over 1h and 5m", "page at 10x over 1h and 5m"
                ),
                Change("arm new", "", "page at 14.4x over 1h and 5m"),
            ],
            History.GOES_ON,
        ),
        (
            replace(WATCHED, policy=Policy("night", min_total=50, no_data_after_s=600.0)),
            [
                Change("policy", "default", "night"),
                Change("policy.min_total", "1", "50"),
                Change("policy.no_data_after", "5m", "10m"),
            ],
            History.GOES_ON,
        ),
        (with_slo(sli=ForeignSli("of a cloud")), None, None),
    ],
)
def test_what_changed_is_told_by_what_it_means(
    after: Watched, changes: list[Change] | None, history: History | None
) -> None:
    (found,) = of_slos(by_id(WATCHED), by_id(after))
    assert (found.kind, found.name, found.how) == ("slo", SLO.id, How.CHANGED)
    assert found.history is history
    if changes is not None:
        assert list(found.changes) == changes


def test_history_goes_with_what_is_measured_not_with_the_name() -> None:
    renamed, other = with_slo(name="errors"), with_slo(name="new", sli=sli("sum(rate(b[1m]))"))
    assert list(of_slos(by_id(WATCHED), by_id(renamed, other))) == [
        Difference("slo", "shop/availability", How.REMOVED),
        Difference("slo", "shop/errors", How.ADDED, (), History.GOES_ON),
        Difference("slo", "shop/new", How.ADDED, (), History.ANEW),
    ]


def test_a_composite_goes_on_while_all_its_parts_were_measured() -> None:
    def mean(*weights: float) -> Watched:
        parts = [Component(f"p{i}", sli(f"sum(p{i})"), 0.9, w) for i, w in enumerate(weights)]
        return with_slo(sli=CompositeSli(tuple(parts)))

    (heavier,) = of_slos(by_id(mean(1.0, 1.0)), by_id(mean(1.0, 2.0)))
    assert heavier.history is History.GOES_ON
    assert heavier.changes == (Change("weights", "p0=1, p1=1", "p0=1, p1=2"),)
    (more,) = of_slos(by_id(mean(1.0)), by_id(mean(1.0, 2.0)))
    assert more.history is History.ANEW


def test_calendars_are_told_with_their_zone() -> None:
    start = datetime(2026, 1, 1)  # noqa: DTZ001 - wall-clock time, the zone stands beside it
    month = Calendar(1, Unit.MONTH, start, "Europe/Paris")
    (found,) = of_slos(by_id(WATCHED), by_id(with_slo(calendar=month)))
    assert found.changes == (
        Change("window", "30d", "1M from 2026-01-01 00:00:00 in Europe/Paris"),
    )


@dataclass(frozen=True)
class Thing:
    timeout_s: float = 10.0
    receives: frozenset[str] = frozenset({"page", "notice"})
    secret: str | None = None
    on: bool = True
    mark: Mark | None = None


def test_things_are_compared_by_field_and_secrets_are_not_told() -> None:
    old = {"a": Thing(), "b": Thing(), "c": Thing(mark=Mark("a", 1, 1))}
    new = {"a": Thing(5.0, frozenset({"page"}), "x", False), "c": Thing(), "d": Thing()}
    assert list(of_things("channel", old, new, ("secret",))) == [
        Difference(
            "channel",
            "a",
            How.CHANGED,
            (
                Change("timeout", "10s", "5s"),
                Change("receives", "notice, page", "page"),
                Change("secret", "not shown", "another one"),
                Change("on", "yes", "no"),
            ),
        ),
        Difference("channel", "b", How.REMOVED),
        Difference("channel", "d", How.ADDED),
    ]
