"""An existing prometheus.yml is read as it is, and what is not served is an error at its line."""

import pytest

from collectors import load_scrape
from collectors.access import ANONYMOUS, HttpAccess, Oauth2, Tls
from collectors.discovery.model import DnsSd, FileSd, HttpSd, KubernetesSd
from collectors.jobs import Group, ScrapeJob
from collectors.load_discovery import NOT_SERVED
from collectors.relabel import Action, Rule
from collectors.scraping import Scraping
from slo.load.yaml import Problems, documents
from slo.spec import Births

FULL = """\
global:
  scrape_interval: 15s
  scrape_timeout: 5s
  evaluation_interval: 30s
  external_labels: {cluster: eu}
  sample_limit: 1000
  scrape_protocols: [OpenMetricsText1.0.0, PrometheusText0.0.4]
rule_files: ["rules/*.yml"]
alerting: {alertmanagers: [{static_configs: [{targets: ["am:9093"]}]}]}
remote_write: [{url: "http://store/write"}]
remote_read: [{url: "http://store/read"}]
storage: {tsdb: {out_of_order_time_window: 30m}}
tracing: {endpoint: "a:4317"}
otlp: {promote_resource_attributes: [a]}
runtime: {gogc: 75}
scrape_configs:
  - job_name: shop
    scrape_interval: 30s
    scrape_timeout: 7s
    scrape_protocols: [PrometheusProto, PrometheusText1.0.0]
    fallback_scrape_protocol: PrometheusText0.0.4
    always_scrape_classic_histograms: true
    scrape_native_histograms: false
    metrics_path: /m
    honor_labels: true
    honor_timestamps: false
    scheme: https
    params:
      collect[]: [cpu, mem]
    enable_compression: false
    enable_http2: true
    follow_redirects: false
    basic_auth: {username: ana, password: s3cret}
    tls_config: {ca_file: ca.pem, cert_file: /c.pem, key_file: /c.key, server_name: shop,
                 insecure_skip_verify: true, min_version: TLS12}
    proxy_url: http://u:p@proxy:3128
    no_proxy: a,b
    http_headers:
      X-Key: {values: [one], secrets: [two], files: [key]}
    body_size_limit: 2MB
    sample_limit: 7
    label_limit: 8
    label_name_length_limit: 9
    label_value_length_limit: 10
    target_limit: 11
    keep_dropped_targets: 5
    metric_name_validation_scheme: utf8
    static_configs:
      - targets: ["a:80", "b"]
        labels: {zone: a, __metrics_path__: /n}
    relabel_configs: [{source_labels: [zone], regex: a, action: Keep}]
    metric_relabel_configs: [{regex: secret_.*, action: labeldrop}]
  - job_name: found
    authorization: {type: Token, credentials_file: token}
    file_sd_configs: [{files: ["t/*.json", /t.yml], refresh_interval: 1m}]
    http_sd_configs: [{url: "http://sd/x", refresh_interval: 30s, bearer_token: t}]
    dns_sd_configs: [{names: [a, b], type: A, port: 80}, {names: [c]}]
    kubernetes_sd_configs:
      - role: pod
        api_server: https://k8s
        namespaces: {own_namespace: true, names: [x]}
        selectors: [{role: pod, label: a=b, field: c=d}]
        attach_metadata: {node: true}
        tls_config: {ca_file: ca.pem}
  - job_name: tokens
    oauth2:
      client_id: vigie
      client_secret_file: secret
      token_url: https://login/token
      scopes: [a]
      endpoint_params: {audience: x}
      tls_config: {ca_file: ca.pem}
      proxy_url: http://proxy:1
"""


def read(text: str) -> tuple[list[ScrapeJob], list[str]]:
    problems = Problems()
    (node,) = documents(text, "/etc/p.yml", problems)
    jobs = load_scrape.read(node, problems)
    return jobs, [str(problem) for problem in problems.in_order()]


