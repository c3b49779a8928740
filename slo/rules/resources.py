"""Which rules belong into one file or one object of Kubernetes."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from slo.rules.model import Made, Resource
from slo.spec import Format, Slo

_KUBERNETES: Final = (Format.SLOTH_KUBERNETES, Format.PYRRA)
_NOT_IN_NAME: Final = re.compile(r"[^a-z0-9.-]")


def resources(made: Iterable[Made], labels: Mapping[str, str]) -> list[Resource]:
    """One object for each document that is a Kubernetes resource itself, under its name and in its
    namespace; one for each service of all others. In the order in which they come first.
    """
    placed: dict[tuple[str, str], list[Made]] = {}
    for one in made:
        placed.setdefault(_place(one.slo), []).append(one)
    return [_resource(place, members, labels) for place, members in placed.items()]


def _resource(place: tuple[str, str], made: Sequence[Made], labels: Mapping[str, str]) -> Resource:
    """What the document's own metadata carries goes over to the object, as Sloth does it."""
    (namespace, name), slo = place, made[0].slo
    groups = tuple(group for one in made for group in one.groups)
    annotations = slo.annotations if slo.format is Format.SLOTH_KUBERNETES else {}
    return Resource(name, groups, namespace, {**labels, **slo.resource_labels}, annotations)


def _place(slo: Slo) -> tuple[str, str]:
    """Namespace and name."""
    if slo.format in _KUBERNETES and slo.document:
        return slo.namespace, slo.document
    return slo.namespace, _NOT_IN_NAME.sub("-", slo.service.lower()).strip("-.") or "slos"
