"""`vigie db`: the database, with or without a server beside."""
# ruff: noqa: PLC0415 - imports inside functions: see vigie.cli.entry

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vigie.cli.ending import CannotRun, Refused
from vigie.cli.given import DEFAULT_CONFIG, ConfigOption, settings_of
from vigie.cli.output import Format, FormatOption, facts, lines, say

if TYPE_CHECKING:
    from vigie.store.backup import Facts

app = typer.Typer(help="The database.", no_args_is_help=True)

File = Annotated[Path, typer.Argument(metavar="FILE", help="The backup file.")]


@app.command()
def migrate(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Create the database or bring it to this version; `serve` does it too when it starts."""
    settings = settings_of(config)

    from vigie.store.db import open_database

    with _endings():
        database = open_database(settings.database)
        say(f"{database.url} is ready")
        database.close()


@app.command()
def backup(
    file: File, config: ConfigOption = DEFAULT_CONFIG, output: FormatOption = Format.TEXT
) -> None:
    """Write everything, as it is at one moment, to a new file; a server may run meanwhile."""
    settings = settings_of(config)

    from vigie.store import backup as store

    with _endings():
        _print(file, store.backup(settings.database, file, time.time()), output)


@app.command()
def restore(
    file: File,
    force: Annotated[bool, typer.Option("--force", help="Replace what is there.")] = False,
    config: ConfigOption = DEFAULT_CONFIG,
    output: FormatOption = Format.TEXT,
) -> None:
    """Put a backup into the database, all of it or nothing; no server may run on it."""
    settings = settings_of(config)

    from vigie.store import backup as store

    with _endings():
        settings.data.mkdir(parents=True, exist_ok=True)
        _print(file, store.restore(file, settings.database, force=force), output)


@app.command()
def verify(file: File, output: FormatOption = Format.TEXT) -> None:
    """Check a backup, every row of it."""
    from vigie.store import backup as store

    with _endings():
        _print(file, store.verify(file), output)


@contextmanager
def _endings() -> Iterator[None]:
    """What the store says no to is a no; what it cannot do could not run."""
    from vigie.store import errors

    try:
        yield
    except (errors.Refused, errors.Corrupt, errors.Newer) as error:
        raise Refused(str(error)) from error
    except (errors.StoreError, OSError) as error:
        raise CannotRun(str(error)) from error


def _print(file: Path, found: "Facts", output: Format) -> None:
    if output is Format.JSON:
        facts({"file": str(file), **asdict(found), "ok": found.good})
    else:
        rows = sum(table.rows for table in found.tables.values())
        verdict = "is good" if found.good else "is NOT good"
        lines([f"{file} {verdict}: {rows} rows in {len(found.tables)} tables", *found.problems])
    if not found.good:
        raise typer.Exit(1)
