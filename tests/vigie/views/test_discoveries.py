"""Service discovery as it is shown."""

from dataclasses import replace

from collected import FOUND, SOUGHT
from collectors.changes import Integration
from collectors.discovery.model import DiscoveryStatus
from collectors.jobs import ScrapeJob
from fleet import live
from slo.redundancy import Redundancy, Workload
from vigie.views import discoveries


def test_every_discovery_of_a_job_is_shown_and_jobs_that_discover_nothing_are_not() -> None:
    now = live()
    jobs = {"shop": FOUND, "fixed": ScrapeJob("fixed"), "api": replace(FOUND, name="api")}
    now = replace(now, config=replace(now.config, jobs=jobs))
    told = {"shop": [SOUGHT], "api": [DiscoveryStatus("dns", "api.example", "unknown")]}
    assert discoveries(now, lambda job: told[job])["items"] == [
        {
            "job": "api", "kind": "dns", "place": "api.example", "health": "unknown",
            "error": None, "last_ok_at": None, "targets": 0,
        },
        {
            "job": "shop", "kind": "file", "place": "/etc/shop/*.json", "health": "down",
            "error": "no file matches", "last_ok_at": "2026-09-21T14:12:20.000Z", "targets": 3,
        },
    ]  # fmt: skip


def test_what_is_followed_of_clusters_is_shown_too() -> None:
    now, workload = live(), Workload("deployment", "shop", "web")
    redundancy = {"a": Redundancy("a", "a", workload=workload), "b": Redundancy("b", "b")}
    told = {"k8s": Integration("k8s", "kubernetes"), "hooks": Integration("hooks", "github")}
    config = replace(now.config, jobs={}, redundancy=redundancy, integrations=told)
    shown = discoveries(
        replace(now, config=config), lambda job: [DiscoveryStatus("kubernetes", job, "up")]
    )
    assert [one["job"] for one in shown["items"]] == ["redundancy of a", "integration k8s"]
