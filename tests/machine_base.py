"""The state machine without its rules: calls are made, and what comes of each is held against the
model; and what holds after every step.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, ClassVar

from fastapi.routing import iter_route_contexts
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant

from fleet import Answer
from machine_client import FENCE, Client, Stream
from machine_invariants import (
    LISTS,
    PLACES,
    check_chain,
    check_hidden,
    check_kept,
    check_model,
    check_one,
    check_place,
    check_rows,
)
from machine_model import Expected, Inc, Model, refused
from machine_world import ACTORS, Actor, Held, World, keys_of
from vigie.access import Permission
from vigie.live import Change

NOBODY = 4242  # the number of no incident
GUEST = "guest"  # whichever was invited last
ABLE = "able"  # somebody who sees the incident and responds, one after the other
# Mostly who may, and what is there: else most calls would be refused.
WHO = st.sampled_from([*[ABLE] * 20, *ACTORS, GUEST])
WHICH = st.sampled_from([0, 0, 0, 1, 1, 2, 3, 0, 1, 2, 3, 4, 0, 1, 2, 9])
KEYS = st.sampled_from([None, None, "k1", "k2", "new", "new"])
AGAIN = st.booleans()
SPOILT = st.sampled_from([*[None] * 28, "unknown", "actor"])
TEXTS = st.sampled_from(
    [
        "seen it",
        "<script>alert(1)</script><b onclick=x>&lt;",
        "=HYPERLINK(0) | **@vigie** [x](javascript:alert(1))",
        "two\nlines \u0661",
    ]
)
# Seconds of the clock after each request: it goes on, and is set back now and then by less.
DRIFT = (20.0, 45.0, -50.0, 30.0, -25.0)
PARTS_OF_ALL = 6  # of all places that are looked at when an example ends, one is
HEARD_BY = ("vera", "token/ci", "alan")  # whose streams are open


class Base(RuleBasedStateMachine):
    """One database, its users and what is known of it; `client` is set by the test."""

    client: ClassVar[Client]
    places: ClassVar[tuple[str, ...]] = ()

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.client.serve(self.world.fleet)
        self.model = Model()
        self.held: Held = self.world.held()
        self.guests: list[Actor] = []
        self.serial = 0
        self.asked = 0
        self.turn = 0  # of what is looked at after each step
        self.failed = False
        self.changed = False  # since it was looked at
        self.told = False  # streams may have something to tell, also where nothing changed
        self.streams: dict[str, Stream] = {}
        if not self.places:
            type(self).places = (*PLACES, *_plain_routes(self.client))

    @initialize()
    def listen(self) -> None:
        self.streams = {who: self.client.listen(ACTORS[who].headers) for who in HEARD_BY}

    # -- calls ------------------------------------------------------------------------------------

    def actor(self, who: str) -> Actor:
        if who == ABLE:
            return ACTORS["rosa"]
        if who == GUEST:
            return self.guests[-1] if self.guests else ACTORS["vera"]
        return ACTORS[who]

    def meet(self, who: str, which: int) -> tuple[Actor, int]:
        """Who does something, and to which incident."""
        number = self.pick(which)
        if who != ABLE:
            return self.actor(who), number
        there = [one for one in ACTORS.values() if self.model.sees(one, number)]
        able = [one for one in there if self.model.may(one, Permission.RESPOND, number)]
        return (able[self.asked % len(able)] if able else ACTORS["alan"]), number

    def other(self, number: int, which: int) -> int:
        """The number of another incident, mostly one with which it can be merged."""
        others = [o for n, o in sorted(self.model.incidents.items()) if n != number]
        one = self.model.incidents.get(number)
        like = [o for o in others if o.goes_on and one and o.restricted == one.restricted]
        found = (like or others) if which < 2 else others
        return found[which % len(found)].number if found and which != 9 else self.pick(which)

    def pick(self, which: int) -> int:
        """The number of an incident, the newest for 0; of none for 9."""
        numbers = sorted(self.model.incidents, reverse=True)
        return NOBODY if which == 9 or not numbers else numbers[which % len(numbers)]

    def word(self) -> str:
        """One that stands nowhere yet."""
        self.serial += 1
        return f"zq{self.serial:03}qz"

    def worded(self, number: int, text: str = "") -> str:
        """A text about an incident, with a word planted in it that is its own."""
        one, word = self.model.incidents.get(number), self.word()
        if one is not None:
            one.words.add(word)
        return f"{word} {text}".strip()

    def call(
        self,
        actor: Actor,
        permission: Permission,
        where: str,
        body: Any = None,
        *,
        number: int,
        expected: Callable[[Inc], Expected],
        method: str = "POST",
        key: str | None = None,
        again: bool = False,
        spoilt: str | None = None,
        blind: bool = False,
        undoes: bool = False,
    ) -> Answer:
        """Call a route of one incident. Refused by the gate, by what was spoilt, as a repetition,
        or answered as `expected` says, which is asked for an incident that is there.
        """
        key = self.word() if key == "new" else key
        one = self.model.incidents.get(number)
        body, wanted = _spoil(body, spoilt, actor)
        if (status := self._gate(actor, permission, number, blind)) is not None:
            wanted = refused(status)
        elif wanted is None:
            assert one is not None
            wanted = expected(one)
            if key is not None and key in keys_of(self.held, number):
                wanted = Expected((200, 403, 404, 409, 422), writes=False)
        path = f"/api/v1/incidents/{number}{where}"
        headers = {**actor.headers, **({} if key is None else {"Idempotency-Key": key})}
        answer, moved = self.ask(actor, method, path, headers, body, wanted, undoes=undoes)
        if moved and again and key is not None:
            twice = replace(wanted, statuses=(200, 404), writes=False, effect=lambda: None)
            self.ask(actor, method, path, headers, body, twice)
        return answer

    def ask(
        self,
        actor: Actor,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: Any,
        wanted: Expected,
        *,
        undoes: bool = False,
    ) -> tuple[Answer, bool]:
        """Send a request; the answer, and whether it changed anything."""
        hidden = self.model.hidden_from(actor)
        answer = self.client.ask(method, path, headers, body)
        self.failed = True
        told = f"{actor.name}: {method} {path} {body!r}: {answer.status} {answer.text[:500]}"
        status = 200 if answer.status == 201 else answer.status
        self.told = self.told or status == 200
        assert status in wanted.statuses, f"{wanted.statuses}, not {told}"
        before, self.held = self.held, self.world.held()
        moved = before.all_ != self.held.all_
        assert not (moved and (status != 200 or wanted.writes is False)), f"it wrote: {told}"
        assert moved or status != 200 or wanted.writes is not True, f"it wrote nothing: {told}"
        if moved:
            wanted.effect()
            grew = len(self.held.all_["timeline"]) > len(before.all_["timeline"])
            assert grew is not wanted.silent, f"on the timeline: {told}"
        self._settle(before, undoes=undoes)
        check_hidden(answer.text, [o for o in hidden if not self.model.sees(actor, o.number)])
        self.failed = False
        self.asked += 1
        self.world.fleet.clock.set(self.world.now() + DRIFT[self.asked % len(DRIFT)])
        return answer, moved

    def _settle(self, before: Held, *, undoes: bool = False) -> None:
        if before.all_ == self.held.all_:
            return
        self.changed = self.told = True
        check_kept(before, self.held)
        check_rows(before, self.held, unmerged=undoes)
        check_model(self.model, self.held)

    def _gate(self, actor: Actor, permission: Permission, number: int, blind: bool) -> int | None:
        if actor.guest_of is not None:
            return 403 if self.world.now() < actor.until else 401
        if not self.model.may(actor, permission, number):
            return 403
        if blind:
            return None if number in self.model.incidents else 404
        return None if self.model.sees(actor, number) else 404

    # -- after every step -------------------------------------------------------------------------

    @invariant()
    def holds(self) -> None:
        """After every step; what it looks at goes round."""
        if self.changed and self.model.incidents:
            check_chain(self.world.fleet.db)
            self.try_what_leads_nowhere()
            self.look_here_and_there()
        if self.told and self.streams:
            self.listen_to_streams()
        self.changed = self.told = False

    def try_what_leads_nowhere(self) -> None:
        """Of the rules that know of states."""

    def listen_to_streams(self) -> None:
        self.world.fleet.feed.publish(FENCE)
        for who, stream in self.streams.items():
            for number in stream.numbers():
                assert self.model.sees(ACTORS[who], number), f"{who} heard of #{number}"

    def look_here_and_there(self) -> None:
        actors, numbers = [*ACTORS.values()], sorted(self.model.incidents)
        for step in range(2):
            self.turn += 1
            actor = actors[self.turn * 5 % len(actors)]
            if step == 0:
                check_place(self.client, self.model, actor, PLACES[0])
            elif self.turn % 4 != 0:
                place = self.places[self.turn * 7 % len(self.places)]
                check_place(self.client, self.model, actor, place)
            else:
                one = self.model.incidents[numbers[self.turn % len(numbers)]]
                check_one(self.client, self.model, actor, one, page=self.turn % 8 == 0)

    def teardown(self) -> None:
        try:
            if not self.failed:
                self._look_everywhere()
        finally:
            self.world.fleet.feed.publish(Change("stop"))
            for stream in self.streams.values():
                stream.close()
            self.world.close()

    def _look_everywhere(self) -> None:
        if not any(one.restricted for one in self.model.incidents.values()):
            return
        for actor in ACTORS.values():
            check_place(self.client, self.model, actor, PLACES[0])
        blind = max(ACTORS.values(), key=lambda actor: len(self.model.hidden_from(actor)))
        first = self.turn % PARTS_OF_ALL
        for place in (*LISTS, *self.places[first::PARTS_OF_ALL]):
            check_place(self.client, self.model, blind, place)


def _spoil(body: Any, how: str | None, actor: Actor) -> tuple[Any, Expected | None]:
    """A body with something in it that must not be, and what comes of it."""
    if not isinstance(body, dict) or how is None:
        return body, None
    if how == "unknown":
        return {**body, "zzz": [1]}, refused(422)
    if "/" in actor.name:  # a program may say for whom it acts
        return body, None
    return {**body, "actor": "mallory"}, refused(403)


def _plain_routes(client: Client) -> list[str]:
    """Every address that is read and has no parameters."""
    found = []
    for route in iter_route_contexts(client.app.routes):
        path = str(route.path)
        is_read = "GET" in (route.methods or ()) and "{" not in path
        if is_read and path not in ("/api/v1/events", "/api/v1/openapi.json", "/-/ready"):
            found.append(path)
    return found
