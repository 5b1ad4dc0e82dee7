"""Trust policies of IAM roles: the one that is fit, and each way in which one is open."""

import copy
from typing import Any

import pytest

from portal.clouds.adapters.aws_trust import names_a_provider, problem_of, subjects_of

ISSUER = "https://login.example.com/realms/concord"
HOST = "login.example.com/realms/concord"
AUDIENCE = "sts.amazonaws.com"
FIT = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Federated": f"arn:aws:iam::123456789012:oidc-provider/{HOST}"},
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Condition": {"StringEquals": {f"{HOST}:aud": AUDIENCE, f"{HOST}:sub": ["alice-id", "bob-id"]}},
        }
    ],
}


def problem(policy: Any) -> str:
    return problem_of(policy, issuer=ISSUER, audience=AUDIENCE)


def changed(**fields: Any) -> dict[str, Any]:
    """The fit policy with other fields in its statement; None takes one away."""
    policy: dict[str, Any] = copy.deepcopy(FIT)
    statement = {**policy["Statement"][0], **fields}
    policy["Statement"] = [{name: value for name, value in statement.items() if value is not None}]
    return policy


def equals(**pins: Any) -> dict[str, Any]:
    return {"StringEquals": {f"{HOST}:{name}": value for name, value in pins.items()}}


def test_a_policy_that_pins_provider_audience_and_subject_is_fit() -> None:
    assert problem(FIT) == ""
    assert subjects_of(FIT, issuer=ISSUER) == {"alice-id", "bob-id"}
    assert problem(changed(Action=["sts:AssumeRoleWithWebIdentity", "sts:TagSession"])) == ""
    assert problem({"Statement": FIT["Statement"][0]}) == ""  # IAM lets one stand alone


@pytest.mark.parametrize(
    ("policy", "words"),
    [
        (changed(Condition=None), "audience"),
        (changed(Condition=equals(aud=AUDIENCE)), "subject"),
        (changed(Condition=equals(sub="alice-id")), "audience"),
        (changed(Condition=equals(aud="another", sub="alice-id")), "audience"),
        (changed(Condition=equals(aud=[AUDIENCE, "another"], sub="alice-id")), "audience"),
        (changed(Condition=equals(aud=AUDIENCE, sub="*")), "subject"),
        (changed(Condition=equals(aud=AUDIENCE, sub=["alice-id", "bob-*"])), "subject"),
        (changed(Condition=equals(aud=AUDIENCE, sub=[])), "subject"),
        (changed(Condition=equals(aud=AUDIENCE, sub="")), "subject"),
        (changed(Condition={"StringLike": equals(aud=AUDIENCE, sub="alice-id")["StringEquals"]}), "audience"),
        (changed(Condition={"StringEqualsIfExists": equals(aud=AUDIENCE, sub="a")["StringEquals"]}), "audience"),
        (changed(Condition={"ForAllValues:StringEquals": equals(aud=AUDIENCE, sub="a")["StringEquals"]}), "audience"),
        (changed(Condition="anything"), "audience"),
        (changed(Principal="*"), "others"),
        (changed(Principal={"AWS": "arn:aws:iam::123456789012:root"}), "others"),
        (changed(Principal={**FIT["Statement"][0]["Principal"], "AWS": "*"}), "others"),
        (changed(Principal={"Federated": "*"}), "another identity provider"),
        (changed(Principal={"Federated": f"arn:aws:iam::123456789012:oidc-provider/{HOST}-2"}), "another identity"),
        (changed(Principal={"Federated": f"arn:aws:iam::*:oidc-provider/{HOST}"}), "another identity"),
        (changed(Principal={"Federated": "accounts.google.com"}), "another identity"),
        (changed(Action="*"), "other actions"),
        (changed(Action="sts:*"), "other actions"),
        (changed(Action=["sts:AssumeRoleWithWebIdentity", "sts:AssumeRole"]), "other actions"),
        (changed(NotPrincipal={"AWS": "x"}), "everybody else"),
        (changed(NotAction="sts:AssumeRole", Action=None), "everybody else"),
        (changed(Effect=None), "cannot be read"),
        (changed(Effect="Deny"), "nobody"),
        ({"Statement": [*FIT["Statement"], changed(Condition=None)["Statement"][0]]}, "audience"),
        ({"Statement": []}, "cannot be read"),
        ({"Statement": ["x"]}, "cannot be read"),
        ({}, "cannot be read"),
        ("nonsense", "cannot be read"),
        (None, "cannot be read"),
    ],
)  # fmt: skip
def test_an_open_policy_says_what_is_open(policy: Any, words: str) -> None:
    assert words in problem(policy)


def test_a_refusal_beside_it_spoils_nothing() -> None:
    refusal = {"Effect": "Deny", "Principal": "*", "Action": "sts:AssumeRoleWithWebIdentity"}
    assert problem({"Statement": [*FIT["Statement"], refusal]}) == ""


def test_only_roles_for_web_identities_are_asked_about() -> None:
    assert names_a_provider(FIT)
    assert names_a_provider(changed(Principal="*", Action="*"))
    service = {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
    assert not names_a_provider({"Statement": [service]})
    assert not names_a_provider("nonsense")
