"""Documents as YAML text."""

from collections.abc import Iterable
from typing import Any

import yaml

from slo.convert.model import Document


class _Dumper(yaml.CSafeDumper):
    """Writes texts of several lines as blocks, which is how people read PromQL."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - every place says it in full
        return True


def _represent(dumper: yaml.CSafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style)


_Dumper.add_representer(str, _represent)


def stream(documents: Iterable[Document]) -> str:
    """The documents one after the other, `---` between them."""
    return "---\n".join(
        yaml.dump(one, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=1_000_000)
        for one in documents
    )


def stem(document: Document) -> str:
    """The name of the file, without its ending, that a document belongs into: one for each service;
    one for each resource of Kubernetes; and `shared` for what several services use.
    """
    if "version" in document:  # Sloth's own files
        return str(document["service"])
    kind, metadata = document["kind"], document["metadata"]
    if kind == "SLO":
        return str(document["spec"]["service"])
    if kind in ("Service", "ServiceLevelObjective"):
        names = (metadata.get("namespace"), metadata["name"])
        return "-".join(name for name in names if name)
    return "shared"
