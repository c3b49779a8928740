"""Services over a real connection: availability, outages, states."""

from datetime import UTC, datetime
from typing import Any

import pytest

from fleet import T0, Site
from slo.outages import Outage
from slo.spec import ServiceState
from vigie.api import schemas
from vigie.api.service_schemas import Availability, Service, State
from vigie.api.service_schemas import Outage as ShownOutage
from vigie.store import outages, states
from vigie.store.states import Became

PATH = "/api/v1/services/checkout"
UP, DOWN, UNKNOWN = ServiceState.UP, ServiceState.DOWN, ServiceState.UNKNOWN
OCTOBER = datetime(2026, 10, 1, tzinfo=UTC).timestamp()


def told(site: Site, *found: Became, down: tuple[Outage, ...] = ()) -> None:
    site.fleet.db.write(lambda c: states.write(c, found))
    site.fleet.db.write(lambda c: outages.write(c, down))


async def test_one_service_goes_out_in_the_documented_shape(site: Site) -> None:
    answer = await site.get(PATH)
    one = Service.model_validate_json(answer.body)
    assert (answer.status, one.name, one.url) == (200, "checkout", "/services/checkout")
    assert [w.window for w in one.availability] == ["1d", "7d", "30d", "90d"]


async def test_a_service_that_there_is_not_is_named(site: Site) -> None:
    for more in ("", "/availability", "/outages", "/states"):
        answer = await site.get(f"/api/v1/services/nothing{more}")
        assert (answer.status, "no service `nothing`" in answer.text) == (404, True)


async def test_the_availability_of_a_month_is_of_its_time_zone(site: Site) -> None:
    began = T0 - 40 * 86_400.0
    month = datetime.fromtimestamp(T0 - 35 * 86_400.0, UTC)
    first = datetime(month.year, month.month, 1, tzinfo=UTC).timestamp()
    told(
        site,
        Became("checkout", began - 86_400.0 * 30, UP, "all objectives are met"),
        down=(Outage("checkout", first - 1_800.0, first + 600.0, "all fail"),),
    )
    text = f"{month.year}-{month.month:02}"
    for zone, seconds in (("UTC", 600.0), ("Europe/Paris", 2_400.0)):
        answer = await site.get(f"{PATH}/availability?month={text}&zone={zone}")
        (found,) = schemas.Listing[Availability].model_validate_json(answer.body).items
        assert (found.window, found.downtime_seconds) == (text, seconds)
        assert found.availability == 1.0 - seconds / found.known_seconds
        assert (found.outages, found.mttr_seconds) == (int(seconds == 2_400.0), 2_400.0)


@pytest.mark.parametrize(
    ("query", "status", "words"),
    [
        ("month=2026-13", 422, "month"),
        ("month=0001-01", 422, "1970-01"),
        ("month=2026-10&zone=Mars/North", 422, "time zone `Mars/North`"),
        ("month=2026-10&zone=../../etc/passwd", 422, "zone"),
    ],
)
async def test_what_is_no_month_or_zone_is_named(
    site: Site, query: str, status: int, words: str
) -> None:
    answer = await site.get(f"{PATH}/availability?{query}")
    assert (answer.status, words in answer.text) == (status, True)


async def test_outages_go_out_newest_first_with_their_incident(site: Site) -> None:
    told(site, down=(Outage("checkout", 10.0, 20.0, "a"), Outage("checkout", 30.0, 35.0, "b")))
    listed = await site.get(f"{PATH}/outages?to=1970-01-02T00:00:00Z")
    shown = schemas.Listing[ShownOutage].model_validate_json(listed.body).items
    assert [(one.cause, one.seconds, one.incident) for one in shown[-2:]] == [
        ("b", 5.0, None),
        ("a", 10.0, None),
    ]


async def test_states_are_cut_to_the_time_that_was_asked_for(site: Site) -> None:
    told(
        site,
        Became("checkout", OCTOBER, UP, "all objectives are met"),
        Became("checkout", OCTOBER + 100.0, DOWN, "all fail"),
        Became("checkout", OCTOBER + 200.0, UNKNOWN, "nothing is measured just now"),
    )
    span = "from=2026-10-01T00:00:50Z&to=2026-10-01T00:02:30Z"
    answer = await site.get(f"{PATH}/states?{span}")
    found = schemas.Listing[State].model_validate_json(answer.body).items
    assert [(one.state, seconds(one.start), seconds(one.to)) for one in found] == [
        ("up", 50.0, 100.0),
        ("down", 100.0, 150.0),
    ]


def seconds(at: Any) -> float:
    return float(at.timestamp()) - OCTOBER
