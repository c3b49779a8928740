"""What an incident cost, in words."""

from typing import Any

import pytest

from incidents.cost import notes, said


def row(**changes: Any) -> dict[str, Any]:
    found = {
        "sli": "shop/answers",
        "window": "30d",
        "total": 51_200,
        "coverage": 1.0,
        "covered": True,
        "counts": "events",
        "estimated": "",
        "reasons": [],
        "window_coverage": 1.0,
        "excluded_bad": 0,
        "corrected_seconds": 0.0,
    }
    columns = {
        "budget_burned": 0.123,
        "bad_events": 4_310,
        "traffic_share": 0.084,
        "downtime_s": 250.0,
        "planned_downtime_s": 0.0,
    }
    impact = {**found, **changes.pop("impact", {})}
    return {**columns, **changes, "impact": impact}


def test_one_line_says_budget_requests_and_downtime() -> None:
    assert said(row()) == (
        "12.3 % of the 30d budget; 4,310 of 51,200 requests failed (8.4 %); down 4m10s, planned 0s"
    )
    assert notes(row()) == []


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"budget_burned": None}, "budget unknown"),
        ({"budget_burned": 0.00042}, "0.042 % of the 30d budget"),
        ({"budget_burned": 0.0}, "0.0 % of the 30d budget"),
        ({"bad_events": None, "traffic_share": None}, "failed requests unknown"),
        ({"bad_events": None}, "8.4 % of requests failed"),
        ({"impact": {"counts": "slices", "total": 9}, "bad_events": 3}, "3 of 9 slices failed"),
        ({"downtime_s": None}, "downtime unknown"),
        ({"planned_downtime_s": 60.0}, "down 4m10s, planned 1m"),
    ],
)
def test_what_is_unknown_is_called_so(changes: dict[str, Any], line: str) -> None:
    assert line in said(row(**changes))


@pytest.mark.parametrize(
    ("changes", "note"),
    [
        (
            {"impact": {"coverage": 0.5, "covered": False}},
            "50.0 % of the time was measured, which ",
        ),
        ({"impact": {"estimated": "judged by samples"}}, "Estimated: judged by samples"),
        ({"impact": {"excluded_bad": 12}}, "12 more failed in planned or corrected time"),
        ({"impact": {"corrected_seconds": 90.0}}, "1m30s of downtime were taken out afterwards"),
        ({"impact": {"reasons": ["it is about no SLO"]}}, "It is about no SLO"),
        ({"impact": {"window_coverage": 0.1}}, "The budget is that of the traffic seen"),
    ],
)
def test_what_flaws_the_figures_stands_below_them(changes: dict[str, Any], note: str) -> None:
    (found,) = notes(row(**changes))
    assert found.startswith(note)


def test_an_incident_about_a_service_names_the_slos_that_lost_most() -> None:
    slos = [
        {"sli": f"shop/{name}", "window": "30d", "budget_burned": burned}
        for name, burned in (("a", 0.01), ("b", None), ("c", 0.3), ("d", 0.0))
    ]
    line = said(row(impact={"slos": slos}, budget_burned=None))
    assert line.startswith("shop/c: 30.0 % of the 30d budget; shop/a: 1.0 % of the 30d budget; ")


def test_before_it_was_looked_at_nothing_is_said() -> None:
    empty = {**row(), "impact": {"redundancy": {"state": "redundant"}}}
    assert (said(empty), notes(empty)) == ("", [])
