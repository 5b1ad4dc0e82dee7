"""Check a provider from the outside, one thing after the other, and keep each result as it comes."""

import json
import uuid
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, Literal

from django.conf import settings
from django.db import transaction
from django.utils import translation
from django.utils.translation import gettext_noop as _

from portal.core import clock, queue, registry
from portal.core.errors import Invalid, PortalError, redacted
from portal.events.services import record
from portal.identity import saml
from portal.identity.brokering import ADMIN, ERROR
from portal.identity.models import IdentityProvider, ProviderState
from portal.identity.outside import check_address, fetch
from portal.identity.protocols import PROTOCOLS
from portal.users.actor import Actor

ENDPOINTS = ("authorization_endpoint", "token_endpoint", "jwks_uri", "userinfo_endpoint", "end_session_endpoint")
NEEDED = ENDPOINTS[:3]
SIGNS = {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}
WAYS = ("client_secret_post", "client_secret_basic")
MAY_NOT = "HTTP 403"
Found = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Result:
    """How one check went: what was seen, and what to do about it (both in English, translated where shown)."""

    name: str
    state: Literal["passed", "warned", "failed"]
    says: str = ""
    do: str = ""


class Failed(Exception):
    """A check that ends the run: what was seen, and what to do."""

    def __init__(self, says: str, do: str) -> None:
        super().__init__(says)
        self.says, self.do = says, do


def run(provider_id: uuid.UUID) -> None:
    """The run that the row asks for, to its end. Asked for anew meanwhile, this one leaves nothing behind."""
    provider = IdentityProvider.objects.select_related("organization").filter(pk=provider_id).exclude(run=None).first()
    if provider is None or provider.state == ProviderState.REMOVED:
        return
    rows = IdentityProvider.objects.filter(pk=provider.pk, run=provider.run)
    results: list[Found] = []
    found: Found = {}
    steps = {"oidc": _oidc, "saml": _saml, "ldap": _ldap}[provider.protocol]
    with translation.override("en"):
        for result in _guarded(steps(provider, found), PROTOCOLS[provider.protocol].checks):
            results.append(asdict(result))
            rows.update(results=results, run_at=clock.now())
    passed = not any(result["state"] == "failed" for result in results)
    with transaction.atomic():
        _take(provider, results, found if passed else None)


def _take(before: IdentityProvider, results: list[Found], found: Found | None) -> None:
    """The run is over: keep how it went; what passed and differs from what Keycloak has is brought there."""
    rows = IdentityProvider.objects.select_for_update(of=("self",)).select_related("organization")
    provider = rows.filter(pk=before.pk, run=before.run, version=before.version).first()
    if provider is None:
        return
    was, provider.passed = provider.passed, found is not None
    provider.run, provider.results, provider.checked_at = None, results, clock.now()
    if found is not None:
        if provider.is_applied and found != provider.found and provider.state == ProviderState.ACTIVE:
            provider.version, provider.changed_at = provider.version + 1, clock.now()
        provider.found, provider.passed_version = found, provider.version
    provider.save()
    if was != provider.passed:
        outcome = "done" if provider.passed else "failed"
        failed = next((result["name"] for result in results if result["state"] == "failed"), "")
        record("identity.check_provider", provider, actor=Actor.system(), outcome=outcome, reason=failed)
    if provider.is_due:
        queue.after_commit("identity.apply_provider", provider.pk)


def _guarded(steps: Iterator[Result], planned: tuple[str, ...]) -> Iterator[Result]:
    """Each result as it comes; whatever goes wrong fails the check that was to come, and ends the run."""
    done: list[str] = []
    try:
        for result in steps:
            done.append(result.name)
            yield result
    except Failed as error:
        yield Result(_next(planned, done), "failed", error.says, error.do)
    except PortalError as error:
        yield Result(
            _next(planned, done), "failed", str(error), _("Correct the address, or what answers there, and check again.")
        )


