"""Until when a project is wanted. On that day nothing is destroyed: people are told, a fortnight before and then."""

from datetime import date, timedelta

from django.db import transaction
from django.db.models import F, Q
from django.utils.translation import gettext as _

from portal.access.guard import require
from portal.access.models import Scope, ScopeKind, ScopeState
from portal.approvals.eligibility import accounts_holding
from portal.core import clock
from portal.core.errors import Invalid, NotFound
from portal.events.services import record
from portal.notices.services import notify
from portal.tenancy.models import ProjectEnd
from portal.tenancy.services import check_open
from portal.users.actor import Actor
from portal.users.models import User

SOON = timedelta(days=14)
BATCH = 500


def end_of(project: Scope) -> ProjectEnd:
    """Until when it is wanted, and what for; empty where nobody said. NotFound for what is no project."""
    if project.scope_kind != ScopeKind.PROJECT:
        raise NotFound
    return ProjectEnd.objects.filter(project=project).first() or ProjectEnd(project=project)


@transaction.atomic
def set_project_end(project: Scope, ends: date | None, *, actor: Actor) -> ProjectEnd:
    """Move the last day that a project is wanted; None is no end. People are told of the new one afresh."""
    require(actor, "manage_projects", project)
    check_open(project)
    if project.scope_kind != ScopeKind.PROJECT:
        raise NotFound
    if ends is not None and ends <= clock.now().date():
        raise Invalid(fields={"ends": [_("Choose a later day.")]})
    Scope.objects.select_for_update(no_key=True).get(pk=project.pk)
    row, _created = ProjectEnd.objects.get_or_create(project=project)
    before, row.ends = row.ends, ends
    if before != ends:
        row.save(update_fields=["ends"])
        record("tenancy.set_project_end", row, actor=actor, before=before, ends=ends)
    return row


@transaction.atomic
def tell_project_ends(*, actor: Actor) -> int:
    """Tell owner and admins of projects that end within a fortnight, and of those whose day has come, once for each day.

    Returns how many projects that were.
    """
    today = clock.now().date()
    soon = Q(ends__gt=today, ends__lte=today + SOON) & (Q(told_soon=None) | ~Q(told_soon=F("ends")))
    over = Q(ends__lte=today) & (Q(told=None) | ~Q(told=F("ends")))
    rows = ProjectEnd.objects.filter(soon | over, project__state=ScopeState.ACTIVE)
    locked = rows.select_for_update(of=("self",), skip_locked=True).select_related("project").order_by("ends", "pk")[:BATCH]
    for row in (found := list(locked)):
        _tell(row, today, actor)
    ProjectEnd.objects.bulk_update(found, ["told_soon", "told"])
    return len(found)


def _tell(row: ProjectEnd, today: date, actor: Actor) -> None:
    """The words for its day, to whoever owns the project or may close it."""
    if row.ends is None:
        return
    people = set(accounts_holding("manage_projects", row.project).values())
    told = User.objects.filter(Q(pk__in=people) | Q(pk=row.project.owner_id))
    if row.ends > today:
        days = (row.ends - today).days
        notify(told, "project_ends", target=row.project, actor=actor, days=days, date=row.ends)
        row.told_soon = row.ends
    else:
        notify(told, "project_over", target=row.project, actor=actor, date=row.ends)
        row.told = row.told_soon = row.ends
