"""Write what the adapters of PORTAL_PROVIDERS declare into the database; running it twice changes nothing."""

from typing import Any

from django.core.management.base import BaseCommand

from portal.clouds.providers import sync_providers


class Command(BaseCommand):
    help = "Write label, capabilities, schemas and permissions of each adapter named in PORTAL_PROVIDERS."

    def handle(self, *args: Any, **options: Any) -> None:
        for provider in sync_providers():
            self.stdout.write(f"{provider.key}: {', '.join(provider.capabilities)}")
