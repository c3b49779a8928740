"""Targets from files: formats, changes on disk, and files that can't be used."""

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from collectors.discovery import feed as feeds
from collectors.discovery.feed import Feed
from collectors.discovery.files import Files
from collectors.discovery.groups import from_json
from collectors.discovery.model import FileSd
from collectors.jobs import Group
from vigie.clock import SetClock

ONE = '[{"targets": ["a:1"], "labels": {"zone": "east"}}]'
TWO = '[{"targets": ["a:1", "b:2"]}]'


class Rig:
    """Files of a folder, looked at when told to."""

    def __init__(self, folder: Path, *patterns: str) -> None:
        self.folder = folder
        self.changes = 0
        self.feed = Feed(SetClock(1000.0), "file", "files", self._changed)
        paths = tuple(str(folder / pattern) for pattern in patterns)
        self.files = Files(FileSd(paths), SetClock(1000.0), self.feed)

    def write(self, name: str, text: str) -> str:
        """Write as careful people do: the whole file takes the place of the old one."""
        path, new = self.folder / name, self.folder / f"{name}.new"
        new.write_text(text)
        new.replace(path)
        return str(path)

    async def look(self, *, anew: bool = False) -> list[str]:
        await self.files.look(anew=anew)
        return self.addresses

    @property
    def addresses(self) -> list[str]:
        return [t["__address__"] for group in self.feed.groups() for t in group.targets]

    def _changed(self) -> None:
        self.changes += 1


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path, "*.json")


async def test_a_file_gives_its_groups_with_its_path(tmp_path: Path) -> None:
    rig = Rig(tmp_path, "targets.json")
    path = rig.write("targets.json", ONE)
    await rig.look()
    labels: Mapping[str, str] = {"zone": "east", "__meta_filepath": path}
    assert rig.feed.groups() == (Group(f"file/{path}/0", ({"__address__": "a:1"},), labels),)


@pytest.mark.parametrize("name", ["t.yml", "t.yaml"])
async def test_yaml_reads_like_json(tmp_path: Path, name: str) -> None:
    rig = Rig(tmp_path, "t.*")
    path = rig.write(name, "- targets: [a:1]\n  labels: {version: 1.10, port: 80, canary: true}\n")
    await rig.look()
    (group,) = rig.feed.groups()
    assert group.targets == ({"__address__": "a:1"},)
    assert group.labels == {
        "version": "1.10",
        "port": "80",
        "canary": "true",
        "__meta_filepath": path,
    }


async def test_files_come_and_go_and_change(rig: Rig) -> None:
    assert await rig.look() == []
    assert rig.feed.answered
    rig.write("b.json", '[{"targets": ["b:1"]}]')
    rig.write(".a.json", '[{"targets": ["a:1"]}]')
    rig.write("c.txt", '[{"targets": ["c:1"]}]')
    assert await rig.look() == ["a:1", "b:1"]
    rig.write("b.json", '[{"targets": ["b:2"]}]')
    assert await rig.look() == ["a:1", "b:2"]
    (rig.folder / ".a.json").unlink()
    assert await rig.look() == ["b:2"]


async def test_a_look_at_the_same_files_says_nothing(rig: Rig) -> None:
    rig.write("a.json", ONE)
    await rig.look()
    assert rig.changes == 1
    await rig.look()
    await rig.look(anew=True)
    assert rig.changes == 1


