"""Tables of identity: sessions, who vouches for people, rules for what is said, local accounts, and what a provider is told and says."""

import json
from collections.abc import Mapping
from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from portal.access.managers import AccessManager
from portal.access.models import Role, Scope
from portal.core import clock, crypto
from portal.core.journal import OPEN_STATES, StepBase
from portal.core.models import Base
from portal.identity import claims
from portal.users.models import Identity, User


class SessionEnd(models.TextChoices):
    """What ended a session."""

    SIGNED_OUT = "signed_out"
    EVERYWHERE = "everywhere"
    PROVIDER = "provider"
    DISABLED = "disabled"
    EXPIRED = "expired"


class Session(Base):
    """One session of a person. Its key opens the portal, so it is kept only while the session lives.

    `sid` is the session at the identity provider that it came from. `refresh_token` is what further tokens for her are had
    with, `id_token` what ends that session there too; both are sealed, and forgotten at the end.
    """

    user = models.ForeignKey(User, models.CASCADE, related_name="sessions")
    key = models.CharField(max_length=40, null=True, unique=True)
    method = models.CharField(max_length=20)
    identity = models.ForeignKey(Identity, models.SET_NULL, null=True, related_name="sessions")
    sid = models.CharField(max_length=100, blank=True)
    address = models.CharField(max_length=64, blank=True)
    agent = models.CharField(max_length=200, blank=True)
    seen_at = models.DateTimeField(default=clock.now)
    ended_at = models.DateTimeField(null=True)
    end = models.CharField(max_length=20, choices=SessionEnd.choices, blank=True)
    sealed = models.BinaryField(null=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["-created_at", "-id"]
        indexes = (models.Index(fields=["sid"]),)
        constraints = (
            models.CheckConstraint(
                condition=models.Q(ended_at=None) | models.Q(key=None, sealed=None), name="ended_is_empty"
            ),
        )

    def __str__(self) -> str:
        return f"{self.method} {self.pk}"

    @property
    def refresh_token(self) -> str:
        """In clear, or empty; raises Unreadable where the row was tampered with."""
        return self._tokens().get("refresh_token", "")

    @refresh_token.setter
    def refresh_token(self, plain: str) -> None:
        self._seal(refresh_token=plain)

    @property
    def id_token(self) -> str:
        """The same for the ID token."""
        return self._tokens().get("id_token", "")

    @id_token.setter
    def id_token(self, plain: str) -> None:
        self._seal(id_token=plain)

    def _tokens(self) -> dict[str, str]:
        read: dict[str, str] = json.loads(crypto.open_sealed(bytes(self.sealed), aad=self._aad)) if self.sealed else {}
        return read

    def _seal(self, **plain: str) -> None:
        tokens = {name: text for name, text in {**self._tokens(), **plain}.items() if text}
        self.sealed = crypto.seal(json.dumps(tokens).encode(), aad=self._aad) if tokens else None

    @property
    def _aad(self) -> str:
        return f"identity.session:{self.pk}"


class SpentToken(models.Model):
    """A token that counts once, by its digest, and until when it would have been good."""

    digest = models.CharField(max_length=64, primary_key=True)
    until = models.DateTimeField()

    class Meta:
        indexes = (models.Index(fields=["until"]),)

    def __str__(self) -> str:
        return self.digest[:12]


class Compare(models.TextChoices):
    """How a rule compares a value of a claim with its own."""

    IS = claims.ONE, _("is")
    STARTS = claims.MANY, _("begins with")


class MappingRule(Base):
    """Whoever a provider says this of holds the role at the scope and below; never who wrote the rule."""

    provider = models.CharField(max_length=100, blank=True)
    claim = models.CharField(max_length=100, default="groups")
    compare = models.CharField(max_length=10, choices=Compare.choices, default=Compare.IS)
    value = models.CharField(max_length=300)
    role = models.ForeignKey(Role, models.PROTECT, related_name="rules")
    scope = models.ForeignKey(Scope, models.CASCADE, related_name="rules")
    author = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")

    objects = AccessManager()
    scope_lookup = "scope"
    view_permission = "manage_members"

    class Meta:
        ordering: ClassVar[list[str]] = ["scope__path", "claim", "value", "id"]
        constraints = (
            models.UniqueConstraint(
                fields=["provider", "claim", "compare", "value", "role", "scope"], name="one_mapping_rule_each"
            ),
        )

    def __str__(self) -> str:
        return f"{self.claim} {self.get_compare_display()} {self.value}"

    @property
    def scope_path(self) -> str:
        return str(self.scope.path)

    def as_rule(self) -> claims.Rule:
        """What the pure part compares with."""
        author = self.author.person_id if self.author else None
        return claims.Rule(self.pk, self.provider, self.claim, self.compare, self.value, self.role_id, self.scope_id, author)


class Factor(Base):
    """The second factor of a local account: a key that her app shares with us, sealed to this row.

    It counts once it is confirmed. `last_step` is the time step of the newest code that was used, so that no code works
    twice; `waits_until` is how long no further code is looked at after wrong ones.
    """

    user = models.OneToOneField(User, models.CASCADE, related_name="factor")
    sealed = models.BinaryField()
    confirmed_at = models.DateTimeField(null=True)
    last_step = models.BigIntegerField(default=-1)
    failures = models.PositiveIntegerField(default=0)
    waits_until = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"factor {self.pk}"

    @property
    def key(self) -> bytes:
        """In clear; raises Unreadable where the row was tampered with."""
        return crypto.open_sealed(bytes(self.sealed), aad=f"identity.factor:{self.pk}")

    @key.setter
    def key(self, plain: bytes) -> None:
        self.sealed = crypto.seal(plain, aad=f"identity.factor:{self.pk}")


class RecoveryCode(Base):
    """One code for the day her app is out of reach; only its digest is kept, and it works once."""

    factor = models.ForeignKey(Factor, models.CASCADE, related_name="codes")
    digest = models.CharField(max_length=64)
    used_at = models.DateTimeField(null=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=["factor", "digest"], name="one_recovery_code_per_digest"),)

    def __str__(self) -> str:
        return f"recovery code {self.pk}"


