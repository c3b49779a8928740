"""The review of an incident as a browser reads and writes it."""

from dataclasses import replace

from fleet import T0, Answer, Site
from incidents.types import Taxonomy, Types
from vigie.commands import resolve, reviews
from web_text import page

HEADERS = {"Sec-Fetch-Site": "same-origin", "Accept": "text/html"}


async def post(site: Site, path: str, **form: str) -> Answer:
    headers = {**HEADERS, "Origin": site.url}
    body = {"actor": "ada", **form}
    return await site.ask("POST", f"/incidents/1/review{path}", data=body, headers=headers)


def over(site: Site) -> None:
    fleet = site.fleet
    resolve(fleet.db, fleet.board.now.config, fleet.open(), "ada", "rolled back", T0)


async def test_a_review_is_begun_written_and_finished_without_scripts(site: Site) -> None:
    live = site.fleet.board.now
    types = Types({}, Taxonomy(causes=("deploy", "load")))
    site.fleet.board.now = replace(live, config=replace(live.config, types=types))
    over(site)
    assert "Begin the review" in str(await page(site, "/incidents/1"))
    begun = await post(site, "/start")
    assert (begun.status, begun.headers["Location"]) == (303, "/incidents/1/review")
    assert "Read the review" in str(await page(site, "/incidents/1"))
    text = str(await page(site, "/incidents/1/review"))
    assert "Found by Vigie" in text
    assert "things are missing before it is final" in text
    assert "it was found by measurement" in text
    for version, (section, words) in enumerate(
        {
            "root_cause": "deploy",
            "factors": "no canary\r\nno stage",
            "whys": "it was rolled to all",
            "went_well": "paged **at once**",
            "went_badly": "slow",
        }.items(),
        start=1,
    ):
        wrote = await post(site, "/edit", section=section, text=words, seen=str(version))
        assert wrote.status == 303, wrote.text
        assert wrote.headers["Location"] == f"/incidents/1/review#{section}"
    assert (await post(site, "/ask", reviewers="bob, cy")).status == 303
    assert (await post(site, "/finalize")).status == 409
    assert (await post(site, "/approve", actor="bob")).status == 303
    assert (await post(site, "/finalize")).status == 303
    text = str(await page(site, "/incidents/1/review"))
    for words in ("deploy", "no canary", "no stage", "bob: approved", "cy: has not approved"):
        assert words in text
    assert "Write root cause" not in text
    assert "It is final" not in text
    assert (await post(site, "/reopen", reason="more")).status == 303
    assert "#1" in str(await page(site, "/reviews?state=draft"))
    assert "No review is final" in str(await page(site, "/reviews?state=final"))


async def test_who_is_overtaken_gets_their_words_back(site: Site) -> None:
    over(site)
    config, db = site.fleet.board.now.config, site.fleet.db
    reviews.start(db, config, 1, actor="ada", now=T0)
    reviews.edit(db, config, 1, {"lucky": "hers"}, actor="ada", now=T0)
    refused = await post(site, "/edit", actor="bob", section="lucky", text="his", seen="1")
    assert refused.status == 409
    assert "ada changed lucky" in refused.text
    assert 'rows="8" maxlength="20000">\nhis</textarea>' in refused.text
    assert "<p>hers</p>" in refused.text
    assert 'name="seen" value="2"' in refused.text
    assert "hx-get" not in refused.text.split("<main", 1)[1].split(">", 1)[0]
    empty = await post(site, "/edit", section="factors", text="x" * 501, seen="2")
    assert empty.status == 422
    assert "x" * 501 in empty.text


async def test_markup_of_people_is_words_in_every_section(site: Site) -> None:
    over(site)
    config, db = site.fleet.board.now.config, site.fleet.db
    bad = '<script>alert(1)</script> ![x](http://evil) [a](javascript:alert(1)) @ada "><b>'
    said = {"summary": bad, "lucky": bad, "factors": [bad], "whys": [bad], "root_cause": bad[:60]}
    reviews.start(db, config, 1, actor="<i>ada", now=T0)
    reviews.edit(db, config, 1, said, actor="<i>ada", now=T0)
    html = (await site.ask("GET", "/incidents/1/review", headers=HEADERS)).text
    body = html.split("<main", 1)[1]
    for markup in ("<script", "<img", "<i>", 'href="javascript', "<b>"):
        assert markup not in body, markup
    assert "&lt;script&gt;" in body


async def test_there_is_no_page_without_a_review(site: Site) -> None:
    site.fleet.open()
    assert (await site.ask("GET", "/incidents/1/review", headers=HEADERS)).status == 404
    assert (await post(site, "/start")).status == 409
    assert (await site.ask("GET", "/incidents/9/review", headers=HEADERS)).status == 404
