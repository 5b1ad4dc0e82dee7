"""An event as plain data for programs, and as a CloudEvent; people are named as they are called now."""

import json
import uuid
from collections.abc import Iterator, Mapping
from typing import Any

from django.conf import settings

from portal.audit.models import Delivery, Subscription
from portal.events.models import Event
from portal.users.models import User

TYPE = "concord."
TEST = "audit.test"
CLOUD_EVENT = "application/cloudevents+json; charset=utf-8"


def as_data(event: Event) -> dict[str, Any]:
    """Every column that tells something. Times are ISO 8601 in UTC; the scope is its path of ids, root first."""
    return {
        "id": str(event.pk),
        "at": event.at.isoformat(),
        "action": event.action,
        "outcome": event.outcome,
        "reason": event.reason,
        "actor": as_person(event.actor),
        "acting_for": as_person(event.acting_for),
        "viewed_as_by": as_person(event.viewed_as_by),
        "auth": event.auth,
        "target": {"kind": event.target_kind, "id": event.target_id, "label": event.target_label},
        "scope": scope_ids_of(event),
        "correlation_id": event.correlation_id,
        "cause": event.cause,
        "detail": event.detail,
        "schema": event.schema,
    }


def as_person(user: User | None) -> dict[str, str] | None:
    """Somebody by her id and her name of now."""
    return {"id": str(user.pk), "name": str(user)} if user else None


def scope_ids_of(event: Event) -> list[str]:
    """The ids of the scopes it happened in, from the organization down; empty where it belongs to none."""
    return [str(uuid.UUID(label)) for label in event.scope_path.split(".")] if event.scope_path else []


def as_cloud_event(event: Event, position: int) -> dict[str, Any]:
    """The event in a CloudEvents 1.0 envelope. `sequence` sorts as text in the order of positions."""
    return {
        "specversion": "1.0",
        "id": str(event.pk),
        "source": settings.PUBLIC_URL,
        "type": TYPE + event.action,
        "subject": f"{event.target_kind}/{event.target_id}",
        "time": event.at.isoformat(),
        "datacontenttype": "application/json",
        "sequence": f"{position:020d}",
        "data": as_data(event),
    }


def as_bytes(said: Any) -> bytes:
    """One line of JSON."""
    return json.dumps(said, ensure_ascii=False, separators=(",", ":")).encode()


def as_test(subscription: Subscription, delivery: Delivery) -> dict[str, Any]:
    """A CloudEvent that tells nothing, sent to see whether it arrives."""
    return {
        "specversion": "1.0",
        "id": delivery.message_id,
        "source": settings.PUBLIC_URL,
        "type": TYPE + TEST,
        "subject": f"subscription/{subscription.pk}",
        "time": delivery.created_at.isoformat(),
        "datacontenttype": "application/json",
        "data": {"subscription": subscription.name},
    }


def rows_of(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Nested facts as rows: where each stands, and what it says."""
    if isinstance(value, Mapping):
        for name, part in value.items():
            yield from rows_of(part, f"{path}.{name}" if path else str(name))
    elif isinstance(value, list) and any(isinstance(part, Mapping | list) for part in value):
        for number, part in enumerate(value, 1):
            yield from rows_of(part, f"{path} {number}")
    elif value not in (None, "", []):
        yield path, ", ".join(str(part) for part in value) if isinstance(value, list) else str(value)
