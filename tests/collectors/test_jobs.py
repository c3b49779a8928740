"""From a job and its groups to targets: the table of Prometheus' target stage."""

from dataclasses import replace

import pytest

from collectors.jobs import MOST_PROBLEMS, Found, Group, ScrapeJob, targets_of
from collectors.relabel import Action, Rule
from collectors.scraping import Scraping
from collectors.targets import Target
from slo.spec import Births

JOB = ScrapeJob("shop", interval_s=15.0, timeout_s=5.0)


def found(job: ScrapeJob, *targets: dict[str, str], **labels: str) -> Found:
    return targets_of(job, [Group("static/0", targets, labels)])


def only(job: ScrapeJob, **labels: str) -> Target:
    (target,) = found(job, labels).targets
    return target


def test_a_plain_target_is_what_its_job_says() -> None:
    scraping = Scraping(honor_labels=True)
    job = replace(JOB, body_limit=7, births=Births.BASELINE, scraping=scraping)
    assert found(job, {"__address__": "a:80"}).targets == (
        Target(
            job="shop",
            instance="a:80",
            url="http://a:80/metrics",
            service="shop",
            labels={"job": "shop", "instance": "a:80"},
            interval_s=15.0,
            timeout_s=5.0,
            body_limit=7,
            births=Births.BASELINE,
            found_by="job shop",
            scraping=scraping,
        ),
    )


def test_the_target_goes_before_its_group_and_both_before_the_job() -> None:
    own = {"__address__": "a:80", "team": "own", "job": "other", "__scheme__": "https"}
    group = Group("static/0", (own,), {"team": "group", "zone": "z", "__metrics_path__": "/m"})
    (target,) = targets_of(JOB, [group]).targets
    assert target.url == "https://a:80/m"
    assert target.labels == {"job": "other", "instance": "a:80", "team": "own", "zone": "z"}
    assert (target.job, target.service, target.found_by) == ("other", "shop", "job shop")


URLS = [
    ({}, {}, "http://a/metrics"),
    ({"path": "/a b?c"}, {}, "http://a/a%20b%3Fc"),
    ({"path": "metrics"}, {}, "http://a/metrics"),
    (
        {"params": {"z": ("1",), "m[]": ("2", "3 4")}},
        {},
        "http://a/metrics?m%5B%5D=2&m%5B%5D=3+4&z=1",
    ),
    ({"params": {"m": ("1", "2")}}, {"__param_m": "9"}, "http://a/metrics?m=9&m=2"),
    ({}, {"__param_target": "http://x/?y"}, "http://a/metrics?target=http%3A%2F%2Fx%2F%3Fy"),
    ({"scheme": "https"}, {}, "https://a/metrics"),
]


@pytest.mark.parametrize(("fields", "labels", "url"), URLS)
def test_the_url_is_made_of_labels_and_parameters(
    fields: dict[str, object], labels: dict[str, str], url: str
) -> None:
    assert only(replace(JOB, **fields), __address__="a", **labels).url == url


def test_a_probe_through_a_blackbox_exporter_is_named_by_what_it_probes() -> None:
    rules = (
        Rule(source_labels=("__address__",), target_label="__param_target"),
        Rule(source_labels=("__param_target",), target_label="instance"),
        Rule(target_label="__address__", replacement="blackbox:9115"),
    )
    job = replace(JOB, path="/probe", params={"module": ("http_2xx",)}, relabel=rules)
    target = only(job, __address__="shop.example")
    assert target.url == "http://blackbox:9115/probe?module=http_2xx&target=shop.example"
    assert target.labels["instance"] == "shop.example"


