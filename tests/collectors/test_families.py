"""The families of a page, for people."""

from collectors.families import MOST_FAMILIES, Families, Family, families_of
from proto_pages import COUNTER, EVERY_KIND, HISTOGRAM, NATIVE, PROTO, Plain, family


def test_families_stand_in_page_order_with_type_help_size_and_a_line() -> None:
    body = b"""# HELP requests_total Requests  by code.
# TYPE requests_total counter
requests_total{code="200"} 7
requests_total{code="500"} 1 1700000000000
# a comment
loose 4
# TYPE latency histogram
latency_bucket{le="1"} 3
latency_bucket{le="+Inf"} 4
latency_sum 2.5
latency_count 4
latency_other 9
 # TYPE\tempty   gauge
"""
    assert families_of(body).items == (
        Family(
            "requests_total", "counter", "Requests  by code.", 2, 'requests_total{code="200"} 7'
        ),
        Family("loose", "", "", 1, "loose 4"),
        Family("latency", "histogram", "", 4, 'latency_bucket{le="1"} 3'),
        Family("latency_other", "", "", 1, "latency_other 9"),
        Family("empty", "gauge", "", 0, ""),
    )


def test_openmetrics_names_its_families_without_the_suffix() -> None:
    body = b"""# TYPE requests counter
# UNIT requests requests
# HELP requests How many.
requests_total{a="# x"} 7 # {trace="b"} 1
requests_created 1
# TYPE build info
build_info{version="1"} 1
# TYPE "odd.name" gauge
{"odd.name",a="b"} 3
# EOF
"""
    assert families_of(body).items == (
        Family("requests", "counter", "How many.", 2, 'requests_total{a="# x"} 7 # {trace="b"} 1'),
        Family("build", "info", "", 1, 'build_info{version="1"} 1'),
        Family("odd.name", "gauge", "", 1, '{"odd.name",a="b"} 3'),
    )


def test_only_so_many_families_are_shown_and_the_others_counted() -> None:
    body = "".join(f"metric_{i} {i}\nmetric_{i} 2\n" for i in range(MOST_FAMILIES + 7)).encode()
    found = families_of(body)
    assert len(found.items) == MOST_FAMILIES
    assert found.left_out == 7
    assert {family.samples for family in found.items} == {2}


def test_odd_bytes_and_endless_lines_are_shortened_and_printable() -> None:
    body = b"# HELP x \xff\x1b[0m" + b"h" * 9000 + b'\nx{a="' + b"v" * 90000 + b'"} 1\n\xff\n\x00'
    (family,) = families_of(body).items
    assert len(family.help) < 400
    assert len(family.sample) < 400
    assert (family.help + family.sample).isprintable()
    assert families_of(b"").items == ()


def test_a_page_in_protobuf_has_families_too() -> None:
    body = EVERY_KIND + family("native", HISTOGRAM, ({"p": "/"}, NATIVE), about="Slow\x1b[0m ones.")
    assert families_of(body, PROTO).items == (
        Family("requests_total", "counter", "", 2, 'requests_total{code="200"} 7.0'),
        Family("loose_total", "untyped", "", 1, "loose_total 4.0"),
        Family("rpc_seconds", "summary", "", 4, 'rpc_seconds{quantile="0.5"} 0.1'),
        Family("latency_seconds", "histogram", "", 5, 'latency_seconds_bucket{le="0.5",p="/"} 1.0'),
        Family("temperature", "gauge", "", 1, "temperature -5.0"),
        Family("empty", "gauge", "", 0, ""),
        Family("native", "histogram", "Slow?[0m ones.", 3, 'native_bucket{le="+Inf",p="/"} 20.0'),
    )
    assert len(families_of(body[:-1], PROTO).items) == 6
    assert families_of(b"\xff", PROTO) == Families(())
    many = b"".join(family(f"x{i}", COUNTER, ({}, Plain(1))) for i in range(MOST_FAMILIES + 7))
    assert (len(families_of(many, PROTO).items), families_of(many, PROTO).left_out) == (500, 7)
