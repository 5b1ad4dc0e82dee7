"""Give the demo's people accounts in the realm, with the passwords of `demo-people.json`."""

import json
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from keycloak.exceptions import KeycloakError

from portal.demo.realm import make_accounts
from portal.identity.keycloak import admin


class Command(BaseCommand):
    help = f"{__doc__} Only where `make run` started the database; a second run changes nothing."

    def handle(self, *args: Any, **options: Any) -> None:
        people = Path(settings.PORTAL_HOME) / "demo-people.json"
        if not settings.PORTAL_DEMO or not settings.KEYCLOAK_URL:
            raise CommandError(
                "The demo's people are for `make run KEYCLOAK=1`; PORTAL_DEMO or KEYCLOAK_URL is not set here."
            )
        if not people.exists():
            raise CommandError(f"{people} is not there, so the demo's passwords are not known: run seed_demo first.")
        passwords = {person["username"]: person["password"] for person in json.loads(people.read_text())}
        try:
            changed = make_accounts(admin(), passwords)
        except KeycloakError as error:
            raise CommandError(f"Keycloak at {settings.KEYCLOAK_URL} refuses: {error}") from error
        self.stdout.write(f"{len(changed)} people got an account or a password in the realm {settings.KEYCLOAK_REALM}.")
