"""Who has a part in a decision besides voting: may add a file, say something, ask or answer."""

from uuid import UUID

from django.utils.translation import gettext as _

from portal.access.guard import holds, require
from portal.approvals.checks import may_decide
from portal.approvals.eligibility import apart_of
from portal.approvals.kinds import kind_named
from portal.approvals.models import Approval, Comment, Question, StageState, Vote
from portal.approvals.settling import deciders, stages_of, voters_now
from portal.core.errors import Forbidden
from portal.users.actor import Actor
from portal.users.models import User


def require_part(approval: Approval, actor: Actor) -> None:
    """She asked for it, it is for her, or she may decide there; else NotFound where she may not see it, or Forbidden."""
    if has_part(approval, actor):
        return
    require(actor, "vote", approval)
    raise Forbidden(_("This is for who asked, for whom it is, and who decides."))


def has_part(approval: Approval, actor: Actor) -> bool:
    """Whether she has; who looks as another person has none, a token as far as it may ask or decide."""
    return is_asking(approval, actor) or may_decide(approval, actor)


def is_asking(approval: Approval, actor: Actor) -> bool:
    """She asked for it or it is for her, by an account that may do so."""
    if actor.viewed_as_by or actor.person_id not in apart_of(approval):
        return False
    permission = kind_named(approval.subject_kind).permission
    return actor.narrowed_to is None or bool(permission and holds(actor, permission, approval))


def asking_people(approval: Approval) -> list[User]:
    """Who asked and for whom it is, each once."""
    people = {user.pk: user for user in (approval.requester, approval.beneficiary) if user}
    return list(people.values())


def deciding_people(approval: Approval) -> list[User]:
    """Who can decide it at this moment, in their own right or standing in; nobody once it is settled."""
    if not approval.is_waiting:
        return []
    seats: set[UUID] = set()
    for stage in stages_of(approval):
        if stage.state == StageState.OPEN:
            seats |= voters_now(approval, stage)
    return deciders(approval, seats)


def heard_people(approval: Approval) -> list[User]:
    """Who voted, said or asked something about it."""
    votes = Vote.objects.filter(approval=approval).values("person")
    said = Comment.objects.filter(approval=approval).values("author")
    asked = Question.objects.filter(approval=approval).values("asked_by")
    return list(User.objects.filter(pk__in=votes.union(said, asked)))
