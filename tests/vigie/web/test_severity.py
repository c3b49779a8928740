"""Why an incident comes first, and setting its severity on its page."""

from sqlalchemy import update

from fleet import T0, Answer, Site, burn_signal
from vigie.store.tables import incident
from web_text import page


async def post(site: Site, number: int, **form: str) -> Answer:
    headers = {"Origin": site.url, "Sec-Fetch-Site": "same-origin", "Accept": "text/html"}
    return await site.ask("POST", f"/incidents/{number}/severity", data=form, headers=headers)


async def test_the_page_shows_why_and_lets_one_set_another_severity(site: Site) -> None:
    number = site.fleet.open()
    assert "P2: SEV2 x high urgency: P2" in str(await page(site, f"/incidents/{number}"))
    form = {"actor": "ada", "severity": "SEV4", "reason": "only <b>the preview</b>"}
    answer = await post(site, number, **form)
    assert answer.status == 303
    text = str(await page(site, f"/incidents/{number}"))
    assert "SEV4 was set by ada" in text
    assert "SEV2 is measured: only <b>the preview</b>" in text
    assert "P4: SEV4 x high urgency: P4" in text
    assert "as measured (SEV2)" in text


async def test_what_is_due_next_is_said_and_whether_it_is_late(site: Site) -> None:
    number = site.fleet.open()
    for due_at, words in ((T0 + 120, "response due in 2 min"), (T0 - 120, "response late, it was")):
        changed = update(incident).values(response_due_at=due_at)
        site.fleet.db.write(lambda c, u=changed: c.execute(u))
        for address in ("/", "/incidents", f"/incidents/{number}"):
            assert words in str(await page(site, address)), address


async def test_what_comes_first_stands_first(site: Site) -> None:
    late, soon = site.fleet.open(burn_signal("a")), site.fleet.open(burn_signal("b"))
    form = {"actor": "ada", "severity": "SEV1", "reason": "worse"}
    await post(site, soon, **form)
    for address in ("/", "/incidents"):
        text = str(await page(site, address))
        assert text.index(f"#{soon} ") < text.index(f"#{late} "), address


async def test_nonsense_is_refused(site: Site) -> None:
    number = site.fleet.open()
    for form in ({"severity": "SEV9", "reason": "x"}, {"severity": "SEV1", "reason": " "}):
        answer = await post(site, number, actor="ada", **form)
        assert answer.status == 422
