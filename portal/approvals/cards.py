"""The decision card: everything a person needs to see to decide rightly, with the hash her vote carries."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from portal.access.models import Group, Role
from portal.access.permissions import ROLES
from portal.approvals import queries
from portal.approvals.checks import Seat, check_apart, check_in_time, is_said_already, may_decide, seat_for
from portal.approvals.eligibility import scope_at
from portal.approvals.facts import Change, card_hash, changes, plain
from portal.approvals.kinds import kind_named
from portal.approvals.models import Approval, Stage, StageState, Vote
from portal.approvals.routes import Who, read_who
from portal.approvals.settling import voters_now
from portal.approvals.standing_in import StandIn, stand_ins
from portal.core import clock
from portal.core.errors import NotFound, PortalError
from portal.users.actor import Actor
from portal.users.models import User


@dataclass(frozen=True, slots=True)
class StageLine:
    """One stage as people read it. `people` are those whose vote would count now, where it is open, `stand_ins` who may
    decide in their place.
    """

    id: UUID
    text: str
    instead_of: str
    mode: str
    needed: int
    state: str
    due: datetime | None
    opened_at: datetime | None
    ended_at: datetime | None
    is_paused: bool
    by_time: bool
    needs: tuple[str, ...]
    people: list[User]
    stand_ins: list[StandIn]
    votes: list[Vote]


@dataclass(frozen=True, slots=True)
class Card:
    """What is shown and what is signed. `hash` stands for `facts`; `changed` is what moved since it was asked,
    `in_place_of` on whose seat she would vote, where it is not her own."""

    approval: Approval
    kind_label: Any
    facts: dict[str, Any]
    hash: str
    changed: list[Change]
    policies: list[dict[str, Any]]
    stages: list[StageLine]
    similar: list[Approval]
    can_vote: bool
    why_not: str
    is_always_asked: bool = False
    in_place_of: User | None = None


def card(approval: Approval, *, actor: Actor) -> Card:
    """The card as it stands: live facts while it waits, the facts decided on once it is settled."""
    kind = kind_named(approval.subject_kind)
    facts = _facts_now(approval)
    asked = approval.cards.order_by("created_at", "id").first()
    why_not, seat = _place_of(approval, actor)
    return Card(
        approval=approval,
        kind_label=kind.label,
        facts=facts,
        hash=card_hash(facts),
        changed=changes(asked.facts if asked else approval.facts, facts),
        policies=approval.policies,
        stages=stage_lines(approval),
        similar=list(queries.similar(approval, actor=actor)),
        can_vote=not why_not,
        why_not=why_not,
        is_always_asked=bool(kind.always),
        in_place_of=User.objects.get(pk=seat.holder) if seat and seat.holder != actor.person_id else None,
    )


def stage_lines(approval: Approval) -> list[StageLine]:
    """Every stage, in order, with who can decide it now and what was said."""
    return [
        _line(approval, stage)
        for stage in approval.stages.select_related("place").prefetch_related("votes__person", "votes__seat")
    ]


def waits_for(approval: Approval) -> list[User]:
    """The people who can decide it now; nobody once it is settled."""
    if not approval.is_waiting:
        return []
    stages = approval.stages.filter(state=StageState.OPEN).select_related("place")
    return people_of_ids({person for stage in stages for person in voters_now(approval, stage)})


def who_text(who: Who, place: Any) -> str:
    """Who decides, in words."""
    if who.pick == "named":
        return ", ".join(str(user) for user in people_of_ids([UUID(person) for person in who.people]))
    if who.pick == "group":
        return str(Group.objects.filter(pk=UUID(who.group)).first() or _("A group that is gone"))
    if who.pick == "groups":
        return ", ".join(sorted(map(str, Group.objects.filter(pk__in=who.groups)))) or _("Groups that are gone")
    if who.pick == "admins":
        return _("Admins of %(scope)s") % {"scope": place}
    if who.pick == "voters":
        return _("Whoever may decide in %(scope)s") % {"scope": place}
    if who.pick == "owner":
        return _("Owner of %(scope)s") % {"scope": place}
    return _("%(role)s of %(scope)s") % {"role": _role_name(who.role), "scope": place}


def people_of_ids(ids: Collection[UUID] | Collection[str]) -> list[User]:
    """The people of these ids, by name."""
    return list(User.objects.filter(pk__in=ids).order_by("name", "username"))


def _line(approval: Approval, stage: Stage) -> StageLine:
    is_open = stage.state == StageState.OPEN and approval.is_waiting
    before = read_who(stage.raised_from) if stage.raised_from else None
    seats = voters_now(approval, stage) if is_open else frozenset()
    needs = [name for name in ("justification", "evidence") if getattr(stage, name)]
    return StageLine(
        id=stage.pk,
        text=who_text(read_who(stage.who), stage.place),
        instead_of=who_text(before, scope_at(before.at, approval.scope)) if before else "",
        mode=stage.mode,
        needed=stage.needed,
        state=stage.state,
        due=stage.due,
        opened_at=stage.opened_at,
        ended_at=stage.ended_at,
        is_paused=is_open and stage.left is not None,
        by_time=stage.by_time,
        needs=tuple(needs),
        people=people_of_ids(seats) if is_open else [],
        stand_ins=stand_ins(approval, seats) if is_open else [],
        votes=list(stage.votes.all()),
    )


def _facts_now(approval: Approval) -> dict[str, Any]:
    kind = kind_named(approval.subject_kind)
    if approval.is_waiting:
        with transaction.atomic():  # a kind may lock its subject as it loads it
            facts: dict[str, Any] = plain(kind.facts(kind.load(approval.subject_id)))
        return facts
    return dict(approval.facts)


def _place_of(approval: Approval, actor: Actor) -> tuple[str, Seat | None]:
    """Her seat, where her vote would count now, else the reason why it would not, as `vote` would give it."""
    if not may_decide(approval, actor):
        return _("You do not decide here."), None
    try:
        check_apart(approval, actor)
        check_in_time(approval, clock.now())
        if is_said_already(approval, "approve", actor):
            return _("You have decided already."), None
        return "", seat_for(approval, list(approval.stages.select_related("place")), actor)
    except NotFound:
        return _("You do not decide here."), None
    except PortalError as refusal:
        return str(refusal), None


def _role_name(key: str) -> str:
    if key in ROLES:
        return str(ROLES[key][0])
    return str(Role.objects.filter(key=key).first() or key)
