"""Priority: what to do first. Derived from severity and urgency, never set by hand here."""

from incidents.model import Severity, Urgency

LOWEST = 5


def priority_of(severity: Severity, urgency: Urgency) -> int:
    """1 (first) to 5. A page takes the number of its severity; what can wait comes one later."""
    return min(LOWEST, int(severity) + (0 if urgency is Urgency.HIGH else 1))
