"""What the portal asks of the identity provider on its own account. What answers is loaded by name, in workers alone."""

from collections.abc import Iterable
from typing import Any, Literal, Protocol

from django.conf import settings

from portal.core import registry
from portal.identity import jwts
from portal.identity.directory import Person

FeedName = Literal["events", "admin-events"]
PLANE = "portal.identity.keycloak.Plane"


class Plane(Protocol):
    """People, sessions and events of the portal's realm. Every method raises Unavailable where no answer can be had."""

    def is_enabled(self, subject: str) -> bool | None:
        """Whether the provider lets her in; None where it has no such account."""

    def set_enabled(self, subject: str, enabled: bool) -> None:
        """Let her in or not from now on; no error where there is no such account."""

    def sessions(self, subject: str) -> list[str]:
        """The ids of her sessions there."""

    def end_sessions(self, subject: str) -> None:
        """End all of them; no error where there is no such account."""

    def end_session(self, sid: str) -> None:
        """End this one, which lives."""

    def groups(self, subject: str) -> list[str]:
        """The paths of the groups she is in herself, sorted."""

    def directory(self) -> Iterable[Person]:
        """Everybody, with her groups: a call for people, one for groups, and one for each group's members.

        Who moves while it is read may be missing, so nobody is gone until `person` says so.
        """

    def person(self, subject: str) -> Person | None:
        """One of them, with her groups; None where there is no such account."""

    def events(self, feed: FeedName, since_ms: int, first: int, most: int) -> list[dict[str, Any]]:
        """What happened from a time of the provider on, oldest first, so many from the `first` on."""

    def newest(self, feed: FeedName) -> int:
        """The time of the newest event; 0 where there is none."""


def plane() -> Plane:
    """The plane of the provider that is set up."""
    made: Plane = registry.named(PLANE)()
    return made


def issuer() -> str:
    """The issuer whose word on people counts here; empty where there are local accounts alone."""
    return jwts.issuer() if settings.KEYCLOAK_URL else ""
