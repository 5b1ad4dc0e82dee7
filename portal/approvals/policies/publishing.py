"""How a policy comes in force and ends: one version takes the place of the one before, in the caller's transaction."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from portal.access.models import Scope
from portal.approvals.kinds import kinds
from portal.approvals.models import Policy, PolicyState
from portal.approvals.routes import read_conditions, read_stages, stage_data
from portal.core import clock
from portal.core.errors import Conflict, Invalid
from portal.events.services import record
from portal.users.actor import Actor
from portal.users.models import User

POLICY = "policychange"
"""The kind of act that a change of a policy is: the word for the change, whose page is found by it."""


@dataclass(frozen=True, slots=True)
class Content:
    """What a version says: of which kind of act, under which conditions, with which stages; all as JSON keeps it."""

    name: str
    subject_kind: str
    conditions: list[Any]
    stages: list[Any]


def content_of(name: str, subject_kind: str, conditions: Any, stages: Any) -> Content:
    """The same, checked and in full. Invalid says which part is wrong."""
    if subject_kind not in kinds():
        raise Invalid(fields={"subject_kind": [_("There is no such kind of act: %(kind)s.") % {"kind": subject_kind[:40]}]})
    if not name.strip():
        raise Invalid(fields={"name": [_("Give it a name.")]})
    if len(name.strip()) > 120:
        raise Invalid(fields={"name": [_("At most 120 characters.")]})
    try:
        read_conditions(conditions)
        plans = read_stages(stages)
    except (ValueError, TypeError) as error:
        raise Invalid(str(error), fields={"rule": [str(error)]}) from error
    if subject_kind == POLICY and not plans:
        raise Invalid(fields={"stages": [_("A change of a policy is always decided on by somebody: add a stage.")]})
    return Content(name.strip(), subject_kind, conditions, [stage_data(plan) for plan in plans])


def put_in_force(scope: Scope, content: Content, *, made_by: User, actor: Actor, cause: Any = "") -> Policy:
    """The next version of the policy of this name, in place of the one before."""
    at = clock.now()
    before = last_version(scope, content.subject_kind, content.name)
    if before and before.state == PolicyState.ACTIVE:
        _end(before, at)
    policy = Policy.objects.create(
        scope=scope,
        name=content.name,
        subject_kind=content.subject_kind,
        version=before.version + 1 if before else 1,
        conditions=content.conditions,
        stages=content.stages,
        starts=at,
        made_by=made_by,
    )
    said = {"conditions": policy.conditions, "stages": policy.stages}
    record("approvals.publish_policy", policy, actor=actor, cause=cause, **said)
    return policy


def end(policy: Policy, *, actor: Actor, cause: Any = "") -> Policy:
    """No version of it is in force from now on. Conflict where this one is not."""
    policy = Policy.objects.select_for_update(of=("self",)).select_related("scope").get(pk=policy.pk)
    if policy.state != PolicyState.ACTIVE:
        raise Conflict(_("This version is no longer in force."))
    _end(policy, clock.now())
    record("approvals.retire_policy", policy, actor=actor, cause=cause)
    return policy


def last_version(scope: Scope, subject_kind: str, name: str) -> Policy | None:
    """The latest version of a policy, in force or not, locked."""
    rows = Policy.objects.filter(scope=scope, subject_kind=subject_kind, name=name.strip())
    found: Policy | None = rows.select_for_update().order_by("-version").first()
    return found


def _end(policy: Policy, at: datetime) -> None:
    policy.state, policy.ends = PolicyState.RETIRED, at
    policy.save()