class ResetMail(Base):
    """Somebody forgot a password. `due_at` is when to try to send the mail next; empty when there is nothing to send.

    Without a user nobody was found by what was typed; the row counts all the same against the address.
    """

    user = models.ForeignKey(User, models.CASCADE, null=True, related_name="+")
    address = models.CharField(max_length=64, blank=True)
    due_at = models.DateTimeField(null=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    sent_at = models.DateTimeField(null=True)

    class Meta:
        indexes = (
            models.Index(fields=["address", "created_at"], name="reset_by_address"),
            models.Index(fields=["due_at"], condition=models.Q(due_at__isnull=False), name="reset_due"),
        )

    def __str__(self) -> str:
        return f"reset {self.pk}"


class ProviderStep(StepBase):
    """One thing the identity provider must be told of one identity; those of an identity are told in their turn."""

    identity = models.ForeignKey(Identity, models.CASCADE, related_name="steps")
    turn = models.PositiveIntegerField()

    class Meta:
        ordering: ClassVar[list[str]] = ["turn"]
        constraints = (models.UniqueConstraint(fields=["identity", "turn"], name="one_step_each_turn"),)
        indexes = (models.Index(fields=["due_at"], condition=models.Q(state__in=OPEN_STATES), name="open_provider_steps"),)

    def __str__(self) -> str:
        return f"{self.verb} {self.turn}"


class Feed(models.Model):
    """How far one list of events of an issuer was read: up to the provider's own time of the newest, in milliseconds.

    `newest_ms` is None until the reading began. `failing_since` is set while the provider does not answer.
    """

    issuer = models.CharField(max_length=300)
    name = models.CharField(max_length=20)
    newest_ms = models.BigIntegerField(null=True)
    read_at = models.DateTimeField(null=True)
    failing_since = models.DateTimeField(null=True)
    error = models.CharField(max_length=300, blank=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=["issuer", "name"], name="one_feed_per_name"),)

    def __str__(self) -> str:
        return f"{self.issuer} {self.name}"


class Heard(models.Model):
    """An event that was acted on, kept as long as it may be read once more."""

    feed = models.ForeignKey(Feed, models.CASCADE, related_name="heard")
    event = models.CharField(max_length=64)
    at_ms = models.BigIntegerField()

    class Meta:
        constraints = (models.UniqueConstraint(fields=["feed", "event"], name="heard_once"),)
        indexes = (models.Index(fields=["feed", "at_ms"], name="heard_by_time"),)

    def __str__(self) -> str:
        return self.event


class ProviderProtocol(models.TextChoices):
    OIDC = "oidc"
    SAML = "saml"
    LDAP = "ldap"


class ProviderState(models.TextChoices):
    """`draft` was never in use; `off` lets nobody in and keeps its domains; `removed` stays for its history alone."""

    DRAFT = "draft"
    ACTIVE = "active"
    OFF = "off"
    REMOVED = "removed"


