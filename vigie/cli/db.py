"""`vigie db`: the database, with or without a server beside."""
# ruff: noqa: PLC0415 - imports inside functions: see vigie.cli.entry

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vigie.cli.ending import CannotRun, Refused
from vigie.cli.given import DEFAULT_CONFIG, ConfigOption, settings_of
from vigie.cli.output import Format, FormatOption, facts, lines, say

if TYPE_CHECKING:
    from vigie.store.backup import Facts
    from vigie.store.timeline import Verdict

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
def verify(
    file: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="A backup; default: the database.")
    ] = None,
    config: ConfigOption = DEFAULT_CONFIG,
    output: FormatOption = Format.TEXT,
) -> None:
    """Check a backup, every row of it, or the timelines of the database; a server may run."""
    if file is None:
        _verify_database(config, output)
        return

    from vigie.store import backup as store

    with _endings():
        _print(file, store.verify(file), output)


def _verify_database(config: Path, output: Format) -> None:
    settings = settings_of(config)

    from vigie.store import timeline
    from vigie.store.db import open_database

    with _endings(), closing(open_database(settings.database, read_only=True)) as database:
        name, found = database.url, database.read(timeline.verify)
    if output is Format.JSON:
        facts({"database": name, "timelines": asdict(found), "ok": found.good})
    else:
        verdict = "is good" if found.good else "is NOT good"
        lines([f"{name} {verdict}: {_walked(found)}", *found.problems])
    if not found.good:
        raise typer.Exit(1)


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
        lines([f"{file} {verdict}: {rows} rows in {len(found.tables)} tables", *_more(found)])
    if not found.good:
        raise typer.Exit(1)


def _more(found: "Facts") -> list[str]:
    walked = [] if found.timelines is None else [_walked(found.timelines)]
    return [*walked, *found.problems]


def _walked(found: "Verdict") -> str:
    """How much was walked, and the one value to keep elsewhere."""
    return (
        f"{found.entries} timeline entries of {found.incidents} incidents, sha256 of the heads "
        f"{found.sha256}"
    )
