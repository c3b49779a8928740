"""Status pages over HTTP: who may read them, what is kept, the feeds, and how one subscribes."""

from collections.abc import Callable
from dataclasses import replace
from xml.etree import ElementTree as ET

import orjson
import pytest

from accounts import HTML, bearer, served, sign_in, token, user
from fleet import Fleet, Site
from pages_of_status import INSIDE, PAGE, SECRET, opened, put, tell
from vigie.access import Role, Scope
from vigie.access.public import opens
from vigie.notify.status import confirmation_job, update_job
from vigie.store import subscribers
from vigie.store.jobs import NewJob
from vigie.store.subscribers import Purpose

Serve = Callable[..., Site]
ROUTES = ("/status/{}", "/status/{}/feed.rss", "/status/{}/feed.atom", "/status/{}/feed.json")
OPEN = [*ROUTES, "/api/v1/status/{}"]
BAD = '<script>alert(1)</script> & "quoted" ]]> [x](javascript:alert(1))'


@pytest.mark.parametrize("route", OPEN)
async def test_a_public_page_is_open_to_everybody(fleet: Fleet, serve: Serve, route: str) -> None:
    user(fleet)
    put(fleet, PAGE, INSIDE)
    site = served(serve, fleet)
    assert (await site.get(route.format("shop"))).status == 200


@pytest.mark.parametrize("route", OPEN)
async def test_what_is_not_public_answers_as_what_is_not_there(
    fleet: Fleet, serve: Serve, route: str
) -> None:
    user(fleet)
    put(fleet, PAGE, INSIDE)
    site = served(serve, fleet)
    none = [await site.get(route.format(name)) for name in ("inside", "nothing")]
    assert [one.status for one in none] == [401, 401]
    assert none[0].body == none[1].body
    sender = bearer(token(fleet, scope=Scope.SEND))
    told = [await site.get(route.format(name), headers=sender) for name in ("inside", "nothing")]
    assert [one.status for one in told] == [404, 404]
    assert told[0].body == told[1].body
    viewer = bearer(token(fleet, Role.VIEWER))
    assert (await site.get(route.format("inside"), headers=viewer)).status == 200


async def test_a_public_page_opens_nothing_else(fleet: Fleet, serve: Serve) -> None:
    user(fleet)
    put(fleet, PAGE)
    site = served(serve, fleet)
    for path in ("/", "/status", "/status/", "/api/v1/status", "/api/v1/incidents", "/incidents"):
        assert (await site.get(path)).status == 401, path
    for path in ("/status/shop/../../incidents", "/status/shop%2f..%2f..%2fapi/v1/incidents"):
        assert (await site.get(path)).status in {401, 404}, path


@pytest.mark.parametrize(
    ("method", "path", "is_open"),
    [
        ("GET", "/status/shop", True),
        ("HEAD", "/status/shop/feed.rss", True),
        ("GET", "/api/v1/status/shop", True),
        ("GET", "/status/shop/confirm/1.0af", True),
        ("POST", "/status/shop/unsubscribe/1.0af", True),
        ("POST", "/status/shop/subscribe", True),
        ("POST", "/status/shop", False),
        ("DELETE", "/status/shop", False),
        ("GET", "/status/shop/subscribe", False),
        ("GET", "/status/shop/feed.exe", False),
        ("GET", "/status/shop/", False),
        ("GET", "/status/shop\n", False),
        ("GET", "/status/other", False),
        ("GET", "/status/shop/../other", False),
        ("GET", "/status/shop/confirm/../../x", False),
        ("GET", "/api/v1/status/shop/x", False),
        ("GET", "//status/shop", False),
    ],
)
def test_only_these_addresses_are_open(method: str, path: str, is_open: bool) -> None:
    assert opens(path, method, {"shop"}) is is_open
    assert opens(path, method, ()) is False


