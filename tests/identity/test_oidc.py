"""Sign-in with a real Keycloak: there and back, who it makes of whom, and what ends it."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from portal.access.models import Role
from portal.core import clock
from portal.events.models import Event
from portal.identity import jwts, keys, mapping, oidc, sessions, userinfo
from portal.identity.models import Session, SessionEnd
from portal.users.models import Identity, User
from tests.cast import give
from tests.identity.ear import Ear
from tests.identity.saying import saying
from tests.realms import NOBODY, PASSWORD
from tests.scripted import Visitor, words


@pytest.fixture
def zoe(world, realm) -> Visitor:
    """Zoe, who is nobody here yet, in front of her browser."""
    person = realm.person("zoe", email="zoe@example.org", firstName="Zoe", lastName="Zander", groups=["/cloud/readers"])
    realm.admin.user_logout(person.id)
    return Visitor()


def key_of(realm: Any, username: str) -> str:
    return str(realm.admin.get_user_id(username))


def events(action: str) -> list[tuple[str, str]]:
    return list(Event.objects.filter(action=action).order_by("at", "id").values_list("outcome", "reason"))


def federated(subject_of: str = "zoe") -> User:
    return Identity.objects.get(claims__preferred_username=subject_of).user


def test_the_page_offers_the_organization_and_keeps_the_local_way_folded(client, world, realm):
    page = client.get("/signin/?next=/profile/").content.decode()
    assert 'href="/auth/login/?next=%2Fprofile%2F"' in page
    assert "<details>" in page
    wrong = client.post("/signin/", {"username": "alice", "password": "wrong"}).content.decode()
    assert "<details open>" in wrong


def test_without_keycloak_the_page_says_so_and_there_is_no_way_to_it(client, world, settings):
    settings.KEYCLOAK_URL = ""
    page = client.get("/signin/").content.decode()
    assert "runs on local accounts" in page
    assert "/auth/login/" not in page
    for url in ("/auth/login/", "/auth/callback", "/auth/callback/"):
        assert client.get(url).status_code == 404
    assert client.post("/auth/backchannel-logout").status_code == 404


def test_a_person_nobody_knew_arrives_with_no_role_and_is_told_what_to_do(zoe, realm):
    zoe.portal.get("/signin/")
    before = zoe.portal.session.session_key
    answer = zoe.sign_in("zoe", PASSWORD, next="/profile/?tab=1")
    assert answer["Location"] == "/profile/?tab=1"
    user = federated()
    assert (user.username, user.name, user.email) == ("zoe", "Zoe Zander", "zoe@example.org")
    assert not user.has_usable_password()
    identity = user.identities.get()
    assert (identity.issuer, identity.subject) == (oidc.issuer(), key_of(realm, "zoe"))
    assert identity.claims["groups"] == ["/cloud/readers"]
    assert identity.seen_at
    assert events("identity.create_account") == [("done", "")]
    assert events("identity.sign_in") == [("done", "")]
    session = Session.objects.get(user=user)
    assert (session.method, session.identity, session.key) == ("oidc", identity, zoe.portal.session.session_key)
    assert session.sid
    assert session.refresh_token
    assert zoe.portal.session.session_key != before
    assert "You have no role yet" in zoe.portal.get("/").content.decode()


def test_what_goes_to_keycloak_is_a_code_flow_with_pkce_state_and_nonce(client, world, realm):
    there = client.get("/auth/login/", {"idp": "corp"})["Location"]
    for part in (
        "response_type=code",
        "code_challenge_method=S256",
        "code_challenge=",
        "state=",
        "nonce=",
        "kc_idp_hint=corp",
    ):
        assert part in there
    assert "code_verifier" not in there
    for odd in ("corp&prompt=none", "../corp", "corp\n", "c" * 101):
        assert "kc_idp_hint" not in client.get("/auth/login/", {"idp": odd})["Location"]


def test_she_is_the_same_person_the_next_time_under_a_new_name(zoe, realm):
    zoe.sign_in("zoe", PASSWORD)
    user = federated()
    realm.admin.update_user(
        key_of(realm, "zoe"), {"firstName": "Zoë", "lastName": "Østergård 中村", "email": "zoe@new.example"}
    )
    Visitor().sign_in("zoe", PASSWORD)
    user.refresh_from_db()
    assert (user.username, user.name, user.email) == ("zoe", "Zoë Østergård 中村", "zoe@new.example")
    assert User.objects.filter(identities__isnull=False).count() == 1
    assert len(events("identity.create_account")) == 1


def test_a_name_that_is_a_local_accounts_gets_a_number_and_takes_nothing_over(world, realm):
    realm.person("alice")
    give(world.alice, "organization_admin", world.nordwind)
    browser = Visitor()
    browser.sign_in("alice", PASSWORD)
    user = federated("alice")
    assert (user.pk != world.alice.pk, user.username) == (True, "alice-2")
    assert "You have no role yet" in browser.portal.get("/").content.decode()
    assert not world.alice.identities.exists()


def test_an_equal_email_links_nobody(world, realm):
    realm.person("yara", email=world.bob.email.upper())
    Visitor().sign_in("yara", PASSWORD)
    assert federated("yara").pk != world.bob.pk
    assert not world.bob.identities.exists()


def test_nobody_becomes_the_system_user(world, realm):
    realm.person("system")
    User.objects.filter(username="system").delete()
    Visitor().sign_in("system", PASSWORD)
    assert federated("system").username == "system-2"


def test_a_disabled_person_is_refused_and_nothing_of_her_changes(zoe, realm):
    zoe.sign_in("zoe", PASSWORD)
    User.objects.filter(pk=federated().pk).update(is_active=False)
    realm.admin.update_user(key_of(realm, "zoe"), {"firstName": "Other"})
    answer = Visitor().sign_in("zoe", PASSWORD)
    assert answer.status_code == 400
    assert "Your access here has ended" in answer.content.decode()
    assert (federated().name, Session.objects.count()) == ("Zoe Zander", 1)
    assert events("identity.sign_in")[-1] == ("refused", "disabled")
    assert Event.objects.filter(outcome="refused").get().target_id == str(federated().pk)


def test_roles_follow_her_groups_at_each_sign_in(zoe, realm, world):
    role = Role.objects.get(key="viewer", scope=None)
    mapping.add_rule(world.web, role, value="/cloud/readers", actor=world.actor("erin"))
    zoe.sign_in("zoe", PASSWORD)
    assert zoe.portal.get(f"/scopes/{world.web.pk}/").status_code == 200
    given = Event.objects.get(action="tenancy.assign_role")
    assert (given.actor.username, given.cause) == ("system", f"event:{Event.objects.get(action='identity.sign_in').pk}")
    realm.person("zoe", groups=[])
    Visitor().sign_in("zoe", PASSWORD)
    assert zoe.portal.get(f"/scopes/{world.web.pk}/").status_code == 404


@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example/", "/\\evil.example", "javascript:alert(1)"])
def test_the_way_back_leads_only_to_pages_of_this_site(zoe, realm, target):
    assert zoe.sign_in("zoe", PASSWORD, next=target)["Location"] == "/"


def refused(browser: Client, url: str) -> str:
    """What the page says; nobody is signed in, and the refusal is on record."""
    before = len(events("identity.sign_in"))
    answer = browser.get(url)
    assert answer.status_code == 400
    assert len(events("identity.sign_in")) == before + 1
    assert events("identity.sign_in")[-1][0] == "refused"
    return words(answer.content.decode())


def test_a_way_back_counts_once(zoe, realm):
    back = zoe.way_back("zoe", PASSWORD)
    assert zoe.portal.get(back).status_code == 302
    refused(zoe.portal, back)
    assert zoe.portal.get("/").status_code == 200
    assert Session.objects.filter(ended_at=None).count() == 1


def test_a_way_back_counts_only_in_the_browser_that_set_out(zoe, realm):
    back = zoe.way_back("zoe", PASSWORD)
    other = Client()
    refused(other, back)
    other.get("/auth/login/")
    refused(other, back)
    assert not Identity.objects.exists()
    assert other.get("/").status_code == 302


@pytest.mark.parametrize(
    "garbage", ["code=garbage", "code=", "", "code=%00&code=b", "iss=https://evil.example&code=" + "x" * 3000]
)
def test_a_way_back_with_garbage_is_refused(zoe, garbage):
    there = zoe.portal.get("/auth/login/")["Location"]
    state = there.split("state=")[1].split("&")[0]
    refused(zoe.portal, f"/auth/callback?state={state}&{garbage}")
    refused(zoe.portal, f"/auth/callback?state={state}&{garbage}")
    assert not Identity.objects.exists()


def test_a_way_back_with_a_refusal_says_so_and_ends_the_attempt(zoe, realm):
    there = zoe.portal.get("/auth/login/")["Location"]
    state = there.split("state=")[1].split("&")[0]
    assert "You did not go on" in refused(zoe.portal, f"/auth/callback?error=access_denied&state={state}")
    assert "begun in another browser" in refused(zoe.portal, f"/auth/callback?error=access_denied&state={state}")
    assert "begun in another browser" in refused(Client(), "/auth/callback?error=access_denied&error_description=<script>")


def test_a_code_of_another_sign_in_is_refused(zoe, realm):
    """The code of one attempt with the state of another: the verifier does not fit."""
    back = zoe.way_back("zoe", PASSWORD)
    there = zoe.portal.get("/auth/login/")["Location"]
    code = back.split("code=")[1].split("&")[0]
    state = there.split("state=")[1].split("&")[0]
    refused(zoe.portal, f"/auth/callback?code={code}&state={state}")
    assert not Identity.objects.exists()


def test_a_token_over_eight_kilobytes_is_refused_with_the_cause_on_record(zoe, realm):
    portal = realm.admin.get_client_id(settings.KEYCLOAK_CLIENT_ID)
    said = {"claim.name": "long", "claim.value": "x" * 9000, "jsonType.label": "String", "id.token.claim": "true"}
    mapper = {"name": "long", "protocol": "openid-connect", "protocolMapper": "oidc-hardcoded-claim-mapper", "config": said}
    realm.admin.add_mapper_to_client(portal, mapper)
    try:
        refused(zoe.portal, zoe.way_back("zoe", PASSWORD))
    finally:
        made = next(each for each in realm.admin.get_mappers_from_client(portal) if each["name"] == "long")
        realm.admin.remove_client_mapper(portal, made["id"])
    assert events("identity.sign_in")[-1][1] == "over 8192 bytes"


@pytest.mark.parametrize("answer", ["another person", "a page", "too much", "nobody there", "too late"])
def test_what_is_said_of_her_must_be_said_of_her_and_plainly(zoe, realm, monkeypatch, answer):
    outcomes = {"nobody there": (503, "unavailable"), "too late": (503, "unavailable")}
    outcomes |= {"another person": (400, "userinfo is about another person")}
    outcomes |= {"a page": (400, "userinfo is 'text/html', not JSON"), "too much": (400, "userinfo is over 2097152 bytes")}
    with saying(json.dumps({"sub": "somebody-else", "groups": ["/cloud/admins"]}).encode()) as said:
        said.kind = "text/html" if answer == "a page" else "application/json"
        said.body = b" " * 3_000_000 if answer == "too much" else said.body
        said.pause_s = 2 if answer == "too late" else 0
        monkeypatch.setattr(userinfo, "WITHIN_S", 1)
        monkeypatch.setattr(userinfo, "issuer", lambda: NOBODY if answer == "nobody there" else said.url)
        page = zoe.sign_in("zoe", PASSWORD)
    status, reason = outcomes[answer]
    assert page.status_code == status
    assert "Nothing was changed." in page.content.decode()
    assert events("identity.sign_in") == [("refused", reason)]
    assert not Identity.objects.exists()
    assert not Session.objects.exists()
    monkeypatch.undo()
    assert Visitor().sign_in("zoe", PASSWORD).status_code == 302


def test_the_session_of_a_browser_does_not_grow_with_every_click(client, world, realm):
    for _click in range(20):
        client.get("/auth/login/")
    assert len([name for name in dict(client.session.items()) if name.startswith(oidc.STATE)]) == oidc.MOST_STATES


def test_keycloak_down_is_a_clear_page_with_the_local_way_in(client, world, realm, settings):
    settings.KEYCLOAK_URL = "http://127.0.0.1:9"
    answer = client.get("/auth/login/", {"next": "/profile/"})
    page = answer.content.decode()
    assert answer.status_code == 503
    assert 'href="/signin/?next=%2Fprofile%2F&amp;local=1"' in page
    local = client.get("/signin/?next=/profile/&local=1").content.decode()
    assert "<details open>" in local


def test_keycloak_going_down_meanwhile_leaves_nothing_half_done(zoe, realm, monkeypatch):
    back = zoe.way_back("zoe", PASSWORD)
    monkeypatch.setattr(oidc._realm(), "access_token_url", "http://127.0.0.1:9/token")
    assert zoe.portal.get(back).status_code == 503
    assert events("identity.sign_in") == [("refused", "unavailable")]
    assert not Identity.objects.exists()


def test_another_name_of_the_issuer_is_seen_before_anybody_is_sent_there(client, world, realm, settings):
    settings.KEYCLOAK_URL = settings.KEYCLOAK_URL.replace("127.0.0.1", "localhost")
    answer = client.get("/auth/login/")
    assert answer.status_code == 503
    assert "another name" in answer.content.decode()


def test_signing_out_ends_the_session_at_keycloak_without_a_question(zoe, realm):
    zoe.sign_in("zoe", PASSWORD)
    assert len(realm.admin.get_sessions(key_of(realm, "zoe"))) == 1
    page = zoe.portal.post("/signout/")
    assert "no-store" in page["Cache-Control"]
    onward = page.content.decode().split('content="0; url=')[1].split('"')[0].replace("&amp;", "&")
    assert zoe.follow(onward).startswith("/")
    assert len(realm.admin.get_sessions(key_of(realm, "zoe"))) == 0
    session = Session.objects.get()
    assert (session.end, session.sealed, session.key) == (SessionEnd.SIGNED_OUT, None, None)
    assert zoe.portal.get("/").status_code == 302


def test_signing_out_while_keycloak_is_down_says_what_lives_on(zoe, realm, settings):
    zoe.sign_in("zoe", PASSWORD)
    settings.KEYCLOAK_URL = "http://127.0.0.1:9"
    page = zoe.portal.post("/signout/").content.decode()
    assert "could not be ended" in page
    assert "http-equiv" not in page
    assert zoe.portal.get("/").status_code == 302


def test_a_local_session_signs_out_as_ever(client, world, realm):
    client.post("/signin/", {"username": "alice", "password": "correct horse battery"})
    assert client.post("/signout/")["Location"] == "/signin/"


def send_logouts_to(realm: Any, url: str) -> None:
    client = realm.admin.get_client(realm.admin.get_client_id(settings.KEYCLOAK_CLIENT_ID))
    client["attributes"]["backchannel.logout.url"] = url
    realm.admin.update_client(client["id"], client)


@pytest.fixture
def ear(realm) -> Any:
    """Listens where Keycloak sends its logout tokens."""
    with Ear() as ear:
        send_logouts_to(realm, ear.url)
        yield ear


def test_a_logout_at_keycloak_ends_each_session_once(zoe, realm, ear, client):
    second = Visitor()
    zoe.sign_in("zoe", PASSWORD)
    second.sign_in("zoe", PASSWORD)
    realm.admin.user_logout(key_of(realm, "zoe"))
    first_token, second_token = ear.heard(2)
    answer = client.post("/auth/backchannel-logout", {"logout_token": first_token})
    assert (answer.status_code, answer.cookies, answer.content) == (200, {}, b"")
    assert "no-store" in answer["Cache-Control"]
    assert Session.objects.filter(ended_at=None).count() == 1
    assert client.post("/auth/backchannel-logout", {"logout_token": first_token}).status_code == 400
    assert client.post("/auth/backchannel-logout/", {"logout_token": second_token}).status_code == 200
    assert {zoe.portal.get("/").status_code, second.portal.get("/").status_code} == {302}
    assert set(Session.objects.values_list("end", flat=True)) == {SessionEnd.PROVIDER}
    event = Event.objects.filter(action="identity.sign_out").first()
    assert (event.actor.username, event.target_id) == ("system", str(federated().pk))


def test_a_logout_of_a_session_that_is_not_known_changes_nothing(zoe, realm, ear, client):
    zoe.sign_in("zoe", PASSWORD)
    realm.admin.user_logout(key_of(realm, "zoe"))
    [token] = ear.heard(1)
    sessions.end_all(Session.objects.all(), why=SessionEnd.EVERYWHERE)
    assert client.post("/auth/backchannel-logout", {"logout_token": token}).status_code == 200
    assert Session.objects.get().end == SessionEnd.EVERYWHERE
    assert events("identity.sign_out") == []


@pytest.mark.parametrize("token", ["", "garbage", "a.b.c", "x" * 9000, "\x00"])
def test_what_is_no_logout_token_ends_nothing(zoe, realm, token, client):
    zoe.sign_in("zoe", PASSWORD)
    answer = client.post("/auth/backchannel-logout", {"logout_token": token})
    assert (answer.status_code, answer.cookies) == (400, {})
    assert client.post("/auth/backchannel-logout", {"logout_token": Session.objects.get().id_token}).status_code == 400
    assert client.get("/auth/backchannel-logout").status_code == 405
    assert zoe.portal.get("/").status_code == 200


def test_a_key_made_anew_in_keycloak_counts_after_one_look(zoe, realm):
    zoe.sign_in("zoe", PASSWORD)
    config = {"priority": ["200"], "enabled": ["true"], "active": ["true"], "algorithm": ["RS256"], "keySize": ["2048"]}
    kind = "org.keycloak.keys.KeyProvider"
    rotated = {"name": "rotated", "providerId": "rsa-generated", "providerType": kind, "config": config}
    component = realm.admin.create_component(rotated)
    try:
        old = Session.objects.get().id_token
        with clock.travel(clock.now() + keys.EVERY + timedelta(seconds=1)):
            assert Visitor().sign_in("zoe", PASSWORD).status_code == 302
        assert jwts._header(old)["kid"] != jwts._header(Session.objects.first().id_token)["kid"]
    finally:
        realm.admin.delete_component(component)
