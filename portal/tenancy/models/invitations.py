"""Invitations into a scope, and the mails that carry their links."""

from typing import Any

from django.db import models
from django.db.models import Q

from portal.access.managers import AccessManager
from portal.access.models import Role, Scope
from portal.core import clock, crypto
from portal.core.models import Base
from portal.users.models import User


class InvitationState(models.TextChoices):
    """How an invitation stands; read from its dates, never stored."""

    PENDING = "pending"
    ACCEPTED = "accepted"
    REVOKED = "revoked"
    LAPSED = "lapsed"


class Invitation(Base):
    """A role at a scope for whoever reads the mail at an address, to be accepted once, until `expires`.

    `role_expires` is when the role itself ends. Of the link only the `digest` of its secret is kept; empty until the first
    mail is on its way. `address` is the e-mail address as it was given; events and labels never hold it.
    """

    scope = models.ForeignKey(Scope, models.CASCADE, related_name="invitations")
    address = models.EmailField()
    role = models.ForeignKey(Role, models.PROTECT, related_name="+")
    role_expires = models.DateTimeField(null=True, blank=True)
    invited_by = models.ForeignKey(User, models.PROTECT, related_name="invitations_sent")
    expires = models.DateTimeField()
    digest = models.CharField(max_length=64, null=True, unique=True)
    accepted_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="invitations_accepted")
    accepted_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    objects = AccessManager()
    scope_lookup = "scope"
    view_permission = "manage_members"

    class Meta:
        constraints = (
            models.CheckConstraint(
                condition=Q(accepted_at=None, accepted_by=None) | Q(accepted_at__isnull=False, accepted_by__isnull=False),
                name="an_accepted_invitation_names_who",
            ),
            models.CheckConstraint(
                condition=Q(accepted_at=None) | Q(revoked_at=None), name="an_invitation_is_accepted_or_revoked"
            ),
        )
        indexes = (models.Index(fields=["scope", "-created_at"], name="invitation_by_scope"),)

    def __str__(self) -> str:
        return f"{self.role} · {self.scope}"

    @property
    def scope_path(self) -> str:
        return str(self.scope.path)

    @property
    def state(self) -> InvitationState:
        """How it stands at this moment."""
        if self.accepted_at is not None:
            return InvitationState.ACCEPTED
        if self.revoked_at is not None:
            return InvitationState.REVOKED
        return InvitationState.PENDING if self.expires > clock.now() else InvitationState.LAPSED

    @property
    def is_pending(self) -> bool:
        return self.state == InvitationState.PENDING


def standing(state: str) -> Q:
    """The condition that an invitation stands so now: the twin of `Invitation.state`."""
    is_open, now = Q(accepted_at=None, revoked_at=None), clock.now()
    conditions: dict[str, Q] = {
        InvitationState.PENDING: is_open & Q(expires__gt=now),
        InvitationState.LAPSED: is_open & Q(expires__lte=now),
        InvitationState.ACCEPTED: Q(accepted_at__isnull=False),
        InvitationState.REVOKED: Q(revoked_at__isnull=False),
    }
    return conditions[state]


class InvitationMail(Base):
    """One mail with the link of an invitation, asked for by somebody.

    `leaves_at` is the moment it was given when it was asked for, by which an inviter's mails are spaced; `due_at` is when to
    try next, empty when there is nothing to send any more. The secret of the link is sealed to this row until the mail has
    left, so that a mail sent twice carries one link.
    """

    invitation = models.ForeignKey(Invitation, models.CASCADE, related_name="mails")
    asked_by = models.ForeignKey(User, models.PROTECT, related_name="+", db_index=False)
    leaves_at = models.DateTimeField()
    due_at = models.DateTimeField(null=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    sent_at = models.DateTimeField(null=True)
    failed = models.BooleanField(default=False)
    sealed: Any = models.BinaryField(null=True)

    class Meta:
        indexes = (
            models.Index(fields=["asked_by", "-leaves_at"], name="invitation_mail_by_asker"),
            models.Index(fields=["due_at"], condition=Q(due_at__isnull=False), name="invitation_mail_due"),
        )

    def __str__(self) -> str:
        return f"mail {self.pk}"

    @property
    def secret(self) -> str:
        """In clear; raises Unreadable where the row was tampered with, and is empty once the mail has left."""
        return crypto.open_sealed(bytes(self.sealed), aad=self._aad).decode() if self.sealed else ""

    @secret.setter
    def secret(self, plain: str) -> None:
        self.sealed = crypto.seal(plain.encode(), aad=self._aad)

    @property
    def _aad(self) -> str:
        return f"tenancy.invitationmail:{self.pk}"
