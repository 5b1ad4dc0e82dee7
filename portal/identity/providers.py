"""Set up who vouches for an organization's people: add, change, check, turn on, turn off, remove."""

import uuid
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils.text import slugify
from django.utils.translation import gettext as _

from portal.access.guard import require
from portal.access.models import Scope, ScopeKind, ScopeState
from portal.core import clock, queue
from portal.core.errors import Conflict, Invalid, NotFound
from portal.core.schema import defaults, validate
from portal.events.services import record
from portal.identity import domains as mail_domains
from portal.identity import saml, sessions
from portal.identity.models import IdentityProvider, ProviderState, Session, SessionEnd
from portal.identity.protocols import PROTOCOLS, Protocol
from portal.users.actor import Actor
from portal.users.models import Identity

PERMISSION = "manage_identity_providers"
MOST = 50
USED_WITHIN = timedelta(days=30)


def providers_visible_to(actor: Actor) -> Any:
    """The providers of the organizations whose sign-in she sets up, by name; those removed are not among them."""
    found = IdentityProvider.objects.visible_to(actor).exclude(state=ProviderState.REMOVED)
    return found.select_related("organization").prefetch_related("domains").order_by("name", "pk")


def provider_visible_to(actor: Actor, pk: uuid.UUID | str) -> IdentityProvider:
    """One of them, or NotFound."""
    found: IdentityProvider | None = providers_visible_to(actor).filter(pk=pk).first()
    if found is None:
        raise NotFound
    return found


def organizations_of(actor: Actor) -> Any:
    """The open organizations whose sign-in she sets up."""
    found = Scope.objects.visible_to(actor, PERMISSION).filter(scope_kind=ScopeKind.ORGANIZATION, state=ScopeState.ACTIVE)
    return found.order_by("name", "pk")


def people_lately(provider: IdentityProvider) -> int:
    """How many people signed in through it in the last thirty days."""
    since = clock.now() - USED_WITHIN
    return Identity.objects.filter(provider=provider.alias, seen_at__gt=since).values("user").distinct().count()


@transaction.atomic
def add_provider(
    organization: Scope,
    protocol: str,
    name: str,
    config: Mapping[str, Any],
    secret: Mapping[str, Any],
    *,
    actor: Actor,
    domains: Iterable[str] = (),
) -> IdentityProvider:
    """A provider nobody signs in with yet; its checks begin at once. Invalid names the fields that do not fit."""
    require(actor, PERMISSION, organization)
    if organization.scope_kind != ScopeKind.ORGANIZATION:
        raise Invalid(fields={"organization": [_("Providers belong to an organization, not to a part of it.")]})
    if organization.state != ScopeState.ACTIVE:
        raise Conflict(_("This scope is closed."))
    if protocol not in PROTOCOLS:
        raise Invalid(fields={"protocol": [_("This value is not one of those offered.")]})
    spoken, name = PROTOCOLS[protocol], " ".join(name.split())
    config = {**defaults(spoken.config), **config}
    wanted = _check_form(spoken, name, config, secret, domains)
    Scope.objects.select_for_update().get(pk=organization.pk)
    if organization.identity_providers.exclude(state=ProviderState.REMOVED).count() >= MOST:
        raise Conflict(_("An organization has at most %(most)s providers.") % {"most": MOST})
    alias = _alias(organization, name)
    provider = IdentityProvider(organization=organization, alias=alias, name=name, protocol=protocol, config=config)
    provider.seal_secret(secret)
    _save(provider)
    mail_domains.set_domains(provider, wanted)
    _start_check(provider)
    record("identity.add_provider", provider, actor=actor, alias=alias, protocol=protocol, config=config, domains=wanted)
    return provider


@transaction.atomic
def change_provider(
    provider: IdentityProvider,
    *,
    actor: Actor,
    name: str | None = None,
    config: Mapping[str, Any] | None = None,
    secret: Mapping[str, Any] | None = None,
    domains: Iterable[str] | None = None,
) -> IdentityProvider:
    """Change what is given and leave the rest; a secret left out or empty stays as it is. Its checks run again, and one
    that is in use goes on as it was until they pass.
    """
    require(actor, PERMISSION, provider)
    provider = locked(provider.pk)
    spoken = PROTOCOLS[provider.protocol]
    name = provider.name if name is None else " ".join(name.split())
    changed = {**defaults(spoken.config), **config} if config is not None else provider.config
    given = {key: value for key, value in (secret or {}).items() if value}
    kept = {**provider.open_secret(), **given}
    held = [each.domain for each in provider.domains.all()]
    wanted = _check_form(spoken, name, changed, kept, held if domains is None else domains)
    what = {
        "name": name != provider.name,
        "config": changed != provider.config,
        "secret": kept != provider.open_secret(),
        "domains": wanted != held,
    }
    if not any(what.values()):
        return provider
    provider.name, provider.config = name, changed
    provider.seal_secret(kept)
    mail_domains.set_domains(provider, wanted)
    _move_on(provider)
    _start_check(provider)
    parts = [part for part, is_other in what.items() if is_other]
    record("identity.change_provider", provider, actor=actor, parts=parts, config=changed, domains=wanted)
    return provider


@transaction.atomic
def check_provider(provider: IdentityProvider, *, actor: Actor) -> IdentityProvider:
    """Run its checks now, in a worker. While they run, that run is the answer."""
    require(actor, PERMISSION, provider)
    provider = locked(provider.pk)
    if not provider.is_checking:
        _start_check(provider)
        record("identity.ask_provider_check", provider, actor=actor)
    return provider


