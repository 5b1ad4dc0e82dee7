"""Whether an IAM role may be lent: a strict reading of its trust policy. Pure.

AWS lets in whoever a statement allows, so one open statement spoils the rest. What this reader does not know it calls open.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from portal.clouds.base import marked as _

ACTION = "sts:AssumeRoleWithWebIdentity"
WEB_ACTIONS = {ACTION.lower(), "sts:tagsession"}


def host_of(issuer: str) -> str:
    """An issuer as AWS names it, in its provider's ARN and in the keys of conditions."""
    return issuer.removeprefix("https://").removeprefix("http://").rstrip("/")


def problem_of(policy: Any, *, issuer: str, audience: str) -> str:
    """Why a role with this trust policy must not be lent; empty where it is fit for people of this issuer."""
    if not isinstance(policy, Mapping) or not (statements := listed(policy.get("Statement"))):
        return _("The trust policy cannot be read.")
    allows = [one for one in statements if not (isinstance(one, Mapping) and one.get("Effect") == "Deny")]
    problems = [problem for statement in allows if (problem := _of_statement(statement, host_of(issuer), audience))]
    if problems or allows:
        return next(iter(problems), "")
    return _("The trust policy lets nobody in.")


def subjects_of(policy: Any, *, issuer: str) -> frozenset[str]:
    """The people that a fit trust policy names, by the `sub` of their tokens."""
    key = f"{host_of(issuer)}:sub".lower()
    return frozenset(value for statement in listed(policy["Statement"]) for value in _pinned(statement).get(key, ()))


def names_a_provider(policy: Any) -> bool:
    """Whether the trust policy has to do with web identities at all."""
    statements = listed(policy.get("Statement")) if isinstance(policy, Mapping) else []
    return any(isinstance(one, Mapping) and _actions(one) & {*WEB_ACTIONS, "*", "sts:*"} for one in statements)


def listed(value: Any) -> list[Any]:
    """IAM writes a list of one as the one."""
    return [] if value is None else list(value) if isinstance(value, list) else [value]


def _of_statement(statement: Any, host: str, audience: str) -> str:
    if not isinstance(statement, Mapping) or statement.get("Effect") != "Allow":
        return _("The trust policy cannot be read.")
    if {"NotPrincipal", "NotAction", "NotResource"} & statement.keys():
        return _("The trust policy says who may not, and so lets in everybody else.")
    principal = statement.get("Principal")
    if not isinstance(principal, Mapping) or set(principal) != {"Federated"}:
        return _("The trust policy lets in others than people of the identity provider.")
    providers = listed(principal["Federated"])
    if len(providers) != 1 or not _is_provider(str(providers[0]), host):
        return _("The trust policy names another identity provider.")
    actions = _actions(statement)
    if ACTION.lower() not in actions or not actions <= WEB_ACTIONS:
        return _("The trust policy allows other actions than sts:AssumeRoleWithWebIdentity.")
    return _of_pins(_pinned(statement), host, audience)


def _of_pins(pinned: Mapping[str, tuple[str, ...]], host: str, audience: str) -> str:
    audiences, subjects = pinned.get(f"{host}:aud".lower(), ()), pinned.get(f"{host}:sub".lower(), ())
    if audiences != (audience,):
        return _("The trust policy does not pin the audience by StringEquals.")
    if not subjects or any(not subject.strip() or "*" in subject or "?" in subject for subject in subjects):
        return _("The trust policy does not pin the subject by StringEquals, so anybody of the provider may come.")
    return ""


def _is_provider(arn: str, host: str) -> bool:
    """arn:PARTITION:iam::ACCOUNT:oidc-provider/HOST, each part as it should be."""
    parts = arn.split(":", 5)
    if len(parts) != 6 or "*" in arn or "?" in arn:
        return False
    head, partition, service, region, account, resource = parts
    named = (head, service, region, resource) == ("arn", "iam", "", f"oidc-provider/{host}")
    return named and partition.startswith("aws") and account.isdigit()


def _actions(statement: Mapping[str, Any]) -> set[str]:
    return {str(action).lower() for action in listed(statement.get("Action"))}


def _pinned(statement: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """What StringEquals demands, by key in lower case. Other operators only narrow further, and pin nothing."""
    condition = statement.get("Condition")
    equals = condition.get("StringEquals") if isinstance(condition, Mapping) else None
    return dict(_texts(equals)) if isinstance(equals, Mapping) else {}


def _texts(equals: Mapping[str, Any]) -> Iterator[tuple[str, tuple[str, ...]]]:
    for key, values in equals.items():
        yield str(key).lower(), tuple(str(value) for value in listed(values))