def test_every_key_that_is_served_is_read() -> None:
    (shop, found, tokens), problems = read(FULL)
    assert shop == ScrapeJob(
        name="shop",
        interval_s=30.0,
        timeout_s=7.0,
        scheme="https",
        path="/m",
        params={"collect[]": ("cpu", "mem")},
        body_limit=2 * 1024 * 1024,
        target_limit=11,
        births=Births.BASELINE,
        scraping=Scraping(
            access=HttpAccess(
                username="ana",
                password="s3cret",
                tls=Tls("/etc/ca.pem", "/c.pem", "/c.key", "shop", True, "TLS12"),
                proxy_url="http://u:p@proxy:3128",
                no_proxy="a,b",
                follow_redirects=False,
                headers={"X-Key": "one, two"},
                header_files={"X-Key": ("/etc/key",)},
            ),
            protocols=("PrometheusProto", "PrometheusText1.0.0"),
            fallback="PrometheusText0.0.4",
            compressed=False,
            honor_labels=True,
            honor_timestamps=False,
            metric_relabel=(Rule(Action.LABELDROP, regex="secret_.*"),),
            sample_limit=7,
            label_limit=8,
            label_name_length_limit=9,
            label_value_length_limit=10,
        ),
        relabel=(Rule(Action.KEEP, ("zone",), regex="a"),),
        static=(
            Group(
                "static/0",
                ({"__address__": "a:80"}, {"__address__": "b"}),
                {"zone": "a", "__metrics_path__": "/n"},
            ),
        ),
        mark=shop.mark,
    )
    assert found.discoveries == (
        FileSd(("/etc/t/*.json", "/t.yml"), 60.0),
        HttpSd("http://sd/x", 30.0, HttpAccess(credentials="t")),
        DnsSd(("a", "b"), "A", 80),
        DnsSd(("c",)),
        KubernetesSd(
            "pod",
            api_server="https://k8s",
            namespaces=("x",),
            own_namespace=True,
            selectors=(("pod", "a=b", "c=d"),),
            attach_node=True,
            access=HttpAccess(tls=Tls("/etc/ca.pem")),
        ),
    )
    assert found.scraping.access == HttpAccess(auth_type="Token", credentials_file="/etc/token")
    assert tokens.scraping.access == HttpAccess(
        oauth2=Oauth2(
            "vigie",
            "https://login/token",
            client_secret_file="/etc/secret",
            scopes=("a",),
            endpoint_params={"audience": "x"},
            tls=Tls("/etc/ca.pem"),
            proxy_url="http://proxy:1",
        )
    )
    assert (tokens.interval_s, tokens.timeout_s, tokens.scraping.sample_limit) == (15, 5, 1000)
    assert tokens.scraping.protocols == ("OpenMetricsText1.0.0", "PrometheusText0.0.4")
    passed = [problem.partition("`")[2].partition("`")[0] for problem in problems]
    assert all("warning[V506]" in problem for problem in problems)
    assert set(passed) == {
        *("global.external_labels", "rule_files", "alerting", "remote_write", "remote_read"),
        *("storage", "tracing", "otlp", "runtime", "scrape_configs[0].keep_dropped_targets"),
    }


def test_what_is_not_said_is_as_prometheus_has_it() -> None:
    ((job,), problems) = read("scrape_configs: [{job_name: a}]")
    assert problems == []
    assert job == ScrapeJob("a", mark=job.mark)
    assert job.scraping.access is ANONYMOUS
    assert (job.interval_s, job.timeout_s) == (60, 10)


def test_a_target_that_is_relabelled_may_be_a_url() -> None:
    """Blackbox_exporter's own recipe: the target becomes a parameter of another address."""
    rules = "relabel_configs: [{source_labels: [__address__], target_label: __param_target}]"
    (job,), said = read(f"{JOB}static_configs: [{{targets: ['http://a/b']}}]\n  {rules}")
    assert (job.static, said) == ((Group("static/0", ({"__address__": "http://a/b"},)),), [])


def test_the_timeout_that_all_share_gives_way_to_a_short_interval() -> None:
    ((job,), problems) = read("scrape_configs: [{job_name: a, scrape_interval: 5s}]")
    assert (problems, job.timeout_s) == ([], 5)


