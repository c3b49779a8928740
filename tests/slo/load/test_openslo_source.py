"""The kind DataSource: whatever way its connection is written, one value; secrets stay in files."""

from dataclasses import replace

import pytest

from slo.load import openslo_source
from slo.load.openslo_source import ForeignSource
from slo.load.yaml import Problems, documents
from slo.spec import DataSource

SOURCE = """\
apiVersion: openslo/v1
kind: DataSource
metadata: {name: main, displayName: Main}
spec:
  description: A server
  type: TYPE
  connectionDetails: DETAILS
"""
DEFAULT = DataSource("main", "Prometheus", "http://prometheus:9090")


def test_an_address_is_enough() -> None:
    assert _read("{url: 'http://prometheus:9090/'}") == (DEFAULT, [])


def test_everything_may_be_said() -> None:
    details = (
        "{url: https://mimir/prometheus, tenant: shop, headers: {X-A: b}, username: vigie, "
        "password_file: secrets/password, ca_file: /etc/ca.pem, cert_file: c.pem, key_file: k.pem, "
        "interval: 30s, timeout: 5s, lag: 1m, concurrency: 2, max_samples: 1000}"
    )
    source, problems = _read(details, "Mimir")
    assert problems == []
    assert source == DataSource(
        name="main",
        type="Mimir",
        url="https://mimir/prometheus",
        tenant="shop",
        headers={"X-A": "b"},
        username="vigie",
        password_file="conf/secrets/password",
        ca_file="/etc/ca.pem",
        cert_file="conf/c.pem",
        key_file="conf/k.pem",
        interval_s=30.0,
        timeout_s=5.0,
        lag_s=60.0,
        concurrency=2,
        max_samples=1000,
    )


SPELLINGS = [
    "[{url: 'http://p', bearer_token_file: t, max_samples: 5}]",
    "[{url: 'http://p'}, {bearerTokenFile: t}, {maxSamples: 5}]",
    "{uri: 'http://p', bearer-token-file: t, MaxSamples: 5}",
    "{address: 'http://p', tokenFile: t, maxSamples: 5, lag: 0s}",
]


@pytest.mark.parametrize("details", SPELLINGS)
def test_lists_and_other_spellings_say_the_same(details: str) -> None:
    source, problems = _read(details)
    assert problems == []
    assert isinstance(source, DataSource)
    assert (source.url, source.bearer_token_file, source.max_samples) == ("http://p", "conf/t", 5)
    assert (source.lag_s, source.interval_s) == (0.0, 15.0)


TYPES = ["prometheus", "VictoriaMetrics", "victoria-metrics", "MIMIR", "Thanos", "Cortex"]


@pytest.mark.parametrize("kind", [*TYPES, "GoogleManagedPrometheus"])
def test_many_servers_answer_promql(kind: str) -> None:
    source, _ = _read("{url: 'http://p'}", kind)
    assert isinstance(source, DataSource)
    assert source.type == kind


@pytest.mark.parametrize(
    "details", ["[{apiKey: k}, {appKey: a}]", "{password: p, any: [1, {b: c}]}", "text"]
)
def test_a_server_that_vigie_can_not_ask_may_say_anything(details: str) -> None:
    assert _read(details, "Datadog") == (ForeignSource("main", "Datadog"), [])


BAD = [
    ("{url: 'http://p', password: x}", "7:40: error[V105] `spec.connectionDetails.password` is a "),
    ("{url: 'http://p', apiKey: x}", "7:40: error[V105] `spec.connectionDetails.api_key` is a sec"),
    ("{url: 'http://p', bearerToken: x}", "7:40: error[V105] `spec.connectionDetails.bearer_tok"),
    (
        "{url: 'http://p', headers: {Authorization: Bearer x}}",
        "7:49: error[V105] header `Authorization` is a secret in plain text: name a file",
    ),
    ("{url: 'http://u:p@h'}", "7:28: error[V114] `spec.connectionDetails.url` holds a user or"),
    ("{url: 'ftp://h'}", "7:28: error[V114] `spec.connectionDetails.url` is no address: write"),
    ("{url: 'http://'}", "7:28: error[V114] `spec.connectionDetails.url` is no address: write"),
    ("{tenant: a}", "7:22: error[V103] missing key `spec.connectionDetails.url`"),
    ("[{url: 'http://p'}, {uri: 'http://q'}]", "7:43: error[V102] duplicate key `url`"),
    ("{url: 'http://p', timeot: 3s}", "7:40: error[V101] unknown key `spec.connectionDetails.tim"),
    ("{url: 'http://p', interval: 10ms}", "7:50: error[V106] `spec.connectionDetails.interval` m"),
    ("{url: 'http://p', concurrency: 0}", "7:53: error[V106] `spec.connectionDetails.concurrency"),
    ("{url: 'http://p', username: a}", "7:22: error[V103] missing key `spec.connectionDetails.pa"),
    ("{url: 'http://p', cert_file: a}", "7:22: error[V103] missing key `spec.connectionDetails.k"),
    (
        "{url: 'http://p', username: a, password_file: b, bearer_token_file: c}",
        "7:71: error[V111] `spec.connectionDetails.bearer_token_file` stands beside `username`",
    ),
    ("[text]", "7:23: error[V104] `spec.connectionDetails` must be a mapping, or a list of mappi"),
    ("~", "7:3: error[V107] `spec.connectionDetails` has no value"),
]


@pytest.mark.parametrize(("details", "expected"), BAD)
def test_what_is_wrong_is_refused_at_its_place(details: str, expected: str) -> None:
    source, problems = _read(details)
    assert source is None
    assert any(problem.startswith(expected) for problem in problems), problems


def _read(
    details: str, kind: str = "Prometheus"
) -> tuple[DataSource | ForeignSource | None, list[str]]:
    problems = Problems()
    text = SOURCE.replace("TYPE", kind).replace("DETAILS", details)
    (node,) = documents(text, "conf/s.yaml", problems)
    source = openslo_source.read(node, problems)
    if isinstance(source, DataSource):
        assert source.mark == node.mark
        source = replace(source, mark=None)
    return source, [str(p).removeprefix("conf/s.yaml:") for p in problems.in_order()]
