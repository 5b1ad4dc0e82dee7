"""Put a file with an approval, take it out again, and hand it out."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from portal.approvals.filetypes import ENDINGS, MOST_BYTES, name_of, type_of
from portal.approvals.models import Approval, File
from portal.approvals.parts import require_part
from portal.approvals.queries import approval_visible_to
from portal.approvals.revising import locked
from portal.core import blobs, clock
from portal.core.errors import Conflict, Forbidden, Invalid, NotFound, Refused, Unavailable
from portal.events.services import record
from portal.users.actor import Actor

MOST_FILES = 20


@transaction.atomic
def attach(approval: Approval, name: str, content: bytes, *, actor: Actor) -> File:
    """Keep a file with what is decided on, as long as it is open. The same bytes by the same name again change nothing.

    For who asked, for whom it is, and who decides. Refused with Invalid where it is too large, empty, or not of a type on the
    list, told by its name and its bytes; with Refused where there are twenty already.
    """
    approval = locked(approval.pk)
    require_part(approval, actor)
    if not approval.is_open:
        raise Conflict(_("This is decided. Files are added before."), state=approval.state)
    name = name_of(name)
    kind = type_of(name, content)
    check_content(content, kind)
    with kept_apart(content) as path:
        digest = blobs.sha256_of(path)
        here = File.objects.filter(approval=approval, removed_at=None)
        before: File | None = here.filter(sha256=digest, name=name).first()
        if before:
            return before
        if here.count() >= MOST_FILES:
            raise Refused(_("There are %(most)s files already. Take one out first.") % {"most": MOST_FILES})
        blobs.put_file(path)
    given = {"name": name, "size": len(content), "content_type": kind, "sha256": digest}
    made = File.objects.create(approval=approval, put_by=actor.user, **given)
    record("approvals.attach", approval, actor=actor, file=made.pk, **given)
    return made


@transaction.atomic
def detach(file: File, *, actor: Actor) -> File:
    """Take a file out before it is decided: who put it there. The record keeps that it was there; again, nothing changes."""
    approval = locked(file.approval_id)
    file = File.objects.select_for_update().get(pk=file.pk)
    file.approval = approval
    require_part(approval, actor)
    if file.put_by.person_id != actor.person_id:
        raise Forbidden(_("Only who put it there takes it out."))
    if file.removed_at is not None:
        return file
    if not approval.is_open:
        raise Conflict(_("This is decided. What was decided on stays."), state=approval.state)
    file.removed_at, file.removed_by = clock.now(), actor.user
    file.save(update_fields=["removed_at", "removed_by"])
    record("approvals.detach", approval, actor=actor, file=file.pk, name=file.name, sha256=file.sha256)
    return file


def file_visible_to(actor: Actor, approval_id: UUID, pk: UUID) -> File:
    """One that is there, of an approval she may see; else NotFound."""
    approval = approval_visible_to(actor, approval_id)
    found: File | None = File.objects.filter(approval=approval, pk=pk, removed_at=None).select_related("put_by").first()
    if found is None:
        raise NotFound
    found.approval = approval
    return found


@transaction.atomic
def open_file(file: File, *, actor: Actor) -> Path:
    """Where its bytes lie, checked. Every time it is handed out is an event."""
    approval_visible_to(actor, file.approval_id)
    record("approvals.download", file.approval, actor=actor, file=file.pk, name=file.name, sha256=file.sha256)
    try:
        return blobs.path_of(file.sha256)
    except (FileNotFoundError, blobs.Damaged) as error:
        raise Unavailable(_("The stored file is lost or damaged. Ask who put it there for it.")) from error


def check_content(content: bytes, kind: str) -> None:
    """Neither empty nor too large, and of a type on the list."""
    if not content:
        raise Invalid(fields={"file": [_("The file is empty.")]})
    if len(content) > MOST_BYTES:
        raise Invalid(fields={"file": [_("At most %(most)s MB.") % {"most": MOST_BYTES // 1024**2}]})
    if not kind:
        said = _("Only files that are what their name says: %(endings)s.") % {"endings": ", ".join(ENDINGS)}
        raise Invalid(fields={"file": [said]})


@contextmanager
def kept_apart(content: bytes) -> Iterator[Path]:
    """The bytes as a file of their own, gone afterwards."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "file"
        path.write_bytes(content)
        yield path
