"""Asking a source: what is sent, and every way in which an answer can fail to be one."""

import asyncio
import gzip
import ssl
import subprocess
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import orjson
import pytest
from aiohttp import web

from collectors.errors import (
    AnswerTooLarge,
    PartialAnswer,
    QueryRefused,
    SourceBusy,
    SourceDenied,
    SourceError,
    SourceFailed,
    SourceResting,
    SourceTimeout,
    SourceUnreachable,
)
from collectors.promapi import LONGEST_IN_URL, PromApi, open_session
from components import free_port, missing
from plugins.source import Fake, Handler, answer, answers, hangs, replies, serving
from slo.spec import DataSource
from vigie.clock import SetClock

NOW = 1_700_000_000.0


@pytest.fixture
def clock() -> SetClock:
    return SetClock(NOW)


@pytest.fixture
async def api(fake: Fake, clock: SetClock) -> AsyncIterator[PromApi]:
    async with serving(fake) as url, open_session() as session:
        yield PromApi(session, DataSource("main", "Prometheus", f"{url}/prom/"), clock)


def other(api: PromApi, **changes: object) -> PromApi:
    """The same server, asked otherwise."""
    return PromApi(api._session, replace(api.source, **changes), api.clock)


async def test_a_range_is_asked_to_the_millisecond_and_its_left_end_is_left_out(
    fake: Fake, api: PromApi
) -> None:
    values = [[NOW, "1"], [NOW + 0.001, "2"], [NOW + 14.999, "3"], [NOW + 15, "4"]]
    fake.handle = answers([{"metric": {"__name__": "x"}, "values": values}], "matrix")
    found = await api.samples('x{a="b"}', NOW, NOW + 14.999)
    assert [series.at.tolist() for series in found] == [[NOW + 0.001, NOW + 14.999]]
    method, path, params, _ = fake.asked[0]
    assert (method, path) == ("GET", "/prom/api/v1/query")
    assert params["query"] == 'x{a="b"}[14999ms]'
    assert params["time"] == "1700000014.999"
    assert (params["nocache"], params["partial_response"]) == ("1", "false")


async def test_samples_without_a_number_are_left_out(fake: Fake, api: PromApi) -> None:
    values = [[NOW + 1, "NaN"], [NOW + 2, None], [NOW + 3, "+Inf"]]
    gone = {"metric": {"a": "2"}, "values": values[:2]}
    fake.handle = answers([{"metric": {"a": "1"}, "values": values}, gone], "matrix")
    found = await api.samples("x", NOW, NOW + 10)
    assert [(dict(s.labels), s.values.tolist()) for s in found] == [({"a": "1"}, [float("inf")])]


async def test_a_scalar_is_a_series_without_labels(fake: Fake, api: PromApi) -> None:
    fake.handle = answers([NOW, "7"], "scalar")
    (found,) = await api.query("scalar(x)", NOW)
    assert (dict(found.labels), found.values.tolist()) == ({}, [7.0])


async def test_a_long_query_is_posted(fake: Fake, api: PromApi) -> None:
    expr = "x" * (LONGEST_IN_URL + 1)
    await api.query_range(expr, NOW, NOW + 60, 15)
    method, path, params, _ = fake.asked[0]
    assert (method, path) == ("POST", "/prom/api/v1/query_range")
    assert (params["query"], params["step"]) == (expr, "15.000")


async def test_a_compressed_answer_is_read(fake: Fake, api: PromApi) -> None:
    many = [{"metric": {"n": str(n)}, "value": [NOW, str(n)]} for n in range(20_000)]
    body = {"status": "success", "data": {"resultType": "vector", "result": many}}
    raw = gzip.compress(orjson.dumps(body))
    fake.handle = replies(body=raw, headers={"Content-Encoding": "gzip"})
    assert sum(s.values[0] for s in await api.query("x", NOW)) == 199_990_000
    assert fake.asked[0][3]["Accept-Encoding"] == "gzip"


