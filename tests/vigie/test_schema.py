"""The JSON Schemas say what the loaders do: the same keys, and the same good documents."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from slo.load import kubernetes
from slo.load.codes import Code
from slo.load.nodes import Node, plain
from slo.load.yaml import Fields, Problems, documents
from vigie.documents import READERS
from vigie.schema import openslo, schemas

ROOT = Path(__file__).parents[2]
# Every key that can stand in a document stands in one of these.
COMPLETE = (Path(__file__).parent / "complete.yaml").read_text(encoding="utf-8")
_SOURCE = "{metricSource: {type: Prometheus, metricSourceRef: a, spec: {query: x}}}"
_SLIS = (
    f"{{ratioMetric: {{counter: true, good: {_SOURCE}, total: {_SOURCE}}}}}",
    f"{{ratioMetric: {{counter: true, bad: {_SOURCE}, total: {_SOURCE}}}}}",
    f"{{ratioMetric: {{counter: true, rawType: success, raw: {_SOURCE}}}}}",
    f"{{thresholdMetric: {_SOURCE}}}",
)
_SLO = (
    "apiVersion: openslo/v1\nkind: SLO\nmetadata: {{name: a}}\nspec:\n  service: a\n"
    "  budgetingMethod: Occurrences\n  {}objectives: [{{target: 0.9{}}}]\n"
)
for _sli in _SLIS:
    COMPLETE += f"---\napiVersion: openslo/v1\nkind: SLI\nmetadata: {{name: a}}\nspec: {_sli}\n"
    COMPLETE += "---\n" + _SLO.format(f"indicator: {{spec: {_sli}}}\n  ", "")
    COMPLETE += "---\n" + _SLO.format("", f", indicator: {{spec: {_sli}}}")
PARTS = COMPLETE.split("\n---\n")
SCHEMAS = schemas()
VALIDATORS = {kind: Draft202012Validator(schema) for kind, schema in SCHEMAS.items()}
# Whose keys are the user's own.
FREE = (
    "labels",
    "Labels",
    ".annotations",
    ".headers",
    ".http_headers",
    ".params",
    ".endpoint_params",
    ".options",
    "metricSource.spec",
    "spec.services",
    ".set",  # of an Automation: fields
    "spec.categories",
    "spec.targets",  # of a Redundancy: labels
)
RESOURCES = ("PrometheusServiceLevel", "ServiceLevelObjective")  # a cluster adds to their metadata


def test_every_kind_that_is_read_has_a_schema_and_no_other() -> None:
    assert set(SCHEMAS) == {kind for kinds in READERS.values() for kind in kinds}


@pytest.mark.parametrize("kind", SCHEMAS)
def test_a_schema_is_a_schema(kind: str) -> None:
    Draft202012Validator.check_schema(SCHEMAS[kind])


def test_a_complete_document_of_every_kind_is_valid_and_read(tmp_path: Path) -> None:
    problems = Problems()
    for node in _complete(tmp_path):
        assert _errors(node) == []
        _read(node, problems)
    assert problems.errors == []


@pytest.mark.parametrize("path", sorted(ROOT.glob("vigie/cli/files/*/*.yaml")), ids=str)
def test_what_init_writes_is_valid(path: Path) -> None:
    nodes = documents(path.read_text(), path.name, Problems())
    assert nodes
    assert [error for node in nodes for error in _errors(node)] == []


def test_loader_and_schema_know_the_same_keys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: dict[str, set[str]] = {}
    refused: list[tuple[Fields, str]] = []
    refuse, close = Fields.refuse, Fields.close

    def noted_refusal(fields: Fields, key: str, reason: str, code: Code = Code.NOT_SERVED) -> None:
        refused.append((fields, key))
        refuse(fields, key, reason, code)

    def was_refused(fields: Fields, key: str) -> bool:
        return any(by is fields and what == key for by, what in refused)

    def noted_close(fields: Fields) -> None:
        where = re.sub(r"\[\d+\]", "[]", fields.where)
        keys = {key for key in fields._known if not was_refused(fields, key)}
        if not where.endswith(FREE) and ".http_headers." not in where:
            taken.setdefault(where, set()).update(keys)
        close(fields)

    monkeypatch.setattr(Fields, "refuse", noted_refusal)
    monkeypatch.setattr(Fields, "close", noted_close)
    nodes = _complete(tmp_path)
    for kind, schema in SCHEMAS.items():
        taken.clear()
        refused.clear()
        for node in nodes:
            if _kind(node) == kind:
                _read(node, Problems())
        if kind in RESOURCES:
            taken["metadata"] -= set(kubernetes._SERVER)
        assert taken == dict(_keys(schema, "")), kind


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("kind: Service", "kind: Servce"),
        ("spec: {description: A}", "spec: {descripton: A}"),
        ("counter: true", "counter: 1"),
        ("good: {m", "goood: {m"),
        ("isRolling: true", "isRolling: false"),
        ("isRolling: false, calendar: {startTime: '2022-01-31 12:00:00', timeZone: UTC}", "x: 1"),
        ("indicatorRef: a", "indicatorRef: a\n  indicator: {}"),
        ("kind: burnrate, op: gte", "kind: burnrates, op: gte"),
        ("threshold: 2", "threshold: 0"),
        ("lookbackWindow: 1h", "lookbackWindow: 1y"),
        ("alertPolicyRef: a", "alertPolicyRe: a"),
        ("rawType: failure", "rawType: bad"),
        ("op: lte", "op: below"),
        ("timeSliceTarget: 0.9", "timeSliceTarget: 2"),
        ("concurrency: 4", "concurrency: 0"),
        ("connectionDetails:", "connection:"),
        ("severity: page\n  condition", "condition"),
        ("errorQuery: s", "error_query: s"),
        ("objective: 99.9", "objective: 100"),
        ("overridePrevious: false, chain", "overridePrevious: 0, chain"),
        ("window: 28d", "window: 28"),
        ("bool_gauge", "boolGauge"),
        ("slowBurn: info", "slowBurns: info"),
        ("duration: 2h", "duration: 2"),
        ("owner: a", "owners: a"),
        ("zero_traffic: ignore", "zero_traffic: ignored"),
        ("alpha: 0.05", "alpha: 5"),
        ("over: 6h", "over: 6"),
        ("do: [run_runbook], runbook: a", "do: [run_runbook]"),
        ("do: [open_ticket, f", "runbook: a, do: [open_ticket, f"),
        ("when: {remaining_below: 0}", "when: {over: 1h}"),
        ("gate_on_unknown: open", "gate_on_unknown: shut"),
        ("duration: 30d", "duration: 30"),
        ("target: 0.9,", "target: 90,"),
        ("target: 0.9,", "target: 0.9, targetPercent: 90,"),
        ("births: baseline", "births: one"),
        ("body_size_limit: 1000", "body_size_limit: 1MiB"),
        ("burn_rate: 1", "burn_rate: 0"),
        ("long: 1h, ", ""),
        ("coverage_floor: 0.9", "coverage_floor: 90"),
        ("receives: [page", "receives: [pages"),
        ("type: email\n", "type: email\n  url: 'http://a'\n"),
        ("type: webhook, url: 'http://a', secret_file", "type: webhook, secret_file"),
        ("id: b, kind: manual", "id: b, kind: manual, url: 'http://a'"),
        ("types: [slo-burn]", "types: [slo-brun]"),
        ("min_version: TLS12", "min_version: SSL3"),
        ("sample_limit: 1", "sample_limit: -1"),
        ("prober: icmp", "prober: tcp"),
        ("prober: tcp\n  targets: [{address: 'a:25'", "prober: tcp\n  targets: [{url: 'a:25'"),
        ("payload_size: 28", "payload_size: 1"),
        ("query_name: a.example\n    ", ""),
        ("query_type: SOA", "query_type: SAO"),
        ("every: 5m, ", ""),
        ("schedule: 0 3 * * *", "every: 5m, schedule: 0 3 * * *"),
        ("type: argocd, ", "type: argocd, events: [push], "),
        ("minimum: 2", "minimum: 0"),
        ("skew_above: 2", "skew_above: 1"),
        ("leader: a\n  load: a", "leader: a"),
        ("lease: a, api_server", "lease: a, kubeconfig_file: a, api_server"),
        ("workload: deployment/a", "workload: deployment"),
        ("workload: daemonset/a", "workload: replicaset/a"),
        ("kubernetes: {workload: daemonset", "ready: a\n  kubernetes: {workload: daemonset"),
    ],
)
def test_what_the_loader_refuses_the_schema_refuses_too(old: str, new: str, tmp_path: Path) -> None:
    part = next(part for part in PARTS if old in part)
    nodes = _complete(tmp_path, part.replace(old, new, 1))
    wrong = [error for node in nodes if _kind(node) in SCHEMAS for error in _errors(node)]
    unknown = [node for node in nodes if _kind(node) not in SCHEMAS]
    assert len(wrong) + len(unknown) >= 1
    problems = Problems()
    for node in nodes:
        if node not in unknown:
            _read(node, problems)
    assert unknown or problems.errors


def test_the_reference_names_every_key_of_every_kind() -> None:
    text = (ROOT / "docs" / "reference" / "files.md").read_text(encoding="utf-8")
    sections = dict(re.findall(r"^## ([A-Za-z]+)\n(.*?)(?=^## |\Z)", text, re.M | re.S))
    for kind, schema in SCHEMAS.items():
        spec = schema["properties"]["spec"]
        keys = {key for _, inside in _keys(spec, "") for key in inside}
        # OpenSLO's documents may stand inside one another: each key is explained where it belongs.
        said = sections[kind]
        if kind in openslo.schemas():
            said = "".join(sections[other] for other in openslo.schemas())
        assert keys - set(re.findall(r"\w+", said)) == set(), kind


def _complete(folder: Path, text: str = COMPLETE) -> list[Node]:
    path = folder / "a.yaml"
    path.write_text(text)  # it is also the secret's file that it names
    return documents(text, str(path), Problems())


def _kind(node: Node) -> str:
    value = plain(node)
    assert isinstance(value, dict)
    return str(value["kind"])


def _read(node: Node, problems: Problems) -> None:
    value = plain(node)
    assert isinstance(value, dict)
    READERS[value["apiVersion"]][value["kind"]](node, problems)


def _errors(node: Node) -> list[str]:
    return [error.message for error in VALIDATORS[_kind(node)].iter_errors(plain(node))]


def _keys(schema: Any, where: str) -> Iterator[tuple[str, set[str]]]:
    """(place, keys) of every mapping in a schema."""
    if schema.get("type") == "array":
        yield from _keys(schema["items"], f"{where}[]")
    if "properties" in schema:
        yield where, set(schema["properties"])
        for key, inner in schema["properties"].items():
            yield from _keys(inner, f"{where}.{key}" if where else key)
