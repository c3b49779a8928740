"""Labels that hold one or several values."""

import pytest

from slo import labels


@pytest.mark.parametrize(
    ("wanted", "fits"),
    [
        ({}, True),
        ({"env": "prod"}, True),
        ({"team": "a"}, True),
        ({"team": "b"}, True),
        ({"team": "a,b"}, True),
        ({"team": "a", "env": "prod"}, True),
        ({"team": "c"}, False),
        ({"team": ""}, False),
        ({"region": "eu"}, False),
        ({"region": ""}, False),
        ({"team": "a", "env": "dev"}, False),
    ],
)
def test_a_label_with_several_values_fits_each_of_them(wanted: dict[str, str], fits: bool) -> None:
    have = {"env": "prod", "team": labels.joined(["a", "b"])}
    assert labels.fit(have, wanted) is fits
