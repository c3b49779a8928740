"""Redundancy end to end: a real server beside an API server that tells of a Deployment."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from yarl import URL

from api_server import Cluster, listening
from components import eventually
from serving import Watched, watched
from workload_objects import DONE, PROGRESSING, deployment, pod

pytestmark = [pytest.mark.system, pytest.mark.timeout(240)]


class Told:
    """A cluster that lives in a thread of its own."""

    def __init__(self, cluster: Cluster, url: URL, loop: asyncio.AbstractEventLoop) -> None:
        self.url = url
        self.loop, self._cluster = loop, cluster

    def put(self, plural: str, raw: dict[str, Any]) -> None:
        self._do(lambda: self._cluster.put(plural, raw))

    def delete(self, plural: str, key: str) -> None:
        self._do(lambda: self._cluster.delete(plural, key))

    def _do(self, act: Callable[[], None]) -> None:
        self.loop.call_soon_threadsafe(act)


@contextmanager
def told() -> Iterator[Told]:
    ready, over = threading.Event(), asyncio.Event()
    found: list[Told] = []

    async def serve() -> None:
        async with listening() as (cluster, url):
            found.append(Told(cluster, url, asyncio.get_running_loop()))
            ready.set()
            await over.wait()

    thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
    thread.start()
    assert ready.wait(10)
    try:
        yield found[0]
    finally:
        found[0].loop.call_soon_threadsafe(over.set)
        thread.join(10)


@pytest.fixture
def cluster() -> Iterator[Told]:
    with told() as one:
        one.put("deployments", deployment(ready=3))
        for number in (1, 2, 3):
            one.put("pods", pod(f"web-{number}"))
        yield one


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Watched]:
    with watched(tmp_path) as served:
        yield served


def test_a_lost_pod_is_an_incident_and_a_rollout_is_a_change(world: Watched, cluster: Told) -> None:
    world.write(
        "slos/redundancy.yaml",
        "apiVersion: vigie.dev/v1\nkind: Redundancy\nmetadata: {name: shop}\nspec:\n"
        "  {service: shop, minimum: 2, for: 2s, kubernetes: {workload: deployment/web,\n"
        f"   namespace: shop, api_server: '{cluster.url}'}}}}\n",
    )
    world.start()
    service = lambda: world.get("/api/v1/services/shop")  # noqa: E731 - asked again and again
    stands = lambda: (service()["redundancy"] or {}).get("state")  # noqa: E731 - the same
    eventually(lambda: stands() == "redundant", 30)
    (looked,) = world.get("/api/v1/discoveries")["items"]
    assert (looked["job"], looked["health"]) == ("redundancy of shop", "up")

    new = {"image": "shop:2", "generation": 2, "revision": 2}
    cluster.put("deployments", deployment(**new, reason=PROGRESSING, updated=1, total=4, ready=3))
    eventually(lambda: world.get("/api/v1/changes")["items"], 30)
    cluster.put("deployments", deployment(**new, reason=DONE, ready=3))
    eventually(lambda: world.get("/api/v1/changes")["items"][0]["status"] == "succeeded", 30)
    (change,) = world.get("/api/v1/changes")["items"]
    assert (change["source"], change["services"], change["kind"]) == (
        "kubernetes",
        ["shop"],
        "deploy",
    )

    cluster.delete("pods", "shop/web-1")
    eventually(lambda: stands() == "at_risk", 30)
    assert service()["state"] == "degraded"
    eventually(lambda: world.get("/api/v1/incidents")["items"], 30)
    (incident,) = world.get("/api/v1/incidents")["items"]
    assert (incident["type"], incident["urgency"]) == ("lost-redundancy", "low")
    assert "2 of 3 replicas ready" in world.page("/services/shop")
    cluster.put("pods", pod("web-1"))
    eventually(lambda: stands() == "redundant", 30)
    assert world.metric("vigie_service_redundancy") == 1
