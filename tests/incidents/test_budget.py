"""What budget actions do to incidents and runs. The budget is 1,000 of 1,000,000 events."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from incidents.budget import (
    Acting,
    Due,
    Key,
    Limits,
    RunWanted,
    Standing,
    Turn,
    acting,
    due,
    step,
)
from incidents.model import (
    EventKind,
    IncidentState,
    IncidentType,
    OpenIncident,
    Severity,
    Urgency,
)
from slo.gate import Subject
from slo.spec import Act, BudgetAction, CountingSli, Events, Policy, RatioKind, Slo
from slo.status import SloFigures, WindowFigures

NOW = 1_790_000_000.0
EVENTS = Events("sum(x)", ())
SLO = Slo(
    "shop",
    "availability",
    0.999,
    30 * 86400.0,
    CountingSli(RatioKind.BAD, EVENTS, EVENTS),
    labels={"tier": "1"},
)
BURN_KEY, KEY = "slo-burn:shop/availability", "budget:shop/availability"
TELL = BudgetAction("tell", (Act.TICKET,), remaining_below=0.25)
LOOK = BudgetAction("look", (Act.RUNBOOK,), remaining_below=0.25, runbook="who-spends")
STOP = BudgetAction("stop", (Act.TICKET, Act.FREEZE), remaining_below=0.1)
FREEZE = BudgetAction("freeze", (Act.FREEZE,), remaining_below=0.5)
ON, OFF, HELD = Standing.ON, Standing.OFF, Standing.HELD


def subject(bad: int, *actions: BudgetAction, coverage: float = 1.0) -> Subject:
    good, total = 1_000_000 - bad, 1_000_000
    whole = WindowFigures(
        SLO.window_s, NOW - SLO.window_s, NOW, good, total, coverage, good / total, bad / 1000
    )
    now = SloFigures(SLO, whole, 1 - bad / 1000, (), {}, good, total, whole, no_data=False)
    return Subject(SLO, Policy("p", actions=actions, recover_after_s=120.0), now)


def opened(key: str, number: int = 7, acknowledged: bool = False) -> OpenIncident:
    return OpenIncident(
        number, key, IncidentState.TRIAGE, Urgency.LOW, Severity.SEV4, acknowledged=acknowledged
    )


TICKET, BURN = opened(KEY, 7), opened(BURN_KEY, 8)


def at(
    state: Standing, action: BudgetAction = TELL, since: float = NOW - 60
) -> Mapping[Key, Acting]:
    return {(SLO.id, action.name): Acting(SLO.id, action.name, state, since)}


def look(
    before: Mapping[Key, Acting], now_: Subject, *open_: OpenIncident, burning: bool = False
) -> Due:
    return due(before, [now_], {one.key: one for one in open_}, {SLO.id} if burning else (), NOW)


@pytest.mark.parametrize(
    ("before", "holds", "turn"),
    [
        (OFF, True, Turn.STARTED),
        (OFF, False, Turn.NONE),
        (OFF, None, Turn.NONE),
        (ON, True, Turn.NONE),
        (ON, False, Turn.ENDED),
        (ON, None, Turn.NONE),
        (HELD, True, Turn.NONE),
        (HELD, False, Turn.ENDED),
        (HELD, None, Turn.NONE),
    ],
)
def test_a_condition_begins_and_ends_once(before: Standing, holds: bool | None, turn: Turn) -> None:
    assert step(before, holds) is turn


def test_a_ticket_opens_when_the_condition_begins() -> None:
    told = look({}, subject(800, TELL, FREEZE))
    assert told.started == ((SLO.id, "tell"),)
    assert told.changed == (Acting(SLO.id, "tell", ON, NOW),)
    assert told.after == {(SLO.id, "tell"): told.changed[0]}
    (signal,) = told.signals
    assert (signal.key, signal.type) == (KEY, IncidentType.BUDGET)
    assert (signal.firing, signal.clear) == (True, False)
    assert (signal.urgency, signal.severity) == (Urgency.LOW, Severity.SEV4)
    assert signal.title == "shop/availability: 20 % of the error budget is left, under 25 %"
    assert (signal.started_at, signal.recover_after_s) == (NOW, 120.0)
    assert signal.labels == {"tier": "1", "service": "shop", "slo": "availability"}
    assert signal.detail["budget_remaining"] == pytest.approx(0.2)
    assert signal.detail["actions"] == [
        {
            "name": "tell",
            "acts": ["open_ticket"],
            "state": "on",
            "since": NOW,
            "remaining_below": 0.25,
            "burning_above": None,
            "over": None,
            "says": "20 % of the error budget is left, under 25 %",
        }
    ]


def test_a_ticket_that_somebody_resolved_stays_so_until_the_condition_ended() -> None:
    told = look(at(ON), subject(800, TELL))
    assert (told.signals, told.changed, told.after) == ((), (), at(ON))
    ended = look(at(ON), subject(100, TELL))
    assert ended.ended == ((SLO.id, "tell"),)
    assert ended.changed == (Acting(SLO.id, "tell", OFF, NOW),)
    assert ended.signals == ()
    again = look(ended.after, subject(800, TELL))
    assert again.signals[0].firing


@pytest.mark.parametrize(
    ("bad", "coverage", "before", "firing", "clear"),
    [
        (800, 1.0, ON, True, False),
        (100, 1.0, ON, False, True),
        (100, 1.0, OFF, False, True),
        (100, 0.5, ON, True, False),  # nobody can tell: what was on goes on
        (100, 0.5, OFF, False, False),
    ],
)
def test_an_open_ticket_is_clear_only_when_it_is_measured_to_be(
    bad: int, coverage: float, before: Standing, firing: bool, clear: bool
) -> None:
    (signal,) = look(at(before), subject(bad, TELL, coverage=coverage), TICKET).signals
    assert (signal.firing, signal.clear) == (firing, clear)


def test_a_second_action_makes_no_second_ticket_and_a_missed_objective_is_worse() -> None:
    told = look(at(ON), subject(950, TELL, STOP), TICKET)
    assert told.started == ((SLO.id, "stop"),)
    (signal,) = told.signals
    assert signal.title == "shop/availability: 5 % of the error budget is left, under 10 %"
    assert (signal.started_at, signal.severity) == (NOW - 60, Severity.SEV4)
    (signal,) = look(at(ON), subject(1000, TELL), TICKET).signals
    assert signal.severity is Severity.SEV4
    (signal,) = look(at(ON), subject(1001, TELL), TICKET).signals
    assert signal.severity is Severity.SEV3


def test_after_the_first_ticket_was_resolved_the_second_action_opens_another() -> None:
    told = look(at(ON), subject(950, TELL, STOP))
    assert [signal.firing for signal in told.signals] == [True]


def test_a_runbook_alone_opens_an_incident_to_run_in() -> None:
    told = look({}, subject(800, LOOK))
    assert [signal.firing for signal in told.signals] == [True]
    reason = "budget action `look`: 20 % of the error budget is left, under 25 %"
    assert told.runs == (RunWanted(KEY, "who-spends", reason),)
    assert look(told.after, subject(800, LOOK), TICKET).runs == ()


def test_freezing_is_the_gates_and_nothing_happens_here() -> None:
    assert acting(Policy("p", actions=(FREEZE, TELL))) == (TELL,)
    told = look({}, subject(900, FREEZE))
    assert told == Due({})
    assert look({}, subject(2000)) == Due({})  # no actions at all: only the gate closes


@pytest.mark.parametrize("how", ["open", "opening"])
def test_a_burn_incident_holds_the_ticket_back_until_it_is_over(how: str) -> None:
    burns = [BURN] if how == "open" else []
    told = look({}, subject(800, TELL), *burns, burning=True)
    assert (told.signals, told.started) == ((), ((SLO.id, "tell"),))
    assert told.changed == (Acting(SLO.id, "tell", HELD, NOW),)
    held = at(HELD)
    assert look(held, subject(800, TELL), BURN) == Due(held)
    over = look(held, subject(800, TELL))
    assert over.changed == (Acting(SLO.id, "tell", ON, NOW - 60),)
    (signal,) = over.signals
    assert (signal.firing, signal.started_at, over.started) == (True, NOW - 60, ())


def test_what_ended_or_cannot_be_told_behind_a_burn_incident_opens_nothing() -> None:
    ended = look(at(HELD), subject(100, TELL), BURN)
    assert (ended.changed[0].state, ended.signals) == (OFF, ())
    untold = look(at(HELD), subject(300, TELL, coverage=0.5))
    assert (untold.changed, untold.signals) == ((), ())


def test_a_runbook_does_not_wait_and_runs_for_the_burn_incident() -> None:
    told = look({}, subject(800, LOOK, TELL), BURN, burning=True)
    assert [(run.key, run.runbook) for run in told.runs] == [(BURN_KEY, "who-spends")]
    assert [(one.action, one.state) for one in told.changed] == [("look", ON), ("tell", HELD)]
    assert told.signals == ()
    over = look(told.after, subject(800, LOOK, TELL))
    assert (over.runs, [signal.key for signal in over.signals]) == ((), [KEY])


def test_a_ticket_gives_way_to_a_burn_incident_and_comes_back() -> None:
    told = look(at(ON), subject(800, TELL), TICKET, BURN)
    (event,) = told.events
    assert (event.kind, event.number, event.actor) == (EventKind.RESOLVED, 7, "vigie")
    assert event.text.startswith("incident #8 has it now")
    assert (told.signals, told.changed) == ((), (Acting(SLO.id, "tell", HELD, NOW - 60),))
    assert [one.firing for one in look(told.after, subject(800, TELL)).signals] == [True]


def test_a_ticket_that_somebody_works_on_gives_way_to_nothing() -> None:
    taken = replace(TICKET, acknowledged=True)
    told = look(at(ON), subject(800, TELL), taken, BURN)
    assert (told.events, told.changed) == ((), ())
    assert [signal.firing for signal in told.signals] == [True]


def test_actions_of_other_slos_are_left_as_they_are() -> None:
    other = {(Slo("a", "b", 0.9, 60.0, SLO.sli).id, "tell"): Acting(SLO.id, "x", ON, 1.0)}
    told = look(other, subject(800, TELL))
    assert told.after == {**other, (SLO.id, "tell"): Acting(SLO.id, "tell", ON, NOW)}


@given(st.lists(st.tuples(st.integers(0, 1500), st.sampled_from([1.0, 0.5])), max_size=30))
def test_an_action_starts_and_ends_in_turn_whatever_is_measured(
    months: list[tuple[int, float]],
) -> None:
    before: Mapping[Key, Acting] = {}
    turns = []
    for bad, coverage in months:
        told = look(before, subject(bad, TELL, coverage=coverage))
        turns += ["started"] * len(told.started) + ["ended"] * len(told.ended)
        assert len(told.signals) == len(told.started)
        before = told.after
    assert turns == (["started", "ended"] * len(turns))[: len(turns)]


def test_a_tick_looks_closely_only_at_what_may_hold() -> None:
    fast = BudgetAction("fast", (Act.TICKET,), burning_above=6.0, over_s=3600.0)
    slow = BudgetAction("slow", (Act.RUNBOOK,), burning_above=1.0, over_s=86400.0, runbook="r")
    limits = Limits.of(
        [
            Policy("none"),
            Policy("freezes", actions=(FREEZE,)),
            Policy("left", actions=(TELL, STOP)),
            Policy("burns", actions=(fast, slow)),
        ]
    )
    assert limits.below.tolist() == [-np.inf, -np.inf, 0.25, -np.inf]
    assert set(limits.above) == {3600.0, 86400.0}

    def reached(left: float, hour: float, day: float) -> list[bool]:
        burns = {3600.0: np.full(4, hour), 86400.0: np.full(4, day)}
        return limits.reached(np.full(4, left), burns).tolist()

    assert reached(0.3, 6.0, 1.0) == [False, False, False, False]
    assert reached(0.2, 6.0, 1.0) == [False, False, True, False]
    assert reached(0.3, 6.1, 1.0) == [False, False, False, True]
    assert reached(0.3, 0.0, 1.1) == [False, False, False, True]
    assert reached(np.nan, np.nan, np.nan) == [False, False, False, False]
