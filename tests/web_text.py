"""Pages as text: what a reader sees of them, and where they lead."""

from html.parser import HTMLParser

from fleet import Site


class Text(HTMLParser):
    """What a reader sees of a page, in order, and where it leads."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.links: list[str] = []
        self.feed(html)

    def handle_data(self, data: str) -> None:
        self.words += data.split()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            self.links.append(dict(attrs).get("href") or "")

    def __str__(self) -> str:
        return " ".join(self.words)


async def page(site: Site, path: str, status: int = 200) -> Text:
    answer = await site.get(path, headers={"Accept": "text/html"})
    assert answer.status == status, answer.text
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    return Text(answer.text)
