"""Analytics of incidents on cases worked by hand; docs/reference/metrics.md names each test."""

import statistics
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import update

from counted_incidents import DAY, HOUR, MIN, NOW, T0, add, count, figures, works
from slo.spec import Service
from vigie.store.db import Database
from vigie.store.tables import incident
from vigie.store.tables_tasks import task
from vigie.store.visibility import EVERYTHING, Viewer
from vigie.views import stats as views
from vigie.views.stats import By, Every, Unanswerable


def resolved(db: Database, *minutes: float, **more: Any) -> None:
    """Incidents, a day apart, that were resolved so many minutes after they began."""
    for day, one in enumerate(minutes):
        add(db, day * DAY, resolved_at=day * DAY + one * MIN, **more)


def spread(n: int, median: float | None, p90: float | None, mean: float | None) -> dict[str, Any]:
    return {"n": n, "median_seconds": median, "p90_seconds": p90, "mean_seconds": mean}


@pytest.mark.parametrize(
    ("minutes", "shown"),
    [
        ((), spread(0, None, None, None)),
        ((10,), spread(1, 600.0, 600.0, 600.0)),
        ((10, 20), spread(2, 900.0, 1140.0, 900.0)),  # 0.9 of the way from 10 to 20: 19
        ((5, 5, 5, 5), spread(4, 300.0, 300.0, 300.0)),
        # Of 1..10 the place of the 90th is 0.9 x 9 = 8.1: 9 and a tenth of the way to 100.
        ((1, 2, 3, 4, 5, 6, 7, 8, 9, 100), spread(10, 330.0, 1086.0, 870.0)),
    ],
)
def test_percentiles(db: Database, minutes: tuple[float, ...], shown: dict[str, Any]) -> None:
    resolved(db, *minutes)
    assert figures(db)["times"]["resolve"] == shown


def test_count_and_trend(db: Database) -> None:
    for day in (-10, -1, 1, 8, 9, 27):
        add(db, day * DAY)
    add(db, 2 * DAY, state="cancelled")
    add(db, -2 * DAY, state="merged")
    add(db, 28 * DAY)  # the end is not in the period
    shown = count(db)
    of = shown["figures"]
    assert (of["count"], of["count_before"], of["change"]) == (4, 2, 1.0)
    assert (of["open"], of["cancelled"], of["merged"]) == (4, 1, 0)
    names = ("key", "count", "resolve_median_seconds")
    assert [tuple(step[name] for name in names) for step in shown["series"]] == [
        ("2026-W45", 1, None),
        ("2026-W46", 2, None),
        ("2026-W47", 0, None),
        ("2026-W48", 1, None),
    ]
    months = count(db, every=Every.MONTH)["series"]
    assert [(step["key"], step["from"], step["to"], step["count"]) for step in months] == [
        ("2026-11", "2026-11-02T00:00:00.000Z", "2026-11-30T00:00:00.000Z", 4),
    ]


def test_without_a_period_before_there_is_no_change(db: Database) -> None:
    add(db, DAY)
    assert figures(db)["change"] is None
    nothing = figures(db, only={"service": "none"})
    assert (nothing["count"], nothing["detection"]["machine_share"]) == (0, None)


def test_time_to_detect(db: Database) -> None:
    add(db, DAY, started_at=DAY - 240, detected_at=DAY - 60)
    assert figures(db)["times"]["detect"] == spread(1, 180.0, 180.0, 180.0)


def test_time_to_acknowledge(db: Database) -> None:
    add(db, DAY, started_at=DAY - 240, acknowledged_at=DAY + 120)
    add(db, 2 * DAY, acknowledged_at=2 * DAY + 5, acknowledged_by="vigie")
    add(db, 3 * DAY, acknowledged_at=3 * DAY + 5, acknowledged_by="token/ci")
    add(db, 4 * DAY, resolved_at=4 * DAY + 9)  # over without anybody
    assert figures(db)["times"]["acknowledge"] == spread(1, 120.0, 120.0, 120.0)


