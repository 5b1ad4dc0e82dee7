"""Events in the Open Cybersecurity Schema Framework 1.8: each is Entity Management (3004), since each act is done to a thing."""

import ipaddress
from typing import Any

from portal.audit.shapes import as_data
from portal.events.models import Event
from portal.users.models import User, UserKind

VERSION = "1.8.0"
CLASS, CATEGORY, TYPES = 3004, 3, 300400
CREATE, READ, UPDATE, DELETE, MOVE, ENABLE, DISABLE, SUSPEND, RESUME, OTHER = 1, 2, 3, 4, 5, 8, 9, 12, 13, 99
NAMES = {
    CREATE: "Create",
    READ: "Read",
    UPDATE: "Update",
    DELETE: "Delete",
    MOVE: "Move",
    ENABLE: "Enable",
    DISABLE: "Disable",
    SUSPEND: "Suspend",
    RESUME: "Resume",
}
VERBS = {
    **dict.fromkeys(("create", "place", "ask", "request", "make", "publish", "subscribe", "invite", "share", "give"), CREATE),
    **dict.fromkeys(("add", "connect", "open", "start", "import", "found", "write", "register", "lend", "take"), CREATE),
    **dict.fromkeys(("read", "show", "download", "export", "look", "view", "check", "sync"), READ),
    **dict.fromkeys(("change", "rename", "set", "rotate", "vote", "resize", "extend", "amend", "reassign"), UPDATE),
    **dict.fromkeys(("delete", "end", "remove", "revoke", "withdraw", "unsubscribe", "terminate", "close"), DELETE),
    **dict.fromkeys(("move", "hand", "transfer"), MOVE),
    **dict.fromkeys(("enable",), ENABLE),
    **dict.fromkeys(("disable",), DISABLE),
    **dict.fromkeys(("pause", "stop"), SUSPEND),
    **dict.fromkeys(("resume",), RESUME),
}
"""What the first word of an action is; one that is not here is Other, under its own name."""
SUCCESS, FAILURE = 1, 2
STATUS = {"done": SUCCESS, "allowed": SUCCESS, "refused": FAILURE, "failed": FAILURE, "denied": FAILURE}
INFORMATIONAL, LOW = 1, 2
USER_TYPES = {UserKind.PERSON: (1, "User"), UserKind.SERVICE: (4, "Service"), UserKind.SYSTEM: (3, "System")}


def as_ocsf(event: Event, position: int | None) -> dict[str, Any]:
    """One event. What the class has no place for stands whole under `unmapped`."""
    said = as_data(event)
    activity = activity_of(event.action)
    name = NAMES.get(activity, event.action)
    status = STATUS.get(event.outcome, OTHER)
    found = {
        "class_uid": CLASS,
        "class_name": "Entity Management",
        "category_uid": CATEGORY,
        "category_name": "Identity & Access Management",
        "activity_id": activity,
        "activity_name": name,
        "type_uid": TYPES + activity,
        "type_name": f"Entity Management: {name if activity != OTHER else 'Other'}",
        "severity_id": LOW if status == FAILURE else INFORMATIONAL,
        "severity": "Low" if status == FAILURE else "Informational",
        "status_id": status,
        "status": event.outcome,
        "status_detail": event.reason,
        "time": int(event.at.timestamp() * 1000),
        "message": f"{event.action} {event.target_kind} {event.target_label}".strip(),
        "metadata": metadata_of(event, position, said["scope"]),
        "actor": actor_of(event),
        "src_endpoint": endpoint_of(event),
        "entity": whole({"uid": event.target_id, "name": event.target_label, "type": event.target_kind}),
        "unmapped": {name: said[name] for name in ("acting_for", "viewed_as_by", "auth", "scope", "cause", "detail")},
    }
    return whole(found)


def activity_of(action: str) -> int:
    """What kind of act an action is, by its first word: "tenancy.rename_scope" is an update."""
    verb = action.rpartition(".")[2].partition("_")[0]
    return VERBS.get(verb, OTHER)


def metadata_of(event: Event, position: int | None, scope: list[str]) -> dict[str, Any]:
    """Where it comes from, and its place in the sealed order."""
    return whole(
        {
            "version": VERSION,
            "product": {"name": "Concord", "vendor_name": "Concord"},
            "uid": str(event.pk),
            "event_code": event.action,
            "correlation_uid": event.correlation_id,
            "original_time": event.at.isoformat(),
            "log_name": "events",
            "log_version": str(event.schema),
            "sequence": position,
            "tenant_uid": scope[0] if scope else None,
        }
    )


def actor_of(event: Event) -> dict[str, Any]:
    """Who acted, and in which session."""
    session = event.auth.get("session")
    return whole({"user": user_of(event.actor), "session": {"uid": str(session)} if session else None})


def user_of(user: User) -> dict[str, Any]:
    number, name = USER_TYPES.get(UserKind(user.kind_of_user), (OTHER, "Other"))
    return {"uid": str(user.pk), "name": str(user), "type_id": number, "type": name}


def endpoint_of(event: Event) -> dict[str, Any] | None:
    """The address it came from, where one is known."""
    address = str(event.auth.get("address", ""))
    try:
        return {"ip": str(ipaddress.ip_address(address))}
    except ValueError:
        return None


def whole(parts: dict[str, Any]) -> dict[str, Any]:
    """Without what says nothing."""
    return {name: value for name, value in parts.items() if value not in (None, "")}
