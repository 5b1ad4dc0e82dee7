"""The portal's own service account at Keycloak: the admin plane. Its library loads when first asked for, in workers alone."""

import json
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any
from urllib.parse import quote

from django.conf import settings
from keycloak import KeycloakAdmin, KeycloakError, KeycloakOpenIDConnection
from requests import RequestException, Response

from portal.core.errors import Unavailable, redacted
from portal.identity.directory import Person
from portal.identity.plane import FeedName

TIMEOUT_S = 10
WHOLE = 1_000_000
NOBODY = "User not found"


def admin() -> KeycloakAdmin:
    """A connection to the portal's realm, kept for the life of the process; one thread at a time.

    Errors are those of python-keycloak. Nothing is sent twice: a POST that was lost may have been carried out.
    """
    return _admin(settings.KEYCLOAK_URL, settings.KEYCLOAK_REALM)


class Plane:
    """`portal.identity.plane.Plane` by Keycloak's admin API."""

    def is_enabled(self, subject: str) -> bool | None:
        found = _ask("get", _path(subject))
        return None if found is None else bool(found.json()["enabled"])

    def set_enabled(self, subject: str, enabled: bool) -> None:
        _ask("put", _path(subject), data=json.dumps({"enabled": enabled}))

    def sessions(self, subject: str) -> list[str]:
        found = _ask("get", _path(subject, "/sessions"))
        return [] if found is None else [session["id"] for session in found.json()]

    def end_sessions(self, subject: str) -> None:
        _ask("post", _path(subject, "/logout"), data="")

    def end_session(self, sid: str) -> None:
        _ask("delete", f"sessions/{quote(sid, safe='')}")

    def groups(self, subject: str) -> list[str]:
        found = _ask("get", _path(subject, "/groups"), max=WHOLE, briefRepresentation="true")
        return [] if found is None else sorted(group["path"] for group in found.json())

    def directory(self) -> Iterator[Person]:
        groups: dict[str, set[str]] = {}
        for key, path in _all_groups():
            for member in _listed(f"groups/{key}/members", briefRepresentation="true"):
                groups.setdefault(member["id"], set()).add(path)
        for user in _listed("users", briefRepresentation="true"):
            yield _person(user, groups.get(user["id"], ()))

    def person(self, subject: str) -> Person | None:
        found = _ask("get", _path(subject))
        return None if found is None else _person(found.json(), self.groups(subject))

    def events(self, feed: FeedName, since_ms: int, first: int, most: int) -> list[dict[str, Any]]:
        found = _ask("get", feed, dateFrom=max(since_ms, 0), first=first, max=most, direction="asc")
        return list(found.json()) if found else []

    def newest(self, feed: FeedName) -> int:
        found = _ask("get", feed, max=1)
        return max((int(event["time"]) for event in (found.json() if found else [])), default=0)


def _person(user: dict[str, Any], groups: Iterable[str]) -> Person:
    name = " ".join(part for part in (user.get("firstName"), user.get("lastName")) if part)
    return Person(
        subject=user["id"],
        username=user["username"],
        email=user.get("email") or "",
        name=name,
        enabled=bool(user["enabled"]),
        groups=frozenset(groups),
    )


def _all_groups() -> list[tuple[str, str]]:
    """(id, path) of every group, however deep."""
    found, level = list[tuple[str, str]](), _listed("groups")
    while level:
        found += [(group["id"], group["path"]) for group in level]
        level = [
            child for group in level if group.get("subGroupCount") for child in _listed(f"groups/{group['id']}/children")
        ]
    return found


def _listed(path: str, **given: Any) -> list[dict[str, Any]]:
    """A whole list in one call: read page by page, a list that shrinks meanwhile hides some that are there."""
    answer = _ask("get", path, first=0, max=WHOLE, **given)
    return list(answer.json()) if answer else []


def _path(subject: str, rest: str = "") -> str:
    return f"users/{quote(subject, safe='')}{rest}"


def _ask(verb: str, path: str, **given: Any) -> Response | None:
    """The answer; None where there is no such account. Whatever else is no success, and no answer, is Unavailable.

    A 404 of another kind is no answer: a realm that is gone says nothing about its people.
    """
    try:
        call = getattr(admin().connection, f"raw_{verb}")
        answer: Response = call(f"admin/realms/{settings.KEYCLOAK_REALM}/{path}", **given)
    except (KeycloakError, RequestException) as error:
        raise Unavailable(redacted(error)) from error
    if answer.status_code == 404 and NOBODY in answer.text:
        return None
    if not answer.ok:
        raise Unavailable(f"Keycloak answers {answer.status_code}: {redacted(answer.text)}")
    return answer


@cache
def _admin(url: str, realm: str) -> KeycloakAdmin:
    connection = KeycloakOpenIDConnection(
        server_url=url,
        realm_name=realm,
        user_realm_name=realm,
        client_id=settings.KEYCLOAK_ADMIN_CLIENT_ID,
        client_secret_key=settings.KEYCLOAK_ADMIN_CLIENT_SECRET,
        timeout=TIMEOUT_S,
        max_retries=0,
    )
    return KeycloakAdmin(connection=connection)