async def test_an_answer_is_kept_and_asked_for_by_its_tag(fleet: Fleet, serve: Serve) -> None:
    put(fleet, PAGE, INSIDE)
    site = serve()
    for route in OPEN:
        first = await site.get(route.format("shop"))
        assert first.headers["cache-control"] == "public, max-age=10"
        again = {"If-None-Match": first.headers["etag"]}
        second = await site.get(route.format("shop"), headers=again)
        assert (second.status, second.body) == (304, b"")
        inside = await site.get(route.format("inside"))
        assert inside.headers["cache-control"] == "private, no-cache"
    tell(fleet, opened(fleet), "New.")
    assert (await site.get(OPEN[-1].format("shop"), headers=again)).status == 200


async def test_the_page_loads_nothing_from_elsewhere_and_has_no_script(
    fleet: Fleet, serve: Serve
) -> None:
    put(fleet, PAGE)
    tell(fleet, opened(fleet), BAD)
    text = (await serve().get("/status/shop")).text
    assert "<script" not in text
    assert 'href="javascript:' not in text
    assert "style=" not in text
    assert text.count("<link rel=") == 4  # one style sheet, three feeds, all of this server
    assert "http://" not in text.replace("http-equiv", "")
    assert "Partial outage" in text
    assert "no data" in text
    assert SECRET not in text


async def test_what_is_stale_says_so_in_words(fleet: Fleet, serve: Serve) -> None:
    put(fleet, PAGE)
    fleet.clock.set(fleet.clock.now() + 3600)
    text = (await serve().get("/status/shop")).text
    assert "Not measured since 2026-09-21 14:13 UTC" in text
    assert "Everything is operational" not in text
    assert 'class="state operational"' not in text


async def test_feeds_are_valid_and_their_ids_stay(fleet: Fleet, serve: Serve) -> None:
    put(fleet, PAGE)
    number = opened(fleet)
    tell(fleet, number, f"{BAD} \x0b")
    tell(fleet, number, "Over.", "resolved")
    site = serve()
    atom = "{http://www.w3.org/2005/Atom}"

    async def ids() -> list[list[str | None]]:
        rss = ET.fromstring((await site.get("/status/shop/feed.rss")).body)
        feed = ET.fromstring((await site.get("/status/shop/feed.atom")).body)
        made = (await site.get("/status/shop/feed.json")).json
        assert made["version"] == "https://jsonfeed.org/version/1.1"
        assert all("<script" not in item["content_html"] for item in made["items"])
        assert feed.findtext(f"{atom}updated") == feed.findtext(f"{atom}entry/{atom}updated")
        return [
            [one.text for one in rss.iter("guid")],
            [one.text for one in feed.iterfind(f"{atom}entry/{atom}id")],
            [item["id"] for item in made["items"]],
        ]

    first = await ids()
    assert first[0] == first[1] == first[2]
    assert len(set(first[0])) == 2
    tell(fleet, number, "And more.")
    later = await ids()
    assert set(first[0]) < set(later[0])
    assert SECRET not in (await site.get("/status/shop/feed.rss")).text


async def subscribe(site: Site, address: str, page: str = "shop") -> tuple[int, str]:
    answer = await site.ask(
        "POST", f"/status/{page}/subscribe", data={"address": address}, headers=HTML
    )
    return answer.status, answer.text


def waiting(fleet: Fleet) -> int:
    return fleet.db.read(subscribers.counts).get("shop", (0, 0))[1]


async def test_subscribing_always_says_the_same(fleet: Fleet, serve: Serve) -> None:
    user(fleet)
    put(fleet, PAGE)
    site = served(serve, fleet)
    fresh = await subscribe(site, "ann@example.com")
    again = await subscribe(site, "ann@example.com")
    fleet.db.write(lambda c: subscribers.confirm(c, 1, 1.0))
    known = await subscribe(site, " ann@EXAMPLE.com ")
    assert fresh == again == known
    assert fresh[0] == 200
    assert "ann@" not in fresh[1]


