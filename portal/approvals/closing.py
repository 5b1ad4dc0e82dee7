"""The end of an approval, once: its state, its event, the kind's `apply` or `drop`, and word to who asked."""

from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from portal.approvals import settling
from portal.approvals.models import Approval, State
from portal.core.errors import Conflict
from portal.events.services import record
from portal.notices.services import notify
from portal.users.actor import Actor
from portal.users.models import User

VERBS = {State.APPROVED: "approve", State.DENIED: "deny", State.WITHDRAWN: "withdraw", State.EXPIRED: "expire"}


def close(approval: Approval, state: State, kind: Any, subject: Any, *, actor: Actor, at: datetime, note: str = "") -> None:
    """End it. Raises what the kind's `still_valid` and `apply` raise, and then nothing has happened.

    A subject that is gone (None) is only ever denied, withdrawn or expired.
    """
    if state == State.APPROVED and not kind.still_valid(subject):
        raise Conflict(_("This can no longer be done as it was asked for."))
    settling.settle(approval, state.value, at=at)
    record(f"approvals.{VERBS[state]}", approval, actor=actor, reason=note, card=approval.card_hash)
    if state == State.APPROVED:
        kind.apply(subject, actor=actor)
    elif subject is not None:
        kind.drop(subject, state.value, actor=actor)
    if state != State.WITHDRAWN:
        notify(parties(approval), f"approval_{state.value}", target=approval, actor=actor, note=note)


def parties(approval: Approval) -> list[User]:
    """Who asked, and for whom it is."""
    return [user for user in (approval.requester, approval.beneficiary) if user]
