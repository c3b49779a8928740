"""The chain of a timeline: what is hashed, and that nothing can be changed unseen."""

import json
from dataclasses import asdict, replace
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incidents.chain import (
    GENESIS,
    Entry,
    Head,
    Stored,
    breaks,
    broken,
    canonical,
    canonical_data,
    link,
)

FIRST = Entry(7, 1, "opened", "vigie", 10.5, 1e16, 'say "é"\n', '{"a":[1,null],"b":{"c":0.1}}')
LINE = (
    '{"actor":"vigie","data":{"a":[1,null],"b":{"c":0.1}},"incident":7,"kind":"opened",'
    '"occurred_at":10.5,"position":1,"recorded_at":1e+16,"text":"say \\"é\\"\\n"}'
)


def test_the_form_is_the_one_that_is_written_down() -> None:
    assert canonical(FIRST) == LINE
    assert link(GENESIS, FIRST) == sha256(b"0" * 64 + LINE.encode()).hexdigest()
    assert link("f" * 64, FIRST) != link(GENESIS, FIRST)


words = st.text(max_size=12)
seconds = st.floats(allow_nan=False, allow_infinity=False)
scalars = st.none() | st.booleans() | st.integers(-(2**60), 2**60) | seconds | words
trees = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=6,
)
objects = st.dictionaries(words, trees, max_size=3)
entries = st.builds(
    Entry,
    incident=st.just(7),
    position=st.just(0),
    kind=words,
    actor=words,
    occurred_at=seconds,
    recorded_at=seconds,
    text=words,
    data=objects.map(canonical_data),
)


@given(entries)
def test_the_form_is_sorted_json_of_all_fields(entry: Entry) -> None:
    fields = asdict(entry) | {"data": json.loads(entry.data)}
    assert canonical(entry) == canonical_data(fields)
    assert list(json.loads(canonical(entry))) == sorted(fields)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_json_has_not_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="JSON"):
        canonical_data({"x": value})


def chained(given: list[Entry], incident: int = 7) -> tuple[Head, list[Stored]]:
    last, chain = GENESIS, []
    for position, entry in enumerate(given, start=1):
        placed = replace(entry, incident=incident, position=position)
        last = link(last, placed)
        chain.append(Stored(placed, 10 * position, last))
    return Head(incident, len(chain), last), chain


chains = st.lists(entries, min_size=1, max_size=6).map(chained)


@given(chains)
def test_what_was_appended_verifies(made: tuple[Head, list[Stored]]) -> None:
    assert broken(*made) is None


def another(name: str, value: Any) -> Any:
    match value:
        case str() if name == "data":
            return canonical_data({"x": value})
        case str():
            return value + "x"
        case int():
            return value + 1
        case _:
            return value / 2 + 1 if value != 2 else 0.0


FIELDS = [*asdict(FIRST), "id", "hash"]


@given(made=chains, data=st.data())
def test_one_field_of_one_entry_that_is_changed_is_found_there_or_right_after(
    made: tuple[Head, list[Stored]], data: st.DataObject
) -> None:
    head, chain = made
    place = data.draw(st.integers(0, len(chain) - 1))
    name, was = data.draw(st.sampled_from(FIELDS)), chain[place]
    if name == "id":
        if place == 0:
            return
        chain[place] = replace(was, id=chain[place - 1].id)
    elif name == "hash":
        chain[place] = replace(was, hash=was.hash[::-1] if was.hash != was.hash[::-1] else GENESIS)
    else:
        changed = replace(was.entry, **{name: another(name, getattr(was.entry, name))})
        chain[place] = replace(was, entry=changed)
    found = broken(head, chain)
    assert found is not None
    assert found.incident == 7
    assert found.position in {place + 1, place + 2}


@given(made=chains, data=st.data())
def test_an_entry_that_is_removed_is_found(
    made: tuple[Head, list[Stored]], data: st.DataObject
) -> None:
    head, chain = made
    place = data.draw(st.integers(0, len(chain) - 1))
    del chain[place]
    found = broken(head, chain)
    assert found is not None
    assert found.position == place + 1
    assert "is missing" in found.reason


@given(made=chains, new=entries, data=st.data())
def test_an_entry_that_is_put_in_is_found(
    made: tuple[Head, list[Stored]], new: Entry, data: st.DataObject
) -> None:
    """Even with a hash that follows the one before, and the later ones moved up."""
    head, chain = made
    place = data.draw(st.integers(0, len(chain)))
    before = chain[place - 1].hash if place else GENESIS
    put = replace(new, position=place + 1)
    later = [replace(s, entry=replace(s.entry, position=s.entry.position + 1)) for s in chain]
    planted = Stored(put, 10 * place + 5, link(before, put))
    assert broken(head, [*chain[:place], planted, *later[place:]]) is not None
    assert broken(head, [*chain[:place], planted, *chain[place:]]) is not None


@given(made=chains, data=st.data())
def test_two_entries_that_change_places_are_found(
    made: tuple[Head, list[Stored]], data: st.DataObject
) -> None:
    head, chain = made
    if len(chain) < 2:
        return
    one, other = data.draw(st.permutations(range(len(chain))))[:2]
    a, b = chain[one], chain[other]
    chain[one] = replace(b, id=a.id, entry=replace(b.entry, position=one + 1))
    chain[other] = replace(a, id=b.id, entry=replace(a.entry, position=other + 1))
    assert broken(head, chain) is not None


@pytest.mark.parametrize(
    ("head", "said"),
    [
        (
            Head(7, 3, GENESIS),
            "incident 7, entry 3: is missing; the incident says that it has 3 en",
        ),
        (
            Head(7, 1, GENESIS),
            "incident 7, entry 2: was added; the incident says that it has 1 ent",
        ),
        (Head(7, 2, GENESIS), "incident 7, entry 2: is not the last entry that the incident names"),
    ],
)
def test_a_head_that_says_otherwise_is_a_break(head: Head, said: str) -> None:
    _, chain = chained([FIRST, FIRST])
    assert said in str(broken(head, chain))


def test_the_breaks_of_many_incidents_are_found_in_one_pass() -> None:
    made = {number: chained([FIRST] * 3, number) for number in (2, 3, 5, 6, 8)}
    heads = [made[number][0] for number in (2, 3, 5, 8)] + [Head(9, 0, GENESIS)]
    stored = [s for number in (2, 3, 6, 8) for s in made[number][1]]
    stored[3:6] = [replace(s, entry=replace(s.entry, actor="mallory")) for s in stored[3:6]]
    found = list(breaks(heads, stored))
    assert [(one.incident, one.position) for one in found] == [(3, 1), (5, 1), (6, 1), (9, 1)]
    assert [one.reason.split(":")[0] for one in found] == [
        "its fields do not give its hash", "is missing", "its incident is not there", "is missing",
    ]  # fmt: skip
