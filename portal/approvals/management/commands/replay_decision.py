"""Write the card of a decision anew from the record and say whether it is, byte for byte, the one that was decided on."""

import difflib
import json
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser

from portal.approvals.models import Approval
from portal.approvals.replaying import replay


class Command(BaseCommand):
    help = __doc__ or ""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("id", type=UUID, help="of the approval, or of what was decided on")

    def handle(self, *args: Any, **options: Any) -> None:
        approval = self._found(options["id"])
        fits = True
        for each in replay(approval):
            self.stdout.write(f"revision {each.revision}: {'the same' if each.fits else 'NOT the same'}")
            self.stdout.write(_lines(each.rebuilt))
            for fault in each.faults:
                self.stdout.write(f"  {fault}")
            if each.kept != each.rebuilt:
                old, new = _lines(each.kept).splitlines(), _lines(each.rebuilt).splitlines()
                self.stdout.write(
                    "\n".join(difflib.unified_diff(old, new, "as decided", "as the record has it", lineterm=""))
                )
            fits = fits and each.fits
        if not fits:
            raise CommandError("The record does not give the card that was decided on.")

    def _found(self, asked: UUID) -> Approval:
        found: Approval | None = Approval.objects.filter(pk=asked).first()
        found = found or Approval.objects.filter(subject_id=str(asked)).order_by("-created_at").first()
        if found is None:
            raise CommandError(f"No approval has the id {asked}, and none is of something with it.")
        return found


def _lines(record: str) -> str:
    """The record for eyes; empty as it is."""
    return json.dumps(json.loads(record), indent=1, ensure_ascii=False) if record else ""
