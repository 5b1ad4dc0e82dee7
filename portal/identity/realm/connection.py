"""The connection of an administrator to one realm, and what goes wrong on it in one line."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from keycloak import KeycloakAdmin, KeycloakOpenIDConnection
from keycloak.exceptions import (
    KeycloakAuthenticationError,
    KeycloakConnectionError,
    KeycloakError,
    KeycloakGetError,
    KeycloakPostError,
    KeycloakPutError,
    raise_error_from_response,
)

from portal.core.errors import Refused, Unavailable, redacted

TIMEOUT_S = 30


def connect(url: str, realm: str, *, client_id: str, secret: str, home: str = "master") -> KeycloakAdmin:
    """An administrator of `realm`: the service account of a client that lives in the realm `home`.

    Nothing is asked of the server yet. A call that fails is not sent again, since it may have arrived.
    """
    connection = KeycloakOpenIDConnection(
        server_url=url,
        realm_name=realm,
        user_realm_name=home,
        client_id=client_id,
        client_secret_key=secret,
        timeout=TIMEOUT_S,
        max_retries=0,
    )
    return KeycloakAdmin(connection=connection)


@contextmanager
def said_plainly(admin: KeycloakAdmin) -> Iterator[None]:
    """Raises Unavailable when the server does not answer and Refused when it says no, each in one line."""
    connection = admin.connection
    try:
        yield
    except KeycloakConnectionError as error:
        raise Unavailable(
            f"Keycloak at {connection.server_url} does not answer: {redacted(error.__cause__ or error)}"
        ) from error
    except KeycloakAuthenticationError as error:
        raise Refused(
            f"Keycloak does not know the client {connection.client_id} with this secret in the realm "
            f"{connection.user_realm_name}: {_said(error)}"
        ) from error
    except TypeError as error:
        if not str(error).startswith("Unexpected response type"):  # how python-keycloak says that it was not the JSON of it
            raise
        raise Refused(f"What answers at {connection.server_url} is no Keycloak") from error
    except KeycloakError as error:
        raise Refused(f"Keycloak refuses: {_said(error)}") from error


def get(admin: KeycloakAdmin, path: str) -> Any:
    """GET what python-keycloak has no method for; `path` is below the realm."""
    return raise_error_from_response(admin.connection.raw_get(_full(admin, path)), KeycloakGetError)


def put(admin: KeycloakAdmin, path: str, body: Any) -> Any:
    """PUT the same way."""
    return raise_error_from_response(admin.connection.raw_put(_full(admin, path), data=json.dumps(body)), KeycloakPutError)


def post(admin: KeycloakAdmin, path: str, body: Any) -> Any:
    """POST the same way."""
    return raise_error_from_response(admin.connection.raw_post(_full(admin, path), data=json.dumps(body)), KeycloakPostError)


def _full(admin: KeycloakAdmin, path: str) -> str:
    return f"admin/realms/{admin.connection.realm_name}/{path}"


def _said(error: KeycloakError) -> str:
    """Keycloak's own words: a message, or one of several fields of a JSON."""
    said = error.error_message
    text = said.decode(errors="replace") if isinstance(said, bytes) else str(said)
    try:
        body = json.loads(text)
        text = body.get("errorMessage") or body.get("error_description") or body.get("error") or text
    except (ValueError, AttributeError):
        pass
    code = f"{error.response_code} " if error.response_code else ""
    return redacted(f"{code}{text}") or type(error).__name__
