"""Subscriptions to events, what was sent to them, and each try."""

from portal.audit.models.subscriptions import Attempt, Delivery, DeliveryState, Paused, Subscription, SubscriptionState

__all__ = ["Attempt", "Delivery", "DeliveryState", "Paused", "Subscription", "SubscriptionState"]
