"""Every verifier against every bad token known; each good token beside them, so that no refusal is for another reason."""

import hmac
import json
from datetime import timedelta
from typing import Any

import pytest
from joserfc import jwe

from portal.core import clock
from portal.core.errors import Unavailable
from portal.identity import jwts, keys
from portal.identity.jwts import BadToken
from tests.identity.issuer import Issuer, coded

KINDS = ("id", "access", "lease", "logout")


def read(kind: str, raw: Any) -> jwts.Token:
    if kind == "id":
        return jwts.read_id_token(raw, nonce="n-1")
    if kind == "lease":
        return jwts.read_lease_token(raw, audience="keystone")
    return {"access": jwts.read_access_token, "logout": jwts.read_logout_token}[kind](raw)


def now() -> int:
    return int(clock.now().timestamp())


def by_public_key(issuer: Issuer, kind: str) -> str:
    """HS256 with the public key as the secret."""
    text = f"{coded(json.dumps({'alg': 'HS256', 'kid': 'rsa', 'typ': TYPES[kind]}))}.{coded(json.dumps(issuer.claims(kind)))}"
    return f"{text}.{coded(hmac.digest(issuer.rsa.as_pem(private=False), text.encode(), 'sha256'))}"


def unsigned(issuer: Issuer, kind: str, algorithm: str) -> str:
    header = json.dumps({"alg": algorithm, "kid": "rsa", "typ": TYPES[kind]})
    return f"{coded(header)}.{coded(json.dumps(issuer.claims(kind)))}."


def with_other_payload(issuer: Issuer, kind: str) -> str:
    header, _, signature = issuer.token(kind).split(".")
    return f"{header}.{coded(json.dumps(issuer.claims(kind, sub='bob-at-corp')))}.{signature}"


def said_twice(issuer: Issuer, kind: str, where: str) -> str:
    header, payload = json.dumps({"alg": "RS256", "kid": "rsa", "typ": TYPES[kind]}), json.dumps(issuer.claims(kind))
    if where == "header":
        header = header.replace("{", '{"typ": "nothing", ', 1)
    elif where == "claims":
        payload = payload.replace("{", '{"sub": "bob-at-corp", ', 1)
    else:
        payload = payload.replace("{", '{"more": {"a": 1, "a": 2}, ', 1)
    return issuer.sign(header, payload)


def encrypted(issuer: Issuer, kind: str) -> str:
    inner = issuer.token(kind).encode()
    return jwe.encrypt_compact(
        {"alg": "RSA-OAEP", "enc": "A256GCM", "kid": "enc"}, inner, issuer.enc, ["RSA-OAEP", "A256GCM"]
    )


