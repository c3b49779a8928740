"""Targets from a URL that answers groups as JSON, asked every `refresh_s`.

The protocol is Prometheus' "HTTP SD": status 200, `application/json`, all groups in every answer.
"""

import asyncio
import re

from yarl import URL

from collectors import fetch
from collectors.discovery.errors import DiscoveryError
from collectors.discovery.feed import MAX_BODY_BYTES, Feed
from collectors.discovery.groups import from_json
from collectors.discovery.model import HttpSd
from collectors.entry import Entry
from collectors.errors import CollectError
from collectors.jobs import Group
from collectors.lines import shortened
from collectors.scrape import Clock

URL_LABEL = "__meta_url"
REFRESH_HEADER = "X-Prometheus-Refresh-Interval-Seconds"
MAX_TIMEOUT_S = 60.0
_JSON = re.compile(r'application/json(;\s*charset=("utf-8"|utf-8))?', re.IGNORECASE)


class Http:
    """One URL. An answer that can't be used changes nothing."""

    def __init__(
        self,
        discovery: HttpSd,
        clock: Clock,
        feed: Feed,
        client: fetch.Client,
        entry: Entry,
    ) -> None:
        self.feed = feed
        self._client = client
        self._url = discovery.url
        self._refresh_s = discovery.refresh_s
        self._clock = clock
        self._entry = entry
        self._shown = shown(discovery.url)

    async def run(self) -> None:
        """Ask at once, and then every `refresh_s`."""
        while True:
            began = self._clock.now()
            await self.look()
            await self._clock.sleep_until(began + self._refresh_s)

    async def look(self) -> None:
        """Ask once."""
        try:
            groups = await self._ask()
        except CollectError as error:
            self.feed.failed(self._shown, error.reason)
        else:
            self.feed.well(self._shown)
            self.feed.found(groups)

    async def _ask(self) -> tuple[Group, ...]:
        headers = {
            "Accept": "application/json",
            "Accept-Encoding": "gzip",
            REFRESH_HEADER: f"{self._refresh_s:g}",
        }
        try:
            url = URL(self._url)
        except ValueError as error:
            raise DiscoveryError("bad address") from error
        answer = await self._client.get(
            url,
            self._entry,
            headers=headers,
            timeout_s=min(self._refresh_s, MAX_TIMEOUT_S),
            limit=MAX_BODY_BYTES,
        )
        if not _JSON.fullmatch(answer.content_type.strip()):
            kind = shortened(answer.content_type, 40)
            raise DiscoveryError(f"content-type `{kind}` is not application/json")
        page = await asyncio.to_thread(fetch.unpacked, answer, MAX_BODY_BYTES)
        if page is None:
            raise DiscoveryError(fetch.OVER_LIMIT)
        source, labels = f"http/{self._shown}", {URL_LABEL: self._url}
        return await asyncio.to_thread(from_json, page, source, labels)


def shown(url: str) -> str:
    """A URL as people may see it: without user, password and query, where secrets are kept."""
    try:
        return str(URL(url).with_user(None).with_query(None).with_fragment(None))
    except ValueError:
        return "a bad address"
