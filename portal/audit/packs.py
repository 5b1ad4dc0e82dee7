"""Ask for the evidence of an order or a decision, follow it, and take it home."""

from datetime import datetime
from pathlib import Path
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from portal.access.guard import require
from portal.approvals.queries import approval_visible_to
from portal.audit.models import EvidencePack, PackFormat, PackState, Subject
from portal.audit.services import check_herself
from portal.core import blobs
from portal.core.errors import Conflict, Invalid, NotFound, Unavailable
from portal.core.queue import after_commit
from portal.events.services import record
from portal.orders.queries import order_visible_to
from portal.users.actor import Actor

PERMISSION = "view_event"


@transaction.atomic
def request_pack(subject_kind: str, subject_id: UUID, *, format: str, actor: Actor) -> EvidencePack:
    """Ask for the evidence of what she may see, where she may read events. Asked while one is being written, it is that one."""
    if format not in PackFormat.values:
        raise Invalid(fields={"format": [_("Choose HTML or PDF.")]})
    if subject_kind == Subject.ORDER:
        order = order_visible_to(actor, subject_id)
        scope, title = order.project, str(order)
    elif subject_kind == Subject.APPROVAL:
        approval = approval_visible_to(actor, subject_id)
        scope, title = approval.scope, approval.title
    else:
        raise NotFound
    require(actor, PERMISSION, scope)
    check_herself(actor)
    given = {"subject_kind": subject_kind, "subject_id": subject_id, "format": format, "state": PackState.WAITING}
    about = {"title": title, "scope": scope, "asked_by": actor.user}
    pack, made = EvidencePack.objects.get_or_create(**given, defaults=about)
    if made:
        record("audit.request_pack", pack, actor=actor, subject=f"{subject_kind}:{subject_id}", format=format)
        after_commit("audit.write_pack", pack.pk)
    return pack


@transaction.atomic
def open_pack(pack: EvidencePack, *, actor: Actor) -> Path:
    """Where its file lies, its bytes checked; that it was taken is an event."""
    require(actor, PERMISSION, pack)
    if pack.state != PackState.READY:
        raise Conflict(_("There is no file yet."))
    try:
        path = blobs.path_of(pack.blob)
    except (FileNotFoundError, blobs.Damaged) as error:
        raise Unavailable(_("The file is not as it was written. Ask for it again.")) from error
    record("audit.download_pack", pack, actor=actor, sha256=pack.blob)
    return path


def packs_visible_to(actor: Actor) -> QuerySet[EvidencePack]:
    """Those of the scopes where she may read events, newest first."""
    rows: QuerySet[EvidencePack] = EvidencePack.objects.visible_to(actor)
    return rows.select_related("scope", "asked_by").order_by("-created_at", "-id")


def pack_visible_to(actor: Actor, pk: UUID) -> EvidencePack:
    """One of them; NotFound where it is none."""
    found = packs_visible_to(actor).filter(pk=pk).first()
    if found is None:
        raise NotFound
    return found


def due_packs(at: datetime) -> QuerySet[EvidencePack]:
    """Those that wait for seals, or whose message was lost, oldest first."""
    return EvidencePack.objects.filter(state=PackState.WAITING, due_at__lte=at).order_by("due_at")
