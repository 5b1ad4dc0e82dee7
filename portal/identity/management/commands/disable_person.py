"""Disable a person, or enable her again: for whom no organization admin can, as she holds roles in several."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from portal.core.errors import PortalError
from portal.identity.people import disable_person, enable_person, person_named
from portal.users.actor import Actor


class Command(BaseCommand):
    help = "Disable a person at once, everywhere; with --enable let her in again."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username")
        parser.add_argument("--reason", required=True, help="kept with the event")
        parser.add_argument("--enable", action="store_true")

    def handle(self, *_: Any, username: str, reason: str, enable: bool, **__: Any) -> None:
        act = enable_person if enable else disable_person
        try:
            person = act(person_named(username), actor=Actor.system(), reason=reason)
        except PortalError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{person.username} is {'enabled' if person.is_active else 'disabled'}")
