"""kill -9 at named points: one incident, a page that arrives, and every event counted once."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from components import eventually
from serving import Watched, watched

pytestmark = [pytest.mark.system, pytest.mark.timeout(180)]

# The fourth scrape and the fifth tick see the burn; an incident opens two scrapes later.
WHILE_BURNING = (
    "tick.before_commit:5",
    "scrape.done:4",
    "open.before_commit",
    "open.after_commit",
    "page.before_send",
    "page.after_2xx",
)
WHILE_RECOVERING = ("resolve.before_commit", "resolve.after_commit")
PAIRS = (
    ("open.before_commit", "open.after_commit"),
    ("open.after_commit", "page.after_2xx"),
    ("page.after_2xx", "page.after_2xx"),
    ("page.before_send", "resolve.before_commit"),
    ("scrape.done:4", "resolve.after_commit"),
)


def matrix() -> list[tuple[str, str]]:
    """Every two points of which the second can still be reached after the first."""
    at = {point: n for n, point in enumerate((*WHILE_BURNING, *WHILE_RECOVERING))}
    opened = {point for point, n in at.items() if n >= at["open.after_commit"]}
    opening = {"open.before_commit", "open.after_commit"}
    return [
        (first, second)
        for first in WHILE_BURNING
        for second in at
        if not (first in opened and second in opening)
    ]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Some pairs in CI, the whole matrix in a soak."""
    if "pair" in metafunc.fixturenames:
        pairs = matrix() if metafunc.config.getoption("soak") else PAIRS
        metafunc.parametrize("pair", pairs, ids="+".join)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Watched]:
    with watched(tmp_path) as served:
        yield served


def killed(world: Watched) -> None:
    """Wait for the process to die as a power cut would end it."""
    assert world.process is not None
    assert world.process.wait(60) == -signal.SIGKILL


def burn(world: Watched) -> None:
    eventually(lambda: world.shop.pages >= 2)
    world.shop.bad = 20


def ends_well(world: Watched) -> None:
    """From a burning shop and a running Vigie to the end: recovery, and every event accounted."""
    eventually(world.phone.pages)
    world.shop.bad = 0
    eventually(lambda: world.incident()["state"] == "resolved", 60)
    accounted(world)


def accounted(world: Watched) -> None:
    world.shop.good = 0
    eventually(lambda: world.counted() == world.truth())
    (incident,) = world.incidents()
    assert incident["type"] == "slo-burn"
    keys = {page["dedup_key"] for page in world.phone.pages()}
    assert keys == {f"notify:{incident['number']}:page:phone"}
    eventually(lambda: "resolved" in [message["event"] for message in world.phone.got])


@pytest.mark.parametrize("point", WHILE_BURNING)
def test_killed_while_it_burns(world: Watched, point: str) -> None:
    world.start(point)
    burn(world)
    killed(world)
    world.start()
    ends_well(world)


@pytest.mark.parametrize("dialect", ["postgresql"])
def test_killed_on_another_database(world: Watched, database_url: str) -> None:
    world.config.write_text(f"{world.config.read_text()}database: {database_url}\n")
    world.start("open.after_commit")
    burn(world)
    killed(world)
    world.start()
    ends_well(world)


def test_killed_while_a_page_is_being_sent(world: Watched) -> None:
    world.phone.on_page = lambda: world.signal(signal.SIGKILL)
    world.start()
    burn(world)
    killed(world)
    world.start()
    eventually(lambda: len(world.phone.pages()) == 2)
    ends_well(world)


@pytest.mark.parametrize("point", WHILE_RECOVERING)
def test_killed_while_it_resolves(world: Watched, point: str) -> None:
    world.start(point)
    burn(world)
    eventually(world.phone.pages)
    world.shop.bad = 0
    killed(world)
    world.start()
    eventually(lambda: world.incident()["state"] == "resolved", 60)
    accounted(world)


def test_killed_twice(world: Watched, pair: tuple[str, str]) -> None:
    first, second = pair
    world.start(first)
    burn(world)
    killed(world)
    world.start(second)
    if second in WHILE_RECOVERING:
        eventually(world.phone.pages)
        world.shop.bad = 0
    killed(world)
    world.start()
    ends_well(world)
