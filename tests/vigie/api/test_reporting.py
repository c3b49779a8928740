"""Reports and e-mails over a real connection."""

from collections.abc import Callable
from dataclasses import replace
from email.message import EmailMessage
from email.policy import SMTP
from io import BytesIO
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts import bearer, served, token, user
from collectors.changes import Integration
from collectors.keys import Secret
from fleet import T0, Answer, Fleet, Site
from vigie.access import Role
from vigie.commands.errors import CommandError
from vigie.commands.mail import take

KEY = "email-0123456789abcdef"
HOOK = f"/api/v1/hooks/email/{KEY}"


@pytest.fixture
def helpdesk(fleet: Fleet) -> Integration:
    """An integration of e-mail, in force."""
    one = Integration("helpdesk", "email", key=Secret(KEY), senders=("@example.com",), per_hour=3)
    now = fleet.board.now
    fleet.board.now = replace(now, config=replace(now.config, integrations={one.name: one}))
    return one


def message(text: str = "It is down.", **headers: str) -> EmailMessage:
    made = EmailMessage(policy=SMTP)
    named = {"From": "Ann <ann@example.com>", "Subject": "Checkout", "Message-ID": "<a@b>"}
    for name, value in (named | {n.replace("_", "-"): v for n, v in headers.items()}).items():
        made[name] = value
    made.set_content(text)
    return made


async def send(site: Site, made: EmailMessage | bytes) -> Answer:
    body = made if isinstance(made, bytes) else made.as_bytes()
    headers = {"Content-Type": "message/rfc822"}
    return await site.ask("POST", HOOK, data=BytesIO(body), headers=headers)


async def whole(site: Site, number: int) -> Any:
    return (await site.get(f"/api/v1/incidents/{number}")).json


async def test_a_report_is_answered_with_the_incident_and_what_is_open_beside_it(
    site: Site, fleet: Fleet
) -> None:
    number = fleet.open()
    answer = await site.post(
        "/api/v1/incidents", {"title": "Slow", "service": "checkout", "actor": "ada"}
    )
    assert answer.status == 201
    opened = answer.json
    assert (opened["title"], opened["reporter"], opened["detected_by"]) == ("Slow", "ada", "person")
    assert [one["number"] for one in opened["open_beside"]] == [number]
    assert fleet.woken == 1


async def test_without_a_service_it_is_there_everywhere(site: Site, fleet: Fleet) -> None:
    opened = (await site.post("/api/v1/incidents", {"title": "Something smells"})).json
    assert (opened["service"], opened["open_beside"]) == ("", [])
    for path in (opened["url"], "/incidents", "/", "/metrics", f"/api/v1{opened['url']}/export"):
        answer = await site.ask("GET", path, headers={"Accept": "text/html"})
        assert answer.status == 200, path
    page = (await site.ask("GET", "/incidents", headers={"Accept": "text/html"})).text
    assert "service not known" in page


async def test_the_same_key_opens_once(site: Site) -> None:
    sent = [
        await site.ask(
            "POST",
            "/api/v1/incidents",
            json={"title": "Slow"},
            headers={"Idempotency-Key": "k"},
        )
        for _ in range(2)
    ]
    assert len({answer.json["number"] for answer in sent}) == 1


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({}, "title"),
        ({"title": "x", "state": "closed"}, "state"),
        ({"title": "x", "severity": "SEV0"}, "severity"),
        ({"title": "x", "service": "chekout"}, "did you mean `checkout`"),
        ({"title": "x", "started_at": "2099-01-01T00:00:00Z"}, "started_at is in the future"),
        ({"title": "x\x00"}, "title holds characters"),
    ],
)
async def test_what_cannot_be_kept_is_a_problem(site: Site, body: Any, words: str) -> None:
    answer = await site.post("/api/v1/incidents", body)
    assert answer.status == 422
    assert words in answer.json["detail"]
    assert (await site.get("/api/v1/incidents")).json["items"] == []


async def test_a_requester_reports_and_sees_a_restricted_one_of_their_own_and_a_viewer_may_not(
    serve: Callable[..., Site], fleet: Fleet
) -> None:
    user(fleet)
    ids = {name: user(fleet, name, Role.REQUESTER) for name in ("bob", "eve")}
    site = served(serve, fleet)
    asked = {"title": "A letter", "restricted": True}
    mine = bearer(token(fleet, Role.REQUESTER, of=ids["bob"]))
    opened = await site.ask("POST", "/api/v1/incidents", json=asked, headers=mine)
    assert opened.status == 201
    path = f"/api/v1/incidents/{opened.json['number']}"
    others = bearer(token(fleet, Role.REQUESTER, of=ids["eve"], name="e"))
    assert (await site.ask("GET", path, headers=mine)).status == 200
    assert (await site.ask("GET", path, headers=others)).status == 404
    viewer = bearer(token(fleet, Role.VIEWER, name="v"))
    answer = await site.ask("POST", "/api/v1/incidents", json=asked, headers=viewer)
    assert answer.status == 403


