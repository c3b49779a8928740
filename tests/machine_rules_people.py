"""Rules: who does what on an incident, who sees it, who is let in."""

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from machine_base import AGAIN, KEYS, NOBODY, SPOILT, TEXTS, WHICH, WHO, Base
from machine_model import PARTS, Expected, Inc
from machine_world import ACTORS, DAY_S, USERS, guest
from vigie.access import Permission, Role

P = Permission
PART = st.sampled_from(PARTS)
TO = st.sampled_from([*USERS, "robret"])


class PeopleRules(Base):
    @rule(who=WHO, which=WHICH, part=PART, key=KEYS, again=AGAIN, spoilt=SPOILT)
    def take(self, who: str, which: int, part: str, **more: Any) -> None:
        actor, number = self.meet(who, which)
        expected = lambda one: self.model.give(one, part, actor.person)  # noqa: E731 - asked once it is known to be there
        body = {"part": part}
        self.call(actor, P.RESPOND, "/take", body, number=number, expected=expected, **more)

    @rule(who=WHO, which=WHICH, part=PART, to=TO, key=KEYS, again=AGAIN, spoilt=SPOILT)
    def assign(self, who: str, which: int, part: str, to: str, **more: Any) -> None:
        actor, number = self.meet(who, which)
        expected = lambda one: self.model.give(one, part, to)  # noqa: E731 - asked once it is known to be there
        body = {"part": part, "to": to}
        self.call(actor, P.RESPOND, "/assign", body, number=number, expected=expected, **more)

    @rule(which=WHICH, part=PART, whose=WHICH, to=TO, key=KEYS, again=AGAIN, spoilt=SPOILT)
    def hand_over(self, which: int, part: str, whose: int, to: str, **more: Any) -> None:
        """Mostly by who holds a part."""
        number = self.pick(which)
        held = sorted(self.held.parts.get(number, frozenset()))
        part, who = held[whose % len(held)] if held and whose < 8 else (part, "remy")
        actor = ACTORS.get(who, ACTORS["remy"])
        body = {"part": part, "to": to, "note": self.worded(number)}
        expected = lambda one: self.model.hand_over(actor, one, part, to)  # noqa: E731 - asked once it is known to be there
        self.call(actor, P.RESPOND, "/hand-over", body, number=number, expected=expected, **more)

    @rule(which=WHICH, part=PART, whose=WHICH, key=KEYS, again=AGAIN, spoilt=SPOILT)
    def leave(self, which: int, part: str, whose: int, **more: Any) -> None:
        number = self.pick(which)
        held = sorted(self.held.parts.get(number, frozenset()))
        part, who = held[whose % len(held)] if held and whose < 8 else (part, "remy")
        actor = ACTORS.get(who, ACTORS["remy"])
        expected = lambda one: self.model.leave(actor, one, part)  # noqa: E731 - asked once it is known to be there
        body = {"part": part}
        self.call(actor, P.RESPOND, "/leave", body, number=number, expected=expected, **more)

    @rule(which=WHICH, restricts=st.booleans())
    def everybody_leaves(self, which: int, restricts: bool) -> None:
        """Who may, that is; of a restricted one the last may not."""
        number = self.pick(which)
        for part, who in sorted(self.held.parts.get(number, frozenset())):
            actor = ACTORS.get(who, ACTORS["remy"])
            more: dict[str, Any] = {"number": number}
            if restricts:
                expected = lambda one: self.model.restrict(actor, one)  # noqa: B023, E731 - asked within the turn
                body = {"reason": self.worded(number)}
                self.call(actor, P.RESPOND, "/restrict", body, expected=expected, **more)
            expected = lambda one: self.model.leave(actor, one, part)  # noqa: B023, E731 - asked within the turn
            self.call(actor, P.RESPOND, "/leave", {"part": part}, expected=expected, **more)

    @rule(who=st.one_of(WHO, st.just("rita")), which=WHICH, ends=st.booleans(), spoilt=SPOILT)
    def watch(self, who: str, which: int, ends: bool, spoilt: str | None) -> None:
        actor, number = self.meet(who, which)
        what = self.model.unwatch if ends else self.model.watch
        expected = lambda one: what(actor, one)  # noqa: E731 - asked once it is known to be there
        where = "/unwatch" if ends else "/watch"
        self.call(actor, P.REPORT, where, {}, number=number, expected=expected, spoilt=spoilt)

    @rule(who=WHO, which=WHICH, key=KEYS, again=AGAIN, spoilt=SPOILT)
    def call_team(self, who: str, which: int, **more: Any) -> None:
        actor, number = self.meet(who, which)
        body = {"team": self.worded(number), "note": "come"}
        self.call(actor, P.RESPOND, "/teams", body, number=number, expected=_said, **more)

    @rule(who=WHO, which=WHICH, key=KEYS, again=AGAIN, spoilt=SPOILT)
    def restrict(self, who: str, which: int, **more: Any) -> None:
        actor, number = self.meet(who, which)
        body = {"reason": self.worded(number)}
        expected = lambda one: self.model.restrict(actor, one)  # noqa: E731 - asked once it is known to be there
        self.call(actor, P.RESPOND, "/restrict", body, number=number, expected=expected, **more)

    @rule(who=WHO, which=WHICH, key=KEYS, again=AGAIN, spoilt=SPOILT)
    def unrestrict(self, who: str, which: int, **more: Any) -> None:
        actor, number = self.meet(who, which)
        body, expected = {"reason": "over"}, self.model.unrestrict
        self.call(actor, P.RESPOND, "/unrestrict", body, number=number, expected=expected, **more)

    @rule(
        who=st.one_of(st.just("alan"), WHO),
        which=WHICH,
        name=TO,
        key=KEYS,
        again=AGAIN,
        spoilt=SPOILT,
    )
    def let_in(self, who: str, which: int, name: str, **more: Any) -> None:
        actor, number = self.meet(who, which)
        body = {"name": name, "reason": "nobody is left"}
        expected = lambda one: self.model.let_in(one, name)  # noqa: E731 - asked once it is known to be there
        more |= {"expected": expected, "blind": True}
        self.call(actor, P.ADMINISTER, "/participants", body, number=number, **more)

    @rule(
        who=st.one_of(st.just("alan"), WHO),
        which=st.integers(0, 8),
        name=st.sampled_from([*USERS]),
        role=st.sampled_from([Role.VIEWER, Role.REQUESTER, Role.RESPONDER, Role.DESK]),
        takes=st.booleans(),
    )
    def grant(self, who: str, which: int, name: str, role: Role, takes: bool) -> None:
        """A right on one incident, given or taken back by an admin."""
        actor, number = self.meet(who, which)
        if number == NOBODY:
            return
        path, given = f"/api/v1/users/{name}/grants", (name, number)
        had, restricted = self.model.granted.get(given), self.model.incidents[number].restricted

        def effect() -> None:
            self.model.granted.pop(given, None)
            if not takes:
                self.model.granted[given] = role

        writes = had is not None if takes else None
        wanted = Expected(writes=writes, effect=effect, silent=takes or not restricted)
        if actor.guest_of is not None:
            wanted = Expected((403 if self.world.now() < actor.until else 401,), False)
        elif not self.model.may(actor, P.ADMINISTER):
            wanted = Expected((403,), False)
        if takes:
            self.ask(actor, "DELETE", f"{path}/{number}", actor.headers, None, wanted)
        else:
            body = {"incident": number, "role": role.value}
            self.ask(actor, "POST", path, actor.headers, body, wanted)

    # -- external parties -------------------------------------------------------------------------

    @rule(who=WHO, which=WHICH, role=st.sampled_from(["viewer", "responder"]), spoilt=SPOILT)
    def invite(self, who: str, which: int, role: str, spoilt: str | None) -> None:
        actor, number = self.meet(who, which)
        name = self.worded(number)
        body = {"name": name, "role": role, "expires_in": "2d"}
        more: dict[str, Any] = {"expected": _said, "spoilt": spoilt}
        until = self.world.now() + 2 * DAY_S
        answer = self.call(actor, P.RESPOND, "/guests", body, number=number, **more)
        if answer.status == 201:
            said = answer.json
            facts: dict[str, Any] = {"of": number, "id_": said["id"], "until": until}
            self.guests.append(guest(name, role, said["token"], **facts))

    @precondition(lambda self: self.guests)
    @rule(who=WHO)
    def revoke(self, who: str) -> None:
        """The link that was made last."""
        actor, last = self.actor(who), self.guests[-1]
        assert last.guest_of is not None
        where, writes = f"/guests/{last.guest}", last.until > 0.0 or None
        expected = lambda _: Expected(writes=writes)  # noqa: E731 - asked once it is known to be there
        more: dict[str, Any] = {"number": last.guest_of, "expected": expected}
        answer = self.call(actor, P.RESPOND, where, None, method="DELETE", **more)
        if answer.status == 200:
            self.guests.pop()

    @precondition(lambda self: self.guests)
    @rule(which=WHICH, text=TEXTS)
    def guest_looks(self, which: int, text: str) -> None:
        """A guest reads the one incident, and nothing else."""
        one, number = self.guests[-1], self.pick(which)
        over = self.world.now() >= one.until
        for path, opens in (
            (f"/incidents/{number}", number == one.guest_of),
            (f"/api/v1/incidents/{number}/attachments", number == one.guest_of),
            ("/api/v1/incidents", None),
            (f"/api/v1/incidents/{number}", None),
            ("/", None),
        ):
            status = {None: 403, True: 200, False: 404}[opens]
            answer = self.client.ask("GET", path, {**one.headers, "Accept": "text/html"})
            assert answer.status == (401 if over else status), (path, answer.status)


def _said(_: Inc) -> Expected:
    return Expected()
