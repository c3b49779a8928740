"""How sources do, as the API, the pages and the reference show it."""

import re
from dataclasses import fields, replace

import pytest

from collectors.source_poller import SourceStatus
from components import ROOT
from fleet import CALM, CONFIG, T0, Site, live
from slo.spec import DataSource, SloId
from vigie import views
from vigie.api import schemas
from vigie.live import Backfilled, Live

pytestmark = pytest.mark.simulation

SOURCES = {
    "main": DataSource("main", "Prometheus", "http://prometheus:9090", default=True),
    "idle": DataSource("idle", "Mimir", "http://mimir/prometheus"),
}
DOWN = SourceStatus("main", "down", "status 503: starting", T0 - 60, 75.0, T0 + 8)
NOT_OURS = {"name", "type", "mark"}


def told() -> Live:
    """A source that fails while the past of an SLO is read from it, and one that no SLO asks."""
    checkout = SloId("checkout/availability")
    watch = CONFIG.watches[checkout]
    asking = replace(watch.slo, sli=replace(watch.slo.sli, source="main"))
    watches = {**CONFIG.watches, checkout: replace(watch, slo=asking)}
    return replace(
        live(CALM),
        config=replace(CONFIG, watches=watches, sources=SOURCES),
        sources={"main": DOWN},
        backfills={checkout: Backfilled(3600.0, 86_400.0)},
        source_backfills={"main": Backfilled(3600.0, 86_400.0, "status 422: too much")},
    )


async def test_sources_go_out_in_the_documented_shape(site: Site) -> None:
    site.fleet.board.now = told()
    answer = await site.get("/api/v1/sources")
    idle, main = schemas.Listing[schemas.Source].model_validate_json(answer.body).items
    assert (idle.health, idle.slos, idle.backfill) == ("unknown", 0, None)
    assert (main.health, main.error, main.slos, main.default) == ("down", DOWN.error, 1, True)
    assert main.behind_seconds == 75.0
    assert main.backfill == schemas.Backfill(done_seconds=3600.0, total_seconds=86_400.0)
    assert main.backfill_error == "status 422: too much"


async def test_an_slo_says_how_much_of_its_past_is_read(site: Site) -> None:
    site.fleet.board.now = told()
    one = (await site.get("/api/v1/slos/checkout/availability")).json
    assert one["backfill"] == {"done_seconds": 3600.0, "total_seconds": 86_400.0}
    assert (await site.get("/api/v1/slos/payments/availability")).json["backfill"] is None
    page = (await site.get("/slos/checkout/availability")).text
    assert "1 h of 1 d read" in page


async def test_the_page_of_targets_lists_the_sources(site: Site) -> None:
    site.fleet.board.now = told()
    page = (await site.get("/targets")).text
    for text in ("http://prometheus:9090", "status 503: starting", "1 h of 1 d read", "too much"):
        assert text in page
    assert "DataSource" not in (await site.get("/targets?service=payments")).text


def test_a_configuration_without_sources_lists_none() -> None:
    assert views.sources(live(CALM)) == {"items": [], "next": None}


def test_the_reference_names_every_key_of_a_source() -> None:
    page = (ROOT / "docs" / "reference" / "sources.md").read_text()
    table = page.partition("| key of")[2].partition("\n\n")[0]
    named = {key for row in table.splitlines() for key in re.findall(r"`(\w+)`", row.split("|")[1])}
    keys = {field.name.removesuffix("_s") for field in fields(DataSource)} - NOT_OURS
    assert named - {"connectionDetails"} == keys
