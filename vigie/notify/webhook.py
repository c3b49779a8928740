"""Delivery by webhook: one signed POST; only a 2xx is an acceptance (docs/reference/webhook.md)."""

import asyncio
import hashlib
import hmac
import re
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path

import aiohttp
import orjson

from slo import windows
from vigie.config import Channel
from vigie.notify.errors import DeliveryFailed
from vigie.notify.message import Message, rfc3339

# What may pass by itself: RFC 9110 (408, 5xx), RFC 8470 (425), RFC 6585 (429).
_PASSING = frozenset({408, 425, 429})
_ANSWER_BYTES = 300
# A receiver may ask for a pause, but not for one in which a page is forgotten.
_LONGEST_PAUSE_S = 300.0


async def send(
    session: aiohttp.ClientSession, channel: Channel, message: Message, *, now: float
) -> str:
    """POST the message and return what the receiver said; DeliveryFailed if that was no 2xx.

    Redirects are not followed: the signature is meant for the address in the configuration.
    """
    body = orjson.dumps({**message.body, "sent_at": rfc3339(now)})
    secret = await asyncio.to_thread(_secret, channel)
    try:
        async with session.post(
            channel.url,
            data=body,
            headers=_headers(message.dedup, body, secret, now),
            allow_redirects=False,
            timeout=aiohttp.ClientTimeout(total=channel.timeout_s),
        ) as response:
            return await _accepted(response, now)
    except TimeoutError as error:
        reason = f"no answer within {windows.show(channel.timeout_s)}"
        raise DeliveryFailed(reason, retry=True) from error
    except (aiohttp.ClientError, OSError) as error:
        raise DeliveryFailed(str(error) or type(error).__name__, retry=True) from error


def signature(secret: str, timestamp: int, body: bytes) -> str:
    """The value of X-Vigie-Signature: HMAC-SHA256 over `{timestamp}.{body}`."""
    signed = b"%d.%s" % (timestamp, body)
    return "v1=" + hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()


def _secret(channel: Channel) -> str | None:
    """Read at each delivery, so that a new secret needs no restart."""
    if channel.secret_file is None:
        return channel.secret
    try:
        return Path(channel.secret_file).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise DeliveryFailed(
            f"secret_file {channel.secret_file} cannot be read: {error}", retry=False
        ) from error


def _headers(dedup: str, body: bytes, secret: str | None, now: float) -> dict[str, str]:
    timestamp = int(now)
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "vigie",
        "Idempotency-Key": _header_text(dedup),
        "X-Vigie-Timestamp": str(timestamp),
    }
    if secret:
        headers["X-Vigie-Signature"] = signature(secret, timestamp, body)
    return headers


def _header_text(text: str) -> str:
    return re.sub(r"[^\x21-\x7e]", "_", text)


async def _accepted(response: aiohttp.ClientResponse, now: float) -> str:
    status = f"status {response.status}"
    if 200 <= response.status < 300:
        # The acceptance is the status line; a body that never comes changes nothing about it.
        with suppress(aiohttp.ClientError, TimeoutError):
            return _said(status, await response.content.read(_ANSWER_BYTES))
        return status
    if 300 <= response.status < 400:
        target = response.headers.get("Location", "nowhere")
        raise DeliveryFailed(f"{status}, to {target}: redirects are not followed", retry=False)
    passing = response.status in _PASSING or response.status >= 500
    with suppress(aiohttp.ClientError, TimeoutError):
        status = _said(status, await response.content.read(_ANSWER_BYTES))
    after_s = _pause(response.headers.get("Retry-After"), now) if passing else None
    raise DeliveryFailed(status, retry=passing, after_s=after_s)


def _said(status: str, answer: bytes) -> str:
    text = " ".join(answer.decode("utf-8", "replace").replace("\x00", "").split())
    return f"{status}: {text}" if text else status


def _pause(header: str | None, now: float) -> float | None:
    """Seconds of a Retry-After, which is a number or a date (RFC 9110, 10.2.3)."""
    if header is None:
        return None
    if re.fullmatch(r"\d{1,9}", header.strip()):
        return min(float(header), _LONGEST_PAUSE_S)
    try:
        at = parsedate_to_datetime(header)
    except ValueError:
        return None
    if at.tzinfo is None:
        at = at.replace(tzinfo=UTC)
    left = (at - datetime.fromtimestamp(now, UTC)).total_seconds()
    return min(max(left, 0.0), _LONGEST_PAUSE_S)
