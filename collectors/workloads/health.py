"""How the watches of one cluster go, part by part."""

import logging
from dataclasses import dataclass

from collectors.lines import shortened
from collectors.scrape import Clock

log = logging.getLogger(__name__)

# A watch that breaks off is taken up again within seconds; until then nobody knows any worse.
GRACE_S = 10.0


@dataclass(frozen=True, slots=True)
class WorkloadStatus:
    """How following a workload goes, for people. Times in Unix seconds."""

    place: str  # the workload, or the namespaces
    health: str  # up | down | unknown (no answer yet)
    error: str = ""  # named reasons, one for each part that fails
    last_ok_at: float | None = None


class Health:
    """What fails, and since when. A change of what is wrong is logged once."""

    def __init__(self, clock: Clock, cluster: str) -> None:
        self._clock = clock
        self._cluster = cluster
        self._failing: dict[str, tuple[float, str]] = {}
        self._last_ok_at: dict[str, float] = {}
        self._since: dict[str, float] = {}

    def began(self, part: str) -> None:
        """A part is asked for the first time."""
        self._since[part] = self._clock.now()

    def well(self, part: str) -> None:
        if part in self._failing:
            log.info("kubernetes %s: %s answers again", self._cluster, part)
            del self._failing[part]
        self._last_ok_at[part] = self._clock.now()

    def failed(self, part: str, reason: str) -> None:
        said = shortened(reason, 200)
        since, before = self._failing.get(part, (self._clock.now(), ""))
        if before != said:
            log.warning("kubernetes %s: %s: %s", self._cluster, part, said)
        self._failing[part] = since, said

    def forget(self, part: str) -> None:
        """A part is asked no more."""
        for known in (self._failing, self._last_ok_at, self._since):
            known.pop(part, None)

    def reason(self, part: str) -> str:
        """Why a part fails; empty where it does not."""
        return self._failing.get(part, (0.0, ""))[1]

    def error(self, part: str, *, synced: bool) -> str | None:
        """Why what a part last said is not to be believed. Empty: it is; None: wait and see."""
        now = self._clock.now()
        since, reason = self._failing.get(part, (now, ""))
        if reason:
            return reason if not synced or now - since >= GRACE_S else None
        if synced:
            return ""
        late = now - self._since.get(part, now) >= GRACE_S
        return "no answer yet" if late else None

    def last_ok_at(self, part: str) -> float | None:
        return self._last_ok_at.get(part)
