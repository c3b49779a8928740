"""A server in trouble: targets that misbehave, files that are wrong, a disk that is full."""

import gzip
import resource
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from components import eventually
from serving import Shop, Watched, listening, watched

pytestmark = [pytest.mark.system, pytest.mark.timeout(150)]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Watched]:
    with watched(tmp_path) as served:
        served.start()
        eventually(lambda: served.metric("vigie_sli_total") > 0)
        yield served


def test_a_full_disk_fails_the_tick_loudly_and_loses_nothing(world: Watched) -> None:
    world.shop.bad = 20
    eventually(world.phone.pages)
    world.shop.bad = 0
    assert world.process is not None
    pid = world.process.pid
    _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    size = (world.folder / "data" / "vigie.db-wal").stat().st_size
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (size + 4096, hard))
    eventually(lambda: world.status("/-/ready") == 503)
    assert world.status("/-/healthy") == 200
    assert "be recorded" in world.page("/") or "not recorded" in world.page("/")
    comment = b'{"actor": "tester", "text": "looking"}'
    eventually(lambda: world.status("/api/v1/incidents/1/comment", comment) == 503)
    told = eventually(lambda: [m for m in world.phone.got if "record" in str(m.get("text"))])
    assert len(told) == 1
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (hard, hard))
    eventually(lambda: world.status("/-/ready") == 200)
    world.shop.good = 0
    eventually(lambda: world.counted() == world.truth())


def test_a_bad_reload_leaves_the_old_files_in_force_and_says_so(world: Watched) -> None:
    world.write("slos/wrong.yaml", "apiVersion: openslo/v1\nkind: SLO\nmetadata: {}\n")
    world.signal(signal.SIGHUP)
    overview = eventually(lambda: text if "wrong.yaml:3" in (text := world.page("/")) else "")
    assert "shop/availability" in overview
    _, before = world.counted()
    eventually(lambda: world.counted()[1] > before)
    world.write("slos/wrong.yaml", "")
    world.signal(signal.SIGHUP)
    eventually(lambda: "wrong.yaml" not in world.page("/"))
    world.shop.good = 0
    eventually(lambda: world.counted() == world.truth())


def test_a_good_reload_takes_new_targets_and_counts_on(world: Watched) -> None:
    second = Shop()
    with listening(lambda _path, _body: (200, second.page())) as port:
        world.watch([f"127.0.0.1:{world.shop_port}", f"127.0.0.1:{port}"])
        world.signal(signal.SIGHUP)
        eventually(lambda: second.pages > 3)
        world.shop.good = second.good = 0
        more_good, more = second.since_watched()
        good, total = world.truth()
        eventually(lambda: world.counted() == (good + more_good, total + more))


def test_targets_that_misbehave_are_named_and_slow_nobody(world: Watched) -> None:
    released = threading.Event()
    bomb = gzip.compress(bytes(60_000_000))

    def answer(path: str, _body: bytes) -> tuple[int, bytes]:
        match path:
            case "/hang":
                released.wait(30)
                return 200, b""
            case "/broken":
                return 500, b""
            case "/garbage":
                return 200, b"\x00\xff requests_total{ 12\nrequests_total{code= 3\n"
            case "/twice":
                return 200, b'requests_total{code="200"} 1\nrequests_total{code="200"} 2\n'
            case _:
                return 200, bomb

    wanted = {
        "/hang": "timeout",
        "/broken": "status 500",
        "/garbage": "unreadable line",
        "/twice": "duplicate series",
        "/bomb": "body over limit",
    }
    with listening(answer) as port:
        world.write(
            "slos/evil.yaml",
            "---\n".join(
                "apiVersion: vigie.dev/v1\nkind: Targets\n"
                f"metadata: {{name: {path.strip('/')}}}\n"
                f"spec: {{service: shop, interval: 500ms, metrics_path: {path}, "
                f'targets: [{{address: "127.0.0.1:{port}"}}]}}\n'
                for path in wanted
            ),
        )
        world.signal(signal.SIGHUP)

        def errors() -> dict[str, Any]:
            items = world.get("/api/v1/targets")["items"]
            return {f"/{item['job']}": item["error"] for item in items if item["error"]}

        def all_named() -> bool:
            assert {path for path, error in errors().items() if wanted[path] in error} == {*wanted}
            return True

        eventually(all_named)
        pages = world.shop.pages
        eventually(lambda: world.shop.pages >= pages + 4)
        released.set()
    world.shop.good = 0
    eventually(lambda: world.counted() == world.truth())
