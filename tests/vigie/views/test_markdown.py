"""Comments as HTML: what is shown, and that nothing of it runs, loads or leads astray."""

import re
from html.parser import HTMLParser

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markupsafe import Markup

from vigie.views.markdown import html

REL = 'rel="noopener nofollow ugc"'
VOID = {"br", "hr"}
PARTS = (
    "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "javascript:alert(1)",
    "data:text/html,", "[a](", ")", "](", "![", "<", ">", '"', "'", "onclick=", "`", "```\n",
    "&#106;avascript:", "java\tscript:", "> ", "- ", "1. ", "|", "\n", "<a href=", "\\", "<!--",
    "<svg/onload=alert(1)>", "vbscript:x", "-->", "&lt;script&gt;", "[x]: javascript:1\n\n[x]",
    "https://e.org/", "**", "~~", "//evil.example", "<style>", "</p>", "\u2028", "\x00",
    "mailto:a@b.c",
)  # fmt: skip


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "<p>plain</p>\n"),
        ("two\nlines", "<p>two<br>\nlines</p>\n"),
        ("**bold** `a < b`", "<p><strong>bold</strong> <code>a &lt; b</code></p>\n"),
        ("# no heading", "<p># no heading</p>\n"),
        ("- a\n- b", "<ul>\n<li>a</li>\n<li>b</li>\n</ul>\n"),
        ("[x](https://e.org/a?b=1&c)", f'<p><a href="https://e.org/a?b=1&amp;c" {REL}>x</a></p>\n'),
        ("<https://e.org>", f'<p><a href="https://e.org" {REL}>https://e.org</a></p>\n'),
        ("[x](mailto:a@e.org)", f'<p><a href="mailto:a@e.org" {REL}>x</a></p>\n'),
        ("<b>x</b>", "<p>&lt;b&gt;x&lt;/b&gt;</p>\n"),
        ("[x](javascript:alert(1))", "<p>[x](javascript:alert(1))</p>\n"),
        ("[x](/incidents/1)", "<p>[x](/incidents/1)</p>\n"),
        ("[x](//evil.example)", "<p>[x](//evil.example)</p>\n"),
        ("[x](ftp://e.org)", "<p>[x](ftp://e.org)</p>\n"),
    ],
)
def test_what_is_shown(text: str, shown: str) -> None:
    assert html(text) == shown
    assert isinstance(html(text), Markup)


def test_no_picture_is_fetched_from_anywhere() -> None:
    assert "<img" not in html("![x](https://e.org/x.png)")


class _Read(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@given(st.lists(st.sampled_from(PARTS) | st.text(max_size=8), max_size=12).map("".join))
@example("[a](java\nscript:alert(1))")
@example("<a href='javascript:1' onclick=x>")
def test_nothing_in_it_runs_and_every_element_ends(text: str) -> None:
    shown = str(html(text))
    read = _Read()
    read.feed(shown)
    read.close()
    assert read.open == []
    for tag, attributes in read.tags:
        assert tag in {
            *VOID, "p", "em", "strong", "s", "code", "pre", "blockquote", "ul", "ol", "li", "a",
            "table", "thead", "tbody", "tr", "th", "td",
        }  # fmt: skip
        assert attributes.keys() <= {"href", "title", "rel", "start"}
        if tag == "a":
            assert re.match(r"(?i)https?://|mailto:", attributes["href"] or "")
            assert attributes["rel"] == "noopener nofollow ugc"
    assert "<script" not in shown.lower()


@pytest.mark.parametrize("piece", ["[", "*a", ">", "`", "<", "- ", "![", "_a_"])
def test_a_hostile_comment_of_full_length_is_read_whole(piece: str) -> None:
    text = (piece * 10_000)[:10_000]
    assert html(text)
