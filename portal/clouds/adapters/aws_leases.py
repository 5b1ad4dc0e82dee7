"""Sessions of IAM roles that AWS lends to a person for her token, where the role's trust policy is fit.

A session cannot be taken back: it ends by its time. What AWS offers instead cuts off everybody of a role at once, and to do so
the portal would need the right to write its policies, and with it every right that there is.
"""

import base64
import json
import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from portal.clouds.adapters import aws_trust
from portal.clouds.adapters.aws_roles import SHORTEST_S, IamDriver, Keys, Role
from portal.clouds.adapters.ec2 import Refusal
from portal.clouds.adapters.libcloud import aware
from portal.clouds.base import Account, CloudError, Secret
from portal.clouds.base import marked as _
from portal.clouds.leases import LeaseAsk, LeaseGiven, LeaseTarget
from portal.clouds.names import name_of_key
from portal.core import clock

AUDIENCE = "sts.amazonaws.com"
OPTIONS: dict[str, Any] = {
    "title": _("Access of the role"),
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "access": {
            "type": "string",
            "title": _("Access"),
            "description": _("Reading alone, by AWS's own policy ReadOnlyAccess, or all that the role allows."),
            "enum": ["read", "write"],
            "default": "read",
        },
    },
}
READ_ONLY = "arn:{partition}:iam::aws:policy/ReadOnlyAccess"
NOT_IN_A_NAME = re.compile(r"[^\w+=,.@-]+", re.ASCII)
# What STS answers when it is the person, or her token, that it does not take
PERSON_CODES = {"AccessDenied", "ExpiredTokenException", "IDPRejectedClaim", "InvalidIdentityToken"}


def targets(roles: Iterable[Role], issuer: str) -> list[LeaseTarget]:
    """The roles whose trust policies have to do with web identities, each with what speaks against it."""
    found = (role for role in roles if aws_trust.names_a_provider(role.trust))
    return [LeaseTarget(one.arn, one.name, detail_of(one), problem_of(one, issuer)) for one in found]


def detail_of(role: Role) -> str:
    return f"{role.description[:200]} (≤ {role.longest_s // 60} min)".strip()


def problem_of(role: Role, issuer: str) -> str:
    if not issuer:
        return _("The connection names no identity provider, so nobody's token can be told from another's.")
    return aws_trust.problem_of(role.trust, issuer=issuer, audience=AUDIENCE)


def fit_role(iam: IamDriver, ask: LeaseAsk, issuer: str) -> Role:
    """The role, read again and found fit for this person; policies change between a listing and a lease."""
    try:
        role = iam.role(ask.target.rpartition("/")[2][:64] or "-")
    except Refusal as refusal:
        if refusal.code in ("NoSuchEntity", "ValidationError"):
            raise CloudError(f"There is no role {ask.target[:80]}.", retry=False, kind="not_found") from None
        raise
    if role.arn != ask.target:
        raise CloudError(f"There is no role {ask.target[:80]}.", retry=False, kind="not_found")
    if problem := problem_of(role, issuer):
        raise CloudError(problem, retry=False, kind="permission")
    if ask.token is None or not is_let_in(role.trust, claims_of(ask.token), issuer):
        raise CloudError("The trust policy of the role does not let this person in.", retry=False, kind="permission")
    return role


def is_let_in(trust: Any, claims: Mapping[str, Any], issuer: str) -> bool:
    """Whether a fit trust policy lets in who brings a token with these claims. AWS checks its signature, and all else again."""
    same = claims.get("iss") == issuer and claims.get("aud") in (AUDIENCE, [AUDIENCE])
    return same and claims.get("sub") in aws_trust.subjects_of(trust, issuer=issuer)


def claims_of(token: Secret) -> Mapping[str, Any]:
    """What a token says, unchecked; nothing where it is no token."""
    body = token.reveal().split(".")[1:2] or [""]
    try:
        found = json.loads(base64.urlsafe_b64decode(body[0] + "=" * (-len(body[0]) % 4)))
    except ValueError:
        return {}
    return found if isinstance(found, Mapping) else {}


def form_of(ask: LeaseAsk, role: Role) -> dict[str, str]:
    """What STS is asked: for as long as was asked for, at most as long as the role allows."""
    seconds = int((ask.until - clock.now()).total_seconds())
    if seconds < SHORTEST_S:
        raise CloudError("AWS lends for at least 15 minutes, and less is left.", retry=False, kind="refused")
    assert ask.token
    form = {"RoleArn": role.arn, "RoleSessionName": session_of(ask.person), "WebIdentityToken": ask.token.reveal()}
    form["DurationSeconds"] = str(min(seconds, role.longest_s))
    if ask.options.get("access", "read") == "read":
        form["PolicyArns.member.1.arn"] = READ_ONLY.format(partition=role.arn.split(":")[1])
    return form


def session_of(person: str) -> str:
    """Her id as the name of a session, which CloudTrail shows beside everything that is done with it."""
    return f"concord-{NOT_IN_A_NAME.sub('-', person)}"[:64]


def kept_out(refusal: Refusal, ask: LeaseAsk) -> Exception:
    """A refusal of the person in our words, and the trap that a fit policy may hide."""
    if refusal.code not in PERSON_CODES:
        return refusal
    azp = claims_of(ask.token).get("azp") if ask.token else None
    trap = f"; AWS may compare :aud with the token's azp, which is {azp!r:.60}" if azp not in (None, AUDIENCE) else ""
    words = f"AWS does not let this person have the role ({refusal.code}{trap})."
    return CloudError(words, retry=False, kind="permission")


def given(account: Account, ask: LeaseAsk, keys: Keys) -> LeaseGiven:
    """What AWS's own clients read, as variables and as a section of their credentials file."""
    name = name_of_key("lease", ask.key)
    texts = {"aws_access_key_id": keys.id, "aws_secret_access_key": keys.secret, "aws_session_token": keys.token}
    env = {word.upper(): Secret(text) for word, text in texts.items()}
    env["AWS_DEFAULT_REGION"] = env["AWS_REGION"] = Secret(account.region)
    section = "\n".join(
        [f"[{name}]", *(f"{word} = {text}" for word, text in texts.items()), f"region = {account.region}", ""]
    )
    use = f"aws --profile {name} sts get-caller-identity"
    return LeaseGiven(f"{keys.arn}/{name}"[:400], ends(keys), env, Secret(section), "~/.aws/credentials", use)


def ends(keys: Keys) -> datetime:
    found = aware(keys.expires)
    if found is None:
        raise CloudError(f"AWS said {keys.expires[:40]!r} for a time.", retry=True, kind="garbage")
    return found
