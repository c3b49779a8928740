"""Any sequence of calls over the API: no illegal state, no entry lost, no chain broken, nobody does
what they may not, nobody sees a restricted incident that is not theirs.
"""

from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from incidents.model import Severity
from machine_client import Client
from machine_rules_people import PeopleRules
from machine_rules_work import WorkRules, WrittenRules

pytestmark = pytest.mark.hypothesis  # with the properties: it says so by itself only of @given


class Incidents(WrittenRules, WorkRules, PeopleRules):
    """Everything that can be done to incidents."""


def test_no_sequence_of_calls_breaks_what_an_incident_promises(soak: bool) -> None:
    many = settings(
        max_examples=1000 if soak else 25,
        stateful_step_count=60 if soak else 30,
        phases=[phase for phase in Phase if phase is not Phase.explain],  # it traces every line
        suppress_health_check=list(HealthCheck),
    )
    with Client() as client:
        Incidents.client = client
        run_state_machine_as_test(Incidents, settings=many)


def test_a_whole_life_and_back_holds_it_too() -> None:
    """Every state in one sequence: among random ones few examples come as far."""
    plain: dict[str, Any] = {"key": "new", "again": True}
    with Client() as client:
        Incidents.client = client
        life = Incidents()
        try:
            life.listen()
            life.begins(Severity.SEV3, restricted=False)
            for state in ("investigating", "identified", "mitigated", "identified", "mitigated"):
                life.status("rosa", 0, state, None, spoilt=None, **plain)
                life.holds()
            life.goes_to_its_end(0, "dora")
            life.holds()
            states = [life.model.incidents[2].state]
            life.reopen("rita", 0, spoilt=None, **plain)
            life.holds()
            for state in ("resolved", "review"):
                life.status("remy", 0, state, None, spoilt=None, **plain)
                life.holds()
            life.confirm("rita", 0, over=False, rated=None, words=True, **plain)
            life.holds()
            states += [life.model.incidents[2].state]
            life.restrict("rosa", 0, spoilt=None, **plain)
            life.split("rosa", 0, [1], None, spoilt=None, **plain)
            life.merge("rosa", 0, 0, duplicate=True, spoilt=None, **plain)
            life.holds()
            states += [life.model.incidents[3].state]
            life.unmerge("rosa", 0, spoilt=None, **plain)
            life.cancel("rosa", 0, spoilt=None, **plain)
            life.holds()
            states += [life.model.incidents[3].state]
        finally:
            life.teardown()
    assert states == ["closed", "investigating", "merged", "cancelled"]
