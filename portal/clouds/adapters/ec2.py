"""Libcloud's EC2 driver made safe: it follows pages, takes silent emptiness for an error, keeps AWS's refusal codes."""

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlencode
from xml.etree import ElementTree

from libcloud.common.aws import SignedAWSConnection
from libcloud.common.base import BaseDriver
from libcloud.compute.base import Node
from libcloud.compute.constants.ec2_region_details_partial import REGION_DETAILS
from libcloud.compute.drivers.ec2 import (
    API_VERSION,
    NAMESPACE,
    EC2NodeDriver,
    EC2Response,
)
from libcloud.utils.xml import fixxpath

from portal.clouds.base import CloudError, ErrorKind

MOST_PAGES = 2000
XMLNS = re.compile(r'xmlns="http://ec2\.amazonaws\.com/doc/\d{4}-\d\d-\d\d/?"')

CREDENTIAL_CODES = {
    "AuthFailure",
    "ExpiredToken",
    "IncompleteSignature",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "MissingAuthenticationToken",
    "OptInRequired",
    "RequestExpired",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
}
PERMISSION_CODES = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"}
BUSY_CODES = {"IncorrectInstanceState", "IncorrectState", "RequestLimitExceeded", "Throttling", "ThrottlingException"}
DOWN_CODES = {"InternalError", "InternalFailure", "ServiceUnavailable", "Unavailable"}


class Refusal(Exception):
    """What AWS says when it says no: its code and sentence."""

    def __init__(self, code: str, text: str, status: int) -> None:
        super().__init__(code, text, status)
        self.code, self.text, self.status = code, text, status

    def told(self) -> CloudError:
        """The refusal in our words."""
        kind, retry = self._sort()
        return CloudError(f"{self.code}: {self.text}", retry=retry, kind=kind)

    def _sort(self) -> tuple[ErrorKind, bool]:
        code = self.code
        if code in CREDENTIAL_CODES:
            return "credentials", False
        if code in PERMISSION_CODES:
            return "permission", False
        if code in BUSY_CODES:
            return "refused", True
        if code.endswith("LimitExceeded"):
            return "quota", False
        if code.startswith("Insufficient"):
            return "capacity", True
        if code.endswith((".NotFound", ".Malformed")):
            return "not_found", False
        if code in DOWN_CODES or self.status >= 500:
            return "unreachable", True
        return "refused", False


def refusal(body: str, status: int) -> Refusal:
    """Read an error body of EC2 or STS, whatever its namespace and however many elements an Error has."""
    try:
        root = ElementTree.XML(body)
    except ElementTree.ParseError:
        return Refusal("NoAnswer", f"HTTP {status} with a body that is not XML: {body[:80]!r}", status)
    texts = {element.tag.rpartition("}")[2]: element.text or "" for element in root.iter()}
    return Refusal(texts.get("Code", "Unknown"), texts.get("Message", f"HTTP {status}"), status)


class Ec2Answer(EC2Response):
    def parse_body(self) -> Any:
        """The XML, in the namespace that the driver looks for; endpoints that speak EC2 differ in its last slash."""
        self.body, found = XMLNS.subn(f'xmlns="{NAMESPACE}"', self.body or "", count=1)
        if not found:
            raise CloudError(f"Not an EC2 answer: {self.body[:80]!r}", retry=True, kind="garbage")
        return super().parse_body()

    def parse_error(self) -> str:
        raise refusal(self.body or "", int(self.status))


class PostLink(SignedAWSConnection):
    """Signed calls whose parameters travel in the body: a URL ends up in logs and errors, and has a longest length."""

    def request(self, action: Any, params: Any = None, data: Any = None, headers: Any = None, *_: Any, **__: Any) -> Any:
        body = urlencode({**(params or {}), "Version": self.version})
        kind = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
        return super().request(action, data=body, headers={**(headers or {}), **kind}, method="POST")

    def add_default_params(self, params: Any) -> Any:
        return params

    def pre_connect_hook(self, params: Any, headers: Any) -> Any:
        """Sign the body and what belongs to AWS; what a proxy may rewrite (user agent, encodings) stays out of it."""
        ours = {name: text for name, text in headers.items() if name.lower().startswith(("host", "content-type", "x-amz-"))}
        params, signed = super().pre_connect_hook(params, ours)
        return params, {**headers, **signed}


