"""Who a pushed person is: somebody that her organization's own provider vouched for under the same id, or nobody yet.

An e-mail address or a sign-in name never decides it, for whoever pushes can write any. What decides is the id that the
organization's directory has for her (`externalId`), where the same id came through one of its own providers.
"""

from collections.abc import Mapping
from typing import Any

from portal.access.models import Assignment, Scope
from portal.access.resolver import in_force
from portal.identity.brokered import groups_said
from portal.identity.models import IdentityProvider, ProviderState, ScimUser, scim_issuer
from portal.identity.plane import issuer
from portal.users.models import Identity, User, UserKind


def known_as(external_id: str, organization: Scope) -> User | None:
    """The person who signed in before she was pushed; None where nobody did whom this organization may speak for.

    Known is who came through one of its providers with this id, or whose subject at our issuer it is and who holds roles in
    this organization and in no other. Who was pushed already under another id is not taken twice.
    """
    if not external_id or not issuer():
        return None
    ours = Identity.objects.filter(issuer=issuer(), user__kind_of_user=UserKind.PERSON).select_related("user")
    aliases = _aliases(organization)
    written = [f"{alias}.{external_id.lower()}" for alias in aliases]
    came = ours.filter(provider__in=aliases, claims__preferred_username__in=written)
    found = {each.user for each in came if upstream_id(each.claims) == external_id.lower()}
    same = ours.filter(subject=external_id).first()
    if same is not None and (same.provider in aliases or _is_of(same.user, organization)):
        found.add(same.user)
    if len(found) != 1:
        return None
    person = found.pop()
    return None if _is_pushed(person, organization) else person


def pushed_as(claims: Mapping[str, Any]) -> User | None:
    """The person who was pushed before she first signed in through a provider of the same organization; None for all others.

    Somebody who signed in already has her identity, and gets no second one by an id that was changed later.
    """
    alias, theirs = groups_said(claims)[0], upstream_id(claims)
    provider = IdentityProvider.objects.filter(alias=alias).exclude(state=ProviderState.REMOVED).first() if theirs else None
    if provider is None:
        return None
    pushed = ScimUser.objects.filter(organization=provider.organization_id, external_id__iexact=theirs)
    found = list(pushed.select_related("identity__user")[:2])
    if len(found) != 1 or found[0].identity.user.identities.filter(issuer=issuer()).exists():
        return None
    return found[0].identity.user


def upstream_id(claims: Mapping[str, Any]) -> str:
    """The id by which the provider that vouched for her knows her, in small letters; empty where none did.

    Keycloak names a brokered account after the provider's alias and that id, once and for all, and keeps names in small
    letters; an alias holds no dot.
    """
    alias, name = groups_said(claims)[0], claims.get("preferred_username")
    begins = f"{alias}."
    return name.removeprefix(begins).lower() if alias and isinstance(name, str) and name.startswith(begins) else ""


def _aliases(organization: Scope) -> list[str]:
    known = IdentityProvider.objects.filter(organization=organization).exclude(state=ProviderState.REMOVED)
    return list(known.values_list("alias", flat=True))


def _is_of(person: User, organization: Scope) -> bool:
    """Whether she holds roles, and all of them in this organization."""
    rows = Assignment.objects.filter(in_force(), user=person) | Assignment.objects.filter(in_force(), group__members=person)
    roots = {path.split(".")[0] for path in rows.values_list("scope__path", flat=True)}
    return roots == {organization.pk.hex}


def _is_pushed(person: User, organization: Scope) -> bool:
    return person.identities.filter(issuer=scim_issuer(organization)).exists()
