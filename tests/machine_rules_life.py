"""Rules: an incident is reported or measured, and goes through its life; time passes."""

import re
from dataclasses import replace
from typing import Any

import orjson
from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from fleet import burn_signal
from incidents.decide import decide
from incidents.model import Event, EventKind, IncidentType, Severity, Signal, Urgency
from machine_base import AGAIN, KEYS, SPOILT, TEXTS, WHICH, WHO, Base
from machine_model import LEADS_TO, SAME, Expected, Inc, refused
from machine_world import ACTORS, DAY_S, REPORT, RULED, TYPES, USERS, Actor
from slo.recovery import OnRecovery
from vigie.access import Permission
from vigie.live import Change
from vigie.notify.message import rfc3339
from vigie.store import incidents

P = Permission
MINUTE_S = 60.0
STATES = st.sampled_from([None, *LEADS_TO, "gone"])
SUBS = st.sampled_from([None, None, "", "vendor", "told", "nonsense"])
PASSES = st.sampled_from([MINUTE_S, 600.0, 7200.0, DAY_S, 3 * DAY_S, -MINUTE_S, -1800.0])
SIGNALS = st.sampled_from(["firing", "firing", "clear", "clear", "unclear", "gone"])
WORD = re.compile(r"zq\d{3}qz")


