"""What others write to the database and the tick reads when they say so: heartbeats, rollouts."""

from collections.abc import Iterable, Mapping
from typing import Final

from collectors.heartbeat import Beats, Heartbeat
from slo.redundancy import Rollout
from vigie.store import changes, heartbeats
from vigie.store.db import Database

SILENCE_S: Final = 60.0  # so long without a committed tick, and beats may have been refused


class Heard:
    """Reads anew what is old. All its methods belong to the event loop."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._beats_are_old = False
        self._rollouts_are_old = False

    def beat(self) -> None:
        """A heartbeat said something."""
        self._beats_are_old = True

    def change(self) -> None:
        """A change was told."""
        self._rollouts_are_old = True

    def all_again(self) -> None:
        """What was read came into no tick."""
        self._beats_are_old = self._rollouts_are_old = True

    async def beats(
        self, configured: Iterable[Heartbeat], last_tick_at: float | None, now: float
    ) -> Mapping[str, Beats] | None:
        """What heartbeats said since the last tick; None: nothing. After a time in which nothing
        could be written, what was not missed before it is in doubt.
        """
        known = list(configured)
        if known and last_tick_at is not None and now - last_tick_at > SILENCE_S:
            await self._db.awrite(lambda c: heartbeats.resume(c, known, now))
            self._beats_are_old = True
        if not self._beats_are_old:
            return None
        self._beats_are_old = False  # before they are read: they may change meanwhile
        return await self._db.aread(heartbeats.read)

    async def rollouts(self, now: float) -> Mapping[str, Rollout] | None:
        """The rollouts that are under way, by service; None: no change was told."""
        if not self._rollouts_are_old:
            return None
        self._rollouts_are_old = False
        return await self._db.aread(lambda c: changes.rollouts(c, now))
