"""Which series selectors name, with the labels of the target laid over those of the page."""

from collections.abc import Mapping

import pytest
import re2
from hypothesis import given
from hypothesis import strategies as st

from collectors.labels import SYNTHETIC, Choice, as_seen, compatible, laid_over
from collectors.relabel import Action, Rule
from collectors.scraping import AS_USUAL, Scraping
from slo.spec import Matcher, MatchOp, Selector

EQUAL, NOT_EQUAL, MATCH, NOT_MATCH = MatchOp


def selector(label: str, op: MatchOp, value: str) -> Selector:
    return Selector("m", (Matcher(label, op, value),))


@pytest.mark.parametrize(
    ("op", "value", "code", "named"),
    [
        (EQUAL, "500", "500", True),
        (EQUAL, "500", "5000", False),
        (EQUAL, "", "", True),
        (NOT_EQUAL, "500", "200", True),
        (NOT_EQUAL, "500", "", True),
        (NOT_EQUAL, "500", "500", False),
        (MATCH, "5..", "503", True),
        (MATCH, "5..", "1503", False),
        (MATCH, "5..", "5031", False),
        (MATCH, "4|5", "45", False),
        (MATCH, ".*", "", True),
        (MATCH, ".+", "", False),
        (MATCH, "a.b", "a\nb", True),
        (MATCH, "(?i)get", "GET", True),
        (NOT_MATCH, "5..", "503", False),
        (NOT_MATCH, "5..", "", True),
        (NOT_MATCH, "", "", False),
    ],
)
def test_matchers_are_anchored_and_an_absent_label_is_empty(
    op: MatchOp, value: str, code: str, named: bool
) -> None:
    choice = Choice({}, [selector("code", op, value)])
    labels = {"code": code} if code else {}
    assert bool(choice.named_by("m", labels)) is named
    assert bool(choice.named_by("m", {"code": code})) is named
    assert choice.named_by("n", labels) == ()


@pytest.mark.parametrize(
    ("target", "page", "merged"),
    [
        ({"job": "a"}, {"code": "1"}, {"job": "a", "code": "1"}),
        ({"job": "a"}, {"job": "b"}, {"job": "a", "exported_job": "b"}),
        (
            {"job": "a"},
            {"job": "b", "exported_job": "c"},
            {"job": "a", "exported_job": "c", "exported_exported_job": "b"},
        ),
        (
            {"job": "a", "exported_job": "d"},
            {"job": "b"},
            {"job": "a", "exported_job": "d", "exported_exported_job": "b"},
        ),
        ({"job": "a"}, {"job": ""}, {"job": "a"}),
        ({"job": ""}, {"job": "b"}, {"job": "b"}),
        ({}, {"code": ""}, {}),
    ],
)
def test_a_label_of_the_page_gives_way_to_that_of_the_target(
    target: Mapping[str, str], page: Mapping[str, str], merged: Mapping[str, str]
) -> None:
    assert laid_over(target, page) == merged


@pytest.mark.parametrize(
    ("wanted", "possible"),
    [
        (selector("region", EQUAL, "eu"), True),
        (selector("region", EQUAL, "us"), False),
        (selector("region", MATCH, "e.|us"), True),
        (selector("region", NOT_MATCH, "e."), False),
        (selector("region", EQUAL, ""), False),
        (selector("code", EQUAL, "500"), True),
        (selector("code", EQUAL, ""), True),
        (selector("exported_region", EQUAL, "us"), True),
        (Selector("m"), True),
    ],
)
def test_only_labels_that_the_target_sets_can_rule_a_selector_out(
    wanted: Selector, possible: bool
) -> None:
    assert compatible(wanted, {"region": "eu"}) is possible


label_sets = st.dictionaries(
    st.sampled_from(["a", "b", "exported_a"]), st.sampled_from(["", "x", "y"]), max_size=3
)
matchers = st.builds(
    Matcher,
    st.sampled_from(["a", "b", "exported_a"]),
    st.sampled_from(MatchOp),
    st.sampled_from(["", "x", "y", "x|y"]),
)


@given(label_sets, label_sets, st.lists(matchers, max_size=3))
def test_a_selector_that_is_ruled_out_names_no_series_of_any_page(
    target: dict[str, str], page: dict[str, str], conditions: list[Matcher]
) -> None:
    wanted = Selector("m", tuple(sorted(conditions)))
    named = Choice({}, [wanted]).named_by("m", laid_over(target, page))
    assert Choice(target, [wanted]).named_by("m", page) == named
    assert not named or compatible(wanted, target)


def test_a_pattern_that_re2_does_not_know_is_refused_at_once() -> None:
    with pytest.raises(re2.error):
        Choice({"job": "a"}, [selector("job", MATCH, "(")])


@pytest.mark.parametrize(
    ("page", "merged"),
    [
        ({"job": "p"}, {"job": "p", "zone": "z"}),
        ({"job": ""}, {"zone": "z"}),
        ({"code": "200"}, {"job": "t", "zone": "z", "code": "200"}),
        ({"zone": "", "job": "p", "x": ""}, {"job": "p"}),
    ],
)
def test_an_honored_label_of_the_page_wins_and_an_empty_one_too(
    page: Mapping[str, str], merged: Mapping[str, str]
) -> None:
    assert laid_over({"job": "t", "zone": "z", "no": ""}, page, honor=True) == merged


RULES = Scraping(metric_relabel=(Rule(Action.DROP, ("code",), regex="5.."),))
RENAMED = Scraping(
    metric_relabel=(Rule(source_labels=("job",), target_label="__name__", replacement="of_$1"),)
)


def test_a_series_is_seen_under_its_targets_labels_and_after_its_rules() -> None:
    own = {"job": "shop", "no": ""}
    assert as_seen(own, AS_USUAL, "m", {"job": "p"}) == ("m", {"job": "shop", "exported_job": "p"})
    assert as_seen(own, Scraping(honor_labels=True), "m", {"job": "p"}) == ("m", {"job": "p"})
    assert as_seen(own, RULES, "m", {"code": "500"}) is None
    assert as_seen(own, RULES, "m", {"code": "200"}) == ("m", {"job": "shop", "code": "200"})
    assert as_seen(own, RENAMED, "m", {}) == ("of_shop", {"job": "shop"})
    nameless = Scraping(metric_relabel=(Rule(Action.LABELDROP, regex="__name__"),))
    assert as_seen(own, nameless, "m", {}) == ("", {"job": "shop"})


@pytest.mark.parametrize("metric", sorted(SYNTHETIC))
def test_what_a_scrape_says_of_itself_is_not_relabelled(metric: str) -> None:
    assert as_seen({"job": "shop", "no": ""}, RENAMED, metric, {}) == (metric, {"job": "shop"})


def test_labels_of_the_target_rule_nothing_out_where_the_page_or_rules_may_change_them() -> None:
    elsewhere = selector("region", EQUAL, "us")
    assert not compatible(elsewhere, {"region": "eu"})
    assert compatible(elsewhere, {"region": "eu"}, Scraping(honor_labels=True))
    assert compatible(elsewhere, {"region": "eu"}, RULES)


def test_a_choice_names_series_by_what_the_rules_make_of_them() -> None:
    choice = Choice({"job": "shop"}, [Selector("of_shop")], RENAMED)
    assert choice.metrics == {"of_shop"}
    assert choice.named_by("m", {}) == (str(Selector("of_shop")),)
    assert choice.named_by("of_shop", {}) == (str(Selector("of_shop")),)
    assert Choice({"job": "bank"}, [Selector("of_shop")], RENAMED).named_by("of_shop", {}) == ()
