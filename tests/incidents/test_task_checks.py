"""What a check may ask, and what an answer means."""

from typing import Any

import pytest

from incidents.task_checks import (
    PromqlCheck,
    RunCheck,
    SloCheck,
    check_of,
    described,
    judge_run,
    judge_slo,
    judge_values,
    stored,
)

GOOD: list[tuple[dict[str, Any], Any, str]] = [
    ({"kind": "slo", "slo": "a/b"}, SloCheck("a/b"), "a/b is met over its window"),
    (
        {"kind": "slo", "slo": "a/b", "window": "3d", "burn_below": 1},
        SloCheck("a/b", 259_200.0, 1.0),
        "a/b burns below 1x over 3d",
    ),
    (
        {"kind": "promql", "expr": "up", "source": "prom", "op": "==", "value": 1},
        PromqlCheck("up", "prom", "==", 1.0),
        "up == 1, asked of prom",
    ),
    ({"kind": "promql", "expr": "a > bool b"}, PromqlCheck("a > bool b"), "a > bool b != 0"),
    (
        {"kind": "run", "runbook": "r"},
        RunCheck("r"),
        "runbook r ran on this incident and ended well",
    ),
]


@pytest.mark.parametrize(("said", "check", "words"), GOOD)
def test_a_check_is_kept_as_it_was_meant(said: dict[str, Any], check: Any, words: str) -> None:
    assert check_of(said) == check
    assert check_of(stored(check)) == check
    assert described(check) == words


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        ({}, "`kind` of a check"),
        ({"kind": "shell", "command": "rm"}, "`kind` of a check"),
        ({"kind": "slo"}, "needs `slo`"),
        ({"kind": "slo", "slo": "a/b", "window": "soon"}, "not a duration"),
        ({"kind": "slo", "slo": "a/b", "burn_below": 0}, "above 0"),
        ({"kind": "slo", "slo": "a/b", "burn_below": True}, "a number"),
        ({"kind": "slo", "slo": "a/b", "expr": "up"}, "has no `expr`"),
        ({"kind": "promql", "expr": "up", "op": "=~"}, "`op` is one of"),
        ({"kind": "promql", "expr": "up", "value": float("nan")}, "a number"),
        ({"kind": "promql", "expr": "x" * 2001}, "at most 2000"),
        ({"kind": "run", "runbook": " "}, "needs `runbook`"),
        ({"kind": "run", "runbook": "a\x00"}, "needs `runbook`"),
    ],
)
def test_what_is_no_check_is_refused_by_name(said: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        check_of(said)


@pytest.mark.parametrize(
    ("check", "figures", "holds", "words"),
    [
        (SloCheck("a/b"), (0.999, 0.9995, 0.5, 1.0), True, "99.9500% good over its window"),
        (SloCheck("a/b"), (0.999, 0.999, 1.0, 1.0), True, "99.9000% promised"),
        (SloCheck("a/b"), (0.999, 0.9989, 1.1, 1.0), False, "99.8900% good"),
        (SloCheck("a/b", 3600.0), (0.999, 1.0, 0.0, 0.4), None, "no data: 40% of the time over 1h"),
        (SloCheck("a/b"), (0.999, None, None, 1.0), None, "no data: nothing happened"),
        (SloCheck("a/b", 3600.0, 1.0), (0.999, 0.9, 0.99, 1.0), True, "burns at 0.99x over 1h"),
        (SloCheck("a/b", 3600.0, 1.0), (0.999, 0.9, 1.0, 1.0), False, "below 1x asked"),
    ],
)
def test_an_slo_is_met_missed_or_not_known(
    check: SloCheck, figures: tuple[Any, ...], holds: bool | None, words: str
) -> None:
    found = judge_slo(check, *figures, 0.5)
    assert found.holds is holds
    assert words in found.text


@pytest.mark.parametrize(
    ("op", "values", "holds", "words"),
    [
        ("<", [0.5], True, "0.5 < 1"),
        ("<", [0.5, 0.7], True, "2 series < 1"),
        ("<", [0.5, 1.0], False, "1 of 2 series not < 1, e.g. 1"),
        ("<", [], None, "no data: the expression gives no series"),
        ("<", [0.5, float("nan")], None, "NaN"),
        ("!=", [float("inf")], True, "inf != 1"),
    ],
)
def test_every_series_has_to_compare_so_and_none_is_no_answer(
    op: str, values: list[float], holds: bool | None, words: str
) -> None:
    found = judge_values(PromqlCheck("x", "", op, 1.0), values)
    assert found.holds is holds
    assert words in found.text


@pytest.mark.parametrize(
    ("state", "holds"), [(None, False), ("running", None), ("failed", False), ("done", True)]
)
def test_a_runbook_has_to_have_ended_well(state: str | None, holds: bool | None) -> None:
    assert judge_run(RunCheck("r"), state).holds is holds