async def test_an_e_mail_opens_an_incident_and_again_is_the_same_one(
    site: Site, fleet: Fleet, helpdesk: Integration
) -> None:
    first, again = await send(site, message()), await send(site, message())
    assert (first.status, first.json) == (200, again.json)
    assert first.json == {"what": "opened", "incident": first.json["incident"], "reason": None}
    found = await whole(site, first.json["incident"])
    assert (found["title"], found["description"]) == ("Checkout", "It is down.")
    assert found["reporter"] == "ann@example.com (by helpdesk)"
    assert len(found["timeline"]) == 1


async def test_an_answer_is_added_for_who_takes_part_and_opens_another_for_all_others(
    site: Site, fleet: Fleet, helpdesk: Integration
) -> None:
    number = (await send(site, message())).json["incident"]
    by_thread = message("More.", Message_ID="<b@b>", In_Reply_To="<a@b>", Subject="Re: Checkout")
    by_number = message("And more.", Message_ID="<c@b>", Subject=f"Re: [#{number}] x")
    for made in (by_thread, by_thread, by_number):
        answer = await send(site, made)
        assert answer.json == {"what": "commented", "incident": number, "reason": None}
    forged = message(
        "Close it!", Message_ID="<d@b>", From="eve@example.com", Subject=f"[#{number}]"
    )
    assert (await send(site, forged)).json["what"] == "opened"
    found = await whole(site, number)
    assert [e["text"] for e in found["timeline"][1:]] == ["More.", "And more."]
    assert found["state"] == "triage"


@pytest.mark.parametrize("number", [1, 999])
async def test_of_incidents_of_others_an_answer_tells_nothing(
    site: Site, fleet: Fleet, helpdesk: Integration, number: int
) -> None:
    fleet.open()
    answer = await send(site, message(Subject=f"[#{number}] hello"))
    assert answer.json == {"what": "opened", "incident": 2, "reason": None}


async def test_files_are_attached_and_those_not_taken_are_named(
    site: Site, fleet: Fleet, helpdesk: Integration
) -> None:
    made = message()
    made.add_attachment(b"a line\n", maintype="text", subtype="plain", filename="app.log")
    made.add_attachment(b"MZ\x90\x00", maintype="application", subtype="x", filename="a.exe")
    number = (await send(site, made)).json["incident"]
    assert (await send(site, made)).json["incident"] == number
    found = await whole(site, number)
    assert [entry["kind"] for entry in found["timeline"]] == ["opened", "attached", "commented"]
    assert found["timeline"][2]["text"].startswith("Not taken: a.exe (")


@pytest.mark.parametrize(
    ("made", "status", "words"),
    [
        (message(Auto_Submitted="auto-replied"), 200, "Auto-Submitted"),
        (message(X_Vigie_Dedup_Key="k"), 200, "a notice of Vigie"),
        (message(From="eve@evil.example"), 403, "takes no e-mail of eve@evil.example"),
        (message(From="eve@sub.example.com"), 403, "takes no e-mail"),
        (b"no e-mail", 422, "no header"),
        (b"From: ann@example.com\n\n" + b"x" * 2_097_152, 413, "too large"),
    ],
)
async def test_what_is_not_taken_says_why_and_opens_nothing(
    site: Site, fleet: Fleet, helpdesk: Integration, made: Any, status: int, words: str
) -> None:
    answer = await send(site, made)
    assert answer.status == status
    assert words in answer.text
    assert (await site.get("/api/v1/incidents")).json["items"] == []


async def test_a_sender_opens_so_many_an_hour(
    site: Site, fleet: Fleet, helpdesk: Integration
) -> None:
    sent = [await send(site, message(Message_ID=f"<{n}@b>")) for n in range(4)]
    assert [answer.status for answer in sent] == [200, 200, 200, 429]
    assert sent[3].headers["retry-after"] == "900"
    fleet.clock.set(T0 + 3601)
    assert (await send(site, message(Message_ID="<5@b>"))).status == 200


async def test_an_unknown_key_is_nothing(site: Site, helpdesk: Integration) -> None:
    answer = await site.ask("POST", HOOK[:-1] + "x", data=message().as_bytes())
    assert answer.status == 404
    assert KEY not in answer.text


MIME = [b"From: a@example.com\n", b"Subject: ", b"=?utf-8?b?", b"\n", b"--b\n", b"--b--", b"\x00",
        b"Content-Type: multipart/mixed; boundary=b\n", b"Content-Transfer-Encoding: base64\n",
        b"Content-Disposition: attachment; filename=x\n", b"<html>", b"<a@b>"]  # fmt: skip


@given(pieces=st.lists(st.sampled_from(MIME) | st.binary(max_size=20), max_size=20))
@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_whatever_is_posted_is_no_mistake_of_ours(
    fleet: Fleet, helpdesk: Integration, pieces: list[bytes]
) -> None:
    try:
        taken = take(fleet.db, fleet.board.now.config, helpdesk, b"".join(pieces), T0)
    except CommandError as refused:
        taken = None
        said = str(refused)
        assert said.isprintable()
    assert taken is None or taken.what in ("opened", "commented", "ignored")
