"""The realm as code against a real Keycloak: what it makes of what it is sent, and that a second run has nothing to do."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml
from keycloak.exceptions import KeycloakError, KeycloakGetError

from portal.core.errors import Refused
from portal.identity.realm import connection
from portal.identity.realm.compare import MASK
from portal.identity.realm.description import read
from portal.identity.realm.objects import group_at
from portal.identity.realm.sync import DESCRIPTION, sync_realm, values_of_settings
from tests.realms import PASSWORD, Realm


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each verb was sent to Keycloak; asking for a token is not counted."""
    counted: Counter[str] = Counter()
    send = requests.Session.send

    def counting(self: requests.Session, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        if not str(request.url).endswith("/token"):
            counted[str(request.method)] += 1
        return send(self, request, **options)

    monkeypatch.setattr(requests.Session, "send", counting)
    return counted


@pytest.fixture
def describe(realm: Realm, tmp_path: Path) -> Iterator[Callable[..., Path]]:
    """The portal's description with sections laid over it, as a file; the realm is as described again afterwards."""

    def write(**sections: Any) -> Path:
        tree = yaml.safe_load(DESCRIPTION.read_text())
        for section, body in sections.items():
            tree[section] = tree.get(section, {}) | body
        file = tmp_path / "realm.yaml"
        file.write_text(yaml.safe_dump(tree))
        return file

    yield write
    realm.sync()


def client(realm: Realm, name: str) -> dict[str, Any]:
    return realm.admin.get_client(realm.admin.get_client_id(name))


# The whole


def test_a_second_run_finds_nothing_and_writes_nothing(realm, calls):
    assert realm.sync() == []
    assert set(calls) == {"GET"}
    assert calls["GET"] <= 25


def test_checking_says_what_a_run_would_settle_and_writes_nothing(realm, calls, describe):
    file = describe(
        settings={"displayName": "Other"},
        roles={"new": {"description": "New"}},
        groups={"/new/inner": {"roles": ["new"]}},
        scopes={"new": {"protocol": "openid-connect", "mappers": {"who": {"protocolMapper": "oidc-sub-mapper"}}}},
        clients={"new": {"publicClient": False, "serviceAccountsEnabled": True, "default_scopes": ["new"]}},
        flows={"mine": {"copy_of": "browser", "requirements": {}}},
        organizations={"acme": {"domains": [{"name": "acme.test"}]}},
    )
    said = realm.sync(file, check=True)
    assert set(calls) == {"GET"}
    assert said == realm.sync(file)
    assert f'realm {realm.name}: displayName: "Concord" -> "Other"' in said
    for line in ("role new: create", "group /new: create", "group /new/inner: roles + new", "scope new mapper who: create"):
        assert line in said
    for line in ("client new: create", "client new: default scopes + new", "flow mine: copy of browser"):
        assert line in said
    assert "organization acme: create" in said
    assert realm.sync(file) == []


def test_what_is_not_named_is_left_alone(realm):
    admin = realm.admin
    admin.create_client({"clientId": "theirs", "publicClient": True, "redirectUris": ["https://theirs.test/*"]})
    admin.create_idp({"alias": "theirs", "providerId": "oidc", "config": {"clientId": "x", "clientSecret": "y"}})
    mapper = {"name": "theirs", "protocol": "openid-connect", "protocolMapper": "oidc-sub-mapper"}
    admin.add_mapper_to_client(client(realm, "portal")["id"], mapper)
    group = realm.group("/theirs")
    portal = client(realm, "portal")
    admin.update_client(portal["id"], portal | {"name": "Renamed by somebody"})
    assert realm.sync() == ['client portal: name: "Renamed by somebody" -> "Concord"']
    assert client(realm, "theirs")["redirectUris"] == ["https://theirs.test/*"]
    assert admin.get_idp("theirs")["config"]["clientId"] == "x"
    assert {mapper["name"] for mapper in client(realm, "portal")["protocolMappers"]} == {"self", "theirs"}
    assert group_at(admin, "/theirs")["id"] == group


@pytest.mark.parametrize(
    ("harm", "line"),
    [
        (
            lambda admin, portal: admin.update_realm(admin.connection.realm_name, {"adminEventsDetailsEnabled": False}),
            "adminEventsDetailsEnabled: false -> true",
        ),
        (
            lambda admin, portal: admin.update_client(portal["id"], {"redirectUris": ["https://evil.test/*"]}),
            'client portal: redirectUris: ["https://evil.test/*"] -> ["http',
        ),
        (
            lambda admin, portal: admin.update_client(portal["id"], {"secret": "guessed"}),
            'client portal: secret: "(secret)" -> "(secret)"',
        ),
        (
            lambda admin, portal: connection.put(admin, "client-policies/policies", {"policies": []}),
            "client policy pkce-everywhere: create",
        ),
        (
            lambda admin, portal: admin.delete_client(admin.get_client_id("sync")),
            "client sync: create",
        ),
        (
            lambda admin, portal: admin.delete_realm_role("cloud-user"),
            "role cloud-user: create",
        ),
    ],
    ids=["settings", "redirect", "secret", "policy", "client", "role"],
)
def test_drift_is_said_and_settled(realm, harm, line):
    harm(realm.admin, client(realm, "portal"))
    assert any(line in said for said in realm.sync(check=True))
    assert any(line in said for said in realm.sync())
    assert realm.sync() == []


def test_a_run_that_was_cut_off_is_finished_by_the_next(realm):
    for name in ("cloud-user", "cloud-admin"):
        realm.admin.delete_realm_role(name)
    realm.admin.delete_client(realm.admin.get_client_id("sync"))

    class Killed(Exception):
        pass

    def die(line: str) -> None:
        raise Killed(line)

    wanted = read(DESCRIPTION, values_of_settings(realm.name, realm.url, {}))
    with pytest.raises(Killed, match="role cloud-admin: create"):
        sync_realm(realm.admin, wanted, say=die)
    assert "role cloud-admin: create" not in realm.sync()
    assert realm.sync() == []
    assert {role["name"] for role in realm.admin.get_group_realm_roles(realm.group("/cloud/admins"))} == {
        "cloud-admin",
        "cloud-user",
    }
    assert realm.service().get_users({"max": 1}) is not None


# What Keycloak makes of what it is sent


def test_attributes_of_the_realm_that_are_not_named_survive(realm, describe):
    realm.admin.update_realm(realm.name, {"attributes": {"theirs": "kept", "adminEventsExpiration": "604800"}})
    realm.sync(describe(settings={"attributes": {"adminEventsExpiration": "86400"}}))
    attributes = realm.admin.get_realm(realm.name)["attributes"]
    assert (attributes["theirs"], attributes["adminEventsExpiration"]) == ("kept", "86400")
    realm.admin.update_realm(realm.name, {"attributes": {"adminEventsExpiration": "604800"}})
    assert "theirs" not in realm.admin.get_realm(realm.name)["attributes"], "why the whole is sent back"


def test_scopes_of_a_client_are_set_though_a_put_ignores_them(realm, describe):
    portal = client(realm, "portal")
    realm.admin.update_client(portal["id"], portal | {"defaultClientScopes": []})
    assert "groups" in client(realm, "portal")["defaultClientScopes"], "why each has a call of its own"
    tree = yaml.safe_load(DESCRIPTION.read_text())["clients"]["${KEYCLOAK_CLIENT_ID}"]
    moved = tree | {"default_scopes": ["groups", "to-aws"], "optional_scopes": ["to-keystone"]}
    file = describe(clients={"${KEYCLOAK_CLIENT_ID}": moved})
    assert realm.sync(file) == ["client portal: default scopes + to-aws"]
    assert "to-aws" in client(realm, "portal")["defaultClientScopes"]
    assert realm.sync(file) == []
    assert realm.sync() == ["client portal: optional scopes + to-aws"]
    assert "to-aws" not in client(realm, "portal")["defaultClientScopes"]


def test_a_partial_put_of_a_client_opens_it_to_its_own_origin(realm):
    portal = client(realm, "portal")
    realm.admin.update_client(portal["id"], {"description": "Anything"})
    assert client(realm, "portal")["webOrigins"], "why a client is sent back whole"
    realm.admin.update_client(portal["id"], portal)
    realm.admin.update_client(portal["id"], portal | {"name": "Renamed"})
    realm.sync()
    assert not client(realm, "portal").get("webOrigins")


def test_lists_in_another_order_are_no_difference(realm, describe):
    uris = [f"https://app.test/{name}" for name in "zyxwvutsrq"]
    file = describe(clients={"many": {"publicClient": True, "redirectUris": uris}})
    assert realm.sync(file) == ["client many: create"]
    assert client(realm, "many")["redirectUris"] != uris, "why lists are compared as sets"
    assert realm.sync(file) == []


def test_a_masked_secret_is_no_difference_and_survives_an_update(realm, describe):
    upstream = {
        "providerId": "oidc",
        "enabled": True,
        "firstBrokerLoginFlowAlias": "first broker login without review",
        "config": {
            "clientId": "concord",
            "clientSecret": "${UPSTREAM_SECRET}",
            "authorizationUrl": "https://corp.test/auth",
            "tokenUrl": f"{realm.issuer}/protocol/openid-connect/token",
            "syncMode": "FORCE",
        },
        "mappers": {
            "admins": {
                "identityProviderMapper": "oidc-advanced-group-idp-mapper",
                "config": {
                    "syncMode": "FORCE",
                    "claims": '[{"key":"groups","value":"/a"}]',
                    "are.claim.values.regex": False,
                    "group": "/cloud/admins",
                },
            }
        },
    }
    file = describe(
        identity_providers={"corp": upstream},
        organizations={"corp": {"domains": [{"name": "Corp.Test"}], "identity_providers": ["corp"]}},
    )
    said = realm.sync(file, UPSTREAM_SECRET="first")
    assert said == [
        "identity provider corp: create",
        "identity provider corp mapper admins: create",
        "organization corp: create",
        "organization corp: identity provider + corp",
    ]
    assert realm.admin.get_idp("corp")["config"]["clientSecret"] == MASK
    assert realm.sync(file, UPSTREAM_SECRET="first") == []
    upstream["config"]["authorizationUrl"] = "https://corp.test/other"
    said = realm.sync(describe(identity_providers={"corp": upstream}), UPSTREAM_SECRET="first")
    assert said == ['identity provider corp: config.authorizationUrl: "https://corp.test/auth" -> "https://corp.test/other"']
    assert realm.admin.get_organization_idps(_organization(realm, "corp"))[0]["alias"] == "corp"


def _organization(realm: Realm, alias: str) -> str:
    return next(found["id"] for found in realm.admin.get_organizations() if found["alias"] == alias)


def test_a_provider_can_be_read_from_its_metadata(realm, describe):
    saml = {"providerId": "saml", "import_from": f"{realm.issuer}/protocol/saml/descriptor", "config": {"syncMode": "FORCE"}}
    file = describe(identity_providers={"self": saml})
    assert realm.sync(file) == ["identity provider self: create"]
    config = realm.admin.get_idp("self")["config"]
    assert config["singleSignOnServiceUrl"] == f"{realm.issuer}/protocol/saml"
    assert config["syncMode"] == "FORCE"
    assert realm.sync(file) == []


@pytest.mark.parametrize("path", ["/ünïcode/a b", "/what?/50%", "/plus+/#1"])
def test_a_group_is_found_again_whatever_is_in_its_name(realm, describe, path):
    file = describe(groups={path: {}})
    assert realm.sync(file) == [f"group {path.rpartition('/')[0]}: create", f"group {path}: create"]
    assert realm.sync(file) == []


def test_a_group_with_a_slash_in_its_name_is_not_taken_for_another(realm, describe):
    realm.admin.create_group({"name": "a/b"}, parent=realm.group("/slash"))
    file = describe(groups={"/slash/a/b": {}})
    assert realm.sync(file) == ["group /slash/a: create", "group /slash/a/b: create"]
    assert realm.sync(file) == []


# What the realm is for


def test_the_service_account_reads_people_and_events_and_ends_sessions(realm):
    alice = realm.person("alice")
    realm.tokens(alice)
    service = realm.service()
    assert [user["username"] for user in service.get_users({"search": "alice"})] == ["alice"]
    assert {event["type"] for event in service.get_events({"user": alice.id})} >= {"LOGIN", "CODE_TO_TOKEN"}
    assert connection.get(service, "admin-events?max=5")
    service.update_user(alice.id, {"enabled": False})
    service.user_logout(alice.id)
    assert service.get_sessions(alice.id) == []
    disabled = connection.get(service, f"admin-events?resourcePath=users/{alice.id}&operationTypes=UPDATE")
    assert json.loads(disabled[0]["representation"])["enabled"] is False
    assert service.get_organizations() is not None
    assert service.get_idps() is not None


def test_the_service_account_does_no_more_than_its_work_takes(realm):
    service = realm.service()
    for asked_for in (
        partial(service.get_client, client(realm, "portal")["id"]),
        partial(service.create_client, {"clientId": "mine"}),
        partial(service.update_realm, realm.name, {"displayName": "Mine"}),
        partial(service.create_realm_role, {"name": "mine"}),
        partial(connection.put, service, "client-policies/policies", {"policies": []}),
        partial(service.get_realm, "master"),
    ):
        with pytest.raises(KeycloakError) as refused:
            asked_for()
        assert refused.value.response_code == 403


def test_without_its_full_scope_the_service_account_may_do_nothing(realm):
    account = client(realm, "sync")
    realm.admin.update_client(account["id"], {"fullScopeAllowed": False})
    with pytest.raises(KeycloakGetError) as error:
        realm.service().get_users({"max": 1})
    assert error.value.response_code == 403
    assert realm.sync() == ["client sync: fullScopeAllowed: false -> true"]
    assert realm.service().get_users({"max": 1}) is not None


def test_an_account_is_not_linked_without_proof_and_not_reviewed(realm):
    steps = realm.admin.get_authentication_flow_executions("first broker login without review")
    needs = {step["displayName"]: step["requirement"] for step in steps}
    assert needs["Review Profile"] == "DISABLED"
    assert needs["Confirm link existing account"] == "REQUIRED"


def test_a_person_asked_for_again_is_put_right(realm):
    bob = realm.person("bob", groups=["/cloud/admins"])
    realm.admin.update_user(bob.id, {"enabled": False})
    assert realm.person("bob", PASSWORD + "-2", groups=["/other"]).id == bob.id
    assert [group["path"] for group in realm.admin.get_user_groups(bob.id)] == ["/other"]
    assert realm.tokens(realm.person("bob", groups=["/other"]))["id_token"]


# What Keycloak refuses


@pytest.mark.parametrize(
    ("sections", "said"),
    [
        ({"settings": {"displayNam": "x"}}, 'displayNam: nothing -> "x": Keycloak refuses: 400'),
        ({"clients": {"misspelt": {"redirectUri": "x"}}}, "client misspelt: create: Keycloak refuses: 400"),
        ({"flows": {"lost": {"copy_of": "no such flow"}}}, "flow lost: copy of no such flow: Keycloak refuses: 404"),
        (
            {"flows": {"stray": {"copy_of": "browser", "requirements": {"Nothing": "DISABLED"}}}},
            "flow stray has no step Nothing",
        ),
        (
            {"clients": {"unscoped": {"default_scopes": ["nowhere"]}}},
            "client unscoped: default scopes + nowhere: Keycloak has no scope nowhere",
        ),
    ],
)
def test_what_keycloak_refuses_is_one_line_that_names_the_object(realm, describe, sections, said):
    with pytest.raises(Refused) as refused:
        realm.sync(describe(**sections))
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)
