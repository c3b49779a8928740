"""Maintenance and corrections over a real connection."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from fleet import DAY_S, HOUR_S, T0, Site, live
from slo.exclusions import MaintenanceWindow
from vigie.api import schemas
from vigie.api.maintenance import Exclusion

PATH = "/api/v1/maintenance"
WINDOW = MaintenanceWindow(
    name="db",
    services=("checkout",),
    slos=(),
    labels={},
    start=datetime.fromtimestamp(T0 - 2 * DAY_S, UTC).replace(tzinfo=None),
    duration_s=HOUR_S,
    zone="UTC",
    recurrence="FREQ=DAILY;COUNT=4",
    owner="team-shop",
    reason="upgrade",
)


@pytest.fixture
def planned(site: Site) -> Site:
    """A site with a maintenance window."""
    now = live()
    site.fleet.board.now = replace(now, config=replace(now.config, maintenance=(WINDOW,)))
    return site


def shown(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat()


def said(**changes: Any) -> dict[str, Any]:
    body = {
        "service": "checkout",
        "slo": "availability",
        "from": shown(T0 - 2 * HOUR_S),
        "to": shown(T0 - HOUR_S),
        "reason": "probe was wrong",
        "actor": "ada",
    }
    return {**body, **changes}


async def test_windows_to_come_and_corrections_stand_in_one_list_by_time(planned: Site) -> None:
    made = await planned.post(PATH, said())
    assert made.status == 201
    listed = await planned.get(PATH)
    page = schemas.Listing[Exclusion].model_validate_json(listed.body)
    assert [one.kind for one in page.items] == [
        "maintenance", "maintenance", "correction", "maintenance", "maintenance",
    ]  # fmt: skip
    assert page.items[2] == Exclusion.model_validate_json(made.body)
    assert (page.items[0].name, page.items[0].by) == ("db", "team-shop")
    assert page.items == sorted(page.items, key=lambda one: one.start)


async def test_the_list_goes_by_service_by_time_and_in_pages(planned: Site) -> None:
    await planned.post(PATH, said())
    first = (await planned.get(f"{PATH}?limit=2")).json
    second = (await planned.get(f"{PATH}?limit=3&cursor={first['next']}")).json
    assert (len(first["items"]), len(second["items"]), second["next"]) == (2, 3, None)
    assert (await planned.get(f"{PATH}?service=search")).json["items"] == []
    soon = {"since": shown(T0 + DAY_S), "until": shown(T0 + DAY_S + 60)}
    (one,) = (await planned.get(PATH, params=soon)).json["items"]
    assert one["kind"] == "maintenance"


async def test_a_correction_sent_twice_under_one_key_is_made_once(planned: Site) -> None:
    key = {"Idempotency-Key": "k"}
    first = await planned.post(PATH, said(), headers=key)
    assert (await planned.post(PATH, said(), headers=key)).json == first.json


async def test_what_is_put_back_stays_in_the_list_as_removed(planned: Site) -> None:
    number = (await planned.post(PATH, said())).json["id"]
    why = {"reason": "it was right", "actor": "bob"}
    gone = await planned.ask("DELETE", f"{PATH}/{number}", params=why)
    assert (gone.status, gone.json["removed_by"]) == (200, "bob")
    kept = [one for one in (await planned.get(PATH)).json["items"] if one["id"] == number]
    assert kept == [gone.json]
    assert (await planned.ask("DELETE", f"{PATH}/{number}", params=why)).status == 409
    assert (await planned.ask("DELETE", f"{PATH}/999", params=why)).status == 404


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"service": "nobody"}, 404),
        ({"slo": "nothing"}, 404),
        ({"to": shown(T0 + HOUR_S)}, 422),
        ({"to": shown(T0 - 3 * HOUR_S)}, 422),
        ({"from": "2026-10-03 22:00"}, 422),  # whose clock?
        ({"reason": "  "}, 422),
        ({"planned": True}, 422),
        ({"service": "a\x00b"}, 422),
    ],
)
async def test_what_cannot_be_corrected_is_a_problem(
    planned: Site, changes: dict[str, Any], status: int
) -> None:
    answer = await planned.post(PATH, said(**changes))
    assert (answer.status, answer.headers["content-type"]) == (status, "application/problem+json")