@transaction.atomic
def turn_on(provider: IdentityProvider, *, actor: Actor) -> IdentityProvider:
    """Let people sign in with it, as soon as Keycloak has it. Conflict while its checks have not passed."""
    require(actor, PERMISSION, provider)
    provider = locked(provider.pk)
    if provider.state == ProviderState.ACTIVE:
        return provider
    if not provider.is_ready:
        raise Conflict(_("Its checks have not passed as it stands now. Do what they say, and check again."))
    provider.state = ProviderState.ACTIVE
    _move_on(provider, passed=True)
    record("identity.turn_on_provider", provider, actor=actor)
    return provider


@transaction.atomic
def turn_off(provider: IdentityProvider, *, actor: Actor) -> IdentityProvider:
    """Let nobody sign in with it any more. Sessions that came through it end now; what people hold stays theirs."""
    require(actor, PERMISSION, provider)
    provider = locked(provider.pk)
    if provider.state == ProviderState.OFF:
        return provider
    if provider.state == ProviderState.DRAFT:
        raise Conflict(_("Nobody signs in with it yet. Remove it instead."))
    provider.state = ProviderState.OFF
    _move_on(provider, passed=provider.is_ready)
    ended = _end_sessions(provider)
    record("identity.turn_off_provider", provider, actor=actor, sessions=ended)
    return provider


@transaction.atomic
def remove_provider(provider: IdentityProvider, *, actor: Actor) -> IdentityProvider:
    """Forget it, its secret and its domains; at Keycloak too. Who came through it signs in by another way, as another person."""
    require(actor, PERMISSION, provider)
    provider = locked(provider.pk)
    if provider.state == ProviderState.ACTIVE:
        raise Conflict(_("People sign in with it. Turn it off first."))
    provider.state, provider.run = ProviderState.REMOVED, None
    provider.seal_secret({})
    provider.domains.all().delete()
    _move_on(provider)
    record("identity.remove_provider", provider, actor=actor)
    return provider


@transaction.atomic
def check_again(pk: uuid.UUID) -> None:
    """Begin the hourly check of one in use; nothing where one runs already."""
    provider = locked(pk)
    if not provider.is_checking:
        _start_check(provider)


def locked(pk: uuid.UUID) -> IdentityProvider:
    """The row, held until the transaction ends; NotFound once it is removed."""
    rows = IdentityProvider.objects.select_for_update(of=("self",)).select_related("organization")
    found: IdentityProvider | None = rows.exclude(state=ProviderState.REMOVED).filter(pk=pk).first()
    if found is None:
        raise NotFound
    return found


def _move_on(provider: IdentityProvider, *, passed: bool = False) -> None:
    """The next version; it reaches Keycloak at once where nothing has to be checked before."""
    provider.version += 1
    if passed:
        provider.passed_version = provider.version
    provider.changed_at, provider.apply_error = clock.now(), ""
    _save(provider)
    if provider.is_due:
        queue.after_commit("identity.apply_provider", provider.pk)


def _start_check(provider: IdentityProvider) -> None:
    """A run of its checks; one under way counts no more, for it speaks of what was before."""
    provider.run, provider.run_at, provider.results = uuid.uuid4(), clock.now(), []
    provider.save(update_fields=["run", "run_at", "results"])
    queue.after_commit("identity.check_provider", provider.pk)


def _end_sessions(provider: IdentityProvider) -> int:
    came = Q(identity__provider=provider.alias)
    return sessions.end_all(Session.objects.filter(pk__in=Session.objects.filter(came).values("pk")), why=SessionEnd.PROVIDER)


def _check_form(
    spoken: Protocol, name: str, config: Mapping[str, Any], secret: Mapping[str, Any], domains: Iterable[str]
) -> list[str]:
    """The domains in canonical form; Invalid with every field that does not fit, named as the form names it."""
    fields: dict[str, Any] = {}
    if not name or len(name) > 80 or "\x00" in name:
        fields["name"] = [_("A name of at most 80 characters is needed.")]
    for prefix, schema, given in (("config", spoken.config, config), ("secret", spoken.secret, secret)):
        try:
            validate(schema, given)
        except Invalid as error:
            fields |= {f"{prefix}-{field}": messages for field, messages in error.extra["fields"].items()}
    if spoken.key == "saml" and not fields:
        fields |= _check_metadata(config)
    wanted: list[str] = []
    try:
        wanted = mail_domains.read(domains)
    except Invalid as error:
        fields |= error.extra["fields"]
    if fields:
        raise Invalid(_("Check the fields that are marked."), fields=fields)
    return wanted


def _check_metadata(config: Mapping[str, Any]) -> dict[str, Any]:
    """One of the two ways to give it, and what is pasted can be read."""
    pasted = config.get("metadata", "")
    if bool(pasted) == bool(config.get("metadata_url")):
        return {"config-metadata_url": [_("Give the address of its metadata, or paste it; one of the two.")]}
    try:
        if pasted:
            saml.read_metadata(pasted)
    except Invalid as error:
        return {"config-metadata": [str(error)]}
    return {}


def _alias(organization: Scope, name: str) -> str:
    """Organization and name in one word that nobody has, had or can guess into: removed rows keep theirs."""
    words = "-".join(part for part in (slugify(organization.slug), slugify(name)) if part)[:48].strip("-") or "provider"
    taken = IdentityProvider.objects.filter(alias=words).exists()
    return f"{words}-{uuid.uuid4().hex[:8]}" if taken else words


def _save(provider: IdentityProvider) -> None:
    """Two at once with one name or alias end as one and a refusal."""
    try:
        with transaction.atomic():
            provider.save()
    except IntegrityError as error:
        raise Invalid(fields={"name": [_("There is a provider of this name already.")]}) from error
