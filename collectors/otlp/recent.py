"""Which spans were seen lately, so that a batch that is sent again counts once."""

from typing import Final

WINDOW_S: Final = 120.0
# A span's ids take about 90 bytes here: 36 MB at most.
MAX_SPANS: Final = 400_000


class Recent:
    """Ids of spans, in two generations: an id is known for `window_s` at least and twice that at
    most. Where more than `max_spans` / 2 arrive within the window it is shorter, which
    `shortened` counts.
    """

    def __init__(self, window_s: float = WINDOW_S, max_spans: int = MAX_SPANS) -> None:
        self._window_s = window_s
        self._most = max(1, max_spans // 2)
        self._began = float("-inf")
        self.newer: set[bytes] = set()
        self.older: set[bytes] = set()
        self.shortened = 0

    def turn(self, now: float) -> None:
        """Forget what is old; call it before each handful of spans."""
        over = now - self._began
        if over >= 2 * self._window_s:
            self.older, self.newer, self._began = set(), set(), now
        elif over >= self._window_s:
            self.older, self.newer, self._began = self.newer, set(), now
        elif len(self.newer) >= self._most:
            self.older, self.newer, self._began = self.newer, set(), now
            self.shortened += 1
