"""Label selectors of Kubernetes: what they select, and how the API is asked for it."""

from collections.abc import Mapping
from dataclasses import dataclass

from collectors.discovery.kubernetes_json import mapping, mappings, text, texts


@dataclass(frozen=True, slots=True)
class LabelSelector:
    """Labels that must be so, and expressions (key, operator, values) that must all hold.

    One that says nothing selects everything.
    """

    labels: tuple[tuple[str, str], ...] = ()
    expressions: tuple[tuple[str, str, tuple[str, ...]], ...] = ()

    def matches(self, labels: Mapping[str, str]) -> bool:
        return all(labels.get(name) == value for name, value in self.labels) and all(
            _holds(expression, labels) for expression in self.expressions
        )

    @property
    def text(self) -> str:
        """As `labelSelector` has it; empty where there is no way to say it, which asks for all."""
        parts = [f"{name}={value}" for name, value in self.labels]
        for key, operator, values in self.expressions:
            match operator:
                case "In":
                    parts.append(f"{key} in ({','.join(values)})")
                case "NotIn":
                    parts.append(f"{key} notin ({','.join(values)})")
                case "Exists":
                    parts.append(key)
                case "DoesNotExist":
                    parts.append(f"!{key}")
                case _:
                    return ""
        return ",".join(parts)


def selector_of(raw: object) -> LabelSelector | None:
    """The selector that an object says; None where it says none, which selects nothing."""
    if not isinstance(raw, dict):
        return None
    expressions = tuple(
        (text(one.get("key")), text(one.get("operator")), _words(one.get("values")))
        for one in mappings(raw.get("matchExpressions"))
    )
    return LabelSelector(tuple(texts(mapping(raw).get("matchLabels")).items()), expressions)


def _holds(expression: tuple[str, str, tuple[str, ...]], labels: Mapping[str, str]) -> bool:
    key, operator, values = expression
    match operator:
        case "In":
            return labels.get(key) in values
        case "NotIn":  # also where there is no such label
            return labels.get(key) not in values
        case "Exists":
            return key in labels
        case "DoesNotExist":
            return key not in labels
        case _:
            return False


def _words(listed: object) -> tuple[str, ...]:
    return tuple(map(text, listed)) if isinstance(listed, list) else ()
