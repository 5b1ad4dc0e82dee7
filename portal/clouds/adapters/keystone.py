"""What is said to OpenStack's Keystone: JSON over a hardened session, each answer in the shape that it should have."""

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import requests

from portal.clouds.adapters import wire
from portal.clouds.base import Account, CloudError
from portal.clouds.calls import seconds_left, shortened

Json = Mapping[str, Any]
VERSION = "v3"


class Refusal(Exception):
    """What Keystone, or the web server before it, says when it says no."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(f"HTTP {status}: {text}")
        self.status, self.text = status, text

    def told(self) -> CloudError:
        if self.status == 409:  # somebody asks for the same at this moment
            return CloudError(self.text, retry=True, kind="refused")
        return wire.of_status(self.status, self.text)


@dataclass(frozen=True)
class Token:
    """A token and what Keystone says of it; `roles` are id by name, `services` the types in its catalogue."""

    id: str = field(repr=False)
    user: str
    user_name: str
    project: str
    begins: datetime
    roles: Mapping[str, str]
    services: tuple[str, ...]
    is_restricted: bool


class Keystone:
    """One Keystone, spoken to with one token: none, a person's, or the portal's own."""

    def __init__(self, account: Account, session: requests.Session, token: Token | None = None) -> None:
        self.account, self.session, self.token = account, session, token
        self.root = root_of(str(account.config["auth_url"]))

    def call(
        self, method: str, *path: str, body: Json | None = None, query: Mapping[str, str] | None = None, **headers: str
    ) -> requests.Response:
        """One call; each part of the path is quoted. Anything but success is a Refusal."""
        known = {"X-Auth-Token": self.token.id} if self.token else {}
        url = "/".join([self.root, *(quote(part, safe="") for part in path)])
        answer = self.session.request(
            method, url, json=body, params=query, headers={**known, **headers}, timeout=seconds_left(30)
        )
        if not answer.ok:
            raise Refusal(answer.status_code, said(answer))
        return answer

    def read(self, *path: str, name: str) -> Json:
        """The one thing at this path."""
        found: Json = part(self.call("GET", *path), name, dict)
        return found

    def listed(self, *path: str, **query: str) -> tuple[list[Json], bool]:
        """What the list at this path holds, and whether it is whole: Keystone has no pages, and may cut a list off."""
        answer = self.call("GET", *path, query=query)
        return part(answer, path[-1], list), not json_of(answer).get("truncated")

    def signed_in(self, identity: Json, scope: Json | None = None) -> "Keystone":
        """The same with the token that this identity gets."""
        auth = {"identity": identity, **({"scope": scope} if scope else {})}
        return self.holding(self.call("POST", "auth", "tokens", body={"auth": auth}))

    def holding(self, answer: requests.Response) -> "Keystone":
        """The same with the token in this answer."""
        return Keystone(self.account, self.session, token_in(answer))

    def as_portal(self) -> "Keystone":
        """The same with a token of the portal's own application credential."""
        keys = self.account.credentials
        known = {"id": keys["application_credential_id"], "secret": keys["application_credential_secret"]}
        return self.signed_in({"methods": ["application_credential"], "application_credential": known})


@contextlib.contextmanager
def opened(account: Account) -> Iterator[Keystone]:
    """A Keystone to talk to; its connections end with the block."""
    with requests.Session() as session:
        wire.harden(session, account.allow, ca=str(account.config.get("ca_certificate") or ""))
        yield Keystone(account, session)


def root_of(auth_url: str) -> str:
    """The address of version 3 of the API, written with it or without."""
    root = auth_url.rstrip("/")
    return root if root.endswith(f"/{VERSION}") else f"{root}/{VERSION}"


def token_in(answer: requests.Response) -> Token:
    """The token that Keystone gave, from its header, and what the body says of it."""
    body, id = part(answer, "token", dict), answer.headers.get("X-Subject-Token", "")
    user, credential = body.get("user"), body.get("application_credential")
    if not id or not isinstance(user, Mapping) or not user.get("id"):
        raise CloudError("Keystone answered without a token.", retry=True, kind="garbage")
    return Token(
        id=id,
        user=str(user["id"]),
        user_name=str(user.get("name", "")),
        project=str((body.get("project") or {}).get("name", "")),
        begins=moment(body.get("issued_at")),
        roles={str(role["name"]): str(role["id"]) for role in body.get("roles", ())},
        services=tuple(dict.fromkeys(str(service["type"]) for service in body.get("catalog", ()))),
        is_restricted=bool(credential.get("restricted", True)) if isinstance(credential, Mapping) else False,
    )


def moment(text: Any) -> datetime:
    """A time of Keystone's as aware UTC; it writes them with a Z and without."""
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError:
        raise CloudError(f"Keystone said {str(text)[:40]!r} for a time.", retry=True, kind="garbage") from None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def part(answer: requests.Response, name: str, shape: type[Any]) -> Any:
    """What stands under this name; an answer without it is garbage, never an empty one."""
    found = json_of(answer).get(name)
    if not isinstance(found, shape):
        raise CloudError(f"Not an answer of Keystone: {answer.text[:80]!r}", retry=True, kind="garbage")
    return found


def json_of(answer: requests.Response) -> Json:
    """The JSON object of an answer."""
    with contextlib.suppress(ValueError):
        found = answer.json()
        if isinstance(found, Mapping):
            return found
    raise CloudError(f"Not an answer of Keystone: {answer.text[:80]!r}", retry=True, kind="garbage")


def said(answer: requests.Response) -> str:
    """Keystone's own sentence; of what another server answers in its place only the status."""
    with contextlib.suppress(ValueError, AttributeError):
        if text := answer.json().get("error", {}).get("message"):
            return shortened(" ".join(str(text).split()), 200)
    return f"HTTP {answer.status_code}"
