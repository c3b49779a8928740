"""What a file is, is read from its bytes; a file that is two things at once is none of them."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from files import GIF, JPEG, LOG, PDF, PNG, WEBP, ZIP, chunk, png
from incidents import attachments
from incidents.attachments import (
    CSV,
    HAR,
    MAX_NAME,
    TEXT,
    Unsupported,
    ascii_name,
    begins_an_object,
    clean_name,
    image_of,
    is_csv,
    require_text,
)

WHOLE = {"image/png": PNG, "image/gif": GIF, "image/jpeg": JPEG, "image/webp": WEBP}


@pytest.mark.parametrize("media_type", WHOLE)
def test_a_whole_image_is_what_it_is(media_type: str) -> None:
    assert image_of(WHOLE[media_type]) == media_type


def test_a_png_may_hold_chunks_of_any_kind() -> None:
    assert image_of(png(chunk(b"tEXt", b"Comment\x00<script>"))) == "image/png"


@pytest.mark.parametrize("media_type", WHOLE)
@pytest.mark.parametrize("more", [ZIP, PDF, b"<html><script>alert(1)</script>", b"\x00"])
def test_an_image_with_something_after_its_end_is_refused(media_type: str, more: bytes) -> None:
    with pytest.raises(Unsupported, match=r"after its end|is none"):
        image_of(WHOLE[media_type] + more)


@pytest.mark.parametrize("media_type", WHOLE)
def test_an_image_that_is_cut_off_is_refused(media_type: str) -> None:
    whole = WHOLE[media_type]
    for length in range(12, len(whole)):
        with pytest.raises(Unsupported):
            image_of(whole[:length])


@pytest.mark.parametrize(
    "crooked",
    [
        b"GIF89a=1;alert(1)//",
        b"GIF89a/*" + b"\x00" * 20 + b"*/=1;alert(1);",
        b"\x89PNG\r\n\x1a\n<svg onload=alert(1)>",
        b"\xff\xd8\xff<html>\xff\xd9",
        b"RIFF\x04\x00\x00\x00WAVE",
    ],
)
def test_what_only_begins_like_an_image_is_refused(crooked: bytes) -> None:
    with pytest.raises(Unsupported, match="begins like a"):
        image_of(crooked)


@given(st.sampled_from(sorted(attachments.IMAGES.values())), st.binary(max_size=300))
def test_no_bytes_make_the_reader_stumble(magic: bytes, rest: bytes) -> None:
    with suppress(Unsupported):
        assert image_of(magic + rest) in attachments.IMAGES


@pytest.mark.parametrize("content", [PDF, ZIP, b"MZ\x90\x00", b"a\x00b", "é".encode("latin-1")])
def test_what_is_neither_image_nor_text_is_refused_by_name(content: bytes) -> None:
    assert image_of(content) is None
    with pytest.raises(Unsupported, match="taken are PNG"):
        require_text(content)


def test_logs_of_terminals_are_text() -> None:
    require_text(LOG + "Zoë 😀\r\n\tdone\f".encode())


def test_an_object_may_begin_after_a_mark_and_space() -> None:
    assert begins_an_object(b'\xef\xbb\xbf \r\n {"log"')
    assert not begins_an_object(b"[{}]")


@pytest.mark.parametrize(
    ("content", "is_it"),
    [
        (b"a,b\n1,2\n", True),
        (b'a,b\n"x,y",2\n', True),
        (b"a,b\n1\n", False),
        (b"a,b\n", False),
        (b"one\ntwo\n", False),
        (b'a,b\n"1,2\n', False),
        (b"a,b\n" * 9_000, True),
    ],
)
def test_records_of_as_many_fields_are_csv(content: bytes, is_it: bool) -> None:
    assert is_csv(content) == is_it


@pytest.mark.parametrize(
    ("given", "media_type", "kept"),
    [
        ("shot.PNG", "image/png", "shot.png"),
        ("../../etc/passwd", TEXT, "passwd.txt"),
        ("C:\\Users\\ada\\app.log", TEXT, "app.log"),
        ("page.html", TEXT, "page.html.txt"),
        ("x.svg", TEXT, "x.svg.txt"),
        ("trace.har", HAR, "trace.har"),
        ("trace.json", HAR, "trace.json.har"),
        ("a\x00b\r\nSet-Cookie: x.csv", CSV, "abSet-Cookie x.csv"),
        ("photo\u202egnp.exe", "image/png", "photognp.exe.png"),
        ('"quoted";x=1.txt', TEXT, "quoted x=1.txt"),
        (".htaccess", TEXT, "htaccess.txt"),
        ("", "image/gif", "attachment.gif"),
        ("...", TEXT, "attachment.txt"),
        ("été 😀.txt", TEXT, "été 😀.txt"),
    ],
)
def test_a_name_says_what_the_file_is_and_nothing_else(
    given: str, media_type: str, kept: str
) -> None:
    assert clean_name(given, media_type) == kept


@given(st.text(max_size=300), st.sampled_from([TEXT, CSV, HAR, "image/png"]))
def test_any_name_can_stand_in_a_header(given: str, media_type: str) -> None:
    name = clean_name(given, media_type)
    assert 0 < len(name) <= MAX_NAME
    assert not set('/\\"\r\n\x00\u202e') & set(name)
    assert name.isprintable()
    assert clean_name(name, media_type) == name
    plain = ascii_name(name)
    assert plain
    assert plain.isascii()
    assert not set('"\r\n\\') & set(plain)


def test_a_name_of_a_megabyte_is_cut_at_its_end() -> None:
    assert clean_name("x" * 1_000_000 + ".log", TEXT).endswith("x.log")
