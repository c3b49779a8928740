"""Tells on stderr what the demo does, as it happens."""

from datetime import datetime
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn

STEPS = 10


class Story:
    """A progress bar with what is waited for, and above it a line for everything that happened."""

    def __init__(self, console: Console | None = None) -> None:
        self._progress = Progress(
            SpinnerColumn(),
            BarColumn(bar_width=20),
            MofNCompleteColumn(),
            TextColumn("{task.description}"),
            console=console or Console(stderr=True),
            transient=True,
        )
        self._task = self._progress.add_task("starting", total=STEPS)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._progress.stop()

    def waiting(self, text: str) -> None:
        """What the demo waits for now."""
        self._progress.update(self._task, description=escape(text), refresh=True)

    def happened(self, text: str) -> None:
        """A step of the scenario is done."""
        self.tell(text)
        self._progress.update(self._task, advance=1, refresh=True)

    def tell(self, text: str, style: str = "") -> None:
        """A line of its own, with the time."""
        when = datetime.now().astimezone().strftime("%H:%M:%S")
        self._progress.console.print(
            f"[dim]{when}[/] {escape(text)}", style=style, highlight=False, soft_wrap=True
        )

    def over(self) -> None:
        """The scenario is over: no bar any more, but lines still come."""
        self._progress.stop()
