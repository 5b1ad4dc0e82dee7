"""Bring the realm in Keycloak to its description: one line for each difference; a second run finds none."""

import os
import re
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from portal.core.errors import PortalError
from portal.identity.realm.connection import connect
from portal.identity.realm.description import read
from portal.identity.realm.sync import DESCRIPTION, sync_realm, values_of_settings

SECRET = "KC_BOOTSTRAP_ADMIN_CLIENT_SECRET"  # noqa: S105 - the name Keycloak itself reads at its first start
CLIENT = "KC_BOOTSTRAP_ADMIN_CLIENT_ID"
REALM_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


class Command(BaseCommand):
    help = f"{__doc__} The administrator is a service account of the master realm; its secret is read from {SECRET}."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 when something differs")
        parser.add_argument("--file", type=Path, default=DESCRIPTION, help="the description (default: the portal's own)")
        parser.add_argument("--realm", default=settings.KEYCLOAK_REALM, help="default: KEYCLOAK_REALM")
        parser.add_argument("--url", default=settings.KEYCLOAK_URL, help="the server (default: KEYCLOAK_URL)")
        parser.add_argument("--admin-client", default=os.environ.get(CLIENT, "bootstrap"), help=f"default: {CLIENT}")

    def handle(self, *args: Any, **options: Any) -> None:
        realm, url, secret = options["realm"], options["url"].rstrip("/"), os.environ.get(SECRET, "")
        if not url:
            raise CommandError("Which Keycloak? Set KEYCLOAK_URL or give --url.", returncode=2)
        if not REALM_NAME.fullmatch(realm) or realm == "master":
            raise CommandError(f"{realm!r} is no name for the portal's realm.", returncode=2)
        if not secret:
            raise CommandError(f"Set {SECRET} to the secret of the client {options['admin_client']}.", returncode=2)
        try:
            wanted = read(options["file"], values_of_settings(realm, url, os.environ))
            admin = connect(url, realm, client_id=options["admin_client"], secret=secret)
            lines = sync_realm(admin, wanted, check=options["check"], say=self.stdout.write)
        except PortalError as error:
            raise CommandError(str(error), returncode=2) from error
        if not lines:
            self.stdout.write(f"The realm {realm} is as described.")
        elif options["check"]:
            raise SystemExit(1)
