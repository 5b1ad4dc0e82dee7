"""Application credentials that Keystone lends: a person's token becomes one of a project, and that a credential with an end.

What stays in the cloud carries the name of the lease. Keystone finds a credential only below its owner, whom nobody knows when
the answer was lost; so before it is made, a note says for whom: a group of the same name, without members or roles, since
Keystone's store of secrets is closed to application credentials.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

import yaml

from portal.clouds.adapters.keystone import Json, Keystone, Refusal, moment, part
from portal.clouds.adapters.keystone_projects import NEVER_LENT
from portal.clouds.base import Account, CloudError, Secret
from portal.clouds.base import marked as _
from portal.clouds.leases import LeaseAsk, LeaseGiven
from portal.clouds.names import short_key

OPTIONS: dict[str, Any] = {
    "title": _("Access to the project"),
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "access": {
            "type": "string",
            "title": _("Access"),
            "description": _("Reading alone, or all that the person's roles allow, but never the role admin."),
            "enum": ["read", "write"],
            "default": "read",
        },
        "services": {
            "type": "string",
            "title": _("Services"),
            "description": _(
                "Types from the cloud's catalogue, parted by commas, such as compute, network. Empty means all."
            ),
            "pattern": "^[a-z0-9-]*(\\s*,\\s*[a-z0-9-]+)*$(?!\\n)",
            "maxLength": 200,
            "default": "",
        },
    },
}
PREFIX = "concord-"
FORGETFUL = (
    "Keystone forgets the groups of people at once, so it makes them no credential: the provider has no authorization_ttl."
)
METHODS = {"read": ("GET", "HEAD"), "write": ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")}


def lend(keystone: Keystone, ask: LeaseAsk) -> LeaseGiven:
    """The application credential of this lease, made anew, for as long as Keystone lets it live."""
    if ask.token is None:
        raise CloudError("Keystone lends to people of its identity provider only.", retry=False, kind="permission")
    portal, name = keystone.as_portal(), name_of(ask.key)
    assert portal.token
    if ask.until <= portal.token.begins:  # Keystone's clock is the one that ends it
        raise CloudError("The lease would have ended before it began.", retry=False, kind="refused")
    provider = identity_provider(portal)
    find_project(portal, ask.target)
    person = let_in(keystone, ask)
    project = in_project(person, ask.target)
    assert person.token
    assert project.token
    end_of_key(portal, name)
    note(portal, name, project.token.user, str(provider["domain_id"]))
    ends = min(ask.until, latest_end(provider, person.token.begins))
    try:
        made = make(project, name, ends, ask)
    except Refusal as refusal:
        if refusal.status != 400 or provider.get("authorization_ttl"):
            raise
        raise CloudError(FORGETFUL, retry=False, kind="refused") from None
    return given(portal.account, project.token.user, name, made)


def end(portal: Keystone, id: str) -> None:
    """End what was lent under this id, or under this key, whoever holds it; other credentials are left alone."""
    owner, slash, name = id.partition("/")
    if slash and name.startswith(PREFIX):
        remove(portal, owner, name)
        end_of_key(portal, name)
    else:
        end_of_key(portal, name_of(id))


def name_of(key: str) -> str:
    """What the credential of a key is called."""
    return f"{PREFIX}{short_key(key, 56)}"


# How it is done, in the order of a lease.


def identity_provider(portal: Keystone) -> Json:
    """The identity provider in Keystone's own words; nobody's token is sent to one that is disabled."""
    name = str(portal.account.config["identity_provider"])
    provider = portal.read("OS-FEDERATION", "identity_providers", name, name="identity_provider")
    if not provider.get("enabled"):
        raise CloudError(f"The identity provider {name} is disabled in Keystone.", retry=False, kind="permission")
    return provider


def find_project(portal: Keystone, id: str) -> None:
    """Fail unless there is such a project, and it is in use."""
    try:
        project = portal.read("projects", id, name="project")
    except Refusal as refusal:
        if refusal.status == 404:
            raise CloudError(f"There is no project {id[:80]}.", retry=False, kind="not_found") from None
        raise
    if not project.get("enabled", True):
        raise CloudError("The project is disabled in Keystone.", retry=False, kind="refused")


def let_in(keystone: Keystone, ask: LeaseAsk) -> Keystone:
    """As the person, in no project yet."""
    assert ask.token
    config = keystone.account.config
    way = ("identity_providers", str(config["identity_provider"]), "protocols", str(config["protocol"]), "auth")
    try:
        answer = keystone.call("POST", "OS-FEDERATION", *way, Authorization=f"Bearer {ask.token.reveal()}")
    except Refusal as refusal:
        words = "Keystone does not let this person in: her token does not hold there, or none of her groups may."
        raise kept_out(refusal, words) from None
    return keystone.holding(answer)


def in_project(person: Keystone, project: str) -> Keystone:
    """As the person in the project."""
    assert person.token
    identity = {"methods": ["token"], "token": {"id": person.token.id}}
    try:
        return person.signed_in(identity, {"project": {"id": project}})
    except Refusal as refusal:
        raise kept_out(refusal, "None of this person's groups has a role in the project.") from None


def kept_out(refusal: Refusal, words: str) -> Exception:
    """A refusal of the person in our words; Keystone answers 401 for all of them, and it is not the portal's credentials."""
    if refusal.status in (401, 403):
        return CloudError(words, retry=False, kind="permission")
    return refusal


