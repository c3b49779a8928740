"""Words of an e-mail as a person reads them: HTML reduced to text, without what it answers to.

Every step takes a time that grows with the length of the text and no faster.
"""

import html
import re
from collections.abc import Iterator
from typing import Final
from unicodedata import category

from incidents.fields import BIDI, JOINERS

MAX_READ: Final = 200_000  # characters of a body that are looked at
_TOKEN: Final = re.compile(r"<[^<>]*>|[^<]+|<")
_TAG: Final = re.compile(r"</?([a-zA-Z][a-zA-Z0-9]{0,20})")
_BREAKS: Final = frozenset(
    {"br", "p", "div", "li", "tr", "ul", "ol", "table", "h1", "h2", "h3", "h4", "h5", "h6",
     "blockquote", "pre", "hr", "section", "article", "header", "footer"}
)  # fmt: skip
_SILENT: Final = frozenset({"script", "style", "head", "title", "template", "svg", "object"})
# How programs begin what they quote. Only lines of a sane length are compared.
_QUOTES: Final = re.compile(
    r"(?:on|am|le|el|il|op) [^\n]{5,200}"
    r"(?:wrote|a écrit|escribió|ha scritto|(?:schrieb|schreef)[^\n]{0,80})\s?:"
    r"|-{2,20} ?(?:original message|ursprüngliche nachricht|message d'origine) ?-{2,20}"
    r"|_{20,80}",
    re.IGNORECASE,
)


def readable(text: str, subtype: str, *, reply: bool) -> str:
    """The body of a message as text; of a reply without the history that it quotes.

    What cannot be shown is left out; what remains of a reply that is nothing but a quote is all.
    """
    cut = text[:MAX_READ]
    words = _of_html(cut) if subtype == "html" else cut
    clean = _shown(words.replace("\r\n", "\n").replace("\r", "\n"))
    whole = _tidy(clean.split("\n"))
    return (_tidy(_own(clean.split("\n"))) or whole) if reply else whole


def shown_line(text: str) -> str:
    """A text as one line that can be shown."""
    return " ".join(_shown(re.sub(r"\s", " ", text)).split())


def _shown(text: str) -> str:
    if text.isascii() and text.replace("\n", "").replace("\t", "").isprintable():
        return text
    return "".join(letter for letter in text if _can_be_shown(letter))


def _can_be_shown(letter: str) -> bool:
    if letter in "\n\t" or letter in JOINERS:
        return True
    return letter not in BIDI and category(letter) not in ("Cc", "Cf", "Cs", "Zl", "Zp", "Cn", "Co")


def _own(lines: list[str]) -> Iterator[str]:
    """What the sender wrote: up to the history or the signature, without lines that are quoted."""
    for number, said in enumerate(lines):
        joined = f"{said} {lines[number + 1]}" if number + 1 < len(lines) else said
        begins = _QUOTES.match(said.strip()[:300]) or (
            said[:3].lower() in ("on ", "am ", "le ") and _QUOTES.match(joined.strip()[:300])
        )
        if begins or said.rstrip("\n") in ("-- ", "--"):
            return
        if not said.startswith(">"):
            yield said


def _tidy(lines: Iterator[str] | list[str]) -> str:
    """Without spaces at the ends of lines, and never more than one empty line."""
    kept: list[str] = []
    for said in lines:
        line = said.rstrip()
        if line or (kept and kept[-1]):
            kept.append(line)
    return "\n".join(kept).strip()


def _of_html(text: str) -> str:
    """Text only: nothing is fetched, links keep their words, scripts and styles are left out."""
    kept: list[str] = []
    silent = ""  # the element whose contents are left out
    for token in _TOKEN.findall(_without_comments(text)):
        tag = _TAG.match(token) if token.endswith(">") else None
        if tag is None:
            if not silent and not token.startswith(("<!", "<?")):
                kept.append(re.sub(r"\s+", " ", token))
            continue
        name, closes = tag[1].lower(), token.startswith("</")
        if silent:
            silent = "" if closes and name == silent else silent
        elif name in _SILENT and not closes and not token.endswith("/>"):
            silent = name
        elif name in _BREAKS:
            kept.append("\n")
    return html.unescape("".join(kept))


def _without_comments(text: str) -> str:
    kept: list[str] = []
    at = 0
    while (begin := text.find("<!--", at)) >= 0:
        kept.append(text[at:begin])
        end = text.find("-->", begin + 4)
        if end < 0:
            return "".join(kept)
        at = end + 3
    return "".join([*kept, text[at:]])
