"""How long incidents took, for /metrics: of those opened within the last 30 days."""

import logging
from threading import Lock
from typing import Final

from slo import names
from vigie.api.exposition import Family, labels
from vigie.clock import Clock
from vigie.store import incident_stats
from vigie.store.db import Database
from vigie.store.errors import StoreError
from vigie.store.visibility import EVERYTHING
from vigie.views.stats.figures import spread
from vigie.views.stats.frame import GONE, derived

log = logging.getLogger(__name__)

WINDOW_S: Final = 30 * 86_400.0
KEPT_S: Final = 60.0  # so that many scrapers cost one look
PHASES: Final = {
    "detect": "detect",
    "ack": "acknowledge",
    "mitigate": "mitigate",
    "resolve": "resolve",
}


_UNTOLD: Final = (
    "severity", "priority", "reopened", "type", "category", "subcategory", "detected_by",
    "budget_burned", "downtime_s", "planned_downtime_s", "bad_events",
)  # fmt: skip


class IncidentTimes:
    """Median and 90th percentile of each phase; absent where nothing is known."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock
        self._lock = Lock()
        self._known: tuple[float, list[Family]] | None = None

    def families(self) -> list[Family]:
        """As of at most KEPT_S ago; none while the database cannot be read."""
        now = self._clock.now()
        with self._lock:
            if self._known is None or not 0.0 <= now - self._known[0] < KEPT_S:
                try:
                    self._known = now, [_read(self._db, now)]
                except StoreError as error:
                    log.warning("incidents cannot be read for /metrics: %s", error)
                    return []
            return self._known[1]


def _read(db: Database, now: float) -> Family:
    """Everything is counted, as in the other metrics of incidents: only spreads are told."""
    since = now - WINDOW_S
    rows = db.read(lambda c: incident_stats.incidents(c, EVERYTHING, since, now, without=_UNTOLD))
    frame = derived(rows, now)
    times = spread(frame.filter(~frame["state"].is_in(GONE)).select(PHASES.values()))
    family = Family(
        names.INCIDENT_TIME_SECONDS,
        "gauge",
        "How long phases of the incidents of the last 30 days took.",
    )
    for phase, column in PHASES.items():
        for stat, value in zip(("median", "p90"), times[column], strict=True):
            family.add(labels(**{names.PHASE: phase, names.STAT: stat}), value)
    return family
