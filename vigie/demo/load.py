"""The customers of the demo shop: a steady, seeded stream of orders over real HTTP.

`python -m vigie.demo.load --urls URL,URL --rate 50 --seed 1`
"""

import argparse
import asyncio
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import Final

import aiohttp

TIMEOUT_S: Final = 5.0
WAITING: Final = 200  # orders under way at most: a shop that hangs must not fill the memory


@dataclass(frozen=True, slots=True)
class Load:
    """How many orders a second go where; the same seed makes the same pauses."""

    urls: tuple[str, ...]
    rate: float = 50.0
    seed: int = 1


def pauses(load: Load) -> Iterator[float]:
    """Seconds between orders: as independent customers come, so exponential."""
    source = random.Random(load.seed)  # noqa: S311 - a load that can be repeated
    while True:
        yield source.expovariate(load.rate)


async def run(load: Load) -> None:
    """Send orders until cancelled, round robin over the frontends."""
    slots = asyncio.Semaphore(WAITING)
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
    async with aiohttp.ClientSession(timeout=timeout) as client, asyncio.TaskGroup() as orders:
        for url, pause in zip(cycle(load.urls), pauses(load), strict=False):
            await asyncio.sleep(pause)
            await slots.acquire()
            task = orders.create_task(_order(client, url))
            task.add_done_callback(lambda _: slots.release())


async def _order(client: aiohttp.ClientSession, url: str) -> None:
    try:
        async with client.post(url) as answer:
            await answer.read()
    except (aiohttp.ClientError, TimeoutError):
        return  # a customer goes away; the shop's own metrics tell the story


def load_from(arguments: Sequence[str] | None = None) -> Load:
    """The load that the command line describes."""
    parser = argparse.ArgumentParser(prog="python -m vigie.demo.load")
    parser.add_argument("--urls", required=True, help="where orders go, a,b")
    parser.add_argument("--rate", type=float, default=50.0, help="orders a second")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args(arguments)
    return Load(tuple(given.urls.split(",")), given.rate, given.seed)


def main() -> None:
    asyncio.run(run(load_from()))


if __name__ == "__main__":
    main()
