"""Which series a query names: a metric and conditions on labels, as PromQL has them."""

from dataclasses import dataclass
from enum import StrEnum


class MatchOp(StrEnum):
    """The four PromQL label matchers; patterns are RE2 and anchored at both ends."""

    EQUAL = "="
    NOT_EQUAL = "!="
    MATCH = "=~"
    NOT_MATCH = "!~"


@dataclass(frozen=True, slots=True, order=True)
class Matcher:
    """One condition on one label; an absent label equals the empty string."""

    label: str
    op: MatchOp
    value: str


@dataclass(frozen=True, slots=True, order=True)
class Selector:
    """The series of one metric whose labels fulfil every matcher (sorted by label)."""

    metric: str
    matchers: tuple[Matcher, ...] = ()

    def __str__(self) -> str:
        inner = ",".join(f"{m.label}{m.op}{quoted(m.value)}" for m in self.matchers)
        return f"{self.metric}{{{inner}}}"


def quoted(value: str) -> str:
    """A label value as PromQL spells it."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
