"""Label selectors: what they select, and their text."""

import pytest

from collectors.workloads.selectors import LabelSelector, selector_of

IN = {"key": "tier", "operator": "In", "values": ["a", "b"]}
NOT_IN = {**IN, "operator": "NotIn"}
CASES = [
    ({}, {}, True, ""),
    ({"matchLabels": {"app": "web"}}, {"app": "web", "x": "y"}, True, "app=web"),
    ({"matchLabels": {"app": "web"}}, {"app": "db"}, False, "app=web"),
    ({"matchExpressions": [IN]}, {"tier": "b"}, True, "tier in (a,b)"),
    ({"matchExpressions": [IN]}, {}, False, "tier in (a,b)"),
    ({"matchExpressions": [NOT_IN]}, {}, True, "tier notin (a,b)"),
    ({"matchExpressions": [NOT_IN]}, {"tier": "a"}, False, "tier notin (a,b)"),
    ({"matchExpressions": [{"key": "x", "operator": "Exists"}]}, {"x": ""}, True, "x"),
    ({"matchExpressions": [{"key": "x", "operator": "DoesNotExist"}]}, {"x": ""}, False, "!x"),
    ({"matchExpressions": [{"key": "x", "operator": "Like"}]}, {"x": ""}, False, ""),
    (
        {"matchLabels": {"app": "web"}, "matchExpressions": [IN]},
        {"app": "web", "tier": "c"},
        False,
        "app=web,tier in (a,b)",
    ),
]


@pytest.mark.parametrize(("raw", "labels", "matches", "text"), CASES)
def test_a_selector(raw: object, labels: dict[str, str], *, matches: bool, text: str) -> None:
    found = selector_of(raw)
    assert found is not None
    assert found.matches(labels) is matches
    assert found.text == text


def test_none_is_not_one_that_selects_all() -> None:
    assert selector_of(None) is None
    assert selector_of({}) == LabelSelector()
