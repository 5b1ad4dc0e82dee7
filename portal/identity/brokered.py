"""A provider in Keycloak's words: what its identity provider, mappers or directory have to be. Plain data, no call.

Nothing here trusts an e-mail address. Keycloak's user is named after the provider and its own id for the person, so no
provider can name a user of another; addresses are never taken as verified; and the realm lets two people have one address
and joins no two accounts, so who asserts somebody else's address is a stranger with that address.
"""

from collections.abc import Mapping
from typing import Any

from portal.identity.models import IdentityProvider, ProviderState

FIRST_SIGN_IN = "first broker login without review"
GROUPS = "upstream_groups"
"""The attribute, and the claim, with the groups as the provider names them."""
PROVIDER = "upstream_provider"
"""The attribute, and the claim, with the alias that the groups are of; both are written together at each sign-in."""
Rep = dict[str, Any]


DIRECTORIES = "directories"
"""The group at Keycloak below which the groups of directories lie, each below one that bears the directory's alias."""


def groups_said(claims: Mapping[str, Any]) -> tuple[str, frozenset[str]]:
    """The alias of the provider that a token's groups are of, and the groups: ("", none) where no provider vouched.

    A provider's groups are good for its own organization alone, so the alias belongs to each of them.
    """
    alias, said = claims.get(PROVIDER), claims.get(GROUPS, [])
    if not isinstance(alias, str) or not alias:
        return "", frozenset()
    named = {str(name) for name in said} if isinstance(said, list) else {str(said)}
    below, paths = f"/{DIRECTORIES}/{alias}/", claims.get("groups", [])
    listed = {str(path) for path in paths} if isinstance(paths, list) else set()
    return alias, frozenset(named | {path.removeprefix(below) for path in listed if path.startswith(below)})


def identity_provider(provider: IdentityProvider) -> Rep:
    """What Keycloak calls an identity provider, for OIDC and SAML."""
    config = _oidc(provider) if provider.protocol == "oidc" else _saml(provider)
    return {
        "alias": provider.alias,
        "displayName": provider.name,
        "providerId": provider.protocol,
        "enabled": provider.state == ProviderState.ACTIVE,
        "hideOnLogin": True,
        "trustEmail": False,
        "storeToken": False,
        "linkOnly": False,
        "firstBrokerLoginFlowAlias": FIRST_SIGN_IN,
        "config": {"syncMode": "FORCE", "guiOrder": "", **config},
    }


def _oidc(provider: IdentityProvider) -> Rep:
    found, config = provider.found, provider.config
    return {
        "issuer": found["issuer"],
        "authorizationUrl": found["authorization_endpoint"],
        "tokenUrl": found["token_endpoint"],
        "jwksUrl": found["jwks_uri"],
        "userInfoUrl": found.get("userinfo_endpoint", ""),
        "disableUserInfo": "false" if found.get("userinfo_endpoint") else "true",
        "logoutUrl": found.get("end_session_endpoint", ""),
        "useJwksUrl": "true",
        "validateSignature": "true",
        "clientId": config["client_id"],
        "clientSecret": provider.open_secret()["client_secret"],
        "clientAuthMethod": found["client_auth"],
        "defaultScope": config.get("scopes") or "openid",
        "pkceEnabled": "true",
        "pkceMethod": "S256",
        "backchannelSupported": "true",
        "passMaxAge": "true",  # without it the upstream's old session answers when the portal asks for a fresh sign-in
    }


def _saml(provider: IdentityProvider) -> Rep:
    found, post = provider.found, "true" if provider.found["by_post"] else "false"
    formats = {
        "persistent": "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent",
        "unspecified": "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified",
        "emailAddress": "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress",
    }
    signs = "true" if found["wants_signed"] else "false"
    return {
        "entityId": provider.entity_id,
        "idpEntityId": found["entity_id"],
        "singleSignOnServiceUrl": found["sign_in_url"],
        "singleLogoutServiceUrl": found["sign_out_url"],
        "signingCertificate": ",".join(found["certificates"]),
        "validateSignature": "true",
        "wantAssertionsSigned": "true",
        "wantAuthnRequestsSigned": signs,
        "signatureAlgorithm": "RSA_SHA256",
        "nameIDPolicyFormat": formats[provider.config.get("name_id", "persistent")],
        "principalType": "SUBJECT",
        "postBindingAuthnRequest": post,
        "postBindingResponse": "true",
        "postBindingLogout": post,
        "backchannelSupported": "false",
        "allowCreate": "true",
        "allowedClockSkew": "5",
    }


