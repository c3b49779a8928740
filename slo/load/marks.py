"""Places in files, what is wrong at them, and the error that carries it all.

Marks and problems are named tuples: they are made by the thousand, and `vigie slo check` pays for
each dataclass that is defined on its way.
"""

from collections.abc import Sequence
from typing import NamedTuple

from slo.load.codes import Code


class Mark(NamedTuple):
    """A place in a file; line and column count from one."""

    path: str
    line: int
    col: int

    def __str__(self) -> str:
        return f"{self.path}:{self.line}:{self.col}"


class Problem(NamedTuple):
    """One reason why a file cannot be used, or (`warning`) why it will surprise."""

    mark: Mark
    message: str
    code: Code
    warning: bool = False

    def __str__(self) -> str:
        severity = "warning" if self.warning else "error"
        return f"{self.mark}: {severity}[{self.code}] {self.message}"


class Problems:
    """All problems of one load, in the order found.

    `served` says that a server will be asked where no file names one: a query that only a server
    can evaluate is no problem then.
    """

    __slots__ = ("items", "served")

    def __init__(self, *, served: bool = False) -> None:
        self.items: list[Problem] = []
        self.served = served

    def error(self, mark: Mark, message: str, code: Code) -> None:
        self.items.append(Problem(mark, message, code))

    def warn(self, mark: Mark, message: str, code: Code) -> None:
        self.items.append(Problem(mark, message, code, warning=True))

    @property
    def errors(self) -> list[Problem]:
        return [p for p in self.items if not p.warning]

    @property
    def warnings(self) -> list[Problem]:
        return [p for p in self.items if p.warning]

    def in_order(self) -> list[Problem]:
        """Every problem once, sorted by place."""
        return sorted(set(self.items))


class LoadError(Exception):
    """Files that cannot be used; `problems` says why, each with its place."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(str(p) for p in problems))
        self.problems = tuple(problems)
