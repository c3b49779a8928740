"""vigie.demo.receiver: it believes what is signed, and only that."""

import hashlib
import hmac
import json
from pathlib import Path

from aiohttp.test_utils import TestClient, TestServer

from vigie.demo.receiver import Received, build, received, refusal, secret_from
from vigie.notify.webhook import signature

NOW = 1_800_000_000.0
SECRET = "s3cret"
BODY = json.dumps(
    {
        "version": 1,
        "event": "opened",
        "dedup_key": "notify:1:opened:oncall",
        "kind": "page",
        "text": "checkout burns",
        "incident": {"number": 1, "title": "checkout burns"},
    }
).encode()


def signed(body: bytes = BODY, at: int = int(NOW), secret: str = SECRET) -> dict[str, str]:
    mac = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256)
    return {"X-Vigie-Timestamp": str(at), "X-Vigie-Signature": f"v1={mac.hexdigest()}"}


def test_what_the_sender_signs_is_believed() -> None:
    headers = {
        "X-Vigie-Timestamp": str(int(NOW)),
        "X-Vigie-Signature": signature(SECRET, int(NOW), BODY),
    }
    assert refusal(SECRET, headers, BODY, NOW) == ""


def test_what_is_not_signed_so_is_not_believed() -> None:
    assert refusal(SECRET, signed(), BODY, NOW) == ""
    assert refusal(SECRET, signed(), BODY + b" ", NOW) == "signature is wrong"
    assert refusal(SECRET, signed(secret="other"), BODY, NOW) == "signature is wrong"
    assert refusal(SECRET, {**signed(), "X-Vigie-Timestamp": "1"}, BODY, NOW).startswith("timest")
    assert refusal(SECRET, signed(at=int(NOW) - 301), BODY, NOW).startswith("timestamp")
    assert refusal(SECRET, {}, BODY, NOW).startswith("timestamp")


def test_without_a_secret_nothing_is_checked() -> None:
    assert refusal(None, {}, BODY, NOW) == ""


def test_a_message_is_read() -> None:
    assert received(BODY, "", NOW) == Received(
        at=NOW,
        dedup_key="notify:1:opened:oncall",
        event="opened",
        kind="page",
        number=1,
        text="checkout burns",
    )


def test_a_message_about_vigie_itself_has_no_incident() -> None:
    body = b'{"event": "cannot_record", "kind": "page", "incident": null, "text": "disk full"}'
    assert received(body, "", NOW).number is None


async def test_it_accepts_refuses_and_shows_what_came() -> None:
    async with TestClient(TestServer(build(SECRET, lambda: NOW))) as client:
        assert (await client.post("/hook", data=BODY, headers=signed())).status == 204
        assert (await client.post("/hook", data=BODY)).status == 401
        assert (await client.post("/hook", data=b"[]", headers=signed(b"[]"))).status == 400
        items = (await (await client.get("/received")).json())["items"]
    assert [bool(item["refused"]) for item in items] == [False, True]
    assert items[0]["dedup_key"] == "notify:1:opened:oncall"


def test_the_secret_is_the_text_of_its_file(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("s3cret\n")
    assert secret_from(tmp_path / "secret") == SECRET
    assert secret_from(None) is None
