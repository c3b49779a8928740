"""Which runbooks an incident calls for, the most specific first."""

from collections.abc import Iterable, Mapping

from runbooks.model import Match, Runbook
from slo import labels as slo_labels


def matching(
    runbooks: Iterable[Runbook], type: str, service: str, slo: str, labels: Mapping[str, str]
) -> list[tuple[Runbook, str]]:
    """The runbooks whose every condition fits, with the reason, best first.

    One that names the SLO is better than one that names the service, that than one that asks for
    labels (more are better), that than one that only names the type; equals go by name. `slo` is
    empty for an incident of a whole service, so that a runbook for one SLO does not fit it.
    """
    fitting = [r for r in runbooks if _fits(r.match, type, service, slo, labels)]
    fitting.sort(key=lambda runbook: (*_breadth(runbook.match), runbook.name))
    return [(runbook, _reason(runbook.match, type, service, slo)) for runbook in fitting]


def _fits(match: Match, type: str, service: str, slo: str, labels: Mapping[str, str]) -> bool:
    return (
        (not match.types or type in match.types)
        and (not match.services or service in match.services)
        and (not match.slos or slo in match.slos)
        and slo_labels.fit(labels, match.labels)
    )


def _breadth(match: Match) -> tuple[bool, bool, int, bool]:
    """How widely a runbook matches; the smaller is the more specific."""
    return not match.slos, not match.services, -len(match.labels), not match.types


def _reason(match: Match, type: str, service: str, slo: str) -> str:
    parts = [f"type {type}"] if match.types else []
    parts += [f"service {service}"] if match.services else []
    parts += [f"SLO {slo}"] if match.slos else []
    parts += [f"label {name}={value}" for name, value in sorted(match.labels.items())]
    return f"matches {', '.join(parts)}" if parts else "matches every incident"
