"""The way out when the database cannot be written: straight to a channel, remembered only here."""

import asyncio
import logging
from collections.abc import Iterable, Sequence

import aiohttp

from vigie.clock import Clock
from vigie.config import Channel
from vigie.notify.deliver import deliver
from vigie.notify.errors import DeliveryFailed
from vigie.notify.message import Message, about_vigie

QUIET_S = 900.0  # people were told; say it again after 15 minutes, not at every failed tick
RETRY_S = 30.0  # nobody could be told

log = logging.getLogger(__name__)


class Fallback:
    """Says that Vigie cannot record, at most every 15 minutes. One object a server."""

    def __init__(self, session: aiohttp.ClientSession, clock: Clock, url: str) -> None:
        self._session = session
        self._clock = clock
        self._url = url
        self._not_before = 0.0

    async def tell(self, channels: Iterable[Channel], text: str, firing: Sequence[str]) -> bool:
        """Send `text` and what fires to the fallback channels, or if there are none to those that
        receive pages. True if anybody accepted it; False too when it is not yet time.
        """
        now = self._clock.now()
        if now < self._not_before:
            return False
        self._not_before = now + RETRY_S
        message = about_vigie(f"fallback:{int(now)}", text, firing, self._url)
        told = await asyncio.gather(
            *(self._tell(channel, message) for channel in receivers(channels))
        )
        if any(told):
            self._not_before = now + QUIET_S
        else:
            log.error("nobody could be told that Vigie cannot record: %s", text)
        return any(told)

    async def _tell(self, channel: Channel, message: Message) -> bool:
        try:
            await deliver(self._session, channel, message, now=self._clock.now())
        except DeliveryFailed as error:
            log.error("fallback by channel %s failed: %s", channel.name, error.reason)
            return False
        return True


def receivers(channels: Iterable[Channel]) -> list[Channel]:
    """Who is told directly: the fallback channels, else those that receive pages."""
    every = list(channels)
    chosen = [channel for channel in every if "fallback" in channel.receives]
    return chosen or [channel for channel in every if "page" in channel.receives]
