"""`vigie slo check`: are these files good, and what do they come to?

It runs in editors and before every commit, so it stays light: typer loads pydantic for the first
argument that it reads, and so `vigie.cli.entry` hands this command its arguments past typer.
"""
# ruff: noqa: PLC0415 - imports inside functions: see vigie.cli.entry

import argparse
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from slo import windows
from slo.load.yaml import Fields, LoadError, Problem, Problems, documents
from vigie.cli.ending import CannotRun
from vigie.cli.output import Format, facts, lines, say

if TYPE_CHECKING:
    from vigie.config import Config, Watch

SETTINGS = "vigie.yaml"
DEFAULT_FILES = ("slos", "targets", "channels", "runbooks")

app = typer.Typer(help="SLO files.", no_args_is_help=True)

Paths = Annotated[
    list[Path],
    typer.Argument(help="Files and folders; a folder with a vigie.yaml stands for its files."),
]


@app.command(
    add_help_option=False,
    context_settings={
        "allow_extra_args": True,
        "ignore_unknown_options": True,
        "allow_interspersed_args": False,
    },
)
def check(context: typer.Context) -> None:
    """Read files as `serve` would, and print every problem as path:line:col."""
    raise typer.Exit(run(context.args))


def run(arguments: Sequence[str]) -> int:
    """The command without typer; the exit status."""
    given = _parser().parse_args(arguments)
    try:
        config = read(given.paths)
    except LoadError as error:
        _print(error.problems, [], given.format)
        return 1
    watches = sorted(config.watches.values(), key=lambda watch: watch.slo.id)
    explained = [_explained(config, watch) for watch in watches] if given.explain else []
    _print(config.warnings, explained, given.format)
    if given.format == Format.TEXT:
        say(summary(config))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("vigie slo check", description=check.__doc__)
    about = "files and folders; a folder with a vigie.yaml stands for its files"
    parser.add_argument("paths", nargs="+", type=Path, metavar="PATH", help=about)
    parser.add_argument("--explain", action="store_true", help="show policy and arms of each SLO")
    formats = [one.value for one in Format]
    parser.add_argument("--format", choices=formats, default=Format.TEXT, help="default: text")
    return parser


def read(paths: Iterable[Path]) -> "Config":
    """The configuration that these files make; LoadError with every problem of all of them."""
    from vigie.config import load

    return load([file for path in paths for file in _files(path)])


def summary(config: "Config") -> str:
    """What was read, in one line."""
    counts = (
        (len(config.watches), "SLO"),
        (len(config.services), "service"),
        (len(config.targets), "target"),
        (len(config.channels), "channel"),
        (len(config.runbooks), "runbook"),
    )
    return "ok: " + ", ".join(f"{n} {word}{'' if n == 1 else 's'}" for n, word in counts)


def _files(path: Path) -> Sequence[Path]:
    """The path itself, or for settings what they name under `files`."""
    if not path.exists():
        raise CannotRun(f"{path}: error: there is no such file or folder")
    settings = path / SETTINGS if path.is_dir() else path
    if settings.name != SETTINGS or not settings.exists():
        return [path]
    problems = Problems()
    named: list[str] = []
    for node in documents(settings.read_text(encoding="utf-8"), str(settings), problems):
        named += Fields(node, problems).texts("files")
    if problems.errors:
        raise LoadError(problems.errors)
    folder = settings.parent
    return [folder / name for name in named or DEFAULT_FILES if named or (folder / name).exists()]


def _print(problems: Iterable[Problem], explained: list["Explained"], output: str) -> None:
    if output == Format.JSON:
        facts({"problems": [_problem(p) for p in problems], "slos": explained})
        return
    lines(str(problem) for problem in problems)
    for entry in explained:
        lines(_text(entry))


def _problem(problem: Problem) -> dict[str, str | int]:
    mark = problem.mark
    return {
        "path": mark.path,
        "line": mark.line,
        "col": mark.col,
        "severity": "warning" if problem.warning else "error",
        "message": problem.message,
    }


Explained = dict[str, object]


def _explained(config: "Config", watch: "Watch") -> Explained:
    """One SLO with everything that other files decide about it."""
    slo, policy = watch.slo, watch.policy
    return {
        "id": slo.id,
        "file": str(slo.mark),
        "objective": slo.objective,
        "window": windows.show(slo.window_s),
        "part": f"{slo.sli.kind}: {slo.sli.part.query}",
        "total": slo.sli.total.query,
        "targets": [t.id for t in config.targets.values() if t.service == slo.service],
        "policy": policy.name,
        "policy_file": str(policy.mark) if policy.mark is not None else "built in",
        "coverage_floor": policy.coverage_floor,
        "no_data_after": windows.show(policy.no_data_after_s),
        "recover_after": windows.show(policy.recover_after_s),
        "arms": [
            f"{arm.kind} at {arm.burn_rate:g}x over "
            f"{windows.show(arm.long_s)} and {windows.show(arm.short_s)}"
            for arm in watch.arms
        ],
    }


def _text(entry: Explained) -> Iterator[str]:
    yield f"{entry['id']}  ({entry['file']})"
    for name, value in entry.items():
        if name not in ("id", "file"):
            shown = "; ".join(map(str, value)) if isinstance(value, list) else value
            yield f"  {name:15} {shown if shown != '' else 'none'}"
