"""How a proposed change of a policy comes true: by the hand of who agreed, in the name of who asked."""

from portal.approvals.models import ChangeState, PolicyChange
from portal.approvals.policies import publishing
from portal.approvals.policies.publishing import Content
from portal.core import clock
from portal.users.actor import Actor


def carry_out(change: PolicyChange, *, actor: Actor) -> PolicyChange:
    """Put the version in force, or end the one it names; the event names the change as its cause."""
    if change.replaces is not None and change.retires:
        publishing.end(change.replaces, actor=actor, cause=change)
    else:
        content = Content(change.name, change.subject_kind, change.conditions, change.stages)
        change.made = publishing.put_in_force(change.scope, content, made_by=change.asked_by, actor=actor, cause=change)
    change.state, change.settled_at = ChangeState.DONE, clock.now()
    change.save(update_fields=["made", "state", "settled_at"])
    return change
