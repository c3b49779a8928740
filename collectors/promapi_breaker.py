"""When a source that failed may be asked again. Pure: time is an argument."""

from typing import Final

from collectors.errors import SourceResting

FIRST_WAIT_S: Final = 1.0
LONGEST_WAIT_S: Final = 60.0
# A server may ask for more patience than that, but not for silence without end.
LONGEST_ASKED_S: Final = 600.0


class Breaker:
    """Counts failures one after another; each doubles the wait, and one request probes at its end.

    A request takes a ticket and hands it back with how it went. Requests that ran at the same time
    fail together and count once: a ticket from before the last change says nothing any more.
    """

    def __init__(self) -> None:
        self.retry_at: float | None = None  # None: closed, ask freely
        self._failures = 0
        self._turn = 0
        self._probing = False

    def ticket(self, now: float) -> int:
        """Leave to ask. SourceResting says when there is some."""
        if self.retry_at is not None:
            if now < self.retry_at or self._probing:
                raise SourceResting(self.retry_at)
            self._probing = True
        return self._turn

    def answered(self, ticket: int) -> None:
        """The server answered, if only to refuse the query."""
        if ticket != self._turn:
            return
        if self.retry_at is not None:
            self._turn += 1
        self.retry_at, self._failures, self._probing = None, 0, False

    def failed(self, ticket: int, now: float, asked_wait_s: float | None = None) -> None:
        """The server failed; it may ask for a longer wait."""
        if ticket != self._turn:
            return
        # The exponent is bounded: a server may be down for years.
        wait = min(FIRST_WAIT_S * 2.0 ** min(self._failures, 10), LONGEST_WAIT_S)
        wait = max(wait, min(asked_wait_s or 0.0, LONGEST_ASKED_S))
        self._failures += 1
        self._turn += 1
        self.retry_at, self._probing = now + wait, False

    def abandoned(self, ticket: int) -> None:
        """The request was given up by whoever made it: nothing is known."""
        if ticket == self._turn:
            self._probing = False
