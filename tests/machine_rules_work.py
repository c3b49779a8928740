"""Rules: what is written on an incident, what it is connected with, what is to be done about it."""

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import rule

from machine_base import AGAIN, KEYS, SPOILT, TEXTS, WHICH, WHO, Base
from machine_model import BAD, MISSING, NO, Expected, Inc
from machine_rules_life import LifeRules
from machine_world import ACTORS, DAY_S, USERS
from vigie.access import Permission
from vigie.notify.message import rfc3339

P = Permission
BETWEEN = st.sampled_from(["related", "duplicate_of", "caused_by"])
OUTSIDE = st.sampled_from(
    [
        ("trace", "0af7651916cd43dd8448eb211c80319c", 200),
        ("trace", "no trace", 422),
        ("ticket", "https://tickets.example/T-1", 200),
        ("ticket", "javascript:alert(1)", 422),
        ("change", 77, 404),
        ("run", 77, 404),
        ("problem", 77, 404),
        ("elsewhere", 1, 422),
    ]
)


class WrittenRules(LifeRules):
    @rule(
        who=WHO,
        which=WHICH,
        text=TEXTS,
        names=st.lists(st.sampled_from([*USERS, "stranger"]), max_size=2),
        key=KEYS,
        again=AGAIN,
        spoilt=SPOILT,
    )
    def comment(self, who: str, which: int, text: str, names: list[str], **more: Any) -> None:
        actor, number = self.meet(who, which)
        named = " ".join(f"@{name}" for name in names)
        body = {"text": f"{named}\n\n{self.worded(number, text)}"}
        expected = lambda one: self.model.comment(actor, one, names)  # noqa: E731 - asked once it is known to be there
        self.call(actor, P.REPORT, "/comment", body, number=number, expected=expected, **more)

    @rule(
        who=WHO,
        which=WHICH,
        entry=st.integers(0, 9),
        text=TEXTS,
        key=KEYS,
        again=AGAIN,
        spoilt=SPOILT,
    )
    def correct(self, who: str, which: int, entry: int, text: str, **more: Any) -> None:
        """An entry, counted from the last; or none that there is."""
        actor, number = self.meet(who, which)
        entries = self.held.timelines.get(number, ())
        position = len(entries) - entry % len(entries) if entry < 9 and entries else 4242
        body = {"text": self.worded(number, text), "reason": "it was not so"}

        def expected(_: Inc) -> Expected:
            if position == 4242:
                return MISSING
            return BAD if entries[position - 1]["kind"] == "corrected" else Expected()

        where = f"/timeline/{position}/correction"
        self.call(actor, P.RESPOND, where, body, number=number, expected=expected, **more)

    @rule(
        who=WHO,
        which=WHICH,
        fields=st.sets(st.sampled_from(["title", "description", "cause", "ticket"]), min_size=1),
        behind=st.sampled_from([None, 0, 1, 4]),
        text=TEXTS,
        key=KEYS,
        again=AGAIN,
        spoilt=SPOILT,
    )
    def edit(self, who: str, which: int, fields: set[str], behind: Any, **more: Any) -> None:
        """With what the editor saw: the last entry, or some before it."""
        actor, number = self.meet(who, which)
        one = self.model.incidents.get(number)
        if one is None or not one.rules.fields:
            fields = fields - {"ticket"} or {"cause"}
        text = more.pop("text").splitlines()[0]
        body: dict[str, Any] = {
            name: self.worded(number, text) for name in sorted(fields - {"ticket"})
        }
        if "ticket" in fields:
            body["fields"] = {"ticket": self.worded(number)}
        if behind is not None:
            body["seen"] = max(0, len(self.held.timelines.get(number, ())) - behind)
        self.fill(actor, number, body, **more)

    @rule(
        which=WHICH,
        field=st.sampled_from(["title", "description", "cause"]),
        two=st.permutations(["remy", "rosa", "dora", "alan"]),
    )
    def two_edit_at_once(self, which: int, field: str, two: list[str]) -> None:
        """Both saw the same; the second is told what the first has said."""
        number = self.pick(which)
        seen = len(self.held.timelines.get(number, ()))
        for who in two[:2]:
            body = {field: self.worded(number), "seen": seen}
            self.fill(ACTORS[who], number, body)

    @rule(
        who=WHO,
        which=WHICH,
        what=st.sampled_from(
            [
                {"fields": {"nothing": "x"}},
                {"affected": ["nowhere"]},
                {"urgency": "none"},
                {"title": "\u202ereversed"},
                {"title": ""},
                {"users_affected": -1},
                {"started_at": "soon"},
                {},
            ]
        ),
        key=KEYS,
    )
    def edit_what_cannot_be(self, who: str, which: int, what: Any, key: str | None) -> None:
        actor, number = self.meet(who, which)
        body = {**what, "description": self.worded(number)} if what else {}
        more: dict[str, Any] = {"method": "PATCH", "key": key, "expected": lambda _: BAD}
        self.call(actor, P.RESPOND, "", body, number=number, **more)

    @rule(who=WHO, which=WHICH, by=st.sampled_from([DAY_S, -60.0, -3600.0, -30 * DAY_S]))
    def edit_start(self, who: str, which: int, by: float) -> None:
        """In the future never; before it was noticed, always."""
        (actor, number), now = self.meet(who, which), self.world.now()
        body = {"started_at": rfc3339(now + by)}
        statuses = (422,) if by > 0 else (200,) if by == -30 * DAY_S else (200, 422)
        expected = lambda _: Expected(statuses, None)  # noqa: E731 - asked once it is known to be there
        more: dict[str, Any] = {"method": "PATCH", "expected": expected}
        self.call(actor, P.RESPOND, "", body, number=number, **more)

    @rule(
        who=WHO,
        which=WHICH,
        content=st.sampled_from([b"a log\n", b"<script>alert(1)</script>", b"\x7fELF\x00", b""]),
        key=KEYS,
    )
    def attach(self, who: str, which: int, content: bytes, key: str | None) -> None:
        actor, number = self.meet(who, which)
        word = self.worded(number)
        one = Expected()
        if not content.isascii() or b"\x00" in content:
            one = Expected((415,), False)
        elif not content:
            one = BAD
        else:
            content = f"{word}\n".encode() + content
        # Files have keys of their own: a word that is new here.
        more: dict[str, Any] = {"expected": lambda _: one, "key": key and "new", "again": True}
        where = f"/attachments?name={word}.txt"
        self.call(actor, P.RESPOND, where, content, number=number, **more)