def latest_end(provider: Json, begins: datetime) -> datetime:
    """When Keystone forgets the groups she signed in with, and with them what her credential may do."""
    minutes = provider.get("authorization_ttl")
    return begins + timedelta(minutes=minutes) if minutes else datetime.max.replace(tzinfo=UTC)


def make(project: Keystone, name: str, ends: datetime, ask: LeaseAsk) -> Json:
    """The credential, with each of her roles but one, and rules where less than all was asked for."""
    assert project.token
    roles = [{"id": id} for role, id in project.token.roles.items() if role != NEVER_LENT]
    if not roles:
        raise CloudError("Only the role admin can be had there, which is never lent.", retry=False, kind="permission")
    wanted: dict[str, Any] = {
        "name": name,
        "description": f"Lent by Concord to {ask.person[:64]}",
        "expires_at": ends.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f"),
        "roles": roles,
        "unrestricted": False,  # else it could make others, without an end
    }
    if rules := rules_of(ask, project.token.services):
        wanted["access_rules"] = rules
    path = ("users", project.token.user, "application_credentials")
    made: Json = part(project.call("POST", *path, body={"application_credential": wanted}), "application_credential", dict)
    return made


def rules_of(ask: LeaseAsk, services: tuple[str, ...]) -> list[dict[str, str]]:
    """What the credential may call; empty where it may call everything that the roles allow."""
    access, named = ask.options.get("access", "read"), str(ask.options.get("services", ""))
    chosen = [one.strip() for one in named.split(",") if one.strip()]
    if access == "write" and not chosen:
        return []
    methods = METHODS["write" if access == "write" else "read"]
    return [{"service": one, "method": method, "path": "/**"} for one in chosen or services for method in methods]


def given(account: Account, user: str, name: str, made: Json) -> LeaseGiven:
    """What OpenStack's clients read, as variables and as an entry of clouds.yaml."""
    keys = {"application_credential_id": str(made["id"]), "application_credential_secret": str(made["secret"])}
    auth = {"auth_url": str(account.config["auth_url"]), **keys}
    region = account.region if account.region != "home" else ""
    words = {"auth_type": "v3applicationcredential", "interface": "public", "identity_api_version": "3"}
    words |= {"region_name": region} if region else {}
    env = {f"OS_{word.upper()}": Secret(text) for word, text in {**words, **auth}.items()}
    entry = {**words, "identity_api_version": 3, "auth": auth}
    profile = Secret(yaml.safe_dump({"clouds": {name: entry}}, sort_keys=False))
    trust = "--os-cacert FILE " if account.config.get("ca_certificate") else ""
    use = f"openstack {trust}--os-cloud {name} server list"
    path = "~/.config/openstack/clouds.yaml"
    return LeaseGiven(f"{user}/{name}", moment(made["expires_at"]), env, profile, path, use)


# What is left of it in the cloud.


def note(portal: Keystone, name: str, user: str, domain: str) -> None:
    """Write down for whom a credential of this name is made."""
    portal.call("POST", "groups", body={"group": {"name": name, "domain_id": domain, "description": user}})


def end_of_key(portal: Keystone, name: str) -> None:
    """Remove what notes of this name lead to, and then the notes."""
    found, _whole = portal.listed("groups", name=name)
    for one in (one for one in found if one.get("name") == name):
        remove(portal, str(one.get("description", "")), name)
        gone(portal, "groups", str(one["id"]))


def remove(portal: Keystone, user: str, name: str) -> None:
    """Delete what this user has of this name; its tokens end with it."""
    path = ("users", user, "application_credentials")
    try:
        found, _whole = portal.listed(*path)
    except Refusal as refusal:
        if refusal.status != 404:
            raise
        return
    for one in (one for one in found if one.get("name") == name):
        gone(portal, *path, str(one["id"]))


def gone(portal: Keystone, *path: str) -> None:
    """Delete it; gone already is no error."""
    try:
        portal.call("DELETE", *path)
    except Refusal as refusal:
        if refusal.status != 404:
            raise
