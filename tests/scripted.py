"""A browser without a script, for Keycloak's pages: follows redirects, fills in forms, and hands the way back to Django's client."""

import html
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urljoin

import requests
from django.conf import settings
from django.test import Client

FORM = re.compile(r"<form\b([^>]*)>(.*?)</form>", re.DOTALL | re.IGNORECASE)
INPUT = re.compile(r"<input\b[^>]*>", re.DOTALL | re.IGNORECASE)
KNOWN = {"username", "password", "SAMLRequest", "SAMLResponse"}
MOST_STEPS = 30


class Visitor:
    """One person's browser: `pages` holds her session at the portal, `keycloak` hers at Keycloak."""

    def __init__(self, client: Client | None = None) -> None:
        self.portal = client or Client(headers={"User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Firefox/140.0"})
        self.keycloak = requests.Session()

    def sign_in(self, username: str, password: str, **query: str) -> Any:
        """Press the button, sign in there, and come back; the portal's answer to the way back."""
        return self.portal.get(self.way_back(username, password, **query))

    def way_back(self, username: str, password: str, **query: str) -> str:
        """The same up to the address that leads back, which nobody has opened yet."""
        there = self.portal.get("/auth/login/", query)
        assert there.status_code == 302, there.content.decode()
        return self.follow(there["Location"], {"username": username, "password": password})

    def follow(self, url: str, fields: dict[str, str] | None = None) -> str:
        """Go through Keycloak's pages until one leads back to the portal; that address, without its host."""
        answer = self._get(url)
        for _step in range(MOST_STEPS):
            if answer.is_redirect:
                url = urljoin(answer.url, answer.headers["Location"])
                if url.startswith(f"{settings.PUBLIC_URL}/"):
                    return url.removeprefix(settings.PUBLIC_URL)
                answer = self._get(url)
            else:
                answer = self._submit(answer, fields or {})
        raise AssertionError("Keycloak leads nowhere")

    def _get(self, url: str) -> requests.Response:
        return self._kept(self.keycloak.get(url, allow_redirects=False, timeout=30))

    def _submit(self, page: requests.Response, fields: dict[str, str]) -> requests.Response:
        form = next((found for found in forms(page.text) if KNOWN & set(found[1])), None)
        if form is None or "Invalid username or password" in page.text or not fields:
            raise AssertionError(f"{page.status_code} {page.url}: {words(page.text)}")
        action, given = form
        given.update({name: value for name, value in fields.items() if name in given})
        return self._kept(self.keycloak.post(urljoin(page.url, action), given, allow_redirects=False, timeout=30))

    def _kept(self, answer: requests.Response) -> requests.Response:
        """Keycloak marks its cookies Secure over http too; a browser sends those to 127.0.0.1, this library does not."""
        for cookie in self.keycloak.cookies:
            cookie.secure = False
        return answer


def forms(text: str) -> Iterator[tuple[str, dict[str, str]]]:
    """The forms of a page: where each goes, and its fields."""
    for attributes, inside in FORM.findall(text):
        action = re.search(r'action="([^"]*)"', attributes)
        named = ((value_of("name", tag), value_of("value", tag)) for tag in INPUT.findall(inside))
        yield html.unescape(action[1]) if action else "", {name: value for name, value in named if name}


def value_of(name: str, tag: str) -> str:
    found = re.search(rf'\b{name}="([^"]*)"', tag)
    return html.unescape(found[1]) if found else ""


def words(text: str) -> str:
    """What a page says, in short."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", text))[-300:]
