"""Rules as YAML text, and what belongs into one object."""

from dataclasses import replace

import yaml

from slo.promql import compile_pair
from slo.rules import text
from slo.rules.model import Group, Made, Resource, Rule
from slo.rules.resources import resources
from slo.spec import Format, RatioKind, Slo

RECORD = Rule("a\n/\nb\n", "a:b:ratio", labels={"z": "1", "a": "yes"})
ALERT = Rule("a > 1", alert="A", labels={"x": "y"}, annotations={"summary": "s: 'q'"}, after_s=90)
GROUPS = (Group("one", (RECORD,), 15), Group("two", (ALERT,)))
SLI = compile_pair("a", "b", RatioKind.BAD, counter=True)


def test_a_rule_file_reads_as_people_write_it() -> None:
    assert (
        text.rule_file(GROUPS, "# made\n")
        == """\
# made
groups:
- name: one
  interval: 15s
  rules:
  - record: a:b:ratio
    expr: |
      a
      /
      b
    labels:
      a: 'yes'
      z: '1'
- name: two
  rules:
  - alert: A
    expr: a > 1
    for: 1m30s
    labels:
      x: y
    annotations:
      summary: 's: ''q'''
"""
    )


def test_an_object_is_a_document_with_the_same_groups() -> None:
    written = text.manifests([Resource("a", GROUPS, "ns", {"l": "1"}), Resource("b", ())], "# m\n")
    assert written.count("# m\n") == 2
    one, two = yaml.safe_load_all(written)
    assert (one["apiVersion"], one["kind"]) == ("monitoring.coreos.com/v1", "PrometheusRule")
    assert one["metadata"] == {"name": "a", "namespace": "ns", "labels": {"l": "1"}}
    assert one["spec"] == yaml.safe_load(text.rule_file(GROUPS, ""))
    assert two["metadata"] == {"name": "b"}


def test_a_resource_keeps_its_name_and_others_go_by_service() -> None:
    made = [
        Made(slo(Format.SLOTH_KUBERNETES, "shop", "shop-slos", "ns"), GROUPS),
        Made(slo(Format.SLOTH, "My_Shop"), GROUPS[:1]),
        Made(slo(Format.SLOTH_KUBERNETES, "shop", "shop-slos", "ns"), GROUPS),
        Made(slo(Format.OPENSLO, "My_Shop", "availability"), GROUPS[1:]),
    ]
    carried = replace(made[0].slo, annotations={"note": "n"}, resource_labels={"role": "r"})
    made[0] = replace(made[0], slo=carried)
    found = resources(made, {"l": "1"})
    assert [one.annotations for one in found] == [{"note": "n"}, {}]
    assert [one.labels for one in found] == [{"l": "1", "role": "r"}, {"l": "1"}]
    assert [(one.namespace, one.name) for one in found] == [("ns", "shop-slos"), ("", "my-shop")]
    assert [len(one.groups) for one in found] == [4, 2]


def slo(format: Format, service: str, document: str = "", namespace: str = "") -> Slo:
    return Slo(service, "a", 0.9, 1.0, SLI, format=format, document=document, namespace=namespace)
