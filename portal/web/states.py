"""How each state looks: one of five kinds, an icon and one word. A kind of thing has its own words."""

from typing import Any, Literal, NamedTuple

from django.utils.translation import gettext_lazy as _

Kind = Literal["ok", "wait", "fail", "move", "idle"]


class Look(NamedTuple):
    """What is drawn for a state."""

    kind: Kind
    icon: str
    word: Any


RESOURCE = {
    "planned": Look("wait", "clock", _("Planned")),
    "creating": Look("move", "loader-2", _("Creating")),
    "running": Look("ok", "circle-check", _("Active")),
    "starting": Look("move", "loader-2", _("Starting")),
    "stopping": Look("move", "loader-2", _("Stopping")),
    "stopped": Look("idle", "player-stop", _("Stopped")),
    "unknown": Look("wait", "alert-triangle", _("Unknown")),
    "missing": Look("wait", "alert-triangle", _("Missing")),
    "failed": Look("fail", "alert-triangle", _("Failed")),
    "removing": Look("move", "loader-2", _("Ending")),
    "gone": Look("idle", "circle-x", _("Ended")),
    "unmanaged": Look("idle", "circle-dashed", _("Unmanaged")),
}

ORDER = {
    "waiting": Look("wait", "clock", _("Waiting")),
    "returned": Look("wait", "arrow-back-up", _("Returned")),
    "working": Look("move", "loader-2", _("Being made")),
    "done": Look("ok", "circle-check", _("Done")),
    "failed": Look("fail", "alert-triangle", _("Failed")),
    "denied": Look("fail", "x", _("Denied")),
    "expired": Look("idle", "clock", _("Expired")),
    "withdrawn": Look("idle", "arrow-back-up", _("Withdrawn")),
}

APPROVAL = {
    "waiting": Look("wait", "clock", _("Waiting")),
    "allowed": Look("ok", "shield-check", _("Allowed")),
    "approved": Look("ok", "check", _("Approved")),
    "denied": Look("fail", "x", _("Denied")),
    "returned": Look("wait", "arrow-back-up", _("Returned")),
    "expired": Look("idle", "clock", _("Expired")),
    "withdrawn": Look("idle", "arrow-back-up", _("Withdrawn")),
    "void": Look("idle", "rotate-clockwise", _("Set aside")),
}

POLICY = {
    "active": Look("ok", "circle-check", _("In force")),
    "retired": Look("idle", "circle-x", _("Retired")),
    "waiting": Look("wait", "clock", _("Waiting")),
    "done": Look("ok", "check", _("Carried out")),
    "denied": Look("fail", "x", _("Denied")),
    "expired": Look("idle", "clock", _("Expired")),
    "withdrawn": Look("idle", "arrow-back-up", _("Withdrawn")),
}

EFFECT = {
    "gains": Look("ok", "plus", _("Gains")),
    "loses": Look("fail", "minus", _("Loses")),
    "keeps": Look("idle", "check", _("Keeps")),
}

SYNC = {
    "waiting": Look("wait", "clock", _("Waiting")),
    "running": Look("move", "loader-2", _("Reading")),
    "done": Look("ok", "circle-check", _("Done")),
    "stopped": Look("wait", "alert-triangle", _("Stopped to ask")),
    "failed": Look("fail", "alert-triangle", _("Failed")),
}

IMPORT = {
    "looked": Look("idle", "circle-dashed", _("Only looked at")),
    "done": Look("ok", "circle-check", _("Carried out")),
}

ROW = {
    "create": Look("ok", "plus", _("Create")),
    "change": Look("move", "git-compare", _("Change")),
    "same": Look("idle", "check", _("Nothing")),
    "wrong": Look("fail", "alert-triangle", _("Wrong")),
}

STEP = {
    "planned": Look("idle", "circle-dashed", _("Planned")),
    "asked": Look("move", "loader-2", _("Asked")),
    "waiting": Look("move", "loader-2", _("Working")),
    "done": Look("ok", "check", _("Done")),
    "failed": Look("fail", "alert-triangle", _("Failed")),
    "abandoned": Look("idle", "minus", _("Abandoned")),
}

CONNECTION = {
    "waiting": Look("wait", "clock", _("Waiting")),
    "checking": Look("move", "loader-2", _("Checking")),
    "ready": Look("ok", "circle-check", _("Ready")),
    "failed": Look("fail", "alert-triangle", _("Failed")),
    "disabled": Look("idle", "player-stop", _("Disabled")),
}

