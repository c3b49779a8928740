"""The past of one SLO: buckets from memory and from stored minutes, and what happened then."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.changes import Change, Kind, Status
from fleet import CHECKOUT, T0, burn_signal, live
from remembered import ID, knowing, past_of, row
from slo.exclusions import MaintenanceWindow
from slo.ledger import Addition, Row
from slo.outages import Outage
from slo.spans import Spans, no_spans
from slo.spec import Excluded
from vigie import views
from vigie.api import reads
from vigie.live import Live
from vigie.store import changes, exclusions, incidents, ledger, outages
from vigie.store.db import Database
from vigie.store.visibility import EVERYTHING
from vigie.views.history import (
    MOST_BUCKETS,
    RANGES,
    Bucket,
    history,
    range_for,
    story,
    story_of,
)
from vigie.views.shape import Object
from vigie.web import pages

SLO = str(CHECKOUT.slo.id)
MINUTE0 = int(T0 // 60) * 60  # T0 is 20 s into a minute
SERVICE = CHECKOUT.slo.service


def minutes(count: int, good: int = 99, total: int = 100, upto: int = MINUTE0) -> list[Row]:
    return [row(60, upto - 60 * n, good, total) for n in range(count, 0, -1)]


def items(live_: Live, name: str) -> list[Object]:
    found = history(live_, SLO, name)
    assert found is not None
    return list(found["items"])


# -- buckets ------------------------------------------------------------------------------------


@given(
    st.lists(
        st.tuples(st.integers(0, 50), st.integers(0, 50), st.sampled_from([0.0, 12.5, 60.0])),
        min_size=1,
        max_size=200,
    ),
    st.sampled_from(["1h", "6h", "1d"]),
)
def test_buckets_are_exact_sums_of_what_was_counted(
    counted: list[tuple[int, int, float]], name: str
) -> None:
    first = MINUTE0 - 60 * len(counted)
    rows = [
        row(60, first + 60 * n, good, good + bad, measured_s)
        for n, (good, bad, measured_s) in enumerate(counted)
    ]
    step = RANGES[name].step_s
    for one in items(knowing(past_of(rows)), name):
        start = datetime.fromisoformat(one["start"]).timestamp()
        inside = [r for r in rows if start <= r.start < start + step]
        good, total, us = (
            sum(int(getattr(r, field)[0]) for r in inside)
            for field in ("good", "total", "measured_us")
        )
        if not total and not us:
            assert (one["good"], one["total"], one["sli"], one["coverage"]) == (None, None, None, 0)
        else:
            assert (one["good"], one["total"]) == (good, total)
            assert one["sli"] == (good / total if total else None)
            assert one["coverage"] == pytest.approx(
                min(us / 1e6 / (min(start + step, T0) - start), 1)
            )


@pytest.mark.parametrize("name", RANGES)
def test_a_range_ends_now_and_has_no_more_buckets_than_a_chart_can_show(name: str) -> None:
    hours = [row(3600, (T0 // 3600 - n) * 3600, 9, 10) for n in range(31 * 24, 0, -1)]
    found = items(knowing(past_of(hours)), name)
    assert len(found) <= MOST_BUCKETS
    assert found[-1]["end"] == "2026-09-21T14:13:20.000Z"
    first = datetime.fromisoformat(found[0]["start"]).timestamp()
    assert 0 <= T0 - RANGES[name].length_s - first < RANGES[name].step_s
    assert all(a["end"] == b["start"] for a, b in pairwise(found))


def test_hours_of_a_month_add_up() -> None:
    hours = [row(3600, (T0 // 3600 - n) * 3600, 9, 10) for n in range(30 * 24, 0, -1)]
    found = items(knowing(past_of(hours)), "30d")
    assert sum(one["total"] or 0 for one in found) == 30 * 24 * 10


def test_time_without_events_is_no_time_without_measuring() -> None:
    rows = [row(60, MINUTE0 - 180, 0, 0), row(60, MINUTE0 - 60, 5, 5)]
    silent, unknown, good = items(knowing(past_of(rows)), "1h")[-4:-1]
    assert [silent[k] for k in ("good", "total", "sli", "coverage")] == [0, 0, None, 1.0]
    assert [unknown[k] for k in ("good", "total", "sli", "coverage")] == [None, None, None, 0.0]
    assert [good[k] for k in ("good", "total", "sli", "coverage")] == [5, 5, 1.0, 1.0]


def test_what_the_next_page_will_tell_of_is_not_missing() -> None:
    rows = [*minutes(3), row(10, MINUTE0, 4, 4)]
    waiting = items(knowing(past_of(rows, pending_s=10.0)), "1h")[-1]
    assert (waiting["total"], waiting["coverage"]) == (4, 1.0)
    ends = items(knowing(past_of(minutes(3), pending_s=20.0)), "1h")[-1]["end"]
    assert ends == "2026-09-21T14:13:00.000Z"  # nothing is owed of the minute that has begun


def test_events_of_a_gap_are_in_the_bucket_that_holds_the_gap_or_in_none() -> None:
    began, ended = MINUTE0 - 150.0, MINUTE0 - 35.0
    rows = [*minutes(10, upto=MINUTE0 - 180), row(60, MINUTE0 - 60, 40, 40, 25.0)]
    spans = Spans(*(np.array([v]) for v in (0, began, ended, 40, 40)))
    past = past_of(rows)
    past = replace(past, ledger=past.ledger.add(Addition({}, spans)))
    assert all(one["total"] in {None, 0, 100} for one in items(knowing(past), "1h"))
    assert items(knowing(past), "6h")[-1]["total"] == 40
    assert sum(one["total"] or 0 for one in items(knowing(past), "6h")) == 1040


def test_nothing_is_known_before_the_first_tick_and_of_what_is_not_there() -> None:
    assert items(live(None), "1d") == []
    assert items(live(), "1d") == []
    assert history(live(), "checkout/other") is None


def test_the_routes_take_the_ranges_that_there_are() -> None:
    assert get_args(reads.Range) == get_args(pages.Range) == tuple(RANGES)


@pytest.mark.parametrize(
    ("firing", "name"),
    [((), "1d"), (("ticket",), "3d"), (("page",), "6h"), (("ticket", "page"), "6h")],
)
def test_the_range_shown_first_holds_the_onset(firing: Iterable[str], name: str) -> None:
    arms = [{"kind": kind, "state": "firing"} for kind in firing]
    assert range_for({"arms": [*arms, {"kind": "page", "state": "frozen"}]}) == name


# -- what happened ------------------------------------------------------------------------------


def told(title: str, ago: float, **more: Any) -> Change:
    at = T0 - ago
    more = {"services": (SERVICE,)} | more
    return Change("api", None, title, Kind.DEPLOY, Status.SUCCEEDED, at, at, at + 60, **more)


def test_a_story_tells_what_happened_to_the_service_in_its_time(db: Database) -> None:
    def write(c: Any) -> None:
        for change in (
            told("v2", 1800),
            told("v1", 3000),
            told("long ago", 90_000),
            told("other", 60, services=("payments",)),
        ):
            changes.record(c, change, T0)
        down = [(600.0, 300.0, False), (40_000.0, 39_000.0, False), (900.0, 700.0, True)]
        outages.write(
            c, [Outage(SERVICE, T0 - a, T0 - b, "no answer", planned) for a, b, planned in down]
        )
        outages.write(c, [Outage("payments", T0 - 60, None, "no answer")])
        incidents.open_incident(c, burn_signal(), T0 - 480)
        incidents.open_incident(c, burn_signal("payments"), T0 - 480)
        other = replace(burn_signal(), key="another", slo="latency")
        incidents.open_incident(c, other, T0 - 480)
        wrong = Excluded(SERVICE, "", T0 - 1200, T0 - 900, "the probe was wrong", "ada", False)
        exclusions.add(c, wrong, {}, T0)

    db.write(write)
    begins = datetime.fromtimestamp(T0 - 900, UTC).replace(tzinfo=None)
    work = MaintenanceWindow("m", (SERVICE,), (), {}, begins, 200.0, "UTC", "", "bob", "new disks")
    known = knowing(past_of(minutes(70)))
    known = replace(known, config=replace(known.config, maintenance=(work,)))
    found = story(known, db, SLO, "1h", viewer=EVERYTHING)
    assert found is not None
    happened = found.happened
    assert [one.change.title for one in happened.changes] == ["v1", "v2"]
    assert [(one.start, one.end) for one in happened.outages] == [(T0 - 600, T0 - 300)]
    assert [(one.text, one.url, one.tone) for one in happened.incidents] == [
        ("#1 checkout/availability burns 180x its error budget (1h/5m)", "/incidents/1", "sev2")
    ]
    assert [one.text for one in happened.excluded] == [
        "planned: new disks",
        "taken out by ada: the probe was wrong",
    ]


# -- around an incident -------------------------------------------------------------------------


def opened(db: Database, onset: float, over: float | None = None) -> Object:
    """An incident of checkout's SLO as `views.incident` has it."""
    signal = replace(burn_signal(), started_at=onset)
    number = db.write(lambda c: incidents.open_incident(c, signal, onset + 30))
    assert number is not None
    row_ = db.read(lambda c: incidents.get(c, number))
    assert row_ is not None
    ended = None if over is None else views.shape.when(over)
    return views.records.record(row_) | {"recovered_at": ended}


