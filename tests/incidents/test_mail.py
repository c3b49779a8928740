"""E-mails as what they say: whole ones, sly ones, and what is none."""

import contextlib
from email.message import EmailMessage
from email.policy import SMTP
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from incidents.mail import MAX_FILES, MAX_PARTS, Mail, Unreadable, read


def message(text: str = "It is down.", **headers: str) -> EmailMessage:
    made = EmailMessage(policy=SMTP)
    named = {"From": "Ann <Ann@Example.com>", "Subject": "Checkout", "Message-ID": "<a@b>"}
    for name, value in (named | {n.replace("_", "-"): v for n, v in headers.items()}).items():
        made[name] = value
    made.set_content(text)
    return made


def told(text: str = "It is down.", **headers: str) -> Mail:
    return read(message(text, **headers).as_bytes())


def raw(body: bytes, *headers: bytes) -> Mail:
    return read(b"\r\n".join([b"From: ann@example.com", *headers, b"", body]))


def test_a_message_is_who_what_and_words() -> None:
    assert told() == Mail(
        sender="ann@example.com",
        subject="Checkout",
        text="It is down.",
        id="<a@b>",
        thread=(),
        number=None,
        is_reply=False,
        automatic="",
        files=(),
        left_out=(),
    )


@pytest.mark.parametrize(
    ("subject", "number"),
    [
        ("Re: [#12] slow", 12),
        ("Re: [SEV2] #12 checkout", 12),
        ("room #12 is cold", None),
        ("[#0]", None),
        ("[#99999999999999999999]", None),
        ("[#1\u0662]", None),
    ],
)
def test_a_subject_names_an_incident_as_ours_do(subject: str, number: int | None) -> None:
    assert told(Subject=subject).number == number


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ({"Auto_Submitted": "auto-replied; x"}, "Auto-Submitted"),
        ({"Auto_Submitted": "no"}, ""),
        ({"Precedence": "Bulk"}, "Precedence"),
        ({"X_Autoreply": "yes"}, "automatic answer"),
        ({"X_Vigie_Dedup_Key": "notify:1"}, "notice of Vigie"),
        ({"Return_Path": "<>"}, "report about another"),
        ({"From": "Mailer-Daemon@example.com"}, "takes no answers"),
    ],
)
def test_what_programs_send_is_known_by_its_reason(headers: dict[str, str], reason: str) -> None:
    found = told(**headers).automatic
    assert (found == "") if reason == "" else (reason in found)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("Yes.\n\nOn Tue, 3 Nov 2026, Bob wrote:\n> old\n> older", "Yes."),
        ("Yes.\n\nOn Tue, 3 Nov 2026 at 10:00,\nBob <b@c.d> wrote:\n> old", "Yes."),
        ("Yes.\n\n-----Original Message-----\nFrom: Bob", "Yes."),
        ("> asked\nYes.\n-- \nAnn, Acme", "Yes."),
        ("> nothing but\n> a quote", "> nothing but\n> a quote"),
    ],
)
def test_of_a_reply_only_what_its_sender_wrote_is_kept(text: str, kept: str) -> None:
    assert told(text, In_Reply_To="<x@y>").text == kept


def test_what_is_forwarded_is_kept_whole() -> None:
    text = "See below.\n\n---------- Forwarded message ---------\n> It is down"
    assert told(text).text == text


def test_html_becomes_text_and_nothing_of_it_runs_or_is_fetched() -> None:
    html = (
        b"<head><title>t</title></head><p>It&nbsp;is <b>down</b></p><script>alert(1)</script>"
        b'<style>p{}</style><!-- <p>hidden</p> --><img src="http://track/x.png">&lt;script&gt;'
    )
    assert raw(html, b"Content-Type: text/html").text == "It\xa0is down\n<script>"


def test_files_are_taken_up_to_a_number_and_the_others_named() -> None:
    made = message()
    for number in range(MAX_FILES + 1):
        made.add_attachment(b"x", maintype="text", subtype="plain", filename=f"{number}.log")
    inner = message("inner")
    made.add_attachment(inner)
    found = read(made.as_bytes())
    assert [file.name for file in found.files] == [f"{n}.log" for n in range(MAX_FILES)]
    assert found.left_out == (
        f"{MAX_FILES}.log (more than {MAX_FILES} files)",
        "an e-mail (an e-mail within this one)",
    )
    assert found.text == "It is down."


def test_without_an_id_it_is_known_by_what_it_says() -> None:
    one, two = raw(b"a").id, raw(b"b").id
    assert one == raw(b"a", b"Received: from x").id
    assert one != two


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "no header"),
        (b"\x00" * 100, "no header"),
        (b"Subject: x\n\nbody", "no usable address"),
        (b"From: nobody\n\nx", "no usable address"),
        (b"From: =?utf-8?q?a=40b=2Ec?=\n\nx", "no usable address"),
        (b"From: a@b.c\n om\n\nx", "no usable address"),
        (b"From: a@b.c\n\n" + b"x" * 2_100_000, "at most 2097152"),
        (b"From: a@b.c\n\n" + b"\r" * 70_000, "70002 lines"),
        (b"From: a@b.c\n" + b"X: y\n" * 400 + b"\nx", "401 header fields"),
        (b"From: a@b.c\nContent-Type: text/plain; " + b"a=b; " * 1000 + b"\n\nx", "too long"),
        (
            b"From: a@b.c\n"
            + b"".join(
                b'Content-Type: multipart/mixed; boundary="%d"\n\n--%d\n' % (n, n)
                for n in range(MAX_PARTS + 1)
            ),
            "more than 32 parts",
        ),
    ],
)
def test_what_cannot_be_taken_says_why(content: bytes, words: str) -> None:
    with pytest.raises(Unreadable, match=words):
        read(content)


def test_a_charset_that_nobody_knows_or_that_takes_for_ever_is_read_as_utf_8() -> None:
    for charset in (b"nonsense", b"punycode", b"zlib", b"\xff"):
        assert raw("ö".encode(), b"Content-Type: text/plain; charset=" + charset).text == "ö"


PIECES = st.sampled_from(
    [
        b"From: a@b.c\n", b"From: \"<@,;:\n", b"Subject: =?utf-8?b?/?=", b"Subject: =?x?y?z\n",
        b"Content-Type: multipart/mixed; boundary=b\n", b"Content-Type: multipart/", b"\n", b"\r",
        b"--b\n", b"--b--\n", b"Content-Type: text/html; charset*=''%FF\n", b"\xff\x00",
        b"Content-Transfer-Encoding: base64\n", b"Content-Type: message/rfc822\n", b"<!--<a <s>",
        b"Content-Disposition: attachment; filename*0*=utf-8''%\n", b"Message-ID: <", b"&#1114112;",
        b"Content-Transfer-Encoding: x-uuencode\n", b"References: <a@b> <c@d>\n", b" folded\n",
    ]
)  # fmt: skip


@given(st.lists(PIECES | st.binary(max_size=20), max_size=40))
@settings(max_examples=150, deadline=None)
def test_whatever_comes_is_read_or_refused(pieces: list[Any]) -> None:
    with contextlib.suppress(Unreadable):
        found = read(b"From: a@b.c\n" + b"".join(pieces))
        assert "@" in found.sender
        assert found.subject == "" or (found.subject.isprintable() or "\u200d" in found.subject)
        assert "\x00" not in found.text
