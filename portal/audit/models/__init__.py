"""Subscriptions to events with what was sent to them and answered, and packs of evidence."""

from portal.audit.models.hooks import HookAnswer
from portal.audit.models.packs import NO_PANGO, EvidencePack, PackFormat, PackState, Subject
from portal.audit.models.subscriptions import (
    Attempt,
    Delivery,
    DeliveryState,
    Paused,
    Shape,
    Subscription,
    SubscriptionState,
)

__all__ = [
    "NO_PANGO",
    "Attempt",
    "Delivery",
    "DeliveryState",
    "EvidencePack",
    "HookAnswer",
    "PackFormat",
    "PackState",
    "Paused",
    "Shape",
    "Subject",
    "Subscription",
    "SubscriptionState",
]
