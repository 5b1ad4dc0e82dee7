"""What somebody has in an organization and whom it would go to: read before she leaves, and once more when she does."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Self

from portal.access.models import Scope
from portal.identity import people
from portal.identity.departures import groups_there, roles_there
from portal.identity.heirs import Choice, Heirs
from portal.identity.people import Cost
from portal.tenancy.belongings import Belongings, belongings, key_of
from portal.users.models import User


@dataclass(frozen=True, slots=True)
class Move:
    """One thing and whom it goes to; `why` says why it cannot, and is empty where it can."""

    belonging: Belongings
    thing: Any
    place: Scope | None
    to: User | None
    why: str = ""

    @property
    def key(self) -> str:
        return key_of(self.belonging, self.thing)

    @property
    def title(self) -> str:
        """What people call it; a stage is called like what it decides on."""
        return str(getattr(self.thing, "approval", self.thing))

    def given(self, to: User | None) -> Self:
        return replace(self, to=to, why="")

    def kept(self, why: str) -> Self:
        return replace(self, why=why)


@dataclass(frozen=True, slots=True)
class Lot:
    """Things of one kind that go to one person."""

    to: User | None
    count: int


@dataclass(frozen=True, slots=True)
class Holding:
    """What she has of one kind."""

    name: str
    label: Any
    moves: list[Move]

    @property
    def count(self) -> int:
        return len(self.moves)

    @property
    def lots(self) -> list[Lot]:
        """How many go to whom, the most first."""
        counts: dict[User | None, int] = {}
        for move in self.moves:
            counts[move.to] = counts.get(move.to, 0) + 1
        return [Lot(to, count) for to, count in sorted(counts.items(), key=lambda item: (-item[1], str(item[0])))]


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything of hers by kind, and what ends. `elsewhere`: she belongs to another organization, so her account stays."""

    holdings: list[Holding]
    cost: Cost
    roles: int
    groups: int
    elsewhere: bool

    @property
    def moves(self) -> list[Move]:
        return [move for holding in self.holdings for move in holding.moves]

    @property
    def count(self) -> int:
        return sum(holding.count for holding in self.holdings)

    @property
    def refused(self) -> list[Move]:
        """What cannot go where it should."""
        return [move for move in self.moves if move.why]


def plan_for(person: User, organization: Scope, choice: Choice) -> Plan:
    """The plan as it would be carried out now."""
    heirs = Heirs(person, organization)
    moves = [
        move.kept(heirs.why_not(move.belonging, move.thing, move.to))
        for move in moves_of(person, organization, choice, heirs)
    ]
    holdings = [
        Holding(belonging.name, belonging.label, [move for move in moves if move.belonging.name == belonging.name])
        for belonging in belongings()
    ]
    return Plan(
        holdings=[holding for holding in holdings if holding.moves],
        cost=people.cost_of_disabling(person),
        roles=roles_there(person, organization).count(),
        groups=groups_there(person, organization).count(),
        elsewhere=any(root.pk != organization.pk for root in people.organizations_of(person)),
    )


def moves_of(person: User, organization: Scope, choice: Choice, heirs: Heirs) -> Iterator[Move]:
    """Each thing of hers with who was chosen for it."""
    for belonging in belongings():
        for thing in belonging.of_person(person, within=organization):
            place = next(iter(belonging.places_of(thing)), None)
            yield Move(belonging, thing, place, heirs.chosen(choice, belonging, thing))
