"""Pass a stage on to somebody else: who sits in it her own seat, an admin of the place anybody's."""

from collections.abc import Iterable
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from portal.access.guard import holds, require, require_fresh
from portal.approvals.cards import StageLine
from portal.approvals.checks import check_apart, check_in_time
from portal.approvals.eligibility import accounts_holding, apart_of, hands_of
from portal.approvals.handing_over import reassign
from portal.approvals.models import Approval, Stage, StageState, Vote
from portal.approvals.queries import ADMIN
from portal.approvals.revising import locked
from portal.approvals.settling import voters_now
from portal.core import clock
from portal.core.errors import Conflict, Forbidden, Invalid, NotFound, Refused
from portal.notices.services import notify
from portal.users.actor import Actor
from portal.users.models import User

LONGEST_REASON = 500


@transaction.atomic
def pass_on(stage: Stage, to: User, *, instead_of: User, reason: str, actor: Actor) -> Stage:
    """Let `to` decide an open stage in the place of `instead_of`, who has a seat in it now.

    Her own seat anybody passes on, never one that was delegated to her; an admin of the place passes on any, to herself never.
    `to` must be able to vote there and apart from who asked. Who asked passes nothing on. Passed on already, nothing changes.
    """
    require_fresh(actor)
    approval = locked(stage.approval_id)
    found = Stage.objects.select_related("place").filter(pk=stage.pk, approval=approval).first()
    if found is None:
        raise NotFound
    check_passes_on(approval, found, instead_of, to, actor)
    check_in_time(approval, clock.now())
    if not reason.strip() or len(reason) > LONGEST_REASON:
        raise Invalid(fields={"reason": [_("Say why, in at most 500 characters.")]})
    seats = voters_now(approval, found)
    if instead_of.pk not in seats and to.pk in seats:
        return found
    check_seats(approval, found, instead_of, to)
    reassign(found, to, instead_of=instead_of, actor=actor, reason=reason.strip())
    words: dict[str, Any] = {"person": instead_of, "who": to, "note": reason.strip()}
    notify([instead_of, approval.requester], "passed_on", target=approval, actor=actor, **words)
    found.refresh_from_db()
    return found


def seats_to_pass_on(approval: Approval, lines: Iterable[StageLine], actor: Actor) -> list[tuple[StageLine, User]]:
    """The seats of open stages that she may pass on: her own, or as an admin of the place anybody's."""
    if not approval.is_waiting or actor.viewed_as_by or actor.person_id in apart_of(approval):
        return []
    gives, votes = holds(actor, ADMIN, approval), holds(actor, "vote", approval)
    seats = [(line, person) for line in lines if line.mode != "each" for person in line.people]
    return [(line, person) for line, person in seats if gives or (votes and person.pk == actor.user.pk)]


def check_passes_on(approval: Approval, stage: Stage, instead_of: User, to: User, actor: Actor) -> None:
    """Her own seat, or an admin of the place; never who asked."""
    if instead_of.pk == actor.user.pk:
        require(actor, "vote", approval)
    else:
        require(actor, ADMIN, approval)
    check_apart(approval, actor)
    if to.person_id == actor.person_id:
        raise Forbidden(_("Nobody passes a decision on to herself. Ask another admin."))


def check_seats(approval: Approval, stage: Stage, instead_of: User, to: User) -> None:
    """Who has the seat still has it, and who gets it can use it."""
    if stage.state != StageState.OPEN or instead_of.pk not in voters_now(approval, stage):
        raise Conflict(_("%(person)s does not decide at this stage now.") % {"person": instead_of})
    if stage.mode == "each":
        raise Refused(_("This stage wants one from each of its groups, so nobody else can be put in."))
    if to.person_id in apart_of(approval):
        raise Refused(_("%(person)s asked for it, or it is hers, so she does not decide on it.") % {"person": to})
    if to.pk not in accounts_holding("vote", approval.scope, hands_of(approval)):
        raise Refused(
            _("%(person)s may not decide in %(scope)s. Give her a role there first.")
            % {"person": to, "scope": approval.scope}
        )
    heard = Vote.objects.filter(approval=approval, void=False).values_list("person", "seat")
    if not stage.again and to.pk in {name for row in heard for name in row}:
        raise Refused(_("%(person)s has decided on it already.") % {"person": to})
