"""Replicas as tests of redundancy write them: `+a` is ready, `-b` is not, of `?c` nobody can tell.

A zone follows after `@`, `*` says that it leads and `!` that nobody can tell whether it does, a
load stands after `=`: `+a@z1*`, `+b@z2=12.5`.
"""

import re
from typing import Final

from slo.redundancy import Observed, Replica, Rollout

_READY: Final = {"+": True, "-": False, "?": None}
_LEADS: Final = {"*": True, "!": None, "": False}
_FORM: Final = re.compile(r"([-+?])([\w-]+)(?:@(\w+))?([*!]?)(?:=([\d.]+))?")


def seen(
    text: str,
    *,
    wanted: int | None = None,
    minimum: int | None = None,
    leader: str | None = None,
    rollout: Rollout | None = None,
    error: str = "",
    at: float = 0.0,
) -> Observed:
    """What `text` says of the replicas, which stand apart by spaces."""
    replicas = tuple(_replica(word) for word in text.split())
    return Observed(at, replicas, wanted, minimum, leader, rollout, error)


def _replica(word: str) -> Replica:
    match = _FORM.fullmatch(word)
    assert match is not None, word
    ready, name, zone, leads, load = match.groups()
    amount = None if load is None else float(load)
    return Replica(name, _READY[ready], zone or "", _LEADS[leads], amount)
