"""Links, merges and comments on an incident's page."""

from fleet import Answer, Site, burn_signal
from vigie.web.links import positions
from web_text import page


async def post(site: Site, path: str, **form: str) -> Answer:
    headers = {"Origin": site.url, "Sec-Fetch-Site": "same-origin", "Accept": "text/html"}
    data = {"actor": "ada", **form}
    return await site.ask("POST", f"/incidents/{path}", data=data, headers=headers)


async def test_links_are_shown_and_taken_away(site: Site) -> None:
    one, two = site.fleet.open(burn_signal("a")), site.fleet.open(burn_signal("b"))
    assert (await post(site, f"{two}/links", kind="caused_by", to=str(one))).status == 303
    harmful = '<script>alert("x")</script>'
    form = {"kind": "ticket", "to": "https://t.example/1", "title": harmful}
    assert (await post(site, f"{two}/links", **form)).status == 303
    assert f"caused by #{one} " in str(await page(site, f"/incidents/{two}"))
    assert f"cause of #{two} " in str(await page(site, f"/incidents/{one}"))
    raw = (await site.ask("GET", f"/incidents/{two}", headers={"Accept": "text/html"})).text
    assert harmful not in raw
    assert "alert(" in raw
    assert (await post(site, f"{two}/links/1/remove")).status == 303
    assert "Remove the link" not in str(await page(site, f"/incidents/{one}"))


async def test_a_merge_is_said_on_both_pages_and_can_be_undone(site: Site) -> None:
    one, two = site.fleet.open(burn_signal("a")), site.fleet.open(burn_signal("b"))
    assert (await post(site, f"{two}/merge", into=str(one), reason="the same")).status == 303
    assert f"Merged into #{one}" in str(await page(site, f"/incidents/{two}"))
    assert f"Merged into this one: #{two}" in str(await page(site, f"/incidents/{one}"))
    assert (await post(site, f"{two}/unmerge", reason="not the same")).status == 303
    assert "Merged into this one" not in str(await page(site, f"/incidents/{one}"))
    answer = await post(site, f"{one}/split", title="half", entries="1, 2", reason="two things")
    assert answer.status == 303
    answer = await post(site, f"{one}/split", title="half", entries="1; 2", reason="two things")
    assert answer.status == 422


async def test_a_comment_is_markdown_and_runs_nothing(site: Site) -> None:
    number = site.fleet.open()
    await post(site, f"{number}/comment", text="**rolled** back\n<img src=x onerror=alert(1)>")
    raw = (await site.ask("GET", f"/incidents/{number}", headers={"Accept": "text/html"})).text
    assert "<p><strong>rolled</strong> back<br>" in raw
    assert "<img src=x" not in raw


def test_positions_are_numbers_in_any_layout() -> None:
    assert positions(" 3, 5 7,") == (3, 5, 7)
    assert positions("") == ()
