"""What one discovery has found so far, and how it goes. A failure changes nothing of it."""

import logging
from collections.abc import Callable, Sequence
from typing import Protocol

from collectors.discovery.model import DiscoveryStatus
from collectors.jobs import Group
from collectors.lines import shortened
from collectors.scrape import Clock

log = logging.getLogger(__name__)

MAX_TARGETS = 100_000
MAX_BODY_BYTES = 64_000_000
_SHOWN_ERRORS = 5
_SIZE = "size"

Look = Callable[[], Sequence[Group]]


class Source(Protocol):
    """A discovery under way. Its methods belong to one event loop."""

    feed: "Feed"

    async def run(self) -> None:
        """Look until cancelled, and tell the feed."""
        ...


class Feed:
    """The groups of one discovery. `changed` is called in the loop when others may be there.

    Parts (a file, a name, one kind of object) fail and recover each on their own; a change of
    what is wrong is logged once, however often a part is asked.
    """

    def __init__(self, clock: Clock, kind: str, place: str, changed: Callable[[], None]) -> None:
        self.kind = kind
        self.place = place
        self.answered = False  # every part has answered once: what is not here is not there
        self._clock = clock
        self._changed = changed
        self._groups: tuple[Group, ...] = ()
        self._targets = 0
        self._look: Look | None = None
        self._errors: dict[str, str] = {}
        self._last_ok_at: float | None = None

    def found(self, groups: Sequence[Group], *, answered: bool = True) -> None:
        """This is what there is now. Of over MAX_TARGETS nothing is taken: the last groups stay."""
        kept = tuple(groups)
        first = answered and not self.answered
        if not self._take(kept) and not first:
            return
        self.answered = self.answered or answered
        self._changed()

    def later(self, look: Look) -> None:
        """What there is may have changed; `look` says to what, once somebody asks.

        For a discovery that hears of changes one by one, and far more often than anybody asks.
        """
        self._look = look
        self.answered = True
        self._changed()

    def groups(self) -> tuple[Group, ...]:
        """What there is, in a stable order."""
        if self._look is not None:
            look, self._look = self._look, None
            self._take(tuple(look()))
        return self._groups

    def well(self, part: str) -> None:
        """A part answered."""
        if self._errors.pop(part, ""):
            log.info("discovery %s: %s answers again", self.place, part)
        if not self._errors:
            self._last_ok_at = self._clock.now()

    def failed(self, part: str, reason: str) -> None:
        """A part did not answer, or not in a way that can be used."""
        said = shortened(reason, 200)
        if self._errors.get(part) != said:
            log.warning("discovery %s: %s: %s; what it found stays", self.place, part, said)
        self._errors[part] = said

    def forget(self, part: str) -> None:
        """A part is no more."""
        self._errors.pop(part, None)

    def status(self) -> DiscoveryStatus:
        """How it goes."""
        self.groups()
        shown = [f"{part}: {said}" for part, said in sorted(self._errors.items())]
        more = len(shown) - _SHOWN_ERRORS
        error = "; ".join(shown[:_SHOWN_ERRORS]) + (f"; and {more} more" if more > 0 else "")
        well = "up" if self.answered else "unknown"
        return DiscoveryStatus(
            kind=self.kind,
            place=self.place,
            health="down" if shown else well,
            error=error,
            last_ok_at=self._last_ok_at,
            targets=self._targets,
        )

    def _take(self, groups: tuple[Group, ...]) -> bool:
        """Whether these groups are other ones than before, and not too many."""
        targets = sum(len(group.targets) for group in groups)
        if targets > MAX_TARGETS:
            self.failed(_SIZE, f"over {MAX_TARGETS} targets: narrow the discovery")
            return False
        if _SIZE in self._errors:
            self.well(_SIZE)
        if groups == self._groups:
            return False
        self._groups, self._targets = groups, targets
        return True
