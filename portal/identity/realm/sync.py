"""Bring a realm to its description."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from django.conf import settings
from keycloak import KeycloakAdmin

from portal.core.errors import Refused
from portal.identity.realm import objects, providers
from portal.identity.realm.changes import Change, found, realm_of
from portal.identity.realm.clients import clients
from portal.identity.realm.connection import said_plainly
from portal.identity.realm.description import Description

DESCRIPTION = Path(__file__).resolve().parent.parent / "realm.yaml"

Kind = Callable[[KeycloakAdmin, Description], Iterator[Change]]

# In this order: what is named comes before what names it
KINDS: tuple[Kind, ...] = (
    objects.client_policies,
    objects.scopes,
    objects.roles,
    objects.groups,
    clients,
    providers.flows,
    providers.identity_providers,
    providers.organizations,
)


def sync_realm(
    admin: KeycloakAdmin, wanted: Description, *, check: bool = False, say: Callable[[str], object] = len
) -> list[str]:
    """Settle each difference between the realm and its description, and give them, one line each; `say` hears them at once.

    With `check` nothing is written. A second run finds no difference. What the description does not name stays as it is,
    and what was done before an error stays done: the next run goes on from there.
    """
    lines: list[str] = []

    def settle(kind: Kind) -> None:
        for change in kind(admin, wanted):
            if not check:
                _apply(admin, change)
            lines.extend(change.lines)
            for line in change.lines:
                say(line)

    with said_plainly(admin):
        settle(objects.settings)
        if check and found(lambda: admin.get_realm(realm_of(admin))) is None:
            return lines
        for kind in KINDS:
            settle(kind)
    return lines


def values_of_settings(realm: str, url: str, environment: Mapping[str, str]) -> dict[str, str]:
    """What the placeholders of a description stand for; those that no setting names come from the environment."""
    return {
        **environment,
        "PUBLIC_URL": settings.PUBLIC_URL,
        "KEYCLOAK_URL": url,
        "KEYCLOAK_REALM": realm,
        "KEYCLOAK_CLIENT_ID": settings.KEYCLOAK_CLIENT_ID,
        "KEYCLOAK_CLIENT_SECRET": settings.KEYCLOAK_CLIENT_SECRET,
        "KEYCLOAK_CLI_CLIENT_ID": settings.KEYCLOAK_CLI_CLIENT_ID,
        "KEYCLOAK_ADMIN_CLIENT_ID": settings.KEYCLOAK_ADMIN_CLIENT_ID,
        "KEYCLOAK_ADMIN_CLIENT_SECRET": settings.KEYCLOAK_ADMIN_CLIENT_SECRET,
    }


def _apply(admin: KeycloakAdmin, change: Change) -> None:
    """Run it; a refusal says what it was about."""
    try:
        with said_plainly(admin):
            change.apply()
    except Refused as error:
        raise Refused(f"{change.lines[0]}: {error}") from error
