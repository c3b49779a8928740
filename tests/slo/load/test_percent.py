"""Objectives in percent."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo.load.percent import percent
from slo.load.yaml import Fields, Problems, documents


def _percent(text: str, *, quoted: bool) -> tuple[float, list[str]]:
    problems = Problems()
    (node,) = documents(f"target: {text}\n", "slo.yaml", problems)
    objective = percent(Fields(node, problems, "spec"), "target", quoted=quoted)
    return objective, [str(problem) for problem in problems.items]


@pytest.mark.parametrize("text", ["99.9", "99.90", "+99.9", "9.99e1"])
@pytest.mark.parametrize("quote", ["", "'", '"'])
def test_a_number_is_a_ratio_without_the_noise_of_floats(text: str, quote: str) -> None:
    assert _percent(f"{quote}{text}{quote}", quoted=True) == (0.999, [])


def test_quotes_are_refused_where_the_format_wants_a_number() -> None:
    said = "slo.yaml:1:9: error[V104] `spec.target` must be a number"
    assert _percent("'99.9'", quoted=False) == (0.0, [said])


@pytest.mark.parametrize("text", ["99,9", "99.9%", "nan", "inf", "1_0", "true", "{}"])
def test_what_is_no_number_is_an_error(text: str) -> None:
    objective, (problem,) = _percent(text, quoted=True)
    assert objective == 0.0
    assert "error[V104] `spec.target`" in problem


@given(st.decimals(1, 100, places=4))
def test_any_percentage_with_a_budget_is_its_hundredth(value: object) -> None:
    objective, problems = _percent(f"{value}", quoted=False)
    if float(f"{value}") == 100:
        assert objective == 0.0
        assert "error[V408]" in problems[0]
    else:
        assert (f"{objective * 100:.4f}", problems) == (f"{value}", [])
