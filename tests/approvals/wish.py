"""A kind of act made for tests: a wish, whose effect is an event, so that what is rolled back has not happened."""

from dataclasses import dataclass, field
from typing import Any, ClassVar

from portal.access.models import Scope
from portal.approvals.kinds import Kind
from portal.core.errors import Refused
from portal.events.services import record

PATH = "tests.approvals.wish.WishKind"


@dataclass
class Wish:
    """Something somebody wants at a scope."""

    pk: str
    scope: Scope
    facts: dict[str, Any] = field(default_factory=lambda: {"cost_per_month": "120.00", "action": "create"})
    refuses: bool = False


class WishKind(Kind):
    """The kind; its wishes are kept by id."""

    name = "wish"
    label = "Wish"
    permission = "place_order"
    wishes: ClassVar[dict[str, Wish]] = {}

    def load(self, subject_id: str) -> Wish | None:
        return self.wishes.get(subject_id)

    def facts(self, subject: Wish) -> dict[str, Any]:
        return subject.facts

    def still_valid(self, subject: Wish) -> bool:
        if subject.refuses:
            raise Refused("The cloud has no room any more.")
        return True

    def apply(self, subject: Wish, *, actor: Any) -> None:
        record("wish.apply", subject.scope, actor=actor)

    def drop(self, subject: Wish, outcome: str, *, actor: Any) -> None:
        record("wish.drop", subject.scope, actor=actor, outcome=outcome)