def mappers(provider: IdentityProvider) -> list[Rep]:
    """What is taken over of a person, at each sign-in: address, names, groups, and whose groups these are."""
    config = provider.config
    if provider.protocol == "oidc":
        kind, key, name = "oidc-user-attribute-idp-mapper", "claim", "${ALIAS}.${CLAIM.sub}"
        given = {"email": "email", "firstName": "given_name", "lastName": "family_name", GROUPS: config.get("groups_claim")}
    else:
        kind, key, name = "saml-user-attribute-idp-mapper", "attribute.name", "${ALIAS}.${NAMEID}"
        given = {
            "email": config.get("email_attribute"),
            "firstName": config.get("first_name_attribute"),
            "lastName": config.get("last_name_attribute"),
            GROUPS: config.get("groups_attribute"),
        }
    made = [_mapper(provider, field, kind, {key: said, "user.attribute": field}) for field, said in given.items() if said]
    username = f"{provider.protocol}-username-idp-mapper"
    hers = {"attribute": PROVIDER, "attribute.value": provider.alias}
    return [
        *made,
        _mapper(provider, PROVIDER, "hardcoded-attribute-idp-mapper", hers),
        _mapper(provider, "username", username, {"template": name, "target": "LOCAL"}, mode="IMPORT"),
    ]


def _mapper(provider: IdentityProvider, name: str, kind: str, config: Rep, *, mode: str = "FORCE") -> Rep:
    return {
        "name": name,
        "identityProviderAlias": provider.alias,
        "identityProviderMapper": kind,
        "config": {"syncMode": mode, **config},
    }


def directory(provider: IdentityProvider, realm_id: str) -> Rep:
    """What Keycloak calls a user federation component, for LDAP. Nothing of a person is kept beyond her sign-in there."""
    config = provider.config
    said = {
        "enabled": "true" if provider.state == ProviderState.ACTIVE else "false",
        "vendor": config.get("vendor", "other"),
        "connectionUrl": config["url"],
        "startTls": "true" if config.get("starttls") else "false",
        "authType": "simple",
        "bindDn": config["bind_dn"],
        "bindCredential": provider.open_secret()["bind_password"],
        "usersDn": config["users_dn"],
        "searchScope": "2",
        "usernameLDAPAttribute": config.get("username_attribute", "uid"),
        "rdnLDAPAttribute": config.get("username_attribute", "uid"),
        "uuidLDAPAttribute": config.get("uuid_attribute", "entryUUID"),
        "userObjectClasses": config.get("object_classes", "inetOrgPerson"),
        "editMode": "READ_ONLY",
        "importEnabled": "true",
        "syncRegistrations": "false",
        "trustEmail": "false",
        "useTruststoreSpi": "always",
        "connectionPooling": "true",
        "connectionTimeout": "5000",
        "readTimeout": "10000",
        "pagination": "true",
        "batchSizeForSync": "1000",
        "fullSyncPeriod": "-1",
        "changedSyncPeriod": "-1",
        "cachePolicy": "NO_CACHE",  # a cached person keeps groups and refresh tokens after she left the directory
    }
    return {
        "name": provider.alias,
        "providerId": "ldap",
        "providerType": "org.keycloak.storage.UserStorageProvider",
        "parentId": realm_id,
        "config": {key: [value] for key, value in said.items()},
    }


def person_mappers(provider: IdentityProvider) -> Rep:
    """The attribute of each field of a person, by the name of the mapper that Keycloak makes with the component."""
    config = provider.config
    return {
        "email": config.get("email_attribute") or "mail",
        "first name": config.get("first_name_attribute") or "givenName",
        "last name": config.get("last_name_attribute") or "sn",
    }


def directory_mapper(provider: IdentityProvider, component_id: str) -> Rep:
    """Every person of a directory bears its alias, as those who come through a provider do."""
    return {
        "name": PROVIDER,
        "providerId": "hardcoded-attribute-mapper",
        "providerType": "org.keycloak.storage.ldap.mappers.LDAPStorageMapper",
        "parentId": component_id,
        "config": {"user.model.attribute": [PROVIDER], "attribute.value": [provider.alias]},
    }


def group_mapper(provider: IdentityProvider, component_id: str) -> Rep:
    """The groups of a directory, read as they are, below the one group that bears its alias."""
    said = {
        "groups.dn": provider.config["groups_dn"],
        "group.name.ldap.attribute": "cn",
        "group.object.classes": provider.config.get("group_class", "groupOfNames"),
        "preserve.group.inheritance": "false",
        "ignore.missing.groups": "false",
        "membership.ldap.attribute": "member",
        "membership.attribute.type": "DN",
        "membership.user.ldap.attribute": provider.config.get("username_attribute", "uid"),
        "mode": "READ_ONLY",
        "user.roles.retrieve.strategy": "LOAD_GROUPS_BY_MEMBER_ATTRIBUTE",
        "memberof.ldap.attribute": "memberOf",
        "drop.non.existing.groups.during.sync": "true",
        "groups.path": f"/{DIRECTORIES}/{provider.alias}",
    }
    return {
        "name": "groups",
        "providerId": "group-ldap-mapper",
        "providerType": "org.keycloak.storage.ldap.mappers.LDAPStorageMapper",
        "parentId": component_id,
        "config": {key: [value] for key, value in said.items()},
    }
