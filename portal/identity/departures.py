"""What ends for somebody in one organization when she leaves it: roles, memberships of groups, shares."""

from typing import Any

from django.db.models import Q, QuerySet

from portal.access.models import Assignment, Group, Scope, Source
from portal.access.shares import tables, within
from portal.core import clock, queue
from portal.events.services import event_of, record_all
from portal.users.actor import Actor
from portal.users.models import User

BY_HAND = (Source.MANUAL, Source.APPROVAL)


def roles_there(person: User, organization: Scope) -> QuerySet[Assignment]:
    """What she was given herself at or below it and has not ended, now in force or to begin."""
    found: QuerySet[Assignment] = Assignment.objects.filter(user=person, scope__path__within=organization.path)
    return found.filter(Q(expires=None) | Q(expires__gt=clock.now()))


def groups_there(person: User, organization: Scope) -> QuerySet[Group]:
    """The groups there that she is a member of."""
    found: QuerySet[Group] = Group.objects.filter(members=person, scope__path__within=organization.path)
    return found


def end_there(person: User, organization: Scope, *, actor: Actor, cause: Any, entirely: bool) -> dict[str, int]:
    """End it; how many of each. Roles expire and are not deleted, so that she stays known as somebody who was here.

    Not `entirely`, she is disabled, and what rules and directories gave her is theirs to take: once they give it again
    she has it again.
    """
    now = clock.now()
    held = roles_there(person, organization).select_related("role", "scope")
    rows = list((held if entirely else held.filter(source__in=BY_HAND)).select_for_update(of=("self",)))
    groups = list(groups_there(person, organization))
    record_all(
        event_of("tenancy.end_assignment", row, actor=actor, cause=cause, role=row.role.key, to=person) for row in rows
    )
    begun = [row.pk for row in rows if row.starts is None or row.starts < now]
    Assignment.objects.filter(pk__in=begun).update(expires=now)
    Assignment.objects.filter(pk__in=[row.pk for row in rows if row.pk not in begun]).delete()
    for group in groups:
        group.members.remove(person)
    queue.after_commit("leases.revoke_person", person.pk)
    return {"roles": len(rows), "groups": len(groups), "shares": _end_shares(person, organization)}


def _end_shares(person: User, organization: Scope) -> int:
    """Exceptions for her on whatever lives there, of every app that has such."""
    ended = 0
    for table in tables():
        ended += table.objects.filter(within(table, organization), user=person).delete()[0]
    return ended
