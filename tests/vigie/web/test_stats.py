"""The pages of analytics, as a reader sees them."""

from counted_incidents import DAY, T0, add
from fleet import Site
from web_text import page


async def test_first_stands_how_many_and_how_fast(site: Site) -> None:
    site.fleet.clock.set(T0 + 20 * DAY)
    add(site.fleet.db, DAY, resolved_at=DAY + 3600, response_due_at=DAY + 60)
    shown = await page(site, "/incidents/stats?days=30")
    text = str(shown)
    assert "1 incident in 30 days" in text
    assert "Time to resolve, median 1 h" in text
    assert "Time to mitigate, median no data both ends are known of none" in text
    assert "Response targets met 0 % 1 missed of 1" in text
    assert text.index("How fast") < text.index("Opened each week") < text.index("By service")
    (late,) = {link for link in shown.links if "missed_response" in link}
    assert "1 incident: missed response" in str(await page(site, late))
    (shop,) = {link for link in shown.links if link.endswith("service=shop")}
    assert "#1 at 86400" in str(await page(site, shop))


async def test_nothing_is_said_in_words(site: Site) -> None:
    text = str(await page(site, "/incidents/stats"))
    assert "No incident in 90 days" in text
    assert "None was opened." in text
    assert "Found by monitoring no data" in text


async def test_every_dimension_and_filter_has_its_page(site: Site) -> None:
    add(site.fleet.db, -40 * DAY, cause="<b>disk</b>")
    first = await page(site, "/incidents/stats?days=365")
    dimensions = [link for link in first.links if "by=" in link and "days=365" in link]
    assert len(dimensions) >= 10
    for link in dimensions:
        await page(site, link)
    text = str(await page(site, "/incidents/stats?days=365&cause=%3Cb%3Edisk%3C/b%3E&by=cause"))
    assert "only cause <b>disk</b>" in text


async def test_the_list_of_incidents_leads_to_the_figures(site: Site) -> None:
    assert "/incidents/stats" in (await page(site, "/incidents")).links


async def test_a_month_says_what_to_improve(site: Site) -> None:
    site.fleet.clock.set(T0 + 20 * DAY)
    add(site.fleet.db, DAY, response_due_at=DAY + 60)
    text = str(await page(site, "/incidents/stats/summary"))
    assert "Incidents of 2026-11" in text
    assert "1 of 1 P2 missed the response target; worst service shop (1)" in text
    await page(site, "/incidents/stats/summary?month=2026-10")
    await page(site, "/incidents/stats/summary?month=2999-10", status=422)
