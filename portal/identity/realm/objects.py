"""Settings, client policies, scopes, roles and groups of a realm: what differs from its description."""

from collections.abc import Iterator
from functools import partial
from urllib.parse import quote

from keycloak import KeycloakAdmin

from portal.identity.realm import connection
from portal.identity.realm.changes import Change, found, mappers, put, realm_of, theirs
from portal.identity.realm.description import Description, Json


def settings(admin: KeycloakAdmin, wanted: Description) -> Iterator[Change]:
    """The realm itself. Its attributes are sent back whole: a PUT drops those that it does not name."""
    realm = realm_of(admin)
    have = found(partial(admin.get_realm, realm))
    want = {"realm": realm, **wanted.settings}
    yield from put(f"realm {realm}", want, have, admin.create_realm, partial(admin.update_realm, realm))


def client_policies(admin: KeycloakAdmin, wanted: Description) -> Iterator[Change]:
    """Profiles and policies for clients; each kind is one list, which is sent back whole."""
    for part, word, entries in (
        ("profiles", "client profile", wanted.client_profiles),
        ("policies", "client policy", wanted.client_policies),
    ):
        path = f"client-policies/{part}"
        held = {entry["name"]: entry for entry in connection.get(admin, path).get(part, [])}

        def write(full: Json, held: dict[str, Json] = held, path: str = path, part: str = part) -> None:
            held[full["name"]] = full
            connection.put(admin, path, {part: list(held.values())})

        for name, body in entries.items():
            yield from put(f"{word} {name}", {"name": name, **body}, held.get(name), write, write)


def scopes(admin: KeycloakAdmin, wanted: Description) -> Iterator[Change]:
    """Client scopes with their mappers."""
    held = {scope["name"]: scope for scope in admin.get_client_scopes()}
    for name, body in wanted.scopes.items():
        what = f"scope {name}"

        def update(full: Json) -> object:
            return admin.update_client_scope(full["id"], full)

        want = {"name": name, **theirs("scopes", body)}
        yield from put(what, want, held.get(name), admin.create_client_scope, update)
        have = held.get(name) or admin.get_client_scope_by_name(name) or {}
        add, change = (
            partial(call, have.get("id", ""))
            for call in (admin.add_mapper_to_client_scope, admin.update_mapper_in_client_scope)
        )
        yield from mappers(what, body, have.get("protocolMappers", []), add, change)


def roles(admin: KeycloakAdmin, wanted: Description) -> Iterator[Change]:
    """Roles of the realm."""
    held = {role["name"]: role for role in admin.get_realm_roles(brief_representation=False)}
    for name, body in wanted.roles.items():
        update = partial(admin.update_realm_role, name)
        yield from put(f"role {name}", {"name": name, **body}, held.get(name), admin.create_realm_role, update)


def groups(admin: KeycloakAdmin, wanted: Description) -> Iterator[Change]:
    """Groups with their parents, and the roles that each gives; roles it gives besides stay."""
    held = {path: group_at(admin, path) for path in with_parents(list(wanted.groups))}
    for path in held:
        if held[path] is None:
            above, _, name = path.rpartition("/")
            yield Change([f"group {path}: create"], partial(_create_group, admin, name, above))
            held[path] = group_at(admin, path)
    for path, body in wanted.groups.items():
        group = held[path]
        given = {role["name"] for role in admin.get_group_realm_roles(group["id"])} if group else set()
        if missing := sorted(set(body.get("roles", [])) - given):
            yield Change([f"group {path}: roles + {', '.join(missing)}"], partial(_give_roles, admin, path, missing))


def group_at(admin: KeycloakAdmin, path: str) -> Json | None:
    """The group at this path; a slash parts names, so one whose own name has a slash is never meant."""
    group: Json | None = found(partial(admin.get_group_by_path, quote(path, safe="/")))
    return group if group and group["name"] == path.rpartition("/")[2] else None


def with_parents(paths: list[str]) -> list[str]:
    """Each path once, a parent always before what is in it."""
    parts = [path.strip("/").split("/") for path in paths]
    return list(dict.fromkeys("/" + "/".join(names[:depth]) for names in parts for depth in range(1, len(names) + 1)))


def _create_group(admin: KeycloakAdmin, name: str, above: str) -> None:
    parent = group_at(admin, above) if above else None
    admin.create_group({"name": name}, parent=parent["id"] if parent else None)


def _give_roles(admin: KeycloakAdmin, path: str, names: list[str]) -> None:
    group = group_at(admin, path)
    if group:
        admin.assign_group_realm_roles(group["id"], [admin.get_realm_role(name) for name in names])
