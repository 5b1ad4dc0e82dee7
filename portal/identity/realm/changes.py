"""A difference and the one call that settles it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from keycloak import KeycloakAdmin
from keycloak.exceptions import KeycloakGetError

from portal.identity.realm.compare import differs, merge
from portal.identity.realm.description import OURS, Json


@dataclass(frozen=True)
class Change:
    """Lines for the operator, and the call after which they would not come again.

    The functions of this package yield changes while they read; whoever runs them applies each before asking for the
    next, or none at all. What they need of a new object they read after it was applied, and do without when only looking.
    """

    lines: list[str]
    apply: Callable[[], object]


def put(
    what: str, want: Json, have: Json | None, create: Callable[[Json], object], update: Callable[[Json], object]
) -> Iterator[Change]:
    """Nothing when `have` is as wanted, else its creation or its update."""
    if have is None:
        yield Change([f"{what}: create"], partial(create, want))
    elif lines := differs(want, have):
        yield Change([f"{what}: {line}" for line in lines], partial(update, merge(have, want)))


def mappers(
    what: str, body: Json, have: list[Json], create: Callable[[Json], object], update: Callable[[str, Json], object]
) -> Iterator[Change]:
    """The protocol mappers of a scope or client, by name; others that it has stay."""
    held = {mapper["name"]: mapper for mapper in have}
    for name, mapper in body.get("mappers", {}).items():
        want = {"name": name, "protocol": body.get("protocol", "openid-connect"), **mapper}
        yield from put(f"{what} mapper {name}", want, held.get(name), create, lambda full: update(full["id"], full))


def theirs(section: str, body: Json) -> Json:
    """The part of a description that Keycloak knows."""
    return {key: value for key, value in body.items() if key not in OURS[section]}


def found(read: Callable[[], Any]) -> Any:
    """What a read gives, or None when it is not there."""
    try:
        return read()
    except KeycloakGetError as error:
        if error.response_code == 404:
            return None
        raise


def realm_of(admin: KeycloakAdmin) -> str:
    """The realm that this connection is for."""
    return str(admin.connection.realm_name)
