"""The summary of a month, the incidents behind figures, and both as documents."""

import csv
import io
from typing import Any

import pytest

from counted_incidents import DAY, HOUR, MIN, NOW, T0, add, count
from vigie.store.db import Database
from vigie.store.visibility import EVERYTHING, Viewer
from vigie.views import stats as views
from vigie.views.stats import Unanswerable, Which

OCTOBER = -20 * DAY


@pytest.fixture
def month(db: Database) -> Database:
    """October: two, quick. November: four, slower; 3 of 4 P1 too late, two of them of checkout."""
    for at in (OCTOBER, OCTOBER + DAY):
        times = {"acknowledged_at": at + 60, "resolved_at": at + 10 * MIN}
        add(db, at, service="shop", response_due_at=at + 300, cause="dns", **times)
    for day, service, answered in ((0, "checkout", 900), (1, "checkout", 600), (2, "shop", 400)):
        at = day * DAY
        times = {"acknowledged_at": at + answered, "resolved_at": at + HOUR + day * MIN}
        more = {"key": f"k-{service}", "priority": 1, "response_due_at": at + 300}
        add(db, at, service=service, **more, **times, budget_burned=0.1, cause=None)
    ended = {"acknowledged_at": 3 * DAY + 9, "resolved_at": 3 * DAY + 30 * MIN}
    add(db, 3 * DAY, priority=1, response_due_at=3 * DAY + 300, detected_by="person", **ended)
    return db


def summary(db: Database, month: str = "2026-11", **more: Any) -> dict[str, Any]:
    given = {"viewer": EVERYTHING, "services": {}, **more}
    return views.summary(db, month, NOW, **given)


def test_it_says_what_got_better_and_worse(month: Database) -> None:
    shown = summary(month)
    verdicts = {one["title"]: one["verdict"] for one in shown["compared"]}
    assert verdicts["incidents"] == "worse"
    assert verdicts["median time to resolve"] == "worse"
    assert verdicts["median time to detect"] == "same"
    assert verdicts["median time to mitigate"] == "unknown"
    assert verdicts["response targets met"] == "worse"
    assert verdicts["error budgets burned"] == "unknown"  # of October nothing is known
    assert not shown["complete"]


def test_the_three_worst_are_ranked_by_the_share_of_the_greater(month: Database) -> None:
    worst = summary(month)["worst"]
    # 500 s against 60 s; 60.5 min against 10; 1 of 4 against 2 of 2.
    assert [(one["title"], one["value"], one["before"]) for one in worst] == [
        ("median time to acknowledge", 500.0, 60.0),
        ("median time to resolve", 3630.0, 600.0),
        ("response targets met", 0.25, 1.0),
    ]
    assert [one["number"] for one in worst[2]["incidents"]] == [3, 4, 5]
    assert worst[2]["url"].startswith("/incidents/stats/list?from=2026-11-01T00%3A00%3A00.000Z")


def test_every_advice_has_its_figure_and_its_incidents(month: Database) -> None:
    told = {one["rule"]: one for one in summary(month)["improve"]}
    late = told["missed_response"]
    assert late["text"] == (
        "3 of 4 P1 missed the response target; worst service checkout (2): see who is paged for "
        "it, and how soon."
    )
    assert (late["part"], late["of"], late["incidents"]) == (3, 4, [3, 4, 5])
    assert late["url"].endswith("which=missed_response&priority=P1")
    assert told["recurred_30d"]["incidents"] == [4]
    assert told["found_by_people"]["text"].startswith("1 of 4 incidents were found by people")
    assert (told["without_cause"]["part"], told["without_cause"]["of"]) == (4, 4)
    assert "burned_budget" not in told  # no cause is known


def test_a_month_of_nothing_advises_nothing(db: Database) -> None:
    shown = summary(db, "2026-09")
    assert (shown["improve"], shown["worst"], shown["complete"]) == ([], [], True)
    text = views.as_markdown(shown)
    assert "No rule found anything." in text
    assert "| median time to resolve | unknown | 0 | unknown | 0 | unknown |" in text


