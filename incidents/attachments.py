"""What may be added to an incident: which kinds of file, how large, under which names.

The kind is what the bytes are, never what the sender or the name says. An image must end where its
format says that it ends: a file that is two things at once is refused.
"""

import csv
import re
import unicodedata
from typing import Final

MAX_BYTES: Final = 10_000_000
MAX_HAR_BYTES: Final = 50_000_000
MAX_TOTAL_BYTES: Final = 200_000_000  # of one incident
MAX_FILES: Final = 200
MAX_NAME: Final = 120

HAR: Final = "application/har+json"
JSON: Final = "application/json"
CSV: Final = "text/csv"
TEXT: Final = "text/plain"
# What a browser may show in the page: it draws these, and runs nothing that is in them.
IMAGES: Final = {
    "image/png": b"\x89PNG\r\n\x1a\n",
    "image/jpeg": b"\xff\xd8\xff",
    "image/gif": b"GIF8",
    "image/webp": b"RIFF",
}
ALLOWED: Final = "PNG, JPEG, GIF and WebP images, text (logs, JSON, CSV) in UTF-8, HAR"

_ENDINGS: Final = {
    "image/png": (".png",),
    "image/jpeg": (".jpg", ".jpeg"),
    "image/gif": (".gif",),
    "image/webp": (".webp",),
    HAR: (".har",),
    JSON: (".json",),
    CSV: (".csv", ".log", ".txt"),
    TEXT: (
        ".txt",
        ".log",
        ".out",
        ".err",
        ".md",
        ".yaml",
        ".yml",
        ".toml",
        ".ini",
        ".conf",
        ".diff",
    ),
}
# Logs hold escape sequences of terminals; the other control characters are no text.
_NO_TEXT: Final = re.compile(rb"[\x00-\x06\x0e-\x1a\x1c-\x1f\x7f]")


class Unsupported(ValueError):  # noqa: N818 - read as the answer it is
    """A file of a kind that is not taken; the message says what it is, and what is taken."""


def image_of(content: bytes) -> str | None:
    """The media type of a whole image; None for what does not begin like one. Unsupported: it
    begins like one and is none, or more than one.
    """
    for media_type, magic in IMAGES.items():
        if content.startswith(magic):
            end = _END[media_type](content)
            name = media_type.partition("/")[2].upper()
            if end is None:
                raise Unsupported(f"it begins like a {name} image, and is none")
            if end != len(content):
                after = len(content) - end
                raise Unsupported(
                    f"it is a {name} image with {after} bytes after its end: a file that is two "
                    "things at once is not taken; save the image anew"
                )
            return media_type
    return None


def require_text(content: bytes) -> None:
    """Unsupported unless the bytes are text in UTF-8."""
    found = _NO_TEXT.search(content)
    try:
        content.decode()
    except UnicodeDecodeError:
        raise Unsupported(
            f"it is neither an image nor text in UTF-8; taken are {ALLOWED}"
        ) from None
    if found is not None:
        raise Unsupported(
            f"it is no text: byte {found.start()} is the control character "
            f"0x{content[found.start()]:02x}; taken are {ALLOWED}"
        )


def begins_an_object(content: bytes) -> bool:
    """Whether this text may be a JSON object, and so a HAR."""
    return content[:4096].removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"{"


def is_csv(content: bytes) -> bool:
    """Whether the first lines are records of as many fields each, two at least."""
    start = content[:20_000].decode(errors="replace")
    lines = start.splitlines()[:20]
    if len(content) > 20_000:
        lines = lines[:-1]
    try:
        widths = {len(record) for record in csv.reader(lines, strict=True)}
    except csv.Error:
        return False
    return len(lines) > 1 and len(widths) == 1 and widths.pop() > 1


def clean_name(given: str, media_type: str) -> str:
    """A file name that says what the file is, and nothing else: without folders, control and
    direction characters, of MAX_NAME characters at most, with an ending of its kind.
    """
    base = re.split(r"[/\\]", given[-4 * MAX_NAME :])[-1]
    kept = "".join(
        x for x in unicodedata.normalize("NFC", base) if unicodedata.category(x) not in _GONE
    )
    name = re.sub(r'[\s"<>|:*?;%]+', " ", kept).strip(" .") or "attachment"
    endings = _ENDINGS[media_type]
    ending = next((e for e in endings if name.lower().endswith(e)), None)
    stem = name[: -len(ending)] if ending else name
    return (stem[: MAX_NAME - 8].strip(" .") or "attachment") + (ending or endings[0])


def ascii_name(name: str) -> str:
    """The same name for readers that know only ASCII."""
    return unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode() or "attachment"


_GONE: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def _png_end(content: bytes) -> int | None:
    """After IEND. PNG, section 5: chunks of length, type, data and checksum."""
    at, first = 8, True
    while at + 12 <= len(content):
        length, kind = int.from_bytes(content[at : at + 4], "big"), content[at + 4 : at + 8]
        if first and kind != b"IHDR":
            return None
        at, first = at + 12 + length, False
        if kind == b"IEND":
            return at if at <= len(content) and length == 0 else None
    return None


def _jpeg_end(content: bytes) -> int | None:
    """After the last EOI, which must close the file: cameras write more than one image into one.
    ITU T.81, annex B: segments up to the first scan.
    """
    at = 2
    while at + 4 <= len(content) and content[at] == 0xFF:
        kind, length = content[at + 1], int.from_bytes(content[at + 2 : at + 4], "big")
        if kind == 0xFF:  # fill bytes
            at += 1
        elif kind == 0xDA:
            end = content.rfind(b"\xff\xd9")
            return end + 2 if end > at else None
        elif length < 2 or not 0xC0 <= kind <= 0xFE:
            return None
        else:
            at += 2 + length
    return None


def _gif_end(content: bytes) -> int | None:
    """After the trailer. GIF89a, sections 17 to 27: blocks of sub-blocks."""
    if content[4:6] not in (b"7a", b"9a") or len(content) < 13:
        return None
    at = 13 + _palette(content[10])
    while at < len(content):
        kind = content[at]
        if kind == 0x3B:
            return at + 1
        if kind == 0x21:
            after = _sub_blocks(content, at + 2)
        elif kind == 0x2C and at + 10 <= len(content):
            after = _sub_blocks(content, at + 11 + _palette(content[at + 9]))
        else:
            return None
        if after is None:
            return None
        at = after
    return None


def _palette(flags: int) -> int:
    return 3 * 2 ** ((flags & 7) + 1) if flags & 0x80 else 0


def _sub_blocks(content: bytes, at: int) -> int | None:
    while at < len(content):
        size = content[at]
        if size == 0:
            return at + 1
        at += 1 + size
    return None


def _webp_end(content: bytes) -> int | None:
    """RIFF says its length, which is even."""
    if content[8:12] != b"WEBP" or content[12:15] != b"VP8":
        return None
    length = int.from_bytes(content[4:8], "little")
    end = 8 + length + length % 2
    return end if end <= len(content) else None


_END: Final = {
    "image/png": _png_end,
    "image/jpeg": _jpeg_end,
    "image/gif": _gif_end,
    "image/webp": _webp_end,
}
