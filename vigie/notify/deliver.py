"""One attempt to deliver one message to one channel, whatever its type."""

import aiohttp

from vigie.config import Channel
from vigie.notify import email, webhook
from vigie.notify.message import Message


async def deliver(
    session: aiohttp.ClientSession, channel: Channel, message: Message, *, now: float
) -> str:
    """What the receiver said when it accepted; DeliveryFailed when it did not."""
    if channel.type == "email":
        return await email.send(channel, message, now=now)
    return await webhook.send(session, channel, message, now=now)
