"""Sessions of people, from sign-in to end, and tokens that are spent."""

import json
from typing import ClassVar

from django.db import models

from portal.core import clock, crypto
from portal.core.models import Base
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
