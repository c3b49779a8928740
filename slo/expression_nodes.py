"""What sampled queries are made of, once compiled: immutable nodes that say nothing of spelling."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from slo.selector import Selector


class OverTime(StrEnum):
    """What is made of the samples of one series in a range."""

    SUM = "sum_over_time"
    AVG = "avg_over_time"
    MIN = "min_over_time"
    MAX = "max_over_time"
    COUNT = "count_over_time"
    RATE = "rate"
    INCREASE = "increase"


class Over(StrEnum):
    """What is made of the values of several series."""

    SUM = "sum"
    AVG = "avg"
    MIN = "min"
    MAX = "max"
    COUNT = "count"


class Sign(StrEnum):
    """Arithmetic and comparisons."""

    ADD = "+"
    SUB = "-"
    MUL = "*"
    DIV = "/"
    EQ = "=="
    NE = "!="
    GT = ">"
    LT = "<"
    GE = ">="
    LE = "<="

    @property
    def compares(self) -> bool:
        return self not in (Sign.ADD, Sign.SUB, Sign.MUL, Sign.DIV)


@dataclass(frozen=True, slots=True)
class Matching:
    """Which series of two sides belong together: those alike in `labels` (`on`), else in all
    other labels.
    """

    on: bool = False
    labels: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f" {'on' if self.on else 'ignoring'}({','.join(sorted(self.labels))})"


@dataclass(frozen=True, slots=True)
class Number:
    value: float

    def __str__(self) -> str:
        return repr(self.value)


@dataclass(frozen=True, slots=True)
class Current:
    """The newest value of each series."""

    selector: Selector

    def __str__(self) -> str:
        return str(self.selector)


@dataclass(frozen=True, slots=True)
class Ranged:
    """A function of each series' samples in the last `range_s`."""

    function: OverTime
    selector: Selector
    range_s: float

    def __str__(self) -> str:
        return f"{self.function}({self.selector}[{self.range_s!r}])"


@dataclass(frozen=True, slots=True)
class Aggregate:
    """One value for each set of values of `labels`, or of all labels but those (`without`)."""

    op: Over
    child: "Node"
    labels: tuple[str, ...] = ()
    without: bool = False

    def __str__(self) -> str:
        word = "without" if self.without else "by"
        return f"{self.op} {word}({','.join(sorted(self.labels))})({self.child})"


@dataclass(frozen=True, slots=True)
class Binary:
    """`left sign right`. A comparison keeps what fulfils it, or says 1 or 0 (`as_bool`)."""

    sign: Sign
    left: "Node"
    right: "Node"
    as_bool: bool = False
    matching: Matching = Matching()

    def __str__(self) -> str:
        sides = [str(self.left), str(self.right)]
        if self.sign in (Sign.ADD, Sign.MUL):
            sides.sort()  # a + b is b + a
        word = " bool" if self.as_bool else ""
        return f"({sides[0]} {self.sign}{word}{self.matching} {sides[1]})"


@dataclass(frozen=True, slots=True)
class Negative:
    """Unary minus."""

    child: "Node"

    def __str__(self) -> str:
        return f"-({self.child})"


@dataclass(frozen=True, slots=True)
class OrZero:
    """`child or vector(0)`."""

    child: "Node"
    matching: Matching = Matching()

    def __str__(self) -> str:
        return f"({self.child} or{self.matching} 0)"


@dataclass(frozen=True, slots=True)
class Present:
    """1 for each series: `count_over_time`, of one sample."""

    child: "Node"

    def __str__(self) -> str:
        return f"present({self.child})"


@dataclass(frozen=True, slots=True)
class Quantile:
    """`histogram_quantile(q, child)` of classic buckets."""

    q: float
    child: "Node"

    def __str__(self) -> str:
        return f"histogram_quantile({self.q!r},{self.child})"


Node: TypeAlias = (
    Number | Current | Ranged | Aggregate | Binary | Negative | OrZero | Present | Quantile
)


def leaves(node: Node) -> Iterator[Number | Current | Ranged]:
    """The parts that hold no other, from left to right."""
    match node:
        case Binary():
            yield from leaves(node.left)
            yield from leaves(node.right)
        case Number() | Current() | Ranged():
            yield node
        case _:
            yield from leaves(node.child)


def is_number(node: Node) -> bool:
    """Whether it is a number whatever the series say."""
    return all(isinstance(leaf, Number) for leaf in leaves(node))
