"""Documents as YAML text."""

import yaml

from slo.convert.text import stem, stream


def test_queries_of_several_lines_are_blocks_and_keys_keep_their_order() -> None:
    shared = {"b": "x"}
    text = stream([{"z": "sum(\n  a\n)\n", "a": "1", "no": shared, "on": shared}, {"k": []}])
    assert text == ("z: |\n  sum(\n    a\n  )\na: '1'\n'no':\n  b: x\n'on':\n  b: x\n---\nk: []\n")
    assert len(list(yaml.safe_load_all(text))) == 2


def test_a_document_belongs_into_the_file_of_its_service_or_resource() -> None:
    meta = {"metadata": {"name": "n"}}
    assert stem({"version": "prometheus/v1", "service": "shop"}) == "shop"
    assert stem({"kind": "SLO", **meta, "spec": {"service": "shop"}}) == "shop"
    assert stem({"kind": "Service", **meta}) == "n"
    assert stem({"kind": "DataSource", **meta}) == "shared"
    resource = {"kind": "ServiceLevelObjective", "metadata": {"namespace": "prod", "name": "n"}}
    assert stem(resource) == "prod-n"
