"""Which policy watches an SLO, and with which arms."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo.load.codes import Code
from slo.load.yaml import Mark, Problem, Problems
from slo.policies import DEFAULT, arms_for, policy_for
from slo.promql import compile_events
from slo.spec import Alerting, Arm, ArmKind, CountingSli, Policy, RatioKind, Service, Slo

DAY, HOUR, MINUTE = 86_400, 3_600, 60
EVENTS = compile_events("sum(x)")
SLI = CountingSli(RatioKind.BAD, EVENTS, EVENTS)
PLACE = Mark("slo.yaml", 1, 1)


def _slo(objective: float = 0.999, window_s: float = 30 * DAY, **more: Any) -> Slo:
    return Slo("checkout", "latency", objective, window_s, SLI, mark=PLACE, **more)


def _policy(name: str, **select: object) -> Policy:
    return Policy(name, mark=Mark(f"{name}.yaml", 1, 1), **select)


def test_without_a_policy_the_default_one_watches() -> None:
    problems = Problems()
    others = [_policy("a", services=("payments",)), _policy("b", slos=("availability",))]
    assert policy_for(_slo(), [], problems) is DEFAULT
    assert policy_for(_slo(), others, problems) is DEFAULT
    assert problems.items == []


EVERY = _policy("every")
LABEL = _policy("label", match_labels={"tier": "gold"})
LABELS = _policy("labels", match_labels={"tier": "gold", "team": "b"})
SERVICE = _policy("service", services=("payments", "checkout"))
SERVICE_LABEL = _policy("service-label", services=("checkout",), match_labels={"tier": "gold"})
NAME = _policy("slo", slos=("latency",))
NAME_SERVICE = _policy("slo-service", slos=("latency",), services=("checkout",))
BY_SPECIFICITY = [EVERY, LABEL, LABELS, SERVICE, SERVICE_LABEL, NAME, NAME_SERVICE]


@pytest.mark.parametrize("count", range(1, len(BY_SPECIFICITY) + 1))
def test_the_most_specific_policy_wins_in_whatever_order_they_stand(count: int) -> None:
    slo, problems = _slo(labels={"tier": "gold", "team": "a,b"}), Problems()
    policies = BY_SPECIFICITY[:count]
    assert policy_for(slo, policies, problems) is policies[-1]
    assert policy_for(slo, policies[::-1], problems) is policies[-1]
    assert problems.items == []


def test_labels_of_the_service_count_where_the_slo_has_none_of_that_name() -> None:
    service = Service("checkout", labels={"tier": "gold"})
    problems = Problems()
    assert policy_for(_slo(), [EVERY, LABEL], problems, service) is LABEL
    silver = _slo(labels={"tier": "silver"})
    assert policy_for(silver, [EVERY, LABEL], problems, service) is EVERY


def test_a_tie_is_an_error_that_names_both_places() -> None:
    problems = Problems()
    other = _policy("other", services=("checkout",))
    assert policy_for(_slo(), [EVERY, SERVICE, other], problems) is SERVICE
    assert [str(problem) for problem in problems.items] == [
        "other.yaml:1:1: error[V203] policies `service` (service.yaml:1:1) and `other` select SLO "
        "`checkout/latency` equally: make one of them more specific"
    ]


def test_the_default_arms_for_30_days_are_those_of_the_workbook() -> None:
    problems = Problems()
    assert arms_for(_slo(), DEFAULT, 15, problems) == (
        Arm("page-1h-5m", ArmKind.PAGE, 14.4, HOUR, 5 * MINUTE),
        Arm("page-6h-30m", ArmKind.PAGE, 6.0, 6 * HOUR, 30 * MINUTE),
        Arm("ticket-1d-2h", ArmKind.TICKET, 3.0, DAY, 2 * HOUR),
        Arm("ticket-3d-6h", ArmKind.TICKET, 1.0, 3 * DAY, 6 * HOUR),
    )
    assert problems.items == []


ARMS = [
    # window, interval, the arms by name
    (28 * DAY, 15, ["page-56m-4m40s", "page-5h36m-28m", "ticket-22h24m-1h52m",
                    "ticket-2d19h12m-5h36m"]),
    (7 * DAY, 15, ["page-14m-1m10s", "page-1h24m-7m", "ticket-5h36m-28m", "ticket-16h48m-1h24m"]),
    # 7 d with a scrape a minute: 70 s would hold one scrape, so 4 min, and 16 min for the long one.
    (7 * DAY, 60, ["page-16m-4m", "page-1h24m-7m", "ticket-5h36m-28m", "ticket-16h48m-1h24m"]),
    # 1 h: all are bounded, the pages to the same lengths, and of these the lower rate stays.
    (HOUR, 15, ["page-4m-1m", "ticket-4m-1m", "ticket-6m-1m"]),
    (4 * MINUTE, 15, ["page-4m-1m", "ticket-4m-1m"]),
    (30 * DAY, 0.1, ["page-1h-5m", "page-6h-30m", "ticket-1d-2h", "ticket-3d-6h"]),
]  # fmt: skip


@pytest.mark.parametrize(("window_s", "interval_s", "expected"), ARMS)
def test_lengths_scale_with_the_window_within_the_bounds_of_the_scrapes(
    window_s: float, interval_s: float, expected: list[str]
) -> None:
    problems = Problems()
    arms = arms_for(_slo(window_s=window_s), DEFAULT, interval_s, problems)
    assert [arm.name for arm in arms] == expected
    assert problems.items == []


def test_of_arms_that_became_alike_the_lower_rate_stays() -> None:
    arms = arms_for(_slo(window_s=4 * MINUTE), DEFAULT, 15, Problems())
    assert [(arm.kind, arm.burn_rate) for arm in arms] == [
        (ArmKind.PAGE, 6.0),
        (ArmKind.TICKET, 1.0),
    ]


def test_a_window_that_is_too_short_for_the_scrapes_is_an_error() -> None:
    problems = Problems()
    assert arms_for(_slo(window_s=3 * MINUTE), DEFAULT, 15, problems) == ()
    assert [str(problem) for problem in problems.items] == [
        "slo.yaml:1:1: error[V404] a window of 3m is too short for a scrape every 15s: "
        "it must be at least 4m"
    ]


@pytest.mark.parametrize(
    ("objective", "rates"),
    [
        (0.94, [14.4, 6.0, 3.0, 1.0]),  # at most 16.67
        (0.9, [5.0, 6.0, 3.0, 1.0]),  # at most 10
        (0.8, [2.5, 2.5, 3.0, 1.0]),  # at most 5
        (0.5, [1.0, 1.0, 1.0, 1.0]),  # at most 2
        (0.1, [0.555556, 0.555556, 0.555556, 1.0]),  # at most 1.11
    ],
)
def test_a_default_rate_that_the_objective_cannot_reach_is_capped_with_one_warning(
    objective: float, rates: list[float]
) -> None:
    problems = Problems()
    arms = arms_for(_slo(objective), DEFAULT, 15, problems)
    assert [arm.burn_rate for arm in arms] == pytest.approx(rates, abs=1e-6)
    assert len(problems.warnings) == (1 if objective < 0.94 else 0)
    assert problems.errors == []


def test_the_warning_says_what_is_possible() -> None:
    problems = Problems()
    arms_for(_slo(0.9), DEFAULT, 15, problems)
    assert [str(problem) for problem in problems.items] == [
        "slo.yaml:1:1: warning[V402] with an objective of 0.9 the burn rate of SLO "
        "`checkout/latency` is at most 10: default arms that ask for more are capped at 5"
    ]


WRITTEN = Mark("p.yaml", 7, 31)


def _written(burn_rate: float = 10.0, long_s: float = HOUR, short_s: float = 5 * MINUTE) -> Policy:
    arm = Arm("page-l-s", ArmKind.PAGE, burn_rate, long_s, short_s, mark=WRITTEN)
    return Policy("written", arms=(arm,))


def test_written_arms_are_taken_as_they_are() -> None:
    problems = Problems()
    policy = _written(long_s=77, short_s=61)
    assert arms_for(_slo(window_s=HOUR), policy, 15, problems) == policy.arms
    assert problems.items == []


@pytest.mark.parametrize(
    ("policy", "objective", "code", "message"),
    [
        (
            _written(burn_rate=10),
            0.9,
            Code.UNREACHABLE,
            "can never fire: with an objective of 0.9 the burn rate is at most 10, and this asks "
            "for 10",
        ),
        (
            _written(short_s=59),
            0.999,
            Code.SHORT_WINDOW,
            "looks at 59s, which holds under 4 scrapes (one every 15s): make `short` at least 1m",
        ),
        (
            _written(long_s=31 * DAY),
            0.999,
            Code.LONG_WINDOW,
            "looks at 31d, longer than the SLO's window of 30d: shorten `long`",
        ),
    ],
)
def test_a_written_arm_that_could_not_work_is_an_error_at_its_place(
    policy: Policy, objective: float, code: Code, message: str
) -> None:
    problems = Problems()
    arms_for(_slo(objective), policy, 15, problems)
    text = f"arm `page-l-s` of SLO `checkout/latency` {message}"
    assert problems.items == [Problem(WRITTEN, text, code=code)]

    problems = Problems()
    arms = policy.arms or ()
    own = Alerting(arms=arms)
    assert arms_for(_slo(objective, alerting=own), DEFAULT, 15, problems) == arms
    assert problems.items == [Problem(WRITTEN, text, code=code)]

    problems = Problems()
    implied = Alerting(arms=tuple(replace(arm, mark=None) for arm in arms))
    arms_for(_slo(objective, alerting=implied), DEFAULT, 15, problems)
    (problem,) = problems.items
    assert (problem.mark, problem.warning, problem.code) == (PLACE, True, code)


IMPLIED = Alerting(
    arms=(
        Arm("page-30m-3m", ArmKind.PAGE, 14.0, 30 * MINUTE, 3 * MINUTE, 60),
        Arm("page-3h-15m", ArmKind.PAGE, 7.0, 3 * HOUR, 15 * MINUTE, 480),
    )
)


@pytest.mark.parametrize(
    ("interval_s", "expected", "raised"),
    [
        (45, ["page-30m-3m", "page-3h-15m"], []),
        # Four scrapes are 4, 8 and 40 minutes, and the long window has four times that.
        (60, ["page-30m-4m", "page-3h-15m"], ["3m, which holds under 4 scrapes (one every 1m)"]),
        (120, ["page-32m-8m", "page-3h-15m"], ["3m, which holds under 4 scrapes (one every 2m)"]),
        (600, ["page-2h40m-40m", "page-3h-40m"], ["`page-2h40m-40m` here", "`page-3h-40m` here"]),
        (3600, ["page-16h-4h"], ["`page-16h-4h` here", "`page-16h-4h` here"]),
    ],
)
def test_lengths_that_a_format_implies_are_raised_to_four_scrapes_with_a_warning(
    interval_s: float, expected: list[str], raised: list[str]
) -> None:
    problems = Problems()
    arms = arms_for(_slo(alerting=IMPLIED), DEFAULT, interval_s, problems)
    assert [arm.name for arm in arms] == expected
    assert (arms[-1].burn_rate, arms[-1].after_s) == (7.0, 480)
    assert all(4 * interval_s <= arm.short_s <= arm.long_s / 4 for arm in arms)
    assert len(problems.items) == len(raised)
    for problem, words in zip(problems.items, raised, strict=True):
        assert (problem.mark, problem.warning, problem.code) == (PLACE, True, Code.SHORT_WINDOW)
        assert "which the format of SLO `checkout/latency` implies" in problem.message
        assert words in problem.message


def test_a_window_without_room_for_what_a_format_implies_is_an_error() -> None:
    problems = Problems()
    slo = _slo(window_s=15 * HOUR, alerting=IMPLIED)
    assert arms_for(slo, DEFAULT, 3600, problems) == ()
    assert [str(problem) for problem in problems.items] == [
        "slo.yaml:1:1: error[V404] a window of 15h is too short for a scrape every 1h: "
        "it must be at least 16h"
    ]


PAGE = Arm("page-1h-5m", ArmKind.PAGE, 10, HOUR, 5 * MINUTE)
TICKET = Arm("ticket-1d-2h", ArmKind.TICKET, 2, DAY, 2 * HOUR)


@pytest.mark.parametrize(
    ("alerting", "policy", "expected"),
    [
        (Alerting(), Policy("p", arms=(PAGE,)), [PAGE.name]),
        (Alerting(arms=(TICKET,)), Policy("p", arms=(PAGE,)), [TICKET.name]),
        (Alerting(arms=()), Policy("p", arms=(PAGE,)), []),
        (
            Alerting(arms=(PAGE, TICKET), without=frozenset({ArmKind.PAGE})),
            DEFAULT,
            [TICKET.name],
        ),
        (
            Alerting(without=frozenset({ArmKind.TICKET})),
            Policy("p", arms=(PAGE, TICKET)),
            [PAGE.name],
        ),
        (Alerting(without=frozenset({ArmKind.PAGE})), DEFAULT, ["ticket-1d-2h", "ticket-3d-6h"]),
        (Alerting(without=frozenset(ArmKind)), DEFAULT, []),
    ],
)
def test_the_alerting_of_an_slo_replaces_the_arms_of_its_policy_and_leaves_kinds_out(
    alerting: Alerting, policy: Policy, expected: list[str]
) -> None:
    problems = Problems()
    arms = arms_for(_slo(alerting=alerting), policy, 15, problems)
    assert [arm.name for arm in arms] == expected
    assert problems.items == []


def test_an_arm_that_is_left_out_is_not_judged() -> None:
    problems = Problems()
    own = Alerting(without=frozenset({ArmKind.PAGE}))
    assert arms_for(_slo(0.8, alerting=own), DEFAULT, 15, problems)  # 3x and 1x can be reached
    assert arms_for(_slo(0.9, alerting=own), _written(burn_rate=10), 15, problems) == ()
    assert problems.items == []


@pytest.mark.parametrize(
    ("objective", "expected"),
    [
        (1.0, "error[V408] the objective of SLO `checkout/latency` is 1, which leaves no budget"),
        (0.0, "error[V401] the objective of SLO `checkout/latency` is 0; it must be above 0 and"),
        (99.9, "error[V401] the objective of SLO `checkout/latency` is 99.9; it must be above 0"),
        (float("nan"), "error[V401] the objective of SLO `checkout/latency` is nan; it must be"),
    ],
)
def test_an_objective_that_is_none_has_no_arms(objective: float, expected: str) -> None:
    problems = Problems()
    assert arms_for(_slo(objective), DEFAULT, 15, problems) == ()
    (problem,) = problems.items
    assert str(problem).startswith(f"slo.yaml:1:1: {expected}")


@given(
    objective=st.floats(min_value=0.001, max_value=0.99999),
    window_s=st.floats(min_value=60, max_value=35 * DAY),
    interval_s=st.floats(min_value=0.1, max_value=600),
)
def test_default_arms_always_work(objective: float, window_s: float, interval_s: float) -> None:
    problems = Problems()
    arms = arms_for(_slo(objective, window_s), DEFAULT, interval_s, problems)
    assert bool(arms) is not bool(problems.errors)
    assert len({arm.name for arm in arms}) == len(arms)
    for arm in arms:
        assert 4 * interval_s <= arm.short_s <= arm.long_s / 4
        assert arm.long_s <= window_s
        assert arm.long_s == int(arm.long_s)
        assert arm.short_s == int(arm.short_s)
        assert 0 < arm.burn_rate < 1 / (1 - objective)
