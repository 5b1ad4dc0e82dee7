"""Roll up the lake anew: the tables that the cost pages read, from the live charges and usage alone."""

from datetime import date
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from portal.metering import ledger, rollup


class Command(BaseCommand):
    help = __doc__ or ""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--since", type=date.fromisoformat, default=date.min, help="the first day, for example 2026-06-01"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        days = [day for day in rollup.ledger_days() if day >= options["since"]]
        ledger.rebuild(days)
        self.stdout.write(f"{len(days)} days rolled up")
