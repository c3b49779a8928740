"""What to do first: the whole matrix, and what moves it."""

from itertools import permutations, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incidents.matrix import DEFAULT, PRIORITIES, Modifier, PriorityMatrix, inversions
from incidents.model import Severity, Urgency
from incidents.priority import Facts, prioritize, priority_of

HIGH, LOW = Urgency.HIGH, Urgency.LOW
# Every cell of the matrix that holds where no file says another one.
WHOLE = [
    (Severity.SEV1, HIGH, 1),
    (Severity.SEV1, LOW, 2),
    (Severity.SEV2, HIGH, 2),
    (Severity.SEV2, LOW, 3),
    (Severity.SEV3, HIGH, 3),
    (Severity.SEV3, LOW, 4),
    (Severity.SEV4, HIGH, 4),
    (Severity.SEV4, LOW, 5),
]
TIER_1 = Modifier("service tier 1", {"tier": "1"}, moves=1)
TEST = Modifier("test environment", {"environment": "test"}, moves=-2)
VIP = Modifier("a VIP is hit", {"vip": "true"}, at_least=2)
SLOW = Modifier("days are left", types=("certificate-expiry",), at_most=4)


@pytest.mark.parametrize(("severity", "urgency", "level"), WHOLE)
def test_the_whole_matrix(severity: Severity, urgency: Urgency, level: int) -> None:
    priority = prioritize(DEFAULT, Facts(severity, urgency))
    assert priority.level == level == priority_of(severity, urgency)
    assert priority.reasons == (f"{severity.name} x {urgency} urgency: P{level}",)


def test_the_table_above_is_whole() -> None:
    assert {(s, u) for s, u, _ in WHOLE} == set(product(Severity, Urgency))
    assert {(int(s), u.value): level for s, u, level in WHOLE} == DEFAULT.levels


def test_a_written_matrix_is_taken_cell_by_cell() -> None:
    levels = {(int(s), u.value): 6 - level for s, u, level in WHOLE}
    matrix = PriorityMatrix("turned round", levels=levels)
    for severity, urgency, level in WHOLE:
        assert prioritize(matrix, Facts(severity, urgency)).level == 6 - level


@pytest.mark.parametrize(
    ("modifiers", "facts", "level", "reasons"),
    [
        ((TIER_1,), Facts(Severity.SEV3, HIGH, "", {"tier": "2"}), 3, ()),
        ((TIER_1,), Facts(Severity.SEV3, HIGH), 3, ()),
        ((TIER_1,), Facts(Severity.SEV3, HIGH, "", {"tier": "1"}), 2, ("raised by 1: {0}",)),
        # The scale ends at P1: the reason stands all the same.
        ((TIER_1,), Facts(Severity.SEV1, HIGH, "", {"tier": "1"}), 1, ("raised by 1: {0}",)),
        (
            (TEST,),
            Facts(Severity.SEV4, HIGH, "", {"environment": "test"}),
            5,
            ("lowered by 2: {0}",),
        ),
        # A label may hold several values.
        ((TIER_1,), Facts(Severity.SEV3, LOW, "", {"tier": "1,2"}), 3, ("raised by 1: {0}",)),
        # All that holds is added up before the scale ends: P1 + 2 - 1.
        (
            (TIER_1, TEST),
            Facts(Severity.SEV1, HIGH, "", {"tier": "1", "environment": "test"}),
            2,
            ("raised by 1: {0}", "lowered by 2: {1}"),
        ),
        ((VIP,), Facts(Severity.SEV4, LOW, "", {"vip": "true"}), 2, ("at least P2: {0}",)),
        # A bound that changes nothing is no reason.
        ((VIP,), Facts(Severity.SEV1, HIGH, "", {"vip": "true"}), 1, ()),
        ((SLOW,), Facts(Severity.SEV2, HIGH, "certificate-expiry"), 4, ("at most P4: {0}",)),
        ((SLOW,), Facts(Severity.SEV2, HIGH, "slo-burn"), 2, ()),
        # Of two bounds that cannot both hold, the more careful one does.
        (
            (VIP, SLOW),
            Facts(Severity.SEV3, HIGH, "certificate-expiry", {"vip": "true"}),
            2,
            ("at most P4: {1}", "at least P2: {0}"),
        ),
    ],
)
def test_modifiers_move_it_and_say_why(
    modifiers: tuple[Modifier, ...], facts: Facts, level: int, reasons: tuple[str, ...]
) -> None:
    priority = prioritize(PriorityMatrix("m", modifiers=modifiers), facts)
    expected = [reason.format(*(m.reason for m in modifiers)) for reason in reasons]
    assert (priority.level, list(priority.reasons[1:])) == (level, expected)