def _next(planned: tuple[str, ...], done: list[str]) -> str:
    return next((name for name in planned if name not in done), planned[-1])


def _oidc(provider: IdentityProvider, found: Found) -> Iterator[Result]:
    issuer = provider.config["issuer"].rstrip("/")
    check_address(issuer)
    yield Result("address", "passed", issuer)
    answer = fetch(f"{issuer}/.well-known/openid-configuration")
    if answer.status != 200:
        raise Failed(f"HTTP {answer.status}", _("The issuer's description is not there: check the issuer address."))
    said = answer.json()
    yield Result("discovery", "passed")
    names = said.get("issuer")
    if not isinstance(names, str) or names.rstrip("/") != issuer:
        raise Failed(str(names)[:200], _("Enter the issuer exactly as the provider writes it."))
    yield Result("issuer", "passed", names)
    found.update({"issuer": names} | {name: said[name] for name in ENDPOINTS if said.get(name)})
    yield _check_endpoints(found)
    yield _check_keys(found["jwks_uri"], said)
    yield _check_client(provider, found, said)


def _check_endpoints(found: Found) -> Result:
    lacking = [name for name in NEEDED if not isinstance(found.get(name), str)]
    if lacking:
        raise Failed(
            ", ".join(lacking), _("The description lacks these addresses; this is no OpenID provider for a browser.")
        )
    for name in ENDPOINTS:
        if name in found:
            check_address(str(found[name]))
    return Result("endpoints", "passed")


def _check_keys(url: str, said: Found) -> Result:
    keys = fetch(url).json().get("keys")
    usable = (
        [key for key in keys if isinstance(key, dict) and key.get("kty") in ("RSA", "EC", "OKP")]
        if isinstance(keys, list)
        else []
    )
    if not usable:
        raise Failed(url, _("No key is published there that a signature could be checked with."))
    offered = said.get("id_token_signing_alg_values_supported", ["RS256"])
    if not isinstance(offered, list) or not SIGNS & {str(each) for each in offered}:
        raise Failed(str(offered)[:200], _("Let the provider sign with RS256 or another public-key algorithm."))
    return Result("keys", "passed", ", ".join(str(key.get("kid", "?"))[:40] for key in usable[:4]))


def _check_client(provider: IdentityProvider, found: Found, said: Found) -> Result:
    """Offer a code that nobody gave out: who knows the client refuses the code, who does not refuses the client.

    A client is often known for one of the ways to show its secret alone, so each that is offered is tried; the one that is
    accepted is kept.
    """
    listed = said.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
    ways = [way for way in WAYS if isinstance(listed, list) and way in listed] or ["client_secret_basic"]
    refusals = []
    for way in ways:
        found["client_auth"] = way
        refusal = _refusal(provider, found)
        if refusal == "invalid_grant":
            return Result("client", "passed")
        refusals.append(refusal)
    found["client_auth"] = ways[0]
    if all(refusal in ("invalid_client", "unauthorized_client", "HTTP 401") for refusal in refusals):
        raise Failed(refusals[0], _("Copy the client id and secret again from the provider, and save them here."))
    return Result("client", "warned", ", ".join(refusals), _("It cannot be told from here; the test sign-in shows it."))


def _refusal(provider: IdentityProvider, found: Found) -> str:
    """What the token endpoint says to a code that nobody gave out: its error, or its status."""
    form = {
        "grant_type": "authorization_code",
        "code": "concord-checks-the-client",
        "redirect_uri": provider.redirect_uri,
        "code_verifier": "concord-checks-the-client-" + "0" * 32,
    }
    client = (provider.config["client_id"], provider.open_secret()["client_secret"])
    if found["client_auth"] == "client_secret_post":
        answer = fetch(found["token_endpoint"], form={**form, "client_id": client[0], "client_secret": client[1]})
    else:
        answer = fetch(found["token_endpoint"], form=form, basic=client)
    try:
        error = answer.json().get("error")
    except Invalid:
        error = None
    return str(error)[:100] if error else f"HTTP {answer.status}"


