"""People sign in through providers that others wrote, in a real Keycloak: what they arrive with, and what is refused."""

import json
import shutil
import subprocess
from collections import Counter
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests
from django.conf import settings

from portal.identity import brokering, keycloak, providers
from portal.identity.brokered import groups_said
from portal.identity.domains import may_vouch_for
from portal.identity.models import IdentityProvider
from portal.users.models import Identity
from tests.identity import directory, upstream
from tests.identity.upstream import LOOPBACK, checked, free_port, outcome
from tests.identity.visitor import Stopped, Visitor

HERE = Path(__file__).parent
NODE = shutil.which("node")
NPM_PROVIDER = HERE.parents[1] / "node_modules" / "oidc-provider"
SECRET = "upstream-secret-0123456789"
ALICE = {"email": "alice@corp.example", "given_name": "Alice", "family_name": "Ames", "groups": ["cloud-admins", "staff"]}
BOB = {"email": "bob@corp.example", "given_name": "Bob", "family_name": "Berg"}
# What the second claims to be is the first one's address
EVE = {
    "email": "alice@corp.example",
    "email_verified": True,
    "given_name": "Eve",
    "family_name": "Evil",
    "groups": ["cloud-admins"],
}


@pytest.fixture(autouse=True)
def reachable(settings):
    settings.OUTBOUND_ALLOW = LOOPBACK


