"""Scraping real local servers: good ones, bad ones, and what a reload changes."""

import asyncio
import gzip
import itertools
import math
import socket
import struct
import threading
from collections import Counter
from dataclasses import replace

import pytest
import re2
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from collectors import scrape
from collectors.access import HttpAccess
from collectors.exposition import Reader
from collectors.scrape import Scrape, Scraper, next_turn
from collectors.scraping import Scraping
from plugins.scraping import (
    ALL,
    INTERVAL,
    PAGE,
    START,
    HeldClock,
    Rig,
    answer,
    raw_server,
    target,
    web_server,
)
from slo.load.yaml import Mark
from slo.spec import Matcher, MatchOp, Selector

FAILED = Selector("requests_total", (Matcher("code", MatchOp.MATCH, "5.."),))

# -- a good page ------------------------------------------------------------------------------


async def test_a_good_page_is_delivered_with_the_time_its_scrape_began(rig: Rig) -> None:
    asked: list[web.Request] = []

    async def handle(request: web.Request) -> web.StreamResponse:
        asked.append(request)
        return await answer(gzip.compress(PAGE), Content_Encoding="gzip")(request)

    async with web_server({"/metrics": handle}) as address:
        rig.watch(target(address))
        got = await rig.one()
    assert got.error is None
    assert got.page is not None
    assert got.at == got.page.at == START + INTERVAL
    assert got.page.values.tolist() == [7.0, 1.0]
    assert (got.samples, got.body_bytes) == (3, len(PAGE))
    assert 0 < got.duration_s < 5
    headers = asked[0].headers
    assert headers["Accept"] == (
        "application/openmetrics-text;version=1.0.0;escaping=underscores;q=0.6,"
        "application/openmetrics-text;version=0.0.1;q=0.5,"
        "text/plain;version=1.0.0;escaping=underscores;q=0.4,"
        "text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
    )
    assert headers["Accept-Encoding"] == "gzip"
    assert headers["User-Agent"].startswith("vigie")
    assert headers["X-Prometheus-Scrape-Timeout-Seconds"] == "5.0"


async def test_compression_can_be_declined() -> None:
    clock, delivered = HeldClock(), asyncio.Queue[Scrape]()
    scraper = Scraper(clock, delivered.put_nowait)
    asked: list[str] = []

    async def handle(request: web.Request) -> web.StreamResponse:
        asked.append(request.headers["Accept-Encoding"])
        return await answer()(request)

    async with web_server({"/metrics": handle}) as address:
        await scraper.start()
        plain = target(address, scraping=Scraping(compressed=False))
        scraper.watch({"a": plain}, {"a": frozenset({ALL})})
        await clock.advance(INTERVAL)
        assert (await delivered.get()).page is not None
        await scraper.stop()
    assert asked == ["identity"]


