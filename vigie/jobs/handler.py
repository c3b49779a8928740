"""What a handler of jobs is, what it may answer, and how long a failed job waits."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

from sqlalchemy import Connection

from vigie.store.jobs import Job

LONGEST_BACKOFF_S: Final = 300.0

Write: TypeAlias = Callable[[Connection], None]


@dataclass(frozen=True, slots=True)
class Done:
    """A job did its work; `write` runs in the transaction that records it."""

    write: Write | None = None


class RetryLater(Exception):  # noqa: N818 - an answer of a handler, not an error of the program
    """Try again: after `after_s`, or after the usual backoff. With no attempts left, give up."""

    def __init__(self, reason: str, after_s: float | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.after_s = after_s


class GiveUp(Exception):  # noqa: N818 - an answer of a handler, not an error of the program
    """Trying again can't help: the job is dead, and somebody is told."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


# It runs with no transaction open.
Handler: TypeAlias = Callable[[Job], Awaitable[Done]]
# Tells somebody that a job is given up, in the transaction that gives it up.
OnDead: TypeAlias = Callable[[Connection, Job, str], None]


def backoff_s(attempt: int, chance: float) -> float:
    """How long to wait after a failed attempt (1, 2, ...): a random part (`chance`, 0..1) of 1 s
    doubled each time up to 5 min, so that those who failed together don't come back together
    (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/, "full jitter").
    """
    return chance * min(LONGEST_BACKOFF_S, 2.0 ** min(attempt - 1, 30))
