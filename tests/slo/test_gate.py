"""The deploy gate: figures worked out by hand. The budget of `SLO` is 1,000 of 1,000,000 events."""

import re
from dataclasses import replace
from datetime import datetime
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components import ROOT
from slo import budget
from slo.calendar import Calendar, Unit
from slo.gate import (
    MAX_OVERRIDE_S,
    SPENT,
    Gate,
    GateState,
    Override,
    Subject,
    actions_of,
    judge,
    verdict,
)
from slo.load import policy as load
from slo.load.yaml import Problems, documents
from slo.spec import Act, BudgetAction, CountingSli, Events, Policy, RatioKind, Slo, Unknown
from slo.status import PeriodFigures, SloFigures, WindowFigures

NOW = 1_790_000_000.0
HOUR_S, DAY_S = 3600.0, 86400.0
EVENTS = Events("sum(x)", ())
SLO = Slo("shop", "availability", 0.999, 30 * DAY_S, CountingSli(RatioKind.BAD, EVENTS, EVENTS))
OTHER = replace(SLO, name="latency")
TOTAL = 1_000_000
FREEZE = (Act.FREEZE,)

OPEN, CLOSED, UNKNOWN = GateState.OPEN, GateState.CLOSED, GateState.UNKNOWN


def window(
    length_s: float, bad: int, total: int = TOTAL, coverage: float = 1.0, end: float = NOW
) -> WindowFigures:
    sli = (total - bad) / total if total else None
    burn = budget.burn(total - bad, total, SLO.objective)
    return WindowFigures(length_s, end - length_s, end, total - bad, total, coverage, sli, burn)


def figures(whole: WindowFigures, *burns: WindowFigures, slo: Slo = SLO) -> SloFigures:
    return SloFigures(
        slo=slo,
        window=whole,
        budget_remaining=budget.remaining(whole.good, whole.total, slo.objective),
        arms=(),
        burns={one.window_s: one for one in burns},
        good_total=whole.good,
        total_total=whole.total,
        recent=window(60.0, 0, 10),
        no_data=False,
    )


def month(bad: int, coverage: float = 1.0, total: int = TOTAL, end: float = NOW) -> SloFigures:
    return figures(window(SLO.window_s, bad, total, coverage, end))


def policy(*actions: BudgetAction, unknown: Unknown = Unknown.OPEN, name: str = "p") -> Policy:
    return Policy(name, actions=actions, gate_on_unknown=unknown)


def ask(now_: SloFigures | None, watched: Policy, *overrides: Override, now: float = NOW) -> Gate:
    return verdict([Subject(SLO, watched, now_)], overrides, now)


BELOW_A_QUARTER = BudgetAction("careful", FREEZE, remaining_below=0.25)
ABOVE_SIX = BudgetAction("fast", FREEZE, burning_above=6.0, over_s=HOUR_S)

# 1,500 bad: 150 % of the budget. Of them 120 % remain if the unmeasured fifth of the events had all
# been good, 60 % if the unmeasured three fifths had.
MEASURED = {
    (500, 1.0): OPEN,
    (500, 0.9): OPEN,
    (500, 0.8): UNKNOWN,
    (500, 0.4): UNKNOWN,
    (1500, 1.0): CLOSED,
    (1500, 0.9): CLOSED,
    (1500, 0.8): CLOSED,
    (1500, 0.4): UNKNOWN,
    (0, 0.0): UNKNOWN,
}
PASSES = {
    (OPEN, Unknown.OPEN): True,
    (OPEN, Unknown.CLOSED): True,
    (CLOSED, Unknown.OPEN): False,
    (CLOSED, Unknown.CLOSED): False,
    (UNKNOWN, Unknown.OPEN): True,
    (UNKNOWN, Unknown.CLOSED): False,
}
MADE = Override(1, "shop", "ann", "the fix itself", NOW - HOUR_S, NOW + HOUR_S)
OVERRIDES = {
    "none": (None, False),
    "in force": (MADE, True),
    "of this very moment": (replace(MADE, created_at=NOW), True),
    "expired": (replace(MADE, expires_at=NOW), False),
    "withdrawn": (replace(MADE, withdrawn_at=NOW - 60, withdrawn_by="bob"), False),
    "of tomorrow": (replace(MADE, created_at=NOW + 1), False),
}