class Ec2Link(PostLink):
    version = API_VERSION
    service_name = "ec2"
    responseCls = Ec2Answer


class Ec2Driver(EC2NodeDriver):
    """The driver, and two verbs of its own: `ask` for one answer, `pages` for a list over all its pages."""

    connectionCls = Ec2Link  # type: ignore[assignment]

    def ask(self, action: str, params: Mapping[str, str] | None = None) -> Any:
        """One call; its answer as XML."""
        return self.connection.request("/", params={"Action": action, **(params or {})}).object

    def pages(self, action: str, list_name: str, params: Mapping[str, str] | None = None, *, size: int = 0) -> Iterator[Any]:
        """The items of a list, page by page to the end. An answer without the list, or a page met twice, is garbage."""
        asked = dict(params or {})
        if size:
            asked["MaxResults"] = str(size)
        tokens: set[str] = set()
        while len(tokens) < MOST_PAGES:
            root = self.ask(action, asked)
            holder = root.find(path(list_name))
            if holder is None:
                raise CloudError(f"{action} answered without its {list_name}.", retry=True, kind="garbage")
            yield from holder.findall(path("item"))
            token = root.findtext(path("nextToken")) or ""
            if not token:
                return
            if token in tokens:
                break
            tokens.add(token)
            asked["NextToken"] = token
        raise CloudError(f"{action} never comes to an end of its pages.", retry=True, kind="garbage")

    def nodes(self, params: Mapping[str, str] | None = None, *, size: int = 0) -> Iterator[Node]:
        """The instances of DescribeInstances over all pages."""
        for reservation in self.pages("DescribeInstances", "reservationSet", params, size=size):
            yield from self._to_nodes(reservation, "instancesSet/item")

    def disks_gib(self, params: Mapping[str, str] | None = None, *, size: int = 0) -> dict[str, int]:
        """Instance id -> size of its disks together."""
        found: dict[str, int] = {}
        for volume in self.pages("DescribeVolumes", "volumeSet", params, size=size):
            for attached in volume.findall(path("attachmentSet/item")):
                server = text_of(attached, "instanceId")
                found[server] = found.get(server, 0) + (whole(text_of(volume, "size")) or 0)
        return found


class StsAnswer(EC2Response):
    def parse_error(self) -> str:
        raise refusal(self.body or "", int(self.status))


class StsLink(PostLink):
    version = "2011-06-15"
    service_name = "sts"
    responseCls = StsAnswer


class StsDriver(BaseDriver):
    """Who am I: the one call of AWS that needs no permission."""

    connectionCls = StsLink
    name = "AWS STS"

    def __init__(self, key: str, secret: str, *, region: str, token: str | None, **options: Any) -> None:
        self.region_name, self.token = region, token
        options.setdefault("host", REGION_DETAILS[region]["endpoint"].replace("ec2.", "sts.", 1))
        super().__init__(key, secret, **options)

    def _ex_connection_class_kwargs(self) -> dict[str, Any]:
        return {"signature_version": "4", "token": self.token}

    def account_and_identity(self) -> tuple[str, str]:
        root = self.connection.request("/", params={"Action": "GetCallerIdentity"}).object
        texts = {element.tag.rpartition("}")[2]: element.text or "" for element in root.iter()}
        if "Account" not in texts or "Arn" not in texts:
            raise CloudError("GetCallerIdentity answered without an account.", retry=True, kind="garbage")
        return texts["Account"], texts["Arn"]


def path(xpath: str) -> str:
    """An XPath in EC2's namespace."""
    return str(fixxpath(xpath=xpath, namespace=NAMESPACE))


def text_of(element: Any, xpath: str) -> str:
    """The text under an element, or ''."""
    return str(element.findtext(path(xpath)) or "")


def whole(value: Any) -> int | None:
    """A whole number out of what XML or a table of Libcloud holds, or None."""
    try:
        return int(value)
    except (TypeError, ValueError):
        return None