def test_relabelling_sees_meta_labels_and_drops_what_it_likes() -> None:
    rules = (
        Rule(Action.KEEP, ("__meta_role",), regex="web"),
        Rule(source_labels=("__meta_service",), target_label="service"),
        Rule(
            source_labels=("__scrape_interval__",),
            regex="15s",
            target_label="__scrape_interval__",
            replacement="1m",
        ),
        Rule(target_label="__scrape_timeout__", replacement="30s"),
    )
    web = {"__address__": "a:80", "__meta_role": "web", "__meta_service": "checkout"}
    got = found(replace(JOB, relabel=rules), web, {"__address__": "b:80"})
    (target,) = got.targets
    assert got.dropped == 1
    assert target.service == target.labels["service"] == "checkout"
    assert (target.interval_s, target.timeout_s) == (60.0, 30.0)
    assert not any(name.startswith("__") for name in target.labels)


BAD = [
    ({}, "static/0: a target has no __address__"),
    ({"__address__": "http://a"}, "static/0: `http://a` is no address: host:port, without scheme"),
    ({"__address__": "a?b"}, "static/0: `a?b` is no address"),
    ({"__address__": "a", "__scheme__": "ftp"}, "static/0: `a`: `ftp` is no scheme"),
    ({"__address__": "a", "__scrape_interval__": "x"}, "static/0: `a`: `x` is not a duration"),
    ({"__address__": "a", "__scrape_interval__": "1ms"}, "static/0: `a`: the interval must be at"),
    ({"__address__": "a", "__scrape_timeout__": "1h"}, "static/0: `a`: the timeout is above the"),
]


@pytest.mark.parametrize(("labels", "problem"), BAD)
def test_what_cannot_be_a_target_is_named_and_costs_no_other(
    labels: dict[str, str], problem: str
) -> None:
    got = found(JOB, labels, {"__address__": "good:80"})
    assert [target.instance for target in got.targets] == ["good:80"]
    (said,) = got.problems
    assert said.startswith(problem)


def test_problems_are_few_and_short_however_many_there_are() -> None:
    got = found(JOB, *({"__address__": f"{n}/{'x' * 500}"} for n in range(1000)))
    assert len(got.problems) == MOST_PROBLEMS + 1
    assert got.problems[-1] == "and 980 more"
    assert all(len(problem) <= 300 for problem in got.problems)


def test_a_target_that_several_groups_tell_of_is_there_once() -> None:
    groups = [Group(f"static/{n}", ({"__address__": "a:80"},), {"x": "y"}) for n in range(2)]
    assert len(targets_of(JOB, groups).targets) == 1


@pytest.mark.parametrize(("limit", "over"), [(0, False), (2, False), (1, True)])
def test_more_targets_than_the_limit_are_said_to_be(limit: int, over: bool) -> None:
    job = replace(JOB, target_limit=limit)
    got = found(job, {"__address__": "a"}, {"__address__": "b"}, {"__address__": "a"})
    assert got.over_limit is over


# -- ids --------------------------------------------------------------------------------------


def test_targets_of_one_instance_stay_apart_by_url_and_by_labels() -> None:
    same = {"__address__": "a:80"}
    got = found(
        JOB,
        same,
        {**same, "__metrics_path__": "/other"},
        {**same, "__param_x": "1"},
        {**same, "__scheme__": "https"},
        {**same, "service": "one"},
        {**same, "service": "two"},
        {"__address__": "b:80", "instance": "a:80"},
    )
    ids = [target.id for target in got.targets]
    assert len(set(ids)) == 7
    assert ids[0] == "shop/a:80"
    assert all(other.startswith("shop/a:80~") for other in ids[1:])


def test_an_id_depends_on_its_target_alone() -> None:
    labels = [{"__address__": "a:80", "x": x} for x in "abc"]
    together = [target.id for target in found(JOB, *labels).targets]
    assert together == [only(JOB, **own).id for own in labels]
    assert together == [only(replace(JOB, interval_s=30.0), **own).id for own in labels]


def test_a_job_with_a_slash_is_not_taken_for_another_with_its_instance() -> None:
    one = only(replace(JOB, name="a/b"), __address__="c", instance="c")
    other = only(replace(JOB, name="a"), __address__="c", instance="b/c")
    assert one.id != other.id
