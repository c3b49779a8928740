"""What a component of a status page is, from services and incidents."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incidents.components import ComponentState, hurts, of_component, worst
from slo.spec import ServiceState

UP, DOWN, DEGRADED = ServiceState.UP, ServiceState.DOWN, ServiceState.DEGRADED
UNKNOWN, MAINTENANCE = ServiceState.UNKNOWN, ServiceState.MAINTENANCE


@pytest.mark.parametrize(
    ("services", "severities", "word"),
    [
        ([UP], [], "operational"),
        ([DEGRADED], [], "degraded_performance"),
        ([DOWN], [], "major_outage"),
        ([DOWN, DOWN], [], "major_outage"),
        ([DOWN, UP], [], "partial_outage"),
        ([DOWN, UNKNOWN], [], "partial_outage"),
        ([MAINTENANCE], [], "under_maintenance"),
        ([MAINTENANCE, UP], [], "under_maintenance"),
        ([UNKNOWN], [], "unknown"),
        ([UNKNOWN, UP], [], "unknown"),
        ([], [], "unknown"),
        ([UP], [1], "partial_outage"),
        ([UP], [2], "partial_outage"),
        ([UP], [3], "degraded_performance"),
        ([UP], [4], "operational"),
        ([UNKNOWN], [4], "unknown"),
        ([UNKNOWN], [3, 2], "partial_outage"),
        ([DOWN], [1], "major_outage"),
    ],
)
def test_a_component_is_as_the_worst_that_is_known_of_it(
    services: list[ServiceState], severities: list[int], word: str
) -> None:
    assert of_component(services, severities, stale=False).word == word


@given(st.lists(st.sampled_from(ServiceState)), st.lists(st.integers(1, 4)))
def test_what_is_stale_is_never_operational(
    services: list[ServiceState], severities: list[int]
) -> None:
    assert of_component(services, severities, stale=True) >= ComponentState.UNKNOWN


@given(st.lists(st.sampled_from(ServiceState)), st.lists(st.integers(1, 4)), st.integers(1, 4))
def test_one_more_incident_never_makes_it_better(
    services: list[ServiceState], severities: list[int], more: int
) -> None:
    before = of_component(services, severities, stale=False)
    assert of_component(services, [*severities, more], stale=False) >= before


def test_a_group_is_as_its_worst_component_and_an_empty_one_is_unknown() -> None:
    assert worst([ComponentState.OPERATIONAL, ComponentState.PARTIAL_OUTAGE]).word == (
        "partial_outage"
    )
    assert worst([]).word == "unknown"


def test_an_incident_hurts_until_it_is_mitigated_or_has_recovered() -> None:
    assert hurts("investigating", None)
    assert not hurts("investigating", 5.0)
    assert not hurts("mitigated", None)
    assert not hurts("closed", None)
