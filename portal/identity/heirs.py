"""Who could take over what somebody leaves, whom to suggest, and what was chosen."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self
from uuid import UUID

from django.db.models import Q
from django.utils.translation import gettext as _

from portal.access.guard import holds
from portal.access.models import Assignment, Scope
from portal.access.queries import chain_of
from portal.access.resolver import in_force
from portal.approvals.eligibility import accounts_holding
from portal.core.errors import Invalid
from portal.tenancy.belongings import Belongings, belongings, key_of
from portal.users.actor import Actor, Auth
from portal.users.models import User, UserKind

OWNER = "owner"
MOST_CHOSEN = 2000
GOVERNS = "manage_people"


@dataclass(frozen=True, slots=True)
class Choice:
    """Who takes over what: a thing's own choice before that of its kind, before the one for all.

    Each is a person's id, or `owner`: whoever owns the place where the thing lives, else an admin of it.
    """

    default: str = OWNER
    kinds: Mapping[str, str] = field(default_factory=dict)
    things: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, data: Any) -> Self:
        """From JSON that a page or a program sent, or that is kept; Invalid where it is none."""
        try:
            chosen = cls(str(data.get("default") or OWNER), _texts(data.get("kinds")), _texts(data.get("things")))
            for value in (chosen.default, *chosen.kinds.values(), *chosen.things.values()):
                _ = value == OWNER or UUID(value)
        except (AttributeError, TypeError, ValueError) as error:
            raise Invalid(fields={"heirs": [_said()]}) from error
        unknown = set(chosen.kinds) - {each.name for each in belongings()}
        if unknown or len(chosen.things) > MOST_CHOSEN:
            raise Invalid(fields={"heirs": [_said()]})
        return chosen

    def as_data(self) -> dict[str, Any]:
        return {"default": self.default, "kinds": dict(self.kinds), "things": dict(self.things)}

    def of(self, belonging: Belongings, thing: Any) -> str:
        """What was chosen for one thing."""
        return self.things.get(key_of(belonging, thing)) or self.kinds.get(belonging.name) or self.default

    def people(self) -> set[str]:
        """The ids of everybody chosen."""
        return {value for value in (self.default, *self.kinds.values(), *self.things.values()) if value != OWNER}


class Heirs:
    """Who may take over what one person leaves in one organization. Remembers what it found out: make one for each look."""

    def __init__(self, person: User, organization: Scope) -> None:
        self.person, self.organization = person, organization
        self.found: dict[str, User | None] = {}
        self._actors: dict[UUID, Actor] = {}
        self._chains: dict[UUID, list[Scope]] = {}
        self._suggested: dict[tuple[UUID, str], User | None] = {}
        self._admins: list[User] | None = None

    def person_of(self, chosen: str) -> User | None:
        """The person of an id that was chosen; None where there is none."""
        if chosen not in self.found:
            self.found[chosen] = User.objects.filter(pk=chosen).first()
        return self.found[chosen]

    def chosen(self, choice: Choice, belonging: Belongings, thing: Any) -> User | None:
        """Who was chosen for a thing; None where it goes to its place's owner, and there is neither owner nor admin."""
        name = choice.of(belonging, thing)
        return self.suggested(belonging, thing) if name == OWNER else self.person_of(name)

    def why_not(self, belonging: Belongings, thing: Any, to: User | None) -> str:
        """Why somebody cannot take a thing over; empty where she can."""
        if to is None:
            return _("Nobody owns its place, and nobody else there could have it. Choose a person.")
        if to.pk == self.person.pk:
            return _("It is hers now. Choose another person.")
        if to.kind_of_user != UserKind.PERSON or not to.is_active:
            return _("%(person)s is not active.") % {"person": to}
        places = belonging.places_of(thing) or [self.organization]
        if not all(self._may(to, belonging.permission, place) for place in places):
            return _("%(person)s has no role that reaches it (%(permission)s).") % {
                "person": to,
                "permission": belonging.permission,
            }
        return belonging.why_not(thing, to)

    def suggested(self, belonging: Belongings, thing: Any) -> User | None:
        """The owner of its place, or of the nearest above; else an admin of it, the nearest first."""
        place = next(iter(belonging.places_of(thing)), self.organization)
        key = (place.pk, belonging.permission)
        if key not in self._suggested:
            self._suggested[key] = next(
                (
                    one
                    for one in self._candidates(place)
                    if self._is_free(one) and self._may(one, belonging.permission, place)
                ),
                None,
            )
        suggested = self._suggested[key]
        if suggested is not None and belonging.why_not(thing, suggested):
            return next((one for one in self._candidates(place) if not self.why_not(belonging, thing, one)), suggested)
        return suggested

    def admins(self) -> list[User]:
        """Whoever manages the organization's people, by name: who answers where nobody else does."""
        if self._admins is None:
            held = set(accounts_holding(GOVERNS, self.organization)) - {self.person.pk}
            rows = User.objects.filter(pk__in=held, kind_of_user=UserKind.PERSON)
            self._admins = list(rows.order_by("name", "pk"))
        return self._admins

    def likely(self, places: list[Scope], most: int = 50) -> list[User]:
        """Whom to offer: owners of these places and above, and who holds a role there; by name."""
        paths = {str(one.path) for place in places for one in self._chain(place)}
        owners = {one.owner_id for place in places for one in self._chain(place) if one.owner_id}
        held = Assignment.objects.filter(in_force(), scope__path__in=sorted(paths), user__isnull=False)
        rows = User.objects.filter(Q(pk__in=owners) | Q(pk__in=held.order_by().values("user")))
        rows = rows.filter(kind_of_user=UserKind.PERSON, is_active=True).exclude(pk=self.person.pk)
        return list(rows.order_by("name", "pk")[:most])

    def _candidates(self, place: Scope) -> list[User]:
        above = list(reversed(self._chain(place)))
        owners = User.objects.in_bulk([one.owner_id for one in above if one.owner_id])
        governing = Assignment.objects.filter(in_force(), scope__in=above, role__permissions__contains=["manage_members"])
        depth = {one.pk: number for number, one in enumerate(above)}
        rows = list(governing.filter(user__isnull=False).select_related("user"))
        rows.sort(key=lambda row: (depth[row.scope_id], str(row.user), str(row.user_id)))
        found = [owners[one.owner_id] for one in above if one.owner_id] + [row.user for row in rows if row.user]
        return list(dict.fromkeys([*found, *self.admins()]))

    def _is_free(self, user: User) -> bool:
        return user.pk != self.person.pk and user.is_active and user.kind_of_user == UserKind.PERSON

    def _may(self, user: User, permission: str, place: Scope) -> bool:
        actor = self._actors.setdefault(user.pk, Actor(user, Auth("none")))
        return holds(actor, permission, place)

    def _chain(self, place: Scope) -> list[Scope]:
        if place.pk not in self._chains:
            self._chains[place.pk] = chain_of(place)
        return self._chains[place.pk]


def _texts(data: Any) -> dict[str, str]:
    return {str(name): str(value) for name, value in (data or {}).items() if value}


def _said() -> str:
    return _("For all, for a kind or for one thing: a person's id, or `owner`.")