def test_times_to_mitigate_recover_and_resolve(db: Database) -> None:
    ends = {"mitigated_at": DAY + 60, "recovered_at": DAY + 100, "resolved_at": DAY + 300}
    add(db, DAY, started_at=DAY - 60, **ends)
    add(db, 2 * DAY)
    times = figures(db)["times"]
    assert [times[name]["mean_seconds"] for name in ("mitigate", "recover", "resolve")] == [
        120.0,
        160.0,
        360.0,
    ]
    assert [times[name]["n"] for name in ("mitigate", "recover", "resolve")] == [1, 1, 1]


def test_cancelled_and_merged_are_left_out(db: Database) -> None:
    resolved(db, 10)
    ended = {"resolved_at": 5 * DAY + 9000, "acknowledged_at": 5 * DAY + 900}
    before = figures(db)
    for state in ("cancelled", "merged"):
        add(db, 5 * DAY, state=state, response_due_at=5 * DAY, budget_burned=0.5, **ended)
    after = figures(db)
    assert (after.pop("cancelled"), after.pop("merged")) == (1, 1)
    assert after == {k: v for k, v in before.items() if k not in ("cancelled", "merged")}


def test_time_between_incidents(db: Database) -> None:
    hours = [(0, 1), (3, 4), (3.5, 6), (10, 11)]  # 2 h free, an overlap, 4 h free
    for start, end in hours:
        add(db, start * HOUR, recovered_at=end * HOUR, resolved_at=end * HOUR + 5)
    add(db, 0.5 * HOUR, service="other", resolved_at=0.6 * HOUR)
    assert figures(db)["times"]["between"] == spread(2, 10_800.0, 13_680.0, 10_800.0)
    groups = {one["key"]: one["times"]["between"]["n"] for one in count(db)["groups"]}
    assert groups == {"shop": 2, "other": 0}


def test_after_one_that_lasts_nothing_is_known_to_be_between(db: Database) -> None:
    add(db, 0.0)
    add(db, 5 * HOUR, resolved_at=6 * HOUR)
    add(db, 9 * HOUR, resolved_at=10 * HOUR)
    assert figures(db)["times"]["between"]["n"] == 0


def test_recurrence(db: Database) -> None:
    add(db, -40 * DAY, key="a", resolved_at=-39 * DAY)
    add(db, 1 * DAY, key="a", resolved_at=1 * DAY + 9)  # 41 days later
    add(db, 20 * DAY, key="a")  # 19 days later
    add(db, 3 * DAY, key="b", cause="disk")
    add(db, 4 * DAY, key="c", cause="disk")  # the same cause a day later
    add(db, 5 * DAY, key="c", cause="disk", service="other")
    add(db, 6 * DAY, key="d", state="cancelled")
    add(db, 7 * DAY, key="d")
    shown = {"within_30d": 2, "share_30d": 0.333333, "within_90d": 3, "share_90d": 0.5}
    assert figures(db)["recurrence"] == shown


def test_recurrence_is_of_what_happened_not_of_what_was_asked_for(db: Database) -> None:
    add(db, 1 * DAY, key="a", severity=1)
    add(db, 2 * DAY, key="a", severity=3)
    assert figures(db, only={"severity": "SEV3"})["recurrence"]["within_30d"] == 1


def test_targets(db: Database) -> None:
    due = {"response_due_at": DAY + 300, "resolution_due_at": DAY + 3600}
    add(db, DAY, **due, acknowledged_at=DAY + 300, resolved_at=DAY + 3601)  # met to the second
    add(db, DAY, **due, resolved_at=DAY + 200)  # resolved without an answer is answered
    add(db, DAY, **due)  # open and past due
    late = {"response_due_at": 29 * DAY, "resolution_due_at": 30 * DAY}
    add(db, 27 * DAY, **late)  # not due yet
    add(db, 2 * DAY)  # nothing was promised
    assert figures(db)["targets"] == {
        "response": {"met": 2, "missed": 1, "pending": 1, "n": 3, "share": 0.666667},
        "resolution": {"met": 1, "missed": 2, "pending": 1, "n": 3, "share": 0.333333},
    }


