"""The portal's own service account at Keycloak: the admin plane. Its library loads when first asked for, in workers alone."""

from functools import cache

from django.conf import settings
from keycloak import KeycloakAdmin, KeycloakOpenIDConnection

TIMEOUT_S = 10


def admin() -> KeycloakAdmin:
    """A connection to the portal's realm, kept for the life of the process; one thread at a time.

    Errors are those of python-keycloak. Nothing is sent twice: a POST that was lost may have been carried out.
    """
    return _admin(settings.KEYCLOAK_URL, settings.KEYCLOAK_REALM)


@cache
def _admin(url: str, realm: str) -> KeycloakAdmin:
    connection = KeycloakOpenIDConnection(
        server_url=url,
        realm_name=realm,
        user_realm_name=realm,
        client_id=settings.KEYCLOAK_ADMIN_CLIENT_ID,
        client_secret_key=settings.KEYCLOAK_ADMIN_CLIENT_SECRET,
        timeout=TIMEOUT_S,
        max_retries=0,
    )
    return KeycloakAdmin(connection=connection)
