"""What a chart says in words."""

from dataclasses import replace

import pytest

from collectors.changes import Change, Kind, Status
from fleet import T0
from vigie.store.changes import Stored
from vigie.views.history import Bucket, Happened, Spell, Story
from vigie.web.chart_words import change_said, legend, marks, ratio, reading, summary, web_only

DEPLOY = Change("api", None, "Ship", Kind.DEPLOY, Status.SUCCEEDED, T0, T0, version="v2")
EMPTY = Story("checkout/availability", 0.999, T0, T0 + 300, 60, ())


def bucket(n: int, good: float | None, total: float | None, coverage: float = 1.0) -> Bucket:
    return Bucket(T0 + 60 * n, T0 + 60 * n + 60, good, total, coverage)


@pytest.mark.parametrize(
    ("buckets", "said"),
    [
        ((), "No events are known of this time."),
        ((bucket(0, 0, 0), bucket(1, None, None)), "No events are known of this time."),
        (
            (bucket(0, 10, 10), bucket(1, 9995, 10_000)),
            "99.9 % or better in all 2 intervals of 1 min; the lowest is 99.95 % at Sep 21 14:14 "
            "UTC.",
        ),
        (
            (bucket(0, 10, 10), bucket(1, 9, 10), bucket(2, 0, 0), bucket(3, None, None)),
            "Below 99.9 % in 1 of 2 intervals of 1 min; the lowest is 90 % at Sep 21 14:14 UTC; "
            "1 min not measured.",
        ),
    ],
)
def test_a_summary_says_how_it_stands(buckets: tuple[Bucket, ...], said: str) -> None:
    assert summary(replace(EMPTY, buckets=buckets)) == said


@pytest.mark.parametrize(
    ("one", "said"),
    [
        (bucket(0, None, None, 0.0), "not measured"),
        (bucket(0, 0, 0), "nothing happened"),
        (bucket(0, 12_000, 12_345), "97.2 % of 12,345 events were good"),
        (bucket(0, 1, 1, 0.5), "100 % of 1 events were good, 50 % was measured"),
    ],
)
def test_a_reading_says_what_was_measured(one: Bucket, said: str) -> None:
    assert reading(one) == f"Sep 21 14:13 to 14:14 UTC: {said}"


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (1.0, "100 %"),
        (0.999, "99.9 %"),
        (0.99823, "99.823 %"),
        (0.99999, "99.999 %"),
        (0.9999999, "99.99999 %"),
        (0.621, "62.1 %"),
        (0.0, "0 %"),
    ],
)
def test_a_ratio_has_the_digits_that_tell(value: float, said: str) -> None:
    assert ratio(value) == said


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({}, "Ship v2"),
        ({"title": "Ship v2"}, "Ship v2"),
        ({"status": Status.FAILED, "version": ""}, "Ship, failed"),
    ],
)
def test_a_change_is_said_with_its_version_and_how_it_went(more: dict[str, str], said: str) -> None:
    assert change_said(Stored(1, replace(DEPLOY, **more), T0)) == said  # type: ignore[arg-type]  # a table


@pytest.mark.parametrize("url", ["javascript:alert(1)", "data:text/html,x", "//[", "", "ftp://a"])
def test_what_comes_from_outside_leads_to_the_web_only(url: str) -> None:
    assert web_only(url) == ""
    assert web_only("https://ci.example.org/1") == "https://ci.example.org/1"


def test_what_happened_is_listed_by_time() -> None:
    happened = Happened(
        outages=(Spell(T0 + 30, None, "no answer"),),
        excluded=(Spell(T0 + 5, T0 + 65, "planned: disks"),),
        incidents=(Spell(T0 + 20, T0 + 30, "#7 burns", "/incidents/7"),),
        changes=(Stored(4, DEPLOY, T0), Stored(5, replace(DEPLOY, started_at=T0 + 25), T0)),
    )
    told = replace(EMPTY, happened=happened)
    assert [(one.kind, one.label, one.text, one.lasted) for one in marks(told)] == [
        ("change", "1", "Ship v2", ""),
        ("excluded", "", "planned: disks", "1 min"),
        ("incident", "", "#7 burns", "10 s"),
        ("change", "2", "Ship v2", ""),
        ("outage", "", "no answer", "going on"),
    ]
    assert [kind for kind, _ in legend(told)] == [
        "kept",
        "outage",
        "excluded",
        "change",
        "incident",
    ]


def test_a_legend_explains_only_what_is_there() -> None:
    assert [kind for kind, _ in legend(EMPTY)] == ["kept"]
    bad = replace(EMPTY, buckets=(bucket(0, 9, 10), bucket(1, None, None)))
    assert [kind for kind, _ in legend(bad)] == ["kept", "breach", "gap"]
