"""What local accounts have: a second factor, recovery codes, a way to a new password."""

from django.db import models

from portal.core import crypto
from portal.core.models import Base
from portal.users.models import User


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
