"""Give a role where a policy may ask for a decision on it first: it is given at once, or waits."""

from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from portal.access.guard import require_fresh
from portal.access.models import Assignment, Group, Role, Scope, Source
from portal.approvals import services as approvals
from portal.approvals.models import Approval
from portal.approvals.queries import approval_of, with_decisions
from portal.core.errors import Conflict
from portal.events.services import record
from portal.notices.services import notify
from portal.tenancy.governed import ROLE, waits_for_decision
from portal.tenancy.granting import write_assignment
from portal.tenancy.models import AskState, RoleAsk
from portal.tenancy.services import Grant, assign_role, check_grant
from portal.users.actor import Actor, Auth
from portal.users.models import User

MOST_SHOWN = 20


@transaction.atomic
def give_role(
    principal: User | Group,
    role: Role,
    scope: Scope,
    *,
    actor: Actor,
    expires: datetime | None = None,
    starts: datetime | None = None,
) -> Assignment | RoleAsk:
    """Give a role by the rules of `assign_role`; where a policy asks, it waits, and the ask is what comes back.

    Given again while it waits, it is the same ask; until another day it is a Conflict.
    """
    if not waits_for_decision(role, scope, expires, actor):
        return assign_role(principal, role, scope, expires=expires, starts=starts, actor=actor)
    require_fresh(actor)
    check_grant(Grant(principal, role, scope, expires), actor, starts=starts, decided=True)
    who: dict[str, Any] = (
        {"user": principal, "group": None} if isinstance(principal, User) else {"user": None, "group": principal}
    )
    Role.objects.select_for_update(no_key=True).get(pk=role.pk)  # given twice at once, the second sees the first
    waiting: RoleAsk | None = RoleAsk.objects.filter(**who, role=role, scope=scope, state=AskState.WAITING).first()
    if waiting is not None:
        if (waiting.starts, waiting.expires) != (starts, expires):
            raise Conflict(_("This role waits for a decision already, for another time. Take that back first."))
        return waiting
    ask = RoleAsk.objects.create(**who, role=role, scope=scope, starts=starts, expires=expires, asked_by=actor.user)
    record("tenancy.ask_role", ask, actor=actor, role=role.key, to=principal.pk, expires=expires)
    title = _("%(role)s in %(project)s") % {"role": role.name, "project": scope.name}
    approval = approvals.ask(ROLE, ask, actor=actor, scope=scope, title=title, beneficiary=who["user"])
    return ask if approval.is_waiting else give_decided(ask, actor=actor)


@transaction.atomic
def give_decided(ask: RoleAsk, *, actor: Actor) -> Assignment:
    """The role as it was asked for, in the name of who asked, for whom it still had to be hers to give."""
    system, approval = Actor.system(actor.correlation_id), approval_of(ROLE, ask.pk)
    who: Any = ask.user or ask.group
    given, _new = write_assignment(
        who,
        ask.role,
        ask.scope,
        source=Source.MANUAL,
        by=ask.asked_by,
        starts=ask.starts,
        expires=ask.expires,
        approval=str(approval.pk if approval else ""),
    )
    ask.state = AskState.DONE
    ask.save(update_fields=["state"])
    record(
        "tenancy.assign_role", given, actor=system, cause=approval or ask, role=ask.role.key, to=who.pk, expires=ask.expires
    )
    if ask.user:
        notify([ask.user], "role_given", target=ask.scope, actor=system, role=str(ask.role))
    actor.forget()
    return given


def waiting_at(scope: Scope, *, actor: Actor) -> list[tuple[RoleAsk, Approval | None]]:
    """The roles that wait for a decision at a scope, each with its approval where she may see that."""
    rows = RoleAsk.objects.filter(scope=scope, state=AskState.WAITING).select_related("user", "group", "role", "scope")
    return with_decisions(ROLE, rows.order_by("created_at", "pk")[:MOST_SHOWN], actor=actor)


def check_still_hers(ask: RoleAsk) -> None:
    """Raise what `assign_role` would raise from who asked, at this moment."""
    who: Any = ask.user or ask.group
    asker = Actor(ask.asked_by, Auth("none"))
    check_grant(Grant(who, ask.role, ask.scope, ask.expires), asker, starts=ask.starts, decided=True)