levels = st.sampled_from(PRIORITIES)
words = st.sampled_from(["1", "2"])
effects = st.one_of(
    st.fixed_dictionaries({"moves": st.integers(-4, 4).filter(bool)}),
    st.fixed_dictionaries({"at_least": levels}),
    st.fixed_dictionaries({"at_most": levels}),
)
modifiers = st.builds(
    lambda effect, labels, types: Modifier("why", labels, types, **effect),
    effects,
    st.dictionaries(st.sampled_from(["tier", "sla"]), words, max_size=2),
    st.lists(st.sampled_from(["a", "b"]), max_size=1).map(tuple),
)
some_labels = st.dictionaries(st.sampled_from(["tier", "sla"]), words, max_size=2)
any_levels = st.fixed_dictionaries({(int(s), u.value): levels for s, u, _ in WHOLE})
matrices = st.builds(
    lambda levels, modifiers: PriorityMatrix("m", levels=levels, modifiers=tuple(modifiers)),
    any_levels,
    st.lists(modifiers, max_size=4),
)


@given(matrices, st.sampled_from(Severity), st.sampled_from(Urgency), some_labels)
def test_every_incident_has_a_priority_of_the_scale_and_a_reason(
    matrix: PriorityMatrix, severity: Severity, urgency: Urgency, labels: dict[str, str]
) -> None:
    priority = prioritize(matrix, Facts(severity, urgency, "a", labels))
    assert priority.level in PRIORITIES
    cell = matrix.levels[int(severity), urgency.value]
    if priority.level != cell:
        assert len(priority.reasons) > 1


@given(matrices, some_labels, st.sampled_from(["a", "b"]))
def test_what_is_worse_never_comes_later_where_the_matrix_says_so(
    matrix: PriorityMatrix, labels: dict[str, str], type_: str
) -> None:
    in_order = not list(inversions(matrix.levels))
    level = {
        (s, u): prioritize(matrix, Facts(s, u, type_, labels)).level
        for s, u in product(Severity, Urgency)
    }
    if in_order:
        for (s, u), (t, v) in product(level, level):
            if s <= t and (u is HIGH or v is LOW):
                assert level[s, u] <= level[t, v]


@given(matrices, some_labels, st.sampled_from(Severity), st.sampled_from(Urgency))
def test_the_order_of_the_modifiers_says_nothing(
    matrix: PriorityMatrix, labels: dict[str, str], severity: Severity, urgency: Urgency
) -> None:
    facts = Facts(severity, urgency, "a", labels)
    assert {
        prioritize(matrix._replace(modifiers=order), facts).level
        for order in permutations(matrix.modifiers)
    } == {prioritize(matrix, facts).level}


@given(any_levels)
def test_inversions_are_found_where_there_are_some(of: dict[tuple[int, str], int]) -> None:
    worse = [
        (a, b)
        for a, b in product(of, of)
        if a[0] <= b[0] and (a[1] == "high" or b[1] == "low") and of[a] > of[b]
    ]
    assert bool(list(inversions(of))) == bool(worse)
