"""Fixtures of identity: a provider in memory, an issuer of tokens, and a person signed in through the provider."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.test import Client, RequestFactory

from portal.identity import journal, keys, puller, sessions
from portal.users.models import Identity
from tests.identity.issuer import Issuer, serving
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


@pytest.fixture(scope="module")
def signer() -> Iterator[Issuer]:
    """An issuer on loopback, with its keys."""
    with serving(Issuer()) as issuer:
        yield issuer


@pytest.fixture
def issuer(signer: Issuer, settings: Any) -> Iterator[Issuer]:
    """The issuer that the portal takes tokens of; its keys are not yet known to the process."""
    settings.KEYCLOAK_URL, settings.KEYCLOAK_REALM, settings.KEYCLOAK_CLIENT_ID = signer.url, "concord", "portal"
    signer.served, signer.asked = [signer.rsa, signer.pss, signer.ec, signer.enc], 0
    keys.keys_at.cache_clear()
    yield signer
    keys.keys_at.cache_clear()