@pytest.mark.parametrize(
    ("bad", "coverage", "unknown", "override"),
    [(*of, unknown, name) for of, unknown, name in product(MEASURED, Unknown, OVERRIDES)],
)
def test_every_combination_of_budget_coverage_mapping_and_override(
    bad: int, coverage: float, unknown: Unknown, override: str
) -> None:
    made, counts = OVERRIDES[override]
    total = TOTAL if coverage else 0
    gate = ask(month(bad, coverage, total), policy(unknown=unknown), *([made] if made else []))
    assert gate.state is MEASURED[bad, coverage]
    assert gate.open is (counts or PASSES[gate.state, unknown])
    assert gate.override == (made if counts else None)
    assert [reason.state for reason in gate.reasons] == [gate.state]


def test_the_reasons_say_by_which_figures() -> None:
    said = {
        coverage: ask(month(1500, coverage), policy(BELOW_A_QUARTER)).reasons[0].text
        for coverage in (1.0, 0.4)
    }
    assert said[1.0] == "the error budget is overspent by 50 %, under 25 %"
    assert said[0.4] == (
        "nobody can tell whether less than 25 % of the error budget is left: 40 % of the last 30d "
        "was measured, under the floor of 90 %"
    )
    (reason,) = ask(month(380), policy(BELOW_A_QUARTER)).reasons
    assert reason.text == "62 % of the error budget is left, not under 25 %"
    assert (reason.slo, reason.action, reason.opens) == (SLO.id, "careful", True)
    (reason,) = ask(month(1000), policy()).reasons
    assert reason.text == "nothing of the error budget is left"
    (reason,) = ask(month(0, 0.2), policy()).reasons
    assert reason.text.startswith("nobody can tell whether nothing of the error budget is left:")


@pytest.mark.parametrize(
    ("bad", "below", "closed"),
    [
        (749, 0.25, False),
        (750, 0.25, False),  # exactly a quarter is left: 1 - 0.00075 / (1 - 0.999), and not less
        (751, 0.25, True),
        (1000, 0.0, False),
        (1001, 0.0, True),
        (1200, -0.2, False),
        (1201, -0.2, True),
    ],
)
def test_remaining_below_is_less_than_that(bad: int, below: float, closed: bool) -> None:
    action = BudgetAction("a", FREEZE, remaining_below=below)
    assert (ask(month(bad), policy(action)).state is CLOSED) is closed


@pytest.mark.parametrize(("bad", "closed"), [(999, False), (1000, True), (1001, True)])
def test_without_any_action_deploys_freeze_once_nothing_is_left(bad: int, closed: bool) -> None:
    gate = ask(month(bad), policy())
    assert (gate.state is CLOSED, gate.open) == (closed, not closed)
    assert gate.reasons[0].action == SPENT.name


def test_a_policy_with_actions_is_taken_by_its_word() -> None:
    told = BudgetAction("tell", (Act.TICKET,), remaining_below=0.5)
    assert actions_of(policy(told)) == (told,)
    gate = ask(month(5000), policy(told))
    assert (gate.state, gate.open) == (OPEN, True)
    (reason,) = gate.reasons
    assert reason.text == "nothing freezes deploys: no budget action of `p` does"
    assert reason.slo is None


def test_a_service_without_an_slo_is_open_and_says_why() -> None:
    gate = verdict([], [], NOW)
    assert (gate.state, gate.open) == (OPEN, True)
    assert gate.reasons[0].text == "the service has no SLO: nothing freezes its deploys"


def test_before_the_first_tick_nobody_can_tell() -> None:
    gate = ask(None, policy(unknown=Unknown.CLOSED))
    assert (gate.state, gate.open) == (UNKNOWN, False)
    assert gate.reasons[0].text == "nothing was measured yet"


def test_a_measured_month_without_events_spends_nothing() -> None:
    gate = ask(month(0, 1.0, total=0), policy())
    assert (gate.state, gate.reasons[0].text) == (
        OPEN,
        "nothing happened in the last 30d: none is spent",
    )


def test_without_a_floor_what_was_not_measured_at_all_is_unknown_still() -> None:
    watched = replace(policy(), coverage_floor=0.0)
    assert ask(month(0, 0.0, total=0), watched).state is UNKNOWN
    assert ask(month(0, 0.01), watched).state is OPEN