def stored(db: Database, rows: Iterable[Row], *spans: Spans) -> None:
    def write(c: Any) -> None:
        ids = ledger.sli_ids(c, ["another's", ID])[1:]
        ledger.write_slices(c, rows, ids)
        for one in spans:
            ledger.write_spans(c, one, ids)

    db.write(write)


def told_of(buckets: Iterable[Bucket]) -> list[tuple[float, float | None, float | None]]:
    return [(one.start, one.good, one.total) for one in buckets]


def test_a_young_incident_is_shown_from_two_hours_before_its_onset(db: Database) -> None:
    found = story_of(knowing(past_of(minutes(150))), db, opened(db, T0 - 490), viewer=EVERYTHING)
    assert found is not None
    assert (found.start, found.end, found.step_s) == (T0 - 490 - 7200 - 10, T0, 60)
    assert told_of(found.buckets)[0] == (found.start, 99, 100)


def test_an_old_incident_is_read_from_its_stored_minutes(db: Database) -> None:
    onset, upto = T0 - 40 * 86_400, MINUTE0 - 40 * 86_400 + 3600
    rows = [one for one in minutes(200, upto=upto) if one.start != upto - 600]
    stored(db, rows)
    found = story_of(knowing(past_of([])), db, opened(db, onset, onset + 300), viewer=EVERYTHING)
    assert found is not None
    assert found.step_s == 60
    assert 0 <= found.end - (onset + 300 + 1800) < 60
    assert told_of(found.buckets) == [
        (at, None, None) if at == upto - 600 else (at, 99, 100)
        for at in range(int(found.start), int(found.end), 60)
    ]