async def test_a_connection_is_kept_from_one_turn_to_the_next(rig: Rig) -> None:
    peers = set()

    async def handle(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        peers.add(request.transport.get_extra_info("peername"))
        return await answer()(request)

    async with web_server({"/metrics": handle}) as address:
        rig.watch(target(address))
        layouts = [page.layout for _ in range(3) if (page := (await rig.one()).page)]
    assert len(peers) == 1
    assert layouts[0] is layouts[1] is layouts[2]


async def test_redirects_are_followed(rig: Rig) -> None:
    answers = {"/metrics": answer(b"", 302, Location="/here"), "/here": answer()}
    async with web_server(answers) as address:
        rig.watch(target(address))
        assert (await rig.one()).page is not None


async def test_a_target_whose_openmetrics_is_refused_is_asked_for_text(rig: Rig) -> None:
    openmetrics = b"""# TYPE requests counter
requests_total 7
# TYPE heat histogram
heat_bucket{le="+Inf"} 1
heat_count 1
heat_sum -5
# EOF
"""

    async def handle(request: web.Request) -> web.StreamResponse:
        if "openmetrics" in request.headers["Accept"]:
            return await answer(openmetrics, Content_Type="application/openmetrics-text")(request)
        return await answer(b"requests_total 8\nheat_sum -5\n")(request)

    async with web_server({"/metrics": handle}) as address:
        rig.watch(target(address))
        refused = await rig.one()
        assert refused.error is not None
        assert refused.error.startswith("malformed page: Counter-like samples cannot be negative")
        page = (await rig.one()).page
    assert page is not None
    assert page.values.tolist() == [8.0]


async def test_a_large_page_is_read_by_a_thread_and_a_small_one_in_the_loop(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scrape, "INLINE_STRICT_BYTES", 300_000)
    threads = {}
    read = Reader.read

    def noted(self: Reader, body: bytes, content_type: str, at: float) -> object:
        threads[len(body)] = threading.current_thread().name
        return read(self, body, content_type, at)

    monkeypatch.setattr(Reader, "read", noted)
    large = b"# padding\n" * 40_000 + PAGE
    packed = answer(gzip.compress(large), Content_Encoding="gzip")
    answers = {"/metrics": answer(), "/large": answer(large), "/packed": packed}
    async with web_server(answers) as address:
        rig.watch(*(target(address, path) for path in answers))
        got = await rig.turn()
    assert all(one.page is not None and one.samples == 3 for one in got.values())
    assert threads[len(PAGE)] == threading.current_thread().name
    assert threads[len(large)].startswith("read-page")


# -- bad targets ------------------------------------------------------------------------------


async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()  # until the other side gives up


async def trickle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\nrequests_total 1\n")
    await reader.read()


async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    own = writer.get_extra_info("socket")
    own.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


async def close(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()


async def no_http(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")
    await writer.drain()


async def cut(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n" + PAGE)
    await writer.drain()


async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n")
    while True:
        writer.write(b"# more and more\n" * 4096)
        await writer.drain()


RAW = {
    "timeout": hang,
    "connection reset": reset,
    "connection closed without an answer": close,
    "not an HTTP answer": no_http,
    "body cut short": cut,
    "body over limit": endless,
}


@pytest.mark.parametrize("reason", [*RAW, "timeout in the body"])
async def test_a_server_that_misbehaves_fails_by_name_and_delays_no_other(
    rig: Rig, reason: str
) -> None:
    talk = RAW.get(reason, trickle)
    async with web_server({"/metrics": answer()}) as good, raw_server(talk) as bad:
        limit = 0.2 if talk in (hang, trickle) else 5.0
        rig.watch(target(good), target(bad, timeout_s=limit, body_limit=100_000))
        got = await rig.turn()
    assert got[f"shop/{good}/metrics"].page is not None
    failed = got[f"shop/{bad}/metrics"]
    assert failed.page is None
    assert failed.samples is None
    assert failed.error == reason.removesuffix(" in the body")


BOMB = gzip.compress(b"# nothing at all\n" * 600_000)
ANSWERS = {
    "status 500": answer(b"no", 500),
    "status 204": answer(b"", 204),
    "too many redirects": answer(b"", 302, Location="?again"),
    "bad gzip": answer(PAGE, Content_Encoding="gzip"),
    "truncated gzip": answer(gzip.compress(PAGE)[:-12], Content_Encoding="gzip"),
    "bad gzip: bytes after its end": answer(gzip.compress(PAGE) + b"x", Content_Encoding="gzip"),
    "unasked content-encoding br": answer(PAGE, Content_Encoding="br"),
    "body over limit": answer(BOMB, Content_Encoding="gzip"),
    "malformed page: invalid metric name:<html>": answer(b"<html>\n"),
    "the page is not UTF-8": answer(b"\xff\xfe\n"),
    "duplicate series requests_total": answer(b"requests_total 1\nrequests_total 2\n"),
    "counter requests_total is NaN": answer(b"requests_total NaN\n"),
    "truncated page: no # EOF": answer(PAGE, Content_Type="application/openmetrics-text"),
}


async def test_every_bad_answer_fails_as_a_whole_by_its_name(rig: Rig) -> None:
    paths = {f"/{number}": reason for number, reason in enumerate(ANSWERS)}
    answers = {path: ANSWERS[reason] for path, reason in paths.items()} | {"/good": answer()}
    async with web_server(answers) as address:
        rig.watch(*(target(address, path, body_limit=1_000_000) for path in answers))
        for _ in range(2):
            got = await rig.turn()
            assert got.pop(f"shop/{address}/good").page is not None
            found = {one.target_id.rpartition("/")[2]: one for one in got.values()}
            assert {f"/{path}": one.error for path, one in found.items()} == paths
            assert all(one.page is None for one in found.values())


async def test_a_port_where_nobody_listens_refuses(rig: Rig) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        rig.watch(target("{}:{}".format(*free.getsockname())))
        assert (await rig.one()).error == "connection refused"


async def test_a_name_that_does_not_resolve_is_named_so(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def unknown(*args: object, **kwargs: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", unknown)
    rig.watch(target("shop.invalid:80"))
    assert (await rig.one()).error == "no such host"


async def test_a_server_without_tls_is_named_so(rig: Rig) -> None:
    async with web_server({"/metrics": answer()}) as address:
        rig.watch(target(address, url=f"https://{address}/metrics"))
        error = (await rig.one()).error
    assert error is not None
    assert error.startswith("tls: ")


async def test_a_fault_of_our_own_fails_one_scrape_and_the_next_goes_on(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*args: object) -> None:
        raise RuntimeError("no idea")

    async with web_server({"/metrics": answer()}) as address:
        rig.watch(target(address))
        with monkeypatch.context() as patched:
            patched.setattr(Reader, "read", broken)
            failed = await rig.one()
        assert failed.page is None
        assert failed.error == "internal error: RuntimeError: no idea"
        assert "a fault of our own" in caplog.text
        assert (await rig.one()).page is not None


# -- turns ------------------------------------------------------------------------------------


@given(st.text(max_size=20), st.floats(0.1, 3600), st.floats(0, 4e9))
def test_the_next_turn_is_after_now_and_no_later_than_one_interval(
    target_id: str, interval_s: float, now: float
) -> None:
    turn = next_turn(target_id, interval_s, now)
    assert now < turn <= now + interval_s + 1e-6
    assert math.isclose(next_turn(target_id, interval_s, turn), turn + interval_s, abs_tol=1e-5)


def test_turns_spread_over_the_interval_and_a_restart_keeps_them() -> None:
    turns = sorted(next_turn(f"shop/10.0.0.{i}:80", 15.0, START) - START for i in range(200))
    gaps = [after - before for before, after in itertools.pairwise(turns)]
    assert max(gaps) == pytest.approx(1.0)
    together = Counter(round(turn, 3) for turn in turns)
    assert max(together.values()) < 3 * 200 / 15
    first = next_turn("a", 15.0, START)
    assert next_turn("a", 15.0, first + 40.0) == pytest.approx(first + 45.0)


async def test_turns_that_come_while_a_scrape_still_runs_are_left_out(rig: Rig) -> None:
    asked, let_go = asyncio.Event(), asyncio.Event()

    async def handle(request: web.Request) -> web.StreamResponse:
        asked.set()
        await let_go.wait()
        return await answer()(request)

    async with web_server({"/metrics": handle}) as address:
        rig.watch(target(address))
        await rig.clock.advance(INTERVAL)
        await asked.wait()
        await rig.clock.advance(5 * INTERVAL, sleepers=0)
        let_go.set()
        assert (await rig.delivered.get()).at == START + INTERVAL
        assert (await rig.one()).at == START + 7 * INTERVAL
    assert rig.delivered.empty()


# -- reload -----------------------------------------------------------------------------------


async def test_a_target_that_is_the_same_keeps_its_loop_and_its_layout(rig: Rig) -> None:
    async with web_server({"/metrics": answer(), "/more": answer()}) as address:
        kept = target(address)
        rig.watch(kept)
        before = (await rig.one()).page
        await rig.clock.sleepers(1)
        moved = replace(kept, mark=Mark("targets.yaml", 7, 3))
        rig.watch(moved, target(address, "/more"))
        after = (await rig.turn())[kept.id].page
    assert before is not None
    assert after is not None
    assert after.layout is before.layout


async def test_new_selectors_are_read_for_over_the_same_connection(rig: Rig) -> None:
    peers = set()

    async def handle(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        peers.add(request.transport.get_extra_info("peername"))
        return await answer()(request)

    async with web_server({"/metrics": handle}) as address:
        rig.watch(target(address))
        assert (await rig.one()).page is not None
        rig.watch(target(address), selectors=frozenset({FAILED}))
        page = (await rig.one()).page
    assert page is not None
    assert page.layout.named_by == ((str(FAILED),),)
    assert page.read_for == {str(FAILED)}
    assert len(peers) == 1


async def test_a_removed_target_stops_at_once_and_delivers_nothing_more(rig: Rig) -> None:
    asked = asyncio.Event()

    async def handle(request: web.Request) -> web.StreamResponse:
        asked.set()
        await asyncio.Event().wait()
        raise AssertionError("nobody sets it")

    async with web_server({"/slow": handle, "/metrics": answer()}) as address:
        rig.watch(target(address, "/slow"), target(address))
        await rig.clock.advance(INTERVAL, sleepers=2)
        await asked.wait()
        assert (await rig.delivered.get()).page is not None
        rig.watch(target(address))
        assert (await rig.one()).target_id == f"shop/{address}/metrics"
    assert rig.delivered.empty()


async def test_a_target_that_changed_is_scraped_as_it_is_now(rig: Rig) -> None:
    async with web_server(
        {"/metrics": answer(), "/new": answer(b"requests_total 99\n")}
    ) as address:
        rig.watch(target(address))
        assert (await rig.one()).page is not None
        rig.watch(target(address, url=f"http://{address}/new"))
        page = (await rig.one()).page
    assert page is not None
    assert page.values.tolist() == [99.0]


async def test_a_pattern_that_is_refused_leaves_everything_running(rig: Rig) -> None:
    bad = Selector("requests_total", (Matcher("code", MatchOp.MATCH, "(?=5)"),))
    async with web_server({"/metrics": answer()}) as address:
        rig.watch(target(address))
        with pytest.raises(re2.error, match="invalid perl operator"):
            rig.watch(target(address), selectors=frozenset({bad}))
        assert (await rig.one()).page is not None


async def test_targets_watched_before_the_start_are_scraped_after_it() -> None:
    made = Rig()
    async with web_server({"/metrics": answer()}) as address:
        made.watch(target(address))
        await made.scraper.start()
        assert (await made.one()).page is not None
        await made.scraper.stop()
        await made.scraper.stop()
    assert made.delivered.empty()


async def test_targets_of_one_job_share_the_way_in_across_a_reload(rig: Rig) -> None:
    access = HttpAccess(credentials="x")
    scraping = Scraping(access=access)
    some = [target("127.0.0.1:9", f"/{n}", scraping=scraping) for n in range(3)]
    rig.watch(*some[:2])
    rig.watch(*some, target("127.0.0.1:9", "/open"))
    entries = {path: watched.entry for path, watched in rig.scraper._watched.items()}
    assert len({id(entry) for entry in entries.values()}) == 2
    assert entries[some[0].id] is entries[some[2].id]
