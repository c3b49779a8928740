"""What all objects of Kubernetes have, as the API says it in JSON.

Reading is lenient, for the API is typed: what is missing or of another type is empty.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

Json: TypeAlias = Mapping[str, Any]


class Resource(NamedTuple):
    """Where the API has a kind of object."""

    prefix: str
    plural: str
    namespaced: bool = True


@dataclass(frozen=True, slots=True)
class Meta:
    """What every object has."""

    name: str
    namespace: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]

    @property
    def key(self) -> str:
        return key_of(self.namespace, self.name)


def key_of(namespace: str, name: str) -> str:
    """What names an object among those of its kind."""
    return f"{namespace}/{name}" if namespace else name


def meta_of(raw: Json) -> Meta:
    """The metadata of any object; a name that is missing is empty."""
    meta = mapping(raw.get("metadata"))
    return Meta(
        text(meta.get("name")),
        text(meta.get("namespace")),
        texts(meta.get("labels")),
        texts(meta.get("annotations")),
    )


def version_of(raw: Json) -> str:
    """The `resourceVersion` of an object or a list."""
    return text(mapping(raw.get("metadata")).get("resourceVersion"))


def items_of(raw: Json) -> tuple[list[Json], str]:
    """The items of a list, and what to go on with; empty when this was its end."""
    going_on = text(mapping(raw.get("metadata")).get("continue"))
    return mappings(raw.get("items")), going_on


def status_of(raw: Json) -> tuple[int, str]:
    """Code and message of a Status object."""
    return number(raw.get("code")) or 0, text(raw.get("message"))


def text(value: object) -> str:
    return value if isinstance(value, str) else ""


def number(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def flag(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else ""


def mapping(value: object) -> Json:
    return value if isinstance(value, dict) else {}


def mappings(value: object) -> list[Json]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def texts(value: object) -> dict[str, str]:
    return {k: v for k, v in mapping(value).items() if isinstance(v, str)}