TYPES = {"id": "JWT", "access": "at+jwt", "lease": "at+jwt", "logout": "logout+jwt"}
CLAIM_TYPES = {"id": "ID", "access": "Bearer", "lease": "Bearer", "logout": "Logout"}
BAD = {
    "empty": lambda issuer, kind: "",
    "nothing": lambda issuer, kind: None,
    "garbage": lambda issuer, kind: "a.b.c",
    "not ASCII": lambda issuer, kind: issuer.token(kind) + "ß",
    "one part": lambda issuer, kind: "x" * 100,
    "no JSON in it": lambda issuer, kind: issuer.sign(
        json.dumps({"alg": "RS256", "kid": "rsa", "typ": TYPES[kind]}), "claims"
    ),
    "a list": lambda issuer, kind: issuer.sign(json.dumps({"alg": "RS256", "kid": "rsa", "typ": TYPES[kind]}), "[1]"),
    "very deep": lambda issuer, kind: issuer.sign(
        json.dumps({"alg": "RS256", "kid": "rsa", "typ": TYPES[kind]}), "[" * 2900 + "]" * 2900
    ),
    "unsigned": lambda issuer, kind: unsigned(issuer, kind, "none"),
    "unsigned, in capitals": lambda issuer, kind: unsigned(issuer, kind, "None"),
    "signature left out": lambda issuer, kind: unsigned(issuer, kind, "RS256"),
    "HS256 with the public key": by_public_key,
    "RS512": lambda issuer, kind: issuer.token(kind, header={"alg": "RS512"}),
    "the key of another algorithm": lambda issuer, kind: issuer.token(kind, header={"alg": "PS256"}),
    "signed by a foreign key": lambda issuer, kind: issuer.token(kind, key=issuer.foreign),
    "signed for other claims": with_other_payload,
    "signature cut": lambda issuer, kind: issuer.token(kind)[:-10],
    "unknown kid": lambda issuer, kind: issuer.token(kind, header={"kid": "nobody"}),
    "no kid": lambda issuer, kind: issuer.token(kind, header={"kid": None}),
    "kid no text": lambda issuer, kind: issuer.token(kind, header={"kid": ["rsa"]}),
    "no typ": lambda issuer, kind: issuer.token(kind, header={"typ": None}),
    "the key for encryption": lambda issuer, kind: issuer.token(kind, key=issuer.enc, header={"alg": "RS256"}),
    "encrypted": encrypted,
    "jku": lambda issuer, kind: issuer.token(kind, header={"jku": f"{issuer.url}/certs"}),
    "x5u": lambda issuer, kind: issuer.token(kind, header={"x5u": f"{issuer.url}/cert"}),
    "x5c": lambda issuer, kind: issuer.token(kind, header={"x5c": ["MII"]}),
    "jwk": lambda issuer, kind: issuer.token(kind, header={"jwk": issuer.rsa.as_dict(private=False)}),
    "jwk of the signer": lambda issuer, kind: issuer.token(
        kind, key=issuer.foreign, header={"jwk": issuer.foreign.as_dict(private=False)}
    ),
    "crit": lambda issuer, kind: issuer.token(kind, header={"crit": ["exp"]}),
    "b64": lambda issuer, kind: issuer.token(kind, header={"b64": False, "crit": ["b64"]}),
    "typ twice in the header": lambda issuer, kind: said_twice(issuer, kind, "header"),
    "sub twice": lambda issuer, kind: said_twice(issuer, kind, "claims"),
    "twice further in": lambda issuer, kind: said_twice(issuer, kind, "deep"),
    "over 8 kB": lambda issuer, kind: issuer.token(kind, groups=["g" * 100] * 70),
    "another issuer": lambda issuer, kind: issuer.token(kind, iss="https://evil.example/realms/concord"),
    "another realm": lambda issuer, kind: issuer.token(kind, iss=f"{issuer.url}/realms/other"),
    "issuer with a slash": lambda issuer, kind: issuer.token(kind, iss=issuer.address + "/"),
    "issuers": lambda issuer, kind: issuer.token(kind, iss=[issuer.address]),
    "no issuer": lambda issuer, kind: issuer.token(kind, iss=None),
    "another audience": lambda issuer, kind: issuer.token(kind, aud="sts.amazonaws.com"),
    "other audiences": lambda issuer, kind: issuer.token(kind, aud=["keystone", "account"]),
    "no audience": lambda issuer, kind: issuer.token(kind, aud=None),
    "audience an object": lambda issuer, kind: issuer.token(kind, aud={"portal": 1}),
    "no exp": lambda issuer, kind: issuer.token(kind, exp=None),
    "expired": lambda issuer, kind: issuer.token(kind, iat=now() - 60, exp=now() - 31),
    "exp a text": lambda issuer, kind: issuer.token(kind, exp="9999999999"),
    "exp true": lambda issuer, kind: issuer.token(kind, exp=True),
    "exp beyond time": lambda issuer, kind: issuer.token(kind, exp=10**300),
    "exp not a number": lambda issuer, kind: issuer.token(kind, exp=float("nan")),
    "no iat": lambda issuer, kind: issuer.token(kind, iat=None),
    "issued in the future": lambda issuer, kind: issuer.token(kind, iat=now() + 60),
    "not before later": lambda issuer, kind: issuer.token(kind, nbf=now() + 60),
    "a refresh token": lambda issuer, kind: issuer.token(kind, typ="Refresh"),
    "no typ in the claims": lambda issuer, kind: issuer.token(kind, typ=None),
    "types": lambda issuer, kind: issuer.token(kind, typ=[CLAIM_TYPES[kind], "Refresh"]),
    "sub a number": lambda issuer, kind: issuer.token(kind, sub=7),
    "sub too long": lambda issuer, kind: issuer.token(kind, sub="s" * 101),
    "sub with NUL": lambda issuer, kind: issuer.token(kind, sub="alice\x00"),
    "sid a list": lambda issuer, kind: issuer.token(kind, sid=["s-1"]),
}
ONLY = {
    "id": {
        "asked for by another": {"azp": "keystone"},
        "asked for by nobody": {"azp": None},
        "another nonce": {"nonce": "n-2"},
        "no nonce": {"nonce": None},
        "nonce no text": {"nonce": ["n-1"]},
        "no sub": {"sub": None},
    },
    "access": {"asked for by another": {"azp": "portal"}, "asked for by nobody": {"azp": None}, "no sub": {"sub": ""}},
    "lease": {
        "asked for by another": {"azp": "concord-cli"},
        "asked for by nobody": {"azp": None},
        "for others, too": {"aud": ["keystone", "portal"]},
        "no sub": {"sub": ""},
    },
    "logout": {
        "with a nonce": {"nonce": "n-1"},
        "no events": {"events": None},
        "other events": {"events": {"http://schemas.openid.net/event/other": {}}},
        "event no object": {"events": {jwts.LOGOUT_EVENT: True}},
        "no jti": {"jti": None},
        "neither person nor session": {"sub": None, "sid": None},
    },
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_good_token_holds_by_each_algorithm(issuer, kind):
    for key in (issuer.rsa, issuer.pss, issuer.ec):
        token = read(kind, issuer.token(kind, key=key))
        assert (token.issuer, token.subject, token.sid, token.jti) == (issuer.address, "alice-at-corp", "s-1", "j-1")
    assert issuer.asked == 1


def test_a_good_token_may_come_a_little_early_or_late(issuer):
    for times in ({"iat": now() + 20}, {"nbf": now() + 20}, {"iat": now() - 300, "exp": now() - 20}):
        assert read("access", issuer.token("access", **times))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("wrong", BAD)
def test_a_bad_token_is_refused_by_every_verifier(issuer, kind, wrong):
    raw = BAD[wrong](issuer, kind)
    with pytest.raises(BadToken):
        read(kind, raw)


@pytest.mark.parametrize(("kind", "wrong"), [(kind, wrong) for kind, cases in ONLY.items() for wrong in cases])
def test_what_one_verifier_wants_beyond_the_others(issuer, kind, wrong):
    with pytest.raises(BadToken):
        read(kind, issuer.token(kind, **ONLY[kind][wrong]))


@pytest.mark.parametrize(("made", "taken"), [(made, taken) for made in KINDS for taken in KINDS if made != taken])
@pytest.mark.parametrize("dressed", ["as it is", "with the header of the other", "with the claims of the other"])
def test_a_token_of_one_kind_is_no_token_of_another(issuer, made, taken, dressed):
    header = {"typ": TYPES[taken]} if "header" in dressed else {}
    more = {"typ": CLAIM_TYPES[taken]} if "claims" in dressed else {}
    with pytest.raises(BadToken):
        read(taken, issuer.token(made, header=header, nonce="n-1" if taken == "id" else None, **more))


def test_an_old_logout_token_is_refused_though_it_ends_later(issuer):
    with pytest.raises(BadToken):
        read("logout", issuer.token("logout", iat=now() - 301, exp=now() + 3600))


def test_the_client_of_shells_is_the_one_that_the_settings_name(issuer, settings):
    settings.KEYCLOAK_CLI_CLIENT_ID = "tools"
    assert read("access", issuer.token("access", azp="tools")).subject == "alice-at-corp"
    with pytest.raises(BadToken):
        read("access", issuer.token("access"))


def test_a_sign_in_without_a_nonce_takes_no_token(issuer):
    with pytest.raises(BadToken):
        jwts.read_id_token(issuer.token("id", nonce=""), nonce="")


def test_a_hundred_unknown_keys_cost_one_look_a_minute(issuer):
    read("access", issuer.token("access"))
    for _minute in range(2):
        for number in range(100):
            with pytest.raises(BadToken):
                read("access", issuer.token("access", header={"kid": f"k-{number}"}))
    assert issuer.asked == 1
    with clock.travel(clock.now() + timedelta(seconds=61)):
        for number in range(100):
            with pytest.raises(BadToken):
                read("access", issuer.token("access", header={"kid": f"k-{number}"}))
    assert issuer.asked == 2


def test_a_new_key_counts_after_one_look_and_one_taken_back_no_longer(issuer):
    read("access", issuer.token("access"))
    issuer.served = [issuer.ec]
    with clock.travel(clock.now() + timedelta(seconds=61)):
        assert read("access", issuer.token("access"))
        assert read("access", issuer.token("access", key=issuer.ec))
    with clock.travel(clock.now() + keys.FRESH + timedelta(seconds=61)):
        with pytest.raises(BadToken):
            read("access", issuer.token("access"))
        assert issuer.asked == 2


def test_known_keys_outlive_a_short_silence_and_not_a_long_one(issuer, settings):
    read("access", issuer.token("access"))
    issuer.served = b"not a key set"
    with clock.travel(clock.now() + timedelta(minutes=59)):
        assert read("access", issuer.token("access"))
    with clock.travel(clock.now() + timedelta(minutes=61)), pytest.raises(Unavailable):
        read("access", issuer.token("access"))


@pytest.mark.parametrize("answer", [b"", b"[]", b"{}", b'{"keys": 1}', b"\xff"])
def test_an_answer_that_is_no_key_set_is_no_key(issuer, answer):
    issuer.served = answer
    with pytest.raises(Unavailable):
        read("access", issuer.token("access"))


def test_of_a_key_set_only_public_signature_keys_count(issuer):
    good = issuer.rsa.as_dict(private=False)
    odd = [
        None,
        7,
        {},
        {**good, "kty": []},
        {**good, "alg": []},
        {**good, "kid": 7},
        {**good, "kid": "for-encryption", "use": "enc"},
        {**good, "alg": "RS512"},
        {**good, "n": "!"},
    ]
    odd += [{"kty": "oct", "k": "c2VjcmV0", "use": "sig", "alg": "RS256", "kid": "oct"}, {**good, "alg": None}]
    odd += [{**issuer.rsa.as_dict(private=True), "kid": "private", "alg": "RS256", "use": "sig"}]
    assert list(keys.read({"keys": [*odd, good]})) == ["rsa"]
