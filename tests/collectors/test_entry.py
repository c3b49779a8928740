"""Being let in: what is sent, files that change, certificates, proxies."""

import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp import web
from yarl import URL

from collectors import fetch
from collectors.access import ANONYMOUS, HttpAccess, Tls
from collectors.entry import Entry
from collectors.errors import AccessError, FetchError
from collectors.proxies import Proxies
from collectors.scraping import Scraping
from components import missing
from plugins.scraping import PAGE, Rig, answer, target, web_server


def now() -> float:
    return 0.0


async def sent(access: HttpAccess) -> dict[str, str]:
    return await Entry(access, now).headers()


async def test_credentials_become_headers(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text(" s3cret\n")
    file = str(secret)
    table = [
        (ANONYMOUS, {}),
        (
            HttpAccess(username="ana", password="s3cret"),
            {"Authorization": "Basic YW5hOnMzY3JldA=="},
        ),
        (
            HttpAccess(username="ana", password_file=file),
            {"Authorization": "Basic YW5hOnMzY3JldA=="},
        ),
        (HttpAccess(username_file=file), {"Authorization": "Basic czNjcmV0Og=="}),
        (HttpAccess(credentials="t"), {"Authorization": "Bearer t"}),
        (
            HttpAccess(auth_type="Token", credentials_file=file),
            {"Authorization": "Token s3cret"},
        ),
        (HttpAccess(headers={"X-A": "b"}, header_files={"X-A": (file,)}), {"X-A": "b, s3cret"}),
    ]
    for access, headers in table:
        assert await sent(access) == headers


async def test_a_file_is_read_at_each_use(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("one")
    entry = Entry(HttpAccess(credentials_file=str(secret)), now)
    assert (await entry.headers())["Authorization"] == "Bearer one"
    secret.write_text("two")
    assert (await entry.headers())["Authorization"] == "Bearer two"


@pytest.mark.parametrize("content", [None, b"", b" \n", b"two\nlines", b"\xff", b"x" * 70_000])
async def test_a_file_without_a_secret_is_named_and_not_shown(
    tmp_path: Path, content: bytes | None
) -> None:
    secret = tmp_path / "secret"
    if content is not None:
        secret.write_bytes(content)
    with pytest.raises(AccessError) as caught:
        await sent(HttpAccess(credentials_file=str(secret)))
    assert str(secret) in caught.value.reason
    assert "lines" not in caught.value.reason.replace("one line", "")


def test_no_secret_is_in_what_a_log_would_show() -> None:
    access = HttpAccess(
        password="s3cret",
        credentials="s3cret",
        proxy_url="http://u:s3cret@p",
        headers={"X": "s3cret"},
    )
    assert "s3cret" not in repr(access)
    assert "s3cret" not in repr(Scraping(access=access))
    assert "s3cret" not in repr(Proxies(http="http://u:s3cret@p"))


# -- proxies ----------------------------------------------------------------------------------

ENVIRONMENT = Proxies("http://plain:1", "secure:2", "direct.example")
PROXIED = [
    (ANONYMOUS, "http://a/", None),
    (HttpAccess(proxy_url="http://p:1"), "http://a/", "http://p:1"),
    (HttpAccess(proxy_url="http://p:1"), "http://localhost/", "http://p:1"),
    (HttpAccess(proxy_url="http://p:1", no_proxy="b"), "http://localhost/", None),
    (HttpAccess(proxy_url="http://p:1", no_proxy="b"), "http://a/", "http://p:1"),
    (HttpAccess(proxy_url="http://p:1", no_proxy="b"), "http://b/", None),
    (HttpAccess(proxy_from_environment=True), "http://a/", "http://plain:1"),
    (HttpAccess(proxy_from_environment=True), "https://a/", "http://secure:2"),
    (HttpAccess(proxy_from_environment=True), "http://x.direct.example/", None),
    (HttpAccess(proxy_from_environment=True), "http://127.0.0.1/", None),
]


@pytest.mark.parametrize(("access", "url", "proxy"), PROXIED)
def test_the_proxy_is_the_one_that_is_written(
    access: HttpAccess, url: str, proxy: str | None
) -> None:
    entry = Entry(access, now, ENVIRONMENT)
    assert entry.proxy(url) == entry.proxy(URL(url)) == proxy


async def test_a_target_is_asked_through_its_proxy_with_its_login(rig: Rig) -> None:
    asked = []

    async def proxy(request: web.Request) -> web.StreamResponse:
        asked.append((request.raw_path, request.headers.get("Proxy-Authorization")))
        return await answer()(request)

    async with web_server({"/{path:.*}": proxy}) as address:
        access = HttpAccess(proxy_url=f"http://ana:s3cret@{address}")
        url = "http://shop.invalid:1/metrics"
        rig.watch(target("shop.invalid:1", url=url, scraping=Scraping(access=access)))
        assert (await rig.one()).page is not None
    assert asked == [("http://shop.invalid:1/metrics", "Basic YW5hOnMzY3JldA==")]


async def test_a_proxy_that_fails_is_told_from_a_target_that_does(rig: Rig) -> None:
    async with web_server({"/x": answer()}) as address:
        access = HttpAccess(proxy_url=f"http://ana:s3cret@{address}")
        url = "https://shop.invalid:1/metrics"
        rig.watch(target("shop.invalid:1", url=url, scraping=Scraping(access=access)))
        assert (await rig.one()).error == "proxy: status 404"
    rig.watch(target("other.invalid:1", url=url, scraping=Scraping(access=access)))
    assert (await rig.one()).error == "proxy: connection refused"


# -- TLS --------------------------------------------------------------------------------------


def make_certificate(folder: Path, name: str, host: str = "IP:127.0.0.1") -> None:
    subject = ["-subj", f"/CN={name}", "-addext", f"subjectAltName={host}"]
    made = ["-keyout", str(folder / f"{name}.key"), "-out", str(folder / f"{name}.pem")]
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
    command = ["openssl", "req", "-x509", *curve, "-nodes", "-days", "2"]
    try:
        subprocess.run([*command, *subject, *made], check=True, capture_output=True)
    except FileNotFoundError:
        missing("openssl is not installed")


@asynccontextmanager
async def tls_server(folder: Path, *, client: str = "", newest: str = "") -> AsyncIterator[str]:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(folder / "server.pem", folder / "server.key")
    if client:
        context.load_verify_locations(folder / f"{client}.pem")
        context.verify_mode = ssl.CERT_REQUIRED
    if newest:
        context.maximum_version = ssl.TLSVersion[newest]
    app = web.Application()
    app.router.add_get("/metrics", answer())
    runner = web.AppRunner(app, shutdown_timeout=0.01)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    try:
        yield "https://{}:{}/metrics".format(*runner.addresses[0][:2])
    finally:
        await runner.cleanup()


async def asked(url: str, entry: Entry) -> str:
    """The page, or why there is none."""
    client = fetch.Client()
    try:
        got = await client.get(URL(url), entry, headers={}, timeout_s=5.0, limit=10_000)
    except FetchError as error:
        return error.reason
    finally:
        await client.close()
    return got.raw.decode()


@pytest.mark.system
async def test_both_sides_prove_who_they_are(tmp_path: Path) -> None:
    make_certificate(tmp_path, "server")
    make_certificate(tmp_path, "client")
    ca, cert, key = (str(tmp_path / n) for n in ("server.pem", "client.pem", "client.key"))
    full = Tls(ca_file=ca, cert_file=cert, key_file=key)
    async with tls_server(tmp_path, client="client") as url:
        assert await asked(url, Entry(HttpAccess(tls=full), now)) == PAGE.decode()
        unverified = Tls(cert_file=cert, key_file=key, insecure_skip_verify=True)
        assert await asked(url, Entry(HttpAccess(tls=unverified), now)) == PAGE.decode()
        for tls in (Tls(ca_file=ca), Tls(cert_file=cert, key_file=key), Tls()):
            assert await asked(url, Entry(HttpAccess(tls=tls), now)) != PAGE.decode()
        gone = replace(full, ca_file=str(tmp_path / "none.pem"))
        reason = await asked(url, Entry(HttpAccess(tls=gone), now))
    assert reason == "tls files can't be used: no such file or directory"


@pytest.mark.system
async def test_the_name_to_prove_and_the_oldest_version_can_be_said(tmp_path: Path) -> None:
    make_certificate(tmp_path, "server", "DNS:shop.example")
    named = Tls(ca_file=str(tmp_path / "server.pem"), server_name="shop.example")
    async with tls_server(tmp_path, newest="TLSv1_2") as url:
        assert await asked(url, Entry(HttpAccess(tls=named), now)) == PAGE.decode()
        wrong = replace(named, server_name="")
        assert (await asked(url, Entry(HttpAccess(tls=wrong), now))).startswith("tls: ")
        newer = replace(named, min_version="TLS13")
        assert (await asked(url, Entry(HttpAccess(tls=newer), now))) != PAGE.decode()


@pytest.mark.system
async def test_a_context_lasts_as_long_as_its_files(tmp_path: Path) -> None:
    make_certificate(tmp_path, "server")
    entry = Entry(HttpAccess(tls=Tls(ca_file=str(tmp_path / "server.pem"))), now)
    first = entry.tls()
    assert entry.tls() is first
    make_certificate(tmp_path, "server")
    assert entry.tls() is not first
    async with tls_server(tmp_path) as url:
        assert await asked(url, entry) == PAGE.decode()


def test_whoever_asks_for_nothing_shares_one_context() -> None:
    assert Entry(ANONYMOUS, now).tls() is Entry(HttpAccess(credentials="x"), now).tls()


def test_the_oldest_versions_can_be_asked_for() -> None:
    context = Entry(HttpAccess(tls=Tls(min_version="TLS10")), now).tls()
    assert context.minimum_version <= ssl.TLSVersion.TLSv1
