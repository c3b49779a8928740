"""The kind Channel: what it says, and what it may not say."""

from pathlib import Path

import pytest

from slo.load.yaml import Problems, documents
from vigie import channels
from vigie.channels import Channel

WEBHOOK = """\
apiVersion: vigie.dev/v1
kind: Channel
metadata: {name: oncall}
spec:
  type: webhook
  receives: [page]
  url: https://hooks.example.org/vigie
  secret_file: ../secrets/hook
  timeout: 5s
"""
EMAIL = """\
apiVersion: vigie.dev/v1
kind: Channel
metadata: {name: mail}
spec:
  type: email
  smtp: {host: mx.example.org, port: 587, tls: tls, username: vigie, password_file: password}
  from: vigie@example.org
  to: [oncall@example.org, "On call <second@example.org>"]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "channels").mkdir()
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "hook").write_text("s3cret")
    (tmp_path / "channels" / "password").write_text("s3cret")
    return tmp_path / "channels"


def test_a_webhook_is_read_and_its_secret_is_found_beside_its_file(folder: Path) -> None:
    channel, problems = _read(WEBHOOK, folder)
    assert problems == []
    assert channel == Channel(
        name="oncall",
        type="webhook",
        receives=frozenset({"page"}),
        url="https://hooks.example.org/vigie",
        secret_file=str(folder / "../secrets/hook"),
        timeout_s=5,
        mark=channel.mark if channel else None,
    )


def test_an_email_is_read(folder: Path) -> None:
    channel, problems = _read(EMAIL.replace("On call <second@example.org>", "b@x"), folder)
    assert problems == []
    assert channel == Channel(
        name="mail",
        type="email",
        receives=frozenset({"page", "notice"}),
        smtp_host="mx.example.org",
        smtp_port=587,
        smtp_tls="tls",
        username="vigie",
        password_file=str(folder / "password"),
        sender="vigie@example.org",
        recipients=("oncall@example.org", "b@x"),
        mark=channel.mark if channel else None,
    )


@pytest.mark.parametrize(
    ("written", "audiences", "receives"),
    [
        ("", {"internal"}, {"page", "notice"}),
        ("  audiences: [internal]\n", {"internal"}, {"page", "notice"}),
        ("  audiences: [executive, customer]\n", {"executive", "customer"}, set()),
        ("  audiences: [executive]\n  receives: [notice]\n", {"executive"}, {"notice"}),
    ],
)
def test_a_channel_for_others_gets_nothing_but_what_is_written_for_them(
    folder: Path, written: str, audiences: set[str], receives: set[str]
) -> None:
    channel, told = _read(WEBHOOK.replace("  receives: [page]\n", written), folder)
    assert told == []
    assert channel is not None
    assert (channel.audiences, channel.receives) == (audiences, receives)


def test_a_channel_named_fallback_receives_what_cannot_be_recorded(folder: Path) -> None:
    text = WEBHOOK.replace("  receives: [page]\n", "")
    assert _received(text, folder) == {"page", "notice"}
    assert _received(text.replace("oncall", "fallback"), folder) == {"fallback"}


REFUSED = [
    (
        WEBHOOK,
        "webhook\n",
        "webhok\n",
        "5:9: error[V105] `spec.type` is `webhok`; it must be one of",
    ),
    (WEBHOOK, "[page]", "[pages]", "6:13: error[V105] `pages` is nothing that a channel receives"),
    (WEBHOOK, "receives: [page]", "audiences: [us]", "6:14: error[V105] `us` is no audience"),
    (
        WEBHOOK,
        "https:",
        "hooks:",
        "7:8: error[V114] `hooks://hooks.example.org/vigie` is no http://",
    ),
    (WEBHOOK, "secrets", "secret", "8:16: error[V001] there is no file `"),
    (
        WEBHOOK,
        "  url:",
        "  to: [a@b]\n  url:",
        "7:3: error[V111] `spec.to` belongs to a channel of",
    ),
    (
        WEBHOOK,
        "  timeout",
        "  secret: s\n  timeout",
        "8:16: error[V111] `secret` and `secret_file` are both set: keep one",
    ),
    (
        EMAIL,
        "port: 587",
        "port: 0",
        "6:38: error[V106] `spec.smtp.port` is 0; it must be at least 1",
    ),
    (
        EMAIL,
        "tls: tls",
        "tls: ssl",
        "6:48: error[V105] `spec.smtp.tls` is `ssl`; it must be one of",
    ),
    (
        EMAIL,
        ", password_file: password",
        "",
        "6:63: error[V103] `username` and `password_file` belong together: write both or none",
    ),
    (EMAIL, "from: vigie@", "from: ", "7:9: error[V114] `example.org` is no e-mail address"),
    (EMAIL, "x", "x", "8:7: error[V114] `On call <second@example.org>` is no e-mail address"),
    (
        EMAIL,
        "  from",
        "  url: http://a\n  from",
        "7:3: error[V111] `spec.url` belongs to a channel of",
    ),
]


@pytest.mark.parametrize(("text", "old", "new", "expected"), REFUSED)
def test_a_wrong_channel_is_refused_at_its_place(
    text: str, old: str, new: str, expected: str, folder: Path
) -> None:
    channel, problems = _read(text.replace(old, new, 1), folder)
    assert channel is None
    assert any(problem.startswith(f"c.yaml:{expected}") for problem in problems), problems


def test_a_secret_is_not_shown() -> None:
    channel = Channel("a", "webhook", frozenset(), secret="s3cret")
    assert "s3cret" not in repr(channel)


def _received(text: str, folder: Path) -> frozenset[str]:
    channel, _ = _read(text, folder)
    assert channel is not None
    return channel.receives


def _read(text: str, folder: Path) -> tuple[Channel | None, list[str]]:
    problems = Problems()
    (node,) = documents(text, str(folder / "c.yaml"), problems)
    channel = channels.read(node, problems)
    return channel, [str(problem).removeprefix(f"{folder}/") for problem in problems.items]
