"""Targets from files: read when they change, and every `refresh_s` whether they did or not."""

import asyncio
import fnmatch
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TypeAlias

from collectors.discovery.errors import DiscoveryError
from collectors.discovery.feed import MAX_BODY_BYTES, Feed
from collectors.discovery.groups import from_json, from_yaml
from collectors.discovery.model import FileSd
from collectors.jobs import Group
from collectors.scrape import Clock

POLL_S = 2.0
MAX_FILES = 10_000
FILEPATH = "__meta_filepath"

_Stamp: TypeAlias = tuple[int, int, int, int]
_Read: TypeAlias = dict[str, "tuple[Group, ...] | DiscoveryError"]


class Files:
    """The files of one discovery.

    A file that can't be read, or not as groups, keeps the groups that it had; one that is gone
    takes its groups with it.
    """

    def __init__(self, discovery: FileSd, clock: Clock, feed: Feed) -> None:
        self.feed = feed
        self._patterns = discovery.files
        self._refresh_s = discovery.refresh_s
        self._clock = clock
        self._stamps: dict[str, _Stamp] = {}
        self._groups: dict[str, tuple[Group, ...]] = {}

    async def run(self) -> None:
        """Look for changes every POLL_S."""
        refresh_at = self._clock.now()
        while True:
            now = self._clock.now()
            anew = now >= refresh_at
            if anew:
                refresh_at = now + self._refresh_s
            await self.look(anew=anew)
            await self._clock.sleep_until(min(now + POLL_S, refresh_at))

    async def look(self, *, anew: bool = False) -> None:
        """Read what is new or changed since the last look; `anew`: read all of it."""
        stamps, unlisted = await asyncio.to_thread(_listed, self._patterns)
        for pattern in self._patterns:
            if pattern in unlisted:
                self.feed.failed(pattern, unlisted[pattern])
            else:
                self.feed.well(pattern)
        if unlisted:  # what such a folder holds is not known: it is not gone
            stamps = {**{p: s for p, s in self._stamps.items() if p not in stamps}, **stamps}
        changed = [path for path in stamps if anew or self._stamps.get(path) != stamps[path]]
        read = await asyncio.to_thread(_read_all, changed)
        for path in self._stamps.keys() - stamps.keys():
            self._groups.pop(path, None)
            self.feed.forget(path)
        self._stamps = stamps
        for path, result in read.items():
            if isinstance(result, DiscoveryError):
                self.feed.failed(path, result.reason)
            else:
                self._groups[path] = result
                self.feed.well(path)
        found = [group for path in sorted(self._groups) for group in self._groups[path]]
        answered = not unlisted and stamps.keys() == self._groups.keys()
        self.feed.found(found, answered=answered)


def _listed(patterns: Iterable[str]) -> tuple[dict[str, _Stamp], dict[str, str]]:
    """The files that fit, with what changes when they do; the patterns whose folder can't be read.

    A folder that isn't there holds no files.
    """
    stamps: dict[str, _Stamp] = {}
    unlisted: dict[str, str] = {}
    for pattern in patterns:
        try:
            for path in _matching(pattern):
                if (stamp := _stamp(path)) is not None:
                    stamps[path] = stamp
                if len(stamps) > MAX_FILES:
                    unlisted[pattern] = f"over {MAX_FILES} files"
                    break
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            unlisted[pattern] = f"can't be listed: {(error.strerror or str(error)).lower()}"
    return stamps, unlisted


def _matching(pattern: str) -> Iterator[str]:
    """Paths that fit: a `*` of the last part stands for any text, a dot in front too."""
    folder, last = os.path.split(pattern)
    if not any(char in last for char in "*?["):
        yield pattern
        return
    with os.scandir(folder or ".") as entries:
        for entry in entries:
            if fnmatch.fnmatchcase(entry.name, last):
                yield str(Path(folder) / entry.name)


def _stamp(path: str) -> _Stamp | None:
    """What changes with the file; None: it isn't there (any more)."""
    try:
        found = Path(path).stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    # The times say of a change, ctime also of one of permissions; the number says of a renaming.
    return found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino


def _read_all(paths: Iterable[str]) -> _Read:
    read: _Read = {}
    for path in paths:
        try:
            read[path] = _read(path)
        except DiscoveryError as error:
            read[path] = error
    return read


def _read(path: str) -> tuple[Group, ...]:
    readers = {".json": from_json, ".yml": from_yaml, ".yaml": from_yaml}
    reader = readers.get(Path(path).suffix)
    if reader is None:
        raise DiscoveryError("its name must end in .json, .yml or .yaml")
    if not Path(path).is_file():  # opening a pipe would wait for whoever writes to it
        raise DiscoveryError("is no file")
    try:
        with Path(path).open("rb") as file:
            body = file.read(MAX_BODY_BYTES + 1)
    except OSError as error:
        raise DiscoveryError(f"can't be read: {(error.strerror or str(error)).lower()}") from error
    if len(body) > MAX_BODY_BYTES:
        raise DiscoveryError(f"over {MAX_BODY_BYTES} bytes")
    return reader(body, f"file/{path}", {FILEPATH: path})
