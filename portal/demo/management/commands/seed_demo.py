"""Fill an empty database with the demo organization and write who can sign in to `demo-people.json`."""

import json
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from portal.access.models import Scope
from portal.demo.organization import give_roles, make_tree, set_limits
from portal.demo.people import CAST, make_people
from portal.demo.shop import open_shop
from portal.users.actor import Actor


class Command(BaseCommand):
    help = "Fill an empty database with the demo organization. Only where `make run` started the database."

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.PORTAL_DEMO:
            raise CommandError("The demo is for a database that `make run` started; PORTAL_DEMO is off here.")
        if Scope.objects.exists():
            raise CommandError("There is an organization already; the demo fills an empty database only.")
        passwords = self.fill()
        people = [{"username": part.username, "password": passwords[part.username], "role": part.does} for part in CAST]
        target = Path(settings.PORTAL_HOME) / "demo-people.json"
        target.touch(mode=0o600)
        target.write_text(json.dumps(people, indent=1, ensure_ascii=False))
        self.stdout.write(f"{len(people)} people can sign in; their passwords are in {target}")

    @transaction.atomic
    def fill(self) -> dict[str, str]:
        """Everything or nothing."""
        actor = Actor.system()
        made = make_people(actor=actor)
        scopes = make_tree(actor=actor)
        give_roles({name: user for name, (user, _) in made.items()}, scopes, actor=actor)
        set_limits(scopes, actor=actor)
        open_shop(scopes["Nordwind Group"], actor=actor)
        return {name: password for name, (_, password) in made.items()}