def test_reopen_rate(db: Database) -> None:
    resolved(db, 10, 10, 10)
    add(db, 5 * DAY, reopened=2)  # open again
    add(db, 6 * DAY)  # never resolved
    assert figures(db)["reopened"] == {"count": 1, "n": 4, "share": 0.25}


def test_detection(db: Database) -> None:
    for day, who in enumerate(("machine", "machine", "person")):
        add(db, day * DAY, detected_by=who)
    assert figures(db)["detection"] == {"machine": 2, "person": 1, "machine_share": 0.666667}


def test_budget_downtime_and_bad_events(db: Database) -> None:
    add(db, 0.0, cause="disk", budget_burned=0.25, bad_events=100, downtime_s=60.0)
    add(db, DAY, cause="disk", budget_burned=0.5, planned_downtime_s=30.0)
    add(db, 2 * DAY, cause="dns", budget_burned=0.125, downtime_s=0.0)
    add(db, 3 * DAY)
    of = figures(db)
    assert of["budget_burned"] == {"sum": 0.875, "n": 3}
    assert of["bad_events"] == {"sum": 100, "n": 1}
    assert of["downtime_seconds"] == {"sum": 60.0, "n": 2}
    assert of["planned_downtime_seconds"] == {"sum": 30.0, "n": 1}
    groups = [(one["key"], one["budget_burned"]) for one in count(db, by=By.CAUSE)["groups"]]
    assert groups == [
        ("disk", {"sum": 0.75, "n": 2}),
        ("dns", {"sum": 0.125, "n": 1}),
        (None, {"sum": None, "n": 0}),
    ]


def test_work_of_people(db: Database) -> None:
    number = add(db, 0.0, resolved_at=4 * HOUR)
    works(db, number, "ada", -HOUR, HOUR)  # from the opening: 1 h
    works(db, number, "ada", 0.5 * HOUR, 2 * HOUR, role="incident_manager")  # 1 h more
    works(db, number, "bob", 3 * HOUR, None)  # until it was resolved: 1 h
    works(db, number, "eve", 0.0, None, role="watcher")
    lasting = add(db, 28 * DAY - HOUR)
    works(db, lasting, "ada", 28 * DAY - HOUR, None)  # until now: 1 h
    add(db, DAY)
    assert figures(db)["response"] == {"person_hours": 4.0, "n": 2, "cost": None}
    assert figures(db, hourly=80.5)["response"]["cost"] == 322.0


def test_overdue_tasks(db: Database) -> None:
    number, other = add(db, 0.0), add(db, DAY)
    add(db, -DAY)
    given = (
        (number, "open", 27),
        (number, "doing", 29),
        (number, "dropped", 1),
        (other, "open", 2),
    )
    rows = [
        {
            "incident": of,
            "number": place,
            "state": state,
            "due_at": T0 + due * DAY,
            "source": "incident",
            "kind": "work",
            "title": "t",
            "due_set_at": T0,
            "created_at": T0,
            "created_by": "ada",
            "dropped_for": "no" if state == "dropped" else None,
        }
        for place, (of, state, due) in enumerate(given)
    ]
    db.write(lambda c: c.execute(task.insert(), rows))
    assert figures(db)["tasks"] == {"left": 3, "overdue": 2}
    assert figures(db, only={"cause": "disk"})["tasks"] == {"left": 0, "overdue": 0}


def test_groups(db: Database) -> None:
    add(db, 0.0, service="a", severity=1, priority=1, category="net", subcategory="dns", type="x")
    add(db, DAY, service="b", severity=3, priority=4, labels={"team": "web"}, type="y")
    add(db, 8 * DAY, service="b", severity=3, priority=4, type="y")
    add(db, -DAY, service="b")
    services = {"a": Service("a", labels={"team": "core"})}

    def by(name: By) -> list[tuple[str | None, int]]:
        found = count(db, by=name, services=services)["groups"]
        return [(one["key"], one["count"]) for one in found]

    assert by(By.SERVICE) == [("b", 2), ("a", 1)]
    assert by(By.SEVERITY) == [("SEV1", 1), ("SEV3", 2)]
    assert by(By.PRIORITY) == [("P1", 1), ("P4", 2)]
    assert by(By.CATEGORY) == [("net", 1), (None, 2)]
    assert by(By.SUBCATEGORY) == [("dns", 1), (None, 2)]
    assert by(By.TYPE) == [("y", 2), ("x", 1)]
    assert by(By.TEAM) == [("core", 1), ("web", 1), (None, 1)]
    assert by(By.CAUSE) == [(None, 3)]
    assert by(By.WEEK) == [("2026-W45", 2), ("2026-W46", 1)]
    assert by(By.MONTH) == [("2026-11", 3)]
    assert [one["count_before"] for one in count(db)["groups"]] == [1, 0]


