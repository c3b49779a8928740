"""Stakeholder updates on an incident's page, as a browser without scripts uses them."""

import html

from fleet import Answer, Site
from web_text import page

HEADERS = {"Sec-Fetch-Site": "same-origin", "Accept": "text/html"}


async def post(site: Site, **form: str) -> Answer:
    headers = {**HEADERS, "Origin": site.url}
    body = {"actor": "ada", "audience": "customer", **form}
    return await site.ask("POST", "/incidents/1/updates", data=body, headers=headers)


async def test_the_draft_is_in_the_form_and_is_sent_from_there(site: Site) -> None:
    site.fleet.open()
    draft = (await site.get("/api/v1/incidents/1/updates/draft?audience=customer")).json
    answer = await site.ask("GET", "/incidents/1", headers=HEADERS)
    assert html.escape(draft["text"], quote=False) in answer.text
    assert "Nobody was told yet." in str(await page(site, "/incidents/1"))
    sent = await post(
        site, text="We <script>x</script> **look**", next_in="2h", status="identified"
    )
    assert (sent.status, sent.headers["Location"]) == (303, "/incidents/1#updates")
    answer = await site.ask("GET", "/incidents/1", headers=HEADERS)
    assert "<strong>look</strong>" in answer.text
    assert "<script>x" not in answer.text
    text = str(await page(site, "/incidents/1"))
    assert "The next is due in" in text
    assert "next promised for" in text


async def test_nonsense_is_refused(site: Site) -> None:
    site.fleet.open()
    assert (await post(site, text="x", next_in="soon")).status == 422
    assert (await post(site, text=" ")).status == 422
    assert (await post(site, text="x", audience="press")).status == 422
