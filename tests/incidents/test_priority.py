"""What to do first."""

import pytest

from incidents.model import Severity, Urgency
from incidents.priority import priority_of


@pytest.mark.parametrize(
    ("severity", "page", "ticket"),
    [(Severity.SEV1, 1, 2), (Severity.SEV2, 2, 3), (Severity.SEV3, 3, 4), (Severity.SEV4, 4, 5)],
)
def test_a_page_takes_the_number_of_its_severity_and_a_ticket_comes_one_later(
    severity: Severity, page: int, ticket: int
) -> None:
    assert priority_of(severity, Urgency.HIGH) == page
    assert priority_of(severity, Urgency.LOW) == ticket
