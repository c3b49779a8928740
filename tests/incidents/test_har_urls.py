"""Of an address stays what a person wrote."""

import pytest

from incidents.har_urls import MAX_SEGMENTS, redacted_url, route_of

UUID = "3fa85f64-5717-4562-b3fc-2c963f66afa6"


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("https://shop.example.com/orders/12345/items", None),
        ("https://shop.example.com:8443/v1beta1/getOrderByID", None),
        ("https://cdn.example.com/jquery-3.6.0.min.js", None),
        ("http://127.0.0.1:8080/", None),
        ("http://[2001:db8::1]:8080/x", None),
        ("https://a.example/?page=2&verbose=true&x=&flag&a[]=1", None),
        ("https://ada:pw@a.example/#top", "https://a.example/"),
        (f"https://a.example/users/{UUID}", "https://a.example/users/{uuid}"),
        ("https://a.example/app.3f2a91bc77aa.js", "https://a.example/{redacted}.js"),
        ("https://a.example/u/ada@example.com", "https://a.example/u/{redacted}"),
        ("https://a.example/pay/4111111111111111", "https://a.example/pay/{redacted}"),
        ("https://a.example/pay/4111-1111-1111-1111", "https://a.example/pay/{redacted}"),
        ("https://a.example/x;jsessionid=1A2B", "https://a.example/{redacted}"),
        ("https://a.example/?token=1&pin=123456", "https://a.example/?token={redacted}&pin={redacted}"),
        ("https://a.example/?q=ada+lovelace", "https://a.example/?q={redacted}"),
        ("https://a.example/?n=1234567", "https://a.example/?n={redacted}"),
        ("https://d3adb33fcafe99.cdn.example/", "https://{redacted}.cdn.example/"),
        ("data:text/html;base64,PGI+", "data:{redacted}"),
        ("javascript:alert(1)", "{redacted}"),
        ("https://a.example:99999999/", "{redacted}"),
        ("https://[/", "{redacted}"),
        ("/next?page=2", None),
        ("", None),
    ],
)  # fmt: skip
def test_what_of_an_address_is_kept(given: str, kept: str | None) -> None:
    expected = given if kept is None else kept
    assert redacted_url(given)[0] == expected
    assert redacted_url(expected) == (expected, {})


def test_a_path_without_end_is_cut() -> None:
    long = "https://a.example" + "/a" * 100
    kept, gone = redacted_url(long)
    assert kept.count("/a") == MAX_SEGMENTS
    assert gone["path_segments"] == 1
    assert redacted_url(kept) == (kept, {})


def test_numbers_do_not_part_a_route() -> None:
    assert route_of("https://a.example:8443/orders/7?page=2") == "a.example:8443/orders/{n}"
    assert route_of("data:{redacted}") == "data:{redacted}"
