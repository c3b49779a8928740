"""The one clock: handed in everywhere, set by tests, real only here."""

import asyncio
import time
from typing import Protocol


class Clock(Protocol):
    """Time as Unix seconds, and waiting for it."""

    def now(self) -> float: ...

    async def sleep_until(self, at: float) -> None:
        """Return once `now()` is `at` or later."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> float:
        return time.time()

    async def sleep_until(self, at: float) -> None:
        while (left := at - self.now()) > 0:  # noqa: ASYNC110 - time is waited for, not an event
            await asyncio.sleep(left)


class SetClock:
    """A clock that stands still until it is set: tests and backtests hold it."""

    def __init__(self, now: float) -> None:
        self._now = now
        self._moved = asyncio.Event()

    def now(self) -> float:
        return self._now

    def set(self, now: float) -> None:
        """Move to `now` and wake whoever waits for it."""
        self._now = now
        self._moved.set()
        self._moved = asyncio.Event()

    async def sleep_until(self, at: float) -> None:
        while self._now < at:
            await self._moved.wait()