async def test_a_change_that_no_stamp_shows_is_read_at_the_refresh(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("collectors.discovery.files._stamp", lambda _path: (0, 0, 0, 0))
    rig.write("a.json", ONE)
    await rig.look()
    rig.write("a.json", TWO)
    assert await rig.look() == ["a:1"]
    assert await rig.look(anew=True) == ["a:1", "b:2"]


BROKEN = {
    "not JSON": "[{",
    "not a list of target groups": "{}",
    "group 1 is no mapping": "[3]",
    "group 1 has an unknown key `target`": '[{"target": ["a:1"]}]',
    "the `targets` of group 1 are no list of texts": '[{"targets": [1]}]',
    "the `labels` of group 1 are no mapping": '[{"labels": ["a"]}]',
    "group 1: `a-b` is no label name": '[{"labels": {"a-b": "c"}}]',
    "group 1: the label `a` is no text": '[{"labels": {"a": 1}}]',
}


@pytest.mark.parametrize(("reason", "text"), BROKEN.items(), ids=list(BROKEN))
async def test_a_broken_file_keeps_its_groups_and_says_why(
    rig: Rig, reason: str, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = rig.write("a.json", ONE)
    await rig.look()
    rig.write("a.json", text)
    rig.write("b.json", '[{"targets": ["b:1"]}]')
    assert await rig.look() == ["a:1", "b:1"]
    status = rig.feed.status()
    assert status.health == "down"
    assert status.error.startswith(f"{path}: {reason}")
    assert status.targets == 2
    for _ in range(3):
        await rig.look(anew=True)
    assert len([r for r in caplog.records if r.levelname == "WARNING"]) == 1
    rig.write("a.json", TWO)
    assert await rig.look() == ["a:1", "b:2", "b:1"]
    assert rig.feed.status().health == "up"


async def test_broken_yaml_is_named_by_its_line(tmp_path: Path) -> None:
    rig = Rig(tmp_path, "a.yml")
    path = rig.write("a.yml", "- targets: [a:1]\n- targets: [\n")
    await rig.look()
    assert rig.feed.status().error.startswith(f"{path}: line 3: not YAML")


async def test_aliases_that_multiply_are_refused(tmp_path: Path) -> None:
    rig = Rig(tmp_path, "a.yml")
    rows = ["- &a0 [x, x, x, x, x, x, x, x, x, x]"]
    rows += [f"- &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    rig.write("a.yml", "\n".join(rows))
    await rig.look()
    assert "values once aliases are replaced" in rig.feed.status().error


async def test_a_file_that_was_broken_from_the_start_leaves_the_answer_open(rig: Rig) -> None:
    rig.write("a.json", ONE)
    rig.write("b.json", "[")
    assert await rig.look() == ["a:1"]
    assert not rig.feed.answered
    rig.write("b.json", "[]")
    await rig.look()
    assert rig.feed.answered


async def test_what_is_no_file_of_groups_is_said(tmp_path: Path) -> None:
    rig = Rig(tmp_path, "a.txt", "folder.json", "pipe.json")
    rig.write("a.txt", ONE)
    (tmp_path / "folder.json").mkdir()
    os.mkfifo(tmp_path / "pipe.json")
    await rig.look()
    status = rig.feed.status()
    assert "a.txt: its name must end in .json, .yml or .yaml" in status.error
    assert "folder.json: is no file" in status.error
    assert "pipe.json: is no file" in status.error


async def test_a_file_over_the_limit_is_not_read(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("collectors.discovery.files.MAX_BODY_BYTES", 60)
    rig.write("a.json", ONE)
    await rig.look()
    rig.write("a.json", ONE + " " * 60)
    assert await rig.look() == ["a:1"]
    assert "over 60 bytes" in rig.feed.status().error


async def test_a_folder_that_cannot_be_listed_keeps_its_files(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig.write("a.json", ONE)
    await rig.look()
    with monkeypatch.context() as patch:
        patch.setattr("os.scandir", _denied)
        assert await rig.look() == ["a:1"]
        assert "can't be listed: permission denied" in rig.feed.status().error
    assert await rig.look() == ["a:1"]
    assert rig.feed.status().health == "up"


async def test_over_the_most_targets_the_last_ones_stay(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feeds, "MAX_TARGETS", 2)
    rig.write("a.json", TWO)
    await rig.look()
    rig.write("b.json", ONE)
    assert await rig.look() == ["a:1", "b:2"]
    assert "over 2 targets" in rig.feed.status().error
    (rig.folder / "b.json").unlink()
    await rig.look()
    assert rig.feed.status().health == "up"


def test_a_list_without_targets_or_labels_is_fine() -> None:
    groups = from_json(b'[{}, {"targets": null, "labels": null}]', "file/x", {"a": "b"})
    assert groups == (Group("file/x/0", (), {"a": "b"}), Group("file/x/1", (), {"a": "b"}))


def _denied(_path: str) -> None:
    raise PermissionError(13, "Permission denied")
