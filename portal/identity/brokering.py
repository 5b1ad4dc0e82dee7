"""Bring a provider to Keycloak as it stands here. Every step looks first, so a run that died is simply run again."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings

from portal.core import clock, registry
from portal.core.errors import redacted
from portal.events.services import record
from portal.identity import brokered
from portal.identity.models import IdentityProvider, ProviderDomain, ProviderState
from portal.users.actor import Actor
from portal.users.models import Identity

ADMIN = "portal.identity.keycloak.admin"
ERROR = "keycloak.exceptions.KeycloakError"
NOT_THERE = 404
PAGE = 100
LONGEST_SESSION = timedelta(hours=12)
"""How long a session at Keycloak may live: realm.yaml, ssoSessionMaxLifespan."""


def apply(provider_id: UUID) -> None:
    """One provider, as its row says now. What Keycloak refuses is kept on the row; the sweep tries again."""
    provider = IdentityProvider.objects.select_related("organization").filter(pk=provider_id).first()
    if provider is None or not provider.is_due or not settings.KEYCLOAK_URL:
        return
    version = provider.version
    rows = IdentityProvider.objects.filter(pk=provider.pk, applied_version__lt=version)
    try:
        _bring(registry.named(ADMIN)(), provider)
    except registry.named(ERROR) as error:
        rows.update(apply_error=redacted(error))
        return
    if rows.update(applied_version=version, applied_at=clock.now(), apply_error=""):
        record("identity.apply_provider", provider, actor=Actor.system(), version=version)


def _bring(keycloak: Any, provider: IdentityProvider) -> None:
    if provider.protocol == "ldap":
        _bring_directory(keycloak, provider)
    else:
        _bring_identity_provider(keycloak, provider)
    if provider.state != ProviderState.ACTIVE:
        _sign_out_people(keycloak, provider)


def _bring_identity_provider(keycloak: Any, provider: IdentityProvider) -> None:
    have = _found(keycloak.get_idp, provider.alias)
    if provider.state != ProviderState.ACTIVE:
        if have is None:
            return
        if provider.state == ProviderState.REMOVED:
            _forget_people(keycloak, provider)
            keycloak.delete_idp(provider.alias)
        else:
            keycloak.update_idp(provider.alias, {**have, "enabled": False})  # it keeps the secret of the last that passed
        _bring_organization(keycloak, provider)
        return
    want = brokered.identity_provider(provider)
    if have is None:
        keycloak.create_idp(want)
    else:
        # the link to the organization lives in the row and its config: Keycloak drops what a PUT leaves out
        kept = {key: value for key, value in have["config"].items() if key.startswith("kc.org.")}
        keycloak.update_idp(provider.alias, {**have, **want, "config": {**want["config"], **kept}})
    _bring_mappers(keycloak, provider)
    _bring_organization(keycloak, provider)


def _bring_mappers(keycloak: Any, provider: IdentityProvider) -> None:
    have = {mapper["name"]: mapper for mapper in keycloak.get_idp_mappers(provider.alias)}
    want = {mapper["name"]: mapper for mapper in brokered.mappers(provider)}
    for name, mapper in want.items():
        if name not in have:
            keycloak.add_mapper_to_idp(provider.alias, mapper)
        elif any(have[name].get(key) != value for key, value in mapper.items()):
            keycloak.update_mapper_in_idp(provider.alias, have[name]["id"], {**mapper, "id": have[name]["id"]})
    for name in have.keys() - want.keys():
        path = f"identity-provider/instances/{provider.alias}/mappers/{have[name]['id']}"
        keycloak.connection.raw_delete(f"admin/realms/{keycloak.connection.realm_name}/{path}")


def _bring_organization(keycloak: Any, provider: IdentityProvider) -> None:
    """The organization at Keycloak with the domains of its providers in use: there too an address leads to its provider.

    It is never removed: Keycloak would delete everyone who came through it, and each would come back as somebody else.
    """
    organization = provider.organization
    alias = f"org-{organization.pk.hex}"
    held = ProviderDomain.objects.filter(provider__organization=organization, provider__state=ProviderState.ACTIVE)
    domains = [{"name": each.domain, "verified": False} for each in held.exclude(provider__protocol="ldap")]
    found = _organization(keycloak, alias)
    if found is None and not domains:
        return
    want = {"name": alias, "alias": alias, "enabled": True, "description": organization.name[:200], "domains": domains}
    if found is None:
        keycloak.create_organization(want)
        found = _organization(keycloak, alias) or {}
    else:
        keycloak.update_organization(found["id"], {**found, **want})
    _link(keycloak, provider, found["id"])


def _organization(keycloak: Any, alias: str) -> dict[str, Any] | None:
    return next((each for each in keycloak.get_organizations({"search": alias}) if each["alias"] == alias), None)


def _link(keycloak: Any, provider: IdentityProvider, organization_id: str) -> None:
    linked = {each["alias"] for each in keycloak.get_organization_idps(organization_id)}
    own = [each.domain for each in provider.domains.all()]
    if provider.state != ProviderState.ACTIVE or not own:
        if provider.alias in linked:
            keycloak.organization_idp_remove(organization_id, provider.alias)
        return
    if provider.alias not in linked:
        keycloak.organization_idp_add(organization_id, provider.alias)
    have = keycloak.get_idp(provider.alias)
    domain = {"kc.org.domain": own[0] if len(own) == 1 else "ANY", "kc.org.broker.redirect.mode.email-matches": "true"}
    if any(have["config"].get(key) != value for key, value in domain.items()):
        keycloak.update_idp(provider.alias, {**have, "config": {**have["config"], **domain}})


def _bring_directory(keycloak: Any, provider: IdentityProvider) -> None:
    found = _components(keycloak, provider.alias, "org.keycloak.storage.UserStorageProvider")
    have = next((each for each in found if each["name"] == provider.alias), None)
    if provider.state != ProviderState.ACTIVE:
        if have is None:
            return
        if provider.state == ProviderState.REMOVED:
            keycloak.delete_component(have["id"])
        else:
            keycloak.update_component(have["id"], {**have, "config": {**have["config"], "enabled": ["false"]}})
        return
    realm_id = keycloak.get_realm(keycloak.connection.realm_name)["id"]
    want = brokered.directory(provider, realm_id)
    if have is None:
        keycloak.create_component(want)
        found = _components(keycloak, provider.alias, "org.keycloak.storage.UserStorageProvider")
        have = next(each for each in found if each["name"] == provider.alias)
    else:
        keycloak.update_component(have["id"], {**have, **want, "config": {**have["config"], **want["config"]}})
    _bring_directory_people(keycloak, provider, have["id"])
    _bring_directory_groups(keycloak, provider, have["id"])


def _bring_directory_people(keycloak: Any, provider: IdentityProvider, component_id: str) -> None:
    """Keycloak makes its own mappers with the component; of most directories it takes the whole name for the first."""
    want, have = brokered.person_mappers(provider), keycloak.get_components({"parent": component_id})
    if brokered.PROVIDER not in {mapper["name"] for mapper in have}:
        keycloak.create_component(brokered.directory_mapper(provider, component_id))
    for mapper in have:
        attribute = want.get(mapper["name"])
        if attribute and mapper["config"].get("ldap.attribute") != [attribute]:
            keycloak.update_component(mapper["id"], {**mapper, "config": {**mapper["config"], "ldap.attribute": [attribute]}})


def _bring_directory_groups(keycloak: Any, provider: IdentityProvider, component_id: str) -> None:
    parent = _group(keycloak, None, brokered.DIRECTORIES)
    _group(keycloak, parent, provider.alias)
    query = {"parent": component_id, "name": "groups"}
    have = next((each for each in keycloak.get_components(query) if each["name"] == "groups"), None)
    if not provider.config.get("groups_dn"):
        if have is not None:
            keycloak.delete_component(have["id"])
        return
    want = brokered.group_mapper(provider, component_id)
    if have is None:
        keycloak.create_component(want)
    elif {**have["config"], **want["config"]} != have["config"]:
        keycloak.update_component(have["id"], {**have, **want})


def _group(keycloak: Any, parent: str | None, name: str) -> str:
    """The id of a group right below another, made where it is not there."""
    level = keycloak.get_group_children(parent) if parent else keycloak.get_groups({"search": name, "exact": "true"})
    found = next((each["id"] for each in level if each["name"] == name), None)
    return str(found or keycloak.create_group({"name": name}, parent=parent))


def _components(keycloak: Any, name: str, kind: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = keycloak.get_components({"name": name, "type": kind})
    return found


def _sign_out_people(keycloak: Any, provider: IdentityProvider) -> None:
    """End the sessions at Keycloak of people who came through it: there they would open the portal again."""
    issuer = provider.entity_id
    recent = Identity.objects.filter(provider=provider.alias, issuer=issuer, seen_at__gte=clock.now() - LONGEST_SESSION)
    for subject in recent.values_list("subject", flat=True).iterator():
        _found(keycloak.user_logout, subject)


def _forget_people(keycloak: Any, provider: IdentityProvider) -> None:
    """Delete the accounts at Keycloak that it made; nothing else opens them. One that bears another name is left."""
    first = 0
    while page := keycloak.get_users({"idpAlias": provider.alias, "first": first, "max": PAGE}):
        hers = [user["id"] for user in page if user["username"].startswith(f"{provider.alias}.")]
        for key in hers:
            _found(keycloak.delete_user, key)
        first += len(page) - len(hers)


def _found(call: Any, *args: Any) -> Any:
    """The answer, or None where Keycloak has no such thing."""
    try:
        return call(*args)
    except registry.named(ERROR) as error:
        if error.response_code == NOT_THERE:
            return None
        raise
