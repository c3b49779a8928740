"""Places in files, what is wrong at them, and the error that carries it all."""

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, order=True)
class Mark:
    """A place in a file; line and column count from one."""

    path: str
    line: int
    col: int

    def __str__(self) -> str:
        return f"{self.path}:{self.line}:{self.col}"


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One reason why a file cannot be used, or (`warning`) why it will surprise."""

    mark: Mark
    message: str
    warning: bool = False

    def __str__(self) -> str:
        return f"{self.mark}: {'warning' if self.warning else 'error'}: {self.message}"


@dataclass(slots=True)
class Problems:
    """All problems of one load, in the order found."""

    items: list[Problem] = field(default_factory=list)

    def error(self, mark: Mark, message: str) -> None:
        self.items.append(Problem(mark, message))

    def warn(self, mark: Mark, message: str) -> None:
        self.items.append(Problem(mark, message, warning=True))

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
