"""Adapters by name, from PORTAL_PROVIDERS. They are imported when first asked for, so only workers ever carry an SDK."""

from typing import Any

from django.conf import settings

from portal.clouds.base import Account, Cloud, CloudError
from portal.clouds.models import Connection
from portal.core import crypto, registry


def providers() -> dict[str, type[Cloud]]:
    """Every adapter the settings name, by its kind."""
    return {adapter.kind: adapter for adapter in registry.load("PORTAL_PROVIDERS")}


def provider(kind: str) -> type[Cloud]:
    """The adapter of that kind; a CloudError when the settings no longer name it."""
    try:
        return providers()[kind]
    except KeyError:
        raise CloudError(f"No adapter for {kind} is installed.", retry=False, kind="refused") from None


def adapter_for(connection: Connection, region: str = "") -> Any:
    """A fresh adapter bound to this connection and one of its regions (the first unless named).

    It speaks the Protocols of the provider's capabilities (clouds.base). Use it for one piece of work, in one thread.
    """
    adapter = provider(connection.provider.key)
    return adapter(account_of(connection, region or connection.region_keys()[0]))


def account_of(connection: Connection, region: str) -> Account:
    """Where to call and as whom, with the credentials in clear."""
    if region not in connection.region_keys():
        raise CloudError(f"{connection.name} has no region {region}.", retry=False, kind="refused")
    try:
        credentials = connection.open_credentials()
    except crypto.Unreadable:
        raise CloudError("The stored credentials cannot be opened.", retry=False, kind="credentials") from None
    return Account(connection.config, credentials, region, tuple(settings.OUTBOUND_ALLOW))
