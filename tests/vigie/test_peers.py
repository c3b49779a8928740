"""Exporters and servers that people run, all scraped by one Vigie from one prometheus.yml."""

import json
import time
import urllib.error
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from components import eventually, free_port, need
from conftest import StartProcess
from peers import LOCAL, Prometheus, Reading, counting, families, fetched, post, ready, summed
from serving import listening

pytestmark = [pytest.mark.system, pytest.mark.timeout(120)]

PEERS = ("node", "blackbox", "pushgateway", "prometheus", "alertmanager")
SCRAPED = "promhttp_metric_handler_requests_total"
SCRAPES_COUNTED = tuple(name for name in PEERS if name != "pushgateway")  # by themselves
# What only this test makes them count.
DRIVEN = {
    "node": 'backups_total{job="node"}',
    "blackbox": 'blackbox_module_unknown_total{job="blackbox"}',
    "pushgateway": 'pushgateway_http_requests_total{job="pushgateway",handler="push"}',
    "prometheus": 'prometheus_http_requests_total{job="prometheus",handler="/api/v1/query"}',
    "alertmanager": 'alertmanager_alerts_received_total{job="alertmanager"}',
}
GROUPS = "metrics/job/{}/instance/a"


class Peers:
    """The programs, each on a port of its own."""

    def __init__(self, folder: Path, start: StartProcess, site_port: int) -> None:
        self.at = {name: f"{LOCAL}:{free_port()}" for name in PEERS}
        self.site = f"http://{LOCAL}:{site_port}"
        self.folder = folder
        self.backups(3)
        (folder / "blackbox.yml").write_text("modules: {http_2xx: {prober: http, timeout: 1s}}")
        (folder / "alertmanager.yml").write_text(
            "route: {receiver: none}\nreceivers: [{name: none}]"
        )
        for argv in self._programs():
            start(argv)
        self.prometheus = Prometheus(folder / "prometheus", start, {})
        self.at["prometheus"] = self.prometheus.address
        for address in self.at.values():
            ready(address)

    def _programs(self) -> Iterator[list[str]]:
        def listen(name: str) -> str:
            return f"--web.listen-address={self.at[name]}"

        text = f"--collector.textfile.directory={self.folder}"
        yield [need("prometheus-node-exporter"), listen("node"), text]
        config = f"--config.file={self.folder / 'blackbox.yml'}"
        yield [need("prometheus-blackbox-exporter"), listen("blackbox"), config]
        yield [need("prometheus-pushgateway"), listen("pushgateway"), "--persistence.file="]
        yield [
            need("prometheus-alertmanager"),
            listen("alertmanager"),
            f"--config.file={self.folder / 'alertmanager.yml'}",
            f"--storage.path={self.folder / 'alerts'}",
            "--cluster.listen-address=",
        ]

    def page(self, name: str) -> str:
        return fetched(f"http://{self.at[name]}/metrics")

    def value(self, name: str) -> float:
        """What a peer itself says of the counter that is driven."""
        metric, _, matchers = DRIVEN[name].rstrip("}").partition("{")
        own = [one for one in matchers.split(",") if not one.startswith("job=")]
        return summed(self.page(name), metric, *own)

    def backups(self, count: int) -> None:
        """What a job of this machine leaves for the node exporter."""
        beside = self.folder / "backups.new"
        beside.write_text(f"# TYPE backups_total counter\nbackups_total {count}\n")
        beside.rename(self.folder / "backups.prom")

    def push(self, job: str, orders: int) -> None:
        body = f"# TYPE orders_total counter\norders_total {orders}\n".encode()
        post(f"http://{self.at['pushgateway']}/{GROUPS.format(job)}", body)

    def drive(self) -> None:
        """Make each of them count."""
        self.backups(8)
        for _ in range(4):
            with pytest.raises(urllib.error.HTTPError):
                fetched(f"http://{self.at['blackbox']}/probe?target=a&module=nonesuch")
        for _ in range(6):
            self.prometheus.asked("vector(1)")
        alerts = [{"labels": {"alertname": f"a{n}"}} for n in range(7)]
        url = f"http://{self.at['alertmanager']}/api/v2/alerts"
        post(url, json.dumps(alerts).encode(), Content_Type="application/json")

    def scrape_configs(self) -> dict[str, Any]:
        """As people write them: each peer is a job; probes go by way of the blackbox exporter."""
        jobs: list[dict[str, Any]] = [
            {"job_name": name, "static_configs": [{"targets": [address]}]}
            for name, address in self.at.items()
        ]
        next(job for job in jobs if job["job_name"] == "pushgateway")["honor_labels"] = True
        jobs.append(
            {
                "job_name": "site",
                "metrics_path": "/probe",
                "params": {"module": ["http_2xx"]},
                "static_configs": [{"targets": [f"{self.site}/good", f"{self.site}/bad"]}],
                "relabel_configs": [
                    {"source_labels": ["__address__"], "target_label": "__param_target"},
                    {"source_labels": ["__param_target"], "target_label": "instance"},
                    {"target_label": "__address__", "replacement": self.at["blackbox"]},
                ],
            }
        )
        return {
            "global": {"scrape_interval": "1s", "scrape_timeout": "900ms"},
            "scrape_configs": jobs,
        }


