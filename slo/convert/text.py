"""Documents as YAML text."""

from collections.abc import Iterable

from slo.convert.model import Document
from slo.yaml_text import dumped


def stream(documents: Iterable[Document]) -> str:
    """The documents one after the other, `---` between them."""
    return "---\n".join(dumped(one) for one in documents)


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
