"""`vigie doctor`: would this configuration work here and now? Everything is tried once."""
# ruff: noqa: PLC0415 - imports inside functions: see vigie.cli.entry

from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from vigie.cli.ending import CannotRun
from vigie.cli.findings import ERROR, OK, WARNING, Finding
from vigie.cli.given import DEFAULT_CONFIG, ConfigOption, settings_of
from vigie.cli.output import Format, FormatOption, facts, lines

if TYPE_CHECKING:
    from vigie.settings import Settings


def doctor(config: ConfigOption = DEFAULT_CONFIG, output: FormatOption = Format.TEXT) -> None:
    """Read the files, scrape each target once, look at the database, reach each channel."""
    settings = settings_of(config)
    findings = list(_findings(settings))
    if output is Format.JSON:
        facts({"findings": [asdict(finding) for finding in findings]})
    else:
        lines(f"{f.level:7}  {f.about}: {f.text}" for f in findings)
    if any(finding.level == ERROR for finding in findings):
        raise typer.Exit(1)


def _findings(settings: "Settings") -> Iterator[Finding]:
    from vigie.cli import probing
    from vigie.config import load

    loaded = load(settings.files)
    access = "a token is required" if settings.token else "this machine only, no token"
    yield Finding(OK, "listen", f"{settings.listen}, {access}")
    for warning in loaded.warnings:
        yield Finding(WARNING, str(warning.mark), warning.message)
    yield _database(settings)
    yield from probing.findings(loaded)


def _database(settings: "Settings") -> Finding:
    from vigie.store.db import open_database, parsed
    from vigie.store.errors import StoreError

    try:
        url = parsed(settings.database)
    except StoreError as error:
        raise CannotRun(f"`database`: {error}") from error
    shown = url.render_as_string(hide_password=True)
    file = settings.data / "vigie.db"
    if settings.database == f"sqlite:///{file}" and not file.exists():
        return Finding(OK, "database", f"{file} is not there yet; serve makes it")
    try:
        open_database(settings.database, read_only=True).close()
    except StoreError as error:
        return Finding(ERROR, "database", f"{shown}: {error}")
    return Finding(OK, "database", f"{shown} can be read")
