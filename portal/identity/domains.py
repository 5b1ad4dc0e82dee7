"""E-mail domains: where to send who types her address. A domain is never proof of who somebody is."""

import re
from collections.abc import Iterable

import idna
from django.utils.translation import gettext as _

from portal.core.errors import Invalid
from portal.identity.models import IdentityProvider, ProviderDomain, ProviderProtocol, ProviderState

MOST = 50
LABELS = re.compile(r"(?=.{4,253}$)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+(?!\d+$)[a-z0-9-]{2,63}$(?!\n)")


def provider_for(email: str) -> IdentityProvider | None:
    """The provider in use for the domain of an address; None where there is none. Nothing is looked up about the person.

    A directory is none of them: its people type their password at Keycloak, which asks the directory.
    """
    local, at, domain = email.strip().rpartition("@")
    if not local or not at:
        return None
    try:
        asked = canonical(domain)
    except Invalid:
        return None
    row = ProviderDomain.objects.select_related("provider").filter(
        domain=asked, provider__state=ProviderState.ACTIVE, provider__applied_version__gt=0
    )
    found = row.exclude(provider__protocol=ProviderProtocol.LDAP).first()
    return found.provider if found else None


def may_vouch_for(provider: IdentityProvider, email: str) -> bool:
    """Whether an address that this provider asserts is in a domain of its organization: else it is hearsay."""
    try:
        asked = canonical(email.rpartition("@")[2])
    except Invalid:
        return False
    return ProviderDomain.objects.filter(domain=asked, provider__organization=provider.organization_id).exists()


def canonical(domain: str) -> str:
    """The one way we write a domain: lower case, in ASCII. Invalid where it is none."""
    text = domain.strip().rstrip(".")
    try:
        text = idna.encode(text, uts46=True).decode().lower()
    except (idna.IDNAError, UnicodeError) as error:
        raise Invalid(_("%(domain)s is not a domain.") % {"domain": domain[:80]}) from error
    if not LABELS.fullmatch(text):
        raise Invalid(_("%(domain)s is not a domain.") % {"domain": domain[:80]})
    return text


def read(domains: Iterable[str]) -> list[str]:
    """All of them in canonical form, each once, by name; Invalid under `domains` where one cannot be read."""
    given = [domain for domain in domains if domain.strip()]
    if len(given) > MOST:
        raise Invalid(fields={"domains": [_("At most %(most)s domains.") % {"most": MOST}]})
    try:
        return sorted({canonical(domain) for domain in given})
    except Invalid as error:
        raise Invalid(fields={"domains": [str(error)]}) from error


def set_domains(provider: IdentityProvider, domains: list[str]) -> None:
    """Give it these domains and no others; Invalid where one belongs to another provider, which is not named."""
    provider.domains.exclude(domain__in=domains).delete()
    rows = [ProviderDomain(domain=domain, provider=provider) for domain in domains]
    ProviderDomain.objects.bulk_create(rows, ignore_conflicts=True)
    held = set(provider.domains.values_list("domain", flat=True))
    taken = [domain for domain in domains if domain not in held]
    if taken:
        said = _("%(domains)s belongs to another provider. Whoever runs this portal can settle it.")
        raise Invalid(fields={"domains": [said % {"domains": ", ".join(taken)}]})