class IdentityProvider(Base):
    """Who vouches for an organization's people. Its alias names it at Keycloak and in every identity, and never changes.

    `version` moves with every change; `passed_version` is the one whose checks passed, `applied_version` the one in force at
    Keycloak. `found` is what the last check that passed read of it: endpoints, keys.
    """

    organization = models.ForeignKey(Scope, models.PROTECT, related_name="identity_providers")
    alias = models.SlugField(max_length=60, unique=True)
    name = models.CharField(max_length=80)
    protocol = models.CharField(max_length=4, choices=ProviderProtocol.choices)
    config = models.JSONField(default=dict)
    sealed = models.BinaryField()
    state = models.CharField(max_length=8, choices=ProviderState.choices, default=ProviderState.DRAFT)
    version = models.PositiveIntegerField(default=1)
    passed_version = models.PositiveIntegerField(default=0)
    applied_version = models.PositiveIntegerField(default=0)
    changed_at = models.DateTimeField(default=clock.now)
    applied_at = models.DateTimeField(null=True)
    apply_error = models.CharField(max_length=300, blank=True)
    found = models.JSONField(default=dict)
    run = models.UUIDField(null=True)
    run_at = models.DateTimeField(null=True)
    results = models.JSONField(default=list)
    passed = models.BooleanField(null=True)
    checked_at = models.DateTimeField(null=True)

    objects = AccessManager()
    scope_lookup = "organization"
    view_permission = "manage_identity_providers"

    class Meta:
        ordering = ("name", "id")
        constraints = (
            models.UniqueConstraint(
                fields=["organization", "name"], condition=~Q(state="removed"), name="one_provider_per_name"
            ),
            models.CheckConstraint(
                condition=Q(passed_version__lte=F("version")) & Q(applied_version__lte=F("version")),
                name="no_version_from_the_future",
            ),
        )
        indexes = (models.Index(fields=["checked_at"], condition=Q(state="active"), name="providers_to_check"),)

    def __str__(self) -> str:
        return self.name

    @property
    def scope_path(self) -> str:
        return str(self.organization.path)

    @property
    def is_checking(self) -> bool:
        return self.run is not None

    @property
    def is_ready(self) -> bool:
        """Whether its checks passed as it stands now."""
        return self.passed_version == self.version

    @property
    def is_applied(self) -> bool:
        """Whether Keycloak has it as it stands now."""
        return self.applied_version == self.version

    @property
    def is_due(self) -> bool:
        """Whether Keycloak has to be told."""
        stopped = self.state in (ProviderState.OFF, ProviderState.REMOVED)
        return not self.is_applied and (stopped or (self.state == ProviderState.ACTIVE and self.is_ready))

    @property
    def redirect_uri(self) -> str:
        """Where the other side sends people back to."""
        return f"{settings.KEYCLOAK_URL}/realms/{settings.KEYCLOAK_REALM}/broker/{self.alias}/endpoint"

    @property
    def entity_id(self) -> str:
        """What Concord is called in SAML."""
        return f"{settings.KEYCLOAK_URL}/realms/{settings.KEYCLOAK_REALM}"

    @property
    def metadata_url(self) -> str:
        """Where the other side reads what Concord is in SAML; there once the provider is in use."""
        return f"{self.redirect_uri}/descriptor"

    def seal_secret(self, secret: Mapping[str, Any]) -> None:
        """Keep what it is spoken to with, bound to this row."""
        self.sealed = crypto.seal(json.dumps(dict(secret)).encode(), aad=self._aad)

    def open_secret(self) -> dict[str, Any]:
        """The secret in clear: for a worker, never for a page."""
        opened: dict[str, Any] = json.loads(crypto.open_sealed(bytes(self.sealed), aad=self._aad))
        return opened

    @property
    def _aad(self) -> str:
        return f"identity.provider:{self.pk}"


class ProviderDomain(models.Model):
    """The e-mail domain whose people sign in with a provider: one provider for each domain in the whole portal.

    It says where to send somebody who types her address, and never who she is.
    """

    domain = models.CharField(max_length=253, primary_key=True)
    provider = models.ForeignKey(IdentityProvider, models.CASCADE, related_name="domains")

    class Meta:
        ordering = ("domain",)
        constraints = (models.CheckConstraint(condition=Q(domain__regex=r"^[a-z0-9.-]+$"), name="domains_are_lower_ascii"),)

    def __str__(self) -> str:
        return self.domain