def slos() -> str:
    made = [
        counting(
            f"{name}-scraped",
            name,
            bad=f'sum({SCRAPED}{{job="{name}",code!="200"}})',
            total=f'sum({SCRAPED}{{job="{name}"}})',
        )
        for name in SCRAPES_COUNTED
    ]
    made += [
        counting(f"{name}-driven", name, good=f"sum({one})", total=f"sum({one})")
        for name, one in DRIVEN.items()
    ]
    orders = 'sum(orders_total{job=~"shop|mail"})'  # the labels of whoever pushed
    made.append(counting("orders", "pushgateway", good=orders, total=orders))
    for page in ("good", "bad"):
        one = f'probe_success{{job="site",instance=~".*/{page}"}}'
        part, total = f"sum({one})", f"count({one})"
        made.append(counting(f"probe-{page}", "site", good=part, total=total, counter=False))
    return "".join(made)


@pytest.fixture
def peers(tmp_path: Path, start_process: StartProcess) -> Iterator[Peers]:
    (tmp_path / "peers").mkdir()

    def site(path: str, _body: bytes) -> tuple[int, bytes]:
        return (200 if path == "/good" else 500), b"hello\n"

    with listening(site) as port:
        yield Peers(tmp_path / "peers", start_process, port)


@pytest.fixture
def vigie(peers: Peers, tmp_path: Path) -> Iterator[Reading]:
    (tmp_path / "vigie").mkdir()
    made = Reading(tmp_path / "vigie", peers.scrape_configs(), slos())
    try:
        yield made
    finally:
        made.stop()


def all_up(vigie: Reading) -> bool:
    """Whether every target was read at least twice, so that its counters count."""
    targets = vigie.targets()
    health = {name: (target["health"], target["error"]) for name, target in targets.items()}
    assert health == dict.fromkeys(targets, ("up", None))
    assert len(targets) == len(PEERS) + 2  # the two pages that are probed
    return all(vigie.counted(f"{name}-scraped")[1] > 0 for name in SCRAPES_COUNTED)


def test_peers_are_scraped_and_counted_as_they_count_themselves(
    peers: Peers, vigie: Reading
) -> None:
    peers.push("shop", 1000)
    before = {name: peers.value(name) for name in PEERS}
    # A page counts the scrapes before it: the first one of Vigie shows the last one of ours.
    first = {name: summed(peers.page(name), SCRAPED) + 1 for name in SCRAPES_COUNTED}
    process = vigie.start()
    eventually(lambda: all_up(vigie))

    peers.drive()
    for job, orders in (("mail", 500), ("shop", 1007)):  # when those of mail were nobody knows
        peers.push(job, orders)
    eventually(lambda: vigie.counted("orders")[1] == 7)
    for job, orders in (("mail", 503), ("shop", 4)):  # the shop began anew
        peers.push(job, orders)

    eventually(lambda: vigie.counted("orders") == (14, 14))
    for name in PEERS:
        grown = peers.value(name) - before[name]
        assert grown >= 4, name
        eventually(partial(driven, vigie, name, grown))
        assert_shown(peers, vigie, name)
    for name in SCRAPES_COUNTED:
        assert_scrapes_agree(peers, vigie, name, first[name])
    probed = vigie.slos()
    assert (probed["probe-good"]["sli"], probed["probe-bad"]["sli"]) == (1.0, 0.0)
    assert process.alive()


def driven(vigie: Reading, name: str, grown: float) -> bool:
    return vigie.counted(f"{name}-driven") == (grown, grown)


def assert_scrapes_agree(peers: Peers, vigie: Reading, name: str, first: float) -> None:
    """Between two pages of ours Vigie has read one: its count lies between theirs."""
    least = summed(peers.page(name), SCRAPED) - first
    asked = time.time()
    eventually(lambda: of(vigie, name)["last_scrape_at"] > iso(asked))
    eventually(lambda: vigie.counted(f"{name}-scraped")[1] >= least)
    good, total = vigie.counted(f"{name}-scraped")
    most = summed(peers.page(name), SCRAPED) - first
    assert least <= total <= most
    assert good == total


def assert_shown(peers: Peers, vigie: Reading, name: str) -> None:
    """The families and the samples of its page are those that we get."""
    target, page = of(vigie, name), peers.page(name)
    shown = vigie.get(f"/api/v1/targets/{target['id']}")
    assert shown["families_left_out"] == 0
    assert {family["name"] for family in shown["families"]} == families(page)
    assert sum(f["samples"] for f in shown["families"]) == shown["samples"]


def of(vigie: Reading, name: str) -> dict[str, Any]:
    return next(t for t in vigie.targets().values() if t["job"] == name)


def iso(at: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at)) + f".{int(at % 1 * 1000):03d}Z"
