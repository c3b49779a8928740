"""Debian's Prometheus writes to a Vigie that scrapes nothing: both hold the same events."""

import signal
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from components import eventually
from conftest import StartProcess
from plugins.recorded import Recording
from plugins.remembering import Server
from serving import SLO, Watched, watched

pytestmark = [pytest.mark.system, pytest.mark.timeout(240)]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Watched]:
    """A shop and a Vigie without targets; nobody asks the shop for its page yet."""
    with watched(tmp_path) as served:
        (tmp_path / "slos/targets.yaml").unlink()
        served.write("slos/availability.yaml", SLO.partition("---")[0])  # with the usual policy
        yield served


@pytest.fixture
def prometheus(world: Watched, tmp_path: Path, start_process: StartProcess) -> Server:
    """A Prometheus that scrapes the shop every second, and writes to Vigie what is wanted."""
    world.shop.good = 0
    world.start()
    eventually(lambda: world.get("/api/v1/slos"))
    config: dict[str, Any] = {
        "global": {"scrape_interval": "1s"},
        "scrape_configs": [
            {
                "job_name": "shop",
                "static_configs": [{"targets": [f"127.0.0.1:{world.shop_port}"]}],
            }
        ],
        "remote_write": [
            {
                "url": f"http://127.0.0.1:{world.port}/api/v1/write",
                "queue_config": {"batch_send_deadline": "1s", "max_backoff": "500ms"},
                "write_relabel_configs": [
                    {
                        "source_labels": ["__name__"],
                        "regex": "up|requests_total",
                        "action": "keep",
                    }
                ],
            }
        ],
    }
    return Server("prometheus", tmp_path / "prometheus", start_process, Recording(), config)


def stored(server: Server) -> tuple[int, int]:
    """Good and total, from the raw samples that Prometheus has, resets counted from zero."""
    grown = {}
    for one in server.asked("requests_total[10m]"):
        values = [float(value) for _, value in one["values"]]
        steps = pairwise(values)
        grown[one["metric"]["code"]] = sum(b - a if b >= a else b for a, b in steps)
    good, bad = int(grown["200"]), int(grown["500"])
    return good, good + bad


def quiet(world: Watched) -> None:
    """Nothing happens any more, and Prometheus has seen that."""
    world.shop.good = world.shop.bad = 0
    pages = world.shop.pages
    eventually(lambda: world.shop.pages > pages + 2)


def test_vigie_counts_what_prometheus_stored_over_kills_and_resets(
    world: Watched, prometheus: Server
) -> None:
    # Prometheus does not write what it scrapes in its first seconds: nothing happens in these.
    (target,) = eventually(lambda: world.get("/api/v1/targets")["items"])
    assert target["id"] == f"shop/127.0.0.1:{world.shop_port}"
    world.shop.good, world.shop.bad = 20, 3
    eventually(lambda: world.counted()[1] > 100, 60)

    world.signal(signal.SIGKILL)
    assert world.process is not None
    world.process.popen.wait()
    pages = world.shop.pages
    eventually(lambda: world.shop.pages > pages + 5)  # which Prometheus cannot hand over
    world.shop.served = {"200": 5, "500": 2}  # and the shop begins anew
    eventually(lambda: world.shop.pages > pages + 8)
    world.start()
    before = eventually(world.counted)
    eventually(lambda: world.counted()[1] > before[1] + 100, 60)

    quiet(world)
    truth = stored(prometheus)
    assert truth[1] - truth[0] > 30
    eventually(lambda: world.counted() == truth, 60)
    page = world.page("/metrics")
    assert 'vigie_remote_write_requests_total{outcome="refused"} 0' in page
