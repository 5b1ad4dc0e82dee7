"""What the identity provider's token endpoints answer the portal, asked by HTTP alone: in pages and in workers."""

from collections.abc import Mapping
from typing import Any

import requests
from django.conf import settings
from django.utils.translation import gettext as _

from portal.core.errors import Unavailable
from portal.identity.plane import issuer

TIMEOUT_S = 2
OVER = "invalid_grant"  # ended, logged out, disabled, deleted, too old: Keycloak says this alone of a person's token


def ask(form: Mapping[str, str]) -> tuple[bool, dict[str, Any]]:
    """Whether it gave what was asked for, and its answer. Unavailable where it gives none in two seconds."""
    return _post("token", form)


def stands(access_token: str) -> bool:
    """Whether an access token for the portal is good at this moment: its session lives, and she may sign in. Unavailable as
    above.
    """
    given, said = _post("token/introspect", {"token": access_token})
    if not given:
        raise Unavailable(silent())
    return said.get("active") is True


def _post(place: str, form: Mapping[str, str]) -> tuple[bool, dict[str, Any]]:
    client = (settings.KEYCLOAK_CLIENT_ID, settings.KEYCLOAK_CLIENT_SECRET)
    address = f"{issuer()}/protocol/openid-connect/{place}"
    try:
        answer = requests.post(address, dict(form), auth=client, timeout=TIMEOUT_S, allow_redirects=False)
        said = answer.json()
    except (requests.RequestException, ValueError) as error:
        raise Unavailable(silent()) from error
    if not isinstance(said, dict) or answer.status_code >= 500:
        raise Unavailable(silent())
    return answer.ok, said


def renew(refresh_token: str) -> dict[str, Any] | None:
    """What takes the place of a person's token; None where it is good for nothing any more. Unavailable as above, and where
    what is said is nothing about her.
    """
    if not refresh_token:
        return None
    given, said = ask({"grant_type": "refresh_token", "refresh_token": refresh_token})
    if not given and said.get("error") != OVER:
        raise Unavailable(silent())
    return {"refresh_token": refresh_token, **said} if given else None


def silent() -> str:
    return _(
        "The identity provider does not say whether you may still act, so nothing was done. "
        "Try again in a minute, or sign in with a local account."
    )
