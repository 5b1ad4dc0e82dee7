"""Write a pack of evidence that somebody asked for, once every event of it is sealed."""

import json
import logging
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from django.db import transaction
from django.template.loader import render_to_string
from django.utils import translation

from portal.audit import gathering
from portal.audit.gathering import Gathered
from portal.audit.models import NO_PANGO, EvidencePack, PackFormat, PackState
from portal.audit.printing import NoPango, write_pdf
from portal.core import blobs, clock
from portal.events.proofs import evidence_of
from portal.events.services import record
from portal.users.actor import Actor

logger = logging.getLogger(__name__)
AGAIN = timedelta(seconds=3)
LOST_AFTER = timedelta(minutes=11)
IN_SCRIPT = {ord("<"): "\\u003c", ord(">"): "\\u003e", ord("&"): "\\u0026", 0x2028: "\\u2028", 0x2029: "\\u2029"}


def write_pack(pk: UUID) -> None:
    """Make the file of a waiting pack. One with events that are not sealed waits on; one that cannot be made says why."""
    if not take(pk):
        return
    try:
        with transaction.atomic():
            write(pk)
    except NoPango:
        fail(pk, NO_PANGO)
    except Exception as error:
        logger.exception("evidence pack %s", pk)
        fail(pk, f"Concord itself failed: {type(error).__name__}.")


def take(pk: UUID) -> bool:
    """Make a due pack ours until it would count as lost; false where another has it, or it is settled."""
    at = clock.now()
    due = EvidencePack.objects.filter(pk=pk, state=PackState.WAITING, due_at__lte=at)
    return bool(due.update(due_at=at + LOST_AFTER))


def write(pk: UUID) -> None:
    """Gather, draw and keep it, or say how many events are still to be sealed."""
    pack = EvidencePack.objects.select_related("scope", "asked_by").get(pk=pk)
    found = gathering.gather(pack)
    if found.unsealed:
        waits = {"unsealed": found.unsealed, "events": len(found.events), "due_at": clock.now() + AGAIN}
        EvidencePack.objects.filter(pk=pk).update(**waits)
        return
    evidence = evidence_of(found.subject, found.events)
    with tempfile.TemporaryDirectory() as folder:
        file = draw(pack, found, evidence, Path(folder))
        size, digest = file.stat().st_size, blobs.put_file(file)
    ready = {"state": PackState.READY, "unsealed": 0, "events": len(evidence["events"]), "size": size, "blob": digest}
    EvidencePack.objects.filter(pk=pk).update(ready_at=clock.now(), **ready)
    record("audit.write_pack", pack, actor=Actor.system(), sha256=digest, events=len(evidence["events"]))


def draw(pack: EvidencePack, found: Gathered, evidence: dict[str, Any], folder: Path) -> Path:
    """The file in the folder, in the language of who asked."""
    with translation.override(pack.asked_by.language or None):
        html = page_of(pack, found, evidence)
    target = folder / pack.file_name
    if pack.format == PackFormat.HTML:
        target.write_text(html)
        return target
    attached = folder / "evidence.json"
    attached.write_text(json.dumps(evidence, ensure_ascii=False))
    write_pdf(html, target, attached=attached)
    return target


def page_of(pack: EvidencePack, found: Gathered, evidence: dict[str, Any]) -> str:
    """The page, whole in itself: what people read, and the same events with their proof for the verifier."""
    positions = gathering.positions_of(found.events)
    rows = [(positions[event.pk], event) for event in found.events]
    context = {
        "pack": pack,
        "found": found,
        "rows": sorted(rows, key=lambda row: row[0]),
        "keys": evidence["public_keys"],
        "checkpoints": evidence["checkpoints"],
        "written": clock.now(),
        "json": json.dumps(evidence, ensure_ascii=False).translate(IN_SCRIPT),
        "language": translation.get_language(),
    }
    return render_to_string("audit/evidence.html", context)


@transaction.atomic
def fail(pk: UUID, error: str) -> None:
    """It cannot be made."""
    pack = EvidencePack.objects.select_for_update(of=("self",)).select_related("scope").get(pk=pk)
    if pack.state == PackState.WAITING:
        pack.state, pack.error, pack.ready_at = PackState.FAILED, error[:300], clock.now()
        pack.save(update_fields=["state", "error", "ready_at"])
        record("audit.write_pack", pack, actor=Actor.system(), outcome="failed", reason=error)