@pytest.mark.parametrize("month", ["2026-13", "2026-11-01", "2026", "x", "2026-12"])
def test_what_is_no_month_is_refused(db: Database, month: str) -> None:
    with pytest.raises(Unanswerable):
        summary(db, month)


def test_the_same_incidents_give_the_same_document(month: Database) -> None:
    text = views.as_markdown(summary(month))
    assert text == views.as_markdown(summary(month))
    assert "worst service `checkout` (2)" in text
    assert (
        "- **median time to acknowledge**: 8 min 20 s (n 4), 1 min the month before (n 2)" in text
    )


def test_no_name_is_markup(db: Database) -> None:
    due = {"response_due_at": 60.0, "priority": 1}
    add(db, 0.0, service="[x](http://h) @all {0}", title="<b>*t*</b>", **due)
    text = views.as_markdown(summary(db))
    assert "worst service `[x](http://h) @all {0}` (1)" in text


def test_what_is_restricted_stands_behind_no_figure(db: Database) -> None:
    add(db, 0.0, restricted=1, response_due_at=60.0)
    asked = views.asked(NOW, T0, NOW)
    given: dict[str, Any] = {"services": {}}
    for viewer, seen in ((Viewer("bob"), 0), (EVERYTHING, 1)):
        found = views.behind(db, asked, NOW, Which.MISSED_RESPONSE, viewer=viewer, **given)
        assert found["total"] == len(found["items"]) == seen
        assert len(summary(db, viewer=viewer)["improve"]) == seen


def test_the_worst_stand_first_and_pages_follow(db: Database) -> None:
    for day, minutes in enumerate((5, 50, 20)):
        at = day * DAY
        add(db, at, resolved_at=at + minutes * MIN, resolution_due_at=at + 60)
    add(db, 4 * DAY, resolution_due_at=4 * DAY + 60)
    add(db, 5 * DAY, state="merged", resolution_due_at=5 * DAY)
    asked = views.asked(NOW, T0, NOW)
    given: dict[str, Any] = {"viewer": EVERYTHING, "services": {}}
    slow = views.behind(db, asked, NOW, Which.SLOW_RESOLVE, limit=2, **given)
    assert [(one["number"], one["value"]) for one in slow["items"]] == [(2, 3000.0), (3, 1200.0)]
    rest = views.behind(db, asked, NOW, Which.SLOW_RESOLVE, limit=2, cursor=2, **given)
    assert ([one["number"] for one in rest["items"]], rest["next"]) == ([1], None)
    late = views.behind(db, asked, NOW, Which.MISSED_RESOLUTION, **given)
    assert [(one["number"], one["value"]) for one in late["items"]] == [
        (4, None),
        (2, 2940.0),
        (3, 1140.0),
        (1, 240.0),
    ]


def test_how_many_stand_behind_a_figure_is_what_it_says(month: Database) -> None:
    asked = views.asked(NOW, T0, NOW)
    given: dict[str, Any] = {"viewer": EVERYTHING, "services": {}}
    of = count(month)["figures"]
    for which, figure in (
        (Which.ALL, of["count"]),
        (Which.MISSED_RESPONSE, of["targets"]["response"]["missed"]),
        (Which.RECURRED_30D, of["recurrence"]["within_30d"]),
        (Which.FOUND_BY_PEOPLE, of["detection"]["person"]),
        (Which.SLOW_RESOLVE, of["times"]["resolve"]["n"]),
        (Which.BURNED_BUDGET, of["budget_burned"]["n"]),
    ):
        assert views.behind(month, asked, NOW, which, **given)["total"] == figure, which


def test_a_table_has_a_row_each_and_no_formula(db: Database) -> None:
    add(db, 0.0, service="=1+1", resolved_at=60.0)
    rows = list(csv.DictReader(io.StringIO(views.as_csv(count(db)))))
    assert [(row["section"], row["key"], row["count"]) for row in rows[:2]] == [
        ("all", "", "1"),
        ("service", "'=1+1", "1"),
    ]
    assert rows[1]["times_resolve_median_seconds"] == "60.0"
    assert rows[1]["times_mitigate_median_seconds"] == ""
    assert {row["section"] for row in rows[2:]} == {"series week"}
