"""Addresses and the names of failures."""

import errno
import socket

import pytest

from collectors.probe.errors import MAX_REASON, ProbeFailed
from collectors.probe.network import Address, host_and_port, reason_for
from collectors.probe.patterns import expanded, search


@pytest.mark.parametrize(
    ("text", "default", "parts"),
    [
        ("a:80", 0, ("a", 80)),
        ("[::1]:80", 0, ("::1", 80)),
        ("a", 443, ("a", 443)),
        ("a:80", 443, ("a", 80)),
        ("[::1]", 443, ("::1", 443)),
        ("::1", 443, ("::1", 443)),
        ("2001:db8::53", 53, ("2001:db8::53", 53)),
    ],
)
def test_a_host_and_its_port_are_told_apart(
    text: str, default: int, parts: tuple[str, int]
) -> None:
    assert host_and_port(text, default) == parts


@pytest.mark.parametrize("text", ["a", "a:", ":80", "a:x", "a:0", "a:70000", "::1", "[::1]", ""])
def test_what_is_no_host_and_port_is_refused(text: str) -> None:
    with pytest.raises(ProbeFailed, match="is no host:port"):
        host_and_port(text)


@pytest.mark.parametrize(
    ("ip", "near"),
    [
        ("169.254.169.254", True),
        ("::ffff:169.254.169.254", True),
        ("fe80::1%eth0", True),
        ("fd00:ec2::254", True),
        ("127.0.0.1", False),
        ("10.0.0.1", False),
        ("2001:db8::1", False),
    ],
)
def test_addresses_that_tell_machines_about_themselves_are_known(ip: str, near: bool) -> None:
    family = socket.AF_INET6 if ":" in ip else socket.AF_INET
    assert Address(family, ip, (ip, 80)).is_link_local is near


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ConnectionRefusedError(errno.ECONNREFUSED, "x"), "connection refused"),
        (ConnectionResetError(errno.ECONNRESET, "x"), "connection reset"),
        (OSError(errno.EHOSTUNREACH, "No route to host"), "no route to host"),
        (TimeoutError(errno.ETIMEDOUT, "x"), "timeout"),
        (ConnectionResetError(), "connection reset"),
        (OSError("odd\nmore"), "odd"),
        (OSError(), "OSError"),
    ],
)
def test_a_failure_has_a_name(error: OSError, reason: str) -> None:
    assert reason_for(error) == reason


def test_a_reason_is_bounded() -> None:
    assert len(ProbeFailed("x" * 1000).reason) == MAX_REASON


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("EHLO ${1}", "EHLO mail.example"),
        ("$1 $name $$1", "mail.example 25 $1"),
        ("${9}$none|${0}", "|220 mail.example 25"),
        ("plain", "plain"),
    ],
)
def test_a_template_takes_groups_of_a_match(template: str, text: str) -> None:
    match = search(r"220 (\S+) (?P<name>\d+)", "say: 220 mail.example 25 ESMTP")
    assert expanded(template, match) == text