@pytest.mark.parametrize(
    ("only", "counted"),
    [
        ({"service": "a"}, 1),
        ({"team": "web"}, 2),
        ({"severity": "SEV1", "priority": "P1"}, 1),
        ({"cause": ""}, 2),  # those that have none
        ({"cause": "disk"}, 1),
        ({"type": "nothing"}, 0),
    ],
)
def test_filters(db: Database, only: dict[str, str], counted: int) -> None:
    add(db, 0.0, service="a", severity=1, priority=1, labels={"team": "web"}, cause="disk")
    add(db, DAY, service="b", labels={"team": "web"})
    add(db, DAY, service="c")
    assert figures(db, only=only)["count"] == counted


def test_restricted_ones_are_counted_for_their_participants_only(db: Database) -> None:
    add(db, 0.0)
    secret = add(db, DAY, restricted=1, budget_burned=0.5)
    works(db, secret, "ada", DAY, None)
    assert figures(db, viewer=Viewer("bob"))["count"] == 1
    assert figures(db, viewer=Viewer("bob"))["budget_burned"]["n"] == 0
    assert figures(db, viewer=Viewer("bob"))["response"]["n"] == 0
    assert figures(db, viewer=Viewer("ada"))["count"] == 2
    assert figures(db)["response"]["n"] == 1


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=9), st.dictionaries(st.text(max_size=5), st.integers(), max_size=3))
@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
def test_sub_statuses_and_custom_fields_change_no_figure(
    db: Database, sub_status: str, fields: dict[str, int]
) -> None:
    if not db.read(lambda c: c.execute(incident.select()).first()):
        resolved(db, 10, 20, 30, cause="disk", budget_burned=0.5, response_due_at=0.0)
        add(db, 2 * DAY, category="net")
    changed = update(incident).values(sub_status=None, fields="{}")
    db.write(lambda c: c.execute(changed))
    before = count(db)
    changed = update(incident).values(sub_status=sub_status, fields=str(fields))
    db.write(lambda c: c.execute(changed))
    assert count(db) == before


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(0, 10_000), min_size=1, max_size=12))
@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
def test_spreads_are_those_of_the_statistics_module(db: Database, lengths: list[int]) -> None:
    db.write(lambda c: c.execute(incident.delete()))
    resolved(db, *(one / MIN for one in lengths))
    shown = figures(db)["times"]["resolve"]
    assert shown["median_seconds"] == pytest.approx(statistics.median(lengths), abs=1e-3)
    assert shown["mean_seconds"] == pytest.approx(statistics.fmean(lengths), abs=1e-3)
    if len(lengths) > 1:
        p90 = statistics.quantiles(lengths, n=10, method="inclusive")[-1]
        assert shown["p90_seconds"] == pytest.approx(p90, abs=1e-3)


@pytest.mark.parametrize(
    ("start", "end", "words"), [(5.0, 5.0, "must be before"), (0.0, 2000 * DAY, "five years")]
)
def test_a_period_that_is_none_is_refused(start: float, end: float, words: str) -> None:
    with pytest.raises(Unanswerable, match=words):
        views.asked(NOW, T0 + start, T0 + end)


def test_without_a_period_the_last_90_days_are_meant() -> None:
    asked = views.asked(NOW)
    assert (asked.start, asked.end, asked.every) == (NOW - 90 * DAY, NOW, "week")
    assert views.asked(NOW, NOW - 365 * DAY).every == "month"
    assert EVERYTHING.everything