@contextmanager
def oidc_provider(redirect_uri, accounts, *, way="client_secret_basic"):
    """npm's oidc-provider for as long as the test needs it; its issuer."""
    if NODE is None or not NPM_PROVIDER.exists():
        pytest.skip("npm's oidc-provider is not here: install Node 20 and run `npm ci`")
    port = free_port()
    client = {
        "client_id": "concord",
        "client_secret": SECRET,
        "redirect_uris": [redirect_uri],
        "token_endpoint_auth_method": way,
    }
    told = json.dumps({"port": port, "clients": [client], "accounts": accounts})
    process = subprocess.Popen([NODE, HERE / "oidc_provider.mjs", told], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        assert process.stdout.readline() == b"ready\n"
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(timeout=20)
        process.stdout.close()


def fresh(provider):
    return IdentityProvider.objects.select_related("organization").get(pk=provider.pk)


def applied(provider):
    """The same once Keycloak has it."""
    brokering.apply(provider.pk)
    provider = fresh(provider)
    assert provider.apply_error == ""
    assert provider.is_applied
    return provider


def in_use(provider, actor):
    """Checked, turned on and at Keycloak."""
    provider = checked(provider)
    assert provider.passed, provider.results
    return applied(providers.turn_on(provider, actor=actor))


def pointed(provider, issuer, actor):
    """An OIDC provider needs its redirect address before it can start, so its issuer comes second."""
    return providers.change_provider(provider, config={**provider.config, "issuer": issuer}, actor=actor)


@pytest.fixture
def corp(world, realm):
    """An OIDC provider in use: the row, and what its people are (to be changed)."""
    erin = world.actor("erin")
    made = upstream.oidc(world, name=f"Corp {realm.name}", secret=SECRET, domains=["corp.example"])
    with oidc_provider(made.redirect_uri, {"alice": ALICE, "bob": BOB}) as issuer:
        yield in_use(pointed(made, issuer, erin), erin)
    brokering.apply(providers.remove_provider(providers.turn_off(fresh(made), actor=erin), actor=erin).pk)


@pytest.fixture
def calls(monkeypatch):
    counted = Counter()
    send = requests.Session.send

    def counting(self, request, **options):
        if not str(request.url).endswith("/token"):
            counted[request.method] += 1
        return send(self, request, **options)

    monkeypatch.setattr(requests.Session, "send", counting)
    return counted


class TestOidc:
    def test_she_arrives_with_name_address_and_groups(self, world, realm, corp):
        assert outcome(corp)["client"] == "passed"
        with Visitor(realm, login="alice", password="any") as visitor:
            claims = visitor.arrive(corp.alias)
        assert (claims["name"], claims["email"]) == ("Alice Ames", "alice@corp.example")
        assert groups_said(claims) == (corp.alias, frozenset({"cloud-admins", "staff"}))
        assert claims["email_verified"] is False
        assert claims["preferred_username"] == f"{corp.alias}.alice"

    def test_a_group_taken_away_there_is_gone_at_the_next_sign_in(self, world, realm):
        erin = world.actor("erin")
        made = upstream.oidc(world, name=f"Moves {realm.name}", secret=SECRET)
        for groups in (["staff"], [], ["staff", "readers"]):
            with oidc_provider(
                made.redirect_uri, {"alice": {**ALICE, "email": "a@moves.example", "groups": groups}}
            ) as issuer:
                made = pointed(fresh(made), issuer, erin)
                made = applied(checked(made)) if made.state == "active" else in_use(made, erin)
                with Visitor(realm, login="alice", password="any") as visitor:
                    assert groups_said(visitor.arrive(made.alias)) == (made.alias, frozenset(groups))

    def test_applied_twice_writes_nothing_new(self, world, realm, corp, calls):
        IdentityProvider.objects.filter(pk=corp.pk).update(applied_version=0)
        before = realm.admin.get_idp(corp.alias), realm.admin.get_idp_mappers(corp.alias)
        calls.clear()
        applied(corp)
        assert calls["POST"] == calls["DELETE"] == 0
        assert calls["PUT"] == 2, "the provider itself, whose secret cannot be compared, and its organization"
        assert (realm.admin.get_idp(corp.alias), realm.admin.get_idp_mappers(corp.alias)) == before

    def test_turned_off_nobody_comes_in_and_turned_on_she_is_the_same_person(self, world, realm, corp):
        erin = world.actor("erin")
        with Visitor(realm, login="alice", password="any") as visitor:
            first = visitor.arrive(corp.alias)
            Identity.objects.create(
                user=world.alice,
                issuer=realm.issuer,
                subject=first["sub"],
                provider=corp.alias,
                seen_at=fresh(corp).applied_at,
            )
            off = applied(providers.turn_off(corp, actor=erin))
            assert realm.admin.get_sessions(first["sub"]) == []
            with pytest.raises(Stopped):
                visitor.arrive(corp.alias)
        in_use(off, erin)
        with Visitor(realm, login="alice", password="any") as visitor:
            assert visitor.arrive(corp.alias)["sub"] == first["sub"]

    def test_an_address_of_its_domain_leads_there_at_keycloak_too(self, world, realm, corp):
        with Visitor(realm, username="bob@corp.example", login="bob", password="any") as visitor:
            assert visitor.arrive()["preferred_username"] == f"{corp.alias}.bob"

    def test_another_provider_that_claims_her_address_does_not_become_her(self, world, realm, corp):
        with Visitor(realm, login="alice", password="any") as visitor:
            hers = visitor.arrive(corp.alias)
        mallory = world.actor("mallory")
        made = upstream.oidc(world, actor="mallory", name=f"Evil {realm.name}", secret=SECRET)
        with oidc_provider(made.redirect_uri, {"alice": EVE}) as issuer:
            made = in_use(pointed(made, issuer, mallory), mallory)
            with Visitor(realm, login="alice", password="any") as visitor:
                other = visitor.arrive(made.alias)
        assert other["email"] == hers["email"]
        assert other["sub"] != hers["sub"]
        assert other["email_verified"] is False
        assert groups_said(other) == (made.alias, frozenset({"cloud-admins"})), "the groups are of its own organization"
        assert not may_vouch_for(made, other["email"])
        links = realm.admin.get_user(hers["sub"])["federatedIdentities"]
        assert [link["identityProvider"] for link in links] == [corp.alias]
        with Visitor(realm, login="alice", password="any") as visitor:
            assert visitor.arrive(corp.alias)["sub"] == hers["sub"]

    def test_a_provider_with_domains_lets_in_nobody_with_an_address_of_another(self, world, realm, corp):
        mallory = world.actor("mallory")
        made = upstream.oidc(world, actor="mallory", name=f"Foreign {realm.name}", secret=SECRET, domains=["evil.example"])
        with oidc_provider(made.redirect_uri, {"alice": EVE}) as issuer:
            made = in_use(pointed(made, issuer, mallory), mallory)
            with (
                Visitor(realm, login="alice", password="any") as visitor,
                pytest.raises(Stopped, match="does not match any domain"),
            ):
                visitor.arrive(made.alias)

    def test_being_first_with_an_address_keeps_its_owner_out_of_nothing(self, world, realm, corp):
        mallory = world.actor("mallory")
        made = upstream.oidc(world, actor="mallory", name=f"First {realm.name}", secret=SECRET)
        with oidc_provider(made.redirect_uri, {"bob": {**BOB, "given_name": "Not"}}) as issuer:
            made = in_use(pointed(made, issuer, mallory), mallory)
            with Visitor(realm, login="bob", password="any") as visitor:
                first = visitor.arrive(made.alias)
        with Visitor(realm, login="bob", password="any") as visitor:
            hers = visitor.arrive(corp.alias)
        assert hers["sub"] != first["sub"]
        assert hers["name"] == "Bob Berg"

    def test_removed_it_leaves_no_account_behind(self, world, realm):
        erin = world.actor("erin")
        made = upstream.oidc(world, name=f"Gone {realm.name}", secret=SECRET)
        with oidc_provider(made.redirect_uri, {"alice": ALICE}) as issuer:
            made = in_use(pointed(made, issuer, erin), erin)
            with Visitor(realm, login="alice", password="any") as visitor:
                gone = visitor.arrive(made.alias)
        brokering.apply(providers.remove_provider(providers.turn_off(made, actor=erin), actor=erin).pk)
        assert realm.admin.get_users({"username": gone["preferred_username"], "exact": "true"}) == []
        assert made.alias not in {each["alias"] for each in realm.admin.get_idps()}

    def test_a_wrong_secret_is_told_by_its_check(self, world, realm):
        made = upstream.oidc(world, name=f"Wrong {realm.name}", secret="not-the-secret")
        with oidc_provider(made.redirect_uri, {}) as issuer:
            made = checked(pointed(made, issuer, world.actor("erin")))
        assert outcome(made)["client"] == "failed"
        assert made.results[-1]["do"]

    def test_where_keycloak_is_down_the_work_waits_and_says_so(self, world, realm, settings, corp):
        erin, url = world.actor("erin"), settings.KEYCLOAK_URL
        settings.KEYCLOAK_URL = f"http://127.0.0.1:{free_port()}"
        off = providers.turn_off(corp, actor=erin)
        brokering.apply(off.pk)
        off = fresh(off)
        assert (off.is_applied, off.is_due) == (False, True)
        assert off.apply_error
        settings.KEYCLOAK_URL = url
        assert applied(off).is_applied


UPSTREAM_CLIENT = {
    "protocol": "saml",
    "attributes": {
        "saml.assertion.signature": "true",
        "saml.server.signature": "true",
        "saml.client.signature": "false",
        "saml_force_name_id_format": "true",
        "saml_name_id_format": "persistent",
    },
}


def saml_property(name, attribute):
    config = {"user.attribute": name, "attribute.name": attribute, "friendly.name": attribute}
    return {"name": name, "protocol": "saml", "protocolMapper": "saml-user-property-mapper", "config": config}


@contextmanager
def saml_realm(realm, entity_id, redirect_uri):
    """Another realm that plays a company's SAML service; the address of its metadata."""
    groups = {"attribute.name": "groups", "full.path": "false", "single": "true"}
    mappers = [saml_property("email", "email"), saml_property("firstName", "givenName"), saml_property("lastName", "surname")]
    mappers.append({"name": "groups", "protocol": "saml", "protocolMapper": "saml-group-membership-mapper", "config": groups})
    client = {**UPSTREAM_CLIENT, "clientId": entity_id, "redirectUris": [redirect_uri], "protocolMappers": mappers}
    greta = {"username": "greta", "enabled": True, "email": "greta@fed.example", "firstName": "Greta", "lastName": "Gruen"}
    greta |= {"groups": ["/readers"], "credentials": [{"type": "password", "value": "greta-test"}]}
    name = f"fed-{realm.name}"
    realm.master.create_realm(
        {"realm": name, "enabled": True, "groups": [{"name": "readers"}], "clients": [client], "users": [greta]}
    )
    try:
        yield f"{realm.url}/realms/{name}/protocol/saml/descriptor"
    finally:
        realm.master.delete_realm(name)


class TestSaml:
    def test_she_arrives_with_name_address_and_groups(self, world, realm):
        erin = world.actor("erin")
        made = providers.add_provider(
            world.nordwind,
            "saml",
            f"Fed {realm.name}",
            {"metadata": upstream.metadata()},
            {},
            actor=erin,
            domains=["fed.example"],
        )
        with saml_realm(realm, made.entity_id, made.redirect_uri) as metadata_url:
            config = {**made.config, "metadata_url": metadata_url}
            del config["metadata"]
            made = in_use(providers.change_provider(made, config=config, actor=erin), erin)
            assert set(outcome(made).values()) == {"passed"}
            with Visitor(realm, username="greta", password="greta-test") as visitor:
                claims = visitor.arrive(made.alias)
            assert (claims["name"], claims["email"]) == ("Greta Gruen", "greta@fed.example")
            assert groups_said(claims) == (made.alias, frozenset({"readers"}))
            assert claims["email_verified"] is False
            assert requests.get(made.metadata_url, timeout=30).ok, "what the page shows to paste at the other side"

    def test_the_certificate_of_another_is_not_believed(self, world, realm):
        erin = world.actor("erin")
        made = providers.add_provider(
            world.nordwind, "saml", f"Fake {realm.name}", {"metadata": upstream.metadata()}, {}, actor=erin
        )
        with saml_realm(realm, made.entity_id, made.redirect_uri) as metadata_url:
            true = requests.get(metadata_url, timeout=30).text
            mine, hers = (text.split("X509Certificate>")[1].split("<")[0] for text in (upstream.metadata(), true))
            config = {**made.config, "metadata": true.replace(hers, mine)}
            made = in_use(providers.change_provider(made, config=config, actor=erin), erin)
            with Visitor(realm, username="greta", password="greta-test") as visitor, pytest.raises(Stopped):
                visitor.arrive(made.alias)


LAB = {
    "bind_dn": directory.ADMIN,
    "users_dn": f"ou=people,{directory.BASE}",
    "groups_dn": f"ou=groups,{directory.BASE}",
}


@pytest.fixture
def lab(tmp_path, realm):
    """A directory, and a service account at Keycloak that may connect one."""
    if directory.SLAPD is None:
        pytest.skip("slapd is not here: apt install slapd ldap-utils")
    with directory.running_directory(tmp_path) as running:
        may_manage_realm(realm, True)
        yield running
        may_manage_realm(realm, False)


def may_manage_realm(realm, may):
    """Give the portal's service account the one role that directories need and it does not have, or take it."""
    admin = realm.admin
    account = admin.get_client_service_account_user(admin.get_client_id(settings.KEYCLOAK_ADMIN_CLIENT_ID))
    owner = admin.get_client_id("realm-management")
    role = admin.get_client_role(owner, "manage-realm")
    (admin.assign_client_role if may else admin.delete_client_roles_of_user)(account["id"], owner, [role])
    service_token_forgotten()


def service_token_forgotten():
    """A token carries the roles of when it was given; in a worker the next one comes within five minutes."""
    keycloak.admin().connection.token = None


def add_directory(world, lab, name, password=directory.PASSWORD, **config):
    said = {**LAB, "url": lab.url, **config}
    secret = {"bind_password": password}
    return providers.add_provider(world.nordwind, "ldap", name, said, secret, actor=world.actor("erin"))


class TestLdap:
    def test_she_arrives_with_name_address_and_groups_and_leaves_at_once(self, world, realm, lab):
        erin = world.actor("erin")
        made = in_use(add_directory(world, lab, f"Lab {realm.name}"), erin)
        assert outcome(made) == {"address": "passed", "encrypted": "warned", "connect": "passed", "bind": "passed"}
        with Visitor(realm, username="lena", password="lena-test") as visitor:
            claims = visitor.arrive()
        assert (claims["name"], claims["email"]) == ("Lena Lind", "lena@directory.example")
        assert groups_said(claims) == (made.alias, frozenset({"readers"}))
        lab.change(
            f"dn: cn=admins,ou=groups,{directory.BASE}\nchangetype: modify\nadd: member\nmember: uid=lena,ou=people,{directory.BASE}\n"
        )
        with Visitor(realm, username="lena", password="lena-test") as visitor:
            assert groups_said(visitor.arrive())[1] == {"admins", "readers"}
        lab.change(f"dn: uid=lena,ou=people,{directory.BASE}\nchangetype: delete\n")
        with Visitor(realm, username="lena", password="lena-test") as visitor, pytest.raises(Stopped):
            visitor.arrive()
        off = applied(providers.turn_off(made, actor=erin))
        brokering.apply(providers.remove_provider(off, actor=erin).pk)
        assert not [each for each in realm.admin.get_components({"name": made.alias}) if each["name"] == made.alias]

    def test_without_the_role_for_directories_the_check_says_which_it_is(self, world, realm, lab):
        may_manage_realm(realm, False)
        refused = checked(add_directory(world, lab, f"Not allowed {realm.name}"))
        assert outcome(refused)["connect"] == "failed"
        assert "manage-realm" in refused.results[-1]["do"]

    def test_a_wrong_password_or_address_is_told_by_its_check(self, world, realm, lab):
        wrong = checked(add_directory(world, lab, f"Wrong {realm.name}", password="not-it"))
        assert outcome(wrong)["bind"] == "failed"
        nowhere = checked(add_directory(world, lab, f"Nowhere {realm.name}", url=f"ldap://127.0.0.1:{free_port()}"))
        assert outcome(nowhere)["connect"] == "failed"
        inside = checked(add_directory(world, lab, f"Inside {realm.name}", url="ldap://10.0.0.1"))
        assert outcome(inside) == {"address": "failed"}
        assert all(each.results[-1]["do"] for each in (wrong, nowhere, inside))
