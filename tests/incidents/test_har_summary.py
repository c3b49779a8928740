"""Failing and slow requests, worked out by hand."""

from hars import entry, har
from incidents.har import summary
from incidents.har_summary import MOST


def test_routes_that_fail_come_worst_first() -> None:
    some = [entry(url=f"https://a.example/orders/{n}", status=503) for n in range(3)]
    some += [entry(url="https://a.example/orders/9"), entry(url="https://a.example/me", status=404)]
    some += [entry(url="https://b.example/", method="post", status=0, error="net::ERR_TIMED_OUT")]
    found = summary(har(*some))
    assert (found["requests"], found["failed"]) == (6, 5)
    assert found["statuses"] == {"0": 1, "200": 1, "404": 1, "503": 3}
    shown = [(row["method"], row["route"], row["failed"], row["count"]) for row in found["failing"]]
    assert shown == [
        ("GET", "a.example/orders/{n}", 3, 4),
        ("GET", "a.example/me", 1, 1),
        ("POST", "b.example/", 1, 1),
    ]
    assert found["failing"][2]["errors"] == {"net::ERR_TIMED_OUT": 1}
    assert found["slow"] == []


def test_slow_routes_say_where_the_time_went() -> None:
    times = [10.0, 20.0, 30.0, 5_000.0]
    phases = {"blocked": -1, "dns": 0, "connect": 3, "ssl": 2, "wait": 4_990, "receive": 7.5}
    found = summary(har(*(entry(time=time, timings=phases) for time in times), entry(time=-1)))
    (slow,) = found["slow"]
    assert (slow["count"], slow["p50_ms"], slow["p95_ms"]) == (4, 20.0, 5_000.0)
    assert slow["slowest"] == {
        "time_ms": 5_000.0,
        "status": 200,
        "phases_ms": {"dns": 0, "connect": 3, "ssl": 2, "wait": 4_990, "receive": 7.5},
    }
    assert found["pages"] == [{"page": 1, "content_load_ms": 310.2, "load_ms": 911}]


def test_what_is_left_out_of_a_list_is_counted() -> None:
    routes = [entry(url=f"https://a.example/r{n}", status=500, time=2_000) for n in range(MOST + 3)]
    found = summary(har(*routes))
    assert (len(found["failing"]), found["failing_left_out"]) == (MOST, 3)
    assert (len(found["slow"]), found["slow_left_out"]) == (MOST, 3)
