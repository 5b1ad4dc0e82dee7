"""A change of a policy as a governed act: nobody changes the rules alone.

Where no policy speaks of it an admin of the scope decides, and where there is no other one the admins above.
"""

from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from portal.access.models import Scope
from portal.approvals.asked import Asked, Choices, Sort
from portal.approvals.kinds import Kind, kinds
from portal.approvals.models import ChangeAct, ChangeState, Policy, PolicyChange, PolicyState, Risk
from portal.approvals.policies import publishing
from portal.approvals.policies.applying import carry_out
from portal.approvals.routes import Route, StagePlan, Who
from portal.core import clock
from portal.core.errors import Refused
from portal.users.actor import Actor

ACTS: Choices = (
    (ChangeAct.PUBLISH, gettext_lazy("A version is put in force")),
    (ChangeAct.RETIRE, gettext_lazy("It is retired")),
)


def kinds_of(scope: Scope) -> Choices:
    """The kinds of acts that policies speak of."""
    return [(name, kind.label) for name, kind in kinds().items()]


class PolicyKind(Kind):
    """A change of a policy that waits for a decision. Its facts are the rule as it is kept, so no word can hide what it does."""

    name = publishing.POLICY
    label = gettext_lazy("Policy change")
    permission = "manage_policies"
    risk = Risk.HIGH
    house = Route((StagePlan(Who("admins"), on_timeout="escalate"),))
    asks = {
        "change": Asked(gettext_lazy("What happens"), Sort.CHOICE, ACTS),
        "policy_kind": Asked(gettext_lazy("Kind it speaks of"), Sort.CHOICE, kinds_of),
        "allows": Asked(gettext_lazy("It allows without a decision"), Sort.TRUTH),
    }

    def load(self, subject_id: str) -> PolicyChange | None:
        rows = PolicyChange.objects.select_for_update(of=("self",)).select_related("scope", "replaces", "asked_by")
        found: PolicyChange | None = rows.filter(pk=subject_id).first()
        return found

    def facts(self, subject: PolicyChange) -> dict[str, Any]:
        before = subject.replaces
        return {
            "change": subject.act,
            "policy": subject.name,
            "policy_kind": subject.subject_kind,
            "allows": not subject.retires and not subject.stages,
            "version": before.version if before else 0,
            "was": {"conditions": before.conditions, "stages": before.stages} if before else {},
            "becomes": {} if subject.retires else {"conditions": subject.conditions, "stages": subject.stages},
            "reason": subject.reason,
        }

    def still_valid(self, subject: PolicyChange) -> bool:
        current = Policy.objects.filter(
            scope=subject.scope, subject_kind=subject.subject_kind, name=subject.name, state=PolicyState.ACTIVE
        ).first()
        if current != subject.replaces:
            raise Refused(_("Another version of it came in force or ended meanwhile. Deny it, and say so."))
        return subject.is_waiting

    def apply(self, subject: PolicyChange, *, actor: Actor) -> None:
        carry_out(subject, actor=actor)

    def drop(self, subject: PolicyChange, outcome: str, *, actor: Actor) -> None:
        subject.state, subject.settled_at = ChangeState(outcome), clock.now()
        subject.save(update_fields=["state", "settled_at"])
