"""The page of a service."""

from dataclasses import replace

import pytest

from fleet import BROKEN, CALM, T0, Site, live
from slo.outages import Outage
from slo.redundancy import RedundancyState, Standing
from slo.spec import ServiceState
from slo.uptime import History
from vigie.store import outages, states
from vigie.store.states import Became
from web_text import page

DAY = 86_400.0
AT_RISK = Standing(
    RedundancyState.AT_RISK,
    "2 of 3 replicas ready",
    T0 - 60.0,
    ready=2,
    expected=3,
    minimum=2,
    zones=1,
    zones_wanted=2,
    leader="etcd-0",
    led_since=T0 - 120.0,
    failovers=3,
    failed_over_at=T0 - 120.0,
    skew=1.5,
)


async def test_it_says_first_whether_it_is_up_and_why(site: Site) -> None:
    site.fleet.board.now = live(BROKEN)
    shown = str(await page(site, "/services/checkout"))
    assert "checkout down" in shown.lower()
    assert shown.index("under half of the events") < shown.index("Availability")


async def test_availability_is_of_what_was_measured(site: Site) -> None:
    down = Outage("checkout", T0 - 10 * DAY, T0 - 10 * DAY + 864.0, "all failed", incident=None)
    figures = replace(CALM.services["checkout"], history=History(T0 - 20 * DAY, (down,)))
    services = {**CALM.services, "checkout": figures}
    site.fleet.board.now = live(replace(CALM, services=services))
    site.fleet.db.write(lambda c: outages.write(c, [down]))
    shown = str(await page(site, "/services/checkout"))
    assert "99.95 %" in shown  # 864 s of 20 days
    assert "14 min 24 s" in shown
    assert "all failed" in shown
    assert "no outage" in shown  # in the last day


async def test_how_redundant_it_stands_is_shown(site: Site) -> None:
    figures = replace(CALM.services["checkout"], standing=AT_RISK)
    services = {**CALM.services, "checkout": figures}
    site.fleet.board.now = live(replace(CALM, services=services))
    shown = str(await page(site, "/services/checkout"))
    for words in ("at risk", "2 of 3", "1 of 2", "etcd-0", "1.50", "last 2 min ago"):
        assert words in shown
    assert "no Redundancy is declared" not in shown


async def test_the_states_of_the_last_day_are_a_band_that_says_them_in_words(site: Site) -> None:
    told = [
        Became("checkout", T0 - 2 * DAY, ServiceState.UP, "all objectives are met"),
        Became("checkout", T0 - DAY / 2, ServiceState.DOWN, "<b>all</b> fail"),
    ]
    site.fleet.db.write(lambda c: states.write(c, told))
    answer = await site.get("/services/checkout", headers={"Accept": "text/html"})
    assert '<rect class="up" x="0.0%" width="50.0%"' in answer.text
    assert '<rect class="down" x="50.0%" width="50.0%"' in answer.text
    assert "&lt;b&gt;all&lt;/b&gt; fail" in answer.text


@pytest.mark.parametrize("name", ["nothing", "%00", "a" * 300])
async def test_a_service_that_there_is_not_is_no_page(site: Site, name: str) -> None:
    answer = await site.get(f"/services/{name}", headers={"Accept": "text/html"})
    assert answer.status == 404
