"""OpenStack, its identity service alone: whom it lets in, and credentials lent to them. Servers are not offered yet."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar
from urllib.parse import urlsplit

from portal.clouds.adapters import keystone_leases, keystone_projects, wire
from portal.clouds.adapters.keystone import Keystone, Refusal, opened
from portal.clouds.base import Account, Check, Choice, CloudError, Limit, Listing, Region, Rung
from portal.clouds.base import marked as _
from portal.clouds.calls import asked
from portal.clouds.leases import LeaseAsk, LeaseGiven, LeaseTarget

ADMIN = "admin"
SETUP = """openstack user create concord --password-prompt
openstack role add --user concord --project admin admin
# then as concord, in the project admin:
openstack application credential create concord --role admin --unrestricted"""


class OpenStack:
    """One OpenStack cloud, by its Keystone."""

    kind: ClassVar[str] = "openstack"
    label: ClassVar[str] = "OpenStack"
    capabilities: ClassVar[tuple[str, ...]] = ()
    lacks: ClassVar[Mapping[str, str]] = {
        "compute": _("Servers are not connected yet; people may lease credentials of a project."),
        "database": _("Databases come from a managed PostgreSQL server; Trove is not connected."),
        "volume": _("Volumes are not connected yet."),
        "object_store": _("Buckets are not connected yet."),
        "container": _("Containers are not connected yet."),
        "function": _("OpenStack has no functions to give."),
    }
    config: ClassVar[Mapping[str, Any]] = {
        "title": _("Cloud"),
        "type": "object",
        "additionalProperties": False,
        "required": ["auth_url", "identity_provider", "protocol"],
        "properties": {
            "auth_url": {
                "type": "string",
                "title": _("Address of Keystone"),
                "description": _("As clients write it in OS_AUTH_URL, such as https://cloud.example.com:5000/v3."),
                "pattern": "^https?://[^\\s/@?#]+(/[\\w.-]+)*/?$(?!\\n)",
                "maxLength": 300,
            },
            "identity_provider": {
                "type": "string",
                "title": _("Identity provider"),
                "description": _("The name that Keystone knows the provider of your people by."),
                "pattern": "^[\\w.-]+$(?!\\n)",
                "default": "keycloak",
                "maxLength": 64,
            },
            "protocol": {
                "type": "string",
                "title": _("Protocol"),
                "description": _("The protocol of that provider in Keystone."),
                "pattern": "^[\\w.-]+$(?!\\n)",
                "default": "openid",
                "maxLength": 64,
            },
            "regions": {
                "type": "string",
                "title": _("Region"),
                "description": _("The region that clients are to use. Empty where the cloud has one only."),
                "pattern": "^[\\w.-]*$(?!\\n)",
                "maxLength": 100,
            },
            "ca_certificate": {
                "type": "string",
                "title": _("CA certificate"),
                "description": _("In PEM, where Keystone's certificate is not of a public authority; trusted besides those."),
                "pattern": "^\\s*-----BEGIN CERTIFICATE-----",
                "maxLength": 10000,
            },
        },
    }
    credentials: ClassVar[Mapping[str, Any]] = {
        "title": _("Application credential of an administrator"),
        "type": "object",
        "additionalProperties": False,
        "required": ["application_credential_id", "application_credential_secret"],
        "properties": {
            "application_credential_id": {
                "type": "string",
                "title": _("ID"),
                "pattern": "^[A-Za-z0-9]{4,64}$(?!\\n)",
                "maxLength": 64,
            },
            "application_credential_secret": {
                "type": "string",
                "title": _("Secret"),
                "description": _("Kept encrypted, and never shown again."),
                "writeOnly": True,
                "minLength": 4,
                "maxLength": 300,
            },
        },
    }
    # The same on each rung: Keystone shows projects and takes credentials back for nobody less
    permissions: ClassVar[Mapping[Rung, str]] = {"observe": SETUP, "account": SETUP, "operate": SETUP, "publish": SETUP}
    checks: ClassVar[Mapping[str, Rung]] = {
        "credentials": "observe",
        "identity_provider": "observe",
        "see_projects": "observe",
        "end_leases": "operate",
    }
    lease_audience: ClassVar[str] = "keystone"
    shortest_lease_s: ClassVar[int] = 60
    longest_lease_s: ClassVar[int] = 7 * 86400
    revocable: ClassVar[bool] = True
    lease_options: ClassVar[Mapping[str, Any]] = keystone_leases.OPTIONS

    def __init__(self, account: Account) -> None:
        self.account = account

    # The contract.

    def check(self) -> Iterator[Check]:
        for name, needs, probe in self._probes():
            try:
                yield self._probe(probe)
            except CloudError as error:
                yield Check(name, "failed", error.message, needs, error.kind)
                if name == "credentials":
                    return

    @asked(within_s=40)
    def _probe(self, probe: Callable[[Keystone], Check]) -> Check:
        with opened(self.account) as keystone:
            return probe(keystone.as_portal())

    @asked(within_s=30)
    def regions(self) -> tuple[Region, ...]:
        with opened(self.account) as keystone:
            found, _whole = keystone.as_portal().listed("regions")
        known = tuple(Region(str(one["id"]), str(one.get("description") or one["id"])) for one in found)
        return (
            known
            if self.account.region != "home"
            else (Region("home", str(urlsplit(self.account.config["auth_url"]).hostname)), *known)
        )

    @asked(within_s=30)
    def choices(self) -> Listing[Choice]:
        with opened(self.account) as keystone:
            keystone.as_portal()
        return Listing((), complete=True)

    @asked(within_s=30)
    def limits(self) -> tuple[Limit, ...]:
        return ()

    @asked(within_s=5)
    def poll(self, ref: str) -> Any:
        raise CloudError(f"{ref[:80]!r} is not a pending answer of this cloud.", retry=False, kind="refused")

    @asked(within_s=120)
    def lease_targets(self) -> Listing[LeaseTarget]:
        with opened(self.account) as keystone:
            return targets(keystone.as_portal())

    @asked(within_s=90)
    def lease(self, ask: LeaseAsk) -> LeaseGiven:
        with opened(self.account) as keystone:
            return keystone_leases.lend(keystone, ask)

    @asked(within_s=60)
    def end_lease(self, id: str, target: str) -> None:
        with opened(self.account) as keystone:
            keystone_leases.end(keystone.as_portal(), id)

    # How it is done.

    def _probes(self) -> Iterator[tuple[str, str, Callable[[Keystone], Check]]]:
        """The checks in the order of `checks`, with the right each needs."""
        yield "credentials", "", who_am_i
        yield "identity_provider", ADMIN, lets_people_in
        yield "see_projects", ADMIN, sees_projects
        yield "end_leases", f"{ADMIN}, --unrestricted", may_end

    def translate(self, error: Exception) -> CloudError | None:
        return error.told() if isinstance(error, Refusal) else wire.unanswered(error)


def who_am_i(portal: Keystone) -> Check:
    assert portal.token
    return Check("credentials", "passed", f"{portal.token.user_name} · {portal.token.project}")


def lets_people_in(portal: Keystone) -> Check:
    """The provider is enabled, its protocol has a mapping, and what it says of groups lasts longer than a moment."""
    provider = keystone_leases.identity_provider(portal)
    rules_of(portal)
    if minutes := provider.get("authorization_ttl"):
        return Check("identity_provider", "passed", f"authorization_ttl: {minutes} min", ADMIN)
    said = "The provider has no authorization_ttl: unless Keystone's own default is set, nothing can be lent."
    return Check("identity_provider", "warned", said, ADMIN)


def sees_projects(portal: Keystone) -> Check:
    found = targets(portal).items
    if not found:
        return Check("see_projects", "warned", "No group of the mapping has a role in any project.", ADMIN)
    return Check("see_projects", "passed", str(len(found)), ADMIN)


def may_end(portal: Keystone) -> Check:
    """An administrator's, and not restricted: Keystone lets no other delete the application credentials of people."""
    assert portal.token
    needs = f"{ADMIN}, --unrestricted"
    if ADMIN not in portal.token.roles:
        return Check("end_leases", "failed", "The application credential lacks the role admin.", needs, "permission")
    if portal.token.is_restricted:
        return Check("end_leases", "failed", "The application credential is restricted.", needs, "permission")
    return Check("end_leases", "passed", "", needs)


def targets(portal: Keystone) -> Listing[LeaseTarget]:
    """The projects that people of the identity provider may get into."""
    projects, all_projects = portal.listed("projects")
    domains, all_domains = portal.listed("domains")
    assignments, all_assignments = portal.listed("role_assignments", include_names="true")
    found = keystone_projects.targets(projects, domains, assignments, rules_of(portal))
    return Listing(tuple(found), complete=all_projects and all_domains and all_assignments)


def rules_of(portal: Keystone) -> Any:
    """The mapping's rules: who of the identity provider is taken for a member of what."""
    config = portal.account.config
    way = ("OS-FEDERATION", "identity_providers", str(config["identity_provider"]), "protocols", str(config["protocol"]))
    mapping = str(portal.read(*way, name="protocol")["mapping_id"])
    return portal.read("OS-FEDERATION", "mappings", mapping, name="mapping")["rules"]
