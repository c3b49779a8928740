"""Probing from another place: a blackbox_exporter there is asked, and its page taken as it is."""

import math
import re
from typing import Final

import aiohttp
from yarl import URL

from collectors.probe import network
from collectors.probe.errors import CannotProbe
from collectors.probe.model import MAX_PAGE, Location
from collectors.probe.readings import EXPIRY, SUCCESS

_SUCCESS: Final = re.compile(rf"^{SUCCESS} +(\S+)".encode(), re.MULTILINE)
_EXPIRY: Final = re.compile(rf"^{EXPIRY} +(\S+)".encode(), re.MULTILINE)


async def ask(
    session: aiohttp.ClientSession, location: Location, address: str, timeout_s: float
) -> bytes:
    """The page of one attempt from there. CannotProbe where it is none: that says nothing about
    the target.
    """
    url = URL(location.blackbox_url.rstrip("/") + "/probe").with_query(
        target=address, module=location.module
    )
    headers = {"X-Prometheus-Scrape-Timeout-Seconds": str(timeout_s), "Accept": "text/plain"}
    timeout = aiohttp.ClientTimeout(total=timeout_s, ceil_threshold=math.inf)
    try:
        async with session.get(url, headers=headers, timeout=timeout) as response:
            if response.status != 200:
                raise CannotProbe(f"status {response.status}")
            page = await _whole(response)
    except (aiohttp.ClientError, OSError) as error:
        raise CannotProbe(_named(error)) from error
    if succeeded(page) is None:
        raise CannotProbe(f"its page has no {SUCCESS}")
    return page if page.endswith(b"\n") else page + b"\n"


def succeeded(page: bytes) -> bool | None:
    """Whether the attempt succeeded; None where the page doesn't say."""
    value = _value(_SUCCESS, page)
    return None if value is None else value == 1.0


def expires_at(page: bytes) -> float | None:
    """When the first certificate ends, Unix seconds; None where there is none."""
    value = _value(_EXPIRY, page)
    # Go's zero time, in the year 1, is what an exporter shows that saw no certificate.
    return value if value is not None and value > 0 else None


def _value(pattern: "re.Pattern[bytes]", page: bytes) -> float | None:
    match = pattern.search(page)
    try:
        return float(match[1]) if match else None
    except ValueError:
        return None


async def _whole(response: aiohttp.ClientResponse) -> bytes:
    page = b""
    async for chunk in response.content.iter_any():
        page += chunk
        if len(page) > MAX_PAGE:
            response.close()
            raise CannotProbe("page over limit")
    return page


def _named(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "timeout"
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "no such host"
    if isinstance(error, aiohttp.ClientConnectorError):
        return network.reason_for(error.os_error)
    return network.reason_for(error) if isinstance(error, OSError) else "not an HTTP answer"
