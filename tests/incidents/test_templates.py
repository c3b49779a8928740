"""Templates of updates: what they may name, and that nothing of a value is read again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incidents.templates import AUDIENCES, DEFAULTS, INSIDE, PUBLIC, filled, refused
from incidents.updates import Audience


def test_the_words_are_those_of_the_enum() -> None:
    assert tuple(Audience) == AUDIENCES
    assert set(DEFAULTS) == set(AUDIENCES)


@pytest.mark.parametrize("audience", AUDIENCES)
def test_our_own_are_good(audience: str) -> None:
    assert list(refused(audience, DEFAULTS[audience])) == []


@pytest.mark.parametrize(
    ("audience", "template", "place", "why"),
    [
        ("internal", "a $nmber", 2, "there is no `$nmber`"),
        ("internal", "${title} ${", 9, "`$` begins no placeholder"),
        ("internal", "5 $", 2, "`$` begins no placeholder"),
        ("customer", "x\n$number", 2, "`$number` is not for customers"),
        ("customer", "${budget}", 0, "`$budget` is not for customers"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(
    audience: str, template: str, place: int, why: str
) -> None:
    ((at, message),) = refused(audience, template)
    assert at == place
    assert message.startswith(why)


def test_a_doubled_sign_is_the_character() -> None:
    assert list(refused("customer", "$$5 $$service ${service}x")) == []
    assert filled("$$5 $$service ${service}x", {"service": "Shop"}) == "$5 $service Shopx"


@given(st.dictionaries(st.sampled_from(INSIDE), st.text("${}%ab_titlenumber", max_size=30)))
def test_no_value_is_read_as_a_placeholder(values: dict[str, str]) -> None:
    known = {name: values.get(name, "") for name in INSIDE}
    template = "|".join(f"${{{name}}}" for name in INSIDE)
    assert filled(template, known) == "|".join(known.values())


def test_customers_get_a_part_of_what_is_known() -> None:
    assert set(PUBLIC) < set(INSIDE)
