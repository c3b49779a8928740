"""What `vigie doctor` tries over the network: every target once, read strictly; every channel."""

import asyncio
import time
from collections.abc import Iterable, Sequence
from typing import NamedTuple
from urllib.parse import urlsplit

from yarl import URL

from collectors import fetch
from collectors.entry import Entry
from collectors.errors import CollectError, FetchError
from collectors.exposition import Reader, compatible
from collectors.scrape import headers_of, read_as
from collectors.targets import By, Target
from slo.series import Page
from slo.spec import BasicSli, CountingSli, Selector
from vigie.checks import embedded
from vigie.cli.findings import ERROR, OK, WARNING, Finding
from vigie.config import Channel, Config
from vigie.settings import proxies


class Scrape(NamedTuple):
    """What one target answered; `page` is None where `reason` says why there is none."""

    target: Target
    page: Page | None
    samples: int
    reason: str


def findings(config: Config) -> list[Finding]:
    """What was found of targets, SLOs and channels."""

    async def both() -> list[Finding]:
        return await targets(config) + await channels(config)

    return asyncio.run(both())


async def targets(config: Config) -> list[Finding]:
    """What each target answers, and for each SLO whether the series that it names are there."""
    answers = await scrapes(config)
    return [*map(_target, answers), *_slos(config, [a.page for a in answers if a.page])]


async def scrapes(config: Config, also: frozenset[Selector] = frozenset()) -> list[Scrape]:
    """Every target, asked once for what the SLOs name, and for the values of `also`."""
    slis = [sli for watch in config.watches.values() for sli in embedded(watch.slo.sli)]
    client = fetch.Client()
    asked = (target for target in config.targets.values() if target.by is By.SCRAPE)
    try:
        return list(await asyncio.gather(*(_scraped(client, t, slis, also) for t in asked)))
    finally:
        await client.close()


async def channels(config: Config) -> list[Finding]:
    """Whether somebody listens where messages are to go. Nothing is sent."""
    findings = list(await asyncio.gather(*(_reached(c) for c in config.channels.values())))
    if not any("page" in channel.receives for channel in config.channels.values()):
        findings.append(Finding(WARNING, "channels", "no channel receives pages: nobody is told"))
    return findings


async def _scraped(
    client: fetch.Client,
    target: Target,
    slis: Iterable[BasicSli],
    also: frozenset[Selector],
) -> Scrape:
    """A new Reader reads its first page strictly."""
    counters: set[Selector] = set()
    gauges = set(also)
    for sli in slis:
        (counters if isinstance(sli, CountingSli) else gauges).update(sli.selectors)
    try:
        answer = await client.get(
            URL(target.url),
            Entry(target.scraping.access, time.time, proxies()),
            headers=headers_of(target),
            timeout_s=target.timeout_s,
            limit=target.body_limit,
        )
        body = fetch.unpacked(answer, target.body_limit)
        if body is None:
            raise FetchError(fetch.OVER_LIMIT)
        reader = Reader(
            target.labels, _fitting(counters, target), _fitting(gauges, target), read_as(target)
        )
        page, samples = reader.read(body, answer.content_type, 0.0)
    except CollectError as error:
        return Scrape(target, None, 0, error.reason)
    return Scrape(target, page, samples, "")


def _fitting(selectors: Iterable[Selector], target: Target) -> frozenset[Selector]:
    return frozenset(s for s in selectors if compatible(s, target.labels, target.scraping))


def _target(answer: Scrape) -> Finding:
    about = f"target {answer.target.id}"
    if answer.page is None:
        return Finding(ERROR, about, f"{answer.target.url}: {answer.reason}")
    series = len({*answer.page.layout.keys, *answer.page.gauge_layout.keys})
    return Finding(OK, about, f"{answer.samples} samples, {series} of them series of SLOs")


def _slos(config: Config, pages: Sequence[Page]) -> list[Finding]:
    """A total that no page shows is most likely a misspelt name."""
    shown = {name for page in pages for name in shown_on(page)}
    findings = []
    for watch in config.watches.values():
        slis = embedded(watch.slo.sli)
        missing = _missing((s for sli in slis for s in sli.selectors), shown)
        about = f"slo {watch.slo.id}"
        if not slis:
            continue  # its series are not on our pages
        if not any(t.service == watch.slo.service for t in config.targets.values()):
            findings.append(Finding(WARNING, about, "its service has no targets"))
        elif missing and pages:
            text = f"no page shows {', '.join(missing)}: no traffic yet, or another name"
            findings.append(Finding(WARNING, about, text))
        elif pages:
            findings.append(Finding(OK, about, "its total is on the pages"))
    return findings


def shown_on(page: Page) -> frozenset[str]:
    """The selectors, as text, that name at least one series of a page."""
    layouts = (page.layout, page.gauge_layout)
    return frozenset(name for layout in layouts for names in layout.named_by for name in names)


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