def test_a_calendar_window_goes_by_what_its_whole_period_may_spend() -> None:
    """900 bad of a million so far; the period is expected to have three million and may have 3,000
    bad, so that 70 % is left.
    """
    monthly = replace(SLO, calendar=Calendar(1, Unit.MONTH, datetime(2026, 9, 1), "UTC"))  # noqa: DTZ001 - wall-clock time, without zone
    so_far = window(10 * DAY_S, 900)
    period = PeriodFigures(NOW - 10 * DAY_S, NOW + 20 * DAY_S, 3e6, "previous", 0.7)
    now = replace(figures(so_far, slo=monthly), period=period)
    (reason,) = ask(now, policy(BELOW_A_QUARTER)).reasons
    assert (reason.state, reason.text[:4]) == (OPEN, "70 %")
    assert ask(replace(now, period=None), policy(BELOW_A_QUARTER)).state is CLOSED
    unmeasured = replace(now, window=replace(so_far, coverage=0.5))
    assert "50 % of the period so far was" in ask(unmeasured, policy()).reasons[0].text
    later = ask(replace(now, window=so_far), policy(), now=NOW + 2.5 * DAY_S)
    assert (later.state, "80 % of the period" in later.reasons[0].text) == (UNKNOWN, True)


HOUR = window(HOUR_S, 61, 10_000)  # 6.1x


@pytest.mark.parametrize(
    ("hour", "state", "text"),
    [
        (HOUR, CLOSED, "the error budget burns 6.1x over 1h, above 6x"),
        (
            window(HOUR_S, 60, 10_000),
            OPEN,
            "the error budget burns 6x over 1h, not above 6x",
        ),
        (window(HOUR_S, 2, 10), OPEN, "2 failed in 1h, too few to tell (`min_bad`)"),  # 200x
        (window(HOUR_S, 3, 10), CLOSED, "the error budget burns 300x over 1h, above 6x"),
        (window(HOUR_S, 0, 0), OPEN, "nothing happened in 1h: nothing burns"),
        # 6.1x of the measured half is 3.05x of the whole, had the rest been good; 20x is 10x.
        (
            replace(HOUR, coverage=0.5),
            UNKNOWN,
            "nobody can tell whether the budget burns above 6x over 1h: 50 % of the last 1h was "
            "measured, under the floor of 90 %",
        ),
        (
            window(HOUR_S, 200, 10_000, 0.5),
            CLOSED,
            "the error budget burns 20x over 1h, above 6x",
        ),
        (window(HOUR_S, 2, 10, 0.5), UNKNOWN, "nobody can tell whether the budget burns"),
    ],
)
def test_burning_above_asks_its_window(hour: WindowFigures, state: GateState, text: str) -> None:
    watched = policy(ABOVE_SIX)
    gate = ask(figures(window(SLO.window_s, 0), hour), watched)
    assert (gate.state, gate.reasons[0].text[: len(text)]) == (state, text)


@pytest.mark.parametrize(
    ("kept", "over_s", "text"),
    [
        ((300.0, 6 * HOUR_S, DAY_S), HOUR_S, "6h (the window kept that is nearest to 1h)"),
        ((300.0, HOUR_S), HOUR_S, "1h"),
        ((300.0,), HOUR_S, "30d (the window kept that is nearest to 1h)"),
        ((300.0,), 60 * DAY_S, "30d (the window kept that is nearest to 60d)"),
    ],
)
def test_a_window_that_is_not_kept_is_stood_in_for_by_the_next_longer(
    kept: tuple[float, ...], over_s: float, text: str
) -> None:
    action = BudgetAction("fast", FREEZE, burning_above=6.0, over_s=over_s)
    now = figures(window(SLO.window_s, 0), *(window(length, 0) for length in kept))
    assert judge(action, policy(action), now, NOW).text == (
        f"the error budget burns 0x over {text}, not above 6x"
    )


@pytest.mark.parametrize(
    ("bad", "hour", "state"),
    [
        (0, window(HOUR_S, 0), OPEN),
        (800, window(HOUR_S, 0), CLOSED),
        (0, window(HOUR_S, 70, 10_000), CLOSED),
        (0, window(HOUR_S, 0, 10_000, 0.5), UNKNOWN),
        (800, window(HOUR_S, 0, 10_000, 0.5), CLOSED),
    ],
)
def test_an_action_that_asks_two_things_acts_on_either(
    bad: int, hour: WindowFigures, state: GateState
) -> None:
    both = BudgetAction("b", FREEZE, remaining_below=0.25, burning_above=6.0, over_s=HOUR_S)
    assert ask(figures(window(SLO.window_s, bad), hour), policy(both)).state is state


