"""The kind Targets: what it says, and what it may not say."""

import pytest

from collectors import load
from collectors.access import HttpAccess, Tls
from collectors.relabel import Action, Rule
from collectors.scraping import AS_USUAL, Scraping
from collectors.targets import Target
from slo.load.yaml import Problems, documents
from slo.spec import Births

FULL = """\
apiVersion: vigie.dev/v1
kind: Targets
metadata: {name: shop}
spec:
  service: checkout
  job: checkout-job
  interval: 5s
  timeout: 2s
  metrics_path: /internal/metrics?full=1
  scheme: https
  body_size_limit: 10MB
  births: baseline
  labels: {region: eu, zone: unknown}
  targets:
    - address: 127.0.0.1:8101
      labels: {zone: a}
    - address: "[::1]:8102"
"""


def test_targets_are_read_with_all_that_they_share() -> None:
    targets, problems = _read(FULL)
    assert problems == []
    first, second = targets
    assert first == Target(
        job="checkout-job",
        instance="127.0.0.1:8101",
        url="https://127.0.0.1:8101/internal/metrics?full=1",
        service="checkout",
        labels={
            "region": "eu",
            "zone": "a",
            "job": "checkout-job",
            "instance": "127.0.0.1:8101",
            "service": "checkout",
        },
        interval_s=5,
        timeout_s=2,
        body_limit=10_000_000,
        births=Births.BASELINE,
        mark=first.mark,
    )
    assert second.url == "https://[::1]:8102/internal/metrics?full=1"
    assert second.labels["zone"] == "unknown"
    assert [str(target.mark) for target in targets] == ["t.yaml:15:7", "t.yaml:17:7"]


ASKED = """\
metadata: {name: shop}
spec:
  service: checkout
  metrics_path: /m?full=1
  params: {m: [a, b c], k: [1]}
  scrape_protocols: [PrometheusText0.0.4]
  fallback_scrape_protocol: PrometheusText0.0.4
  enable_compression: false
  honor_labels: true
  honor_timestamps: false
  sample_limit: 1
  label_limit: 2
  label_name_length_limit: 3
  label_value_length_limit: 4
  metric_relabel_configs: [{regex: x, action: labeldrop}]
  basic_auth: {username: ana, password_file: secret}
  tls_config: {ca_file: ca.pem}
  proxy_url: http://proxy:3128
  follow_redirects: false
  http_headers: {X-Key: {values: [a]}}
  targets: [{address: 'a:80'}, {address: 'b:80'}]
"""


def test_how_pages_are_asked_for_and_read_is_said_as_in_a_scrape_config() -> None:
    (first, second), problems = _read(ASKED)
    assert problems == []
    assert first.url == "http://a:80/m?full=1&k=1&m=a&m=b+c"
    assert first.scraping is second.scraping
    assert first.scraping == Scraping(
        access=HttpAccess(
            username="ana",
            password_file="secret",
            tls=Tls("ca.pem"),
            proxy_url="http://proxy:3128",
            follow_redirects=False,
            headers={"X-Key": "a"},
        ),
        protocols=("PrometheusText0.0.4",),
        fallback="PrometheusText0.0.4",
        compressed=False,
        honor_labels=True,
        honor_timestamps=False,
        metric_relabel=(Rule(Action.LABELDROP, regex="x"),),
        sample_limit=1,
        label_limit=2,
        label_name_length_limit=3,
        label_value_length_limit=4,
    )


SMALL = "metadata: {name: shop}\nspec: {service: checkout, targets: [{address: 'a:80'}]}"


def test_what_is_not_said_has_a_default() -> None:
    ((target,), problems) = _read(SMALL)
    assert problems == []
    assert (target.id, target.url) == ("shop/a:80", "http://a:80/metrics")
    assert (target.interval_s, target.timeout_s, target.births) == (15, 10, Births.ZERO)
    assert target.scraping is AS_USUAL


