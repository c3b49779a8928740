"""What a probe's targets are called and labelled."""

import pytest

from collectors.access import ANONYMOUS, HttpAccess, Tls
from collectors.probe.model import (
    DnsOptions,
    HttpOptions,
    IcmpOptions,
    Location,
    Options,
    Probe,
    ProbeTarget,
    TcpOptions,
    TlsOptions,
    access_of,
    majority,
    targets_of,
)
from collectors.targets import By

SHOP, CART = "https://shop.example/", "https://cart.example/"


def test_a_target_stands_for_an_address_at_a_location() -> None:
    probe = Probe(
        name="front",
        service="shop",
        targets=(ProbeTarget(SHOP, {"page": "home"}), ProbeTarget(CART)),
        options=HttpOptions(),
        interval_s=30.0,
        timeout_s=5.0,
        locations=(Location(), Location("oslo", "http://b:9115", "http_2xx")),
        labels={"page": "any", "region": "eu"},
    )
    home, away, *cart = targets_of(probe)
    assert [one.id for one in (home, away)] == [f"front/{SHOP}", f"front/{SHOP}@oslo"]
    assert [one.id for one in cart] == [f"front/{CART}", f"front/{CART}@oslo"]
    shared = {"job": "front", "instance": SHOP, "service": "shop", "page": "home", "region": "eu"}
    assert home.labels == {**shared, "location": "local"}
    assert away.labels == {**shared, "location": "oslo"}
    assert (home.by, home.url, home.interval_s, home.timeout_s) == (By.PROBE, SHOP, 30.0, 5.0)
    assert probe.target_id(probe.targets[0], probe.locations[1]) == away.id


@pytest.mark.parametrize(("locations", "quorum"), [(1, 1), (2, 2), (3, 2), (4, 3), (5, 3)])
def test_a_majority_is_more_than_half(locations: int, quorum: int) -> None:
    assert majority(locations) == quorum


TLS = Tls(ca_file="ca.pem")


@pytest.mark.parametrize(
    ("options", "access"),
    [
        (
            HttpOptions(access=HttpAccess(username="me", tls=TLS)),
            HttpAccess(username="me", tls=TLS),
        ),
        (TcpOptions(tls_config=TLS), HttpAccess(tls=TLS)),
        (TlsOptions(tls_config=TLS), HttpAccess(tls=TLS)),
        (DnsOptions("a", tls_config=TLS), HttpAccess(tls=TLS)),
        (IcmpOptions(), ANONYMOUS),
    ],
)
def test_every_prober_is_let_in_by_what_its_options_say(
    options: Options, access: HttpAccess
) -> None:
    assert access_of(options) == access


def test_secrets_stay_out_of_texts() -> None:
    access = HttpAccess(credentials="s3cret")
    options = HttpOptions(access=access, headers={"X-Key": "s3cret"}, body="s3cret")
    assert "s3cret" not in repr(options)
