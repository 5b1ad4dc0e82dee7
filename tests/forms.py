"""The forms of a page as a browser without a script would send them."""

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass
class Form:
    """Where it goes, what is sent by default, and which of its fields offer ids."""

    method: str
    action: str
    sent: dict[str, str] = field(default_factory=dict)
    ids: set[str] = field(default_factory=set)

    def offer(self, name: str, value: str, *, chosen: bool) -> None:
        """A value that can be sent under a name; what is chosen, or comes first, is sent."""
        if ID.fullmatch(value):
            self.ids.add(name)
        if chosen or not self.sent.get(name):
            self.sent[name] = value


def forms_of(page: str) -> list[Form]:
    """Every form of a page."""
    reader = _Reader()
    reader.feed(page)
    return reader.forms


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.open: list[Form] = []
        self.select = ""

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.open = [Form(given.get("method", "get").lower(), given.get("action", ""))]
            self.forms += self.open
        name, value, is_chosen = given.get("name", ""), given.get("value", ""), "checked" in given or "selected" in given
        if tag == "select":
            self.select = "" if "disabled" in given else name
        for form in self.open:
            if tag == "option" and self.select:
                form.offer(self.select, value, chosen=is_chosen)
            elif tag == "input" and name and "disabled" not in given and name != "csrfmiddlewaretoken":
                form.offer(name, value, chosen=is_chosen or given.get("type") not in ("radio", "checkbox"))
            elif tag == "textarea" and name:
                form.offer(name, "some words", chosen=True)

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self.open = []
        elif tag == "select":
            self.select = ""
