"""A company with a sign-in of its own: another realm of the run's Keycloak, which vouches for its people."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.keycloak import RunningKeycloak
from tests.realms import Realm

DOMAIN = "partner.example"
GROUP = "cloud-members"
CLIENT = "concord"


@dataclass(frozen=True)
class Company:
    """What its administrator tells ours, and what he does at his side."""

    realm: Realm
    secret: str = field(repr=False)

    def enter(self, redirect_address: str, logout_address: str) -> None:
        """Enter at the client what Concord's page and the guide say."""
        key = self.realm.admin.get_client_id(CLIENT)
        told = {"redirectUris": [redirect_address], "attributes": {"backchannel.logout.url": logout_address}}
        self.realm.admin.update_client(key, told)

    def zoe(self, *groups: str) -> str:
        """zoe is in exactly these groups from now on; her id there."""
        return self.realm.person("zoe", groups=groups, email=f"zoe@{DOMAIN}", firstName="Zoe", lastName="Zander").id


@contextmanager
def open_company(keycloak: RunningKeycloak) -> Iterator[Company]:
    """The company with a client for Concord, as docs/identity.md says of Keycloak; gone at the end."""
    realm, secret = Realm(keycloak.url, keycloak.admin_client_id, keycloak.admin_client_secret), secrets.token_urlsafe(24)
    groups = {"claim.name": "groups", "full.path": "false", "id.token.claim": "true", "userinfo.token.claim": "true"}
    mapper = {
        "name": "groups",
        "protocol": "openid-connect",
        "protocolMapper": "oidc-group-membership-mapper",
        "config": groups,
    }
    client = {"clientId": CLIENT, "secret": secret, "redirectUris": [], "protocolMappers": [mapper]}
    client |= {"attributes": {"backchannel.logout.session.required": "true"}}
    realm.master.create_realm({"realm": realm.name, "enabled": True, "displayName": "Partner", "clients": [client]})
    try:
        yield Company(realm, secret)
    finally:
        realm.master.delete_realm(realm.name)
