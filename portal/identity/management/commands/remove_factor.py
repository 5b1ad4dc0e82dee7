"""Let somebody who lost app and recovery codes sign in with her password alone, once you know that it is she."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from portal.core.errors import NotFound
from portal.identity.factors import remove_for
from portal.users.actor import Actor


class Command(BaseCommand):
    help = "Remove the second factor of a local account. Make sure first that it is she who asks."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            remove_for(options["username"], actor=Actor.system())
        except NotFound as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{options['username']} signs in with her password alone")
