"""The tokens that the realm as code gives: whom they are for, what they carry, exchange, device flow, PKCE."""

import base64
import hashlib
import json
from functools import partial
from typing import Any

import requests


def claims(token: str) -> dict[str, Any]:
    part = token.split(".")[1]
    return dict(json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))))


def exchange_of(token: str) -> dict[str, str]:
    kind = "urn:ietf:params:oauth:token-type:access_token"
    grant = "urn:ietf:params:oauth:grant-type:token-exchange"
    return {"grant_type": grant, "subject_token": token, "subject_token_type": kind, "requested_token_type": kind}


def test_tokens_of_the_pages_name_their_audience_and_their_type(realm):
    carol = realm.person("carol")
    tokens = realm.tokens(carol)
    access, identity = claims(tokens["access_token"]), claims(tokens["id_token"])
    header = json.loads(base64.urlsafe_b64decode(tokens["access_token"].split(".")[0] + "=="))
    assert (header["typ"], header["alg"]) == ("at+jwt", "RS256")
    assert (access["aud"], access["sub"]) == ("portal", carol.id)
    assert (identity["aud"], identity["sub"]) == ("portal", carol.id)
    assert access["exp"] - access["iat"] == 300


def test_groups_are_asked_for_and_travel_to_a_cloud_alone(realm):
    ursula = realm.person("ursula", groups=["/cloud/admins", "/cloud/readers"])
    tokens = realm.tokens(ursula)
    said = realm.userinfo(tokens["access_token"])
    assert (said["sub"], set(said["groups"])) == (ursula.id, {"/cloud/admins", "/cloud/readers"})
    assert "groups" not in claims(tokens["access_token"]).keys() | claims(tokens["id_token"]).keys()
    exchanged = claims(realm.ask_tokens(**exchange_of(tokens["access_token"]), scope="to-keystone")["access_token"])
    assert set(exchanged["groups"]) == {"/cloud/admins", "/cloud/readers"}
    assert "groups" not in claims(realm.ask_tokens(**exchange_of(tokens["access_token"]), scope="to-aws")["access_token"])


def test_the_pages_may_ask_whether_their_token_still_stands(realm):
    """Keycloak says no to a client that is not in the audience: the reason for the mapper of itself."""
    erin = realm.person("erin")
    token = realm.tokens(erin)["access_token"]
    ask = partial(
        requests.post,
        f"{realm.issuer}/protocol/openid-connect/token/introspect",
        data={"token": token},
        auth=("portal", realm.client_secret),
        timeout=30,
    )
    assert ask().json()["active"] is True
    realm.admin.user_logout(erin.id)
    assert ask().json() == {"active": False}


def test_a_token_of_the_pages_is_exchanged_for_one_of_a_cloud(realm):
    token = realm.tokens(realm.person("dave"))["access_token"]
    keystone = realm.ask_tokens(**exchange_of(token), scope="to-keystone", audience="keystone")
    assert claims(keystone["access_token"])["aud"] == "keystone"
    aws = realm.ask_tokens(**exchange_of(token), scope="to-aws", audience="sts.amazonaws.com")
    assert claims(aws["access_token"])["aud"] == "sts.amazonaws.com"


def test_a_shell_signs_in_with_the_device_flow_and_the_pages_may_exchange_its_token(realm):
    verifier = "v" * 43
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    form = {"client_id": "concord-cli", "scope": "openid", "code_challenge": challenge, "code_challenge_method": "S256"}
    device = requests.post(f"{realm.issuer}/protocol/openid-connect/auth/device", data=form, timeout=30).json()
    frank = realm.person("frank", groups=["/cloud/readers"])
    realm.browse(frank, device["verification_uri_complete"], until=lambda answer: "Device Login Successful" in answer.text)
    grant = "urn:ietf:params:oauth:grant-type:device_code"
    tokens = realm.ask_tokens(
        client_id="concord-cli", grant_type=grant, device_code=device["device_code"], code_verifier=verifier
    )
    shell = claims(tokens["access_token"])
    assert (shell["azp"], shell["aud"], "groups" in shell) == ("concord-cli", "portal", False)
    assert realm.userinfo(tokens["access_token"])["groups"] == ["/cloud/readers"]
    exchanged = realm.ask_tokens(**exchange_of(tokens["access_token"]), scope="to-keystone", audience="keystone")
    keystone = claims(exchanged["access_token"])
    assert (keystone["aud"], keystone["groups"]) == ("keystone", ["/cloud/readers"])


def test_nobody_signs_in_without_pkce(realm):
    asked = {"client_id": "portal", "response_type": "code", "scope": "openid", "state": "s"}
    asked["redirect_uri"] = realm.admin.get_client(realm.admin.get_client_id("portal"))["redirectUris"][0]
    answer = requests.get(f"{realm.issuer}/protocol/openid-connect/auth", params=asked, allow_redirects=False, timeout=30)
    assert "error=invalid_request" in answer.headers["Location"]
    device = partial(requests.post, f"{realm.issuer}/protocol/openid-connect/auth/device", timeout=30)
    refused = device(data={"client_id": "concord-cli"})
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_request")
    challenge = {"code_challenge": "c" * 43, "code_challenge_method": "S256"}
    assert device(data={"client_id": "concord-cli"} | challenge).json()["verification_uri_complete"]