class WorkRules(Base):
    # -- tasks ------------------------------------------------------------------------------------

    @rule(
        who=WHO,
        which=WHICH,
        due=st.sampled_from([None, None, 3600.0, -3600.0]),
        text=TEXTS,
        key=KEYS,
        again=AGAIN,
        spoilt=SPOILT,
    )
    def add_task(self, who: str, which: int, due: Any, text: str, **more: Any) -> None:
        actor, number = self.meet(who, which)
        title = self.worded(number, text.splitlines()[0])
        body: dict[str, Any] = {"title": title, "description": text, "owner": "remy"}
        if due is not None:
            body["due_at"] = rfc3339(self.world.now() + due)

        def expected(one: Inc) -> Expected:
            return BAD if due is not None and due < 0 else self.model.add_task(one)

        self.call(actor, P.RESPOND, "/tasks", body, number=number, expected=expected, **more)

    @rule(
        who=WHO,
        which=WHICH,
        task=st.sampled_from([0, 0, 0, 1, 9]),
        to=st.sampled_from(["open", "doing", "done", "done", "verified", "verified", "dropped"]),
        key=KEYS,
        again=AGAIN,
        spoilt=SPOILT,
    )
    def move_task(self, who: str, which: int, task: int, to: str, **more: Any) -> None:
        actor, number = self.meet(who, which)
        one = self.model.incidents.get(number)
        task = 1 + task % len(one.tasks) if task < 9 and one and one.tasks else task or 1
        where, method = f"/tasks/{task}", "POST"
        body: dict[str, Any] = {}
        match to:
            case "open" | "doing":
                body, method = {"state": to}, "PATCH"
            case "dropped":
                where, body = f"{where}/drop", {"reason": self.worded(number)}
            case _:
                where = f"{where}/{'do' if to == 'done' else 'verify'}"
        expected = lambda one: self.model.task(actor, one, task, to)  # noqa: E731 - asked once it is known to be there
        more |= {"method": method, "expected": expected}
        self.call(actor, P.RESPOND, where, body, number=number, **more)

    # -- other incidents --------------------------------------------------------------------------

    @rule(who=WHO, which=WHICH, to=WHICH, kind=BETWEEN, key=KEYS, again=AGAIN, spoilt=SPOILT)
    def link(self, who: str, which: int, to: int, kind: str, **more: Any) -> None:
        actor, number = self.meet(who, which)
        other = self.other(number, to)

        def expected(_: Inc) -> Expected:
            if number == other:
                return BAD
            return Expected(writes=None) if self.model.sees(actor, other) else MISSING

        body = {"kind": kind, "to": other}
        self.call(actor, P.RESPOND, "/links", body, number=number, expected=expected, **more)

    @rule(who=WHO, which=WHICH, to=OUTSIDE, key=KEYS, again=AGAIN, spoilt=SPOILT)
    def link_outside(self, who: str, which: int, to: tuple[str, Any, int], **more: Any) -> None:
        (actor, number), (kind, ref, status) = self.meet(who, which), to
        body = {"kind": kind, "to": ref, "title": self.worded(number)}
        writes = None if status == 200 else False
        expected = lambda _: Expected((status,), writes)  # noqa: E731 - asked once it is known to be there
        if kind == "elsewhere":
            more |= {"spoilt": "unknown"}
        self.call(actor, P.RESPOND, "/links", body, number=number, expected=expected, **more)

    @rule(who=WHO, which=WHICH, id_=st.integers(1, 6), key=KEYS, again=AGAIN, spoilt=SPOILT)
    def unlink(self, who: str, which: int, id_: int, **more: Any) -> None:
        actor, number = self.meet(who, which)
        ends = {number: (one, other) for number, one, other in self.held.links}.get(id_, ())
        expected = lambda _: Expected(writes=None) if number in ends else MISSING  # noqa: E731 - asked once it is known to be there
        more |= {"method": "DELETE", "expected": expected}
        self.call(actor, P.RESPOND, f"/links/{id_}", {}, number=number, **more)

    @rule(
        who=WHO,
        which=WHICH,
        into=WHICH,
        duplicate=st.booleans(),
        key=KEYS,
        again=AGAIN,
        spoilt=SPOILT,
    )
    def merge(self, who: str, which: int, into: int, duplicate: bool, **more: Any) -> None:
        actor, number = self.meet(who, which)
        other = self.other(number, into)
        body = {"into": other, "reason": "the same", "duplicate": duplicate}
        expected = lambda one: self.model.merge(actor, one, other)  # noqa: E731 - asked once it is known to be there
        self.call(actor, P.RESPOND, "/merge", body, number=number, expected=expected, **more)

    @rule(who=WHO, which=WHICH, key=KEYS, again=AGAIN, spoilt=SPOILT)
    def unmerge(self, who: str, which: int, **more: Any) -> None:
        """Mostly of one that is merged."""
        actor, number = self.meet(who, which)
        merged = [n for n, one in self.model.incidents.items() if one.state == "merged"]
        number = merged[which % len(merged)] if merged and which < 7 else number
        more |= {"expected": self.model.unmerge, "undoes": True}
        self.call(actor, P.RESPOND, "/split", {"reason": "not so"}, number=number, **more)

    @rule(
        who=WHO,
        which=WHICH,
        entries=st.lists(st.sampled_from([1, 2, 4242]), max_size=2),
        service=st.sampled_from([None, "frontend", "nowhere"]),
        key=KEYS,
        again=AGAIN,
        spoilt=SPOILT,
    )
    def split(self, who: str, which: int, entries: Any, service: Any, **more: Any) -> None:
        (actor, number), word = self.meet(who, which), self.word()
        body = {"title": word, "reason": "another", "entries": entries, "service": service}
        there = len(self.held.timelines.get(number, ()))

        def expected(one: Inc) -> Expected:
            if service == "nowhere":
                return BAD
            if one.state in ("merged", "cancelled"):
                return NO
            if any(entry > there for entry in entries):
                return MISSING
            return Expected(effect=lambda: self._split(one, word, actor.person or actor.name))

        self.call(actor, P.RESPOND, "/split", body, number=number, expected=expected, **more)

    def _split(self, whole: Inc, word: str, by: str) -> None:
        (number,) = self.held.incidents.keys() - self.model.incidents.keys()
        key = self.held.incidents[number]["key"]
        new = Inc(number, whole.type, key, {word}, restricted=whole.restricted, reporter=by)
        new.parts = set(whole.parts) if whole.restricted else set()
        self.model.incidents[number] = new
