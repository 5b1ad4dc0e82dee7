"""Clients of a realm: what differs from its description."""

from collections.abc import Iterator
from functools import partial
from typing import TypeVar

from keycloak import KeycloakAdmin

from portal.core.errors import Refused
from portal.identity.realm.changes import Change, mappers, put, realm_of, theirs
from portal.identity.realm.description import Description, Json

Found = TypeVar("Found")


def clients(admin: KeycloakAdmin, wanted: Description) -> Iterator[Change]:
    """Clients with their mappers, their scopes, and the roles of their service accounts."""
    held = {client["clientId"]: client for client in admin.get_clients()}
    scopes = {scope["name"]: scope["id"] for scope in admin.get_client_scopes()}
    for name, body in wanted.clients.items():
        yield from _itself(admin, name, body, held.get(name))
        have = held.get(name) or _client(admin, name)
        if have:
            held[name] = have
        yield from _mappers(admin, name, body, have or {})
        yield from _scopes(admin, name, body, have or {}, scopes)
    for name, body in wanted.clients.items():
        for owner, roles in body.get("service_roles", {}).items():
            yield from _service_roles(admin, name, owner, roles, held)


def _itself(admin: KeycloakAdmin, name: str, body: Json, have: Json | None) -> Iterator[Change]:
    def update(full: Json) -> object:
        # Mappers have calls of their own; a list of them here would delete one that somebody added meanwhile
        return admin.update_client(full["id"], {key: value for key, value in full.items() if key != "protocolMappers"})

    want = {"clientId": name, "protocol": "openid-connect", **theirs("clients", body)}
    yield from put(f"client {name}", want, have, admin.create_client, update)


def _mappers(admin: KeycloakAdmin, name: str, body: Json, have: Json) -> Iterator[Change]:
    add, change = (partial(call, have.get("id", "")) for call in (admin.add_mapper_to_client, admin.update_client_mapper))
    yield from mappers(f"client {name}", body, have.get("protocolMappers", []), add, change)


def _scopes(admin: KeycloakAdmin, name: str, body: Json, have: Json, ids: dict[str, str]) -> Iterator[Change]:
    """Scopes are taken at creation and ignored by a PUT: each has a call of its own."""
    for kind in ("default", "optional"):
        for scope in sorted(set(body.get(f"{kind}_scopes", [])) - set(have.get(f"{kind}ClientScopes", []))):
            yield Change([f"client {name}: {kind} scopes + {scope}"], partial(_give_scope, admin, have, kind, scope, ids))


def _give_scope(admin: KeycloakAdmin, client: Json, kind: str, scope: str, ids: dict[str, str]) -> None:
    """A scope is either default or optional, so it stops being the other first."""
    key, scope_id = client["id"], _known(ids, scope, "scope")
    payload = {"realm": realm_of(admin), "client": key, "clientScopeId": scope_id}
    if kind == "default":
        if scope in client.get("optionalClientScopes", []):
            admin.delete_client_optional_client_scope(key, scope_id)
        admin.add_client_default_client_scope(key, scope_id, payload)
    else:
        if scope in client.get("defaultClientScopes", []):
            admin.delete_client_default_client_scope(key, scope_id)
        admin.add_client_optional_client_scope(key, scope_id, payload)


def _service_roles(admin: KeycloakAdmin, name: str, owner: str, roles: list[str], held: dict[str, Json]) -> Iterator[Change]:
    """The roles of `owner` that the service account of a client lacks."""
    owned_by = _known({key: client["id"] for key, client in held.items()}, owner, "client")
    account = admin.get_client_service_account_user(held[name]["id"])["id"] if name in held else ""
    given = {role["name"] for role in admin.get_client_roles_of_user(account, owned_by)} if account else set()
    if missing := sorted(set(roles) - given):

        def apply() -> None:
            known = {role["name"]: role for role in admin.get_client_roles(owned_by)}
            admin.assign_client_role(account, owned_by, [_known(known, role, "role") for role in missing])

        yield Change([f"client {name}: roles of {owner} + {', '.join(missing)}"], apply)


def _client(admin: KeycloakAdmin, name: str) -> Json | None:
    key = admin.get_client_id(name)
    return admin.get_client(key) if key else None


def _known(known: dict[str, Found], name: str, kind: str) -> Found:
    if name not in known:
        raise Refused(f"Keycloak has no {kind} {name}")
    return known[name]
