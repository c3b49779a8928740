"""What is done with an incident whose cause is measured to be over: resolve it, or ask a person."""

from collections.abc import Iterable
from enum import StrEnum


class OnRecovery(StrEnum):
    """What a Policy writes; where it writes nothing, who has acknowledged is asked."""

    RESOLVE = "resolve"
    ASK = "ask"


def asks(written: OnRecovery | None, *, acknowledged: bool) -> bool:
    """Whether a person resolves what recovered: who works on it may have more to do."""
    return acknowledged if written is None else written is OnRecovery.ASK


def together(written: Iterable[OnRecovery | None]) -> OnRecovery | None:
    """What several policies say of one incident: one that asks is enough, all must resolve."""
    found = set(written)
    if OnRecovery.ASK in found:
        return OnRecovery.ASK
    return OnRecovery.RESOLVE if found == {OnRecovery.RESOLVE} else None
