"""The working hours of a place: which calendar holds there, and how an admin sets one."""

from collections.abc import Iterable
from datetime import date, time

from django.db import transaction
from django.utils.text import slugify
from django.utils.translation import gettext as _

from portal.access.guard import require
from portal.access.models import Scope
from portal.approvals.hours import Hours
from portal.approvals.models import Calendar
from portal.core.errors import Invalid
from portal.events.services import record
from portal.users.actor import Actor

USUAL = "default"
MOST_HOLIDAYS = 400


def work_of(scope: Scope) -> Hours:
    """The working hours of a place: its own calendar, else that of the nearest place above, else Monday to Friday, 9 to 17.

    The hours are read in the place's own zone.
    """
    above = {one.path: one for one in Scope.objects.filter(path__above=scope.path)}
    chosen = [above[path].calendar for path in sorted(above, key=len, reverse=True)]
    key = next((key for key in chosen if key != USUAL), USUAL)
    found = Calendar.objects.filter(scope__path__above=scope.path, key=key).first()
    return hours_of(found, scope.zone) if found else Hours(zone=scope.zone)


def hours_of(calendar: Calendar, zone: str) -> Hours:
    """The calendar as the pure core counts with it."""
    return Hours(frozenset(calendar.days), calendar.begins, calendar.ends, zone, frozenset(calendar.holidays))


@transaction.atomic
def set_calendar(
    organization: Scope,
    name: str,
    *,
    days: Iterable[int],
    begins: time,
    ends: time,
    holidays: Iterable[date] = (),
    key: str = "",
    actor: Actor,
) -> Calendar:
    """Make or change a calendar of an organization; what is due already stays due. `key` "default" is that of every place."""
    require(actor, "manage_policies", organization)
    key = key or slugify(name)[:40]
    free = sorted(set(holidays))
    if not name.strip() or not key:
        raise Invalid(fields={"name": [_("A calendar needs a name.")]})
    if len(free) > MOST_HOLIDAYS:
        raise Invalid(fields={"holidays": [_("At most %(most)s days.") % {"most": MOST_HOLIDAYS}]})
    try:
        week = Hours(frozenset(days), begins, ends)
    except ValueError as error:
        field = "days" if begins < ends else "ends"
        raise Invalid(fields={field: [_("One working day at least, that begins before it ends.")]}) from error
    calendar, _made = Calendar.objects.update_or_create(
        scope=organization,
        key=key,
        defaults={
            "name": name.strip()[:120],
            "days": sorted(week.days),
            "begins": begins,
            "ends": ends,
            "holidays": free,
        },
    )
    record("approvals.set_calendar", calendar, actor=actor, days=calendar.days, begins=begins, ends=ends, holidays=free)
    return calendar


@transaction.atomic
def choose_calendar(scope: Scope, key: str, *, actor: Actor) -> Scope:
    """Let a place and what is below it work by one of its organization's calendars; "default" takes that of above."""
    require(actor, "manage_policies", scope)
    if key != USUAL and not Calendar.objects.filter(scope__path__above=scope.path, key=key).exists():
        raise Invalid(fields={"calendar": [_("There is no such calendar.")]})
    if scope.calendar != key:
        scope.calendar = key
        scope.save(update_fields=["calendar"])
        record("approvals.choose_calendar", scope, actor=actor, calendar=key)
    return scope
