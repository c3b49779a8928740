"""`vigie demo`: the whole story in a minute, with real processes."""
# ruff: noqa: PLC0415 - imports inside functions: see vigie.cli.entry

import os
import tempfile
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from vigie.cli.ending import CannotRun, Refused
from vigie.cli.output import Format, FormatOption, facts, lines

HOLD_S: Final = 15.0  # for people, to look before the next thing happens


def demo(
    once: Annotated[bool, typer.Option("--once", help="Play it, say what was seen, end.")] = False,
    directory: Annotated[
        Path | None, typer.Option("--dir", help="An empty folder for its files; default: in /tmp.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="The same seed, the same customers.")] = 1,
    output: FormatOption = Format.TEXT,
) -> None:
    """Start a shop and Vigie, break the shop, and show what Vigie makes of it."""
    from vigie.demo import run

    options = run.Options(
        directory=_folder(directory),
        first_port=_first_port() if once else run.FIRST_PORT,
        seed=seed,
        hold_s=0.0 if once else HOLD_S,
    )
    record = run.once(options) if once else run.stay(options)
    if output is Format.JSON:
        facts(record)
    elif once and record["ok"]:
        lines(_told(record))
    if not record["ok"]:
        raise Refused(f"the demo did not show all of it: {record['reason']}")


def _folder(directory: Path | None) -> Path:
    """The folder for the files of this run: new or empty. It stays: its dashboards are results."""
    if directory is None:
        return Path(tempfile.mkdtemp(prefix="vigie-demo-"))
    try:
        directory.mkdir(parents=True, exist_ok=True)
        if any(directory.iterdir()):
            raise CannotRun(f"{directory}: error: the folder is not empty: name a new one")
    except OSError as error:
        raise CannotRun(f"{directory}: error: cannot be written: {error}") from error
    return directory.absolute()


def _first_port() -> int:
    """Demos that run beside each other look for ports in different places."""
    return 20_000 + os.getpid() % 700 * 16


def _told(record: dict[str, Any]) -> list[str]:
    return [
        f"{record['slo']}: windows {record['windows']}",
        f"  fault     {record['fault_at']}",
        f"  incident  {record['opened_at']}, {record['detect_seconds']} s later",
        f"  page      {record['page_delivered_at']}, signature verified",
        f"  runbook   {record['runbook']}, {len(record['diagnosis_lines'])} lines of diagnosis",
        f"  resolved  {record['resolved_at']}",
        *(f"  dashboard {path}" for path in record["dashboards"]),
    ]
