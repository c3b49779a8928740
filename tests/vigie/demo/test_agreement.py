"""The demo shop measured twice, by its pages and by its spans: both say the same but for what is on
its way, and exactly the same when nothing is.
"""

import json
import re
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from components import Process, eventually, start
from peers import counting
from serving import Served
from vigie.demo.fleet import ZONES, Fleet, address, free_ports, order_url, plan
from vigie.demo.shop import RESTART_STATUS, Replica

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]

# How old what a figure shows may be: spans are sent every second and handed over every ten, pages
# come every second, a tick follows. The rest is what a busy machine may take for it.
PAGES_LAG_S, SPANS_LAG_S = 1.0 + 5.0, 1.0 + 10.0 + 5.0
COUNTER = re.compile(r'^http_requests_total\{code="(\d+)".*\} (\S+)$', re.MULTILINE)
SERVER = 'span_kind="SPAN_KIND_SERVER"'
CALLS = "traces_span_metrics_calls_total"
EDGE = 'traces_service_graph_request_total{client="checkout",server="payments"}'

Counted = tuple[int, int]  # good, total


def slos(service: str) -> str:
    """The same by pages and by spans."""
    requests = f'http_requests_total{{service="{service}"'
    calls = f'{CALLS}{{{SERVER},service_name="{service}"'
    bad = f'sum({requests},code=~"5.."}})'
    failed = f'sum({calls},status_code="STATUS_CODE_ERROR"}})'
    return counting("pages", service, bad=bad, total=f"sum({requests}}})") + counting(
        "spans", service, bad=failed, total=f"sum({calls}}})"
    )


@dataclass
class Moment:
    """What was true before and after the figures were asked for, by service."""

    at: float
    before: dict[str, Counted]
    after: dict[str, Counted]
    figures: dict[str, Counted]


@dataclass
class World:
    """The shop as processes, and the Vigie that watches it."""

    vigie: Served
    fleet: Fleet
    shop: dict[Replica, Process] = field(default_factory=dict)
    load: Process | None = None
    ended: dict[str, Counted] = field(default_factory=lambda: dict.fromkeys(ZONES, (0, 0)))
    moments: list[Moment] = field(default_factory=list)

    def run(self, replica: Replica) -> None:
        argv = [sys.executable, "-m", "vigie.demo.shop", "--name", replica.name]
        argv += ["--port", str(replica.port), "--zone", replica.zone, "--seed", str(replica.seed)]
        argv += ["--downstream", ",".join(replica.downstream), "--otlp", replica.otlp]
        self.shop[replica] = start(argv, self.vigie.folder / f"{replica.port}.log")

    def order(self) -> None:
        urls = ",".join(order_url(replica) for replica in self.fleet.of("frontend"))
        argv = [sys.executable, "-m", "vigie.demo.load", "--urls", urls, "--rate", "50"]
        self.load = start([*argv, "--seed", "1"], self.vigie.folder / "load.log")

    def rest(self) -> None:
        """No more orders, and those under way answered."""
        assert self.load is not None
        self.load.stop()
        eventually(lambda: all("http_requests_in_flight 0.0" in page(one) for one in self.shop))

    def truth(self) -> dict[str, Counted]:
        """What the replicas have answered, by service."""
        found = dict(self.ended)
        for replica in self.shop:
            found[replica.name] = plus(found[replica.name], answered(replica))
        return found

    def figures(self) -> dict[str, Counted]:
        """What Vigie has counted, by SLO."""
        items = self.vigie.get("/api/v1/slos")["items"]
        return {one["id"]: (one["good"] or 0, one["total"] or 0) for one in items}

    def watch(self, orders: int) -> None:
        """Look again and again until the shop has answered so many orders more."""
        last = self.truth()["frontend"][1] + orders
        eventually(lambda: self.look() >= last, 90, every_s=0.2)

    def look(self) -> int:
        """Note what is shown, and what is true; the orders answered."""
        before, at = self.truth(), time.monotonic()
        figures = self.figures()
        after = self.truth()
        self.moments.append(Moment(at, before, after, figures))
        return after["frontend"][1]


def plus(one: Counted, other: Counted) -> Counted:
    return one[0] + other[0], one[1] + other[1]


def page(replica: Replica) -> str:
    with urllib.request.urlopen(f"http://{address(replica)}/metrics", timeout=5) as answer:
        return str(answer.read().decode())


def answered(replica: Replica) -> Counted:
    """Good and total of a page."""
    by_code = [(code, int(float(value))) for code, value in COUNTER.findall(page(replica))]
    return sum(n for code, n in by_code if code < "500"), sum(n for _, n in by_code)


