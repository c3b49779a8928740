"""Which hosts are asked without a proxy: the table of Go's httpproxy, as its documentation says."""

import pytest
from yarl import URL

from collectors.proxies import NoProxy

FITS = [
    ("", "http://localhost/", True),
    ("", "http://127.0.0.1:9090/", True),
    ("", "http://[::1]/", True),
    ("", "http://shop/", False),
    ("*", "http://shop/", True),
    ("shop.example", "http://shop.example/", True),
    ("shop.example", "http://a.shop.example/", True),
    ("shop.example", "http://ashop.example/", False),
    (".shop.example", "http://shop.example/", False),
    (".shop.example", "http://a.shop.example/", True),
    ("*.shop.example", "http://a.shop.example/", True),
    ("*.shop.example", "http://shop.example/", False),
    ("SHOP.example", "http://shop.EXAMPLE./", True),
    ("shop.example:8080", "http://shop.example:8080/", True),
    ("shop.example:8080", "http://shop.example/", False),
    ("shop.example:443", "https://shop.example/", True),
    ("10.0.0.0/8", "http://10.1.2.3/", True),
    ("10.0.0.0/8", "http://11.1.2.3/", False),
    ("10.0.0.0/99", "http://10.1.2.3/", False),
    ("10.1.2.3", "http://10.1.2.3:80/", True),
    ("10.1.2.3:81", "http://10.1.2.3/", False),
    ("10.1.2.3:80", "http://10.1.2.3/", True),
    ("fd00::/8", "http://[fd00::1]/", True),
    ("[fd00::1]:81", "http://[fd00::1]:81/", True),
    ("fd00::1", "http://[fd00::1]:81/", True),
    ("a, b ,c", "http://b/", True),
]


@pytest.mark.parametrize(("listed", "url", "fits"), FITS)
def test_a_list_of_exceptions_fits_as_go_reads_it(listed: str, url: str, fits: bool) -> None:
    assert NoProxy(listed).fits(URL(url)) is fits
