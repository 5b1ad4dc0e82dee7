"""Identity providers by the API: the same services, the same refusals."""

import pytest

from portal.identity.models import IdentityProvider
from tests.identity import upstream
from tests.identity.upstream import LOOPBACK, SECRET, checked, standing

PATH = "identity-providers/"


@pytest.fixture(autouse=True)
def reachable(settings):
    settings.OUTBOUND_ALLOW, settings.KEYCLOAK_URL = LOOPBACK, "http://127.0.0.1:1"


def body(world, **changes):
    return {
        "organization": str(world.nordwind.pk),
        "protocol": "oidc",
        "name": "Corp",
        "config": {"issuer": "https://login.corp.example", "client_id": "concord"},
        "secret": {"client_secret": SECRET},
        "domains": ["corp.example"],
        **changes,
    }


def test_it_is_added_once_for_one_key_and_its_secret_never_comes_back(world, caller):
    erin = caller("erin")
    first, second = (erin.post(PATH, body(world), Idempotency_Key="one") for _time in range(2))
    assert (first.status_code, first.json()) == (second.status_code, second.json())
    assert first.status_code == 201
    assert SECRET not in first.content.decode()
    assert IdentityProvider.objects.count() == 1
    assert erin.get(PATH).json()["results"][0]["alias"] == "nordwind-corp"
    assert {each["key"] for each in erin.get(f"{PATH}protocols/").json()} == {"oidc", "saml", "ldap"}


@pytest.mark.parametrize("name", ["alice", "bob", "carol", "dave", "mallory"])
def test_for_everybody_else_it_is_not_there(world, caller, name):
    made, other = upstream.oidc(world), caller(name)
    assert other.get(PATH).json()["results"] == []
    assert other.post(PATH, body(world, name="Mine")).status_code in (403, 404)
    for method, path in (("GET", ""), ("PATCH", ""), ("DELETE", ""), ("POST", "check/"), ("POST", "on/"), ("POST", "off/")):
        assert other.send(method, f"{PATH}{made.pk}/{path}", {}).status_code == 404
    assert IdentityProvider.objects.get().state == "draft"


def test_checked_turned_on_changed_off_and_removed(world, caller):
    erin = caller("erin")
    with standing() as (issuer, _pages):
        made = upstream.oidc(world, issuer=issuer)
        at = f"{PATH}{made.pk}/"
        assert erin.post(f"{at}check/", {}).json()["checking"] is True
        assert erin.post(f"{at}on/", {}).status_code == 409
        checked(made)
    assert [each["state"] for each in erin.get(at).json()["results"]] == ["passed"] * 6
    assert erin.post(f"{at}on/", {}).json()["state"] == "active"
    assert erin.send("PATCH", at, {"domains": ["b.example", "A.example"]}).json()["domains"] == ["a.example", "b.example"]
    assert erin.send("DELETE", at, {}).status_code == 409
    assert erin.post(f"{at}off/", {}).json()["state"] == "off"
    assert erin.send("DELETE", at, {}).status_code == 204
    assert erin.get(at).status_code == 404


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"protocol": "kerberos"}, "protocol"),
        ({"config": {"issuer": 5, "client_id": "c"}}, "config-issuer"),
        ({"domains": ["nonsense"]}, "domains"),
        ({"secret": {}}, "secret-client_secret"),
        ({"surprise": 1}, "surprise"),
        (
            {"protocol": "saml", "secret": {}, "config": {"metadata": "<!DOCTYPE x [<!ENTITY a 'b'>]><x>&a;</x>"}},
            "config-metadata",
        ),
    ],
)
def test_what_does_not_fit_is_named(world, caller, changes, field):
    answer = caller("erin").post(PATH, body(world, **changes))
    assert answer.status_code == 400
    assert field in answer.json()["errors"]
    assert not IdentityProvider.objects.exists()
