"""What waits is about to change: hold its approval first, call it otherwise. `facts_changed` and `resubmit` decide anew."""

from typing import Any

from portal.approvals.models import Approval
from portal.approvals.models.approvals import OPEN


def lock_open(kind: str, subject_id: Any) -> Approval | None:
    """The approval with which something waits, for who decides or for who asked; None where it has its end.

    Its row is held until the transaction ends. Call it before locking the subject: a vote takes them in this order, too.
    """
    rows = Approval.objects.select_for_update(of=("self",)).select_related("scope", "requester", "beneficiary")
    found: Approval | None = rows.filter(subject_kind=kind, subject_id=str(subject_id), state__in=OPEN).first()
    return found


def rename(approval: Approval, title: str) -> None:
    """Call what waits otherwise. The caller holds its row."""
    approval.title = title[:200]
    approval.save(update_fields=["title"])