class LifeRules(Base):
    def __init__(self) -> None:
        super().__init__()
        self.keys: dict[tuple[str, str], int] = {}  # what was reported by whom under which key
        self.tried: dict[int, str] = {}  # the state of each in which others were tried

    @initialize(severity=st.sampled_from(Severity), restricted=st.booleans())
    def begins(self, severity: Severity, restricted: bool) -> None:
        """There is one that burns, and one that somebody reported."""
        self.tick("firing", "gone", severity, None, 0.0)
        said: dict[str, Any] = {"text": "slow", "type_": "report", "service": "checkout"}
        said |= {"severity": None, "began": None, "requester": "", "restricted": restricted}
        said |= {"filled": True, "key": None, "again": False, "spoilt": None}
        self.report("remy" if restricted else "rita", **said)
        self.model.incidents[2].words.add(word := self.word())
        more: dict[str, Any] = {"number": 2, "expected": self.model.add_task}
        self.call(ACTORS["remy"], P.RESPOND, "/tasks", {"title": word}, **more)

    @rule(by=PASSES)
    def time_passes(self, by: float) -> None:
        self.world.fleet.clock.set(self.world.now() + by)

    @rule(
        checkout=SIGNALS,
        frontend=SIGNALS,
        severity=st.sampled_from(Severity),
        policy=st.sampled_from([None, OnRecovery.RESOLVE, OnRecovery.ASK]),
        passes=st.sampled_from([0.0, 90.0, 600.0]),
    )
    def tick(
        self, checkout: str, frontend: str, severity: Severity, policy: Any, passes: float
    ) -> None:
        """What the pipeline does with signals, in one transaction."""
        clock, db = self.world.fleet.clock, self.world.fleet.db
        clock.set(self.world.now() + passes)
        now, before = self.world.now(), self.held
        told = {"checkout": checkout, "frontend": frontend}
        signals = [
            self._signal(service, how, severity, policy)
            for service, how in told.items()
            if how != "gone"
        ]

        def work(c: Any) -> list[tuple[Event, int]]:
            events = decide(incidents.open_incidents(c), signals, now)
            applied = [(event, incidents.apply(c, event, RULED.priorities)) for event in events]
            return [(event, number) for event, number in applied if number is not None]

        self.failed = True
        applied = db.write(work)
        self.held = self.world.held()
        for event, number in applied:
            self._happened(event, number)
            self.world.fleet.feed.publish(Change("incident", number))
        self._note_measured(before)
        self._settle(before)
        self.failed = False

    def _signal(self, service: str, how: str, severity: Severity, policy: Any) -> Signal:
        return replace(
            burn_signal(service, severity),
            title=f"{self.word()} burns",
            urgency=Urgency.HIGH if severity < Severity.SEV3 else Urgency.LOW,
            started_at=self.world.now() - 300.0,
            firing=how == "firing",
            clear=how == "clear",
            recover_after_s=60.0,
            on_recovery=policy,
        )

    def _happened(self, event: Event, number: int) -> None:
        if event.kind is EventKind.OPENED:
            type_ = IncidentType.SLO_BURN.value
            self.model.incidents[number] = Inc(number, type_, event.key, set(), measured=True)
        one = self.model.incidents[number]
        assert event.signal is not None
        one.words |= set(WORD.findall(f"{event.text} {event.signal.title}"))
        if event.kind is EventKind.RESOLVED:
            one.state, one.sub = "resolved", None
        if event.kind is EventKind.RELAPSED and one.state == "mitigated":
            one.state, one.sub = "investigating", None

    def _note_measured(self, before: Any) -> None:
        """A measurement that made it worse has set title and urgency."""
        for number, entries in self.held.timelines.items():
            for entry in entries[len(before.timelines.get(number, ())) :]:
                if entry["kind"] == EventKind.UPGRADED:
                    edits = self.model.incidents[number].edits
                    edits += [(name, "vigie", entry["position"]) for name in ("title", "urgency")]

    # -- reports ----------------------------------------------------------------------------------

    @rule(
        who=WHO,
        text=TEXTS,
        type_=st.sampled_from(["report"] * 4 + ["secret", "secret", "nonsense", "slo-burn"]),
        service=st.sampled_from(["checkout", "checkout", "frontend", "", "nowhere"]),
        severity=st.sampled_from([None, "SEV1", "SEV3", "SEV4"]),
        began=st.sampled_from([None, None, -3600.0, -2 * DAY_S, DAY_S, -700 * DAY_S]),
        requester=st.sampled_from(["", "", "rita", "a caller"]),
        restricted=st.sampled_from([False, False, True]),
        filled=st.booleans(),
        key=KEYS,
        again=AGAIN,
        spoilt=SPOILT,
    )
    def report(self, who: str, **given: Any) -> None:
        actor = self.actor(who)
        self._report(actor, given)

    def _report(self, actor: Actor, given: dict[str, Any]) -> None:
        word, now, began = self.word(), self.world.now(), given["began"]
        key = self.word() if given["key"] == "new" else given["key"]
        fits = {"ticket": f"T {word}"} if given["type_"] == "report" and given["filled"] else {}
        body: dict[str, Any] = {
            "title": f"{word} {given['text'].splitlines()[0]}",
            "description": f"{word} {given['text']}",
            "type": given["type_"],
            "service": given["service"],
            "severity": given["severity"],
            "requester": given["requester"],
            "restricted": given["restricted"],
            "started_at": None if began is None else rfc3339(now + began),
            "fields": fits,
        }
        bad = given["type_"] not in TYPES or given["service"] == "nowhere"
        bad = bad or began in (DAY_S, -700 * DAY_S)
        before = self._reported(actor, key)
        wanted = Expected(effect=lambda: self._opened(actor, body, word))
        if bad:
            wanted = refused(422)
        elif before is not None:
            sees = self.model.sees(actor, before)
            wanted = SAME if sees else refused(404)
        elif self._hidden(body) and not {actor.person, body["requester"]} & set(USERS):
            wanted = refused(422)
        if given["spoilt"] == "unknown":
            body, wanted = {**body, "zzz": 1}, refused(422)
        if actor.guest_of is not None:
            wanted = refused(403 if now < actor.until else 401)
        elif not self.model.may(actor, P.REPORT):
            wanted = refused(403)
        headers = {**actor.headers, **({} if key is None else {"Idempotency-Key": key})}
        path = "/api/v1/incidents"
        answer, moved = self.ask(actor, "POST", path, headers, body, wanted)
        if moved and key is not None:
            self.keys[actor.person or actor.name, key] = answer.json["number"]
            if given["again"]:
                answer, _ = self.ask(actor, "POST", path, headers, body, SAME_OR_GONE)

    def _hidden(self, body: dict[str, Any]) -> bool:
        return bool(body["restricted"] or TYPES[body["type"]].restricted)

    def _reported(self, actor: Actor, key: str | None) -> int | None:
        return None if key is None else self.keys.get((actor.person or actor.name, key))

    def _opened(self, actor: Actor, body: dict[str, Any], word: str) -> None:
        (number,) = self.held.incidents.keys() - self.model.incidents.keys()
        row, me = self.held.incidents[number], actor.person or actor.name
        one = Inc(number, body["type"], row["key"], {word}, reporter=me)
        one.restricted = self._hidden(body)
        one.parts = {("requester", name) for name in (me, body["requester"]) if name}
        one.filled = set(body["fields"])
        self.model.incidents[number] = one

    # -- states -----------------------------------------------------------------------------------

    @rule(who=WHO, which=WHICH, spoilt=SPOILT)
    def acknowledge(self, who: str, which: int, spoilt: str | None) -> None:
        actor, number = self.meet(who, which)
        expected = lambda one: self.model.acknowledge(actor, one)  # noqa: E731 - asked once it is known to be there
        body: dict[str, Any] = {}
        self.call(
            actor, P.RESPOND, "/acknowledge", body, number=number, expected=expected, spoilt=spoilt
        )

    @rule(who=WHO, which=WHICH, text=TEXTS, spoilt=SPOILT)
    def resolve(self, who: str, which: int, text: str, spoilt: str | None) -> None:
        actor, number = self.meet(who, which)
        body = {"reason": self.worded(number, text)}
        more: dict[str, Any] = {"expected": self.model.resolve, "spoilt": spoilt}
        self.call(actor, P.RESPOND, "/resolve", body, number=number, **more)

    @rule(who=WHO, which=WHICH, state=STATES, sub=SUBS, key=KEYS, again=AGAIN, spoilt=SPOILT)
    def status(self, who: str, which: int, state: str | None, sub: Any, **more: Any) -> None:
        actor, number = self.meet(who, which)
        body = {name: v for name, v in (("state", state), ("sub_status", sub)) if v is not None}
        body |= {"reason": self.worded(number)} if state == "resolved" else {}
        if not body or state == "gone":
            more |= {"spoilt": "unknown"}  # refused as badly, whatever else is in it
        expected = lambda one: self.model.status(actor, one, state, sub)  # noqa: E731 - asked once it is known to be there
        self.call(actor, P.RESPOND, "/status", body, number=number, expected=expected, **more)

    @rule(who=WHO, which=WHICH, way=st.integers(0, 5), key=KEYS, again=AGAIN)
    def goes_on_to(self, who: str, which: int, way: int, **more: Any) -> None:
        """A state that may follow; what leads out of an end is `reopen`."""
        one = self.model.incidents.get(self.pick(which))
        ways = sorted(LEADS_TO[one.state] - {"merged", "cancelled", "closed"}) if one else []
        state = ways[way % len(ways)] if ways else "review"
        sub = "vendor" if one and one.rules.statuses and state == "identified" else None
        self.status(who, which, state, sub, spoilt=None, **more)

    @rule(
        who=WHO,
        which=WHICH,
        to=st.sampled_from(["L1", "L2", "L3", "desk"]),
        text=TEXTS,
        key=KEYS,
        again=AGAIN,
        spoilt=SPOILT,
    )
    def escalate(self, who: str, which: int, to: str, text: str, **more: Any) -> None:
        (actor, number), tier = self.meet(who, which), 1 if to == "desk" else int(to[1])
        body = {"to": to, "reason": self.worded(number), "tried": text}
        expected = lambda one: self.model.escalate(one, tier)  # noqa: E731 - asked once it is known to be there
        self.call(actor, P.RESPOND, "/escalate", body, number=number, expected=expected, **more)

    def try_what_leads_nowhere(self) -> None:
        """Every state that cannot follow, once for each that an incident comes to."""
        for one in [*self.model.incidents.values()]:
            if self.tried.get(one.number) == one.state:
                continue
            self.tried[one.number] = one.state
            there = (a for a in ACTORS.values() if self.model.sees(a, one.number))
            may = (a for a in there if self.model.may(a, P.RESPOND, one.number))
            actor = next(may, ACTORS["vera"])
            for state in sorted(LEADS_TO.keys() - LEADS_TO[one.state] - {one.state}):
                expected = lambda one: self.model.status(actor, one, state, None)  # noqa: B023, E731 - asked within the turn
                body = {"state": state}
                self.call(actor, P.RESPOND, "/status", body, number=one.number, expected=expected)

    @rule(who=WHO, which=WHICH, key=KEYS, again=AGAIN, spoilt=SPOILT)
    def cancel(self, who: str, which: int, **more: Any) -> None:
        actor, number = self.meet(who, which)
        body = {"reason": self.worded(number)}
        expected = self.model.cancel
        self.call(actor, P.RESPOND, "/cancel", body, number=number, expected=expected, **more)

    @rule(who=st.one_of(WHO, st.just("dora")), which=WHICH, key=KEYS, again=AGAIN, spoilt=SPOILT)
    def close(self, who: str, which: int, **more: Any) -> None:
        actor, number = self.meet(who, which)
        body = {"reason": self.worded(number)}
        row = self.held.incidents.get(number, {})
        expected = lambda one: self.model.close(actor, one, row)  # noqa: E731 - asked once it is known to be there
        self.call(actor, P.CLOSE, "/close", body, number=number, expected=expected, **more)

    @rule(who=st.one_of(WHO, st.just("rita")), which=WHICH, key=KEYS, again=AGAIN, spoilt=SPOILT)
    def reopen(self, who: str, which: int, spoilt: str | None, **more: Any) -> None:
        (actor, number), now = self.meet(who, which), self.world.now()
        body = {"reason": self.worded(number)}
        row = self.held.incidents.get(number, {})
        expected = lambda one: self.model.reopen(actor, one, row, now)  # noqa: E731 - asked once it is known to be there
        more |= {"spoilt": spoilt if spoilt == "unknown" else None}
        self.call(actor, P.REPORT, "/reopen", body, number=number, expected=expected, **more)

    @rule(
        who=st.one_of(WHO, st.just("rita")),
        which=WHICH,
        over=st.sampled_from([True, True, False]),
        rated=st.sampled_from([None, 1, 5]),
        words=st.booleans(),
        key=KEYS,
        again=AGAIN,
    )
    def confirm(
        self, who: str, which: int, over: bool, rated: int | None, words: bool, **more: Any
    ) -> None:
        (actor, number), now = self.meet(who, which), self.world.now()
        body = {"over": over, "satisfaction": rated, "words": self.worded(number) if words else ""}
        row = self.held.incidents.get(number, {})
        expected = lambda one: self.model.confirm(  # noqa: E731 - asked once it is known to be there
            actor, one, row, over, words, rated is not None, now
        )
        self.call(actor, P.REPORT, "/confirm", body, number=number, expected=expected, **more)

    @rule(
        who=WHO,
        which=WHICH,
        to=st.sampled_from(["SEV1", "SEV2", "SEV4", "measured"]),
        key=KEYS,
        again=AGAIN,
        spoilt=SPOILT,
    )
    def severity(self, who: str, which: int, to: str, **more: Any) -> None:
        actor, number = self.meet(who, which)
        body = {"severity": to, "reason": self.worded(number)}

        def expected(one: Inc) -> Expected:
            fits = one.goes_on and (to != "measured" or one.measured)
            return Expected() if fits else refused(409)

        self.call(actor, P.RESPOND, "/severity", body, number=number, expected=expected, **more)

    @precondition(lambda self: any(one.goes_on for one in self.model.incidents.values()))
    @rule(which=WHICH, who=st.sampled_from(["dora", "alan"]))
    def goes_to_its_end(self, which: int, who: str) -> None:
        """What an incident needs to be closed, so that many of them are."""
        number = self.pick(which % 9)
        actor = ACTORS[who]
        if self.model.incidents[number].type == REPORT.name:
            self.fill(actor, number, {"fields": {"ticket": self.worded(number)}})
            self.fill(actor, number, {"cause": self.worded(number)})
        self.resolve(who, which % 9, "", None)
        self.escalate(who, which % 9, "desk", "", key=None, again=False, spoilt=None)
        self.confirm(who, which % 9, over=True, rated=5, words=False, key=None, again=False)
        self.close(who, which % 9, key=None, again=False, spoilt=None)

    def fill(self, actor: Actor, number: int, body: dict[str, Any], **more: Any) -> None:
        """Edit the record of an incident with values that nothing has yet."""
        said = {name for name in body if name not in ("seen", "fields", "reason")}
        said |= set(body.get("fields", {}))
        expected = lambda one: self.model.edit(actor, one, said, body.get("seen"))  # noqa: E731 - asked once it is known to be there
        had = len(self.held.timelines.get(number, ()))
        self.call(
            actor, P.RESPOND, "", body, number=number, expected=expected, method="PATCH", **more
        )
        for entry in self.held.timelines.get(number, ())[had:]:
            if entry["kind"] == EventKind.FIELD_SET:
                named = [c["field"].removeprefix("field.") for c in _changes(entry)]
                edits = self.model.incidents[number].edits
                edits += [(name, actor.name, entry["position"]) for name in named]


def _changes(entry: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = orjson.loads(entry["data"])["changes"]
    return found


SAME_OR_GONE = Expected((200, 404), writes=False)