SAID = orjson.dumps({"status": "error", "errorType": "bad_data", "error": "parse error: 1:3"})
PARTIAL = {"status": "success", "isPartial": True, "data": {"resultType": "vector", "result": []}}
REFUSALS: list[tuple[Handler, type[SourceError], str]] = [
    (replies(400, body=SAID), QueryRefused, "status 400: parse error: 1:3"),
    (replies(422, body=SAID), QueryRefused, "status 422: parse error: 1:3"),
    (replies(401, text="no org id\n"), SourceDenied, "status 401: no org id"),
    (replies(403), SourceDenied, "status 403"),
    (replies(404, text="<html>"), SourceFailed, "status 404"),
    (replies(429, headers={"Retry-After": "7"}), SourceBusy, "status 429"),
    (replies(503, headers={"Retry-After": "7"}), SourceBusy, "status 503"),
    (replies(503, body=SAID), SourceFailed, "status 503: parse error: 1:3"),
    (replies(500), SourceFailed, "status 500"),
    (
        replies(302, headers={"Location": "/login"}),
        SourceFailed,
        "status 302: it redirects to /login; write that address",
    ),
    (replies(text="hello"), SourceFailed, "the answer is not that of a Prometheus API"),
    (replies(text='{"data": 1}'), SourceFailed, "the answer is not that of a Prometheus API"),
    (replies(body=SAID), SourceFailed, "the server says: parse error: 1:3"),
    (answers([], warnings=["store 2 is away"]), PartialAnswer, "store 2 is away"),
    (replies(body=orjson.dumps(PARTIAL)), PartialAnswer, "partial answer"),
    (
        answers([{"metric": {"__name__": "h"}, "histogram": [NOW, {}]}]),
        QueryRefused,
        "h is a native histogram",
    ),
    (
        replies(body=b"junk", headers={"Content-Encoding": "gzip"}),
        SourceFailed,
        "bad gzip",
    ),
    (hangs, SourceTimeout, "timeout"),
]


@pytest.mark.parametrize(("handle", "error", "reason"), REFUSALS)
async def test_every_failure_has_its_name(
    fake: Fake, api: PromApi, handle: Handler, error: type[SourceError], reason: str
) -> None:
    fake.handle = handle
    api = other(api, timeout_s=0.2 if handle is hangs else 10.0)
    with pytest.raises(error) as failed:
        await api.query("x", NOW)
    assert type(failed.value) is error
    assert reason in failed.value.reason
    lives = isinstance(failed.value, QueryRefused)
    assert (api.retry_at is None) is lives  # the others open the breaker


async def test_remarks_on_a_query_do_not_make_its_answer_partial(fake: Fake, api: PromApi) -> None:
    fake.handle = answers(
        [{"metric": {}, "value": [NOW, "1"]}], infos=["metric might not be a counter"]
    )
    assert len(await api.query("rate(x[5m])", NOW)) == 1


