"""A fleet over a database of its own, and a server in front of it."""

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import aiohttp
import pytest

from fleet import Door, Fleet, Site, fleet_at
from vigie.live import Change

Serve = Callable[..., Site]


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Fleet]:
    fleet = fleet_at(tmp_path)
    yield fleet
    fleet.db.close()


@pytest.fixture(scope="session")
def door() -> Iterator[Door]:
    door = Door()
    yield door
    door.close()


@pytest.fixture
async def serve(door: Door, fleet: Fleet) -> AsyncIterator[Serve]:
    """Serve the fleet with `serve(token=, allowed_hosts=)`; the last call is what is served."""
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as client:

        def serve_it(**settings: object) -> Site:
            door.serve(fleet, **settings)
            return Site(door.url, fleet, client)

        yield serve_it
    fleet.feed.publish(Change("stop"))


@pytest.fixture
def site(serve: Serve) -> Site:
    """The fleet served without a token."""
    return serve()
