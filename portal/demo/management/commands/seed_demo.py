"""Fill an empty database with the demo organization and its sixty days, and write who can sign in to `demo-people.json`."""

import json
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from portal.access.models import Scope
from portal.demo.people import CAST
from portal.demo.seed import fill


class Command(BaseCommand):
    help = "Fill an empty database with the demo organization. Only where `make run` started the database."

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.PORTAL_DEMO or not settings.PORTAL_DEMO_AWS_URLS or not settings.PORTAL_DEMO_PG_URL:
            raise CommandError(
                "The demo is for a database that `make run` started; PORTAL_DEMO and its clouds are not set here."
            )
        if Scope.objects.exists():
            raise CommandError("There is an organization already; the demo fills an empty database only.")
        passwords = fill(self.stdout.write)
        people = [{"username": part.username, "password": passwords[part.username], "role": part.does} for part in CAST]
        target = Path(settings.PORTAL_HOME) / "demo-people.json"
        target.touch(mode=0o600)
        target.write_text(json.dumps(people, indent=1, ensure_ascii=False))
        self.stdout.write(f"{len(people)} people can sign in; their passwords are in {target}")
