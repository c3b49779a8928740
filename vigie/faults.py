"""Named places at which a test may end the process at once, as a power cut would."""

import os
import signal

POINTS = frozenset(
    {
        "scrape.done",  # a page was read and not yet handed to the tick
        "tick.before_commit",
        "open.before_commit",  # the transaction that opens an incident
        "open.after_commit",
        "page.before_send",
        "page.after_2xx",  # the receiver has it, the database does not know
        "resolve.before_commit",
        "resolve.after_commit",
        "automation.after_action",
    }
)

_armed: dict[str, int] = {}


def arm(text: str | None) -> None:
    """Arm `point` or `point:n` (the n-th time it is reached); None disarms. ValueError: unknown."""
    _armed.clear()
    if not text:
        return
    point, _, times = text.partition(":")
    if point not in POINTS:
        raise ValueError(f"no crash point `{point}`; there are {', '.join(sorted(POINTS))}")
    _armed[point] = int(times or 1)


def reach(point: str) -> None:
    """End the process here if this point is armed."""
    if point in _armed:
        _armed[point] -= 1
        if _armed[point] <= 0:
            os.kill(os.getpid(), signal.SIGKILL)
