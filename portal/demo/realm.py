"""The demo's people as accounts of the realm, with the passwords they have here, so that either way in leads to one person."""

from collections.abc import Mapping

from django.conf import settings
from keycloak import KeycloakAdmin

from portal.demo.people import CAST, Part
from portal.users.models import Identity, User


def make_accounts(admin: KeycloakAdmin, passwords: Mapping[str, str]) -> list[str]:
    """Who got an account or a password now; asked again it is nobody, and a password she has changed stays hers.

    Somebody whose account in the realm nobody here is known by has a password of an earlier demo, so hers is set anew.
    """
    issuer = f"{settings.KEYCLOAK_URL}/realms/{settings.KEYCLOAK_REALM}"
    changed = []
    for part in CAST:
        user = User.objects.get(username=part.username)
        subject = admin.get_user_id(part.username) or admin.create_user(account_of(part, user), exist_ok=True)
        if Identity.objects.filter(issuer=issuer, subject=subject, user=user).exists():
            continue
        admin.set_user_password(subject, passwords[part.username], temporary=False)
        Identity.objects.update_or_create(issuer=issuer, subject=subject, defaults={"user": user})
        changed.append(part.username)
    return changed


def account_of(part: Part, user: User) -> dict[str, object]:
    """Her account as Keycloak wants it; without both names and an address it would stop her at the first sign-in."""
    first, last = part.name.split(" ", 1)
    names = {"username": part.username, "firstName": first, "lastName": last}
    return {**names, "email": user.email, "emailVerified": True, "enabled": True}
