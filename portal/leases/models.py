"""What cloud accounts can lend, what of it is offered where, who holds what until when, and what was asked of clouds for it."""

import uuid
from datetime import datetime, timedelta
from typing import Any, ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from portal.access.managers import AccessManager
from portal.access.models import Scope
from portal.clouds.leases import LeaseTarget
from portal.clouds.models import Connection, Trouble
from portal.core import clock
from portal.core.journal import OPEN_STATES, StepBase
from portal.core.models import Base
from portal.identity.models import Session
from portal.users.models import User


class Lender(Trouble):
    """What one cloud account can lend, as a worker read it last; `lends` is None until then, and False where it cannot."""

    connection = models.OneToOneField(Connection, models.CASCADE, primary_key=True, related_name="lender")
    lends = models.BooleanField(null=True)
    audience = models.CharField(max_length=100, blank=True)
    shortest_s = models.PositiveIntegerField(default=0)
    longest_s = models.PositiveIntegerField(default=0)
    is_revocable = models.BooleanField(default=False)
    options = models.JSONField(default=dict)
    targets = models.JSONField(default=list)
    is_whole = models.BooleanField(default=True)
    read_at = models.DateTimeField(null=True)
    tried_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return str(self.connection)

    def target(self, key: str) -> LeaseTarget | None:
        """What is lent under this key; None where the account was last seen without it."""
        return next((LeaseTarget(**target) for target in self.targets if target["key"] == key), None)


class LeaseOffer(Base):
    """A target that people of one scope may lease; one that was withdrawn stays for its history."""

    connection = models.ForeignKey(Connection, models.PROTECT, related_name="lease_offers")
    scope = models.ForeignKey(Scope, models.PROTECT, related_name="lease_offers")
    name = models.CharField(max_length=80)
    target = models.CharField(max_length=400)
    target_label = models.CharField(max_length=400)
    options = models.JSONField(default=dict)
    longest_s = models.PositiveIntegerField()
    needs_purpose = models.BooleanField(default=True)
    made_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    withdrawn_at = models.DateTimeField(null=True)

    objects = AccessManager()
    scope_lookup = "scope"
    view_permission = "take_lease"

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["scope", "name"], condition=Q(withdrawn_at=None), name="one_lease_offer_per_name"
            ),
        )

    def __str__(self) -> str:
        return self.name

    @property
    def scope_path(self) -> str:
        return str(self.scope.path)


class LeaseState(models.TextChoices):
    """`ready` is approved and waits for her to take it; `ending` waits until the cloud confirms."""

    WAITING = "waiting"
    READY = "ready"
    MINTING = "minting"
    HELD = "held"
    ENDING = "ending"
    ENDED = "ended"
    REFUSED = "refused"
    FAILED = "failed"


OPEN = (LeaseState.WAITING, LeaseState.READY, LeaseState.MINTING, LeaseState.HELD)
MOVING = (LeaseState.MINTING, LeaseState.ENDING)


class LeaseEnd(models.TextChoices):
    """What ended a lease, or is ending it."""

    TIME = "time", _("Its time was over")
    HERSELF = "herself", _("Its holder ended it")
    OPERATOR = "operator", _("An operator ended it")
    ROLE = "role", _("Its holder may not take it any more, or was signed out everywhere")
    OFFER = "offer", _("It is not offered any more")
    CONNECTION = "connection", _("The connection is not in use any more")
    NOT_TAKEN = "not_taken", _("It was not taken in time")
    DECISION = "decision", _("It was not approved")


class Lease(Base):
    """Credentials that one person holds in a cloud until a moment; the secret itself is in no row of this table.

    `connection` is the offer's: who manages it sees the lease. `ends` is when Concord ends it, `expires` the cloud's own
    word. `epoch` is hers when it was minted. `is_in_cloud` says that the cloud was asked to mint and has not confirmed an
    end. `external_id` is the cloud's name for what was lent.
    """

    offer = models.ForeignKey(LeaseOffer, models.PROTECT, related_name="leases")
    connection = models.ForeignKey(Connection, models.PROTECT, related_name="leases")
    person = models.ForeignKey(User, models.PROTECT, related_name="leases")
    session = models.ForeignKey(Session, models.SET_NULL, null=True, related_name="+")
    key = models.CharField(max_length=120)
    purpose = models.CharField(max_length=400, blank=True)
    duration_s = models.PositiveIntegerField()
    state = models.CharField(max_length=10, choices=LeaseState.choices)
    take_until = models.DateTimeField(null=True)
    begins = models.DateTimeField(null=True)
    ends = models.DateTimeField(null=True)
    expires = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    ended_why = models.CharField(max_length=10, choices=LeaseEnd.choices, blank=True)
    epoch = models.PositiveIntegerField(default=0)
    is_revocable = models.BooleanField(default=True)
    is_in_cloud = models.BooleanField(default=False)
    external_id = models.CharField(max_length=400, blank=True)
    approval = models.CharField(max_length=40, blank=True)
    error_kind = models.CharField(max_length=20, blank=True)
    error = models.TextField(blank=True)

    objects = AccessManager()
    scope_lookup = "connection__scope"
    view_permission = "manage_connections"

    class Meta:
        constraints = (models.UniqueConstraint(fields=["person", "key"], name="one_lease_per_key"),)
        indexes = (
            models.Index(fields=["person", "-created_at"], name="lease_by_person"),
            models.Index(fields=["state", "ends"], name="lease_by_end"),
            models.Index(fields=["offer", "state"], name="lease_by_offer"),
            models.Index(fields=["connection", "state"], name="lease_by_connection"),
        )

    def __str__(self) -> str:
        return self.offer.name

    @property
    def scope_path(self) -> str:
        return str(self.offer.scope.path)

    @property
    def parcel(self) -> str:
        """What its secret lies under until she reads it."""
        return f"lease:{self.pk}"

    @property
    def subject_parcel(self) -> str:
        """What a token that she sent herself lies under until it is exchanged."""
        return f"lease-subject:{self.pk}"

    @property
    def cloud_key(self) -> str:
        """What the cloud knows it by: asked twice, it is one lease."""
        return self.pk.hex

    @property
    def duration(self) -> timedelta:
        return timedelta(seconds=self.duration_s)

    @property
    def is_open(self) -> bool:
        return self.state in OPEN

    @property
    def is_moving(self) -> bool:
        """Whether a page should look again soon."""
        return self.state in MOVING

    @property
    def opens_until(self) -> datetime | None:
        """Until when the cloud may still let in who has the credentials, although Concord has ended it; None where it is shut."""
        over = self.state in (LeaseState.ENDING, LeaseState.ENDED, LeaseState.FAILED)
        still = over and self.expires is not None and self.expires > clock.now()
        return self.expires if still and (self.is_in_cloud or not self.is_revocable) else None


class LeaseStep(StepBase):
    """One call asked of a cloud for a lease: mint or end. The lease's id is the key, whichever try it is."""

    lease = models.ForeignKey(Lease, models.CASCADE, related_name="steps")

    class Meta:
        ordering: ClassVar[Any] = ("created_at",)
        constraints = (
            models.UniqueConstraint(fields=["lease"], condition=Q(state__in=OPEN_STATES), name="one_open_step_per_lease"),
        )
        indexes = (models.Index(fields=["due_at"], condition=Q(state__in=OPEN_STATES), name="lease_step_due"),)

    def __str__(self) -> str:
        return f"{self.verb} {self.lease_id}"


def id_of(text: str) -> uuid.UUID:
    """The id that a text is; the one that nothing has, where it is none."""
    try:
        return uuid.UUID(text)
    except ValueError:
        return uuid.UUID(int=0)
