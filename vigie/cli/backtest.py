"""`vigie slo backtest`: what SLOs would have said of the past, by the engine that runs live."""
# ruff: noqa: PLC0415 - imports inside functions: see vigie.cli.entry

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from slo import windows
from vigie.cli.ending import CannotRun
from vigie.cli.lint import read
from vigie.cli.output import Format, FormatOption, lines, say, table
from vigie.cli.output import facts as print_facts

if TYPE_CHECKING:
    from vigie.backtest.history import History, Survey
    from vigie.backtest.known import Known
    from vigie.backtest.recorded import Wanted
    from vigie.config import Config

Specs = Annotated[
    list[Path],
    typer.Argument(help="Files and folders; a folder with a vigie.yaml stands for its files."),
]
DataOption = Annotated[
    Path | None,
    typer.Option("--data", metavar="FILE.om", help="OpenMetrics text with timestamps."),
]
PrometheusOption = Annotated[
    str | None,
    typer.Option("--prometheus", metavar="URL", help="A server, or a DataSource by its name."),
]
SinceOption = Annotated[
    str | None,
    typer.Option("--since", metavar="30d", help="How far back; of a file, default: all of it."),
]
ToOption = Annotated[
    str | None,
    typer.Option("--to", metavar="TIME", help="Up to when; default: the end of the data, or now."),
]
SliceOption = Annotated[
    str, typer.Option("--slice", metavar="10s", help="How wide a slice of the ledger is.")
]
SERVER_SINCE: Final = "30d"
LATEST: Final = 4_102_444_800.0  # the year 2100: a time beyond it is not in seconds
LONGEST_S: Final = 400 * windows.UNITS_S["d"]  # as slices are kept; a longer replay has no end


def backtest(
    specs: Specs,
    *,
    data: DataOption = None,
    prometheus: PrometheusOption = None,
    since: SinceOption = None,
    to: ToOption = None,
    slice_: SliceOption = "10s",
    incidents: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Known incidents, YAML or CSV: start, end, service, slo."
        ),
    ] = None,
    output: FormatOption = Format.TEXT,
) -> None:
    """Replay history through the engine that runs live: alerts, incidents, budgets."""
    known = None if incidents is None else known_incidents(incidents)
    past = recorded(specs, data, prometheus, since, to, slice_)

    from vigie.backtest.history import between, renamed
    from vigie.backtest.replay import replay
    from vigie.backtest.shown import HEAD, facts, rows
    from vigie.backtest.shown import lines as shown_lines

    replayed = replay(
        past.config,
        renamed(between(past.history.scrapes(), past.start, past.end), past.survey.targets),
        past.survey.targets.values(),
        slice_s=past.slice_s,
        start=past.start,
        end=past.end,
    )
    found = facts(replayed, past.warnings, known)
    if output is Format.JSON:
        print_facts(found)
        return
    for warning in found["warnings"]:
        say(f"warning: {warning}")
    table([name.upper() for name in HEAD], rows(found))
    lines(shown_lines(found))


@dataclass(frozen=True)
class Past:
    """What is replayed, and what people should know of it."""

    config: "Config"
    history: "History"
    survey: "Survey"
    slice_s: int
    start: float
    end: float
    warnings: list[str]


def recorded(  # noqa: PLR0917 - the options, in the order of --help
    specs: list[Path],
    data: Path | None,
    prometheus: str | None,
    since: str | None,
    to: str | None,
    slice_: str,
) -> Past:
    """The files and the history that a command was given."""
    if (data is None) == (prometheus is None):
        raise CannotRun("give one of --data FILE.om and --prometheus URL")
    slice_s, since_s = _slice(slice_), None if since is None else _seconds("--since", since)
    end = None if to is None else _instant("--to", to)
    written = read(specs)
    if not written.watches:
        raise CannotRun("there is no SLO in these files")

    from vigie.backtest.history import survey
    from vigie.backtest.recorded import Wanted
    from vigie.backtest.watched import warnings_of, watched

    config = watched(written)
    wanted = Wanted.by(config, slice_s)
    if data is not None:
        history = _from_file(data, wanted)
    else:
        since_s = since_s or _seconds("--since", SERVER_SINCE)
        history = _from_server(written, prometheus or "", wanted, since_s, end)
    found = survey(history, {name: one.births for name, one in written.targets.items()})
    if found is None:
        raise CannotRun("the history has no sample of any series that these SLOs name")
    end = found.last if end is None else end
    start = found.first if since_s is None else max(found.first, end - since_s)
    if start > end:
        raise CannotRun("the history begins after --to")
    _replayable(start, end)
    return Past(config, history, found, slice_s, start, end, warnings_of(written, found))


def known_incidents(path: Path) -> "list[Known]":
    """The known incidents of a file; LoadError."""
    from vigie.backtest.known import read as read_known

    return read_known(_text(path), str(path))


def _from_file(path: Path, wanted: "Wanted") -> "History":
    from collectors.errors import ExpositionError
    from vigie.backtest.recorded import from_file

    try:
        recording = from_file(path, wanted)
    except OSError as error:
        raise CannotRun(f"{path}: error: {error.strerror}") from error
    except ExpositionError as error:
        raise CannotRun(f"{path}: error: {error.reason}") from error
    if recording.conflicts:
        say(f"{path}: {recording.conflicts} samples contradict one of the same series and time")
    return recording


def _from_server(
    config: "Config", given: str, wanted: "Wanted", since_s: float, to: float | None
) -> "History":
    import asyncio

    from collectors.errors import SourceError
    from collectors.promapi import PromApi, open_session
    from vigie.backtest.recorded import from_server, source_at
    from vigie.clock import SystemClock

    source = source_at(config, given)
    if "://" not in source.url:
        names = ", ".join(sorted(config.sources)) or "none is written"
        raise CannotRun(f"`{given}` is neither an address nor a DataSource ({names})")

    async def gathered() -> "History":
        clock = SystemClock()
        end = clock.now() - source.lag_s if to is None else to
        async with open_session() as session:
            api = PromApi(session, source, clock)
            return await from_server(api, wanted, end - since_s, end, _progress)

    try:
        return asyncio.run(gathered())
    except SourceError as error:
        raise CannotRun(f"{source.url}: error: {error.reason}") from error


def _progress(share: float) -> None:
    if sys.stderr.isatty():
        print(f"\rread {share:.0%}", end="\n" if share >= 1.0 else "", file=sys.stderr, flush=True)


def _replayable(start: float, end: float) -> None:
    for time in (start, end):
        if not 0.0 <= time < LATEST:
            raise CannotRun(
                f"{time:.3g} is no time in seconds since 1970: write these, not milliseconds"
            )
    if end - start > LONGEST_S:
        raise CannotRun(
            f"{(end - start) // windows.UNITS_S['d']:.0f}d are more than the "
            f"{windows.show(LONGEST_S)} that are replayed: ask for a part by --since and --to"
        )


def _slice(text: str) -> int:
    seconds = _seconds("--slice", text)
    if seconds < 1 or seconds != int(seconds) or 60 % seconds:
        raise CannotRun(f"--slice: {text} does not divide a minute: write 10s, or 5s, 15s, 60s")
    return int(seconds)


def _seconds(name: str, text: str) -> float:
    try:
        return windows.parse(text)
    except ValueError as error:
        raise CannotRun(f"{name}: {error}") from error


def _instant(name: str, text: str) -> float:
    from vigie.backtest.times import instant

    try:
        return instant(text)
    except ValueError as error:
        raise CannotRun(f"{name}: {error}") from error


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        said = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise CannotRun(f"{path}: error: {said}") from error