HEALTH = {
    "well": Look("ok", "circle-check", _("Well")),
    "failing": Look("fail", "alert-triangle", _("Failing")),
    "unknown": Look("idle", "circle-dashed", _("Unknown")),
}

CHECK = {
    "passed": Look("ok", "circle-check", _("Passed")),
    "warned": Look("wait", "alert-triangle", _("Warning")),
    "failed": Look("fail", "alert-triangle", _("Failed")),
    "skipped": Look("idle", "minus", _("Skipped")),
    "above": Look("idle", "lock", _("Not held")),
    "running": Look("move", "loader-2", _("Checking")),
    "next": Look("idle", "circle-dashed", _("Next")),
    "left_out": Look("idle", "circle-dashed", _("Not run")),
}

OUTCOME = {
    "done": Look("ok", "check", _("Done")),
    "allowed": Look("ok", "shield-check", _("Allowed")),
    "refused": Look("fail", "x", _("Refused")),
    "denied": Look("fail", "x", _("Denied")),
    "failed": Look("fail", "alert-triangle", _("Failed")),
    "waiting": Look("wait", "clock", _("Waiting")),
    "running": Look("move", "loader-2", _("Running")),
    "ready": Look("ok", "circle-check", _("Ready")),
}

SCOPE = {
    "active": Look("ok", "circle-check", _("Active")),
    "closing": Look("move", "loader-2", _("Closing")),
    "closed": Look("idle", "lock", _("Closed")),
}

PROVIDER = {
    "draft": Look("idle", "circle-dashed", _("Draft")),
    "active": Look("ok", "circle-check", _("On")),
    "off": Look("idle", "player-stop", _("Off")),
}

LEAVING = {
    "planned": Look("wait", "clock", _("Planned")),
    "done": Look("idle", "check", _("Left")),
    "cancelled": Look("idle", "arrow-back-up", _("Called off")),
}

VERDICT = {
    "": Look("wait", "clock", _("Not decided")),
    "keep": Look("ok", "check", _("Kept")),
    "revoke": Look("fail", "x", _("Revoked")),
    "ended": Look("idle", "circle-dashed", _("Ended by itself")),
}

INVITATION = {
    "pending": Look("wait", "clock", _("Waiting")),
    "accepted": Look("ok", "circle-check", _("Accepted")),
    "revoked": Look("idle", "circle-x", _("Revoked")),
    "lapsed": Look("idle", "clock", _("Ended")),
}

LEASE = {
    "waiting": Look("wait", "clock", _("Waiting")),
    "ready": Look("wait", "key", _("To take")),
    "minting": Look("move", "loader-2", _("Being made")),
    "held": Look("ok", "circle-check", _("Active")),
    "ending": Look("move", "loader-2", _("Ending")),
    "ended": Look("idle", "circle-x", _("Ended")),
    "refused": Look("fail", "x", _("Not approved")),
    "failed": Look("fail", "alert-triangle", _("Failed")),
}

FINDING = {
    "waiting": Look("wait", "clock", _("Waits for review")),
    "confirmed": Look("ok", "check", _("Confirmed")),
    "wrong": Look("fail", "x", _("Found wrong")),
    "unreviewed": Look("fail", "alert-triangle", _("Nobody reviewed it")),
}
SUBSCRIPTION = {
    "active": Look("ok", "circle-check", _("Active")),
    "paused": Look("wait", "player-stop", _("Paused")),
}

DELIVERY = {
    "waiting": Look("wait", "clock", _("Waiting")),
    "sent": Look("ok", "check", _("Taken")),
    "failed": Look("fail", "alert-triangle", _("Not taken")),
}

STATES: dict[str, dict[str, Look]] = {
    "finding": FINDING,
    "resource": RESOURCE,
    "order": ORDER,
    "approval": APPROVAL,
    "step": STEP,
    "connection": CONNECTION,
    "health": HEALTH,
    "check": CHECK,
    "outcome": OUTCOME,
    "scope": SCOPE,
    "effect": EFFECT,
    "provider": PROVIDER,
    "sync": SYNC,
    "import": IMPORT,
    "row": ROW,
    "policy": POLICY,
    "verdict": VERDICT,
    "leaving": LEAVING,
    "invitation": INVITATION,
    "lease": LEASE,
    "subscription": SUBSCRIPTION,
    "delivery": DELIVERY,
}


def look_of(state: str, kind: str) -> Look:
    """How a state of a kind of thing looks; a word not known here is shown as it is, quietly."""
    return STATES[kind].get(str(state)) or Look("idle", "circle-dashed", str(state).replace("_", " ").capitalize())
