"""`vigie slo report`: the availability and budget statement of a period, from the ledger."""
# ruff: noqa: PLC0415 - imports inside functions: see vigie.cli.entry

import sys
from contextlib import closing
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from slo.calendar import instant, named, wall_clock, zone_of
from vigie.cli.ending import CannotRun
from vigie.cli.given import DEFAULT_CONFIG, ConfigOption, settings_of

if TYPE_CHECKING:
    from vigie.config import Config
    from vigie.reports.facts import Object
    from vigie.settings import Settings


class Output(StrEnum):
    """How a report is written; the same as vigie.reports.shown.ReportFormat."""

    HTML = "html"
    MD = "md"
    JSON = "json"
    CSV = "csv"


def report(  # noqa: PLR0917 - typer's options, in the order of --help
    period: Annotated[
        str, typer.Option(help="2026-10, 2026-Q3, 2026, 2026-W41, a day, or FIRST..LAST.")
    ],
    service: Annotated[str | None, typer.Option(help="Only of this service.")] = None,
    zone: Annotated[str, typer.Option("--time-zone", help="Whose days and months.")] = "UTC",
    output: Annotated[Output, typer.Option("--format", help="How it is written.")] = Output.MD,
    out: Annotated[Path | None, typer.Option(help="A file to write; default: stdout.")] = None,
    at: Annotated[
        str | None,
        typer.Option(help="As of this wall-clock time; default: the end of the ledger."),
    ] = None,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Write the availability and budget statement of a period; a server may run meanwhile."""
    try:
        start, end = named(period, zone)
        known = None if at is None else instant(wall_clock(at), zone_of(zone))
    except ValueError as error:
        raise CannotRun(str(error)) from error
    settings = settings_of(config)

    from vigie.config import load
    from vigie.reports.shown import ReportFormat, shown

    files = load(settings.files)
    if service is not None and service not in files.services:
        names = ", ".join(sorted(files.services))
        raise CannotRun(f"there is no service `{service}`; there are: {names}")
    facts = _facts(settings, files, (start, end), period, zone, service, known)
    _write(shown(facts, ReportFormat(output.value)), out)


def _facts(  # noqa: PLR0917 - what `report` was given
    settings: "Settings",
    files: "Config",
    span: tuple[float, float],
    period: str,
    zone: str,
    service: str | None,
    at: float | None,
) -> "Object":
    from vigie.reports.facts import facts
    from vigie.reports.read import read
    from vigie.store.db import open_database
    from vigie.store.errors import StoreError

    try:
        with closing(open_database(settings.database, read_only=True)) as db:
            found = db.read(
                lambda c: read(
                    c,
                    files,
                    *span,
                    slice_s=settings.slice_s,
                    at=at,
                    service=service,
                    folder=settings.data / "history",
                )
            )
    except StoreError as error:
        raise CannotRun(str(error)) from error
    return facts(found, period, zone)


def _write(text: str, out: Path | None) -> None:
    if out is None:
        sys.stdout.write(text)
        return
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise CannotRun(f"{out} cannot be written: {error.strerror}") from error
