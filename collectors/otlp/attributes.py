"""Attributes of OTLP as labels of Prometheus."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

import orjson

MAX_VALUE: Final = 1024  # characters of a label's value; what is longer is cut
_NOT_LABEL: Final = re.compile(r"[^a-zA-Z0-9_]")
_SEVERAL: Final = re.compile(r"_{2,}")
_ESCAPED: Final = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})


def text_of(value: Any) -> str:
    """An AnyValue as text: arrays, maps and bytes as JSON."""
    kind = value.WhichOneof("value")
    if kind == "string_value":
        return str(value.string_value)[:MAX_VALUE]
    if kind is None:
        return ""
    if kind == "bool_value":
        return "true" if value.bool_value else "false"
    if kind == "int_value":
        return str(value.int_value)
    return orjson.dumps(_plain(value)).decode()[:MAX_VALUE]


def some(attributes: Iterable[Any], wanted: frozenset[str]) -> dict[str, str]:
    """The wanted ones of a list of KeyValues, as text; empty values are absent."""
    found = {}
    for one in attributes:
        key = one.key
        if key in wanted and (text := text_of(one.value)):
            found[key] = text
    return found


def label_name(key: str) -> str:
    """The name of an attribute as a label: `http.route` is `http_route`."""
    name = _SEVERAL.sub("_", _NOT_LABEL.sub("_", key)) or "_"
    return f"key_{name}" if name[0].isdigit() else name


def labels_of(attributes: Iterable[Any]) -> dict[str, str]:
    """All of a list of KeyValues as labels. Keys that become the same label are joined by `;` in
    the order of the keys, as OpenTelemetry's rules for Prometheus have it.
    """
    found: dict[str, str] = {}
    for key, text in sorted((one.key, text_of(one.value)) for one in attributes):
        name = label_name(key)
        if text:
            found[name] = f"{found[name]};{text}" if name in found else text
    return found


def written(labels: Mapping[str, str]) -> str:
    """Labels as they stand between the braces, in the order of their names."""
    inner = [f'{name}="{value.translate(_ESCAPED)}"' for name, value in sorted(labels.items())]
    return ",".join(inner)


def _plain(value: Any) -> object:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_plain(one) for one in value.array_value.values]
    if kind == "kvlist_value":
        return {one.key: _plain(one.value) for one in value.kvlist_value.values}
    if kind == "bytes_value":
        return bytes(value.bytes_value).hex()
    return None if kind is None else getattr(value, kind)
