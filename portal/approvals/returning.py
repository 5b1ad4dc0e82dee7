"""Give it back to who asked, with what is to be put right, and send it again: the same approval, decided anew."""

from datetime import datetime, timedelta

from django.db import transaction
from django.utils.translation import gettext as _

from portal.approvals import settling
from portal.approvals.checks import check_asker
from portal.approvals.closing import parties
from portal.approvals.facts import plain
from portal.approvals.kinds import subject_of
from portal.approvals.models import Approval, State
from portal.approvals.revising import answer_of, keep_card, locked, take_facts
from portal.core import clock
from portal.core.errors import Conflict
from portal.events.services import record
from portal.notices.services import notify
from portal.users.actor import Actor

TIME_TO_ANSWER = timedelta(days=14)


def send_back(approval: Approval, *, actor: Actor, at: datetime, note: str) -> None:
    """It waits for who asked from now on: stages end, votes are void, and after two weeks it expires."""
    settling.void_votes(approval)
    settling.end_stages(approval, at=at)
    approval.state, approval.decision_due = State.RETURNED, at + TIME_TO_ANSWER
    approval.save()
    record("approvals.return", approval, actor=actor, reason=note, card=approval.card_hash)
    notify(parties(approval), "approval_returned", target=approval, actor=actor, note=note)


@transaction.atomic
def resubmit(approval: Approval, *, actor: Actor, note: str = "") -> Approval:
    """Send what was returned again, as it is now; by the policies of this moment, every stage anew. Only who asked may.

    What was returned stays a question: no policy makes it a permission now. Sent already, nothing changes. Raises
    Conflict where it is settled, Forbidden for anybody else, Refused where nobody could decide on it any more.
    """
    approval = locked(approval.pk)
    check_asker(approval, actor, _("Only who asked for it can send it again."))
    if approval.is_waiting and approval.revision > 1:
        return approval
    if approval.state != State.RETURNED:
        raise Conflict(_("This was not returned."), state=approval.state)
    at = clock.now()
    kind, subject = subject_of(approval.subject_kind, approval.subject_id)
    names = take_facts(approval, subject, plain(kind.facts(subject)))
    approval.state, approval.policies_at = State.WAITING, at
    answer = answer_of(approval)
    keep_card(approval, answer)
    record("approvals.resubmit", approval, actor=actor, reason=note.strip(), card=approval.card_hash, changed=names)
    settling.restart(approval, answer, actor=actor, at=at)
    return approval
