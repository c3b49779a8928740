"""Laying out panels, and filling in variables."""

import pytest

from dashboards.panels import Frame, dashboard, expressions, stat


def number(id: int, width: int = 8, height: int = 4):
    return stat(Frame(id, f"n{id}", "A number.", "none", "no data", width, height), f"up == {id}")


def built(*rows):
    return dashboard("x", "X", "All of it.", rows=rows, variables=[])


def test_panels_of_a_row_stand_side_by_side_and_rows_below_the_tallest() -> None:
    placed = built([number(1), number(2, height=6)], [number(3)])["panels"]
    assert [(p["gridPos"]["x"], p["gridPos"]["y"]) for p in placed] == [(0, 0), (8, 0), (0, 6)]


def test_a_row_wider_than_the_grid_is_refused() -> None:
    with pytest.raises(ValueError, match="a row is 32 wide"):
        built([number(n) for n in range(4)])


def test_an_id_that_stands_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="unique"):
        built([number(1)], [number(1)])


def test_expressions_come_in_panel_order() -> None:
    assert expressions(built([number(2)], [number(1)])) == ["up == 2", "up == 1"]


def test_a_variable_that_nobody_fills_in_is_an_error() -> None:
    frame = Frame(1, "n", "A number.", "none", "no data")
    with pytest.raises(KeyError, match="unknown"):
        expressions(built([stat(frame, 'up{job="$unknown"}')]))
