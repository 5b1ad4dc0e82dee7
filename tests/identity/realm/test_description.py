"""The file that describes a realm: what is wrong with it is said before Keycloak is asked anything."""

import pytest
import yaml

from portal.identity.realm.description import PLACEHOLDER, BadDescription, parse, read
from portal.identity.realm.sync import DESCRIPTION

VALUES = {
    "PUBLIC_URL": "https://portal.example",
    "KEYCLOAK_URL": "https://keycloak.example",
    "KEYCLOAK_REALM": "concord",
    "KEYCLOAK_CLIENT_ID": "portal",
    "KEYCLOAK_CLIENT_SECRET": "one",
    "KEYCLOAK_CLI_CLIENT_ID": "concord-cli",
    "KEYCLOAK_ADMIN_CLIENT_ID": "sync",
    "KEYCLOAK_ADMIN_CLIENT_SECRET": "two",
}


def test_the_description_of_the_portal_fills_in_what_the_settings_say():
    wanted = read(DESCRIPTION, VALUES)
    assert wanted.clients["portal"]["secret"] == "one"
    assert wanted.clients["sync"]["secret"] == "two"
    assert wanted.clients["portal"]["redirectUris"] == ["https://portal.example/auth/callback"]


def test_the_description_of_the_portal_holds_no_secret():
    tree = yaml.safe_load(DESCRIPTION.read_text())
    secrets = [client["secret"] for client in tree["clients"].values() if "secret" in client]
    assert secrets
    assert all(PLACEHOLDER.fullmatch(secret) for secret in secrets)


def test_every_client_of_the_portal_takes_no_password_and_says_how_far_its_scope_goes():
    for name, client in read(DESCRIPTION, VALUES).clients.items():
        assert client["directAccessGrantsEnabled"] is False, name
        assert client["fullScopeAllowed"] is (name == "sync"), name


def test_a_value_stays_a_value_whatever_stands_in_it():
    hostile = 'a"b: {c}\n- ${KEYCLOAK_CLIENT_ID}'
    wanted = parse({"clients": {"x": {"secret": "${KEYCLOAK_CLIENT_SECRET}"}}}, VALUES | {"KEYCLOAK_CLIENT_SECRET": hostile})
    assert wanted.clients["x"]["secret"] == hostile


def test_attributes_and_config_are_texts_and_the_rest_keeps_its_type():
    raw = {"clients": {"x": {"enabled": True, "attributes": {"on": True, "seconds": 5}, "configuration": {"on": True}}}}
    assert parse(raw, {}).clients["x"] == {
        "enabled": True,
        "attributes": {"on": "true", "seconds": "5"},
        "configuration": {"on": True},
    }


def test_an_empty_section_is_an_empty_one():
    assert parse({"identity_providers": None}, {}).identity_providers == {}
    assert parse(None, {}).clients == {}


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        ({"client": {}}, "unknown section client; there are client_policies, client_profiles, clients"),
        ({"clients": {"x": {"default_scope": []}}}, "clients.x: unknown key 'default_scope'"),
        ({"clients": {"x": {"Secret": "y"}}}, "clients.x: unknown key 'Secret'"),
        ({"settings": {"token_lifetime": 5}}, "settings: unknown key 'token_lifetime'"),
        ({"groups": {"/a": {"attributes": {}}}}, "groups./a: unknown key 'attributes'"),
        ({"flows": {"mine": {"requirements": {}}}}, "flows.mine: copy_of is missing"),
        ({"clients": ["x"]}, "clients: names with their values are needed here"),
        ({"clients": {"x": "y"}}, "clients.x: names with their values are needed here"),
        ({"clients": {"x": {"secret": None}}}, "clients.x.secret has no value"),
        ({"clients": {"x": {"secret": "${NOWHERE}"}}}, "${NOWHERE} has no value here"),
        ({"clients": {"x": {"secret": "${KEYCLOAK_CLIENT_SECRET}"}}}, "${KEYCLOAK_CLIENT_SECRET} has no value here"),
        ({"clients": {"${A}": {}, "${B}": {}}}, "one name stands for two things among ${A}, ${B}"),
        (["settings"], "the file: names with their values are needed here"),
    ],
)
def test_what_cannot_be_used_is_said_with_its_place(raw, said):
    with pytest.raises(BadDescription) as refused:
        parse(raw, {"A": "same", "B": "same", "KEYCLOAK_CLIENT_SECRET": ""})
    assert str(refused.value).startswith(said)


def test_a_file_that_is_none_is_said(tmp_path):
    with pytest.raises(BadDescription, match="No such file"):
        read(tmp_path / "none.yaml", {})
    broken = tmp_path / "broken.yaml"
    broken.write_text("clients: {x: [}")
    with pytest.raises(BadDescription, match="not YAML") as refused:
        read(broken, {})
    assert "\n" not in str(refused.value)
    broken.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BadDescription, match="not YAML"):
        read(broken, {})


def test_a_name_that_stands_twice_in_a_file_is_refused(tmp_path):
    twice = tmp_path / "twice.yaml"
    twice.write_text("roles:\n  a: {}\nroles:\n  b: {}\n")
    with pytest.raises(BadDescription, match="'roles' stands twice"):
        read(twice, {})