def test_figures_that_grew_old_are_time_that_was_not_measured() -> None:
    watched = policy(ABOVE_SIX, BELOW_A_QUARTER)
    fresh = figures(window(SLO.window_s, 0), window(HOUR_S, 0, 10_000))
    assert ask(fresh, watched, now=NOW + 150).state is OPEN
    gate = ask(fresh, watched, now=NOW + 1800)  # half of the hour, a trifle of the month
    assert (gate.state, gate.reasons[0].action) == (UNKNOWN, "fast")
    assert gate.reasons[0].text.endswith("90 %, and the newest figures are 30m old")
    spent = figures(window(SLO.window_s, 1500), window(HOUR_S, 0, 10_000))
    assert ask(spent, watched, now=NOW + 1800).state is CLOSED
    assert ask(spent, watched, now=NOW + 40 * DAY_S).state is UNKNOWN


def test_one_slo_closes_the_gate_of_its_service_and_the_worst_comes_first() -> None:
    third = replace(SLO, name="writes")
    subjects = [
        Subject(SLO, policy(), month(0)),
        Subject(OTHER, policy(unknown=Unknown.CLOSED), month(0, 0.5)),
        Subject(third, policy(BELOW_A_QUARTER), month(900)),
    ]
    gate = verdict(subjects, [], NOW)
    assert (gate.state, gate.open) == (CLOSED, False)
    assert [(r.slo, r.state, r.opens) for r in gate.reasons] == [
        (third.id, CLOSED, False),
        (OTHER.id, UNKNOWN, False),
        (SLO.id, OPEN, True),
    ]
    # Unknown is mapped by the policy of the SLO that is unknown, not by that of another.
    gate = verdict(subjects[:2], [], NOW)
    assert (gate.state, gate.open) == (UNKNOWN, False)
    lenient = [subjects[0], replace(subjects[1], policy=policy())]
    gate = verdict(lenient, [], NOW)
    assert (gate.state, gate.open) == (UNKNOWN, True)


def test_the_worst_action_of_an_slo_speaks_for_it() -> None:
    told = BudgetAction("tell", (Act.TICKET,), remaining_below=0.9)
    stop = BudgetAction("stop", (Act.TICKET, Act.FREEZE), remaining_below=0.1)
    watched = policy(told, BELOW_A_QUARTER, stop)
    (reason,) = ask(month(800), watched).reasons
    assert (reason.state, reason.action) == (CLOSED, "careful")
    (reason,) = ask(month(700), watched).reasons
    assert (reason.state, reason.action) == (OPEN, "careful")


def test_of_several_overrides_the_one_that_lasts_longest_is_shown() -> None:
    longer = replace(MADE, id=2, expires_at=MADE.expires_at + 1)
    later = replace(MADE, id=3)
    assert ask(month(0), policy(), MADE, longer, later).override == longer


def test_an_override_lasts_a_week_at_most() -> None:
    assert MAX_OVERRIDE_S == 7 * DAY_S


@given(
    bad=st.integers(0, 3000),
    total=st.integers(1, 1_000_000),
    coverage=st.floats(0.01, 0.89),
    below=st.floats(-2.0, 1.0),
)
def test_what_closes_the_gate_at_low_coverage_would_at_full(
    bad: int, total: int, coverage: float, below: float
) -> None:
    """As many unmeasured events as the measured rate gives, all of them good, change nothing."""
    bad = min(bad, total)
    watched = policy(BudgetAction("a", FREEZE, remaining_below=below))
    if ask(month(bad, coverage, total), watched).state is CLOSED:
        unmeasured = int(total * (1 - coverage) / coverage)
        assert ask(month(bad, 1.0, total + unmeasured), watched).state is CLOSED


def test_the_policy_of_the_reference_is_one_that_vigie_takes() -> None:
    text = (ROOT / "docs" / "reference" / "gate.md").read_text()
    (block,) = re.findall(r"^```yaml\n(.+?)^```", text, re.MULTILINE | re.DOTALL)
    problems = Problems()
    (node,) = documents(block, "gate.md", problems)
    read = load.read(node, problems)
    assert problems.errors == []
    assert read is not None
    assert read.actions == (
        BudgetAction("slow-down", (Act.TICKET,), remaining_below=0.25),
        BudgetAction(
            "stop",
            (Act.FREEZE, Act.RUNBOOK),
            remaining_below=0.0,
            burning_above=10.0,
            over_s=HOUR_S,
            runbook="who-spends",
        ),
    )
    assert f"`{SPENT.name}`" in text
