"""`metadata` of an OpenSLO document, and references from one document to another by its name."""

from collections.abc import Mapping
from dataclasses import dataclass

import yaml

from slo import labels as label_values
from slo.load.codes import Code
from slo.load.document import name_in
from slo.load.yaml import Fields, Mark, text_of


@dataclass(frozen=True, slots=True)
class Metadata:
    """Who a document is. `annotations` say nothing to Vigie and are kept for conversion."""

    name: str
    display_name: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Reference:
    """The name of another document, and where it is written."""

    name: str
    mark: Mark


def read(fields: Fields) -> Metadata:
    """The required `metadata` of a document that is being read."""
    with fields.map("metadata") as metadata:
        return _metadata(metadata, name_in(metadata, "name"))


def read_inline(fields: Fields) -> Metadata:
    """`metadata` of a document inside another one, where nothing refers to its name."""
    with fields.maybe_map("metadata") as metadata:
        if metadata is None:
            return Metadata("", "", {}, {})
        name = name_in(metadata, "name") if metadata.has("name") else ""
        return _metadata(metadata, name)


def reference(fields: Fields, key: str) -> Reference | None:
    """The name under a key; None when it is absent or not a text, which is then reported."""
    name = fields.maybe_text(key)
    return Reference(name, fields.mark(key)) if name else None


def _metadata(metadata: Fields, name: str) -> Metadata:
    display_name = metadata.text("displayName", "")
    return Metadata(name, display_name, _labels(metadata), _annotations(metadata))


def _labels(metadata: Fields) -> dict[str, str]:
    """Labels whose values are a text or a list of texts."""
    with metadata.maybe_map("labels") as fields:
        if fields is None:
            return {}
        return {name: _label(fields, name) for name in fields.names()}


def _label(fields: Fields, name: str) -> str:
    node = fields.node_of(name, required=False)
    if node is None or not isinstance(node.raw, yaml.SequenceNode):
        return fields.text(name)
    values = fields.texts(name)
    if any(label_values.BETWEEN in value for value in values):
        message = f"a value of label `{name}` holds a comma: remove it"
        fields.problems.error(node.mark, message, Code.NOT_ALLOWED)
    return label_values.joined(values)


def _annotations(metadata: Fields) -> dict[str, str]:
    """Annotations as they are spelled: `true` and `1` may stand without quotes."""
    with metadata.maybe_map("annotations") as fields:
        found: dict[str, str] = {}
        for name in fields.names() if fields is not None else ():
            node = fields.node_of(name, required=False) if fields is not None else None
            if node is None:
                found[name] = ""
            elif isinstance(node.raw, yaml.ScalarNode):
                found[name] = str(node.raw.value)
            elif fields is not None:
                text_of(node, fields.problems, f"{fields.where}.{name}")
        return found
