"""HTTP probes of real local servers."""

import asyncio
import gzip
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import web

from collectors.access import HttpAccess, Tls
from collectors.probe.model import HeaderMatch, HttpOptions, Ip
from components import free_port

IP4 = HttpOptions(ip=Ip("ip4"))
PAGE = "status: ok\nversion 7\n"


async def shop(request: web.Request) -> web.StreamResponse:
    """A server with an answer for every test."""
    path = request.path
    if path.startswith("/status/"):
        return web.Response(status=int(path.removeprefix("/status/")))
    if path == "/to":
        return web.Response(status=302, headers={"Location": request.query_string})
    if path == "/loop":
        return web.Response(status=307, headers={"Location": "/loop"})
    if path == "/echo":
        body = await request.text()
        told = [f"{request.method} {request.host} {body}"]
        told += [f"{name}: {value}" for name, value in request.headers.items()]
        return web.Response(text="\n".join(told))
    if path == "/gzip":
        return web.Response(body=gzip.compress(PAGE.encode()), headers={"Content-Encoding": "gzip"})
    if path == "/bomb":
        bomb = gzip.compress(b"\0" * 30_000_000)
        return web.Response(body=bomb, headers={"Content-Encoding": "gzip"})
    if path == "/brotli":
        return web.Response(body=b"?", headers={"Content-Encoding": "br"})
    if path == "/chunks":
        stream = web.StreamResponse()
        await stream.prepare(request)
        for _ in range(4):
            await stream.write(b"x" * 1000)
        return stream
    if path == "/hang":
        await asyncio.Event().wait()
    headers = {"X-Region": "eu-1", "Last-Modified": "Wed, 21 Oct 2026 07:28:00 GMT"}
    return web.Response(text=PAGE, headers=headers)


