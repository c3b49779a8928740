"""What `vigie slo check` does: are these files good, and what do they come to?

It runs in editors and before every commit, so it stays light: `vigie.cli` comes here past typer,
and what only some runs need is imported by these (benchmarks/check.py holds it).
"""
# ruff: noqa: PLC0415 - imports inside functions: see above

import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from slo import windows
from slo.load.yaml import Fields, LoadError, Problem, Problems, documents
from slo.stated import queries
from vigie.cli.ending import CannotRun

if TYPE_CHECKING:
    from slo.spec import BudgetAction
    from vigie.config import Config, Watch

SETTINGS = "vigie.yaml"
DEFAULT_FILES = ("slos", "targets", "channels", "runbooks")
FORMATS = ("text", "json")
USAGE = """\
Usage: vigie slo check [--explain] [--live] [--format text|json] PATH...

Read files as `serve` would, and print every problem as path:line:col.

  PATH       files and folders; a folder with a vigie.yaml stands for its files
  --explain  show the policy and the arms of each SLO
  --live     also ask the targets and DataSources, once
  --format   text (default) or json"""
Explained = dict[str, object]  # one SLO, by what is told about it


class Given:
    """What was typed."""

    def __init__(self) -> None:
        self.paths: list[Path] = []
        self.format = "text"
        self.explain = self.live = self.help = False


def run(arguments: Sequence[str]) -> int:
    """The command; its exit status: 0 no errors, 1 errors, 2 could not run."""
    try:
        given = _given(arguments)
        if given.help:
            print(USAGE)
            return 0
        problems, explained, last = _checked(given)
    except CannotRun as error:
        print(error, file=sys.stderr)
        return error.status
    if given.format == "json":
        _print_json(problems, explained)
    else:
        lines = [*map(str, problems), *(line for entry in explained for line in _text(entry))]
        sys.stdout.write("".join(f"{line}\n" for line in lines))
        if last:
            print(last, file=sys.stderr)
    return int(any(not problem.warning for problem in problems))


def _given(arguments: Sequence[str]) -> Given:
    """What was typed. Written out because argparse takes a twentieth of the whole run to load."""
    given = Given()
    words = iter(arguments)
    for word in words:
        flag, equals, value = word.partition("=")
        if word == "--":
            given.paths += map(Path, words)
        elif not word.startswith("-"):
            given.paths.append(Path(word))
        elif flag == "--format":
            given.format = value if equals else next(words, "")
            if given.format not in FORMATS:
                raise CannotRun(f"--format: `{given.format}` is none of {', '.join(FORMATS)}")
        elif word in ("--explain", "--live", "--help"):
            setattr(given, word.removeprefix("--"), True)
        else:
            raise CannotRun(f"there is no option {word}\n\n{USAGE}")
    if not given.paths and not given.help:
        raise CannotRun(f"name a file or a folder\n\n{USAGE}")
    return given


def _checked(given: Given) -> tuple[Sequence[Problem], list[Explained], str]:
    """The problems, what `--explain` shows, and the last line for people (none after errors)."""
    try:
        config = read(given.paths)
    except LoadError as error:
        return error.problems, [], ""
    problems = config.warnings
    if given.live:
        from vigie.cli.live import live_problems

        problems = tuple(sorted({*problems, *live_problems(config)}))
    watches = sorted(config.watches.values(), key=lambda watch: watch.slo.id)
    explained = [_explained(config, watch) for watch in watches] if given.explain else []
    wrong = any(not problem.warning for problem in problems)
    return problems, explained, "" if wrong else summary(config)


def read(paths: Iterable[Path], *, for_server: bool = False) -> "Config":
    """The configuration that these files make; LoadError with every problem of all of them."""
    from vigie.config import load

    files = [file for path in paths for file in _files(path)]
    return load(files, need_slo=False, for_server=for_server)


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


def _print_json(problems: Iterable[Problem], explained: list[Explained]) -> None:
    import json

    shown = {"problems": [_problem(problem) for problem in problems], "slos": explained}
    print(json.dumps(shown, indent=2, ensure_ascii=False))


def _problem(problem: Problem) -> dict[str, str | int]:
    mark = problem.mark
    return {
        "path": mark.path,
        "line": mark.line,
        "col": mark.col,
        "severity": "warning" if problem.warning else "error",
        "code": problem.code.value,
        "message": problem.message,
    }


def _explained(config: "Config", watch: "Watch") -> Explained:
    """One SLO with everything that other files decide about it."""
    slo, policy = watch.slo, watch.policy
    return {
        "id": slo.id,
        "file": str(slo.mark),
        "objective": slo.objective,
        "window": windows.show(slo.window_s),
        "query": queries(slo.sli),
        "targets": [t.id for t in config.targets.values() if t.service == slo.service],
        "policy": policy.name,
        "policy_file": str(policy.mark) if policy.mark is not None else "built in",
        "coverage_floor": policy.coverage_floor,
        "no_data_after": windows.show(policy.no_data_after_s),
        "recover_after": windows.show(policy.recover_after_s),
        "on_recovery": policy.on_recovery.value if policy.on_recovery else "by acknowledgement",
        "zero_traffic": policy.zero_traffic.value,
        "missing": policy.missing.value,
        "late": policy.late.value,
        "low_traffic": f"min_bad {policy.min_bad}, min_total {policy.min_total}, "
        f"alpha {policy.alpha:g}",
        "arms": [
            f"{arm.kind} at {arm.burn_rate:g}x over "
            f"{windows.show(arm.long_s)} and {windows.show(arm.short_s)}"
            + (f" for {windows.show(arm.after_s)}" if arm.after_s else "")
            for arm in watch.arms
        ],
        "budget": [
            f"{action.name}: {', '.join(action.acts)} {_when(action)}" for action in policy.actions
        ],
        "gate_on_unknown": policy.gate_on_unknown.value,
    }


def _when(action: "BudgetAction") -> str:
    """When a budget acts, in words."""
    left, burning = action.remaining_below, action.burning_above
    asked = [] if left is None else [f"below {left:g} of the budget"]
    if burning is not None:
        asked.append(f"above {burning:g}x over {windows.show(action.over_s)}")
    return " or ".join(asked)


def _text(entry: Explained) -> Iterator[str]:
    yield f"{entry['id']}  ({entry['file']})"
    for name, value in entry.items():
        if name not in ("id", "file"):
            parts = _on_one_line(value) if isinstance(value, dict) else value
            shown = "; ".join(map(str, parts)) if isinstance(parts, list) else parts
            yield f"  {name:15} {shown if shown != '' else 'none'}"


def _on_one_line(queries: dict[str, str]) -> list[str]:
    return [f"{name} {' '.join(query.split())}" for name, query in queries.items()]
