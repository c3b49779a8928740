"""Rules in a file: the keys of prometheus.yml, and problems where they stand."""

import pytest

from collectors.load_relabel import rules
from collectors.relabel import Action, Rule
from slo.load.yaml import Fields, Problems, documents

FULL = """\
relabel_configs:
  - source_labels: [__meta_kubernetes_pod_annotation_prometheus_io_scrape]
    action: keep
    regex: true
  - source_labels: [__address__, __meta_port]
    regex: ([^:]+)(?::\\d+)?;(\\d+)
    separator: ;
    replacement: $1:$2
    target_label: __address__
  - {action: LabelMap, regex: __meta_label_(.+)}
  - {target_label: port, replacement: 8080}
  - {source_labels: [a], action: hashmod, modulus: 4, target_label: __tmp_hash}
  - {source_labels: [a], target_label: b, separator: "", regex: ""}
"""


def read(text: str) -> tuple[tuple[Rule, ...], list[str]]:
    problems = Problems()
    (node,) = documents(text, "p.yml", problems)
    fields = Fields(node, problems)
    found = rules(fields, "relabel_configs")
    fields.close()
    return found, [str(problem) for problem in problems.errors]


def test_rules_are_read_with_the_defaults_and_the_laxity_of_prometheus() -> None:
    found, problems = read(FULL)
    assert problems == []
    assert found == (
        Rule(
            Action.KEEP,
            ("__meta_kubernetes_pod_annotation_prometheus_io_scrape",),
            regex="true",
        ),
        Rule(
            source_labels=("__address__", "__meta_port"),
            regex=r"([^:]+)(?::\d+)?;(\d+)",
            replacement="$1:$2",
            target_label="__address__",
        ),
        Rule(Action.LABELMAP, regex="__meta_label_(.+)"),
        Rule(target_label="port", replacement="8080"),
        Rule(Action.HASHMOD, ("a",), modulus=4, target_label="__tmp_hash"),
        Rule(source_labels=("a",), target_label="b", separator="", regex=""),
    )


def test_no_key_is_no_rule() -> None:
    assert read("{}") == ((), [])
    assert read("relabel_configs: []") == ((), [])


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        (
            "{action: replace}",
            "p.yml:1:19: error[V103] `relabel_configs[0].target_label` is missing",
        ),
        (
            "{action: keeps, regex: x}",
            "p.yml:1:28: error[V105] `relabel_configs[0].action` is `keeps`",
        ),
        (
            "{action: keep, regex: (}",
            "p.yml:1:41: error[V306] `relabel_configs[0].regex` is no pattern",
        ),
        (
            "{action: keep, regexp: x}",
            "p.yml:1:34: error[V101] unknown key `relabel_configs[0].regexp`",
        ),
        ("{action: hashmod, target_label: a, modulus: -1}", "p.yml:1:63: "),
        ("{action: labeldrop, regex: x, target_label: a}", "p.yml:1:63: "),
        ("{action: keep, source_labels: a}", "p.yml:1:49: "),
        (
            "{action: keep, regex: [x]}",
            "p.yml:1:41: error[V104] `relabel_configs[0].regex` must be text",
        ),
        ("keep", "p.yml:1:19: error[V104] relabel_configs[0] must be a mapping"),
    ],
)
def test_a_bad_rule_is_a_problem_where_it_stands(entry: str, problem: str) -> None:
    _, problems = read(f"relabel_configs: [{entry}]")
    assert len(problems) == 1
    assert problems[0].startswith(problem)
