"""Write the built-in roles from code into the database; running it twice changes nothing."""

from typing import Any

from django.core.management.base import BaseCommand

from portal.access.models import Role
from portal.access.permissions import ROLES


class Command(BaseCommand):
    help = "Write the built-in roles from portal/access/permissions.py."

    def handle(self, *args: Any, **options: Any) -> None:
        for key, (name, permissions) in ROLES.items():
            values = {"name": str(name), "permissions": sorted(permissions)}
            Role.objects.update_or_create(key=key, scope=None, defaults=values)
        self.stdout.write(f"{len(ROLES)} built-in roles")
