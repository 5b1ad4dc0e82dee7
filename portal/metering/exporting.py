"""Write an export that somebody asked for: the file, its lint, its manifest."""

import logging
import tempfile
import uuid
from datetime import datetime, timedelta
from pathlib import Path

from django.db import transaction
from django.db.models import QuerySet

from portal.core import blobs, clock
from portal.events.services import record
from portal.metering.exports import focus
from portal.metering.exports.lint import lint
from portal.metering.models import Export, ExportState
from portal.users.actor import Actor

logger = logging.getLogger(__name__)
LOST_AFTER = timedelta(minutes=5)


def write_export(pk: uuid.UUID) -> None:
    """Make the file of a waiting export; one that is settled stays as it is, one that cannot be made has failed and says why."""
    try:
        _write(pk)
    except Exception as error:
        logger.exception("export %s", pk)
        _fail(pk, f"Concord itself failed: {type(error).__name__}.")


@transaction.atomic
def _write(pk: uuid.UUID) -> None:
    export = Export.objects.select_for_update(of=("self",)).select_related("organization").get(pk=pk)
    if export.state != ExportState.WAITING:
        return
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / export.file_name
        written = focus.write(export.organization, export.period, target, format=export.format)
        findings = [str(finding) for finding in lint(target)]
        export.manifest = written.manifest
        if not findings:
            export.blob = blobs.put_file(target)
    export.state = ExportState.FAILED if findings else ExportState.READY
    export.error = "; ".join(findings)[:2000]
    export.ready_at = clock.now()
    export.save()
    done = "failed" if findings else "done"
    if findings:
        logger.error("export %s breaks the lint: %s", pk, export.error)
    record("metering.write_export", export, actor=Actor.system(), outcome=done, reason=export.error, rows=written.rows)


@transaction.atomic
def _fail(pk: uuid.UUID, reason: str) -> None:
    export = Export.objects.select_for_update(of=("self",)).select_related("organization").get(pk=pk)
    if export.state == ExportState.WAITING:
        export.state, export.error, export.ready_at = ExportState.FAILED, reason, clock.now()
        export.save()
        record("metering.write_export", export, actor=Actor.system(), outcome="failed", reason=reason)


def lost_exports(at: datetime) -> QuerySet[Export]:
    """Exports whose message may have been lost."""
    return Export.objects.filter(state=ExportState.WAITING, created_at__lt=at - LOST_AFTER).order_by("created_at")
