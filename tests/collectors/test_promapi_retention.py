"""How far back servers say that they remember."""

from collections.abc import Mapping

import orjson
import pytest

from collectors.errors import SourceFailed
from collectors.promapi_retention import retention

DAY = 86_400.0


class Saying:
    def __init__(self, pages: Mapping[str, bytes]) -> None:
        self.pages = pages

    async def get(self, path: str) -> bytes:
        if path not in self.pages:
            raise SourceFailed("status 404")
        return self.pages[path]


def runtime(text: str) -> dict[str, bytes]:
    return {"api/v1/status/runtimeinfo": orjson.dumps({"data": {"storageRetention": text}})}


def flags(text: str) -> dict[str, bytes]:
    page = {"data": {"storage.tsdb.retention.time": text}}
    return {"api/v1/status/flags": orjson.dumps(page)}


def metrics(text: str) -> dict[str, bytes]:
    flag = f'flag{{name="retentionPeriod", value="{text}", is_set="true"}} 1'
    return {"metrics": f"x 1\n{flag}\n".encode()}


@pytest.mark.parametrize(
    ("pages", "days"),
    [
        (runtime("15d"), 15),
        (runtime("1d12h or 10GiB"), 1.5),
        (runtime("10GiB"), None),
        (runtime("10GiB") | flags("30d"), 30),
        (flags("0s"), None),
        (metrics("1"), 31),
        (metrics("13"), 13 * 31),
        (metrics("2y"), 730),
        (metrics("100 d"), None),
        ({"metrics": b"flag 1\n"}, None),
        ({"api/v1/status/runtimeinfo": b"<html>", "api/v1/status/flags": b"[]"}, None),
        ({}, None),
    ],
)
async def test_what_a_server_says_is_read(pages: dict[str, bytes], days: float | None) -> None:
    assert await retention(Saying(pages)) == (None if days is None else days * DAY)
