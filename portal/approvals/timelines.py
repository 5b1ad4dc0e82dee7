"""What happened to an approval, step by step, from its record: who did what when, and how long it took until then."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from portal.approvals.models import Approval
from portal.events.models import Event
from portal.users.models import User

LEFT_OUT = ("approvals.download",)
MOST = 300


@dataclass(frozen=True, slots=True)
class Moment:
    """One step. `verb` is the act's own word, `whom` the other person in it, `text` what was said, `since` the step before."""

    at: datetime
    verb: str
    choice: str
    actor: User
    whom: User | None
    instead_of: User | None
    text: str
    name: str
    since: datetime | None


def timeline(approval: Approval) -> list[Moment]:
    """Every step in order; for who may see the approval."""
    events = list(_events(approval))
    named = {str(value) for event in events for value in _people(event.detail) if value}
    people = {str(user.pk): user for user in User.objects.filter(pk__in=[UUID(each) for each in named])} if named else {}
    moments, before = [], None
    for event in events:
        moments.append(_moment(event, people, before))
        before = event.at
    return moments


def _events(approval: Approval) -> Any:
    rows = Event.objects.filter(target_kind="approval", target_id=str(approval.pk)).exclude(action__in=LEFT_OUT)
    return rows.select_related("actor").order_by("at", "id")[:MOST]


def _moment(event: Event, people: dict[str, User], before: datetime | None) -> Moment:
    seat, to, instead_of = _people(event.detail)
    is_for_another = seat and seat != str(event.actor.person_id)
    return Moment(
        at=event.at,
        verb=event.action.removeprefix("approvals."),
        choice=str(event.detail.get("choice", "")),
        actor=event.actor,
        whom=people.get(to),
        instead_of=people.get(seat if is_for_another else instead_of),
        text=str(event.reason or event.detail.get("note") or event.detail.get("text") or ""),
        name=str(event.detail.get("name", "")),
        since=before,
    )


def _people(detail: dict[str, Any]) -> tuple[str, str, str]:
    """The ids in an event's detail: whose seat, to or of whom, instead of whom. Text that is no id is none."""
    return _id(detail.get("seat")), _id(detail.get("to") or detail.get("of")), _id(detail.get("instead_of"))


def _id(value: Any) -> str:
    try:
        return str(UUID(value)) if isinstance(value, str) else ""
    except ValueError:
        return ""
