"""Who acts: built once per request or task, handed to every service as `actor`."""

import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Self

from portal.core import clock
from portal.users.models import User

NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Auth:
    """How she signed in. `session` is an id safe to keep in events, never the cookie."""

    method: str
    session: str = ""
    address: str = ""


@dataclass(frozen=True, slots=True)
class Narrowing:
    """A token may do only these permissions, only at or below this scope (its ltree path); None is no limit."""

    permissions: frozenset[str] | None = None
    scope_path: str | None = None


def _correlation() -> str:
    return uuid.uuid4().hex[:12]


@dataclass(frozen=True, slots=True)
class Actor:
    """A user acting now. `memory` keeps what was resolved about her access for the length of one request or task.

    `checked_at` is when it was last looked whether she may still act: NEVER for who comes with a session or a token, until
    `identity.services.check_live` looks. `bearer` is her own token of the identity provider, where she came with one.
    """

    user: User
    auth: Auth
    checked_at: datetime = field(default_factory=clock.now)
    narrowed_to: Narrowing | None = None
    acting_for: User | None = None
    viewed_as_by: User | None = None
    correlation_id: str = field(default_factory=_correlation)
    memory: dict[Any, Any] = field(default_factory=dict, repr=False, compare=False)
    bearer: str = field(default="", repr=False, compare=False)

    @classmethod
    def system(cls, correlation_id: str = "") -> Self:
        """The actor of timed acts."""
        return cls(User.objects.system(), Auth("system"), correlation_id=correlation_id or _correlation())

    @property
    def is_system(self) -> bool:
        return self.auth.method == "system"

    @property
    def person_id(self) -> Any:
        """The person behind the act: a service account counts as its owner."""
        return self.user.person_id

    def forget(self) -> None:
        """Resolve access afresh from here on; call it after a change of roles."""
        self.memory.clear()
