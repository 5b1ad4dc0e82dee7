"""The demo's people can sign in to Keycloak with the passwords they have at the portal, and are the same people there."""

import json
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from keycloak import KeycloakAdmin, KeycloakOpenID
from keycloak.exceptions import KeycloakError

from portal.demo.people import CAST, make_people
from portal.demo.realm import make_accounts
from portal.users.actor import Actor
from portal.users.models import Identity
from tests.keycloak import RunningKeycloak

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def admin(keycloak: RunningKeycloak) -> Iterator[KeycloakAdmin]:
    """The administrator of a realm with nobody in it, which is gone at the end."""
    name = f"demo-{secrets.token_hex(4)}"
    known = {"client_id": keycloak.admin_client_id, "client_secret_key": keycloak.admin_client_secret}
    master = KeycloakAdmin(server_url=keycloak.url, realm_name="master", **known)
    master.create_realm({"realm": name, "enabled": True})
    admin = KeycloakAdmin(server_url=keycloak.url, realm_name=name, user_realm_name="master", **known)
    admin.create_client({"clientId": "door", "publicClient": True, "directAccessGrantsEnabled": True})
    yield admin
    master.delete_realm(name)


@pytest.fixture
def passwords(admin: KeycloakAdmin, settings: Any) -> dict[str, str]:
    settings.KEYCLOAK_URL, settings.KEYCLOAK_REALM = admin.connection.server_url.rstrip("/"), admin.connection.realm_name
    people = make_people(actor=Actor.system())
    return {name: password for name, (_, password) in people.items()}


def sign_in(admin: KeycloakAdmin, username: str, password: str) -> dict[str, Any]:
    """What Keycloak says of her after the sign-in with a password."""
    client = KeycloakOpenID(admin.connection.server_url, admin.connection.realm_name, client_id="door")
    return dict(client.userinfo(client.token(username, password, scope="openid")["access_token"]))


def test_each_signs_in_with_her_password_and_is_known_by_her_subject(admin: KeycloakAdmin, passwords: dict[str, str]) -> None:
    assert make_accounts(admin, passwords) == [part.username for part in CAST]
    for part in CAST:
        said = sign_in(admin, part.username, passwords[part.username])
        identity = Identity.objects.get(subject=said["sub"])
        assert (identity.user.username, identity.issuer.rsplit("/", 1)[-1]) == (part.username, admin.connection.realm_name)
        assert (said["name"], said["email"]) == (part.name, identity.user.email)


def test_a_second_time_changes_nothing_and_a_password_she_changed_stays(
    admin: KeycloakAdmin, passwords: dict[str, str]
) -> None:
    make_accounts(admin, passwords)
    subject = admin.get_user_id("alice")
    admin.set_user_password(subject, "chosen-by-alice", temporary=False)
    assert make_accounts(admin, passwords) == []
    assert sign_in(admin, "alice", "chosen-by-alice")["sub"] == subject
    assert Identity.objects.count() == len(CAST)


def test_a_demo_made_anew_gives_the_accounts_that_are_there_its_passwords(
    admin: KeycloakAdmin, passwords: dict[str, str]
) -> None:
    make_accounts(admin, passwords)
    Identity.objects.filter(user__username="bob").delete()
    with pytest.raises(KeycloakError):
        sign_in(admin, "bob", "of-the-new-demo")
    assert make_accounts(admin, {**passwords, "bob": "of-the-new-demo"}) == ["bob"]
    assert sign_in(admin, "bob", "of-the-new-demo")


def test_the_command_is_for_the_demo_and_says_what_is_missing(settings: Any, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="PORTAL_DEMO or KEYCLOAK_URL is not set"):
        call_command("seed_realm")
    settings.PORTAL_DEMO, settings.KEYCLOAK_URL, settings.PORTAL_HOME = True, "http://127.0.0.1:1", tmp_path
    with pytest.raises(CommandError, match="run seed_demo first"):
        call_command("seed_realm")
    make_people(actor=Actor.system())
    (tmp_path / "demo-people.json").write_text(json.dumps([{"username": part.username, "password": "x"} for part in CAST]))
    with pytest.raises(CommandError, match=r"Keycloak at http://127\.0\.0\.1:1 refuses"):
        call_command("seed_realm")
