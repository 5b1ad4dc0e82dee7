"""Who vouches for an organization's people, and for which e-mail domains."""

import json
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from portal.access.managers import AccessManager
from portal.access.models import Scope
from portal.core import clock, crypto
from portal.core.models import Base


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

    @classmethod
    def name_of(cls, alias: models.OuterRef) -> models.Subquery:
        """For a query: the name of the provider with that alias; None where there is none."""
        return models.Subquery(cls.objects.filter(alias=alias).values("name"))

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
