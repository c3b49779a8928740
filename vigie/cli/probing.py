"""What `vigie doctor` tries over the network: every target once, read strictly; every channel."""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Final
from urllib.parse import urlsplit

import aiohttp

from collectors import fetch
from collectors.errors import CollectError, FetchError
from collectors.exposition import Reader, compatible
from collectors.targets import Target
from slo.series import Page
from slo.spec import Selector
from vigie.cli.findings import ERROR, OK, WARNING, Finding
from vigie.config import Channel, Config

ACCEPT: Final = {"Accept": "application/openmetrics-text;version=1.0.0,text/plain;q=0.5"}


def findings(config: Config) -> list[Finding]:
    """What was found of targets, SLOs and channels."""

    async def both() -> list[Finding]:
        return await targets(config) + await channels(config)

    return asyncio.run(both())


async def targets(config: Config) -> list[Finding]:
    """What each target answers, and for each SLO whether the series that it names are there."""
    pages: dict[str, Page] = {}
    async with aiohttp.ClientSession(auto_decompress=False) as session:
        tried = (_scraped(session, t, _wanted(config, t)) for t in config.targets.values())
        results = await asyncio.gather(*tried)
    findings = []
    for target, (page, finding) in zip(config.targets.values(), results, strict=True):
        findings.append(finding)
        if page is not None:
            pages[target.id] = page
    return findings + _slos(config, pages)


async def channels(config: Config) -> list[Finding]:
    """Whether somebody listens where messages are to go. Nothing is sent."""
    findings = list(await asyncio.gather(*(_reached(c) for c in config.channels.values())))
    if not any("page" in channel.receives for channel in config.channels.values()):
        findings.append(Finding(WARNING, "channels", "no channel receives pages: nobody is told"))
    return findings


def _wanted(config: Config, target: Target) -> frozenset[Selector]:
    slis = (watch.slo.sli for watch in config.watches.values())
    selectors = (s for sli in slis for s in (*sli.part.selectors, *sli.total.selectors))
    return frozenset(s for s in selectors if compatible(s, target.labels))


async def _scraped(
    session: aiohttp.ClientSession, target: Target, wanted: frozenset[Selector]
) -> tuple[Page | None, Finding]:
    """The page of one target; a new Reader reads its first page strictly."""
    about = f"target {target.id}"
    timeout = aiohttp.ClientTimeout(total=target.timeout_s)
    try:
        answer = await fetch.get(
            session, target.url, headers=ACCEPT, timeout=timeout, limit=target.body_limit
        )
        body = fetch.unpacked(answer, target.body_limit)
        if body is None:
            raise FetchError(fetch.OVER_LIMIT)
        page, samples = Reader(target.labels, wanted).read(body, answer.content_type, 0.0)
    except CollectError as error:
        return None, Finding(ERROR, about, f"{target.url}: {error.reason}")
    series = len(page.layout.keys)
    return page, Finding(OK, about, f"{samples} samples, {series} of them series of SLOs")


def _slos(config: Config, pages: Mapping[str, Page]) -> list[Finding]:
    """A total that no page shows is most likely a misspelt name."""
    shown = {name for page in pages.values() for names in page.layout.named_by for name in names}
    findings = []
    for watch in config.watches.values():
        missing = _missing(watch.slo.sli.total.selectors, shown)
        about = f"slo {watch.slo.id}"
        if not any(t.service == watch.slo.service for t in config.targets.values()):
            findings.append(Finding(WARNING, about, "its service has no targets"))
        elif missing and pages:
            text = f"no page shows {', '.join(missing)}: no traffic yet, or another name"
            findings.append(Finding(WARNING, about, text))
        elif pages:
            findings.append(Finding(OK, about, "its total is on the pages"))
    return findings


def _missing(selectors: Iterable[Selector], shown: set[str]) -> list[str]:
    return [str(selector) for selector in selectors if str(selector) not in shown]


async def _reached(channel: Channel) -> Finding:
    about = f"channel {channel.name}"
    host, port = _address(channel)
    try:
        async with asyncio.timeout(channel.timeout_s):
            _, writer = await asyncio.open_connection(host, port)
            writer.close()
            await writer.wait_closed()
    except OSError as error:  # TimeoutError is one
        reason = str(error) or "no answer in time"
        return Finding(ERROR, about, f"{host}:{port} cannot be reached: {reason}")
    return Finding(OK, about, f"{host}:{port} listens")


def _address(channel: Channel) -> tuple[str, int]:
    if channel.type == "email":
        return channel.smtp_host, channel.smtp_port
    parts = urlsplit(channel.url)
    return parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
