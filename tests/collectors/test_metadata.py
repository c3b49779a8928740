"""Addresses at which clouds tell secrets, in every spelling, and those that only look alike."""

import pytest

from collectors.metadata import is_metadata


@pytest.mark.parametrize(
    "host",
    [
        "169.254.169.254",
        "169.254.0.1",
        "fe80::1%eth0",
        "::ffff:169.254.169.254",
        "64:ff9b::169.254.169.254",
        "2002:a9fe:a9fe::1",
        "fd00:ec2::254",
        "168.63.129.16",
        "Metadata.Google.Internal.",
    ],
)
def test_it_is_recognised(host: str) -> None:
    assert is_metadata(host)


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "10.0.0.1", "169.253.1.1", "fec0::1", "::1", "metadata.shop.example", ""]
)
def test_others_are_not_taken_for_it(host: str) -> None:
    assert not is_metadata(host)
