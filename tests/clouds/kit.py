"""Connections for tests, as they stand after what the services do."""

from typing import Any

from portal.clouds.models import Connection, ConnectionState, Health, Provider
from portal.clouds.providers import sync_providers
from portal.core import clock
from tests.cast import World

KEYS = {"access_key_id": "AKIAIOSFODNN7EXAMPLE", "secret_access_key": "wJalrXUtnFEMI/K7MDENG+EXAMPLE"}
SCRIPTED = ["tests.clouds.scripted.Scripted"]


def provider(key: str) -> Provider:
    sync_providers()
    return Provider.objects.get(key=key)


def connection(world: World, cloud: str = "scripted", **fields: Any) -> Connection:
    """A connection of Nordwind in use, unless `fields` say otherwise."""
    credentials = fields.pop("credentials", KEYS)
    values = {
        "scope": world.nordwind,
        "name": "Cloud one",
        "config": {"regions": "eu-west-1"},
        "made_by": world.dave,
        "key": "k",
        "state": ConnectionState.READY,
        "health": Health.WELL,
        "approved_at": clock.now(),
        "checked_at": clock.now(),
        **fields,
    }
    made = Connection(provider=provider(cloud), **values)
    made.seal_credentials(credentials)
    made.save()
    return made
