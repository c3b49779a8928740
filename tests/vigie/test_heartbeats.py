"""A dead man's switch, end to end: missed, paged, beaten again, and kill -9 after the answer."""

import signal
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from components import eventually
from serving import Watched, watched

pytestmark = [pytest.mark.system, pytest.mark.timeout(180)]
KEY = "0123456789abcdef0123"
BEAT = f"/api/v1/heartbeats/{KEY}"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Watched]:
    with watched(tmp_path) as served:
        served.write(
            "slos/beat.yaml",
            "apiVersion: vigie.dev/v1\nkind: Heartbeat\nmetadata: {name: sync}\n"
            f"spec: {{service: shop, every: 2s, grace: 1s, key: {KEY}}}\n",
        )
        served.start()
        eventually(lambda: served.get("/api/v1/heartbeats")["items"][0])
        yield served


def missed(world: Watched) -> Mapping[str, Any]:
    """The newest incident of a heartbeat, once there is one."""
    kind = "missed-heartbeat"
    return eventually(lambda: next(one for one in world.incidents() if one["type"] == kind))


def test_a_missed_beat_pages_and_a_beat_ends_it(world: Watched) -> None:
    assert missed(world)["title"] == "shop: heartbeat sync missed, it has never beaten"
    eventually(lambda: world.phone.pages()[0])

    def beats_until_resolved() -> str:
        assert world.status(BEAT, b"{}") in (200, 429)
        resolved = [one for one in world.incidents() if one["resolved_by"]]
        return str(resolved[0]["resolved_by"])

    assert eventually(beats_until_resolved) == "vigie"


def test_a_beat_survives_a_crash_after_its_answer(world: Watched) -> None:
    assert world.status(BEAT, b"{}") == 200
    world.signal(signal.SIGKILL)
    assert world.process is not None
    world.process.popen.wait()
    world.start()
    one = eventually(lambda: world.get("/api/v1/heartbeats")["items"][0])
    assert (one["beats"], one["last_state"]) == (1, "ok")


def test_a_change_stands_on_the_incident_that_follows_it(world: Watched) -> None:
    assert world.status("/api/v1/changes", b'{"title": "Ship", "service": "shop"}') == 201
    whole = world.get(f"/api/v1/incidents/{missed(world)['number']}")
    assert [one["title"] for one in whole["changes"]] == ["Ship"]
    assert isinstance(whole["detail"]["deadline"], str)
