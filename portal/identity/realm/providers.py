"""Sign-in flows, identity providers and organizations of a realm: what differs from its description."""

from collections.abc import Iterator
from functools import partial

from keycloak import KeycloakAdmin

from portal.core.errors import Refused
from portal.identity.realm import connection
from portal.identity.realm.changes import Change, found, put, theirs
from portal.identity.realm.description import Description, Json


def flows(admin: KeycloakAdmin, wanted: Description) -> Iterator[Change]:
    """Copies of flows, with other requirements for some of their steps."""
    held = {flow["alias"] for flow in admin.get_authentication_flows()}
    for alias, body in wanted.flows.items():
        if alias not in held:
            copy = partial(admin.copy_authentication_flow, {"newName": alias}, body["copy_of"])
            yield Change([f"flow {alias}: copy of {body['copy_of']}"], copy)
        steps = found(partial(admin.get_authentication_flow_executions, alias)) or []
        if steps:
            yield from _requirements(admin, alias, steps, body.get("requirements", {}))


def _requirements(admin: KeycloakAdmin, alias: str, steps: list[Json], wanted: dict[str, str]) -> Iterator[Change]:
    if missing := wanted.keys() - {step["displayName"] for step in steps}:
        raise Refused(f"flow {alias} has no step {', '.join(sorted(missing))}")
    for step in steps:
        name, have = step["displayName"], step["requirement"]
        if (want := wanted.get(name, have)) != have:
            change = partial(admin.update_authentication_flow_executions, step | {"requirement": want}, alias)
            yield Change([f"flow {alias}: {name}: {have} -> {want}"], change)


def identity_providers(admin: KeycloakAdmin, wanted: Description) -> Iterator[Change]:
    """Providers that the realm brokers, with their mappers. A changed secret is seen by nobody: Keycloak masks it."""
    for alias, body in wanted.identity_providers.items():
        have = found(partial(admin.get_idp, alias))
        want = {"alias": alias, **theirs("identity_providers", body)}
        create = partial(_create_provider, admin, body.get("import_from", ""))
        yield from put(f"identity provider {alias}", want, have, create, partial(admin.update_idp, alias))
        held = {mapper["name"]: mapper for mapper in found(partial(admin.get_idp_mappers, alias)) or []}
        for name, mapper in body.get("mappers", {}).items():

            def update(full: Json, alias: str = alias) -> object:
                return admin.update_mapper_in_idp(alias, full["id"], full)

            mapper = {"name": name, "identityProviderAlias": alias, **mapper}
            add = partial(admin.add_mapper_to_idp, alias)
            yield from put(f"identity provider {alias} mapper {name}", mapper, held.get(name), add, update)


def _create_provider(admin: KeycloakAdmin, source: str, want: Json) -> None:
    """With what its own metadata say, and the description laid over it."""
    body = {"providerId": want.get("providerId"), "fromUrl": source}
    config = connection.post(admin, "identity-provider/import-config", body) if source else {}
    admin.create_idp(want | {"config": config | want.get("config", {})})


def organizations(admin: KeycloakAdmin, wanted: Description) -> Iterator[Change]:
    """Organizations with their domains and the providers that serve them; other providers of theirs stay."""
    if not wanted.organizations:
        return
    held = _organizations(admin)
    for alias, body in wanted.organizations.items():
        have = admin.get_organization(held[alias]) if alias in held else None
        want = {"alias": alias, "name": alias, **_lowered(theirs("organizations", body))}

        def update(full: Json) -> object:
            return admin.update_organization(full["id"], full)

        yield from put(f"organization {alias}", want, have, admin.create_organization, update)
        key = held.get(alias) or _organizations(admin).get(alias, "")
        linked = {provider["alias"] for provider in admin.get_organization_idps(key)} if key else set()
        for provider in sorted(set(body.get("identity_providers", [])) - linked):
            link = partial(admin.organization_idp_add, key, provider)
            yield Change([f"organization {alias}: identity provider + {provider}"], link)


def _organizations(admin: KeycloakAdmin) -> dict[str, str]:
    return {organization["alias"]: organization["id"] for organization in admin.get_organizations()}


def _lowered(body: Json) -> Json:
    """Keycloak writes domains in lower case."""
    if "domains" not in body:
        return body
    return body | {"domains": [domain | {"name": domain["name"].lower()} for domain in body["domains"]]}
