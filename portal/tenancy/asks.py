"""How an ask comes true or is dropped: the project with its owner in it, or the role. By the system's hand, for who decided
need not be who could do it herself; the event names the approval it came from.
"""

from datetime import datetime

from portal.access.models import Assignment, Role, Scope, Source
from portal.access.resolver import grants
from portal.approvals.models import Approval
from portal.approvals.queries import approval_of
from portal.events.services import record
from portal.notices.services import notify
from portal.tenancy.granting import write_assignment
from portal.tenancy.models import AskState, JoinAsk, ProjectAsk, ProjectEnd, QuotaAsk
from portal.tenancy.services import create_project
from portal.users.actor import Actor, Auth
from portal.users.models import User

PROJECT = "project"
MEMBERSHIP = "membership"
OWNERS_ROLE = "member"


def is_of_organization(actor: Actor, scope: Scope) -> bool:
    """Whether she holds anything in the organization of a scope."""
    return scope.organization_id in {path.split(".")[0] for path, _held in grants(actor)}


def is_there(user: User, scope: Scope) -> bool:
    """Whether somebody is active, and of the organization of a scope at this moment."""
    return user.is_active and is_of_organization(Actor(user, Auth("none")), scope)


def make_project(ask: ProjectAsk, *, actor: Actor) -> Scope:
    """The project as it was asked for; its owner is a member of it."""
    system, approval = Actor.system(actor.correlation_id), approval_of(PROJECT, ask.pk)
    facts = {"environment": ask.environment, "data_class": ask.data_class, "cost_centre": ask.cost_centre}
    project = create_project(ask.tenant, ask.name, owner=ask.owner, **facts, cause=approval or ask, actor=system)
    ProjectEnd.objects.create(project=project, purpose=ask.purpose, ends=ask.ends)
    role = Role.objects.get(key=OWNERS_ROLE, scope=None)
    give_approved(ask.owner, role, project, approval=approval, actor=system)
    ask.project, ask.state = project, AskState.DONE
    ask.save(update_fields=["project", "state"])
    actor.forget()
    return project


def let_in(ask: JoinAsk, *, actor: Actor) -> Assignment:
    """The role as it was asked for."""
    system, approval = Actor.system(actor.correlation_id), approval_of(MEMBERSHIP, ask.pk)
    given = give_approved(ask.asked_by, ask.role, ask.project, expires=ask.until, approval=approval, actor=system)
    ask.state = AskState.DONE
    ask.save(update_fields=["state"])
    actor.forget()
    return given


def drop(ask: ProjectAsk | JoinAsk | QuotaAsk, outcome: str) -> None:
    """It was denied, withdrawn or not decided in time; nothing was held for it."""
    ask.state = AskState(outcome)
    ask.save(update_fields=["state"])


def give_approved(
    user: User, role: Role, scope: Scope, *, actor: Actor, approval: Approval | None, expires: datetime | None = None
) -> Assignment:
    """A role that was decided on. Given again, its end is moved; one that was given by hand stays beside it."""
    decided = str(approval.pk) if approval else ""
    assignment, _new = write_assignment(
        user, role, scope, source=Source.APPROVAL, by=actor.user, expires=expires, approval=decided
    )
    record("tenancy.assign_role", assignment, actor=actor, cause=approval or "", role=role.key, to=user.pk, expires=expires)
    notify([user], "role_given", target=scope, actor=actor, role=str(role))
    return assignment
