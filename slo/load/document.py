"""What documents of every kind begin with: apiVersion, kind, metadata, then the spec."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final, NamedTuple

import yaml

from slo.load.codes import Code
from slo.load.yaml import Fields, Mark, Node, Problems

VIGIE: Final = "vigie.dev/v1"
OPENSLO: Final = "openslo/v1"
NAME: Final = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?", re.ASCII)
_MAX_NAME: Final = 253  # as long as Kubernetes' names


class Document(NamedTuple):
    """A document being read: its name and labels, and the fields of its `spec`."""

    name: str
    labels: Mapping[str, str]
    spec: Fields
    mark: Mark


@contextmanager
def opened(node: Node, problems: Problems) -> Iterator[Document]:
    """A document of one of Vigie's own kinds; its unknown keys are reported on leaving."""
    fields = Fields(node, problems)
    fields.ignore("apiVersion", "kind")  # whoever chose the reader has read them
    with fields.map("metadata") as metadata:
        name, labels = name_in(metadata, "name"), metadata.labels("labels")
    with fields.map("spec") as spec:
        yield Document(name, labels, spec, node.mark)
    fields.close()


def name_in(fields: Fields, key: str) -> str:
    """A required name: of a thing that ids, labels and addresses are made from."""
    name = fields.text(key)
    if name and (len(name) > _MAX_NAME or not NAME.fullmatch(name)):
        message = f"`{name}` is no name: use letters, digits, `-`, `_` and `.`, a letter first"
        fields.problems.error(fields.mark(key), message, Code.BAD_NAME)
    return name


def peek(node: Node, *keys: str) -> Node | None:
    """The scalar at a path of keys, without judging anything; None when there is none."""
    raw = node.raw
    for key in keys:
        pairs = raw.value if isinstance(raw, yaml.MappingNode) else []
        found = next((value for name, value in pairs if name.value == key), None)
        if found is None:
            return None
        raw = found
    return node.child(raw) if isinstance(raw, yaml.ScalarNode) else None
