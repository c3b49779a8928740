"""TCP and TLS probes of real local servers."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from collectors.access import Tls
from collectors.probe.model import Exchange, Ip, TcpOptions, TlsOptions
from collectors.probe.tcp import MAX_LINE
from components import free_port

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
IP4 = Ip("ip4")


@asynccontextmanager
async def serving(talk: Talk, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await talk(reader, writer)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    try:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


async def mail(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A mail server, as far as a greeting goes."""
    writer.write(b"220-welcome\r\n220 mail.example ESMTP\r\n")
    name = (await reader.readline()).decode().split()[1]
    writer.write(f"250-hello {name}\r\n250 STARTTLS\r\n".encode())
    assert await reader.readline() == b"QUIT\n"
    writer.write(b"221 bye\r\n")
    await writer.drain()


DIALOGUE = (
    Exchange(expect=r"^220 (\S+) ESMTP", send="EHLO ${1}"),
    Exchange(expect="^250 STARTTLS", send="QUIT"),
    Exchange(expect="^221 "),
)


async def test_a_connection_is_enough_where_nothing_else_is_asked(tried: Any) -> None:
    async with serving(mail) as address:
        got = await tried(address, TcpOptions(IP4))
    assert (got.success, got.reason) == (True, "")
    assert got.values["probe_success"] == 1
    assert got.values["probe_ip_protocol"] == 4
    assert got.values["probe_failed_due_to_regex"] == 0
    assert got.result.expires_at is None


async def test_a_dialogue_is_held_line_by_line_with_groups_of_what_came(tried: Any) -> None:
    async with serving(mail) as address:
        got = await tried(address, TcpOptions(IP4, query_response=DIALOGUE))
    assert got.reason == ""


async def test_a_line_that_never_comes_fails_by_its_pattern(tried: Any) -> None:
    steps = (*DIALOGUE, Exchange(expect="^299"))
    async with serving(mail) as address:
        got = await tried(address, TcpOptions(IP4, query_response=steps))
    assert got.reason == "no line matches `^299`"
    assert got.values["probe_failed_due_to_regex"] == 1


async def test_a_server_that_says_nothing_costs_the_timeout(tried: Any) -> None:
    async def silence(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with serving(silence) as address:
        got = await tried(address, TcpOptions(IP4, query_response=DIALOGUE), timeout_s=0.2)
    assert (got.reason, got.values["probe_failed_due_to_regex"]) == ("timeout", 0)


async def test_a_line_without_end_is_cut_off(tried: Any) -> None:
    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            writer.write(b"x" * 10_000)
            await writer.drain()

    async with serving(endless) as address:
        got = await tried(address, TcpOptions(IP4, query_response=DIALOGUE))
    assert got.reason == f"a line over {MAX_LINE} bytes"


async def test_nobody_there_is_told_as_such(tried: Any) -> None:
    for options in (TcpOptions(IP4), TlsOptions(IP4)):
        got = await tried(f"127.0.0.1:{free_port()}", options)
        assert (got.success, got.reason) == (False, "connection refused")
    got = await tried("no.such.host.invalid:25", TcpOptions(IP4))
    assert got.reason == "no such host"


# -- TLS ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("prober", [TcpOptions, TlsOptions])
async def test_a_handshake_tells_when_the_certificate_ends(
    tried: Any, certificates: Any, prober: Any
) -> None:
    more = {"tls": True} if prober is TcpOptions else {}
    options = prober(IP4, tls_config=Tls(ca_file=certificates.ca), **more)
    async with serving(mail, certificates.server("short")) as address:
        got = await tried(address, options)
    assert got.reason == ""
    assert got.values["probe_ssl_earliest_cert_expiry"] == certificates.ends("short")
    assert got.values['probe_tls_version_info{version="TLS 1.3"}'] == 1
    assert got.result.expires_at == certificates.ends("short")


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("expired", "certificate: certificate has expired"),
        ("elsewhere", "certificate: ip address mismatch"),
        ("itself", "certificate: self-signed certificate"),
    ],
)
async def test_a_certificate_that_proves_nothing_fails_the_handshake(
    tried: Any, certificates: Any, name: str, reason: str
) -> None:
    async with serving(mail, certificates.server(name)) as address:
        got = await tried(address, TlsOptions(IP4, Tls(ca_file=certificates.ca)))
        any_will_do = await tried(address, TlsOptions(IP4, Tls(insecure_skip_verify=True)))
    assert (got.success, got.reason.startswith(reason)) == (False, True)
    assert any_will_do.success is True
    assert any_will_do.result.expires_at == certificates.ends(name)


async def test_the_name_in_the_configuration_is_the_one_that_is_verified(
    tried: Any, certificates: Any
) -> None:
    tls = Tls(ca_file=certificates.ca, server_name="elsewhere.example")
    async with serving(mail, certificates.server("elsewhere")) as address:
        got = await tried(address, TlsOptions(IP4, tls))
    assert got.reason == ""


async def test_what_speaks_no_tls_is_told_as_such(tried: Any) -> None:
    async with serving(mail) as address:
        got = await tried(address, TlsOptions(IP4))
    assert got.success is False
    assert got.reason.startswith(("tls: ", "connection reset"))  # uvloop says no more


async def test_a_dialogue_may_go_on_in_tls(tried: Any, certificates: Any) -> None:
    async def upgraded(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 ready\r\n")
        assert await reader.readline() == b"STARTTLS\n"
        writer.write(b"220 go ahead\r\n")
        await writer.start_tls(certificates.server("good"))
        assert await reader.readline() == b"EHLO again\n"
        writer.write(b"250 in secret\r\n")
        await writer.drain()

    steps = (
        Exchange(expect="^220", send="STARTTLS"),
        Exchange(expect="^220", starttls=True),
        Exchange(send="EHLO again"),
        Exchange(expect="^250 in secret"),
    )
    tls = Tls(ca_file=certificates.ca)
    async with serving(upgraded) as address:
        got = await tried(address, TcpOptions(IP4, tls_config=tls, query_response=steps))
    assert got.reason == ""
    assert got.result.expires_at == certificates.ends("good")


async def test_files_of_ours_that_are_missing_say_nothing_about_the_target(tried: Any) -> None:
    async with serving(mail) as address:
        got = await tried(address, TlsOptions(IP4, Tls(ca_file="/no/such/file")))
    assert (got.success, got.result.page) == (None, b"")
    assert got.reason == "tls files can't be used: no such file or directory"