@pytest.mark.parametrize(
    "address",
    ["", "ann", "a@b", "a@b.c, d@e.f", "a\r\nBcc: d@e.f@b.c", "a b@c.de", "é@b.cd", "a@b.c" * 99],
)
async def test_what_is_no_address_is_refused(fleet: Fleet, serve: Serve, address: str) -> None:
    put(fleet, PAGE)
    assert (await subscribe(serve(), address))[0] == 422
    assert waiting(fleet) == 0


async def test_one_client_asks_for_ten_addresses_an_hour(fleet: Fleet, serve: Serve) -> None:
    put(fleet, PAGE)
    site = serve()
    asked = [(await subscribe(site, f"a{n}@example.com"))[0] for n in range(12)]
    assert asked == [200] * 10 + [429] * 2
    fleet.clock.set(fleet.clock.now() + 3601)
    assert (await subscribe(site, "b@example.com"))[0] == 200


async def test_nobody_subscribes_where_there_are_no_mails(fleet: Fleet, serve: Serve) -> None:
    put(fleet, replace(PAGE, subscribers=False))
    assert (await subscribe(serve(), "ann@example.com"))[0] == 404
    assert (await subscribe(serve(), "ann@example.com", "nothing"))[0] == 404


async def test_looking_at_a_link_changes_nothing_and_its_button_does(
    fleet: Fleet, serve: Serve
) -> None:
    user(fleet)
    put(fleet, PAGE)
    site = served(serve, fleet)
    await subscribe(site, "ann@example.com")

    def code(purpose: Purpose) -> str:
        def work(c: object) -> str:
            one = subscribers.get(c, 1)  # type: ignore[arg-type]  # there is one
            assert one is not None
            return subscribers.code(c, one, purpose)  # type: ignore[arg-type]  # there is one

        return fleet.db.write(work)

    link = f"/status/shop/confirm/{code(Purpose.CONFIRM)}"
    looked = await site.get(link, headers=HTML)
    assert "Yes, mail me" in looked.text
    assert waiting(fleet) == 1
    assert (await site.ask("POST", link, headers=HTML)).status == 200
    assert waiting(fleet) == 0
    leave = f"/status/shop/unsubscribe/{code(Purpose.LEAVE)}"
    await site.get(leave, headers=HTML)
    assert fleet.db.read(lambda c: subscribers.confirmed(c, "shop", 0, 9)) == [1]
    # As a mail program does it (RFC 8058).
    one_click = {"List-Unsubscribe": "One-Click"}
    assert (await site.ask("POST", leave, data=one_click)).status == 200
    assert fleet.db.read(lambda c: subscribers.confirmed(c, "shop", 0, 9)) == []
    assert (await site.get(leave, headers=HTML)).status == 404


async def test_a_page_of_another_site_subscribes_nobody(fleet: Fleet, serve: Serve) -> None:
    put(fleet, PAGE)
    headers = {"Origin": "http://evil.example"}
    form = {"address": "ann@example.com"}
    answer = await serve().ask("POST", "/status/shop/subscribe", data=form, headers=headers)
    assert answer.status == 403


async def test_the_list_is_for_who_may_read(fleet: Fleet, serve: Serve) -> None:
    user(fleet)
    put(fleet, PAGE, INSIDE)
    site = served(serve, fleet)
    answer = await site.get("/api/v1/status", headers=bearer(token(fleet, Role.VIEWER)))
    assert [one["name"] for one in answer.json["items"]] == ["inside", "shop"]
    await sign_in(site)
    assert (await site.get("/status/inside", headers=HTML)).status == 200


def test_no_job_holds_an_address_or_a_link() -> None:
    made: list[NewJob] = [confirmation_job(7, 1.0), update_job(7, 3, 1.0)]
    assert [orjson.loads(orjson.dumps(one.payload)) for one in made] == [
        {"do": "confirm", "subscriber": 7},
        {"do": "update", "subscriber": 7, "update": 3},
    ]
