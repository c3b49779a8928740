"""How often one may be wrong: too many wrong tokens or passwords, and one has to wait."""

import math
import threading
from collections import OrderedDict, deque
from typing import Final

from vigie.clock import Clock

MAX_FAILURES: Final = 10  # wrong tokens of one client, or passwords of one user, within
FAILURES_WINDOW_S: Final = 60.0
MAX_SUBSCRIBED: Final = 10  # addresses that one client asks to mail about status pages, within
SUBSCRIBED_WINDOW_S: Final = 3600.0
MAX_CLIENTS: Final = 1024  # whose failures are remembered
MAX_KNOWN: Final = 4096


class Throttle:
    """Counts failures by client, or by user. What is refused is not counted again, so nobody is
    locked out for longer than the window. Any thread.
    """

    def __init__(
        self, clock: Clock, most: int = MAX_FAILURES, window_s: float = FAILURES_WINDOW_S
    ) -> None:
        self._clock = clock
        self._most = most
        self._window_s = window_s
        self._failures: dict[str, deque[float]] = {}
        self._turn = threading.Lock()

    def wait_s(self, client: str) -> int:
        """How long this client has to wait before its next try; 0: it may try."""
        with self._turn:
            return self._wait_s(client)

    def failed(self, client: str) -> None:
        with self._turn:
            self._count(client)

    def enter(self, client: str) -> int:
        """Count a try as a failure before it is known to be one, so that tries at once are counted
        too: 0. Or how long to wait, and nothing is counted.
        """
        with self._turn:
            if seconds := self._wait_s(client):
                return seconds
            self._count(client)
            return 0

    def succeeded(self, client: str) -> None:
        """The last try was no failure."""
        with self._turn:
            if failures := self._failures.get(client):
                failures.pop()

    def _wait_s(self, client: str) -> int:
        failures = self._failures.get(client)
        if failures is None or len(failures) < self._most:
            return 0
        return max(0, math.ceil(failures[0] + self._window_s - self._clock.now()))

    def _count(self, client: str) -> None:
        failures = self._failures.pop(client, None) or deque(maxlen=self._most)
        failures.append(self._clock.now())
        self._failures[client] = failures  # the newest last
        if len(self._failures) > MAX_CLIENTS:
            del self._failures[next(iter(self._failures))]


class Known:
    """From where users signed in before, so that guessing elsewhere does not make them wait there.
    Any thread.
    """

    def __init__(self) -> None:
        self._pairs: OrderedDict[tuple[str, str], None] = OrderedDict()
        self._turn = threading.Lock()

    def __contains__(self, pair: tuple[str, str]) -> bool:
        return pair in self._pairs

    def add(self, name: str, client: str) -> None:
        with self._turn:
            self._pairs.pop((name, client), None)
            self._pairs[name, client] = None  # the newest last
            if len(self._pairs) > MAX_KNOWN:
                self._pairs.popitem(last=False)