@asynccontextmanager
async def serving(tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """The shop on a free port; yields its base URL."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", shop)
    runner = web.AppRunner(app, shutdown_timeout=0.01)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
    try:
        yield f"{'https' if tls else 'http'}://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def test_a_good_answer_has_every_metric(tried: Any) -> None:
    async with serving() as url:
        got = await tried(f"{url}/", IP4)
    assert (got.success, got.reason) == (True, "")
    expected = {
        "probe_success": 1,
        "probe_http_status_code": 200,
        "probe_http_content_length": len(PAGE),
        "probe_http_uncompressed_body_length": len(PAGE),
        "probe_http_redirects": 0,
        "probe_http_ssl": 0,
        "probe_http_version": 1.1,
        "probe_http_last_modified_timestamp_seconds": 1792567680,
        "probe_failed_due_to_regex": 0,
        "probe_ip_protocol": 4,
    }
    assert {name: got.values[name] for name in expected} == expected
    phases = {
        phase: got.values[f'probe_http_duration_seconds{{phase="{phase}"}}']
        for phase in ("resolve", "connect", "tls", "processing", "transfer")
    }
    assert phases["tls"] == 0
    assert all(phases[name] > 0 for name in ("connect", "processing", "transfer"))
    assert sum(phases.values()) <= got.values["probe_duration_seconds"]
    assert got.values["probe_dns_lookup_time_seconds"] >= 0
    assert "probe_ssl_earliest_cert_expiry" not in got.values


MET = [
    ("/", {}, ""),
    ("/status/404", {}, "status 404"),
    ("/status/204", {}, ""),
    ("/status/404", {"valid_status_codes": (404, 410)}, ""),
    ("/", {"valid_status_codes": (404, 410)}, "status 200"),
    ("/", {"valid_http_versions": ("HTTP/1.0",)}, "version HTTP/1.1"),
    ("/", {"valid_http_versions": ("HTTP/1.1",)}, ""),
    ("/", {"fail_if_not_ssl": True}, "not answered over TLS"),
    ("/", {"fail_if_ssl": True}, ""),
    ("/", {"fail_if_body_matches": ("status: (ok|fine)",)}, "body matches `status: (ok|fine)`"),
    ("/", {"fail_if_body_matches": ("error",)}, ""),
    ("/", {"fail_if_body_not_matches": ("ok", "version 7")}, ""),
    ("/", {"fail_if_body_not_matches": ("ok", "version 8")}, "body does not match `version 8`"),
    ("/gzip", {"fail_if_body_not_matches": ("version 7",)}, ""),
    ("/brotli", {"fail_if_body_not_matches": ("x",)}, "unasked content-encoding br"),
    ("/brotli", {}, ""),
    ("/", {"fail_if_header_matches": (HeaderMatch("X-Region", "^eu"),)},
     "header X-Region matches `^eu`"),
    ("/", {"fail_if_header_matches": (HeaderMatch("x-region", "^us"),)}, ""),
    ("/", {"fail_if_header_matches": (HeaderMatch("X-No", "a"),)}, "no header X-No"),
    ("/", {"fail_if_header_matches": (HeaderMatch("X-No", "a", allow_missing=True),)}, ""),
    ("/", {"fail_if_header_not_matches": (HeaderMatch("X-Region", "us"),)},
     "header X-Region does not match `us`"),
    ("/", {"fail_if_header_not_matches": (HeaderMatch("X-Region", "eu"),)}, ""),
    ("/chunks", {"body_size_limit": 4000}, ""),
    ("/chunks", {"body_size_limit": 3999}, "body over limit"),
    ("/bomb", {"body_size_limit": 1_000_000}, "body over limit"),
    ("/to?/", {}, ""),
    ("/to?/status/500", {}, "status 500"),
    ("/to?/", {"follow_redirects": False}, "status 302"),
    ("/to?/", {"follow_redirects": False, "valid_status_codes": (302,)}, ""),
    ("/loop", {}, "too many redirects"),
    ("/to?ftp://a/", {}, "redirect to ftp, not followed"),
    ("/to?http://169.254.169.254/latest/", {}, "redirect to a link-local address, not followed"),
    ("/to?http://[::ffff:169.254.169.254]/", {}, "redirect to a link-local address, not followed"),
]  # fmt: skip


@pytest.mark.parametrize(("path", "options", "reason"), MET)
async def test_each_condition_decides(
    tried: Any, path: str, options: dict[str, Any], reason: str
) -> None:
    async with serving() as url:
        got = await tried(f"{url}{path}", replace(IP4, **options))
    assert got.reason == reason
    assert got.success is (not reason)
    assert got.values["probe_success"] == (not reason)
    by_regex = "match" in reason or "no header" in reason
    assert got.values["probe_failed_due_to_regex"] == by_regex


async def test_what_is_asked_is_what_the_options_say(tried: Any) -> None:
    asked = replace(
        IP4,
        method="POST",
        headers={"X-Token": "t", "Host": "shop.example"},
        body="hello",
        access=HttpAccess(username="me", password="secret"),
        fail_if_body_not_matches=(
            "^POST shop.example hello",
            "X-Token: t",
            "Authorization: Basic bWU6c2VjcmV0",
            "Accept-Encoding: identity",
        ),
    )
    async with serving() as url:
        got = await tried(f"{url}/echo", asked)
    assert (got.success, got.reason) == (True, "")


async def test_a_see_other_is_followed_without_the_body(tried: Any) -> None:
    asked = replace(IP4, method="POST", body="hello", fail_if_body_not_matches=(r"^GET [^ ]* \n",))
    async with serving() as url:
        got = await tried(f"{url}/to?/echo", asked)
    assert got.reason == ""
    assert got.values["probe_http_redirects"] == 1


async def test_credentials_stay_with_the_origin_that_they_are_for(tried: Any) -> None:
    secret = replace(
        IP4,
        headers={"X-Api-Key": "secret", "Accept": "text/html"},
        access=HttpAccess(credentials="secret"),
        fail_if_body_matches=("secret",),
        fail_if_body_not_matches=("Accept: text/html",),
    )
    async with serving() as url, serving() as other:
        assert (await tried(f"{url}/to?{other}/echo", secret)).reason == ""
        assert (await tried(f"{url}/to?/echo", secret)).reason == "body matches `secret`"


async def test_what_answers_no_http_or_not_at_all_has_its_name(tried: Any) -> None:
    async def garbage(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"SSH-2.0-x\r\n\r\n")
        writer.close()

    async def silence(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.close()

    for talk, reason in ((garbage, "not an HTTP answer"), (silence, "connection closed without")):
        server = await asyncio.start_server(talk, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        got = await tried(f"http://127.0.0.1:{port}/", IP4)
        server.close()
        assert got.reason.startswith(reason)
        assert got.values["probe_http_status_code"] == 0
    got = await tried(f"http://127.0.0.1:{free_port()}/", IP4)
    assert got.reason == "connection refused"
    got = await tried("http://no.such.host.invalid/", IP4)
    assert got.reason == "no such host"
    assert got.values["probe_ip_protocol"] == 0


async def test_a_server_that_hangs_costs_the_timeout_and_keeps_what_was_found(tried: Any) -> None:
    async with serving() as url:
        got = await tried(f"{url}/hang", IP4, timeout_s=0.2)
    assert (got.success, got.reason) == (False, "timeout")
    assert got.values['probe_http_duration_seconds{phase="connect"}'] > 0
    assert got.values["probe_duration_seconds"] >= 0.2


# -- TLS ----------------------------------------------------------------------------------------


async def test_a_certificate_is_verified_and_its_end_told(tried: Any, certificates: Any) -> None:
    trusting = replace(IP4, access=HttpAccess(tls=Tls(ca_file=certificates.ca)))
    async with serving(certificates.server("short")) as url:
        got = await tried(f"{url}/", replace(trusting, fail_if_not_ssl=True))
        refused = await tried(f"{url}/", replace(trusting, fail_if_ssl=True))
    assert got.reason == ""
    assert got.values["probe_http_ssl"] == 1
    assert got.values["probe_ssl_earliest_cert_expiry"] == certificates.ends("short")
    assert got.values["probe_ssl_last_chain_expiry_timestamp_seconds"] == certificates.ends("short")
    assert got.values['probe_tls_version_info{version="TLS 1.3"}'] == 1
    assert got.values['probe_http_duration_seconds{phase="tls"}'] > 0
    assert got.result.expires_at == certificates.ends("short")
    assert refused.reason == "answered over TLS"


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("expired", "certificate: certificate has expired"),
        ("elsewhere", "certificate: ip address mismatch, certificate is not valid for '127.0.0.1'"),
        ("itself", "certificate: self-signed certificate"),
    ],
)
async def test_a_certificate_that_proves_nothing_fails_with_its_reason(
    tried: Any, certificates: Any, name: str, reason: str
) -> None:
    trusting = replace(IP4, access=HttpAccess(tls=Tls(ca_file=certificates.ca)))
    unverified = replace(IP4, access=HttpAccess(tls=Tls(insecure_skip_verify=True)))
    async with serving(certificates.server(name)) as url:
        got = await tried(f"{url}/", trusting)
        taken = await tried(f"{url}/", unverified)
    assert got.success is False
    assert got.reason.startswith(reason)
    assert taken.success is True
    assert taken.values["probe_ssl_earliest_cert_expiry"] == certificates.ends(name)
    assert "probe_ssl_last_chain_expiry_timestamp_seconds" not in taken.values


async def test_a_name_of_its_own_is_what_the_certificate_must_have(
    tried: Any, certificates: Any
) -> None:
    tls = Tls(ca_file=certificates.ca, server_name="elsewhere.example")
    async with serving(certificates.server("elsewhere")) as url:
        got = await tried(f"{url}/", replace(IP4, access=HttpAccess(tls=tls)))
    assert got.reason == ""


async def test_the_last_redirect_says_whether_it_was_tls(tried: Any, certificates: Any) -> None:
    trusting = replace(IP4, access=HttpAccess(tls=Tls(ca_file=certificates.ca)))
    async with serving() as plain, serving(certificates.server("good")) as secure:
        up = await tried(f"{plain}/to?{secure}/", trusting)
        down = await tried(f"{secure}/to?{plain}/", trusting)
    assert (up.reason, down.reason) == ("", "")
    assert (up.values["probe_http_ssl"], down.values["probe_http_ssl"]) == (1, 0)
    assert "probe_ssl_earliest_cert_expiry" in up.values
    assert "probe_ssl_earliest_cert_expiry" not in down.values


async def test_files_of_ours_that_are_missing_say_nothing_about_the_target(tried: Any) -> None:
    for access in (
        HttpAccess(credentials_file="/no/such/file"),
        HttpAccess(tls=Tls(ca_file="/no/such/file")),
    ):
        got = await tried("https://127.0.0.1:1/", replace(IP4, access=access))
        if not access.credentials_file:
            assert got.reason == "connection refused"
            continue
        assert (got.success, got.result.page) == (None, b"")
        assert got.reason == "can't read /no/such/file: no such file or directory"


# -- addresses ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("choice", "found", "reason"),
    [
        (Ip("ip4"), 4, ""),
        (Ip("ip6"), 4, ""),
        (Ip("ip6", fallback=False), 0, "no ip6 address"),
        (Ip("ip4", fallback=False), 4, ""),
    ],
)
async def test_the_preferred_protocol_is_taken_and_the_other_only_as_a_fallback(
    tried: Any, choice: Ip, found: int, reason: str
) -> None:
    async with serving() as url:
        got = await tried(f"{url}/", replace(IP4, ip=choice))
    assert got.reason == reason
    assert got.values["probe_ip_protocol"] == found


async def test_ip6_is_spoken_where_it_is_preferred(tried: Any) -> None:
    async def answer(request: web.BaseRequest) -> web.Response:
        return web.Response(text=PAGE)

    runner = web.ServerRunner(web.Server(answer))
    await runner.setup()
    await web.TCPSite(runner, "::1", 0).start()
    got = await tried(f"http://[::1]:{runner.addresses[0][1]}/", HttpOptions())
    await runner.cleanup()
    assert socket.has_ipv6
    assert got.values["probe_ip_protocol"] == 6
    assert got.reason == ""
