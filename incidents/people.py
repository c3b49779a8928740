"""The parts that people have in an incident, in the words of both worlds."""

from enum import StrEnum
from typing import Final


class Part(StrEnum):
    """A role on one incident; SRE says incident commander for the incident manager."""

    INCIDENT_MANAGER = "incident_manager"
    L1 = "l1"  # the service desk's responder
    L2 = "l2"
    L3 = "l3"
    COMMUNICATIONS = "communications"
    SCRIBE = "scribe"
    REQUESTER = "requester"  # who reported it, or for whom it was reported
    OBSERVER = "observer"
    PROCESS_OWNER = "process_owner"
    WATCHER = "watcher"  # is told, and has nothing to do


# Held by one person at a time: taking it is a hand-over. The others are held by any number.
SINGLE: Final = frozenset(
    {Part.INCIDENT_MANAGER, Part.L1, Part.L2, Part.L3, Part.COMMUNICATIONS, Part.SCRIBE}
)
TIERS: Final = (Part.L1, Part.L2, Part.L3)  # by tier, 1 the first
