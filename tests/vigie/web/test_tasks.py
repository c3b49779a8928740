"""Tasks on an incident's page, and the page of all that are left, as a browser uses them."""

from typing import Any

from fleet import T0, Answer, Site, burn_signal
from vigie.commands import tasks
from web_text import page

HEADERS = {"Sec-Fetch-Site": "same-origin", "Accept": "text/html"}


async def post(site: Site, path: str, **form: str) -> Answer:
    headers = {**HEADERS, "Origin": site.url}
    body = {"actor": "ada", **form}
    return await site.ask("POST", f"/incidents/1/tasks{path}", data=body, headers=headers)


async def test_a_task_is_added_changed_done_and_dropped_without_scripts(site: Site) -> None:
    site.fleet.open()
    answer = await post(site, "", title="raise <b>the limit</b>", owner="bob", source="review")
    assert (answer.status, answer.headers["Location"]) == (303, "/incidents/1#task-1")
    text = str(await page(site, "/incidents/1"))
    assert "raise <b>the limit</b>" in text  # as words
    assert "bob · of its review · due in 7 d" in text
    assert (await post(site, "/1/edit", title="raise it", owner="cy", seen="1")).status == 303
    assert (await post(site, "/1/edit", title="lower it", owner="cy", seen="1")).status == 409
    assert (await post(site, "/1/do")).status == 303
    text = str(await page(site, "/incidents/1"))
    assert "raise it" in text
    assert "done by ada a moment ago , not verified" in text
    assert (await post(site, "/1/verify")).status == 303
    assert "verified by ada" in str(await page(site, "/incidents/1"))
    assert (await post(site, "/1/undo")).status == 303
    assert (await post(site, "/1/drop", reason="moot")).status == 303
    assert "dropped: moot" in str(await page(site, "/incidents/1"))


async def test_nonsense_is_refused(site: Site) -> None:
    site.fleet.open()
    for form in ({"title": " "}, {"title": "t", "due": "soon"}, {"title": "t", "source": "type"}):
        assert (await post(site, "", **form)).status == 422, form
    assert (await post(site, "/7/do")).status == 404


async def test_the_check_of_a_task_shows_what_it_found(site: Site) -> None:
    site.fleet.open()
    check = {"kind": "slo", "slo": "checkout/availability"}
    config, db = site.fleet.board.now.config, site.fleet.db
    tasks.add(db, config, 1, "cap retries", actor="ada", now=T0, check=check)
    tasks.do(db, 1, 1, actor="ada", now=T0)
    text = str(await page(site, "/incidents/1"))
    assert "Verified when checkout/availability is met over its window · not looked yet" in text
    assert "Look now" in text


async def test_what_is_left_stands_by_due_date_ones_own_first(site: Site) -> None:
    assert "Nothing is left to do" in str(await page(site, "/tasks"))
    site.fleet.open()
    site.fleet.open(burn_signal("frontend"))
    config, db = site.fleet.board.now.config, site.fleet.db
    for number, title, owner, due_s in (
        (1, "second", "ada", 900.0),
        (2, "first of others", "bob", 30.0),
        (2, "first", "Ada", 60.0),
    ):
        said: dict[str, Any] = {"actor": "cy", "now": T0, "owner": owner, "due_at": T0 + due_s}
        tasks.add(db, config, number, title, **said)
    site.fleet.clock.set(T0 + 120)
    text = str(await page(site, "/tasks"))
    places = [text.index(words) for words in ("By due date", "first of others", "first", "second")]
    assert places[0] < places[1] < places[3]
    text = str(await page(site, "/tasks?owner=ada"))
    words = ("Of ada", "first", "late, it was due", "second", "due in 13 min", "Of others")
    places = [text.index(word) for word in words]
    assert places == sorted(places)
    assert text.index("first of others") > places[-1]