@pytest.mark.parametrize("ago_s", [490, 6000])  # the second from before memory has minutes of it
def test_memory_and_storage_tell_the_same_of_a_minute(db: Database, ago_s: float) -> None:
    rows = [row(60, MINUTE0 - 60 * n, 100 - n % 7, 100) for n in range(300, 0, -1)]
    stored(db, rows)
    found = story_of(
        knowing(past_of(rows)), db, opened(db, T0 - ago_s, T0 - 100), viewer=EVERYTHING
    )
    assert found is not None
    assert found.step_s == 60
    by_start = {one.start: int(one.good[0]) for one in rows}
    assert [one.good for one in found.buckets[:-1]] == [
        by_start[int(one.start)] for one in found.buckets[:-1]
    ]


def test_stored_events_of_a_gap_are_in_no_minute(db: Database) -> None:
    onset = T0 - 40 * 86_400
    at = int(onset // 60) * 60
    gap = Spans(*(np.array([v]) for v in (0, at - 200.0, at + 15.0, 40, 50)))
    stored(db, [row(60, at, 139, 150)], no_spans(), gap)
    found = story_of(knowing(past_of([])), db, opened(db, onset, onset + 300), viewer=EVERYTHING)
    assert found is not None
    assert [(one.good, one.total) for one in found.buckets if one.start == at] == [(99, 100)]


@pytest.mark.parametrize(
    ("ago_s", "lasted_s", "step_s", "until_s"),
    [
        (3 * 3600, None, 60, 0),  # 5 h, in minutes
        (20 * 3600, None, 300, 0),
        (60 * 3600, None, 3600, 0),
        (40 * 86_400, 30 * 3600, 60, None),  # too old for memory, too long for minutes: its onset
    ],
)
def test_a_long_incident_is_shown_as_finely_as_it_can_be(
    db: Database, ago_s: float, lasted_s: float | None, step_s: int, until_s: float | None
) -> None:
    onset = T0 - ago_s
    over = None if lasted_s is None else onset + lasted_s
    found = story_of(knowing(past_of(minutes(10))), db, opened(db, onset, over), viewer=EVERYTHING)
    assert found is not None
    assert found.step_s == step_s
    assert 0 <= onset - 7200 - found.start < step_s
    assert found.end == (found.start + MOST_BUCKETS * 60 if until_s is None else T0 - until_s)
    assert len(found.buckets) <= MOST_BUCKETS


def test_an_incident_of_no_slo_that_is_measured_has_no_story(db: Database) -> None:
    incident = opened(db, T0 - 490)
    assert story_of(live(), db, incident, viewer=EVERYTHING) is None
    assert story_of(knowing(past_of([])), db, incident | {"slo": ""}, viewer=EVERYTHING) is None