def fault(replica: Replica, **faults: float | bool) -> None:
    url = f"http://{address(replica)}/admin/faults"
    urllib.request.urlopen(url, json.dumps(faults).encode(), timeout=5).close()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    vigie = Served(tmp_path)
    shop = plan(free_ports(7, 21_000), 1)
    url = f"http://127.0.0.1:{vigie.port}"
    shop = replace(shop, replicas=tuple(replace(r, otlp=url) for r in shop.replicas))
    world = World(vigie, shop)
    edge = counting("edge", "payments", bad=EDGE.replace("_total", "_failed_total"), total=EDGE)
    vigie.write("slos/availability.yaml", "".join(map(slos, ZONES)) + edge)
    for service in ZONES:
        addresses = [{"address": address(one)} for one in shop.of(service)]
        vigie.write(
            f"slos/{service}.yaml",
            f"apiVersion: vigie.dev/v1\nkind: Targets\nmetadata: {{name: {service}}}\n"
            f"spec: {{service: {service}, interval: 1s, targets: {json.dumps(addresses)}}}\n",
        )
    try:
        for replica in shop.replicas:
            world.run(replica)
        eventually(lambda: [page(one) for one in world.shop], 60)
        vigie.start()
        eventually(lambda: scraped(world) == len(shop.replicas))
        yield world
    finally:
        for process in [*world.shop.values(), world.load]:
            if process is not None:
                process.kill()
        vigie.stop()


def scraped(world: World) -> int:
    targets = world.vigie.get("/api/v1/targets")["items"]
    return sum(target["health"] == "up" for target in targets if target["by"] == "scrape")


def test_the_slo_over_spans_and_the_one_over_pages_agree_within_what_is_on_its_way(
    world: World,
) -> None:
    checkout, payments = world.fleet.of("checkout"), world.fleet.of("payments")
    world.order()
    # A service whose spans are new is met in one round, and its first page comes in the next.
    eventually(lambda: all(world.figures()[f"{name}/spans"][1] for name in ZONES), 60)
    world.watch(300)
    fault(checkout[0], errors=0.5)
    fault(payments[0], latency_ms=100)
    world.watch(600)
    fault(payments[1], hang=True)  # who asks it gives up, and it answers them when it is healed
    eventually(lambda: "hang" in gives_up(payments[1]), 30)
    fault(payments[1])
    fault(checkout[0])
    world.watch(600)
    world.rest()
    agree(world)
    restart(world, checkout[1])  # its counters begin at zero, its spans go on
    world.order()
    world.watch(300)
    world.rest()
    agree(world)
    found = {service: within_what_is_on_its_way(world, service) for service in ZONES}
    for service, (bound, _) in found.items():
        assert bound < world.truth()[service][1], "nothing old enough was ever asked for"
    print("bound and widest difference:", found, "figures:", world.figures())


def gives_up(replica: Replica) -> str:
    """Why its page does not come while it hangs."""
    try:
        page(replica)
    except TimeoutError:
        return "hang"
    return ""


def restart(world: World, replica: Replica) -> None:
    world.ended[replica.name] = plus(world.ended[replica.name], answered(replica))
    fault(replica, restart=True)
    assert world.shop.pop(replica).wait() == RESTART_STATUS
    world.run(replica)
    eventually(lambda: page(replica))
    eventually(lambda: scraped(world) == len(world.fleet.replicas))


def agree(world: World) -> None:
    """Nothing is on its way: every figure is what was answered."""
    truth = world.truth()
    wanted = {f"{name}/{by}": truth[name] for name in ZONES for by in ("pages", "spans")}

    def agreed() -> bool:
        world.look()
        figures = world.moments[-1].figures
        assert {name: figures[name] for name in wanted} == wanted
        return True

    eventually(agreed, 60, every_s=0.2)
    assert world.figures()["payments/edge"][1] == truth["payments"][1]


def within_what_is_on_its_way(world: World, service: str) -> tuple[int, int]:
    """Whether each figure was true at some time that is recent enough. The most that could be on
    its way, and the widest difference between the two SLOs.
    """
    bounds, differences = [], []
    for number, moment in enumerate(world.moments):
        for by, lag_s in (("pages", PAGES_LAG_S), ("spans", SPANS_LAG_S)):
            old = [one.before for one in world.moments[:number] if one.at <= moment.at - lag_s]
            least = old[-1][service] if old else (0, 0)
            good, total = moment.figures[f"{service}/{by}"]
            most = moment.after[service]
            assert least[0] <= good <= most[0], (by, moment)
            assert least[1] <= total <= most[1], (by, moment)
        bounds.append(most[1] - least[1])
        pages, spans = (moment.figures[f"{service}/{by}"][1] for by in ("pages", "spans"))
        differences.append(abs(pages - spans))
        assert differences[-1] <= bounds[-1]
    return max(bounds), max(differences)
