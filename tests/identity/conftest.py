"""Fixtures of identity: a provider in memory, and a person signed in through it."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client, RequestFactory

from portal.identity import journal, puller, sessions
from portal.users.models import Identity
from tests.identity.planes import InMemory


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch, settings: Any) -> InMemory:
    """The identity provider of the portal, in this process."""
    settings.KEYCLOAK_URL, settings.KEYCLOAK_REALM = "https://sso.example", "concord"
    made = InMemory()
    for module in (journal, puller):
        monkeypatch.setattr(module, "plane", lambda: made)
    return made


@pytest.fixture
def through() -> Callable[..., Client]:
    """`through(identity, sid)` is a browser of hers, signed in by the provider."""

    def sign_in(identity: Identity, sid: str = "", refresh_token: str = "") -> Client:
        browser = Client()
        request = RequestFactory().get("/")
        request.session = browser.session
        facts = {"identity": identity, "sid": sid, "refresh_token": refresh_token}
        sessions.begin(request, identity.user, method="oidc", **facts)
        request.session.save()
        browser.cookies["sessionid"] = request.session.session_key
        return browser

    return sign_in