def _saml(provider: IdentityProvider, found: Found) -> Iterator[Result]:
    config = provider.config
    if config.get("metadata_url"):
        check_address(config["metadata_url"])
        yield Result("address", "passed", config["metadata_url"])
        answer = fetch(config["metadata_url"])
        if answer.status != 200:
            raise Failed(f"HTTP {answer.status}", _("The metadata is not there: check its address."))
        read = saml.read_metadata(answer.body)
    else:
        yield Result("address", "passed", _("The metadata was pasted."))
        read = saml.read_metadata(config.get("metadata", ""))
    yield Result("metadata", "passed", read.entity_id)
    for url in filter(None, (read.sign_in_url, read.sign_out_url)):
        check_address(url)
    yield Result("endpoints", "passed", read.sign_in_url)
    ends = read.ends_at
    if ends is None or ends <= clock.now():
        raise Failed(
            f"{ends:%Y-%m-%d}" if ends else "",
            _("Its certificate has expired: renew it there, then read the metadata again."),
        )
    found.update(
        entity_id=read.entity_id,
        sign_in_url=read.sign_in_url,
        sign_out_url=read.sign_out_url,
        by_post=read.by_post,
        certificates=list(read.certificates),
        wants_signed=read.wants_signed,
    )
    if (ends - clock.now()).days < SOON_DAYS:
        yield Result(
            "certificate",
            "warned",
            f"{ends:%Y-%m-%d}",
            _("It ends soon. With an address of its metadata the next one is taken over."),
        )
    else:
        yield Result("certificate", "passed", f"{ends:%Y-%m-%d}")


SOON_DAYS = 30


def _ldap(provider: IdentityProvider, found: Found) -> Iterator[Result]:
    config = provider.config
    check_address(config["url"], schemes=("ldap", "ldaps"))
    yield Result("address", "passed", config["url"])
    if config["url"].startswith("ldaps:") or config.get("starttls"):
        yield Result("encrypted", "passed")
    else:
        yield Result(
            "encrypted", "warned", "", _("Names and passwords go in the clear. Use ldaps:// or StartTLS outside a test.")
        )
    if not settings.KEYCLOAK_URL:
        raise Failed("", _("This portal has no Keycloak, which speaks to directories. Whoever runs it sets KEYCLOAK_URL."))
    for name, action, do in (
        (
            "connect",
            "testConnection",
            _("Keycloak does not reach it: check host, port and certificate from where Keycloak runs."),
        ),
        ("bind", "testAuthentication", _("Check the account's distinguished name and its password.")),
    ):
        refused = _test_ldap(provider, action)
        if refused == MAY_NOT:
            raise Failed(
                "",
                _("Directories need the role manage-realm for Concord's service account at Keycloak: see docs/identity.md."),
            )
        if refused:
            raise Failed(refused, do)
        yield Result(name, "passed")


def _test_ldap(provider: IdentityProvider, action: str) -> str:
    """Let Keycloak try it; empty when it worked, else its words."""
    config = provider.config
    body = {
        "action": action,
        "connectionUrl": config["url"],
        "authType": "simple",
        "bindDn": config["bind_dn"],
        "bindCredential": provider.open_secret()["bind_password"],
        "useTruststoreSpi": "always",
        "connectionTimeout": "5000",
        "startTls": "true" if config.get("starttls") else "false",
    }
    try:
        keycloak = registry.named(ADMIN)()
        answer = keycloak.connection.raw_post(
            f"admin/realms/{keycloak.connection.realm_name}/testLDAPConnection", data=json.dumps(body)
        )
    except registry.named(ERROR) as error:
        return redacted(error)
    if answer.status_code == 403:
        return MAY_NOT
    if answer.status_code < 300:
        return ""
    try:
        return str(answer.json().get("errorMessage", ""))[:200] or f"HTTP {answer.status_code}"
    except ValueError:
        return f"HTTP {answer.status_code}"
