"""What each kind of identity provider needs to be told, as JSON Schema: forms, API and checks read the same."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as translate
from django.utils.translation import gettext_noop as _

from portal.core.schema import Schema

LONGEST_METADATA = 200_000
ONE_LINE = r"^[^\x00-\x1f\x7f]*$(?!\n)"
ANYTHING = r"^[^\x00]*$"


@dataclass(frozen=True, slots=True)
class Protocol:
    """One way to vouch for people. `config` is shown again, `secret` never; `checks` run in this order."""

    key: str
    name: str
    says: str
    config: Schema
    secret: Schema
    checks: tuple[str, ...]


def text(
    title: str,
    description: str = "",
    *,
    default: str = "",
    longest: int = 200,
    labels: Mapping[str, str] | None = None,
    **more: Any,
) -> dict[str, Any]:
    """A line of text; with `enum` a choice, whose words are `labels`."""
    part: dict[str, Any] = {"type": "string", "title": title, "maxLength": longest, "pattern": ONE_LINE, **more}
    said = {"description": description, "default": default, "x-labels": labels}
    return {**part, **{name: value for name, value in said.items() if value}}


def sheet(title: str, needed: list[str], **fields: Mapping[str, Any]) -> Schema:
    """A form with its fields; no other is known."""
    return {"title": title, "type": "object", "additionalProperties": False, "required": needed, "properties": fields}


OIDC = Protocol(
    key="oidc",
    name=_("OpenID Connect"),
    says=_(
        "For Microsoft Entra ID, Google Workspace, Okta, another Keycloak: you register Concord there and paste an id and a secret here."
    ),
    config=sheet(
        _("The provider"),
        ["issuer", "client_id"],
        issuer=text(
            _("Issuer address"), _("Without /.well-known at its end; Concord reads the rest from there."), longest=400
        ),
        client_id=text(_("Client id")),
        scopes=text(_("Scopes"), _("Parted by spaces."), default="openid profile email"),
        groups_claim=text(_("Claim with the groups"), _("Empty: no groups are taken over."), default="groups"),
    ),
    secret=sheet(
        _("The client's secret"),
        ["client_secret"],
        client_secret=text(_("Client secret"), writeOnly=True, longest=1000),
    ),
    checks=("address", "discovery", "issuer", "endpoints", "keys", "client"),
)
SAML = Protocol(
    key="saml",
    name="SAML 2.0",
    says=_("For ADFS and other SAML services: you give them Concord's metadata, and Concord theirs."),
    config=sheet(
        _("The provider"),
        [],
        metadata_url=text(
            _("Address of its metadata"), _("Read again each hour, so that new certificates are taken over."), longest=400
        ),
        metadata=text(
            _("Or its metadata, pasted"),
            _("The XML document, where no address gives it."),
            longest=LONGEST_METADATA,
            pattern=ANYTHING,
        ),
        email_attribute=text(_("Attribute with the e-mail address"), default="email"),
        first_name_attribute=text(_("Attribute with the first name"), default="givenName"),
        last_name_attribute=text(_("Attribute with the last name"), default="surname"),
        groups_attribute=text(_("Attribute with the groups"), _("Empty: no groups are taken over."), default="groups"),
        name_id=text(
            _("What names a person"),
            _("It must stay the same for a person for ever; an e-mail address does not."),
            default="persistent",
            enum=["persistent", "unspecified", "emailAddress"],
            labels={
                "persistent": _("Persistent id"),
                "unspecified": _("As the provider chooses"),
                "emailAddress": _("E-mail address"),
            },
        ),
    ),
    secret=sheet(_("The secret"), []),
    checks=("address", "metadata", "endpoints", "certificate"),
)
LDAP = Protocol(
    key="ldap",
    name=_("LDAP directory"),
    says=_(
        "For Active Directory, OpenLDAP and others that Keycloak can reach: people type their name and directory password."
    ),
    config=sheet(
        _("The directory"),
        ["url", "bind_dn", "users_dn"],
        url=text(_("Address"), _("ldaps://host:636, or ldap://host:389 with StartTLS."), longest=400),
        starttls={"type": "boolean", "title": _("Use StartTLS"), "default": False},
        vendor=text(
            _("Kind of directory"),
            default="other",
            enum=["other", "ad"],
            labels={"other": _("OpenLDAP or another"), "ad": _("Active Directory")},
        ),
        bind_dn=text(_("Account that reads"), _("Its distinguished name; it needs to read, not to write."), longest=400),
        users_dn=text(_("Where people are"), _("For example ou=people,dc=example,dc=org."), longest=400),
        groups_dn=text(_("Where groups are"), _("Empty: no groups are taken over."), longest=400),
        username_attribute=text(_("Attribute with the sign-in name"), default="uid"),
        uuid_attribute=text(_("Attribute that never changes"), default="entryUUID"),
        email_attribute=text(_("Attribute with the e-mail address"), default="mail"),
        first_name_attribute=text(_("Attribute with the first name"), default="givenName"),
        last_name_attribute=text(_("Attribute with the last name"), default="sn"),
        object_classes=text(_("Object classes of a person"), default="inetOrgPerson"),
        group_class=text(_("Object class of a group"), default="groupOfNames"),
    ),
    secret=sheet(
        _("The account's password"),
        ["bind_password"],
        bind_password=text(_("Password"), writeOnly=True, longest=1000),
    ),
    checks=("address", "encrypted", "connect", "bind"),
)
PROTOCOLS: dict[str, Protocol] = {protocol.key: protocol for protocol in (OIDC, SAML, LDAP)}

CHECKS: dict[str, str] = {
    "address": _("The address may be called"),
    "discovery": _("It answers with its description"),
    "issuer": _("The description names the same issuer"),
    "endpoints": _("All its addresses are https and may be called"),
    "keys": _("It publishes keys to check signatures with"),
    "client": _("It accepts the client id and secret"),
    "metadata": _("Its metadata can be read"),
    "certificate": _("Its certificate signs, and has not expired"),
    "encrypted": _("The way there is encrypted"),
    "connect": _("Keycloak reaches it"),
    "bind": _("It accepts the account and its password"),
}


def check_label(name: str) -> str:
    """What a check shows, in words."""
    return translate(CHECKS[name]) if name in CHECKS else name


def in_words(schema: Any) -> Any:
    """A schema with titles, descriptions and labels in the reader's language."""
    if isinstance(schema, list):
        return [in_words(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    spoken: dict[str, Any] = {}
    for name, part in schema.items():
        if name in ("title", "description") and isinstance(part, str):
            spoken[name] = translate(part)
        elif name == "x-labels":
            spoken[name] = {key: translate(label) for key, label in part.items()}
        else:
            spoken[name] = in_words(part)
    return spoken
