"""A realm of one's own in the run's Keycloak, as the portal describes it, and the people in it."""

import base64
import hashlib
import html
import re
import secrets
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urljoin, urlsplit

import requests
from django.conf import settings
from django.test import override_settings

from portal.identity.realm import objects
from portal.identity.realm.changes import found
from portal.identity.realm.connection import connect
from portal.identity.realm.description import parse, read
from portal.identity.realm.sync import DESCRIPTION, sync_realm, values_of_settings

PASSWORD = "correct-horse-battery"
NOBODY = "http://127.0.0.1:9"  # Keycloak waits for whoever listens where a logout is told, so by default nobody does


@dataclass(frozen=True)
class Person:
    """Somebody who can sign in to the realm; `id` is the `sub` of her tokens."""

    id: str
    username: str
    password: str
    email: str


class Realm:
    """What a test may ask of its realm. The settings KEYCLOAK_* lead to it as long as it lives.

    `name`, `url` (of the server), `issuer`; `client_secret` and `admin_client_secret` of the portal's two clients; `admin` is
    python-keycloak's connection of an administrator of this realm, `master` one of realm `master`.
    """

    def __init__(self, url: str, admin_client_id: str, admin_client_secret: str) -> None:
        self.url = url
        self.name = f"concord-{secrets.token_hex(4)}"
        self.issuer = f"{url}/realms/{self.name}"
        self.client_secret = secrets.token_urlsafe(24)
        self.admin_client_secret = secrets.token_urlsafe(24)
        self.admin = connect(url, self.name, client_id=admin_client_id, secret=admin_client_secret)
        self.master = connect(url, "master", client_id=admin_client_id, secret=admin_client_secret)

    def person(
        self, username: str, password: str = PASSWORD, *, groups: Iterable[str] = (), email: str = "", **more: Any
    ) -> Person:
        """She can sign in with this password and is in exactly these groups, each made when it is not there.

        Asked again for the same name it puts her right: enabled, not locked, with this password and these groups. `more`
        are other fields of Keycloak's user.
        """
        email = email or f"{username}@example.test"
        names = {"firstName": username.title(), "lastName": "Test"}  # without them the sign-in stops and asks
        body = {"username": username, "email": email, "emailVerified": True, "enabled": True, **names, **more}
        body["credentials"] = [{"type": "password", "value": password, "temporary": False}]
        key = self.admin.get_user_id(username)
        if key is None:
            key = self.admin.create_user(body)
        else:
            self.admin.update_user(key, body)
            self.admin.clear_bruteforce_attempts_for_user(key)
        self._put_in_groups(key, set(groups))
        return Person(key, username, password, email)

    def group(self, path: str) -> str:
        """The id of the group at this path, which is made with its parents when it is not there."""
        for change in objects.groups(self.admin, parse({"groups": {path: {}}}, {})):
            change.apply()
        group = objects.group_at(self.admin, path)
        assert group, path
        return str(group["id"])

    def public_at(self, public_url: str) -> None:
        """The portal is reached here from now on: where Keycloak sends browsers and logout tokens. Sets PUBLIC_URL."""
        settings.PUBLIC_URL = public_url
        self.sync()

    def sync(self, file: Path = DESCRIPTION, *, check: bool = False, **values: str) -> list[str]:
        """What `manage.py sync_realm` does; the differences. `values` fill in placeholders."""
        wanted = read(file, values_of_settings(self.name, self.url, {}) | values)
        return sync_realm(self.admin, wanted, check=check)

    def service(self) -> Any:
        """The connection of the portal's own service account to this realm."""
        secret = self.admin_client_secret
        return connect(self.url, self.name, client_id=settings.KEYCLOAK_ADMIN_CLIENT_ID, secret=secret, home=self.name)

    def tokens(self, person: Person, *, scope: str = "openid") -> dict[str, Any]:
        """Sign her in at the portal's client with a browser that has no cookies yet: what the token endpoint answers."""
        verifier, back = secrets.token_urlsafe(48), f"{settings.PUBLIC_URL}/auth/callback"
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        asked = {"client_id": settings.KEYCLOAK_CLIENT_ID, "response_type": "code", "scope": scope, "redirect_uri": back}
        asked |= {"state": "any", "nonce": "any", "code_challenge": challenge, "code_challenge_method": "S256"}
        page = f"{self.issuer}/protocol/openid-connect/auth?{urlencode(asked)}"
        landed = self.browse(person, page, until=lambda answer: answer.headers.get("Location", "").startswith(back))
        code = parse_qs(urlsplit(landed.headers["Location"]).query)["code"][0]
        return self.ask_tokens(grant_type="authorization_code", code=code, redirect_uri=back, code_verifier=verifier)

    def userinfo(self, access_token: str) -> dict[str, Any]:
        """What the realm says of her when asked with this token: that is where her groups are."""
        headers = {"Authorization": f"Bearer {access_token}"}
        answer = requests.get(f"{self.issuer}/protocol/openid-connect/userinfo", headers=headers, timeout=30)
        assert answer.ok, answer.text
        return dict(answer.json())

    def browse(self, person: Person, page: str, *, until: Callable[[requests.Response], bool]) -> requests.Response:
        """From this page on, fill in what Keycloak asks her, in a browser without cookies, up to the answer that is meant."""
        fields = {"username": person.username, "password": person.password, "credentialId": "", "accept": "Yes"}
        with requests.Session() as browser:
            answer = browser.get(page, timeout=30, allow_redirects=False)
            for _step in range(8):
                if until(answer):
                    return answer
                for cookie in browser.cookies:
                    cookie.secure = False  # Keycloak says Secure over http too, and real browsers send it to 127.0.0.1
                form = re.search(r'<form[^>]+action="([^"]+)"', answer.text)
                if where := answer.headers.get("Location"):
                    answer = browser.get(where, timeout=30, allow_redirects=False)
                elif form:
                    action = urljoin(answer.url, html.unescape(form[1]))
                    answer = browser.post(action, data=fields, timeout=30, allow_redirects=False)
        raise AssertionError(f"{person.username} got stuck at {answer.url}, {answer.status_code}: {answer.text[:2000]}")

    def ask_tokens(self, **form: str) -> dict[str, Any]:
        """What the token endpoint answers the portal's client, or the client that `client_id` names; a refusal fails."""
        known = None if "client_id" in form else (settings.KEYCLOAK_CLIENT_ID, self.client_secret)
        answer = requests.post(f"{self.issuer}/protocol/openid-connect/token", data=form, auth=known, timeout=30)
        assert answer.ok, answer.text
        return dict(answer.json())

    def _put_in_groups(self, key: str, paths: set[str]) -> None:
        held = {group["path"]: group["id"] for group in self.admin.get_user_groups(key)}
        for path in paths - held.keys():
            self.admin.group_user_add(key, self.group(path))
        for path in held.keys() - paths:
            self.admin.group_user_remove(key, held[path])


@contextmanager
def own_realm(url: str, admin_client_id: str, admin_client_secret: str) -> Iterator[Realm]:
    """A realm as described, gone with all in it at the end."""
    realm = Realm(url, admin_client_id, admin_client_secret)
    with override_settings(
        PUBLIC_URL=NOBODY,
        KEYCLOAK_URL=url,
        KEYCLOAK_REALM=realm.name,
        KEYCLOAK_CLIENT_SECRET=realm.client_secret,
        KEYCLOAK_ADMIN_CLIENT_SECRET=realm.admin_client_secret,
    ):
        try:
            realm.sync()
            yield realm
        finally:
            if found(partial(realm.master.get_realm, realm.name)):
                realm.master.delete_realm(realm.name)