JOB = "scrape_configs:\n- job_name: a\n  "
REFUSED = [
    ("scrape_config_files: [a.yml]", "1:1: error[V112] `scrape_config_files` is not followed"),
    ("scrape_configs: [{}]", "1:18: error[V103] missing key `scrape_configs[0].job_name`"),
    ("scrape_configs: [{job_name: a}, {job_name: a}]", "1:33: error[V201] job `a` is also defined"),
    ("scrape_configs: []\nscrap_configs: []", "2:1: error[V101] unknown key `scrap_configs`; did"),
    ("scrape_configs: []\nglobal: {a: b}", "2:10: error[V101] unknown key `global.a`"),
    (JOB + "metric_path: /", "3:3: error[V101] unknown key `scrape_configs[0].metric_path`; did"),
    (JOB + "scrape_timeout: 2m", "3:19: error[V106] `scrape_configs[0].scrape_timeout` is above"),
    (JOB + "scrape_interval: 1ms", "3:20: error[V106] `scrape_configs[0].scrape_interval` must"),
    (JOB + "native_histogram_bucket_limit: 1", "3:3: error[V112] `scrape_configs[0].native"),
    (
        JOB + "scrape_protocols: [Text]",
        "3:21: error[V105] `scrape_configs[0].scrape_protocols`: `T",
    ),
    (JOB + "body_size_limit: 1 MB", "3:20: error[V104] `scrape_configs[0].body_size_limit` is"),
    (JOB + "static_configs: [{targets: ['http://a']}]", "3:30: error[V114] `scrape_configs[0].st"),
    (JOB + "static_configs: [{targets: [a], labels: {a-b: c}}]", "3:43: error[V108]"),
    (JOB + "authorization: {type: basic, credentials: x}", "3:19: error[V105]"),
    (JOB + "authorization: {type: Bearer}", "3:18: error[V103]"),
    (JOB + "bearer_token: x\n  basic_auth: {username: a}", "3:3: error[V111]"),
    (JOB + "basic_auth: {password: a, password_file: b}", "3:29: error[V111]"),
    (
        JOB + "proxy_url: socks5://a",
        "3:14: error[V114] `scrape_configs[0].proxy_url` is no address",
    ),
    (JOB + "no_proxy: a", "3:3: error[V111] `scrape_configs[0].no_proxy` says nothing without"),
    (JOB + "http_headers: {Authorization: {values: [a]}}", "3:18: error[V105]"),
    (JOB + "tls_config: {ca: PEM}", "3:16: error[V112] `scrape_configs[0].tls_config.ca` is not"),
    (
        JOB + "tls_config: {cert_file: a}",
        "3:15: error[V103] missing key `scrape_configs[0].tls_con",
    ),
    (JOB + "oauth2: {client_id: a, token_url: x, client_secret: s}", "3:37: error[V114]"),
    (JOB + "file_sd_configs: [{files: ['a/*/b.json']}]", "3:29: error[V105]"),
    (JOB + "dns_sd_configs: [{names: [a], type: A}]", "3:20: error[V103]"),
    (JOB + "kubernetes_sd_configs: [{role: pods}]", "3:34: error[V105]"),
    (JOB + "http_sd_configs: [{url: 'ftp://a'}]", "3:27: error[V114]"),
    (JOB + "relabel_configs: [{action: kep}]", "3:30: error[V105]"),
]


@pytest.mark.parametrize(("text", "expected"), REFUSED)
def test_what_is_wrong_or_not_served_is_an_error_at_its_place(text: str, expected: str) -> None:
    jobs, problems = read(text)
    assert jobs == []
    assert problems[0].startswith(f"/etc/p.yml:{expected}")


@pytest.mark.parametrize("key", NOT_SERVED)
def test_other_discoveries_say_what_to_use_instead(key: str) -> None:
    _, problems = read(f"{JOB}{key}: [{{server: x}}]")
    assert problems == [
        f"/etc/p.yml:3:3: error[V112] `scrape_configs[0].{key}` is not served: use file_sd_configs "
        "or http_sd_configs, or a DataSource"
    ]


def test_no_problem_shows_a_secret() -> None:
    text = JOB + 'basic_auth: {username: a, password: "s3cret\\n"}\n  proxy_url: ftp://u:s3cret@p\n'
    text += "  oauth2: {client_secret: s3cret, token_url: 'x://s3cret'}\n"
    _, problems = read(text + '  http_headers: {X: {secrets: ["s3cret\\n"]}}')
    assert len(problems) >= 5
    assert "s3cret" not in "".join(problems)


SIZES = [("0", 50_000_000), ("7", 7), ("1KB", 1024), ("2MiB", 2 << 20), ("3G", 3 << 30)]


@pytest.mark.parametrize(("text", "size"), SIZES)
def test_sizes_are_powers_of_two_and_none_means_our_own_limit(text: str, size: int) -> None:
    ((job,), _) = read(f"{JOB}body_size_limit: {text}")
    assert job.body_limit == size


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("scrape_configs: []", True),
        ("global: {}\nscrape_config_files: []", True),
        ("groups: []", False),
        ("global: {}\nroute: {}", False),
        ("apiVersion: a\nkind: b\nscrape_configs: []", False),
        ("version: prometheus/v1\nscrape_configs: []", False),
        ("[a]", False),
    ],
)
def test_such_a_file_is_recognised_by_what_it_says(text: str, is_one: bool) -> None:
    (node,) = documents(text, "p.yml", Problems())
    assert load_scrape.is_prometheus(node) is is_one
