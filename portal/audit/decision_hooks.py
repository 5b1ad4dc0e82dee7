"""Decide by a hook: a program outside answers what waits for its account, and its signed answer is the vote of that account.

An answer is signed as what it was asked with, by the newest secret alone; it is good for five minutes, and its id counts once.
"""

import hmac
import re
from collections.abc import Mapping
from datetime import timedelta
from hashlib import sha256
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from portal.access.guard import require_fresh
from portal.approvals.facts import canonical
from portal.approvals.models import Approval
from portal.approvals.services import vote
from portal.audit import signing
from portal.audit.models import HookAnswer, Shape, Subscription
from portal.audit.queries import account_of
from portal.core import clock
from portal.core.errors import Conflict, NotFound
from portal.events.services import record
from portal.users.actor import Actor

TOLERANCE = timedelta(minutes=5)
ID = re.compile(r"[A-Za-z0-9_-]{1,100}")
TIME = re.compile(r"[0-9]{1,12}")


def actor_by_signature(
    pk: UUID, headers: Mapping[str, str], body: bytes, *, address: str = "", correlation_id: str = ""
) -> Actor | None:
    """The account of a hook, where the three headers sign this body with its secret, now; else None, and why is not said."""
    hook = _hooks().filter(pk=pk).first()
    message_id, timestamp = headers.get("Webhook-Id", ""), headers.get("Webhook-Timestamp", "")
    if hook is None or not ID.fullmatch(message_id) or not TIME.fullmatch(timestamp):
        return None
    at = clock.now()
    if abs(int(timestamp) - at.timestamp()) > TOLERANCE.total_seconds():
        return None
    right = f"v1,{signing.signature(message_id, int(timestamp), body, hook.secrets(at)[0])}".encode()
    given = headers.get("Webhook-Signature", "").encode(errors="replace").split(b" ")
    if not any(hmac.compare_digest(right, one) for one in given):
        return None
    return account_of(hook, address=address, correlation_id=correlation_id)


@transaction.atomic
def answer(
    pk: UUID, message_id: str, approval_id: UUID, choice: str, card_hash: str, *, actor: Actor, note: str = ""
) -> HookAnswer:
    """The vote of the hook's account. The same message again is given what it was given, and changes nothing.

    Refuses what `vote` refuses, and then its id did not count. Conflict where the hook is paused, or its id came with
    another answer; NotFound where nothing of its place has that id.
    """
    require_fresh(actor)
    hook = _hooks().select_for_update(of=("self",)).filter(pk=pk, account=actor.user).first()
    if hook is None or account_of(hook) is None:
        raise NotFound
    if not hook.is_active:
        raise Conflict(_("This hook is paused: it decides nothing until its owner resumes it."))
    digest = sha256(canonical([approval_id, choice, card_hash, note]).encode()).hexdigest()
    before: HookAnswer | None = HookAnswer.objects.filter(subscription=hook, message_id=message_id).first()
    if before is not None:
        if before.digest != digest:
            raise Conflict(_("A message with this id said something else before. Give each answer an id of its own."))
        return before
    approval = Approval.objects.filter(pk=approval_id, scope__path__within=hook.scope.path).first()
    if approval is None:
        raise NotFound
    after = vote(approval, choice, card_hash, actor=actor, note=note)
    given = {"approval_id": after.pk, "choice": choice, "state": after.state}
    made: HookAnswer = HookAnswer.objects.create(subscription=hook, message_id=message_id, digest=digest, **given)
    record("audit.take_answer", hook, actor=actor, message=message_id, approval=after.pk, choice=choice)
    return made


def _hooks() -> QuerySet[Subscription]:
    rows = Subscription.objects.filter(shape=Shape.DECISIONS)
    return rows.select_related("scope", "owner", "account__owner")
