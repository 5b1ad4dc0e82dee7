"""An identity provider in memory, for what a real one does not do on demand: fall silent, lie, be slow to commit."""

from typing import Any

from portal.core.errors import Unavailable
from portal.users.models import Identity

ISSUER = "https://sso.example/realms/concord"


class InMemory:
    """`portal.identity.plane.Plane`. `asked` is every change that was asked for, in order."""

    def __init__(self) -> None:
        self.accounts: dict[str, bool] = {}
        self.living: dict[str, list[str]] = {}
        self.group_paths: dict[str, list[str]] = {}
        self.feeds: dict[str, list[dict[str, Any]]] = {"events": [], "admin-events": []}
        self.asked: list[str] = []
        self.is_silent = False
        self.is_deaf = False

    def is_enabled(self, subject: str) -> bool | None:
        self._answer()
        return self.accounts.get(subject)

    def set_enabled(self, subject: str, enabled: bool) -> None:
        self._answer()
        self.asked.append("enable" if enabled else "disable")
        if subject in self.accounts and not self.is_deaf:
            self.accounts[subject] = enabled

    def sessions(self, subject: str) -> list[str]:
        self._answer()
        return self.living.get(subject, [])

    def end_sessions(self, subject: str) -> None:
        self._answer()
        self.asked.append("logout")
        self.living.pop(subject, None)

    def end_session(self, sid: str) -> None:
        self._answer()
        self.asked.append(f"end {sid}")
        if not self.is_deaf:
            self.living = {subject: [one for one in sids if one != sid] for subject, sids in self.living.items()}

    def groups(self, subject: str) -> list[str]:
        self._answer()
        return sorted(self.group_paths.get(subject, []))

    def events(self, feed: str, since_ms: int, first: int, most: int) -> list[dict[str, Any]]:
        self._answer()
        found = [event for event in self.feeds[feed] if event["time"] >= since_ms]
        return sorted(found, key=lambda event: event["time"])[first : first + most]

    def newest(self, feed: str) -> int:
        self._answer()
        return max((event["time"] for event in self.feeds[feed]), default=0)

    def _answer(self) -> None:
        if self.is_silent:
            raise Unavailable("it does not answer")


def account(provider: InMemory, user: Any, subject: str, **facts: Any) -> Identity:
    """An account there that is this person's here."""
    provider.accounts[subject] = True
    return Identity.objects.create(user=user, issuer=ISSUER, subject=subject, **facts)
