"""The chart as markup: what is drawn, and that nothing else ever is."""

import math
import re
from dataclasses import replace
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.changes import Change, Kind, Status
from fleet import T0
from vigie.store.changes import Stored
from vigie.views.history import Bucket, Happened, Spell, Story
from vigie.web.chart import draw

DEPLOY = Change("api", None, "Ship", Kind.DEPLOY, Status.SUCCEEDED, T0, T0)


def story(*counts: tuple[float | None, float | None], objective: float = 0.999) -> Story:
    buckets = tuple(
        Bucket(T0 + 60 * n, T0 + 60 * n + 60, good, total, 0.0 if total is None else 1.0)
        for n, (good, total) in enumerate(counts)
    )
    return Story("checkout/availability", objective, T0, T0 + 60 * len(counts), 60, buckets)


def paths(told: Story, kind: str) -> list[str]:
    return re.findall(rf'class="{kind}" d="([^"]*)"', draw(told).svg)


def test_the_sli_is_drawn_in_steps_and_breaks_where_nothing_is_known() -> None:
    told = story((100, 100), (998, 1000), (None, None), (0, 0), (999, 1000))
    assert paths(told, "sli") == ["M0 2H200V72.4H400M800 37.2H1000"]


def test_what_is_below_the_objective_is_filled_up_to_it() -> None:
    assert paths(story((100, 100), (998, 1000)), "breach") == ["M500 37.2H1000V72.4H500Z"]
    assert not paths(story((100, 100), (999, 1000)), "breach")


def test_what_leaves_the_axis_is_cut_at_its_foot_and_said() -> None:
    told = story((100, 100), (100, 100), (100, 100), (60, 100))
    assert paths(told, "cut") == ["M750 178H1000"]
    assert paths(told, "sli")[0].endswith("V178H1000")
    assert "down to 60 %" in draw(told).svg
    assert "down to" not in draw(story((100, 100))).svg


def test_a_gap_is_hatched_and_no_zero() -> None:
    svg = draw(story((5, 5), (None, None), (None, None), (5, 5))).svg
    assert svg.count('class="gap"') == 1
    assert 'x="25%" width="50%" y="24" height="180" class="gap"' in svg
    assert ">not measured</text>" in svg
    assert "M0 2H250M750 2H1000" in svg


def test_a_story_without_any_measure_is_one_gap() -> None:
    drawn = draw(story((None, None), (None, None)))
    assert 'x="0%" width="100%" y="24" height="180" class="gap"' in drawn.svg
    assert drawn.summary == "No events are known of this time."


def test_a_change_is_a_line_with_its_title_version_and_link() -> None:
    change = replace(DEPLOY, started_at=T0 + 30, version="v2", url="https://ci.example.org/7")
    svg = draw(replace(story((5, 5)), happened=Happened(changes=(Stored(9, change, T0),)))).svg
    assert '<line class="change" x1="50%" x2="50%"' in svg
    assert 'href="https://ci.example.org/7" rel="noreferrer">' in svg
    assert "<title>Change 1: Ship v2</title>" in svg
    local = replace(change, url="javascript:alert(1)")
    svg = draw(replace(story((5, 5)), happened=Happened(changes=(Stored(9, local, T0),)))).svg
    assert 'href="#change-9"' in svg
    assert "javascript" not in svg


def test_outages_and_time_that_does_not_count_are_shaded_apart() -> None:
    happened = Happened(
        outages=(Spell(T0 + 30, None, "no answer"), Spell(T0 - 90, T0 - 60, "before")),
        excluded=(Spell(T0 - 60, T0 + 15, "planned: disks"),),
    )
    svg = draw(replace(story((5, 5)), happened=happened)).svg
    bands = re.findall(
        r'<g class="(\w+)"><title>[^<]*</title><rect x="([\d.]+)%" width="([\d.]+)%"', svg
    )
    assert bands == [("excluded", "0", "25"), ("outage", "50", "50")]


def test_an_incident_leads_to_its_page() -> None:
    happened = Happened(incidents=(Spell(T0 + 59, None, "#7 burns", "/incidents/7", "sev2"),))
    svg = draw(replace(story((5, 5)), happened=happened)).svg
    assert '<a class="incident sev2" href="/incidents/7"' in svg
    assert ">#7</text>" in svg


def test_the_chart_says_its_figure_to_those_who_do_not_see_it() -> None:
    drawn = draw(story((9, 10)))
    said = f"SLI of checkout/availability. {drawn.summary}"
    assert f'role="group" aria-label="{said}"' in drawn.svg


HOSTILE = "\"><script>alert(1)</script>&' onload=x"
counts = st.one_of(
    st.just((None, None)),
    st.tuples(st.integers(0, 10**12), st.integers(0, 10**12)).map(lambda p: (min(p), max(p))),
)
ago = st.floats(-1e7, 1e7)


@given(
    st.lists(counts, max_size=30),
    st.sampled_from([0.0, 0.5, 0.9, 0.999, 0.99999, 1.0]),
    st.lists(st.tuples(ago, st.none() | ago), max_size=6),
    st.lists(ago, max_size=12),
)
def test_whatever_happens_the_markup_is_whole_and_its_numbers_are_numbers(
    counted: list[tuple[float | None, float | None]],
    objective: float,
    spans: list[tuple[float, float | None]],
    began: list[float],
) -> None:
    spells = tuple(
        Spell(T0 + a, None if b is None else T0 + max(a, b), f"#1 {HOSTILE}", "/incidents/1")
        for a, b in sorted(spans, key=lambda one: one[0])
    )
    changes = tuple(
        Stored(
            n, replace(DEPLOY, title=HOSTILE, version=HOSTILE, url=HOSTILE, started_at=T0 + at), T0
        )
        for n, at in enumerate(sorted(began))
    )
    happened = Happened(spells, spells, spells, changes)
    svg = draw(replace(story(*counted, objective=objective), happened=happened)).svg
    root = ElementTree.fromstring(svg)
    assert "script" not in {one.tag for one in root.iter()}
    for one in root.iter():
        for name in ("x", "y", "width", "height", "x1", "x2", "y1", "y2"):
            value = float(one.get(name, "0").removesuffix("%"))
            assert math.isfinite(value)
        assert not {"nan", "inf"} & set(re.findall(r"[a-z]+", one.get("d", "").lower()))
        assert float(one.get("width", "0").removesuffix("%")) >= 0


@pytest.mark.parametrize("total", [1, 400])
def test_words_are_escaped_once(total: int) -> None:
    happened = Happened(outages=(Spell(T0, T0 + 30, "a & b"),))
    assert "a &amp; b<" in draw(replace(story((1, total)), happened=happened)).svg
