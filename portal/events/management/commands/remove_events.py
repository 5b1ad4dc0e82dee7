"""Remove events older than so many days, by whole sealed batches; the log still verifies. Without --remove only tells how many."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from portal.core.errors import PortalError
from portal.events.retention import old_events, remove_old
from portal.users.actor import Actor


class Command(BaseCommand):
    help = __doc__ or ""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--older-than", type=int, required=True, metavar="DAYS")
        parser.add_argument("--remove", action="store_true", help="remove them, as the owner of the tables")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            if options["remove"]:
                self.stdout.write(f"{remove_old(options['older_than'], actor=Actor.system()):,} events removed")
                return
            old = old_events(options["older_than"])
        except PortalError as error:
            raise CommandError(str(error)) from error
        if old is None:
            self.stdout.write("No whole batch is that old")
        else:
            self.stdout.write(f"{old.events:,} events up to position {old.seal.last:,} would be removed; --remove does it")
