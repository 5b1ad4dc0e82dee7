"""A browser without a script that signs in at the realm through a provider, and what it arrives with."""

import base64
import hashlib
import html
import json
import re
import secrets
from typing import Any
from urllib.parse import parse_qs, urljoin, urlsplit

import requests
from django.conf import settings

MOST_STEPS = 30


class Stopped(Exception):
    """The sign-in ended on a page that is none of the forms: its words."""


class Visitor:
    """One browser with its cookies. `fields` is what it types where a form has a field of that name."""

    def __init__(self, realm: Any, **fields: str) -> None:
        self.realm, self.fields, self.session = realm, fields, requests.Session()

    def __enter__(self) -> "Visitor":
        return self

    def __exit__(self, *raised: Any) -> None:
        self.session.close()

    def arrive(self, alias: str = "") -> dict[str, Any]:
        """Sign in, through a provider where one is named: the claims of the ID token and what userinfo adds. Stopped says where it ended."""
        verifier, back = secrets.token_urlsafe(48), f"{settings.PUBLIC_URL}/auth/callback"
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        asked = {"client_id": settings.KEYCLOAK_CLIENT_ID, "response_type": "code", "scope": "openid", "redirect_uri": back}
        asked |= {"state": "s", "nonce": "n", "code_challenge": challenge, "code_challenge_method": "S256"}
        asked |= {"kc_idp_hint": alias} if alias else {}
        found = self._walk(f"{self.realm.issuer}/protocol/openid-connect/auth", asked, back)
        tokens = self.realm.ask_tokens(
            grant_type="authorization_code", code=found["code"][0], redirect_uri=back, code_verifier=verifier
        )
        part = tokens["id_token"].split(".")[1]
        claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
        assert not {"groups", "upstream_groups", "upstream_provider"} & claims.keys(), "what grows travels in no token"
        return claims | self.realm.userinfo(tokens["access_token"])

    def _walk(self, url: str, asked: dict[str, str], back: str) -> dict[str, list[str]]:
        """Follow redirects and fill in forms until the browser is sent back to the portal."""
        answer = self.session.get(url, params=asked, allow_redirects=False, timeout=30)
        filled: list[str] = []
        for _step in range(MOST_STEPS):
            for cookie in self.session.cookies:
                cookie.secure = False  # Keycloak says Secure over http too, and real browsers send it to 127.0.0.1
            if answer.is_redirect:
                where = urljoin(answer.url, answer.headers["Location"])
                if where.startswith(back):
                    return parse_qs(urlsplit(where).query)
                answer = self.session.get(where, allow_redirects=False, timeout=30)
                continue
            form = re.search(r"<form\b([^>]*)>(.*?)</form>", answer.text, re.S)
            fields = _fields(form[2]) if form else {}
            if form is None or not fields or filled.count(str(sorted(fields))) > 1:
                raise Stopped(f"{answer.status_code} {answer.url}: {_words(answer.text)}")
            filled.append(str(sorted(fields)))
            fields |= {name: value for name, value in self.fields.items() if name in fields}
            action = re.search(r'action="([^"]*)"', form[1])
            target = urljoin(answer.url, html.unescape(action[1])) if action else answer.url
            answer = self.session.post(target, data=fields, allow_redirects=False, timeout=30)
        raise Stopped(f"{answer.url}: no end in sight")


def _fields(form: str) -> dict[str, str]:
    found = {}
    for field in re.finditer(r"<input\b[^>]*>", form, re.S | re.I):
        name, value = re.search(r'\bname="([^"]*)"', field[0]), re.search(r'\bvalue="([^"]*)"', field[0])
        if name and 'type="checkbox"' not in field[0]:
            found[name[1]] = html.unescape(value[1]) if value else ""
    return found


def _words(page: str) -> str:
    page = re.sub(r"<(script|style)\b.*?</\1>", " ", page, flags=re.S)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))[:1000]
