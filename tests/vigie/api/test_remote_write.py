"""The route of remote write, as senders see it."""

import io
from typing import Any

import pytest

from collectors import written
from collectors.remote_write import MAX_BODY_BYTES
from fleet import T0, Site
from vigie.api import problems
from writing import HEADERS, Series, body, counters, ms, nested, packed

PATH = "/api/v1/write"


async def sent(site: Site, content: bytes, **headers: str) -> Any:
    return await site.ask("POST", PATH, data=io.BytesIO(content), headers={**HEADERS, **headers})


async def test_a_request_is_taken_and_counted(site: Site) -> None:
    answer = await sent(site, body(*counters(T0, c200=5)))
    assert (answer.status, answer.body) == (204, b"")
    page = (await site.get("/metrics")).text
    assert 'vigie_remote_write_requests_total{outcome="taken"}' in page
    assert 'vigie_remote_write_samples_total{outcome="late"}' in page


async def test_a_body_may_be_larger_than_others(site: Site) -> None:
    labels = {"__name__": "unwanted", "text": "x" * 60}
    many = [
        Series({**labels, "n": str(n * 7919), "m": str(n * 31337)}, [(ms(T0), n)])
        for n in range(49_000)
    ]
    content = body(*many)
    assert len(content) > problems.MAX_BODY_BYTES
    assert (await sent(site, content)).status == 204


@pytest.mark.parametrize(
    ("content", "headers", "status", "detail"),
    [
        (b"nonsense", {}, 400, "no snappy block"),
        (packed(nested(1, b"\x0b")), {}, 400, "malformed protobuf"),
        (b"", {"Content-Encoding": "gzip"}, 415, "send snappy"),
        (b"", {"Content-Type": "application/json"}, 415, "remote write 1.0"),
        (
            b"",
            {"Content-Type": "application/x-protobuf;proto=io.prometheus.write.v2.Request"},
            415,
            "remote write 1.0",
        ),
        (b"\x00" * (MAX_BODY_BYTES + 1), {}, 413, "max_samples_per_send"),
        (packed(b"\x00" * (MAX_BODY_BYTES + 1)), {}, 413, "bytes unpacked"),
    ],
)
async def test_refusals_are_problems(
    site: Site, content: bytes, headers: dict[str, str], status: int, detail: str
) -> None:
    answer = await sent(site, content, **headers)
    assert (answer.status, answer.headers["Content-Type"]) == (status, "application/problem+json")
    assert detail in answer.json["detail"]


@pytest.fixture
def nothing_held(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if so much were held that nothing more can be."""
    monkeypatch.setattr(written, "MAX_HELD", -1)


@pytest.mark.usefixtures("nothing_held")
async def test_a_full_server_asks_to_be_sent_it_again(site: Site) -> None:
    answer = await sent(site, body(*counters(T0, c200=5)))
    assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
