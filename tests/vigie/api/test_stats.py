"""Analytics over HTTP, in the documented shape, and on /metrics."""

from datetime import UTC, datetime

import pytest

from accounts import bearer, served, token, user
from counted_incidents import DAY, add
from counted_incidents import T0 as COUNTED
from fleet import Fleet, Site
from vigie.access import Role
from vigie.api import stats_schemas as schemas
from vigie.api.metrics_incidents import IncidentTimes
from vigie.clock import SetClock
from vigie.store.db import Database

PERIOD = "from=2026-11-02T00:00:00Z&to=2026-11-30T00:00:00Z"


async def test_figures_go_out_in_the_documented_shape(site: Site) -> None:
    add(site.fleet.db, DAY, resolved_at=DAY + 90, severity=1)
    answer = await site.get(f"/api/v1/incidents/stats?{PERIOD}&by=severity")
    shown = schemas.Stats.model_validate_json(answer.body)
    assert [(group.key, group.count) for group in shown.groups] == [("SEV1", 1)]
    assert shown.figures.times.resolve.median_seconds == 90.0
    other = await site.get(f"/api/v1/incidents/stats?{PERIOD}&severity=SEV2")
    assert other.json["figures"]["count"] == 0


async def test_without_a_period_it_is_the_last_90_days(site: Site) -> None:
    shown = (await site.get("/api/v1/incidents/stats")).json
    start, end = (datetime.fromisoformat(shown[name]) for name in ("from", "to"))
    assert (end - start).days == 90
    assert end == datetime.fromtimestamp(site.fleet.clock.now(), UTC)


async def test_the_table_is_a_file(site: Site) -> None:
    answer = await site.get("/api/v1/incidents/stats?format=csv")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.text.startswith("section,key,count,")


async def test_those_behind_a_figure_go_out_in_the_documented_shape(site: Site) -> None:
    for day in range(3):
        add(site.fleet.db, day * DAY, resolved_at=day * DAY + 60)
    answer = await site.get(f"/api/v1/incidents/stats/list?{PERIOD}&which=slow_resolve&limit=2")
    shown = schemas.Behind.model_validate_json(answer.body)
    assert (shown.total, shown.next, len(shown.items)) == (3, "2", 2)


async def test_a_month_goes_out_in_the_documented_shape(site: Site) -> None:
    site.fleet.clock.set(COUNTED + 40 * DAY)
    add(site.fleet.db, DAY, response_due_at=DAY + 60)
    answer = await site.get("/api/v1/incidents/stats/summary?month=2026-11")
    shown = schemas.Summary.model_validate_json(answer.body)
    assert shown.improve[0].text.startswith("1 of 1 P2 missed the response target")
    text = await site.get("/api/v1/incidents/stats/summary?month=2026-11&format=markdown")
    assert text.headers["content-type"] == "text/markdown; charset=utf-8"
    assert text.text.startswith("# Incidents of 2026-11\n")


@pytest.mark.parametrize(
    "path",
    [
        "stats?by=colour",
        "stats?from=2026-11-02T00:00:00Z&to=2026-11-01T00:00:00Z",
        "stats?from=2000-11-02T00:00:00Z",
        "stats?from=2026-11-02",
        "stats/summary?month=2026-13",
        "stats/summary?month=2999-01",
        "stats/list?which=none",
    ],
)
async def test_nonsense_is_refused(site: Site, path: str) -> None:
    assert (await site.get(f"/api/v1/incidents/{path}")).status == 422


async def test_who_may_not_see_an_incident_finds_it_in_no_figure(serve, fleet: Fleet) -> None:
    user(fleet)
    add(fleet.db, DAY, restricted=1)
    add(fleet.db, 2 * DAY)
    site, viewer = served(serve, fleet), bearer(token(fleet, Role.VIEWER))
    stats = await site.get(f"/api/v1/incidents/stats?{PERIOD}", headers=viewer)
    listed = await site.get(f"/api/v1/incidents/stats/list?{PERIOD}", headers=viewer)
    assert (stats.json["figures"]["count"], listed.json["total"]) == (1, 1)


async def test_the_list_is_narrowed_to_a_severity(site: Site) -> None:
    add(site.fleet.db, 0.0, severity=1)
    add(site.fleet.db, DAY, severity=3)
    found = (await site.get("/api/v1/incidents?severity=SEV3")).json
    assert [one["number"] for one in found["items"]] == [2]
    assert (await site.get("/api/v1/incidents?severity=SEV9")).status == 422


def test_metrics_tell_times_of_the_last_30_days_and_look_once_a_minute(db: Database) -> None:
    for day, seconds in ((1, 60), (2, 120), (-9, 9000)):
        at = day * DAY
        add(db, at, resolved_at=at + seconds, acknowledged_at=at + 10)
    add(db, 3 * DAY, resolved_at=3 * DAY + 9999, state="cancelled")
    clock = SetClock(COUNTED + 25 * DAY)
    times = IncidentTimes(db, clock)
    (family,) = times.families()
    assert family.samples == [
        ('phase="detect",stat="median"', 0.0),
        ('phase="detect",stat="p90"', 0.0),
        ('phase="ack",stat="median"', 10.0),
        ('phase="ack",stat="p90"', 10.0),
        ('phase="resolve",stat="median"', 90.0),
        ('phase="resolve",stat="p90"', 114.0),
    ]
    add(db, 4 * DAY, resolved_at=4 * DAY + 600)
    assert times.families() == [family]
    clock.set(clock.now() + 60)
    assert ('phase="resolve",stat="median"', 120.0) in times.families()[0].samples