async def test_an_answer_over_the_limit_is_left_unread(
    fake: Fake, api: PromApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("collectors.promapi.BYTES_BESIDES", 0)
    fake.handle = replies(body=b"x" * 200)
    with pytest.raises(AnswerTooLarge):
        await other(api, max_samples=2).query("x", NOW)
    fake.handle = replies(body=gzip.compress(b"x" * 200), headers={"Content-Encoding": "gzip"})
    with pytest.raises(AnswerTooLarge):
        await other(api, max_samples=2).query("x", NOW)


async def test_a_source_that_is_not_there_is_named(clock: SetClock) -> None:
    source = DataSource("main", "Prometheus", f"http://127.0.0.1:{free_port()}")
    async with open_session() as session:
        with pytest.raises(SourceUnreachable, match="connection refused"):
            await PromApi(session, source, clock).query("x", NOW)


async def test_a_source_that_failed_rests_and_then_one_request_probes(
    fake: Fake, api: PromApi, clock: SetClock
) -> None:
    fake.handle = replies(500)
    failures = await asyncio.gather(
        *(api.query("x", NOW) for _ in range(api.source.concurrency)), return_exceptions=True
    )
    assert {type(failure) for failure in failures} == {SourceFailed}
    assert api.retry_at == NOW + 1  # they failed together and count once
    with pytest.raises(SourceResting):
        await api.query("x", NOW)
    clock.set(NOW + 1)
    let_go = asyncio.Event()

    async def waits(request: web.Request) -> web.Response:
        await let_go.wait()
        return answer([])

    fake.handle = waits
    asked = len(fake.asked)
    probe = asyncio.create_task(api.query("x", NOW))
    await fake.asked_again(asked)
    with pytest.raises(SourceResting):
        await api.query("x", NOW)
    let_go.set()
    assert await probe == []
    assert api.retry_at is None
    assert len(fake.asked) == asked + 1


@pytest.mark.parametrize(
    ("header", "wait"),
    [("7", 7), ("Tue, 14 Nov 2023 22:13:50 GMT", 30), ("soon", 1), ("0", 1), ("86400", 600)],
)
async def test_a_busy_server_is_left_alone_as_long_as_it_asks(
    fake: Fake, api: PromApi, header: str, wait: float
) -> None:
    fake.handle = replies(429, headers={"Retry-After": header})
    with pytest.raises(SourceBusy):
        await api.query("x", NOW)
    assert api.retry_at == NOW + wait


async def test_no_more_requests_run_than_the_source_allows(fake: Fake, api: PromApi) -> None:
    running, most = 0, 0
    two = asyncio.Event()

    async def handle(request: web.Request) -> web.Response:
        nonlocal running, most
        running += 1
        most = max(most, running)
        if running == 2:
            two.set()
        await two.wait()
        running -= 1
        return answer([])

    fake.handle = handle
    api = other(api, concurrency=2)
    await asyncio.gather(*(api.query("x", NOW) for _ in range(6)))
    assert most == 2


async def test_a_request_that_is_given_up_leaves_room_for_the_next_probe(
    fake: Fake, api: PromApi, clock: SetClock
) -> None:
    fake.handle = replies(500)
    with pytest.raises(SourceFailed):
        await api.query("x", NOW)
    clock.set(NOW + 1)
    fake.handle = hangs
    probe = asyncio.create_task(api.query("x", NOW))
    await fake.asked_again(1)
    probe.cancel()
    await asyncio.gather(probe, return_exceptions=True)
    fake.handle = answers([])
    assert await api.query("x", NOW) == []


async def test_credentials_are_read_at_each_request(
    fake: Fake, api: PromApi, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("one\n")
    headers = {"X-Own": "1"}
    bearer = other(api, bearer_token_file=str(secret), tenant="team-a", headers=headers)
    basic = other(api, username="ana", password_file=str(secret))
    await bearer.query("x", NOW)
    secret.write_text("two\n")
    await bearer.query("x", NOW)
    await basic.query("x", NOW)
    sent = [headers for *_, headers in fake.asked]
    authorizations = [headers["Authorization"] for headers in sent]
    assert authorizations == ["Bearer one", "Bearer two", "Basic YW5hOnR3bw=="]
    assert (sent[0]["X-Scope-OrgID"], sent[0]["X-Own"]) == ("team-a", "1")
    assert "X-Scope-OrgID" not in sent[2]


@pytest.mark.parametrize("text", [None, "", "two\nlines", b"\xff"])
async def test_credentials_that_cannot_be_used_are_named(
    api: PromApi, tmp_path: Path, text: str | bytes | None
) -> None:
    secret = tmp_path / "secret"
    if text is not None:
        secret.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(SourceDenied, match="secret"):
        await other(api, bearer_token_file=str(secret)).query("x", NOW)


@pytest.mark.system
async def test_both_sides_prove_who_they_are_over_tls(tmp_path: Path, clock: SetClock) -> None:
    for name in ("server", "client"):
        make_certificate(tmp_path, name)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(tmp_path / "client.pem"))
    tls.load_cert_chain(tmp_path / "server.pem", tmp_path / "server.key")
    tls.verify_mode = ssl.CERT_REQUIRED
    fake = Fake()
    async with serving(fake, tls) as url, open_session() as session:
        proven = DataSource(
            "main",
            "Prometheus",
            url,
            ca_file=str(tmp_path / "server.pem"),
            cert_file=str(tmp_path / "client.pem"),
            key_file=str(tmp_path / "client.key"),
        )
        assert await PromApi(session, proven, clock).query("x", NOW) == []
        for change in ({"ca_file": ""}, {"cert_file": "", "key_file": ""}):
            with pytest.raises(SourceUnreachable):
                await PromApi(session, replace(proven, **change), clock).query("x", NOW)
        broken = replace(proven, ca_file=str(tmp_path / "none.pem"))
        with pytest.raises(SourceDenied, match="tls files can't be used"):
            await PromApi(session, broken, clock).query("x", NOW)
    assert len(fake.asked) == 1


def make_certificate(folder: Path, name: str) -> None:
    subject = ["-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1"]
    made = ["-keyout", folder / f"{name}.key", "-out", folder / f"{name}.pem"]
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    try:
        subprocess.run([*command, *subject, *made], check=True, capture_output=True)
    except FileNotFoundError:
        missing("openssl is not installed")
