"""IAM's roles as AWS tells them, and the one call of STS that a person's token is enough for."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote
from xml.etree import ElementTree

import requests
from libcloud.common.base import BaseDriver
from libcloud.compute.drivers.ec2 import EC2Response

from portal.clouds.adapters import wire
from portal.clouds.adapters.ec2 import PostLink, refusal, whole
from portal.clouds.base import CloudError
from portal.clouds.calls import seconds_left

MOST_PAGES = 200
SHORTEST_S = 900
USUAL_LONGEST_S = 3600
# IAM is one for each partition of AWS: where it answers, and the region that its calls are signed for
PARTITIONS = {
    "cn-": ("iam.cn-north-1.amazonaws.com.cn", "cn-north-1"),
    "us-gov-": ("iam.us-gov.amazonaws.com", "us-gov-west-1"),
    "": ("iam.amazonaws.com", "us-east-1"),
}


@dataclass(frozen=True)
class Role:
    """A role and what its trust policy says; None where that cannot be read."""

    name: str
    arn: str
    description: str
    longest_s: int
    trust: Any = field(repr=False)


@dataclass(frozen=True)
class Keys:
    """What STS lends."""

    id: str
    secret: str = field(repr=False)
    token: str = field(repr=False)
    expires: str
    arn: str


class IamAnswer(EC2Response):
    def parse_body(self) -> Any:
        return root_of(self.body or "", int(self.status))

    def parse_error(self) -> str:
        raise refusal(self.body or "", int(self.status))


class IamLink(PostLink):
    version = "2010-05-08"
    service_name = "iam"
    responseCls = IamAnswer


class IamDriver(BaseDriver):
    """Two questions on roles."""

    connectionCls = IamLink
    name = "AWS IAM"

    def __init__(self, key: str, secret: str, *, region: str, token: str | None, **options: Any) -> None:
        host, self.region_name = next(where for prefix, where in PARTITIONS.items() if region.startswith(prefix))
        self.token = token
        options.setdefault("host", host)
        super().__init__(key, secret, **options)

    def _ex_connection_class_kwargs(self) -> dict[str, Any]:
        return {"signature_version": "4", "token": self.token}

    def _ask(self, action: str, **params: str) -> Any:
        return self.connection.request("/", params={"Action": action, **params}).object

    def roles(self, size: int) -> Iterator[Role]:
        """Every role of the account, over all pages. An answer without the list is garbage."""
        marker: dict[str, str] = {}
        for _ in range(MOST_PAGES):
            root = self._ask("ListRoles", MaxItems=str(size), **marker)
            holder = root.find(".//{*}Roles")
            if holder is None:
                raise CloudError("ListRoles answered without its Roles.", retry=True, kind="garbage")
            yield from map(role_in, holder.findall("{*}member"))
            if root.findtext(".//{*}IsTruncated") != "true":
                return
            marker = {"Marker": root.findtext(".//{*}Marker") or ""}
        raise CloudError("ListRoles never comes to an end of its pages.", retry=True, kind="garbage")

    def role(self, name: str) -> Role:
        """The role of this name; what AWS says when there is none is a Refusal with the code NoSuchEntity."""
        found = self._ask("GetRole", RoleName=name).find(".//{*}Role")
        if found is None:
            raise CloudError("GetRole answered without a role.", retry=True, kind="garbage")
        return role_in(found)


def role_in(element: Any) -> Role:
    return Role(
        name=element.findtext("{*}RoleName") or "",
        arn=element.findtext("{*}Arn") or "",
        description=element.findtext("{*}Description") or "",
        longest_s=whole(element.findtext("{*}MaxSessionDuration")) or USUAL_LONGEST_S,
        trust=policy_in(element.findtext("{*}AssumeRolePolicyDocument") or ""),
    )


def policy_in(text: str) -> Any:
    """A policy out of the URL encoding that IAM puts it in."""
    try:
        return json.loads(unquote(text))
    except ValueError:
        return None


def assume(url: str, form: Mapping[str, str], allow: tuple[str, ...]) -> Keys:
    """AssumeRoleWithWebIdentity: not signed, since the token says who asks. Nothing of the account's goes along."""
    with requests.Session() as session:
        wire.harden(session, allow)
        wanted = {"Action": "AssumeRoleWithWebIdentity", "Version": "2011-06-15", **form}
        answer = session.post(url, data=wanted, timeout=seconds_left(30))
    if not answer.ok:
        raise refusal(answer.text, answer.status_code)
    root = root_of(answer.text, answer.status_code)
    names = ("AccessKeyId", "SecretAccessKey", "SessionToken", "Expiration", "Arn")
    texts = [root.findtext(f".//{{*}}{name}") or "" for name in names]
    if not all(texts):
        raise CloudError("AssumeRoleWithWebIdentity answered without credentials.", retry=True, kind="garbage")
    return Keys(*texts)


def root_of(body: str, status: int) -> ElementTree.Element:
    """An answer's XML; what is none is a refusal that says so."""
    try:
        return ElementTree.XML(body)
    except ElementTree.ParseError:
        raise CloudError(f"HTTP {status} with a body that is not XML: {body[:80]!r}", retry=True, kind="garbage") from None
