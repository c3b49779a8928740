"""The command line."""
# ruff: noqa: PLC0415 - imports inside functions: see vigie.cli.entry

import atexit
import gc
import sys

__all__ = ["main"]


def main() -> None:
    """Run the command line and exit: 0 done, 1 the answer is no, 2 could not run."""
    if sys.argv[1:3] == ["slo", "check"]:
        sys.exit(_check(sys.argv[3:]))
    from vigie.cli import entry

    entry.main()


def _check(arguments: list[str]) -> int:
    """`vigie slo check`, past typer, which takes as long to load as ten files take to check.

    Nothing that so short a run makes is garbage before its end, and then all of it is: looking
    for cycles would be a tenth of its time.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    atexit.register(gc.freeze)
    try:
        from vigie.cli import lint

        return lint.run(arguments)
    finally:
        if was_enabled:
            gc.enable()
