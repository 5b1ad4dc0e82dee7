"""A user: one person with her identities, or a service account she owns, or the system itself."""

from typing import ClassVar

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager
from django.db import models

from portal.core.models import Base


class UserKind(models.TextChoices):
    PERSON = "person"
    SERVICE = "service"
    SYSTEM = "system"


class UserManager(BaseUserManager["User"]):
    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(username=username)

    def system(self) -> "User":
        """The one user of timed acts; made when first asked for."""
        user, _ = self.get_or_create(username="system", defaults={"kind_of_user": UserKind.SYSTEM, "name": "Concord"})
        return user


class User(Base, AbstractBaseUser):
    """Someone who acts. `access_epoch` counts up when all her sessions and tokens must die.

    `language` is the one she chose, empty where her browser says it; times are told in `zone`.

    `disabled_at` is the portal's own word on a person. She `is_active` while neither it nor the provider of one of her
    identities has disabled her.
    """

    kind_of_user = models.CharField(max_length=10, choices=UserKind.choices, default=UserKind.PERSON, db_column="kind")
    username = models.CharField(max_length=150, unique=True)
    email = models.EmailField(blank=True)
    name = models.CharField(max_length=150, blank=True)
    owner = models.ForeignKey("self", models.PROTECT, null=True, blank=True, related_name="service_accounts")
    access_epoch = models.PositiveIntegerField(default=0)
    is_active = models.BooleanField(default=True)
    disabled_at = models.DateTimeField(null=True, blank=True)
    language = models.CharField(max_length=10, blank=True)
    zone = models.CharField(max_length=64, default="UTC")

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "username"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        constraints = (
            models.CheckConstraint(
                condition=models.Q(kind_of_user=UserKind.SERVICE) ^ models.Q(owner=None),
                name="service_accounts_have_an_owner",
            ),
        )

    def __str__(self) -> str:
        return self.name or self.username

    @property
    def label(self) -> str:
        """Events keep ids of people, never names."""
        return ""

    @property
    def person_id(self) -> object:
        """The person who answers for what this user does."""
        return self.owner_id or self.pk

    def get_short_name(self) -> str:
        return str(self).split(" ")[0]


class Identity(Base):
    """One way to be recognised: an issuer and its subject, never an e-mail address.

    `provider` is the alias of the provider that vouched through the issuer, empty for the issuer's own accounts; `claims` is
    what was said of her at the last sign-in, or when the issuer was asked again. `disabled_at` is since when the issuer lets
    her in no more (disabled there, or deleted); `stale_since` is since when it must be asked again.
    """

    user = models.ForeignKey(User, models.CASCADE, related_name="identities")
    issuer = models.CharField(max_length=300)
    subject = models.CharField(max_length=300)
    provider = models.CharField(max_length=100, blank=True)
    claims = models.JSONField(default=dict, blank=True)
    seen_at = models.DateTimeField(null=True, blank=True)
    disabled_at = models.DateTimeField(null=True, blank=True)
    stale_since = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=["issuer", "subject"], name="one_user_per_identity"),)
        indexes = (
            models.Index(fields=["stale_since"], condition=models.Q(stale_since__isnull=False), name="stale_identities"),
        )

    def __str__(self) -> str:
        return f"{self.issuer}#{self.subject}"