@pytest.mark.parametrize(("interval", "timeout_s"), [("30s", 10), ("1s", 1), ("100ms", 0.1)])
def test_the_timeout_is_never_above_the_interval(interval: str, timeout_s: float) -> None:
    targets, _ = _read(SMALL.replace("targets:", f"interval: {interval}, targets:"))
    assert targets[0].timeout_s == timeout_s


@pytest.mark.parametrize(
    ("text", "size"), [("10MB", 10_000_000), ("500KB", 500_000), ("2GB", 2 * 10**9), ("7", 7)]
)
def test_a_size_is_bytes_or_has_a_unit(text: str, size: int) -> None:
    targets, _ = _read(FULL.replace("10MB", text))
    assert targets[0].body_limit == size


REFUSED = [
    ("  service: checkout\n", "", "5:3: error[V103] missing key `spec.service`"),
    ("interval: 5s", "interval: 50ms", "7:13: error[V106] `spec.interval` must be at least 100ms"),
    ("timeout: 2s", "timeout: 6s", "8:12: error[V106] `spec.timeout` is above the interval of 5s"),
    (
        "/internal",
        "internal",
        "9:17: error[V114] `spec.metrics_path` is `internal/metrics?full=1`; it",
    ),
    (
        "full=1",
        "'a b'",
        "9:17: error[V114] `spec.metrics_path` is `/internal/metrics?'a b'`; it must",
    ),
    ("https", "ftp", "10:11: error[V105] `spec.scheme` is `ftp`; it must be one of http, https"),
    (
        "10MB",
        "10MiB",
        "11:20: error[V104] `spec.body_size_limit` is `10MiB`; write e.g. 50MB, 500KB",
    ),
    ("10MB", "0", "11:20: error[V104] `spec.body_size_limit` is `0`; write e.g."),
    (
        "baseline",
        "one",
        "12:11: error[V105] `spec.births` is `one`; it must be one of zero, baseline",
    ),
    ("region:", "job:", "13:12: error[V105] `spec.labels.job` is set by Vigie: remove it"),
    ("region:", "a-b:", "13:12: error[V108] `spec.labels.a-b` is no label name: use letters"),
    ("region:", "__x:", "13:12: error[V108] `spec.labels.__x` is no label name"),
    ("zone: a}", "instance: a}", "16:16: error[V105] `spec.targets[0].labels.instance` is set by"),
    (
        "127.0.0.1:8101",
        "http://a:80",
        "15:16: error[V114] `http://a:80` is no address: write host:port",
    ),
    ("births:", "sample_limit: -1\n  births:", "12:17: error[V106] `spec.sample_limit` is -1"),
    ("births:", "bearer_token: x\n  births:", "12:3: error[V101] unknown key `spec.bearer_token`"),
    ("127.0.0.1:8101", "a", "15:16: error[V114] `a` is no address: write host:port"),
    ("127.0.0.1:8101", "a:70000", "15:16: error[V114] `a:70000` is no address"),
    ("127.0.0.1:8101", "a:80/x", "15:16: error[V114] `a:80/x` is no address"),
    (
        "address: 127.0.0.1:8101",
        "adress: x",
        "15:7: error[V103] missing key `spec.targets[0].address`",
    ),
]


@pytest.mark.parametrize(("old", "new", "expected"), REFUSED)
def test_a_wrong_document_gives_no_targets_and_a_problem_at_its_place(
    old: str, new: str, expected: str
) -> None:
    targets, problems = _read(FULL.replace(old, new, 1))
    assert targets == []
    assert problems[0].startswith(f"t.yaml:{expected}")


def test_no_targets_at_all_is_a_problem() -> None:
    _, problems = _read("metadata: {name: shop}\nspec: {service: checkout, targets: []}")
    assert problems == ["t.yaml:2:27: error[V107] `spec.targets` has no value"]


def _read(text: str) -> tuple[list[Target], list[str]]:
    problems = Problems()
    (node,) = documents(text, "t.yaml", problems)
    targets = load.read(node, problems)
    return targets, [str(problem) for problem in problems.items]
