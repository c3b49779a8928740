"""A webhook against a real receiver: what is sent, and what counts as delivered."""

import hashlib
import hmac
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import aiohttp
import orjson
import pytest

from vigie.notify.errors import DeliveryFailed
from vigie.notify.message import Message
from vigie.notify.webhook import send

NOW = 1_790_000_000.5


async def refused(
    web_session: aiohttp.ClientSession, channel: Any, message: Message
) -> DeliveryFailed:
    with pytest.raises(DeliveryFailed) as failed:
        await send(web_session, channel, message, now=NOW)
    return failed.value


async def test_a_2xx_is_delivered_and_the_answer_is_kept(
    web_session: Any, receiver: Any, message: Message
) -> None:
    receiver.status, receiver.text = 202, "queued\n as 7"
    assert (
        await send(web_session, receiver.channel(), message, now=NOW) == "status 202: queued as 7"
    )


async def test_the_receiver_gets_the_message_its_time_and_its_dedup_key(
    web_session: Any, receiver: Any, message: Message
) -> None:
    await send(web_session, receiver.channel(), message, now=NOW)
    ((headers, body),) = receiver.got
    assert headers["Idempotency-Key"] == "notify:12:page:oncall"
    assert headers["X-Vigie-Timestamp"] == "1790000000"
    assert headers["Content-Type"] == "application/json"
    assert "X-Vigie-Signature" not in headers
    assert orjson.loads(body) == {**message.body, "sent_at": "2026-09-21T14:13:20.500Z"}


async def test_the_body_is_signed_with_its_timestamp(
    web_session: Any, receiver: Any, message: Message, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("s3cret\n")
    await send(web_session, receiver.channel(secret_file=str(secret)), message, now=NOW)
    await send(web_session, receiver.channel(secret="s3cret"), message, now=NOW)
    for headers, body in receiver.got:
        signed = headers["X-Vigie-Timestamp"].encode() + b"." + body
        expected = hmac.new(b"s3cret", signed, hashlib.sha256).hexdigest()
        assert headers["X-Vigie-Signature"] == f"v1={expected}"


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 599])
async def test_a_receiver_in_trouble_is_asked_again(
    web_session: Any, receiver: Any, message: Message, status: int
) -> None:
    receiver.status, receiver.text = status, "later"
    failed = await refused(web_session, receiver.channel(), message)
    assert (failed.reason, failed.retry) == (f"status {status}: later", True)


@pytest.mark.parametrize("status", [400, 401, 404, 410, 422])
async def test_a_refusal_is_no_delivery_and_is_tried_more_slowly(
    web_session: Any, receiver: Any, message: Message, status: int
) -> None:
    receiver.status = status
    failed = await refused(web_session, receiver.channel(), message)
    assert (failed.reason, failed.retry) == (f"status {status}", False)


async def test_a_redirect_is_not_followed(
    web_session: Any, receiver: Any, message: Message
) -> None:
    receiver.status, receiver.headers = 307, {"Location": "/elsewhere"}
    failed = await refused(web_session, receiver.channel(), message)
    assert failed.reason == "status 307, to /elsewhere: redirects are not followed"
    assert len(receiver.got) == 1


@pytest.mark.parametrize(
    ("header", "after_s"),
    [
        ("7", 7.0),
        ("86400", 300.0),
        ("Mon, 21 Sep 2026 14:13:50 GMT", 29.5),
        ("Mon, 21 Sep 2026 14:13:50 -0000", 29.5),
        ("Mon, 21 Sep 2020 14:13:50 GMT", 0.0),
        ("soon", None),
        ("-1", None),
    ],
)
async def test_a_pause_that_the_receiver_asks_for_is_kept_within_reason(
    web_session: Any, receiver: Any, message: Message, header: str, after_s: float | None
) -> None:
    receiver.status, receiver.headers = 429, {"Retry-After": header}
    assert (await refused(web_session, receiver.channel(), message)).after_s == after_s


async def test_silence_is_no_delivery(web_session: Any, receiver: Any, message: Message) -> None:
    receiver.hang = True
    failed = await refused(web_session, receiver.channel(timeout_s=0.2), message)
    assert (failed.reason, failed.retry) == ("no answer within 200ms", True)


async def test_the_acceptance_is_the_status_line_even_if_the_body_never_comes(
    web_session: Any, receiver: Any, message: Message
) -> None:
    receiver.hang_in_body = True
    answer = await send(web_session, receiver.channel(timeout_s=0.2), message, now=NOW)
    assert answer == "status 200"


async def test_nobody_there_is_no_delivery(
    web_session: Any, receiver: Any, message: Message
) -> None:
    receiver.url = "http://127.0.0.1:1/hook"
    failed = await refused(web_session, receiver.channel(), message)
    assert failed.retry
    assert "Cannot connect to host 127.0.0.1:1" in failed.reason


async def test_an_unreadable_secret_is_named_and_nothing_is_sent_unsigned(
    web_session: Any, receiver: Any, message: Message
) -> None:
    failed = await refused(web_session, receiver.channel(secret_file="/nowhere/secret"), message)
    assert failed.reason.startswith("secret_file /nowhere/secret cannot be read")
    assert receiver.got == []


async def test_an_answer_is_kept_short_and_printable(
    web_session: Any, receiver: Any, message: Message
) -> None:
    receiver.text = "a\x00" + "x" * 10_000
    answer = await send(web_session, receiver.channel(), message, now=NOW)
    assert answer.startswith("status 200: ax")
    assert len(answer) < 400


# -- docs/reference/webhook.md ----------------------------------------------------------------

DOCS = Path(__file__).parents[3] / "docs/reference/webhook.md"


def code(language: str) -> str:
    return DOCS.read_text(encoding="utf-8").partition(f"```{language}\n")[2].partition("```")[0]


def shape(value: Any) -> Any:
    """The keys of a JSON value, all the way down; of a list, those of its first item."""
    if isinstance(value, dict):
        return {key: shape(inner) for key, inner in value.items()}
    return [shape(item) for item in value[:1]] if isinstance(value, list) else None


async def test_the_documented_body_is_the_body(
    web_session: Any, receiver: Any, message: Message
) -> None:
    await send(web_session, receiver.channel(), message, now=NOW)
    documented, sent = orjson.loads(code("json")), orjson.loads(receiver.got[0][1])
    documented["runbooks"], documented["incident"]["labels"] = [], sent["incident"]["labels"]
    assert shape(documented) == shape(sent)


async def test_the_documented_check_accepts_what_was_sent_and_nothing_else(
    web_session: Any, receiver: Any, message: Message
) -> None:
    check: dict[str, Any] = {}
    exec(code("python"), check)
    check["time"] = SimpleNamespace(time=lambda: NOW)
    await send(web_session, receiver.channel(secret="s3cret"), message, now=NOW)
    ((headers, body),) = receiver.got
    assert check["genuine"]("s3cret", headers, body)
    assert not check["genuine"]("other", headers, body)
    assert not check["genuine"]("s3cret", headers, body + b" ")
    check["time"] = SimpleNamespace(time=lambda: NOW + 301)
    assert not check["genuine"]("s3cret", headers, body)
