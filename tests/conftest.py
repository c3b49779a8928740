"""Fixtures for every test; those of one area are plugins in tests/plugins/."""

import os
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from components import Process, start

# Every module there is a plugin; none needs to be named twice.
pytest_plugins = [
    f"plugins.{module.stem}" for module in sorted(Path(__file__).parent.glob("plugins/*.py"))
]

StartProcess = Callable[..., Process]
Golden = Callable[[Path, str], None]

_started = pytest.StashKey[list[Process]]()
_SHOWN_CHARACTERS = 20_000


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden", action="store_true", help="write golden files instead of comparing"
    )
    parser.addoption("--soak", action="store_true", help="run longer, with many more examples")


def pytest_configure(config: pytest.Config) -> None:
    """Hypothesis without deadlines (test time says nothing about the code); the same examples on
    every run in CI, where a failure must be about the change, and many new ones in a soak.
    """
    longer = bool(config.getoption("soak"))
    in_ci = os.environ.get("CI") == "true"
    settings.register_profile(
        "vigie",
        deadline=None,
        derandomize=in_ci and not longer,
        max_examples=2000 if longer else 100,
    )
    settings.load_profile("vigie")


def pytest_itemcollected(item: pytest.Item) -> None:
    """Each test belongs to one group: in two of them it would run twice, and not serially."""
    if item.get_closest_marker("simulation") and item.get_closest_marker("system"):
        raise pytest.UsageError(f"{item.nodeid}: a simulation starts no processes")


@pytest.fixture
def soak(request: pytest.FixtureRequest) -> bool:
    """Whether this is `make soak`: a test that can run longer and find more does so then."""
    return bool(request.config.getoption("soak"))


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Golden:
    """`golden(path, text)`: the text is what the file holds; `--update-golden` writes the file."""

    def compare(path: Path, text: str) -> None:
        if request.config.getoption("update_golden"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        # Read the diff before you write it: a golden file is a promise to whoever reads the output.
        assert text == path.read_text(encoding="utf-8"), f"{path.name}: see --update-golden"

    return compare


@pytest.fixture
def start_process(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[StartProcess]:
    """Start programs with `start_process(argv, env=, cwd=, user=)`; they end with the test, newest
    first, by their own process ids. Their output is shown when the test fails.
    """
    processes = request.node.stash.setdefault(_started, [])
    folder = tmp_path / "output"
    folder.mkdir()

    def start_one(argv: list[str], **options: object) -> Process:
        log = folder / f"{len(processes)}-{Path(argv[0]).name}.log"
        process = start(argv, log, **options)
        processes.append(process)
        return process

    yield start_one
    for process in reversed(processes):
        process.stop()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.failed:
        for process in item.stash.get(_started, []):
            title = f"output of {process.name} (process {process.pid})"
            report.sections.append((title, process.output[-_SHOWN_CHARACTERS:]))
    return report
