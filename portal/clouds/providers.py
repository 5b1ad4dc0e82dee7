"""Put what the adapters declare where pages can read it."""

from django.db import transaction

from portal.clouds import registry
from portal.clouds.models import Provider


@transaction.atomic
def sync_providers() -> list[Provider]:
    """One row for each adapter the settings name; one that is no longer named stays for its connections, not offered."""
    found = []
    for kind, adapter in registry.providers().items():
        declared = {
            "name": adapter.label,
            "capabilities": list(adapter.capabilities),
            "lacks": dict(adapter.lacks),
            "config": dict(adapter.config),
            "credentials": dict(adapter.credentials),
            "permissions": dict(adapter.permissions),
            "checks": [[name, rung] for name, rung in adapter.checks.items()],
            "is_offered": True,
        }
        found.append(Provider.objects.update_or_create(key=kind, defaults=declared)[0])
    Provider.objects.exclude(key__in=[provider.key for provider in found]).update(is_offered=False)
    return found
