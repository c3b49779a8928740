"""All discoveries of all jobs: what goes on undisturbed, how often word is given, and limits."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from collectors.discovery import discoverer as module
from collectors.discovery.discoverer import Discoverer
from collectors.discovery.kubernetes_server import ServiceAccount
from collectors.discovery.model import DnsSd, FileSd, HttpSd, KubernetesSd
from collectors.jobs import Group, ScrapeJob
from components import free_port

STATIC = Group("static/0", ({"__address__": "s:1"},))


class Clock:
    """A clock that moves when told to, once those who should be waiting for it are."""

    def __init__(self) -> None:
        self._now = 1000.0
        self._sleepers: list[tuple[float, asyncio.Future[None]]] = []
        self._came = asyncio.Event()

    def now(self) -> float:
        return self._now

    async def sleep_until(self, at: float) -> None:
        woken = asyncio.get_running_loop().create_future()
        self._sleepers.append((at, woken))
        self._came.set()
        await woken

    async def sleepers(self, count: int) -> None:
        async with asyncio.timeout(10):
            while sum(not woken.done() for _, woken in self._sleepers) < count:
                self._came.clear()
                await self._came.wait()

    async def advance(self, seconds: float, *, sleepers: int = 1) -> None:
        """Move on once so many wait, and come back once so many wait again."""
        await self.sleepers(sleepers)
        self._now += seconds
        for at, woken in self._sleepers:
            if at <= self._now and not woken.done():
                woken.set_result(None)
        self._sleepers = [(at, woken) for at, woken in self._sleepers if not woken.done()]


class Rig:
    def __init__(self, folder: Path) -> None:
        self.folder, self.clock, self.told = folder, Clock(), list[tuple[float, str]]()
        self.discoverer = Discoverer(
            self.clock,
            lambda job: self.told.append((self.clock.now() - 1000.0, job)),
            account=ServiceAccount(str(folder / "no-account")),
        )

    def write(self, name: str, *targets: str) -> FileSd:
        path, new = self.folder / f"{name}.json", self.folder / "new"
        new.write_text(json.dumps([{"targets": targets}]))
        new.replace(path)
        return FileSd((str(path),))

    def watch(self, **jobs: tuple[FileSd | HttpSd | DnsSd | KubernetesSd, ...]) -> None:
        self.discoverer.watch(
            {n: ScrapeJob(n, static=(STATIC,), discoveries=found) for n, found in jobs.items()}
        )

    def addresses(self, job: str) -> list[str]:
        groups = self.discoverer.groups(job)
        return [target["__address__"] for group in groups for target in group.targets]


@asynccontextmanager
async def running(folder: Path) -> AsyncIterator[Rig]:
    rig = Rig(folder)
    await rig.discoverer.start()
    try:
        yield rig
    finally:
        await rig.discoverer.stop()


async def test_static_groups_come_first_and_need_no_discovery(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        rig.watch(shop=(rig.write("b", "b:1"), rig.write("a", "a:1")), other=())
        assert rig.addresses("other") == ["s:1"]
        assert rig.discoverer.complete("other")
        await rig.clock.sleepers(2)
        assert rig.addresses("shop") == ["s:1", "b:1", "a:1"]
        assert [status.kind for status in rig.discoverer.status("shop")] == ["file", "file"]


async def test_a_job_is_complete_once_every_discovery_has_answered(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        silent = HttpSd(f"http://127.0.0.1:{free_port()}/sd")
        rig.watch(shop=(rig.write("a", "a:1"), silent))
        assert not rig.discoverer.complete("shop")
        assert rig.addresses("shop") == ["s:1"]
        await rig.clock.sleepers(2)
        assert not rig.discoverer.complete("shop")
        file, http = rig.discoverer.status("shop")
        assert (file.health, file.targets, file.last_ok_at) == ("up", 1, 1000.0)
        assert (http.health, http.targets, http.last_ok_at) == ("down", 0, None)
        assert http.error == f"{silent.url}: connection refused"
        rig.watch(shop=(rig.write("a", "a:1"),))
        assert rig.discoverer.complete("shop")


async def test_many_changes_are_one_word_in_five_seconds(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        sd = rig.write("a", "a:0")
        rig.watch(shop=(sd,))
        await rig.clock.sleepers(1)
        assert rig.told == [(0.0, "shop")]
        for n in range(1, 4):  # at 2, 4 and 6 s
            rig.write("a", f"a:{n}")
            await rig.clock.advance(2.0, sleepers=1 if n == 1 else 2)
            await rig.clock.sleepers(2 if n < 3 else 1)
        await rig.clock.sleepers(1)
        assert rig.told[:2] == [(0.0, "shop"), (6.0, "shop")]
        assert rig.addresses("shop") == ["s:1", "a:3"]


async def test_a_reload_leaves_what_is_the_same_undisturbed(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        same = rig.write("a", "a:1")
        rig.watch(shop=(same,))
        await rig.clock.sleepers(1)
        rig.watch(shop=(FileSd(same.files), rig.write("b", "b:1")), other=(same,))
        assert rig.addresses("other") == ["s:1", "a:1"]
        assert rig.discoverer.complete("other")
        assert not rig.discoverer.complete("shop")
        await rig.clock.sleepers(2)
        assert rig.addresses("shop") == ["s:1", "a:1", "b:1"]


async def test_one_discovery_of_two_jobs_tells_both(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        sd = rig.write("a", "a:1")
        rig.watch(one=(sd, sd), two=(sd,))
        await rig.clock.sleepers(1)
        assert rig.told == [(0.0, "one"), (0.0, "two")]
        assert rig.addresses("one") == ["s:1", "a:1"]


async def test_a_job_that_is_gone_is_told_of_no_more(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        rig.watch(shop=(rig.write("a", "a:1"),))
        await rig.clock.sleepers(1)
        rig.watch()
        assert rig.discoverer.groups("shop") == ()
        assert rig.discoverer.status("shop") == ()
        assert not rig.discoverer.complete("shop")
        rig.write("a", "a:2")
        rig.watch(other=(rig.write("b", "b:1"),))
        await rig.clock.advance(60.0)
        assert [job for _, job in rig.told] == ["shop", "other"]


async def test_over_the_most_targets_of_a_job_a_discovery_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "MAX_TARGETS", 3)
    async with running(tmp_path) as rig:
        rig.watch(shop=(rig.write("a", "a:1", "a:2"), rig.write("b", "b:1")))
        await rig.clock.sleepers(2)
        for _ in range(2):
            assert rig.addresses("shop") == ["s:1", "a:1", "a:2"]
        first, second = rig.discoverer.status("shop")
        assert first.health == "up"
        assert (second.health, second.error[:8]) == ("down", "left out")
        assert len([r for r in caplog.records if r.levelname == "ERROR"]) == 1


async def test_a_fault_of_our_own_ends_no_discovery(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(tmp_path) as rig:
        with monkeypatch.context() as patch:
            patch.setattr("collectors.discovery.files._listed", lambda _patterns: 1 / 0)
            rig.watch(shop=(rig.write("a", "a:1"),))
            await rig.clock.sleepers(1)
            (status,) = rig.discoverer.status("shop")
            assert status.error == "internal error: ZeroDivisionError"
        await rig.clock.advance(module.RESTART_S)
        await rig.clock.sleepers(1)
        assert rig.addresses("shop") == ["s:1", "a:1"]
        (status,) = rig.discoverer.status("shop")
        assert status.health == "up"


async def test_outside_a_cluster_kubernetes_says_so(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        rig.watch(shop=(KubernetesSd("pod", namespaces=("a",)),))
        await rig.clock.sleepers(1)
        (status,) = rig.discoverer.status("shop")
        assert (status.kind, status.place, status.health) == ("kubernetes", "pod in a", "down")
        assert "not in a cluster: no " in status.error


async def test_what_is_watched_before_the_start_begins_with_it(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    rig.watch(shop=(rig.write("a", "a:1"),))
    assert rig.addresses("shop") == ["s:1"]
    await rig.discoverer.start()
    await rig.clock.sleepers(1)
    assert rig.addresses("shop") == ["s:1", "a:1"]
    await rig.discoverer.stop()
    assert rig.addresses("shop") == []
