"""What can go wrong with a probe.

ProbeError           `reason` is short and in words, without secrets
├── ProbeFailed      the target is at fault: the attempt failed
└── CannotProbe      we are: nothing was learnt about the target, which stays unknown
"""

MAX_REASON = 200


class ProbeError(Exception):
    """No success. `reason` names why, for people."""

    def __init__(self, reason: str) -> None:
        self.reason = reason if len(reason) <= MAX_REASON else reason[: MAX_REASON - 1] + "…"
        super().__init__(self.reason)


class ProbeFailed(ProbeError):  # noqa: N818 - it says what happened
    """The target did not answer as it should. `by_regex`: it answered, and a pattern decided."""

    def __init__(self, reason: str, *, by_regex: bool = False) -> None:
        super().__init__(reason)
        self.by_regex = by_regex


class CannotProbe(ProbeError):  # noqa: N818 - as above
    """The attempt could not be made from here: a socket refused, a file of ours unreadable."""
