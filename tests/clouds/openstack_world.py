"""A small OpenStack for tests: two projects, groups with roles in them, and the portal's own application credential."""

import sqlite3
import subprocess
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests

from portal.clouds.adapters.openstack import OpenStack
from portal.clouds.base import Account, Secret
from portal.clouds.leases import LeaseAsk, LeaseGiven
from tests.keystone_server import Keystone
from tests.realms import Realm

EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"
PROVIDER = "OS-FEDERATION/identity_providers/keycloak"
ADMINS, READERS = "/cloud/admins", "/cloud/readers"


@dataclass(frozen=True)
class World:
    """`web` is a project that /cloud/admins is a member of; `vault` one of their admin role alone; `empty` one of nobody's."""

    keystone: Keystone
    realm: Realm
    domain: str
    web: str
    vault: str
    empty: str
    admins: str
    keys: dict[str, str]
    kept: dict[str, Any] = field(default_factory=dict)

    def adapter(self, **config: Any) -> OpenStack:
        where = {"auth_url": self.keystone.url, "identity_provider": "keycloak", "protocol": "openid", **config}
        return OpenStack(Account(where, self.keys, "north", ("127.0.0.0/8",)))

    def alices(self) -> str:
        """A token of alice for Keystone that is good for some minutes."""
        if "token" not in self.kept or time.monotonic() - self.kept["at"] > 60:
            self.kept.update(token=self.token("alice"), at=time.monotonic())
        return str(self.kept["token"])

    def token(self, username: str, groups: tuple[str, ...] = (ADMINS,)) -> str:
        """Hers for Keystone: signed in at the realm, and exchanged."""
        hers = self.realm.tokens(self.realm.person(username, groups=groups))["access_token"]
        form = {"grant_type": EXCHANGE, "subject_token": hers, "subject_token_type": ACCESS_TOKEN}
        form |= {"requested_token_type": ACCESS_TOKEN, "scope": "to-keystone", "audience": "keystone"}
        return str(self.realm.ask_tokens(**form)["access_token"])

    def ask(self, key: str, token: str, **more: Any) -> LeaseAsk:
        until = more.pop("until", datetime.now(UTC) + timedelta(minutes=10))
        return LeaseAsk(key, more.pop("target", self.web), until, "alice", Secret(token), **more)

    def credentials_of(self, given: LeaseGiven) -> list[dict[str, Any]]:
        """What the holder of a lease has at Keystone."""
        path = f"users/{given.id.partition('/')[0]}/application_credentials"
        found: list[dict[str, Any]] = self.keystone.ask("GET", path)["application_credentials"]
        return found

    def named(self, name: str) -> list[str]:
        """The credentials of this name, whoever has them."""
        with closing(sqlite3.connect(self.keystone.home / "keystone.db", timeout=30)) as link:
            rows = link.execute("SELECT id FROM application_credential WHERE name = ?", (name,)).fetchall()
        return [id for (id,) in rows]

    def notes(self, name: str) -> int:
        """How many there are of this lease."""
        return len(self.keystone.ask("GET", f"groups?name={name}")["groups"])

    def opened(self, given: LeaseGiven) -> str:
        """A token had with what was lent; raises where it opens nothing."""
        keys = {name: given.env[f"OS_APPLICATION_CREDENTIAL_{name.upper()}"].reveal() for name in ("id", "secret")}
        return self.keystone.token_for({"methods": ["application_credential"], "application_credential": keys})

    def let_pass(self, given: LeaseGiven) -> None:
        """Let the end of a lease come, by moving it in Keystone's database."""
        with closing(sqlite3.connect(self.keystone.home / "keystone.db", timeout=30)) as link, link:
            moved = link.execute(
                "UPDATE application_credential SET expires_at = 1 WHERE name = ?", (given.id.partition("/")[2],)
            )
        assert moved.rowcount == 1

    def with_client(self, program: str, **environment: str) -> str:
        """What a program says that uses the SDK of OpenStack's own people."""
        command = [self.keystone.python, "-c", f"import openstack; {program}"]
        done = subprocess.run(command, env={"PATH": "/usr/bin", **environment}, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()


def build(keystone: Keystone, realm: Realm) -> World:
    """Fill an empty Keystone."""
    ask = keystone.ask
    domain = ask("POST", "domains", {"domain": {"name": "people"}})["domain"]["id"]
    projects = {name: make_project(keystone, name, domain) for name in ("web", "vault", "empty")}
    roles = {role["name"]: role["id"] for role in ask("GET", "roles")["roles"]}
    groups = {}
    for name in ("cloud-admins", "cloud-readers", "by-hand"):
        groups[name] = ask("POST", "groups", {"group": {"name": name, "domain_id": domain}})["group"]["id"]
    for project, group, role in (
        ("web", "cloud-admins", "member"),
        ("web", "by-hand", "manager"),
        ("vault", "cloud-admins", "admin"),
        ("empty", "by-hand", "member"),
    ):
        ask("PUT", f"projects/{projects[project]}/groups/{groups[group]}/roles/{roles[role]}")
    federate(keystone, realm.issuer, domain, {ADMINS: groups["cloud-admins"], READERS: groups["cloud-readers"]})
    keys = portal_keys(keystone)
    return World(keystone, realm, domain, *projects.values(), admins=groups["cloud-admins"], keys=keys)


def make_project(keystone: Keystone, name: str, domain: str, **more: Any) -> str:
    made = keystone.ask("POST", "projects", {"project": {"name": name, "domain_id": domain, **more}})
    return str(made["project"]["id"])


def federate(keystone: Keystone, issuer: str, domain: str, groups: dict[str, str]) -> None:
    """Let in people of this issuer who are in one of these groups of the realm, as members of groups of Keystone."""
    rules = [
        {
            "local": [{"user": {"name": "{0}"}, "group": {"id": id}}],
            "remote": [{"type": "OIDC_CLAIM_sub"}, {"type": "OIDC_CLAIM_groups", "any_one_of": [path]}],
        }
        for path, id in groups.items()
    ]
    keystone.ask("PUT", "OS-FEDERATION/mappings/keycloak", {"mapping": {"rules": rules}})
    provider = {"enabled": True, "remote_ids": [issuer], "domain_id": domain, "authorization_ttl": 60}
    keystone.ask("PUT", PROVIDER, {"identity_provider": provider})
    keystone.ask("PUT", f"{PROVIDER}/protocols/openid", {"protocol": {"mapping_id": "keycloak"}})


def portal_keys(keystone: Keystone, *, role: str = "admin", **more: Any) -> dict[str, str]:
    """An application credential as the page of a connection says to make it."""
    roles = {one["name"]: one["id"] for one in keystone.ask("GET", "roles")["roles"]}
    project = keystone.ask("GET", "projects?name=admin")["projects"][0]["id"]
    name = f"concord-{role}-{len(keystone.ask('GET', 'users')['users'])}"
    user = {"name": name, "domain_id": "default", "password": "of-the-portal"}
    id = keystone.ask("POST", "users", {"user": user})["user"]["id"]
    keystone.ask("PUT", f"projects/{project}/users/{id}/roles/{roles[role]}")
    identity = {"methods": ["password"], "password": {"user": {"id": id, "password": "of-the-portal"}}}
    token = keystone.token_for(identity, {"project": {"id": project}})
    wanted = {"name": "concord", "unrestricted": True, "roles": [{"name": role}], **more}
    path = f"users/{id}/application_credentials"
    made = keystone.ask("POST", path, {"application_credential": wanted}, token=token)["application_credential"]
    return {"application_credential_id": made["id"], "application_credential_secret": made["secret"]}


def refused(call: Callable[[], Any]) -> int:
    """The status that Keystone refuses a call with."""
    with pytest.raises(requests.HTTPError) as caught:
        call()
    assert caught.value.response is not None
    return caught.value.response.status_code
