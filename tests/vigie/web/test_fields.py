"""The record on an incident's page, and its form, posted as a browser without JavaScript does."""

from dataclasses import replace
from html.parser import HTMLParser

import pytest

from fleet import CONFIG, Answer, Site, live
from incidents.types import Field, SubStatus, Taxonomy, TypeRules, Types
from vigie.store.tables import incident
from web_text import page

FIELDS = (
    Field("ticket", "Ticket of <b>ours", required_at="resolved"),
    Field("vip", "VIP hit", "boolean"),
    Field("site", "Site", "choice", ("Bern", "Oslo")),
    Field("noted", "Noted", "time"),
    Field("cost", "Cost", "number"),
)
STATUSES = (SubStatus("waiting", "Waiting for them", "investigating"),)
RULES = TypeRules("slo-burn", "Budget burns", statuses=STATUSES, fields=FIELDS)
TYPES = Types({"slo-burn": RULES}, Taxonomy(categories={"network": ("dns",)}, causes=("deploy",)))


class Form(HTMLParser):
    """The fields of the form that edits the record, as a browser would send them untouched."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.sent: dict[str, str] = {}
        self._inside, self._select, self._text = False, "", ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        has = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._inside = has.get("action", "").endswith("/edit")
        elif not self._inside:
            return
        elif tag == "input":
            self.sent[has["name"]] = has.get("value", "")
        elif tag == "textarea":
            self._text, self.sent[has["name"]] = has["name"], ""
        elif tag == "select":
            self._select = has["name"]
        elif tag == "option" and ("selected" in has or self._select not in self.sent):
            self.sent[self._select] = has["value"]

    def handle_data(self, data: str) -> None:
        if self._text:
            self.sent[self._text] += data.removeprefix("\n").replace("\n", "\r\n")

    def handle_endtag(self, tag: str) -> None:
        if tag in ("textarea", "select"):
            self._text = self._select = ""
        if tag == "form":
            self._inside = False


@pytest.fixture
def number(site: Site) -> int:
    site.fleet.board.now = replace(live(), config=replace(CONFIG, types=TYPES))
    return site.fleet.open()


async def form(site: Site, number: int) -> dict[str, str]:
    answer = await site.get(f"/incidents/{number}")
    assert answer.status == 200, answer.text
    return Form(answer.text).sent


async def post(site: Site, number: int, sent: dict[str, str], **changed: str) -> Answer:
    headers = {"Origin": site.url, "Sec-Fetch-Site": "same-origin", "Accept": "text/html"}
    data = {**sent, "actor": "ada", **changed}
    return await site.ask("POST", f"/incidents/{number}/edit", data=data, headers=headers)


EDIT = {
    "title": "Checkout <script>alert(1)</script>",
    "description": "first\r\n\r\n<img src=x onerror=alert(1)>",
    "category": "network",
    "subcategory": "dns",
    "affected": "payments, frontend",
    "users_affected": "1200",
    "cause": "deploy",
    "field.ticket": "T-1",
    "field.vip": "true",
    "field.site": "Oslo",
    "field.noted": "2026-09-01T12:00Z",
    "field.cost": "12.5",
}


async def test_what_is_typed_is_kept_shown_and_escaped(site: Site, number: int) -> None:
    sent = await form(site, number)
    assert sent["seen"] == "1"
    answer = await post(site, number, sent, **EDIT, reason="asked")
    assert (answer.status, answer.headers["location"]) == (303, f"/incidents/{number}#record")
    html = (await site.get(f"/incidents/{number}")).text
    assert "<script>alert" not in html
    assert "<img src=x" not in html
    assert "Ticket of <b>" not in html
    text = str(await page(site, f"/incidents/{number}"))
    for words in (
        "Budget burns first <img src=x onerror=alert(1)>",
        "Category network, dns Affected too payments, frontend Users affected 1,200",
        "Cause deploy Ticket of <b>ours T-1 VIP hit true Site Oslo",
        "Noted 2026-09-01T12:00:00.000Z Cost 12.5",
        "(needed from resolved on)",
        "field.site: nothing -> `Oslo`",
        "Reason: asked",
    ):
        assert words in text, words


async def test_a_form_that_is_sent_back_untouched_changes_nothing(site: Site, number: int) -> None:
    await post(site, number, await form(site, number), **EDIT)
    sent = await form(site, number)
    assert sent["description"].startswith("first\r\n\r\n<img")
    assert (sent["field.site"], sent["category"], sent["urgency"]) == ("Oslo", "network", "high")
    assert (await post(site, number, sent)).status == 303
    found = (await site.get(f"/api/v1/incidents/{number}")).json
    assert [entry["kind"] for entry in found["timeline"]] == ["opened", "field_set"]


async def test_who_is_overtaken_sees_by_what_and_keeps_what_they_typed(
    site: Site, number: int
) -> None:
    sent = await form(site, number)
    assert (await post(site, number, sent, actor="bob", title="his")).status == 303
    mine = {"title": "mine", "description": "mine too", "field.ticket": "T-2", "reason": "why"}
    answer = await post(site, number, sent, **mine)
    assert answer.status == 409
    assert "bob set title to `his`" in answer.text
    assert "bob made it: his" in answer.text
    kept = Form(answer.text).sent
    assert {name: kept[name] for name in mine} == mine
    assert (kept["seen"], kept["was.title"], kept["was.description"]) == ("2", "his", "")
    # Sent again, having seen it, it goes through.
    assert (await post(site, number, kept)).status == 303
    found = (await site.get(f"/api/v1/incidents/{number}")).json
    assert (found["title"], found["description"]) == ("mine", "mine too")
    assert found["timeline"][-1]["data"]["changes"][0] == {
        "field": "title", "old": "his", "new": "mine",
    }  # fmt: skip


async def test_another_field_than_theirs_goes_through(site: Site, number: int) -> None:
    sent = await form(site, number)
    await post(site, number, sent, actor="bob", title="his")
    assert (await post(site, number, sent, description="mine")).status == 303
    found = (await site.get(f"/api/v1/incidents/{number}")).json
    assert (found["title"], found["description"]) == ("his", "mine")


async def test_what_cannot_be_kept_is_named_beside_what_was_typed(site: Site, number: int) -> None:
    sent = await form(site, number)
    wrong = {"title": "\u202egnp.exe", "field.cost": "a lot", "field.nothing": "x"}
    answer = await post(site, number, sent, description="kept", **wrong)
    assert answer.status == 422
    for words in ("turn words around", "field.cost must be a number", "field.nothing is no field"):
        assert words in answer.text
    kept = Form(answer.text).sent
    assert (kept["description"], kept["field.cost"], kept["seen"]) == ("kept", "a lot", "1")
    found = (await site.get(f"/api/v1/incidents/{number}")).json
    assert len(found["timeline"]) == 1
    assert (await post(site, 99, sent, title="x")).status == 404


async def test_the_status_of_a_team_is_shown_by_its_title(site: Site, number: int) -> None:
    changed = incident.update().values(sub_status="waiting", state="investigating")
    site.fleet.db.write(lambda c: c.execute(changed))
    assert "Status Waiting for them" in str(await page(site, f"/incidents/{number}"))
