"""What people read about errors and checks: the cause, and what to do about it."""

from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

CAUSES: dict[str, tuple[Promise, Promise]] = {
    "credentials": (
        _("The cloud does not accept the credentials."),
        _("Check that the key is active and complete, then enter it again."),
    ),
    "permission": (
        _("The account lacks a permission."),
        _("Give it the permissions listed for this connection, then check again."),
    ),
    "quota": (
        _("The cloud account has reached a limit of its own."),
        _("Ask the cloud to raise it, or remove what is not needed."),
    ),
    "capacity": (_("The cloud has no room for this just now."), _("It is tried again; another size or region may be free.")),
    "not_found": (
        _("The cloud does not know what was asked for."),
        _("Sync the connection, and choose again from what is offered."),
    ),
    "unreachable": (
        _("The cloud does not answer."),
        _("It is tried again; check the endpoint, the network and the cloud's status page."),
    ),
    "garbage": (
        _("The answer makes no sense."),
        _("Check that the endpoint is the right one and nothing in between answers for it."),
    ),
    "refused": (_("The cloud refuses this."), _("Read the cloud's own words below.")),
}
CHECKS: dict[str, Promise] = {
    "credentials": _("The credentials are accepted"),
    "region": _("The region is open to the account"),
    "see_servers": _("Servers can be listed"),
    "see_choices": _("Images, sizes and networks can be listed"),
    "make_server": _("Servers can be made"),
    "operate_server": _("Servers can be started and stopped"),
    "remove_server": _("Servers can be removed"),
    "see_databases": _("Databases can be listed and measured"),
    "make_database": _("Databases can be made"),
    "make_role": _("Roles can be made"),
    "isolation": _("Databases are closed to other tenants"),
    "identity_provider": _("The cloud lets in people of the identity provider"),
    "see_projects": _("Projects and who may get into them can be listed"),
    "end_leases": _("Credentials that were lent can be taken back"),
}
RUNGS: dict[str, Promise] = {
    "observe": _("See what is there"),
    "account": _("Measure and account for it"),
    "operate": _("Start, stop and remove"),
    "publish": _("Offer it to projects"),
}
# What can be ordered, by capability: the word for many of it and the icon of one.
KINDS: dict[str, Promise] = {"compute": _("Servers"), "database": _("Databases")}
STATES: dict[str, Promise] = {
    "checking": _("Checking"),
    "waiting": _("Waiting"),
    "ready": _("Ready"),
    "failed": _("Failed"),
    "disabled": _("Disabled"),
}
HEALTHS: dict[str, Promise] = {"well": _("Well"), "failing": _("Failing"), "unknown": _("Unknown")}
# The same for all that a cloud may give, whether or not it can be ordered yet.
CAPABILITIES: dict[str, Promise] = {
    **KINDS,
    "volume": _("Volumes"),
    "object_store": _("Buckets"),
    "container": _("Containers"),
    "function": _("Functions"),
}


def cause_of(kind: str) -> str:
    """One sentence on what went wrong."""
    return str(CAUSES[kind][0]) if kind in CAUSES else ""


def hint_of(kind: str) -> str:
    """One sentence on what to do."""
    return str(CAUSES[kind][1]) if kind in CAUSES else ""


def check_label(name: str) -> str:
    """What a check shows, in words."""
    return str(CHECKS.get(name, name))


def capability_label(name: str) -> str:
    """What a cloud can give, in words."""
    return str(CAPABILITIES.get(name, name.replace("_", " ")))


def reason_of(text: str) -> str:
    """Why a cloud lacks a capability, as its adapter declares it, in the reader's language."""
    return gettext(text) if text else ""


def translated(schema: Any) -> Any:
    """A schema with its titles and descriptions in the reader's language."""
    if isinstance(schema, dict):
        return {
            name: gettext(part) if name in ("title", "description") and isinstance(part, str) and part else translated(part)
            for name, part in schema.items()
        }
    return [translated(part) for part in schema] if isinstance(schema, list) else schema
