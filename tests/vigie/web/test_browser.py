"""The pages in a real browser: by click, live, on a phone, and for people who don't see colours."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from playwright.async_api import Browser, Page, async_playwright, expect

from collected import collect
from components import ROOT, missing, need
from fleet import BROKEN, T0, Fleet, Site, live, no_data_signal
from incidents.model import EventKind
from remembered import knowing, past_of, row
from vigie import commands
from vigie.live import Change
from vigie.store import incidents
from vigie.web.render import STATIC

pytestmark = pytest.mark.system

PHONE = {"width": 390, "height": 844}
DESK = {"width": 1280, "height": 900}
PAGES = (
    "/",
    "/slos/checkout/availability",
    "/incidents",
    "/incidents/1",
    "/incidents/2",
    "/incidents/3",
    "/services/checkout",
    "/targets",
    "/targets/checkout/127.0.0.1:8100",
)


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    quiet = ("networking", "timer-throttling")
    arguments = ["--no-sandbox", "--disable-gpu", "--disable-sync", "--disable-component-update"]
    arguments += [f"--disable-background-{what}" for what in quiet]
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=need("chromium"), args=arguments)
        yield browser
        await browser.close()


@dataclass
class Watched:
    """A page, and all that the browser complained of."""

    page: Page
    complaints: list[str] = field(default_factory=list)


async def opened(browser: Browser, **context: Any) -> Watched:
    page = await (await browser.new_context(**context)).new_page()
    watched = Watched(page)
    page.on("console", lambda said: watched.complaints.append(said.text))
    page.on("pageerror", lambda error: watched.complaints.append(str(error)))
    return watched


@pytest.fixture
def busy(site: Site) -> Site:
    """A fleet in which everything that a page can show is there."""
    hour = [row(60, T0 // 60 * 60 - 60 * n, 99 if n < 8 else 100, 100) for n in range(60, 0, -1)]
    known = knowing(past_of(hour), status=BROKEN)
    site.fleet.board.now = replace(known, reload_error="slos/a.yaml:3:5: error: unknown key")
    site.fleet.tell(site.fleet.open())
    site.fleet.open(no_data_signal())
    collect(site.fleet)
    return site


def vendored() -> None:
    if not (STATIC / "vendor" / "htmx.min.js").is_file():
        missing("the page assets were not copied: npm ci, then scripts/assets.py")


@pytest.mark.parametrize("script", [False, True], ids=["without JavaScript", "with it"])
async def test_an_incident_is_acknowledged_commented_and_resolved_by_click(
    busy: Site, browser: Browser, script: bool
) -> None:
    watched = await opened(browser, java_script_enabled=script)
    page = watched.page
    await page.goto(busy.url)
    await page.get_by_role("link", name="#1 checkout/availability").first.click()
    head = page.locator(".head")
    await expect(head).to_contain_text("Nobody works on it yet.")
    await head.get_by_label("Your name").fill("Ada")
    await page.get_by_role("button", name="Acknowledge").click()
    await expect(head).to_contain_text("Ada works on it")
    await expect(page.get_by_role("button", name="Acknowledge")).to_have_count(0)
    await page.get_by_role("textbox", name="Comment").fill("payments was deployed at 14:02")
    await page.get_by_role("button", name="Comment").click()
    await expect(page.locator(".timeline li").first).to_contain_text("deployed at 14:02")
    await page.get_by_role("button", name="Resolve").click()
    await expect(head).to_contain_text("Resolved by Ada")
    assert watched.complaints == []


async def test_a_change_shows_without_a_reload_and_leaves_what_is_being_typed(
    busy: Site, browser: Browser
) -> None:
    vendored()
    watched = await opened(browser)
    page = watched.page
    await page.goto(f"{busy.url}/incidents/1")
    await expect(page.locator("#connection")).to_have_text("Live")
    await page.get_by_role("textbox", name="Comment").fill("half a sent")
    await page.evaluate("window.sameDocument = true")
    fleet = busy.fleet
    commands.acknowledge(fleet.db, fleet.board.now.config, 1, "Grace", T0)
    fleet.feed.publish(Change("incident", 1))
    await expect(page.locator(".head")).to_contain_text("Grace works on it")
    await expect(page.locator(".timeline li").first).to_contain_text("acknowledged · Grace")
    await expect(page.get_by_role("button", name="Acknowledge")).to_have_count(0)
    await expect(page.get_by_role("textbox", name="Comment")).to_have_value("half a sent")
    await expect(page.get_by_role("textbox", name="Comment")).to_be_focused()
    said = EventKind.COMMENTED
    fleet.db.write(lambda c: incidents.append(c, 1, T0, said, "Grace", "rolling back", {}))
    fleet.feed.publish(Change("incident", 1))
    await expect(page.locator(".timeline li").first).to_contain_text("rolling back")
    assert await page.evaluate("window.sameDocument")
    assert watched.complaints == []


async def test_the_overview_follows_ticks(busy: Site, browser: Browser) -> None:
    vendored()
    watched = await opened(browser)
    busy.fleet.board.now = live()
    await watched.page.goto(busy.url)
    await expect(watched.page.locator("#connection")).to_have_text("Live")
    busy.fleet.board.now = live(BROKEN)
    busy.fleet.feed.publish(Change("reload"))
    await expect(watched.page.locator(".verdict")).to_contain_text("Services down")
    assert watched.complaints == []


async def test_a_lost_connection_is_said(busy: Site, browser: Browser) -> None:
    vendored()
    watched = await opened(browser)
    await watched.page.goto(busy.url)
    await expect(watched.page.locator("#connection")).to_have_text("Live")
    await watched.page.route("**/api/v1/events*", lambda route: route.abort())
    busy.fleet.feed.publish(Change("stop"))
    await expect(watched.page.locator("#connection")).to_contain_text("Connection lost")
    await watched.page.unroute("**/api/v1/events*")
    await expect(watched.page.locator("#connection")).to_have_text("Live", timeout=15_000)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("view", [PHONE, DESK], ids=["phone", "desk"])
async def test_pages_fit_and_everybody_can_use_them(
    busy: Site, browser: Browser, view: dict[str, int], scheme: str
) -> None:
    axe = ROOT / "node_modules" / "axe-core" / "axe.min.js"
    if not axe.is_file():
        missing("axe-core is not there; it comes with `npm ci`")
    watched = await opened(browser, viewport=view, color_scheme=scheme, bypass_csp=True)
    for path in (*PAGES, "/nothing"):
        await watched.page.goto(busy.url + path)
        width = await watched.page.evaluate("document.documentElement.scrollWidth")
        assert width <= view["width"], path
        await watched.page.add_script_tag(path=axe)
        found = (await watched.page.evaluate("axe.run()"))["violations"]
        assert [(v["id"], [n["html"] for n in v["nodes"]]) for v in found] == [], path


async def test_pages_break_no_rule_of_their_own_policy(busy: Site, browser: Browser) -> None:
    watched = await opened(browser)
    for path in PAGES:
        await watched.page.goto(busy.url + path)
        await watched.page.wait_for_load_state("load")
    assert watched.complaints == []


async def test_the_keyboard_reaches_the_content_first(busy: Site, browser: Browser) -> None:
    page = (await opened(browser)).page
    await page.goto(f"{busy.url}/incidents/1")
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    await expect(page.get_by_role("link", name="Skip to the content")).to_be_in_viewport()


async def test_a_browser_signs_in_and_stays_signed_in(
    fleet: Fleet, serve: Any, browser: Browser
) -> None:
    site = serve(token="correct horse")
    watched = await opened(browser)
    await watched.page.goto(f"{site.url}/targets")
    await watched.page.get_by_label("Token").fill("correct horse")
    await watched.page.get_by_role("button", name="Sign in").click()
    await expect(watched.page.get_by_role("heading", level=1)).to_contain_text("1 of 4 targets")
    await watched.page.goto(site.url)
    await expect(watched.page.locator(".verdict")).to_contain_text("Nothing is broken")
    await watched.page.get_by_role("button", name="Sign out").click()
    await expect(watched.page.get_by_role("heading", level=1)).to_have_text("Sign in")
    assert watched.complaints == []
